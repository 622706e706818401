package dev.meridian.cache;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.store.Batch;
import dev.meridian.store.Commit;
import dev.meridian.store.Condition;
import dev.meridian.store.Consistency;
import dev.meridian.store.Deferral;
import dev.meridian.store.Engine;
import dev.meridian.store.Expiry;
import dev.meridian.store.LogCodec;
import dev.meridian.store.LogIndex;
import dev.meridian.store.Query;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.RocksStore;
import dev.meridian.store.SessionToken;
import dev.meridian.store.Write;
import dev.meridian.store.Written;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.Tuple;
import net.jqwik.api.lifecycle.AfterContainer;
import org.jspecify.annotations.Nullable;

/**
 * Whatever happens to the store and its feed, every answer is a state of the document that its
 * reader's consistency allows: none from before what the reader has seen, none that was over for
 * longer than the bound, none that has expired.
 */
class CachedStoreModelTest {
  private static final List<String> PATHS = List.of("a/1", "a/2", "a/1/b/1", "a/1/b/2", "c/1");
  private static final int READERS = 3;

  /** Answers from memory: without any, nothing would have been tried here. */
  private static final LongAdder HITS = new LongAdder();

  private enum Level {
    STRONG,
    TOKEN,
    NO_TOKEN,
    EVENTUAL
  }

  private sealed interface Action {
    /** Writes paths of one tree: null deletes; put off where that can be, if it is to be. */
    record Change(List<String> paths, boolean delete, long expires, boolean here, boolean deferred)
        implements Action {}

    /** Flushes what is due. */
    record Flush() implements Action {}

    record Get(String path, int reader, Level level) implements Action {}

    record ListAll(int reader) implements Action {}

    record Time(long millis) implements Action {}

    record Feed(What what) implements Action {}

    enum What {
      HOLD,
      FLOW,
      CUT,
      LOSE,
      CATCH_UP
    }

    record Reopen() implements Action {}
  }

  @Property(tries = 120, shrinking = ShrinkingMode.BOUNDED)
  void everyAnswerIsOneThatItsReaderMayHave(@ForAll("actions") List<Action> actions)
      throws Exception {
    Path folder = Files.createTempDirectory("cache-model");
    try (Engine engine = new Engine(4 << 20, 4 << 20);
        Run run = new Run(folder, engine)) {
      for (Action action : actions) {
        run.perform(action);
      }
      HITS.add(run.cached.status().hits());
    } finally {
      delete(folder);
    }
  }

  @AfterContainer
  static void theCacheWasUsed() {
    assertThat(HITS.sum()).isPositive();
  }

  @Provide
  Arbitrary<List<Action>> actions() {
    Arbitrary<Action> change =
        Combinators.combine(
                Arbitraries.of(
                    List.of("a/1"),
                    List.of("a/2"),
                    List.of("c/1"),
                    List.of("a/1", "a/1/b/1"),
                    List.of("a/1/b/1", "a/1/b/2")),
                Arbitraries.frequency(Tuple.of(3, false), Tuple.of(1, true)),
                Arbitraries.frequency(Tuple.of(4, 0L), Tuple.of(1, 500L), Tuple.of(1, 4_000L)),
                Arbitraries.of(true, false),
                Arbitraries.of(true, false))
            .as(Action.Change::new);
    Arbitrary<Action> get =
        Combinators.combine(
                Arbitraries.of(PATHS),
                Arbitraries.integers().between(0, READERS - 1),
                Arbitraries.frequency(
                    Tuple.of(1, Level.STRONG),
                    Tuple.of(6, Level.TOKEN),
                    Tuple.of(4, Level.NO_TOKEN),
                    Tuple.of(4, Level.EVENTUAL)))
            .as(Action.Get::new);
    Arbitrary<Action> action =
        Arbitraries.frequencyOf(
            Tuple.of(12, change),
            Tuple.of(24, get),
            Tuple.of(2, Arbitraries.integers().between(0, READERS - 1).map(Action.ListAll::new)),
            Tuple.of(3, Arbitraries.of(1L, 400L, 3_000L, 6_000L).map(Action.Time::new)),
            Tuple.of(8, Arbitraries.of(Action.What.class).map(Action.Feed::new)),
            Tuple.of(4, Arbitraries.just(new Action.Flush())),
            Tuple.of(1, Arbitraries.just(new Action.Reopen())));
    return action.list().ofMinSize(10).ofMaxSize(120);
  }

