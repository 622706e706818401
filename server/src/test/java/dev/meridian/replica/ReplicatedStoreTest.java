package dev.meridian.replica;

import static dev.meridian.replica.Fixture.SMALL;
import static dev.meridian.replica.Fixture.increment;
import static dev.meridian.replica.Fixture.keyed;
import static dev.meridian.replica.Fixture.open;
import static dev.meridian.replica.Fixture.put;
import static dev.meridian.replica.Fixture.read;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Version;
import dev.meridian.store.Batch;
import dev.meridian.store.Commit;
import dev.meridian.store.Condition;
import dev.meridian.store.Expiry;
import dev.meridian.store.Query;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.SessionToken;
import dev.meridian.store.StoreException;
import dev.meridian.store.StoreException.Unavailable;
import dev.meridian.store.Write;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a replicated store promises while nothing crashes. */
class ReplicatedStoreTest {
  private static final long MINUTE_MILLIS = 60_000;

  @TempDir Path folder;

  @Test
  void writesAreThereAfterReopening() throws Exception {
    for (int i = 0; i < 3; i++) {
      try (ReplicatedStore store = open(folder)) {
        for (int n = 0; n < i; n++) {
          assertThat(read(store, "items/a" + n)).isEqualTo("{\"n\":" + n + "}");
        }
        store.write(Batch.of(put("items/a" + i, "{\"n\":" + i + "}")));
      }
    }
  }

  @Test
  void answersCarryWhatTheStoreDecided() throws Exception {
    try (ReplicatedStore store = open(folder)) {
      Commit first = store.write(keyed("k", increment("items/c", "n", 2)));
      assertThat(first.replayed()).isFalse();
      assertThat(store.write(keyed("k", increment("items/c", "n", 2))).replayed()).isTrue();
      assertThat(read(store, "items/c")).isEqualTo("{\"n\":2}");
      assertThatThrownBy(
              () ->
                  store.write(
                      Batch.of(
                          new Write.Put(
                              DocumentPath.parse("items/c"),
                              Fixture.utf8("{}"),
                              Condition.ABSENT,
                              Expiry.NEVER))))
          .isInstanceOf(StoreException.PreconditionFailed.class);
    }
  }

  @Test
  void writesThatArriveTogetherShareEntries() throws Exception {
    try (ReplicatedStore store = open(folder);
        ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Commit>> writes = new ArrayList<>();
      for (int i = 0; i < 500; i++) {
        int n = i;
        writes.add(callers.submit(() -> store.write(Batch.of(put("items/i" + n, "{\"n\":1}")))));
      }
      for (Future<Commit> write : writes) {
        write.get();
      }
      assertThat(store.status().entries()).isLessThan(250);
      assertThat(writes.stream().map(f -> f.resultNow().version()).distinct()).hasSize(500);
    }
  }

