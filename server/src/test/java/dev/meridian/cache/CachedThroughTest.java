package dev.meridian.cache;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Version;
import dev.meridian.store.Batch;
import dev.meridian.store.Condition;
import dev.meridian.store.Consistency;
import dev.meridian.store.Engine;
import dev.meridian.store.Expiry;
import dev.meridian.store.Query;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.RocksStore;
import dev.meridian.store.SessionToken;
import dev.meridian.store.Write;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A cached store whose collection {@code t} is written through. */
@Timeout(60)
class CachedThroughTest {
  private static final ReadOptions EVENTUAL =
      new ReadOptions(Consistency.EVENTUAL, SessionToken.NONE);

  @TempDir Path temp;
  private final Engine engine = new Engine(8 << 20, 8 << 20);
  private final AtomicLong nanos = new AtomicLong(1);
  private final AtomicLong millis = new AtomicLong(1_800_000_000_000L);
  private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
  private final AtomicInteger asked = new AtomicInteger();
  private final Semaphore answers = new Semaphore(0);
  private RocksStore store;
  private Valve valve;
  private CachedStore cached;

  /** One other node, which shows everything when it is let. */
  private final Peers peers =
      new Peers() {
        @Override
        public Set<String> others() {
          return Set.of("b");
        }

        @Override
        public boolean shows(String node, Version version, Duration wait) {
          asked.incrementAndGet();
          answers.acquireUninterruptibly();
          return true;
        }

        @Override
        public Readers readers(Duration wait) {
          return new Readers(Duration.ofDays(1), Map.of());
        }
      };

  @BeforeEach
  void open() throws InterruptedException {
    store = RocksStore.open(temp.resolve("db"), RocksStore.Options.of(engine), List.of());
    valve = new Valve(store);
    // Nothing here ends because a busy machine is slow.
    Duration ever = Duration.ofSeconds(50);
    cached = new CachedStore(valve, 8 << 20, _ -> true, meters, nanos::get, millis::get, ever);
    cached.join(new WriteThrough(peers, ever, ever));
    cached.writeThrough(path -> path.segments().getFirst().equals("t"));
    until(() -> valve.feeds.get() == 1);
  }

  @AfterEach
  void close() {
    answers.release(1 << 20);
    valve.flow();
    cached.close();
    store.close();
    engine.close();
  }