  /** What a path was from a version on. */
  private record State(
      long timestamp, @Nullable String json, long expiresAt, long sinceNanos, String what) {
    static final State NEVER_WRITTEN = new State(0, null, 0, Long.MIN_VALUE / 2, "never written");

    boolean isNothing(long millis) {
      return json == null || (expiresAt != 0 && expiresAt <= millis);
    }
  }

  private static final class Run implements AutoCloseable {
    private final Path folder;
    private final Engine engine;
    private final AtomicLong millis = new AtomicLong(1_800_000_000_000L);
    private final AtomicLong nanos = new AtomicLong(1);
    private RocksStore store;
    private final Valve valve;
    final CachedStore cached;

    private final Map<String, List<State>> states = new HashMap<>();
    private final SessionToken[] tokens = new SessionToken[READERS];

    /** What was written or shown through the cache. */
    private long shown;

    private int written;

    Run(Path folder, Engine engine) {
      this.folder = folder;
      this.engine = engine;
      store = open();
      valve = new Valve(store);
      cached = new CachedStore(valve, 1 << 20, _ -> true, new SimpleMeterRegistry(), nanos::get);
      Arrays.fill(tokens, SessionToken.NONE);
      for (String path : PATHS) {
        states.put(path, new ArrayList<>(List.of(State.NEVER_WRITTEN)));
      }
    }

    private RocksStore open() {
      return RocksStore.open(
          folder.resolve("db"), RocksStore.Options.of(engine).withClock(millis::get), List.of());
    }

    void perform(Action action) throws InterruptedException {
      switch (action) {
        case Action.Change change -> change(change);
        case Action.Get get -> get(get);
        case Action.ListAll(int reader) -> {
          cached.list(
              new Query(CollectionPath.parse("a"), null, null, 10, null, 0), ReadOptions.SESSION);
          tokens[reader] = tokens[reader].seen(cached.seen());
          shown = Math.max(shown, timestamp(cached.seen()));
        }
        case Action.Time(long by) -> {
          millis.addAndGet(by);
          nanos.addAndGet(by * 1_000_000);
        }
        case Action.Feed(Action.What what) -> {
          switch (what) {
            case HOLD -> valve.hold();
            case FLOW -> valve.flow();
            case CUT -> valve.cut();
            case LOSE -> {
              valve.cut();
              valve.lose();
              valve.flow();
            }
            case CATCH_UP -> {
              valve.flow();
              while (cached.status().lag() != 0) {
                Thread.sleep(1);
              }
            }
          }
        }
        case Action.Flush _ -> flush();
        case Action.Reopen _ -> {
          store.close();
          store = open();
          valve.store = store;
        }
      }
    }

    private void change(Action.Change change) {
      List<Write> writes = new ArrayList<>();
      String json = Integer.toString(++written);
      long expiresAt = change.expires() == 0 ? 0 : millis.get() + change.expires();
      for (String text : change.paths()) {
        DocumentPath path = DocumentPath.parse(text);
        writes.add(
            change.delete()
                ? new Write.Delete(path, Condition.NONE)
                : new Write.Put(
                    path, json.getBytes(UTF_8), Condition.NONE, new Expiry.At(expiresAt)));
      }
      Batch plain = new Batch(writes, null, false);
      Batch batch =
          change.deferred() ? plain.deferred(new Deferral(Duration.ofMillis(300), 1 << 20)) : plain;
      Commit commit = change.here() ? cached.write(batch) : store.write(batch);
      if (change.here()) {
        shown = Math.max(shown, commit.version().timestamp());
      }
      for (Written result : commit.results()) {
        List<State> of = states(result.path().toString());
        long timestamp = result.version().timestamp();
        if (timestamp > of.getLast().timestamp()) { // deleting what is deleted changes nothing
          of.add(
              new State(
                  timestamp,
                  change.delete() ? null : json,
                  change.delete() ? 0 : expiresAt,
                  nanos.get(),
                  change.delete() ? "deleted" : json));
        }
      }
    }

