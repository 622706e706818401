package dev.meridian.cache;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Version;
import dev.meridian.store.Batch;
import dev.meridian.store.Condition;
import dev.meridian.store.Engine;
import dev.meridian.store.Expiry;
import dev.meridian.store.Query;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.RocksStore;
import dev.meridian.store.SessionToken;
import dev.meridian.store.Store;
import dev.meridian.store.Write;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class DerivedTest {
  private static final CollectionPath LIST = CollectionPath.parse("a");

  @TempDir Path temp;
  private final Engine engine = new Engine(8 << 20, 8 << 20);
  private final AtomicLong millis = new AtomicLong(1_800_000_000_000L);
  private final AtomicLong nanos = new AtomicLong(1);
  private RocksStore store;
  private Valve valve;
  private CachedStore cached;
  private Derived<String> derived;

  @BeforeEach
  void open() throws InterruptedException {
    store =
        RocksStore.open(
            temp.resolve("db"), RocksStore.Options.of(engine).withClock(millis::get), List.of());
    valve = new Valve(store);
    cached = new CachedStore(valve, 8 << 20, _ -> true, new SimpleMeterRegistry(), nanos::get);
    derived = cached.derive(1 << 20, String::length);
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

  private static Version put(Store to, String path, String json, Expiry expiry) {
    return to.write(
            Batch.of(
                new Write.Put(
                    DocumentPath.parse(path), json.getBytes(UTF_8), Condition.NONE, expiry)))
        .version();
  }

  private Version put(String path, String json) {
    return put(cached, path, json, Expiry.NEVER);
  }

  private void delete(String path) {
    cached.write(Batch.of(new Write.Delete(DocumentPath.parse(path), Condition.NONE)));
  }

  private static SessionToken token(Version version) {
    return SessionToken.NONE.seen(version);
  }

  private static String json(Optional<Document> document) {
    return document.map(found -> new String(found.json(), UTF_8)).orElse("none");
  }

  private String document(String path, Making making, SessionToken token) {
    DocumentPath parsed = DocumentPath.parse(path);
    making.reads(parsed);
    Optional<Document> found = cached.get(parsed, ReadOptions.session(token));
    found.ifPresent(making::expiresWith);
    return json(found);
  }

  private String list(Making making, SessionToken token) {
    making.reads(LIST);
    StringBuilder all = new StringBuilder("[");
    for (Document one :
        cached
            .list(new Query(LIST, null, null, 100, null, 0), ReadOptions.session(token))
            .documents()) {
      making.expiresWith(one);
      all.append(one.path().id()).append('=').append(new String(one.json(), UTF_8)).append(' ');
    }
    return all.append(']').toString();
  }

  private void keepOld(String key, Version seen, Duration old) throws Exception {
    settle();
    try (Making making = derived.begin(token(seen))) {
      assertThat(derived.keep(key, document("a/1", making, token(seen)), making, old)).isTrue();
    }
  }

  /** Waits until the feed is done with all that was written. */
  private void settle() throws InterruptedException {
    await(() -> cached.status().lag() == 0);
  }

  @Test
  void whatIsOldIsFoundForSoLongAsItMay() throws Exception {
    Version one = put("a/1", "{\"n\":1}");
    keepOld("k", one, Duration.ofSeconds(10));
    keepOld("none", one, Duration.ZERO);
    nanos.addAndGet(TimeUnit.HOURS.toNanos(1));
    assertThat(derived.find("k", token(one))).isNotNull();
    assertThat(derived.old("k")).isEqualTo(new Derived.Old<>("{\"n\":1}", Duration.ZERO, true));
    Version two = put("a/1", "{\"n\":2}");
    settle();
    assertThat(derived.find("k", token(two))).isNull();
    assertThat(derived.old("none")).isNull();
    nanos.addAndGet(TimeUnit.SECONDS.toNanos(10));
    // Another change makes it no younger.
    put("a/1", "{\"n\":3}");
    settle();
    assertThat(derived.find("k", token(two))).isNull();
    assertThat(derived.old("k"))
        .isEqualTo(new Derived.Old<>("{\"n\":1}", Duration.ofSeconds(10), true));
    nanos.addAndGet(1);
    assertThat(derived.old("k")).isNull();
    await(() -> derived.size() == 0 && derived.watched() == 0);
  }

  /** What is made after it was not for others: nobody is to have the one before again. */
  @Test
  void whatIsOldGoesWhenTheNewIsTooLargeToKeep() throws Exception {
    Version one = put("a/1", "{\"n\":1}");
    keepOld("k", one, Duration.ofHours(1));
    Version two = put("a/1", "{\"n\":2}");
    settle();
    assertThat(derived.old("k")).isNotNull();
    try (Making making = derived.begin(token(two))) {
      String large = "x".repeat((int) derived.maxBytes());
      assertThat(derived.keep("k", large, making, Duration.ofHours(1))).isFalse();
    }
    assertThat(derived.old("k")).isNull();
  }

  @Test
  void whatIsOldIsNeverOverAndNeverOfAGenerationBefore() throws Exception {
    Version ends = put(cached, "a/1", "{}", new Expiry.At(millis.get() + 1000));
    keepOld("k", ends, Duration.ofHours(1));
    put("a/1", "{\"n\":2}");
    settle();
    assertThat(derived.old("k")).isNotNull();
    millis.addAndGet(1000);
    assertThat(derived.old("k")).isNull();
    Version two = put("a/1", "{\"n\":3}");
    keepOld("k", two, Duration.ofHours(1));
    assertThat(derived.old("k")).isNotNull();
    valve.lose();
    valve.cut();
    valve.flow();
    await(() -> derived.old("k") == null);
  }

  @Test
  void ofWhatIsOldTheNewestIsKept() throws Exception {
    Version one = put("a/1", "{\"n\":1}");
    keepOld("k", one, Duration.ofHours(1));
    Duration hour = Duration.ofHours(1);
    try (Making slow = derived.begin(token(one));
        Making late = derived.begin(token(one))) {
      String first = document("a/1", slow, token(one));
      Version two = put("a/1", "{\"n\":2}");
      await(slow::isChanged);
      settle();
      // Something changed while it was made, so it is as old as what there was.
      assertThat(derived.keep("k", first, slow, hour)).isFalse();
      assertThat(derived.find("k", SessionToken.NONE)).isNull();
      assertThat(String.valueOf(derived.old("k"))).contains(first);
      nanos.incrementAndGet();
      String second = document("a/1", late, token(two));
      Version three = put("a/1", "{\"n\":3}");
      await(late::isChanged);
      settle();
      assertThat(derived.keep("k", second, late, hour)).isFalse();
      assertThat(String.valueOf(derived.old("k"))).contains(second);
      assertThat(derived.keep("k", first, slow, hour)).isFalse();
      assertThat(String.valueOf(derived.old("k"))).contains(second);
      keepOld("k", three, hour);
      assertThat(derived.keep("k", second, late, hour)).isFalse();
      assertThat(derived.find("k", token(three))).isEqualTo("{\"n\":3}");
    }
    await(() -> derived.watched() == 1);
  }

  /** The value of {@code a/1} and {@code b/1}, made if need be. */
  private String both(SessionToken token) {
    String found = derived.find("both", token);
    if (found != null) {
      return found;
    }
    try (Making making = derived.begin(token)) {
      String made = document("a/1", making, token) + "," + document("b/1", making, token);
      derived.keep("both", made, making);
      return made;
    }
  }

  /** As soon as the feed is done with what came before; until then there may be nothing. */
  private void assertKept(String expected) throws InterruptedException {
    await(
        () -> {
          String kept = kept();
          assertThat(kept).isIn(expected, null);
          return kept != null;
        });
  }

  private @Nullable String kept() {
    return derived.find("both", SessionToken.NONE);
  }

  @Test
  void aValueStaysUntilWhatItWasMadeOfChanges() throws InterruptedException {
    put("a/1", "1");
    assertThat(both(SessionToken.NONE)).isEqualTo("1,none");
    assertKept("1,none");
    put("a/2", "5");
    put("a/1/x/1", "5");
    put("b/1/x/1", "5");
    assertKept("1,none");
    put("b/1", "2");
    assertThat(kept()).as("there is one where there was none").isNull();
    // Before another takes its place.
    await(() -> derived.drops() == 1);
    assertThat(both(SessionToken.NONE)).isEqualTo("1,2");
    delete("a/1");
    assertThat(both(SessionToken.NONE)).isEqualTo("none,2");
  }

  private void makeList() {
    try (Making making = derived.begin(SessionToken.NONE)) {
      derived.keep("list", list(making, SessionToken.NONE), making);
    }
  }

  @Test
  void aListGoesWithEachChangeOfItsCollection() throws InterruptedException {
    put("a/1", "1");
    for (String change : List.of("a/2", "a/1", "a/9")) {
      makeList();
      put("a/1/below/1", "5");
      put("b/1", "5");
      await(
          () -> {
            boolean found = derived.find("list", SessionToken.NONE) != null;
            if (!found) {
              makeList(); // the feed brought a change that the list had already
            }
            return found;
          });
      put(change, "7");
      assertThat(derived.find("list", SessionToken.NONE)).as(change).isNull();
    }
  }

  @Test
  void whatChangesWhileItIsMadeIsNotKept() throws InterruptedException {
    put("a/1", "1");
    try (Making making = derived.begin(SessionToken.NONE)) {
      String made = document("a/1", making, SessionToken.NONE);
      put("a/1", "2");
      await(making::isChanged);
      assertThat(derived.keep("k", made, making)).isFalse();
    }
    assertThat(derived.find("k", SessionToken.NONE)).isNull();
    assertThat(derived.watched()).as("nothing is watched any more").isZero();
  }

  @Test
  void aReaderWhoKnowsMoreThanTheFeedGetsNothing() throws InterruptedException {
    put("a/1", "1");
    assertThat(both(SessionToken.NONE)).isEqualTo("1,none");
    assertKept("1,none");
    valve.hold();
    Version other = put(store, "a/1", "2", Expiry.NEVER); // by another node
    assertThat(kept()).as("nobody here knows of it").isEqualTo("1,none");
    assertThat(derived.find("both", token(other))).isNull();
    assertThat(both(token(other))).isEqualTo("2,none");
    assertThat(kept()).as("now it was shown here").isIn("2,none", null);
  }

  @Test
  void withoutTheFeedNothingIsOlderThanTheBound() throws InterruptedException {
    put("a/1", "1");
    both(SessionToken.NONE);
    assertKept("1,none");
    valve.cut();
    assertThat(kept()).isEqualTo("1,none");
    nanos.addAndGet(Store.MAX_AGE.toNanos() + 1);
    assertThat(kept()).isNull();
    put(store, "a/1", "2", Expiry.NEVER);
    valve.flow();
    await(() -> valve.feeds.get() == 2);
    await(() -> "2,none".equals(both(SessionToken.NONE)) && kept() != null);
  }

  @Test
  void whatTheFeedMayHaveMissedIsVoid() throws InterruptedException {
    put("a/1", "1");
    both(SessionToken.NONE);
    valve.lose();
    valve.cut();
    put(store, "a/1", "2", Expiry.NEVER);
    valve.flow();
    await(() -> valve.feeds.get() == 2);
    await(() -> both(SessionToken.NONE).equals("2,none"));
  }

  @Test
  void aValueEndsWithTheFirstDocumentThatExpires() throws InterruptedException {
    put(cached, "a/1", "1", new Expiry.At(millis.get() + 10_000));
    put(cached, "b/1", "2", new Expiry.At(millis.get() + 20_000));
    assertThat(both(SessionToken.NONE)).isEqualTo("1,2");
    assertKept("1,2");
    millis.addAndGet(9_999);
    assertThat(kept()).isEqualTo("1,2");
    millis.addAndGet(1);
    assertThat(kept()).isNull();
    assertThat(both(SessionToken.NONE)).isEqualTo("none,2");
    millis.addAndGet(10_000);
    assertThat(both(SessionToken.NONE)).isEqualTo("none,none");
  }

  @Test
  void itIsBoundedAndLeavesNothingBehind() {
    for (int i = 0; i < 3000; i++) {
      try (Making making = derived.begin(SessionToken.NONE)) {
        making.reads(DocumentPath.parse("x/" + i));
        derived.keep("k" + i, "x".repeat(1000), making);
      }
    }
    assertThat(derived.bytes()).isLessThanOrEqualTo(derived.maxBytes());
    assertThat(derived.evictions()).isPositive();
    assertThat((long) derived.watched()).isEqualTo(derived.size());
    derived.limit(0);
    derived.clear();
    assertThat(derived.watched()).isZero();
    try (Making making = derived.begin(SessionToken.NONE)) {
      assertThat(derived.keep("k", "x", making)).as("nothing is kept any more").isFalse();
    }
  }

  @Test
  void whatAnotherMadeServesWhoKnowsNoMore() {
    put("a/1", "1");
    put(cached, "b/1", "2", new Expiry.At(millis.get() + 10_000));
    Making making;
    try (Making begun = derived.begin(SessionToken.NONE)) {
      making = begun;
      Derived.Reader meanwhile = derived.reader(SessionToken.NONE);
      document("a/1", begun, SessionToken.NONE);
      document("b/1", begun, SessionToken.NONE);
      assertThat(derived.serves(begun, meanwhile, false)).isTrue();
      Version other = put(store, "a/1", "3", Expiry.NEVER);
      assertThat(derived.serves(begun, derived.reader(token(other)), false)).isFalse();
      put("a/1", "4");
      assertThat(derived.serves(begun, derived.reader(SessionToken.NONE), false)).isFalse();
      assertThat(derived.serves(begun, meanwhile, false)).as("who came before").isTrue();
    }
    millis.addAndGet(10_000);
    assertThat(
            derived.serves(
                making, new Derived.Reader(SessionToken.NONE, SessionToken.NONE, 0), false))
        .isFalse();
    try (Making begun = derived.begin(SessionToken.NONE)) {
      nanos.addAndGet(Store.MAX_AGE.toNanos() + 1);
      Derived.Reader late = derived.reader(SessionToken.NONE);
      assertThat(derived.serves(begun, late, false)).isFalse();
      assertThat(derived.serves(begun, late, true)).isTrue();
    }
  }

  /** A menu, say. */
  @Test
  void whatAllValuesReadDropsAllOfThem() throws InterruptedException {
    derived.limit(64 << 20);
    put("m/1", "1");
    put("m/2", "1");
    int values = 5000;
    for (int i = 0; i < values; i++) {
      try (Making making = derived.begin(SessionToken.NONE)) {
        making.reads(DocumentPath.parse("m/1"));
        making.reads(DocumentPath.parse("m/2"));
        making.reads(DocumentPath.parse("x/" + i));
        derived.keep("k" + i, "x", making);
      }
    }
    // Those that were there before the feed had brought the two went again.
    assertThat(derived.size()).isGreaterThan(values / 2);
    put("m/1", "2");
    put("m/2", "2");
    for (int i = 0; i < values; i += 500) {
      assertThat(derived.find("k" + i, SessionToken.NONE)).isNull();
    }
    await(() -> derived.size() == 0);
    await(() -> derived.watched() == 0);
    assertThat(derived.drops()).isGreaterThan(values / 2);
  }

  @Test
  void whatIsNotToBeCachedIsInNoValueThatIs() {
    cached.configure(8 << 20, path -> !path.segments().getFirst().equals("off"));
    try (Making making = derived.begin(SessionToken.NONE)) {
      making.reads(CollectionPath.parse("off"));
      assertThat(derived.keep("k", "v", making)).isFalse();
    }
  }

  /** Whatever is read and written, in whatever order, a value is what making it anew gives. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void aValueIsWhatMakingItAnewGives(long seed) {
    Random random = new Random(seed);
    List<String> paths = List.of("a/1", "a/2", "a/1/b/1", "b/1", "b/2");
    List<List<String>> kinds = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      List<String> parts = new ArrayList<>(paths);
      parts.add("list");
      parts.removeIf(_ -> random.nextBoolean());
      kinds.add(parts);
    }
    int hits = 0;
    for (int i = 0; i < 600; i++) {
      if (random.nextInt(4) == 0) {
        String path = paths.get(random.nextInt(paths.size()));
        if (random.nextInt(3) == 0) {
          delete(path);
        } else {
          put(path, "" + i);
        }
      }
      int kind = random.nextInt(kinds.size());
      String found = derived.find("kind" + kind, SessionToken.NONE);
      try (Making making = derived.begin(SessionToken.NONE)) {
        StringBuilder made = new StringBuilder();
        for (String part : kinds.get(kind)) {
          made.append(
              part.equals("list")
                  ? list(making, SessionToken.NONE)
                  : document(part, making, SessionToken.NONE));
          made.append(';');
        }
        if (found != null) {
          hits++;
          assertThat(found).isEqualTo(made.toString());
        } else {
          derived.keep("kind" + kind, made.toString(), making);
        }
      }
    }
    assertThat(hits).as("or nothing was tried").isGreaterThan(50);
  }

  /** Readers who begin after a write was acknowledged see it, or something later. */
  @Test
  void noReaderSeesWhatWasBeforeAnAcknowledgedWrite() throws Exception {
    put("a/1", "0");
    AtomicInteger acknowledged = new AtomicInteger();
    AtomicInteger hits = new AtomicInteger();
    // Of the platform's: virtual ones that never wait would leave none to the writer and the feed.
    try (ExecutorService threads = Executors.newCachedThreadPool()) {
      Future<?> writer =
          threads.submit(
              () -> {
                for (int i = 1; i <= 2000; i++) {
                  put("a/1", "" + i);
                  acknowledged.set(i);
                }
              });
      List<Future<?>> readers = new ArrayList<>();
      for (int r = 0; r < 3; r++) {
        readers.add(
            threads.submit(
                () -> {
                  while (!writer.isDone()) {
                    int least = acknowledged.get();
                    String found = derived.find("both", SessionToken.NONE);
                    hits.addAndGet(found == null ? 0 : 1);
                    String value = found == null ? both(SessionToken.NONE) : found;
                    assertThat(Integer.parseInt(value.substring(0, value.indexOf(','))))
                        .isGreaterThanOrEqualTo(least);
                  }
                }));
      }
      writer.get();
      for (Future<?> reader : readers) {
        reader.get();
      }
    }
    assertThat(hits.get()).as("or nothing was tried").isPositive();
    assertThat(both(SessionToken.NONE)).isEqualTo("2000,none");
  }
}