  private static void until(BooleanSupplier condition) throws InterruptedException {
    long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(50);
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as("waited too long").isLessThan(until);
      Thread.sleep(1);
    }
  }

  private static DocumentPath path(String text) {
    return DocumentPath.parse(text);
  }

  private static Write put(String path, String json) {
    return new Write.Put(path(path), json.getBytes(UTF_8), Condition.NONE, Expiry.NEVER);
  }

  private String read(String path, ReadOptions options) {
    return cached
        .get(path(path), options)
        .map(found -> new String(found.json(), UTF_8))
        .orElse("none");
  }

  @Test
  void aWriteIsInTheCacheBeforeAnybodyReadsIt() {
    answers.release(1 << 20);
    cached.write(Batch.of(put("t/1", "1")));
    cached.write(Batch.of(put("t/2", "2")));
    cached.write(Batch.of(new Write.Delete(path("t/2"), Condition.NONE)));
    cached.write(Batch.of(put("a/1", "1")));
    int gets = valve.gets.get();
    assertThat(read("t/1", ReadOptions.SESSION)).isEqualTo("1");
    assertThat(read("t/2", ReadOptions.SESSION)).isEqualTo("none");
    assertThat(read("t/1", EVENTUAL)).isEqualTo("1");
    assertThat(cached.status().hits()).isEqualTo(3);
    assertThat(cached.status().entries()).as("others are not").isEqualTo(2);
    assertThat(valve.gets.get() - gets).isZero();
    assertThat(valve.fences).as("the primary was asked once").hasValue(1);
    assertThat(meters.get("meridian.cache.through.wait").timer().count()).isEqualTo(3);
    assertThat(cached.throughStatus().orElseThrow().waits()).isEqualTo(3);
    assertThat(cached.throughStatus().orElseThrow().doubts()).isZero();
  }

  @Test
  void onlyWritesThatTouchItWait() throws Exception {
    cached.write(Batch.of(put("a/1", "1")));
    assertThat(asked).hasValue(0);
    Thread mixed =
        Thread.ofVirtual()
            .start(() -> cached.write(Batch.of(put("t/1", "1"), put("t/1/x/1", "1"))));
    until(() -> asked.get() == 1);
    assertThat(mixed.isAlive()).isTrue();
    assertThat(cached.throughStatus().orElseThrow().waiting()).isEqualTo(1);
    answers.release(1);
    mixed.join();
  }

  @Test
  void whoAsksWhetherItShowsAVersionWaitsForTheFeed() throws Exception {
    valve.hold();
    Version version = store.write(Batch.of(put("t/1", "1"))).version();
    assertThat(cached.shows(version, Duration.ofMillis(50))).isFalse();
    assertThat(valve.fences).as("nobody waits because of the question").hasValue(0);
    valve.flow();
    assertThat(cached.shows(version, Duration.ofSeconds(30))).isTrue();
    int gets = valve.gets.get();
    answers.release(1 << 20);
    assertThat(read("t/1", ReadOptions.SESSION)).isEqualTo("1");
    assertThat(valve.gets.get() - gets).isZero();
  }

  @Test
  void whatCannotBeMadeSureOfIsInDoubt() {
    answers.release(1 << 20);
    cached.write(Batch.of(put("t/1", "1")));
    cached.write(Batch.of(put("a/1", "1")));
    assertThat(read("t/1", EVENTUAL)).isEqualTo("1");
    long before = cached.doubts();
    assertThat(cached.stale(before)).isEmpty();
    valve.hook =
        (path, _) -> {
          if (path.isReserved()) {
            throw new InterruptedException();
          }
        };
    nanos.addAndGet(ReadLease.LENGTH.toNanos());
    assertThat(read("a/1", EVENTUAL)).isEqualTo("1");
    assertThat(cached.doubts()).as("others are in no doubt").isEqualTo(before);
    assertThat(read("t/1", EVENTUAL)).isEqualTo("1");
    assertThat(read("t/1", ReadOptions.SESSION)).isEqualTo("1");
    assertThat(read("t/1", ReadOptions.STRONG)).isEqualTo("1");
    assertThat(cached.doubts()).isEqualTo(before + 2);
    assertThat(cached.stale(before)).isPresent();
    var page = cached.list(Query.of(CollectionPath.parse("t"), 10), EVENTUAL);
    assertThat(page.documents()).hasSize(1);
    assertThat(cached.doubts()).isEqualTo(before + 3);
    assertThat(cached.stale(cached.doubts()))
        .as("a read from here on is in no doubt yet")
        .isEmpty();
    valve.hook = (_, _) -> {};
    nanos.addAndGet(Duration.ofSeconds(1).toNanos());
    assertThat(read("t/1", EVENTUAL)).isEqualTo("1");
    assertThat(cached.doubts()).isEqualTo(before + 3);
    assertThat(cached.stale(before)).as("what was read before is still in doubt").isPresent();
  }

  @Test
  void aDoubtIsItsReadersAlone() throws InterruptedException {
    answers.release(1 << 20);
    cached.write(Batch.of(put("t/1", "1")));
    valve.hook =
        (path, _) -> {
          if (path.isReserved()) {
            throw new InterruptedException();
          }
        };
    Thread other = Thread.ofVirtual().start(() -> read("t/1", EVENTUAL));
    other.join();
    assertThat(cached.throughStatus().orElseThrow().doubts()).isEqualTo(1);
    assertThat(cached.doubts()).isZero();
    assertThat(cached.stale(0)).isEmpty();
    millis.addAndGet(7_000);
    assertThat(read("t/1", EVENTUAL)).isEqualTo("1");
    assertThat(cached.stale(0)).as("since it was asked first").contains(Duration.ofSeconds(7));
    valve.hook = (_, _) -> {};
    millis.addAndGet(1_000);
    until(
        () -> {
          long before = cached.doubts();
          boolean found = read("t/1", EVENTUAL).equals("1");
          return found && cached.doubts() == before;
        });
    assertThat(cached.stale(0)).as("whoever renews it meanwhile").contains(Duration.ofSeconds(7));
  }

  @Test
  void whatIsMadeUnderAnotherPolicyIsNotKept() {
    answers.release(1 << 20);
    cached.writeThrough(null);
    cached.write(Batch.of(put("t/1", "1")));
    Derived<String> derived = cached.derive(1 << 20, String::length);
    try (Making kept = derived.begin(SessionToken.NONE);
        Making late = derived.begin(SessionToken.NONE)) {
      kept.reads(path("t/1"));
      late.reads(path("t/1"));
      assertThat(derived.keep("kept", "page", kept)).isTrue();
      cached.writeThrough(path -> path.segments().getFirst().equals("t"));
      assertThat(derived.keep("late", "page", late)).isFalse();
    }
    assertThat(derived.find("kept", SessionToken.NONE)).isNull();
    assertThat(derived.find("late", SessionToken.NONE)).isNull();
  }

  @Test
  void aKeptValueIsFoundOnlyWhileItIsSure() {
    answers.release(1 << 20);
    cached.write(Batch.of(put("t/1", "1")));
    Derived<String> derived = cached.derive(1 << 20, String::length);
    try (Making making = derived.begin(SessionToken.NONE)) {
      making.reads(path("t/1"));
      assertThat(read("t/1", ReadOptions.SESSION)).isEqualTo("1");
      assertThat(derived.keep("k", "page", making, Duration.ofHours(1))).isTrue();
    }
    assertThat(derived.find("k", SessionToken.NONE)).isEqualTo("page");
    assertThat(derived.old("k")).as("nobody is content with less").isNull();
    valve.hook =
        (path, _) -> {
          if (path.isReserved()) {
            throw new InterruptedException();
          }
        };
    nanos.addAndGet(ReadLease.LENGTH.toNanos());
    assertThat(derived.find("k", SessionToken.NONE)).isNull();
    valve.hook = (_, _) -> {};
    nanos.addAndGet(Duration.ofSeconds(1).toNanos());
    assertThat(derived.find("k", SessionToken.NONE)).isEqualTo("page");
  }
}