    /** What is flushed has the value it had, at a version of its own. */
    private void flush() {
      store
          .flushCommand(millis.get())
          .ifPresent(
              command ->
                  store.apply(
                      new LogIndex(store.applied().term(), store.applied().index() + 1),
                      LogCodec.entry(
                          List.of(command), store.lastTimestamp() + 1, millis.get(), 0)));
      for (String path : PATHS) {
        List<State> of = states(path);
        State last = of.getLast();
        store
            .get(DocumentPath.parse(path), ReadOptions.STRONG)
            .filter(document -> document.version().timestamp() > last.timestamp())
            .ifPresent(
                document ->
                    of.add(
                        new State(
                            document.version().timestamp(),
                            last.json(),
                            last.expiresAt(),
                            nanos.get(),
                            "flushed")));
      }
    }

    private void get(Action.Get get) {
      SessionToken token = tokens[get.reader()];
      ReadOptions options =
          switch (get.level()) {
            case STRONG -> ReadOptions.STRONG;
            case TOKEN -> ReadOptions.session(token);
            case NO_TOKEN -> ReadOptions.SESSION;
            case EVENTUAL -> new ReadOptions(Consistency.EVENTUAL, SessionToken.NONE);
          };
      long floor =
          switch (get.level()) {
            case STRONG -> Long.MAX_VALUE;
            case TOKEN -> token.timestamps().isEmpty() ? shown : timestamp(token);
            case NO_TOKEN -> shown;
            case EVENTUAL -> 0;
          };
      Optional<Document> found = cached.get(DocumentPath.parse(get.path()), options);
      check(get, floor, found);
      found.ifPresent(document -> shown = Math.max(shown, document.version().timestamp()));
      if (get.level() != Level.EVENTUAL) {
        tokens[get.reader()] =
            found
                .map(Document::version)
                .map(token::seen)
                .orElseGet(() -> token.seen(cached.seen()));
      }
    }

    private void check(Action.Get get, long floor, Optional<Document> found) {
      List<State> all = states(get.path());
      int first = all.size() - 1;
      while (first > 0 && all.get(first).timestamp() > floor) {
        first--;
      }
      while (first < all.size() - 1
          && nanos.get() - all.get(first + 1).sinceNanos()
              > dev.meridian.cache.Level.MAX_AGE.toNanos()) {
        first++;
      }
      List<State> allowed = all.subList(first, all.size());
      long now = store.readMillis();
      if (found.isEmpty()) {
        assertThat(allowed).as("%s found nothing", get).anyMatch(state -> state.isNothing(now));
      } else {
        Document document = found.get();
        assertThat(allowed)
            .as("%s found %s", get, new String(document.json(), UTF_8))
            .anyMatch(
                state ->
                    !state.isNothing(now)
                        && state.timestamp() == document.version().timestamp()
                        && new String(document.json(), UTF_8).equals(state.json())
                        && document.expiresAtMillis() == state.expiresAt());
        assertThat(document.path().toString()).isEqualTo(get.path());
      }
    }

    private List<State> states(String path) {
      return Objects.requireNonNull(states.get(path));
    }

    private static long timestamp(SessionToken token) {
      return token.timestamps().getOrDefault(0, 0L);
    }

    @Override
    public void close() {
      valve.flow();
      cached.close();
      store.close();
    }
  }

  private static void delete(Path folder) {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
