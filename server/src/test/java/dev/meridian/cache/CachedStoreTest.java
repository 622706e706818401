package dev.meridian.cache;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Version;
import dev.meridian.store.Batch;
import dev.meridian.store.Condition;
import dev.meridian.store.Consistency;
import dev.meridian.store.Engine;
import dev.meridian.store.Expiry;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.RocksStore;
import dev.meridian.store.SessionToken;
import dev.meridian.store.StoreException.PreconditionFailed;
import dev.meridian.store.StoreException.Unavailable;
import dev.meridian.store.Write;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class CachedStoreTest {
  private static final ReadOptions EVENTUAL =
      new ReadOptions(Consistency.EVENTUAL, SessionToken.NONE);

  @TempDir Path temp;
  private final Engine engine = new Engine(8 << 20, 8 << 20);
  private final AtomicLong millis = new AtomicLong(1_800_000_000_000L);
  private final AtomicLong nanos = new AtomicLong(1);
  private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
  private RocksStore store;
  private Valve valve;
  private CachedStore cached;

  @BeforeEach
  void open() throws InterruptedException {
    store =
        RocksStore.open(
            temp.resolve("db"), RocksStore.Options.of(engine).withClock(millis::get), List.of());
    valve = new Valve(store);
    cached = new CachedStore(valve, 8 << 20, _ -> true, meters, nanos::get);
    await(() -> valve.feeds.get() == 1);
  }

  @AfterEach
  void close() {
    valve.flow();
    cached.close();
    store.close();
    engine.close();
  }

  private static void await(BooleanSupplier condition) throws InterruptedException {
    long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as("waited too long").isLessThan(until);
      Thread.sleep(1);
    }
  }

  private static DocumentPath path(String text) {
    return DocumentPath.parse(text);
  }

  private static Batch put(String path, String json, Expiry expiry) {
    return Batch.of(new Write.Put(path(path), json.getBytes(UTF_8), Condition.NONE, expiry));
  }

  private static Batch put(String path, String json) {
    return put(path, json, Expiry.NEVER);
  }

  private static Batch delete(String path) {
    return Batch.of(new Write.Delete(path(path), Condition.NONE));
  }

  private static String json(Optional<Document> document) {
    return document.map(found -> new String(found.json(), UTF_8)).orElse("none");
  }

  private String read(String path) {
    return json(cached.get(path(path), ReadOptions.SESSION));
  }

  private String read(String path, ReadOptions options) {
    return json(cached.get(path(path), options));
  }

  private static ReadOptions after(Version version) {
    return ReadOptions.session(SessionToken.NONE.seen(version));
  }

  @Test
  void whatWasReadIsReadFromMemory() {
    store.write(put("a/1", "1"));
    assertThat(read("a/1")).isEqualTo("1");
    assertThat(read("a/1")).isEqualTo("1");
    assertThat(read("a/1", EVENTUAL)).isEqualTo("1");
    assertThat(read("a/1", ReadOptions.session(store.seen()))).isEqualTo("1");
    assertThat(read("a/2")).isEqualTo("none");
    assertThat(read("a/2")).isEqualTo("none");
    assertThat(valve.gets).hasValue(2);
    CacheStatus status = cached.status();
    assertThat(status.hits()).isEqualTo(4);
    assertThat(status.misses()).isEqualTo(2);
    assertThat(status.loads()).isEqualTo(2);
    assertThat(status.entries()).isEqualTo(2);
    assertThat(meters.get("meridian.cache.reads").tag("result", "hit").functionCounter().count())
        .isEqualTo(4);
    assertThat(meters.get("meridian.cache.size").gauge().value()).isEqualTo(status.bytes());
  }

  @Test
  void strongReadsAndMeridiansOwnDocumentsAreNotKept() {
    store.write(put("a/1", "1"));
    store.write(put("_keys/1", "1"));
    for (int i = 0; i < 2; i++) {
      read("a/1", ReadOptions.STRONG);
      read("_keys/1");
    }
    assertThat(valve.gets).hasValue(4);
    assertThat(cached.status().entries()).isZero();
  }

  @Test
  void collectionsThatAreOffAreNotKept() {
    cached.configure(8 << 20, path -> !path.segments().getFirst().equals("off"));
    store.write(put("off/1", "1"));
    read("off/1");
    read("off/1");
    assertThat(valve.gets).hasValue(2);
  }

  @Test
  void aReaderSeesWhatItsTokenHasSeenThoughTheFeedIsHeldBack() {
    store.write(put("a/1", "1"));
    read("a/1");
    valve.hold();
    Version second = store.write(put("a/1", "2")).version();
    assertThat(read("a/1", EVENTUAL)).as("no more than seconds old").isEqualTo("1");
    assertThat(read("a/1", after(second))).isEqualTo("2");
    assertThat(read("a/1")).as("shown to somebody here").isEqualTo("2");
  }

  @Test
  void aReaderWithoutATokenSeesWhatWasWrittenHere() {
    read("a/1");
    valve.hold();
    cached.write(put("a/1", "1"));
    assertThat(read("a/1")).isEqualTo("1");
    cached.write(delete("a/1"));
    assertThat(read("a/1")).isEqualTo("none");
    cached.write(put("a/1", "2"));
    assertThat(read("a/1")).isEqualTo("2");
  }

  @Test
  void aReaderWhoseWriteFailedSeesWhy() {
    store.write(put("a/1", "1"));
    Version first = cached.get(path("a/1"), ReadOptions.SESSION).orElseThrow().version();
    valve.hold();
    store.write(put("a/1", "2"));
    Write conditional =
        new Write.Put(
            path("a/1"), "3".getBytes(UTF_8), Condition.ifMatch(first.etag()), Expiry.NEVER);
    assertThatThrownBy(() -> cached.write(Batch.of(conditional)))
        .isInstanceOf(PreconditionFailed.class);
    assertThat(read("a/1")).isEqualTo("2");
  }

  @Test
  void theFeedBringsChangesOfWhatIsKept() throws Exception {
    store.write(put("a/1", "1"));
    read("a/1");
    read("a/2");
    store.write(put("a/1", "2"));
    store.write(put("a/2", "2"));
    Version last = store.write(delete("a/3")).version();
    await(() -> cached.status().lag() == 0);
    assertThat(read("a/1", after(last))).isEqualTo("2");
    assertThat(read("a/2", after(last))).isEqualTo("2");
    store.write(delete("a/1"));
    await(() -> cached.status().lag() == 0);
    assertThat(read("a/1", ReadOptions.session(store.seen()))).isEqualTo("none");
    assertThat(valve.gets).as("no look at the store").hasValue(2);
  }

  @Test
  void writesOfWhatIsNotKeptLeaveEntriesUsableAtOnce() throws Exception {
    store.write(put("a/1", "1"));
    read("a/1");
    await(() -> cached.status().lag() == 0);
    int before = valve.gets.get();
    for (int i = 0; i < 100; i++) {
      Version other = store.write(put("b/" + i, "1")).version();
      assertThat(read("a/1", after(other))).isEqualTo("1");
    }
    assertThat(valve.gets).hasValue(before);
  }

  @Test
  void aLoadDoesNotPutAnOlderValueOverANewerChange() throws Exception {
    store.write(put("a/1", "1"));
    CountDownLatch hasRead = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    valve.hook =
        (_, _) -> {
          hasRead.countDown();
          goOn.await();
        };
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<String> slow = threads.submit(() -> read("a/1"));
      hasRead.await();
      valve.hook = (_, _) -> {};
      Version second = store.write(put("a/1", "2")).version();
      await(() -> cached.status().lag() == 0);
      goOn.countDown();
      assertThat(slow.get()).isEqualTo("1");
      assertThat(read("a/1", after(second))).isEqualTo("2");
      assertThat(read("a/1")).isEqualTo("2");
    }
  }

  @Test
  void aLoadThatFoundNothingDoesNotHideWhatWasWrittenMeanwhile() throws Exception {
    CountDownLatch hasRead = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    valve.hook =
        (_, _) -> {
          hasRead.countDown();
          goOn.await();
        };
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<String> slow = threads.submit(() -> read("a/1"));
      hasRead.await();
      valve.hook = (_, _) -> {};
      Version first = store.write(put("a/1", "1")).version();
      await(() -> cached.status().lag() == 0);
      goOn.countDown();
      assertThat(slow.get()).isEqualTo("none");
      assertThat(read("a/1", after(first))).isEqualTo("1");
    }
  }

  @Test
  void whatHasExpiredIsNotServed() {
    store.write(put("a/1", "1", new Expiry.At(millis.get() + 1000)));
    assertThat(read("a/1")).isEqualTo("1");
    millis.addAndGet(999);
    assertThat(read("a/1")).isEqualTo("1");
    millis.addAndGet(1);
    assertThat(read("a/1")).isEqualTo("none");
    // A clock that steps back does not bring back what a write saw as expired.
    store.write(put("a/2", "1"));
    millis.addAndGet(-500);
    assertThat(read("a/1")).isEqualTo("none");
    assertThat(valve.gets).hasValue(1);
  }

  @Test
  void aFeedThatIsCutMakesEntriesUseless() throws Exception {
    store.write(put("a/1", "1"));
    read("a/1");
    valve.cut();
    Version second = store.write(put("a/1", "2")).version();
    nanos.addAndGet(Level.MAX_AGE.toNanos() - 10);
    assertThat(read("a/1", EVENTUAL)).as("within the bound").isEqualTo("1");
    assertThat(read("a/1", after(second))).as("with the token").isEqualTo("2");
    store.write(put("a/1", "3"));
    nanos.addAndGet(Level.MAX_AGE.toNanos() + 10);
    assertThat(read("a/1", EVENTUAL)).as("beyond the bound").isEqualTo("3");
    assertThat(read("a/1", after(second))).isEqualTo("3");

    valve.flow();
    await(() -> valve.feeds.get() == 2);
    await(() -> cached.status().lag() == 0);
    int before = valve.gets.get();
    assertThat(read("a/1", ReadOptions.session(store.seen()))).isEqualTo("3");
    assertThat(valve.gets).as("fresh again").hasValue(before);
  }

  @Test
  void whatWasMissedWhileTheFeedWasCutIsMadeUpFor() throws Exception {
    store.write(put("a/1", "1"));
    store.write(put("a/2", "1"));
    read("a/1");
    read("a/2");
    valve.cut();
    store.write(put("a/1", "2"));
    store.write(delete("a/2"));
    valve.flow();
    await(() -> valve.feeds.get() == 2);
    await(() -> cached.status().lag() == 0);
    assertThat(read("a/1", ReadOptions.session(store.seen()))).isEqualTo("2");
    assertThat(read("a/2", ReadOptions.session(store.seen()))).isEqualTo("none");
    assertThat(valve.gets).hasValue(2);
  }

  @Test
  void aLostPositionVoidsAllEntries() throws Exception {
    store.write(put("a/1", "1"));
    read("a/1");
    valve.cut();
    store.write(put("a/1", "2"));
    valve.lose();
    valve.flow();
    await(() -> valve.feeds.get() == 2);
    await(() -> cached.status().lag() == 0);
    assertThat(read("a/1", EVENTUAL)).isEqualTo("2");
    assertThat(valve.gets).hasValue(2);
  }

  @Test
  void aDatabaseThatIsReplacedByANewerOneIsFollowed() throws Exception {
    store.write(put("a/1", "1"));
    read("a/1");
    // As another member's snapshot: the same history, later.
    store.close();
    store =
        RocksStore.open(
            temp.resolve("db"), RocksStore.Options.of(engine).withClock(millis::get), List.of());
    store.write(put("a/1", "2"));
    valve.store = store;
    await(() -> valve.feeds.get() == 2);
    await(() -> cached.status().lag() == 0);
    assertThat(read("a/1", ReadOptions.session(store.seen()))).isEqualTo("2");
    assertThat(valve.gets).hasValue(1);
  }

  @Test
  void aFloodOnAColdKeyReachesTheStoreOnce() throws Exception {
    store.write(put("a/1", "1"));
    int readers = 1000;
    CountDownLatch goOn = new CountDownLatch(1);
    valve.hook = (_, _) -> goOn.await();
    List<Future<String>> answers = new ArrayList<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < readers; i++) {
        ReadOptions options =
            switch (i % 3) {
              case 0 -> EVENTUAL;
              case 1 -> ReadOptions.session(store.seen());
              default -> ReadOptions.SESSION;
            };
        answers.add(threads.submit(() -> read("a/1", options)));
      }
      await(() -> cached.status().misses() == readers);
      goOn.countDown();
      for (Future<String> answer : answers) {
        assertThat(answer.get()).isEqualTo("1");
      }
    }
    assertThat(valve.gets).hasValue(1);
  }

  @Test
  void aReaderThatHasSeenMoreDoesNotTakeTheResultOfALoadFromBefore() throws Exception {
    store.write(put("a/1", "1"));
    CountDownLatch hasRead = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    valve.hook =
        (_, _) -> {
          hasRead.countDown();
          goOn.await();
        };
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<String> early = threads.submit(() -> read("a/1"));
      hasRead.await();
      valve.hook = (_, _) -> {};
      Version second = cached.write(put("a/1", "2")).version();
      Future<String> withToken = threads.submit(() -> read("a/1", after(second)));
      Future<String> without = threads.submit(() -> read("a/1"));
      await(() -> cached.status().misses() == 3);
      goOn.countDown();
      assertThat(early.get()).isEqualTo("1");
      assertThat(withToken.get()).isEqualTo("2");
      assertThat(without.get()).isEqualTo("2");
    }
  }

  @Test
  void aSlowLoadHoldsNobodyUpForLong() throws Exception {
    store.write(put("a/1", "1"));
    CountDownLatch hasRead = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    valve.hook =
        (_, _) -> {
          hasRead.countDown();
          goOn.await();
        };
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<String> slow = threads.submit(() -> read("a/1"));
      hasRead.await();
      valve.hook = (_, _) -> {};
      assertThat(read("a/2")).as("another key").isEqualTo("none");
      assertThat(read("a/1")).as("the same key, by itself").isEqualTo("1");
      assertThat(slow.isDone()).isFalse();
      goOn.countDown();
      assertThat(slow.get()).isEqualTo("1");
    }
  }

  @Test
  void aLoadThatFailsFailsNobodyElse() throws Exception {
    store.write(put("a/1", "1"));
    AtomicBoolean first = new AtomicBoolean(true);
    CountDownLatch hasRead = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    valve.hook =
        (_, _) -> {
          if (first.compareAndSet(true, false)) {
            hasRead.countDown();
            goOn.await();
            throw new Unavailable(Unavailable.Outcome.NOT_DONE, "Planted.", null);
          }
        };
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<String> failing = threads.submit(() -> read("a/1"));
      hasRead.await();
      Future<String> waiting = threads.submit(() -> read("a/1"));
      await(() -> cached.status().misses() == 2);
      goOn.countDown();
      assertThatThrownBy(failing::get).hasRootCauseInstanceOf(Unavailable.class);
      assertThat(waiting.get()).isEqualTo("1");
    }
    valve.gets.set(0);
    assertThat(read("a/1")).isEqualTo("1");
    assertThat(read("a/1")).isEqualTo("1");
    assertThat(valve.gets).as("the failed load is gone").hasValueLessThanOrEqualTo(1);
  }

  @Test
  void aWaitingReaderThatIsInterruptedLeaves() throws Exception {
    CountDownLatch hasRead = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    valve.hook =
        (_, _) -> {
          hasRead.countDown();
          goOn.await();
        };
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<String> slow = threads.submit(() -> read("a/1"));
      hasRead.await();
      Future<?> interrupted =
          threads.submit(
              () -> {
                Thread.currentThread().interrupt();
                assertThatThrownBy(() -> read("a/1")).isInstanceOf(Unavailable.class);
                assertThat(Thread.interrupted()).isTrue();
              });
      interrupted.get();
      goOn.countDown();
      slow.get();
    }
    assertThat(valve.gets).hasValue(1);
  }

  @Test
  void theBoundOfBytesHolds() {
    int bound = 1 << 20;
    cached.configure(bound, _ -> true);
    String json = "\"" + "x".repeat(20_000) + "\"";
    for (int i = 0; i < 200; i++) {
      store.write(put("a/" + i, json));
      assertThat(read("a/" + i)).isEqualTo(json);
      assertThat(cached.status().bytes()).isLessThanOrEqualTo(bound);
    }
    assertThat(cached.status().entries()).isBetween(40L, 52L);
    assertThat(cached.status().evictions()).isPositive();
    String large = "\"" + "x".repeat((1 << 20) - 2) + "\"";
    store.write(put("a/large", large));
    assertThat(read("a/large")).isEqualTo(large);
    assertThat(cached.status().bytes()).isLessThanOrEqualTo(bound);
    cached.configure(0, _ -> true);
    assertThat(read("a/1")).isEqualTo(json);
    assertThat(cached.status().entries()).isZero();
  }

  @Test
  void changesOfWhatIsKeptStayWithinTheBoundToo() throws Exception {
    int bound = 1 << 20;
    cached.configure(bound, _ -> true);
    for (int i = 0; i < 1000; i++) {
      store.write(put("a/" + i, "1"));
      read("a/" + i);
    }
    String json = "\"" + "x".repeat(20_000) + "\"";
    for (int i = 0; i < 1000; i++) {
      store.write(put("a/" + i, json));
    }
    await(() -> cached.status().lag() == 0);
    assertThat(cached.status().bytes()).isLessThanOrEqualTo(bound);
  }
}
