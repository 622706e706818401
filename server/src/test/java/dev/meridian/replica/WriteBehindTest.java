package dev.meridian.replica;

import static dev.meridian.replica.Fixture.increment;
import static dev.meridian.replica.Fixture.keyed;
import static dev.meridian.replica.Fixture.put;
import static dev.meridian.replica.Fixture.read;
import static dev.meridian.replica.Fixture.utf8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Patch;
import dev.meridian.store.Batch;
import dev.meridian.store.Commit;
import dev.meridian.store.Condition;
import dev.meridian.store.Deferral;
import dev.meridian.store.Expiry;
import dev.meridian.store.Query;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.SessionToken;
import dev.meridian.store.Store;
import dev.meridian.store.StoreException;
import dev.meridian.store.StoreException.Rejected;
import dev.meridian.store.Write;
import dev.meridian.store.Written;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What is put off is safe, seen and in order; and it is flushed. */
@Timeout(180)
class WriteBehindTest {
  private static final Deferral SOON = new Deferral(Duration.ofMillis(100), 1 << 20);
  private static final Deferral LATE = new Deferral(Duration.ofMinutes(5), 1 << 20);

  @TempDir Path folder;

  private static Commit behind(Store store, Write write, Deferral how) {
    return store.write(Batch.of(write).deferred(how));
  }

  private static List<String> listed(Store store) {
    return store
        .list(
            new Query(CollectionPath.parse("items"), null, null, 500, null, 0), ReadOptions.STRONG)
        .documents()
        .stream()
        .map(document -> new String(document.json(), java.nio.charset.StandardCharsets.UTF_8))
        .toList();
  }

  private static void await(java.util.function.BooleanSupplier done) throws InterruptedException {
    long until = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (!done.getAsBoolean()) {
      assertThat(System.nanoTime()).as("within a minute").isLessThan(until);
      Thread.sleep(5);
    }
  }

  private static void together(int threads, Runnable work) throws InterruptedException {
    List<Throwable> wrong = Collections.synchronizedList(new ArrayList<>());
    List<Thread> all =
        IntStream.range(0, threads)
            .mapToObj(
                _ ->
                    Thread.ofVirtual()
                        .unstarted(
                            () -> {
                              try {
                                work.run();
                              } catch (RuntimeException | Error e) {
                                wrong.add(e);
                              }
                            }))
            .toList();
    all.forEach(Thread::start);
    for (Thread thread : all) {
      thread.join();
    }
    assertThat(wrong).isEmpty();
  }

  @Test
  void whatIsPutOffIsReadAtOnceAndListedWhenItIsFlushed() throws Exception {
    try (ReplicatedStore store = Fixture.open(folder)) {
      Commit first = behind(store, put("items/a", "{\"n\":1}"), LATE);
      assertThat(read(store, "items/a")).isEqualTo("{\"n\":1}");
      assertThat(version(store, "items/a")).isEqualTo(first.version().etag());
      assertThat(listed(store)).isEmpty();
      assertThat(store.pending().documents()).isEqualTo(1);
      Commit next = behind(store, increment("items/a", "n", 2), SOON);
      assertThat(next.results().getFirst().existed()).isTrue();
      await(() -> listed(store).equals(List.of("{\"n\":3}")));
      assertThat(store.pending().documents()).isZero();
      assertThat(store.pending().coalescing()).isEqualTo(2);
      // The feed goes forward only: what was flushed is newer than what was shown before.
      assertThat(version(store, "items/a")).isGreaterThan(next.version().etag());
      assertThat(store.verify().problems()).isEmpty();
    }
  }

  private static String version(Store store, String path) {
    return store.get(DocumentPath.parse(path), ReadOptions.STRONG).orElseThrow().version().etag();
  }

  @Test
  void manyWhoCountTogetherAreAddedUpAndEachIsAnswered() throws Exception {
    try (ReplicatedStore store = Fixture.open(folder)) {
      AtomicInteger created = new AtomicInteger();
      together(
          200,
          () -> {
            for (int i = 0; i < 20; i++) {
              Commit commit = behind(store, increment("items/hot", "n", 3), SOON);
              Written written = commit.results().getFirst();
              created.addAndGet(written.existed() ? 0 : 1);
            }
          });
      assertThat(read(store, "items/hot")).isEqualTo("{\"n\":12000}");
      assertThat(created).hasValue(1);
      assertThat(store.pending().writes()).isEqualTo(4000);
      await(() -> listed(store).equals(List.of("{\"n\":12000}")));
      assertThat(store.pending().coalescing()).isGreaterThan(10);
    }
  }