  @Test
  void twoStoresNeverShareAFolder() throws Exception {
    try (ReplicatedStore store = open(folder)) {
      assertThatThrownBy(() -> open(folder))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("already open in this process");
      store.write(Batch.of(put("items/a", "{\"n\":1}")));
      Process other =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-cp",
                  System.getProperty(
                      "surefire.test.class.path", System.getProperty("java.class.path")),
                  OpenTwice.class.getName(),
                  folder.toString())
              .redirectErrorStream(true)
              .start();
      String said = new String(other.getInputStream().readAllBytes());
      assertThat(said)
          .contains("in use by process " + ProcessHandle.current().pid())
          .contains("stop that one first");
      assertThat(other.waitFor()).isEqualTo(3);
    }
  }

  /** Tries to open a folder that another process has. */
  static final class OpenTwice {
    public static void main(String[] args) throws Exception {
      try (DataLock lock = DataLock.acquire(Path.of(args[0]))) {
        System.out.println("took it");
      } catch (IOException e) {
        System.out.println(e.getMessage());
        System.exit(3);
      }
    }
  }

  @Test
  void fullQueueRefusesAtOnceAndNothingIsDone() throws Exception {
    ReplicaOptions options =
        SMALL.edit().queue(4, 1 << 20).entry(1, 1 << 20).entriesInFlight(1).build();
    AtomicInteger done = new AtomicInteger();
    AtomicInteger refused = new AtomicInteger();
    try (ReplicatedStore store = open(folder, options)) {
      try (ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
        for (int i = 0; i < 200; i++) {
          callers.submit(
              () -> {
                try {
                  store.write(Batch.of(increment("items/c", "n", 1)));
                  done.incrementAndGet();
                } catch (Unavailable e) {
                  assertThat(e.outcome()).isEqualTo(Unavailable.Outcome.NOT_DONE);
                  refused.incrementAndGet();
                }
              });
        }
      }
      assertThat(done.get() + refused.get()).isEqualTo(200);
      assertThat(refused).hasPositiveValue();
      assertThat(read(store, "items/c")).isEqualTo("{\"n\":" + done.get() + "}");
    }
  }

  @Test
  void tooLargeABatchIsRejectedBeforeTheLog() throws Exception {
    try (ReplicatedStore store = open(folder)) {
      String large = "{\"n\":\"" + "x".repeat(1 << 20) + "\"}";
      Write[] writes = new Write[17];
      for (int i = 0; i < writes.length; i++) {
        writes[i] = put("items/a/parts/p" + i, large);
      }
      assertThatThrownBy(() -> store.write(Batch.of(writes)))
          .isInstanceOfSatisfying(
              StoreException.Rejected.class,
              e -> assertThat(e.reason()).isEqualTo(StoreException.Rejected.Reason.TOO_LARGE));
      store.write(Batch.of(put("items/b", "{}")));
    }
  }

  @Test
  void sessionReadsSeeTheirWritesAndForgedTokensDoNoHarm() throws Exception {
    try (ReplicatedStore store = open(folder)) {
      Commit commit = store.write(Batch.of(put("items/a", "{\"n\":1}")));
      SessionToken seen = SessionToken.NONE.seen(commit.version());
      assertThat(store.get(DocumentPath.parse("items/a"), ReadOptions.session(seen))).isPresent();

      // Ahead, but not absurdly: what is written next is above what the reader claims to have seen.
      Version ahead = new Version(Version.timestampAt(System.currentTimeMillis() + 900), 0);
      store.get(DocumentPath.parse("items/a"), ReadOptions.session(SessionToken.NONE.seen(ahead)));
      Commit next = store.write(Batch.of(put("items/a", "{\"n\":2}")));
      assertThat(next.version()).isGreaterThan(ahead);

      // Made up: anybody could send it, so it neither expires documents nor stops writes.
      store.write(
          Batch.of(
              new Write.Put(
                  DocumentPath.parse("items/short"),
                  Fixture.utf8("{}"),
                  Condition.NONE,
                  new Expiry.At(System.currentTimeMillis() + MINUTE_MILLIS / 2))));
      Version forged =
          new Version(Version.timestampAt(System.currentTimeMillis() + MINUTE_MILLIS - 1_000), 0);
      store.get(DocumentPath.parse("items/a"), ReadOptions.session(SessionToken.NONE.seen(forged)));
      assertThat(store.write(Batch.of(increment("items/short", "n", 1))).results().getFirst())
          .satisfies(
              written -> {
                assertThat(written.existed()).isTrue();
                assertThat(written.version()).isLessThan(forged);
              });

      // From another century: served, not followed.
      Version absurd = new Version(Version.timestampAt(5_000_000_000_000L), 0);
      assertThat(
              store.get(
                  DocumentPath.parse("items/a"),
                  ReadOptions.session(SessionToken.NONE.seen(absurd))))
          .isPresent();
      Commit last = store.write(Batch.of(put("items/a", "{\"n\":3}")));
      assertThat(last.version()).isLessThan(absurd);
    }
  }

  @Test
  void clockThatJumpsIsRefusedUntilItIsRight() throws Exception {
    AtomicLong wall = new AtomicLong(System.currentTimeMillis());
    AtomicLong uptime = new AtomicLong(1_000_000);
    ReplicaOptions options = SMALL.edit().clocks(wall::get, uptime::get).build();
    try (ReplicatedStore store = open(folder, options)) {
      store.write(Batch.of(put("items/a", "{\"n\":1}")));
      for (long jump : new long[] {60 * MINUTE_MILLIS, -60 * MINUTE_MILLIS}) {
        wall.addAndGet(jump);

        assertThatThrownBy(() -> store.write(Batch.of(put("items/a", "{\"n\":9}"))))
            .isInstanceOfSatisfying(
                Unavailable.class,
                e -> assertThat(e.outcome()).isEqualTo(Unavailable.Outcome.NOT_DONE))
            .hasMessageContaining("jumped")
            .hasMessageContaining("3600 s");
        assertThat(read(store, "items/a")).isEqualTo("{\"n\":1}");
        wall.addAndGet(-jump);
        store.write(Batch.of(put("items/a", "{\"n\":1}")));
      }
      // A machine that slept: both clocks went on.
      wall.addAndGet(600 * MINUTE_MILLIS);
      uptime.addAndGet(600 * MINUTE_MILLIS);
      store.write(Batch.of(put("items/a", "{\"n\":2}")));
    }
    // Restarted under a clock that lies before the newest write.
    wall.addAndGet(-600 * MINUTE_MILLIS);
    try (ReplicatedStore store = open(folder, options)) {
      assertThat(read(store, "items/a")).isEqualTo("{\"n\":2}");
      assertThatThrownBy(() -> store.write(Batch.of(put("items/a", "{\"n\":3}"))))
          .isInstanceOf(Unavailable.class)
          .hasMessageContaining("Set the clock right");
      wall.addAndGet(600 * MINUTE_MILLIS);
      uptime.addAndGet(600 * MINUTE_MILLIS);
      store.write(Batch.of(put("items/a", "{\"n\":3}")));
    }
  }

  @Test
  void readsJudgeExpiryByTheClockThatWritesTrust() throws Exception {
    AtomicLong wall = new AtomicLong(System.currentTimeMillis());
    AtomicLong uptime = new AtomicLong(1_000_000);
    ReplicaOptions options = SMALL.edit().clocks(wall::get, uptime::get).build();
    try (ReplicatedStore store = open(folder, options)) {
      store.write(
          Batch.of(
              new Write.Put(
                  DocumentPath.parse("items/a"),
                  Fixture.utf8("{\"n\":1}"),
                  Condition.NONE,
                  new Expiry.At(wall.get() + 60 * MINUTE_MILLIS))));
      wall.addAndGet(120 * MINUTE_MILLIS); // wrong: nothing like that has passed
      assertThat(read(store, "items/a")).isEqualTo("{\"n\":1}");
      assertThat(
              store
                  .list(Query.of(CollectionPath.parse("items"), 10), ReadOptions.STRONG)
                  .documents())
          .hasSize(1);
      uptime.addAndGet(120 * MINUTE_MILLIS); // now it has
      assertThat(read(store, "items/a")).isNull();
      wall.addAndGet(-30_000); // a small step back is followed, but not by what has expired
      assertThat(read(store, "items/a")).isNull();
    }
  }

  @Test
  void startUnderAClockFarPastTheNewestWriteMustBeAskedFor() throws Exception {
    AtomicLong wall = new AtomicLong(System.currentTimeMillis());
    ReplicaOptions options = SMALL.edit().clocks(wall::get, () -> 1).build();
    try (ReplicatedStore store = open(folder, options)) {
      store.write(Batch.of(put("items/a", "{\"n\":1}")));
    }
    wall.addAndGet(Duration.ofDays(29).toMillis());
    open(folder, options).close();
    wall.addAndGet(Duration.ofDays(2).toMillis());
    assertThatThrownBy(() -> open(folder, options))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("31 days after the newest write")
        .hasMessageContaining("--accept-clock")
        .hasMessageNotContaining("\n");
    try (ReplicatedStore store = open(folder, options.edit().acceptClock(true).build())) {
      store.write(Batch.of(put("items/a", "{\"n\":2}")));
    }
    open(folder, options).close();
  }

  @Test
  void closingUnderLoadAnswersEveryWrite() throws Exception {
    int writers = 32;
    CountDownLatch begun = new CountDownLatch(writers * 3);
    AtomicLong acknowledged = new AtomicLong();
    AtomicLong unknown = new AtomicLong();
    try (ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<?>> done = new ArrayList<>();
      try (ReplicatedStore store = open(folder)) {
        for (int i = 0; i < writers; i++) {
          done.add(
              callers.submit(
                  () -> {
                    while (true) {
                      try {
                        store.write(Batch.of(increment("items/c", "n", 1)));
                        acknowledged.incrementAndGet();
                        begun.countDown();
                      } catch (Unavailable e) {
                        if (e.outcome() == Unavailable.Outcome.UNKNOWN) {
                          unknown.incrementAndGet();
                        }
                        return;
                      }
                    }
                  }));
        }
        begun.await();
      }
      for (Future<?> future : done) {
        future.get();
      }
    }
    try (ReplicatedStore store = open(folder)) {
      long n = KillTarget.number(read(store, "items/c"));
      assertThat(n).isBetween(acknowledged.get(), acknowledged.get() + unknown.get());
    }
  }

  @Test
  void closedStoreRefusesEverythingAndTheFolderIsFree() throws Exception {
    ReplicatedStore store = open(folder);
    store.close();
    store.close();
    assertThat(catchThrowable(() -> read(store, "items/a"))).isInstanceOf(Unavailable.class);
    assertThat(catchThrowable(() -> store.write(Batch.of(put("items/a", "{}")))))
        .isInstanceOf(Unavailable.class);
    assertThat(store.status().role()).isEqualTo("stopped");
    open(folder).close();
  }

  @Test
  void snapshotsKeepTheLogSmall() throws Exception {
    ReplicaOptions options =
        SMALL
            .edit()
            .segmentBytes(32 << 10)
            .snapshots(64 << 10, 1_000_000, Duration.ofHours(1))
            .entriesKept(0)
            .build();
    try (ReplicatedStore store = open(folder, options)) {
      String text = "{\"n\":\"" + "x".repeat(4000) + "\"}";
      for (int i = 0; i < 300; i++) {
        store.write(Batch.of(put("items/a" + i % 10, text)));
      }
      awaitTrue(() -> store.status().logBytes() < 64 << 10);
      awaitTrue(() -> size(folder.resolve("raft"), "log_") < 256 << 10);
      assertThat(store.status().snapshotIndex()).isPositive();
      assertThat(count(folder.resolve("raft"), "snapshot.")).isEqualTo(1);
    }
    try (ReplicatedStore store = open(folder, options)) {
      assertThat(StoreCheck.consistent(store, "items")).hasSize(10);
    }
  }

  @Test
  void loneReplicaReadsNoLogThatItsSnapshotHolds() throws Exception {
    ReplicaOptions options =
        SMALL
            .edit()
            .segmentBytes(8 << 10)
            .snapshots(64 << 10, 1_000_000, Duration.ofHours(1))
            .entriesKept(1_000_000)
            .build();
    String text = "{\"n\":\"" + "x".repeat(4000) + "\"}";
    try (ReplicatedStore store = open(folder, options)) {
      for (int i = 0; i < 50; i++) {
        store.write(Batch.of(put("items/a" + i, text)));
      }
      awaitTrue(() -> store.status().logBytes() < 64 << 10);
      assertThat(size(folder.resolve("raft"), "log_")).isGreaterThan(50 * 4000);
    }
    for (int start = 1; start <= 3; start++) {
      try (ReplicatedStore store = open(folder, options)) {
        assertThat(size(folder.resolve("raft"), "log_")).isLessThan(96 << 10);
        assertThat(StoreCheck.consistent(store, "items")).hasSize(49 + start);
        store.write(Batch.of(put("items/b" + start, text)));
      }
    }
  }

  @Test
  void snapshotsAreTakenInTimeToo() throws Exception {
    ReplicaOptions options =
        SMALL
            .edit()
            .snapshots(1 << 30, 1_000_000, Duration.ofMillis(50))
            .sweepEvery(Duration.ofMillis(20))
            .build();
    try (ReplicatedStore store = open(folder, options)) {
      store.write(Batch.of(put("items/a", "{\"n\":1}")));
      long at = store.status().appliedIndex();
      awaitTrue(() -> store.status().snapshotIndex() >= at);
    }
  }

  @Test
  void expiredDocumentsAreSweptThroughTheLogAndIdleMeansIdle() throws Exception {
    ReplicaOptions options = SMALL.edit().sweepEvery(Duration.ofMillis(20)).build();
    try (ReplicatedStore store = open(folder, options)) {
      store.write(
          Batch.of(
              new Write.Put(
                  DocumentPath.parse("items/a"),
                  Fixture.utf8("{}"),
                  Condition.NONE,
                  new Expiry.At(System.currentTimeMillis() + 100))));
      awaitTrue(() -> store.verify().documents() == 0);
      long entries = store.status().entries();
      Thread.sleep(200); // ten chances to propose a sweep that nobody needs
      assertThat(store.status().entries()).isEqualTo(entries);
    }
  }

  @Test
  void installedSnapshotReplacesTheDatabase() throws Exception {
    // What Ratis does to a member that lags behind: pause, put a snapshot in place, reinitialize.
    Path source = folder.resolve("source");
    Path target = folder.resolve("target");
    try (ReplicatedStore store = open(source)) {
      for (int i = 0; i < 50; i++) {
        store.write(Batch.of(put("items/a" + i, "{\"n\":" + i + "}")));
      }
    }
    open(source).close(); // leaves a snapshot of everything
    Path snapshots = find(source, "snapshot.").getParent();

    ShardStateMachine machine =
        new ShardStateMachine(
            target.resolve("db"),
            target.resolve("sm"),
            path -> dev.meridian.store.RocksStore.open(path, Fixture.DATABASE, Fixture.INDEXES),
            (leader, needed, into) -> null,
            1,
            e -> {},
            e -> {},
            e -> {},
            m -> {},
            new Proposals(org.apache.ratis.protocol.ClientId.randomId()),
            new ReplicaMetrics(new io.micrometer.core.instrument.simple.SimpleMeterRegistry()));
    Snapshots storage = machine.snapshots();
    machine.getLifeCycle().transition(org.apache.ratis.util.LifeCycle.State.STARTING);
    machine.getLifeCycle().transition(org.apache.ratis.util.LifeCycle.State.RUNNING);
    machine.pause();
    assertThat(machine.getLifeCycleState()).isEqualTo(org.apache.ratis.util.LifeCycle.State.PAUSED);
    Folders.delete(target.resolve("sm"));
    copy(java.util.Objects.requireNonNull(snapshots), target.resolve("sm"));
    machine.reinitialize();
    assertThat(machine.getLifeCycleState())
        .isEqualTo(org.apache.ratis.util.LifeCycle.State.RUNNING);
    assertThat(machine.getLastAppliedTermIndex())
        .isEqualTo(requireNonNull(storage.getLatestSnapshot()).getTermIndex());
    assertThat(machine.store().verify().problems()).isEmpty();
    assertThat(machine.store().verify().documents()).isEqualTo(50);
    machine.close();
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.toList()) {
        Path copy = to.resolve(from.relativize(file).toString());
        if (Files.isDirectory(file)) {
          Files.createDirectories(copy);
        } else {
          Files.copy(file, copy);
        }
      }
    }
  }

  @Test
  void failureToApplyStopsTheReplicaLoudly() throws Exception {
    ReplicatedStore store = open(folder);
    store.write(Batch.of(put("items/a", "{\"n\":1}")));
    store.failForTest(); // closes the database under it
    assertThatThrownBy(() -> store.write(Batch.of(put("items/a", "{\"n\":2}"))))
        .isInstanceOfSatisfying(
            Unavailable.class, e -> assertThat(e.outcome()).isEqualTo(Unavailable.Outcome.UNKNOWN));
    awaitTrue(() -> store.status().role().equals("stopped"));
    assertThatThrownBy(() -> store.write(Batch.of(put("items/a", "{\"n\":3}"))))
        .isInstanceOfSatisfying(
            Unavailable.class, e -> assertThat(e.outcome()).isEqualTo(Unavailable.Outcome.NOT_DONE))
        .hasMessageContaining("restart this node");
    store.close();
    try (ReplicatedStore again = open(folder)) {
      // It was in the log, so it happened: unknown, not lost.
      assertThat(read(again, "items/a")).isEqualTo("{\"n\":2}");
    }
  }

  private static void awaitTrue(BooleanSupplier condition) throws InterruptedException {
    long until = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as("waited in vain").isLessThan(until);
      Thread.sleep(5);
    }
  }

  private static Path find(Path root, String prefix) throws IOException {
    try (Stream<Path> files = Files.walk(root)) {
      return files
          .filter(file -> file.getFileName().toString().startsWith(prefix))
          .findFirst()
          .orElseThrow();
    }
  }

  private static long count(Path root, String prefix) {
    try (Stream<Path> files = Files.walk(root)) {
      return files.filter(file -> file.getFileName().toString().startsWith(prefix)).count();
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Files may go while they are looked at. */
  private static long size(Path root, String prefix) {
    long bytes = 0;
    try (Stream<Path> files = Files.walk(root)) {
      for (Path file :
          files.filter(file -> file.getFileName().toString().startsWith(prefix)).toList()) {
        bytes += Files.exists(file) ? Files.size(file) : 0;
      }
    } catch (IOException | java.io.UncheckedIOException e) {
      return Long.MAX_VALUE;
    }
    return bytes;
  }
}