  /** A ticket drawn must be nobody else's, so what is returned is each writer's own. */
  @Test
  void whoAsksForTheValueGetsHisOwn() throws Exception {
    try (ReplicatedStore store = Fixture.open(folder)) {
      Set<String> tickets = Collections.synchronizedSet(new HashSet<>());
      together(
          100,
          () -> {
            Batch batch = new Batch(List.of(increment("items/next", "n", 1)), null, true);
            Commit commit = store.write(batch.deferred(SOON));
            byte[] json = commit.results().getFirst().json();
            assertThat(json).isNotNull();
            tickets.add(new String(json, java.nio.charset.StandardCharsets.UTF_8));
          });
      assertThat(tickets).hasSize(100);
    }
  }

  @Test
  void whatDoesNotFitIsRefusedToItsWriterAndToNobodyElse() throws Exception {
    try (ReplicatedStore store = Fixture.open(folder)) {
      behind(store, put("items/a", "{\"n\":0,\"text\":\"x\"}"), LATE);
      AtomicInteger refused = new AtomicInteger();
      AtomicInteger turn = new AtomicInteger();
      together(
          60,
          () -> {
            String field = turn.getAndIncrement() % 3 == 0 ? "text" : "n";
            try {
              behind(store, increment("items/a", field, 1), LATE);
            } catch (Rejected e) {
              assertThat(field).isEqualTo("text");
              refused.incrementAndGet();
            }
          });
      assertThat(refused).hasValue(20);
      assertThat(read(store, "items/a")).isEqualTo("{\"n\":40,\"text\":\"x\"}");
      // To patch what is not there is refused, also when several try at once.
      Write.Patch absent =
          new Write.Patch(
              DocumentPath.parse("items/none"),
              new Patch(Patch.Kind.INCREMENT, utf8("{\"n\":1}"), false),
              Condition.NONE,
              Expiry.KEEP);
      refused.set(0);
      together(
          30,
          () -> {
            try {
              behind(store, absent, LATE);
            } catch (Rejected e) {
              refused.incrementAndGet();
            }
          });
      assertThat(refused).hasValue(30);
    }
  }

  @Test
  void aWriteThatSaysMoreTakesWhatIsPendingAsItsBase() throws Exception {
    try (ReplicatedStore store = Fixture.open(folder)) {
      Commit first = behind(store, increment("items/a", "n", 5), LATE);
      assertThatThrownBy(
              () ->
                  store.write(
                      Batch.of(
                          new Write.Put(
                              DocumentPath.parse("items/a"),
                              utf8("{}"),
                              Condition.ABSENT,
                              Expiry.NEVER))))
          .isInstanceOf(StoreException.PreconditionFailed.class);
      assertThat(listed(store)).isEmpty();
      store.write(
          Batch.of(
              new Write.Patch(
                  DocumentPath.parse("items/a"),
                  new Patch(Patch.Kind.INCREMENT, utf8("{\"n\":1}"), false),
                  Condition.ifMatch(first.version().etag()),
                  Expiry.KEEP)));
      assertThat(listed(store)).containsExactly("{\"n\":6}");
      assertThat(store.pending().documents()).isZero();
      behind(store, increment("items/a", "n", 1), LATE);
      store.write(keyed("k", increment("items/a", "n", 1)));
      assertThat(listed(store)).containsExactly("{\"n\":8}");
      behind(store, increment("items/a", "n", 1), LATE);
      store.write(Batch.of(new Write.Delete(DocumentPath.parse("items/a"), Condition.NONE)));
      assertThat(read(store, "items/a")).isNull();
      assertThat(store.pending().documents()).isZero();
      assertThat(store.verify().problems()).isEmpty();
    }
  }

  @Test
  void aKeyedWriteIsPutOffAndDoneOnce() throws Exception {
    Batch keyed = keyed("k", increment("items/a", "n", 2)).deferred(LATE);
    Commit first;
    try (ReplicatedStore store = Fixture.open(folder)) {
      first = store.write(keyed);
      assertThat(store.pending().documents()).isEqualTo(1);
      assertThat(store.write(keyed).replayed()).isTrue();
      assertThat(read(store, "items/a")).isEqualTo("{\"n\":2}");
    }
    try (ReplicatedStore store = Fixture.open(folder)) {
      Commit again = store.write(keyed);
      assertThat(again.replayed()).isTrue();
      assertThat(again.version()).isEqualTo(first.version());
      assertThat(read(store, "items/a")).isEqualTo("{\"n\":2}");
    }
  }

  /** Who may see a document is judged by what it says now. */
  @Test
  void listsShowThePendingValueOfADocumentThatTheyHave() throws Exception {
    try (ReplicatedStore store = Fixture.open(folder)) {
      store.write(Batch.of(put("items/a", "{\"n\":1}")));
      behind(store, put("items/a", "{\"n\":2}"), LATE);
      behind(store, put("items/b", "{\"n\":3}"), LATE);
      assertThat(listed(store)).containsExactly("{\"n\":2}");
      // What lists leave out, an export adds.
      assertThat(store.unflushed())
          .containsExactlyInAnyOrder(DocumentPath.parse("items/a"), DocumentPath.parse("items/b"));
      assertThat(store.verify().documents()).isEqualTo(2);
    }
  }

  /** Each of a site's patches says when its document expires, and no two say the same. */
  @Test
  void thoseThatSayWhenTheDocumentExpiresAreAddedUpAndTheLatestCounts() throws Exception {
    long begin = System.currentTimeMillis() + 3_600_000;
    AtomicInteger turn = new AtomicInteger();
    try (ReplicatedStore store = Fixture.open(folder)) {
      together(
          100,
          () ->
              behind(
                  store,
                  new Write.Patch(
                      DocumentPath.parse("items/a"),
                      new Patch(Patch.Kind.INCREMENT, utf8("{\"n\":1}"), true),
                      Condition.NONE,
                      new Expiry.At(begin + turn.getAndIncrement())),
                  LATE));
      assertThat(read(store, "items/a")).isEqualTo("{\"n\":100}");
      assertThat(
              store
                  .get(DocumentPath.parse("items/a"), ReadOptions.STRONG)
                  .orElseThrow()
                  .expiresAtMillis())
          .isBetween(begin, begin + 99);
    }
  }

  @Test
  void memoryIsBoundedAndWritesGoOn() throws Exception {
    Deferral little = new Deferral(Duration.ofMinutes(5), 32 << 10);
    try (ReplicatedStore store = Fixture.open(folder)) {
      String pad = "x".repeat(1000);
      for (int i = 0; i < 300; i++) {
        behind(store, put("items/p" + i, "{\"n\":" + i + ",\"pad\":\"" + pad + "\"}"), little);
        assertThat(store.pending().bytes()).isLessThanOrEqualTo(32 << 10);
      }
      await(() -> listed(store).size() + store.pending().documents() >= 300);
      for (int i = 0; i < 300; i++) {
        assertThat(read(store, "items/p" + i)).contains("{\"n\":" + i + ",");
      }
      // Half of the bound is flushed before it is due.
      await(() -> store.pending().bytes() <= 16 << 10);
    }
  }

  @Test
  void aRestartAndABackupHaveWhatIsPending() throws Exception {
    ByteArrayOutputStream archive = new ByteArrayOutputStream();
    try (ReplicatedStore store = Fixture.open(folder.resolve("one"))) {
      behind(store, increment("items/a", "n", 7), LATE);
      behind(store, increment("items/a", "n", 1), LATE);
      store.backup(archive, Progress.NONE);
    }
    try (ReplicatedStore store = Fixture.open(folder.resolve("one"))) {
      assertThat(read(store, "items/a")).isEqualTo("{\"n\":8}");
      behind(store, increment("items/a", "n", 1), LATE);
      assertThat(read(store, "items/a")).isEqualTo("{\"n\":9}");
    }
    ReplicatedStore.restore(
        new ByteArrayInputStream(archive.toByteArray()),
        folder.resolve("two"),
        Fixture.DATABASE,
        Progress.NONE);
    try (ReplicatedStore store = Fixture.open(folder.resolve("two"))) {
      assertThat(read(store, "items/a")).isEqualTo("{\"n\":8}");
      behind(store, increment("items/a", "n", 1), SOON);
      await(() -> listed(store).equals(List.of("{\"n\":9}")));
    }
  }

  @Test
  void anyNodeShowsWhatIsPendingAndTheNextPrimaryFlushesIt() throws Exception {
    Deferral some = new Deferral(Duration.ofSeconds(3), 1 << 20);
    try (Members members = Members.start(folder, 3, options -> options)) {
      SessionToken seen = SessionToken.NONE;
      for (int i = 0; i < 30; i++) {
        Store store = members.nodes.get(i % 3).store();
        Deferral how = i < 29 ? some : LATE;
        seen = seen.seen(behind(store, increment("items/a", "n", 1), how).version());
        Document document =
            members
                .nodes
                .get((i + 1) % 3)
                .store()
                .get(DocumentPath.parse("items/a"), ReadOptions.session(seen))
                .orElseThrow();
        assertThat(document.json()).asString().isEqualTo("{\"n\":" + (i + 1) + "}");
      }
      int gone = members.nodes.indexOf(members.primary());
      members.nodes.get(gone).stop();
      Store left = members.nodes.get((gone + 1) % 3).store();
      await(() -> "{\"n\":30}".equals(read(left, "items/a")));
      await(() -> listed(left).equals(List.of("{\"n\":30}")));
    }
  }
}
