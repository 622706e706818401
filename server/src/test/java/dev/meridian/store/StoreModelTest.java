package dev.meridian.store;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Version;
import dev.meridian.store.Model.Doc;
import dev.meridian.store.Model.Step;
import dev.meridian.store.StoreException.PositionLost;
import dev.meridian.store.StoreException.PreconditionFailed;
import dev.meridian.store.StoreException.Rejected;
import dev.meridian.store.proto.Command;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.Tuple;
import org.jspecify.annotations.Nullable;

/**
 * Whatever is done to a store, it answers as {@link Model} does; and so does a replica that applies
 * the same log, from an older copy, with parts of it twice.
 */
class StoreModelTest {
  private static final long START = 1_800_000_000_000L;
  private static final int REGION = 3;
  private static final List<String> PATHS =
      List.of("a/1", "a/2", "a/é", "a/1/b/1", "a/1/b/2", "a/x/b/1", "ab/1");
  private static final List<IndexDefinition> INDEXES =
      List.of(index("a", "n"), index("a", "-n"), index("a", "s", "n"), index("a/*/b", "n"));

  /** Something done to the store. */
  private sealed interface Action {
    record Entry(List<Attempt> batches, long millis) implements Action {}

    record Sweep(long millis) implements Action {}

    record Flush(long millis, boolean all) implements Action {}

    record Reopen() implements Action {}

    record Copy() implements Action {}

    record Define(Set<Integer> indexes) implements Action {}

    record Follow(int max) implements Action {}
  }

  /** A batch to try: the steps outside the first one's tree are left out. */
  private record Attempt(
      List<Step> steps, @Nullable String key, int fingerprint, @Nullable Deferral deferral) {}

  private static Deferral deferral(long ageMillis, long maxBytes) {
    return new Deferral(Duration.ofMillis(ageMillis), maxBytes);
  }

  @Property(tries = 120, shrinking = ShrinkingMode.BOUNDED)
  void storeAnswersAsTheModelDoes(@ForAll("actions") List<Action> actions) throws Exception {
    Path folder = Files.createTempDirectory("store-model");
    try (Engine engine = new Engine(4 << 20, 4 << 20);
        Run run = new Run(folder, engine)) {
      for (Action action : actions) {
        run.perform(action);
        run.check();
      }
      run.finish();
    } finally {
      delete(folder);
    }
  }

  @Provide
  Arbitrary<List<Action>> actions() {
    Arbitrary<Long> expires =
        Arbitraries.frequency(
            Tuple.of(5, 0L), Tuple.of(2, 500L), Tuple.of(2, 5_000L), Tuple.of(2, Model.KEEP));
    Arbitrary<Step> step =
        Combinators.combine(
                Arbitraries.of(PATHS),
                Arbitraries.of(Step.Kind.class),
                Arbitraries.longs().between(-20, 20),
                Arbitraries.of("x", "y", "z").injectNull(0.3),
                Arbitraries.frequency(
                    Tuple.of(6, Step.Wish.ANY),
                    Tuple.of(1, Step.Wish.ABSENT),
                    Tuple.of(1, Step.Wish.EXISTS),
                    Tuple.of(2, Step.Wish.CURRENT),
                    Tuple.of(1, Step.Wish.STALE)),
                expires)
            .as(Step::new);
    Arbitrary<Attempt> attempt =
        Combinators.combine(
                Arbitraries.frequencyOf(
                    Tuple.of(1, step.list().ofSize(1)),
                    Tuple.of(1, step.list().ofMinSize(1).ofMaxSize(4))),
                Arbitraries.of("k1", "k2", "k3").injectNull(0.7),
                Arbitraries.frequency(Tuple.of(5, 1), Tuple.of(1, 2)),
                Arbitraries.of(
                        deferral(1, 1 << 20),
                        deferral(1_000, 1 << 20),
                        deferral(60_000, 1 << 20),
                        deferral(60_000, 700),
                        deferral(1_000, 0))
                    .injectNull(0.4))
            .as(Attempt::new);
    Arbitrary<Long> millis =
        Arbitraries.frequency(
            Tuple.of(6, 0L),
            Tuple.of(6, 400L),
            Tuple.of(3, 6_000L),
            Tuple.of(1, Duration.ofHours(13).toMillis()),
            Tuple.of(1, Duration.ofDays(8).toMillis()));
    Arbitrary<Action> action =
        Arbitraries.frequencyOf(
            Tuple.of(
                20,
                Combinators.combine(attempt.list().ofMinSize(1).ofMaxSize(4), millis)
                    .as(Action.Entry::new)),
            Tuple.of(4, millis.map(Action.Sweep::new)),
            Tuple.of(
                4, Combinators.combine(millis, Arbitraries.of(true, false)).as(Action.Flush::new)),
            Tuple.of(1, Arbitraries.just(new Action.Reopen())),
            Tuple.of(1, Arbitraries.just(new Action.Copy())),
            Tuple.of(
                2,
                Arbitraries.integers()
                    .between(0, INDEXES.size() - 1)
                    .set()
                    .ofMaxSize(INDEXES.size())
                    .map(Action.Define::new)),
            Tuple.of(4, Arbitraries.integers().between(1, 5).map(Action.Follow::new)));
    return action.list().ofMinSize(5).ofMaxSize(60);
  }

  /** One run: the store, the model, a follower of the change feed and the log so far. */
  private static final class Run implements AutoCloseable {
    private final Path folder;
    private final Engine engine;
    private final Model model = new Model();
    private final List<ByteBuffer> log = new ArrayList<>();
    private final Map<String, Document> followed = new TreeMap<>();
    private List<IndexDefinition> indexes = List.of();
    private long now = START;
    private RocksStore store;
    private Position position = Position.START;
    private @Nullable Path copy;
    private int copiedAt;

    Run(Path folder, Engine engine) {
      this.folder = folder;
      this.engine = engine;
      store = open(folder.resolve("db"));
    }

    private RocksStore open(Path at) {
      return RocksStore.open(at, new RocksStore.Options(engine, REGION, () -> now, 64), indexes);
    }

    void perform(Action action) throws Exception {
      switch (action) {
        case Action.Entry(List<Attempt> batches, long millis) -> {
          now += millis;
          entry(batches);
        }
        case Action.Sweep(long millis) -> {
          now += millis;
          sweep();
        }
        case Action.Flush(long millis, boolean all) -> {
          now += millis;
          flush(all);
        }
        case Action.Reopen() -> {
          store.close();
          store = open(folder.resolve("db"));
        }
        case Action.Copy() -> {
          if (copy == null) {
            copy = folder.resolve("copy");
            copiedAt = (int) store.checkpoint(copy).index();
            assertThat(copiedAt).isEqualTo(log.size());
          }
        }
        case Action.Define(Set<Integer> chosen) -> {
          indexes = chosen.stream().map(INDEXES::get).toList();
          store.defineIndexes(indexes);
        }
        case Action.Follow(int max) -> follow(max);
      }
    }

    private void entry(List<Attempt> attempts) {
      long timestamp = Version.timestampAt(now);
      List<Command> commands = new ArrayList<>();
      List<List<String>> expected = new ArrayList<>();
      for (Attempt attempt : attempts) {
        List<Step> steps = inOneTree(attempt.steps());
        Batch plain = model.batch(steps, attempt.key(), attempt.fingerprint(), now);
        Deferral deferral = attempt.deferral();
        Batch batch = deferral == null ? plain : plain.deferred(deferral);
        commands.add(LogCodec.command(batch));
        expected.add(
            model.apply(steps, attempt.key(), attempt.fingerprint(), timestamp, REGION, batch));
      }
      model.passed(timestamp);
      List<Outcome> outcomes = apply(LogCodec.entry(commands, timestamp, now, REGION));
      assertThat(outcomes.stream().map(Run::lines)).isEqualTo(expected);
    }

    private List<Step> inOneTree(List<Step> steps) {
      DocumentPath root = DocumentPath.parse(steps.getFirst().path()).root();
      Set<String> seen = new HashSet<>();
      return steps.stream()
          .filter(step -> DocumentPath.parse(step.path()).root().equals(root))
          .filter(step -> seen.add(step.path()))
          .map(
              step ->
                  step.expires() <= 0
                      ? step
                      : new Step(
                          step.path(),
                          step.kind(),
                          step.n(),
                          step.s(),
                          step.wish(),
                          now + step.expires()))
          .toList();
    }

    private List<Outcome> apply(ByteBuffer entry) {
      log.add(entry);
      return store.apply(new LogIndex(1, log.size()), entry.duplicate());
    }

    private static List<String> lines(Outcome outcome) {
      return switch (outcome) {
        case Outcome.Done(Commit commit) ->
            commit.results().stream()
                .map(
                    written ->
                        written.version()
                            + " existed="
                            + written.existed()
                            + " "
                            + (written.json() == null ? "gone" : new String(written.json(), UTF_8)))
                .toList();
        case Outcome.Failed(PreconditionFailed _) -> List.of("PRECONDITION");
        case Outcome.Failed(Rejected rejected) -> List.of(rejected.reason().name());
        case Outcome.Failed(StoreException other) -> throw other;
        case Outcome.Swept _, Outcome.Flushed _ -> throw new AssertionError("a batch is no sweep");
      };
    }

    private void sweep() {
      long timestamp = Version.timestampAt(now);
      Command command = store.sweepCommand(now).orElse(null);
      if (command != null) {
        model.sweep(timestamp, REGION);
        model.passed(timestamp);
        assertThat(apply(LogCodec.entry(List.of(command), timestamp, now, REGION))).hasSize(1);
        assertThat(store.sweepCommand(now)).isEmpty();
      } else {
        assertThat(model.stored.values()).allMatch(doc -> doc.isLive(now));
      }
    }

    private void flush(boolean all) {
      long timestamp = Version.timestampAt(now);
      int flushed = model.flush(timestamp, REGION, all);
      model.passed(timestamp);
      Command command = LogCodec.flush(100, 1 << 20, all);
      assertThat(apply(LogCodec.entry(List.of(command), timestamp, now, REGION)))
          .containsExactly(new Outcome.Flushed(flushed));
      if (all) {
        assertThat(store.pending().documents()).isZero();
        assertThat(store.pending().bytes()).isZero();
      }
    }

    private void follow(int max) throws InterruptedException {
      try (ChangeFeed feed =
          store.changes(new ChangeQuery(new ChangeScope.Everything(), position))) {
        List<Change> changes = feed.poll(max, Duration.ZERO);
        assertThat(changes).hasSizeLessThanOrEqualTo(max);
        long last = position.sequence();
        Set<DocumentPath> seen = new HashSet<>();
        for (Change change : changes) {
          assertThat(change.position().sequence()).isGreaterThan(last);
          assertThat(seen.add(change.path())).isTrue();
          last = change.position().sequence();
          Document document = change.document();
          if (document == null) {
            followed.remove(change.path().toString());
          } else {
            followed.put(change.path().toString(), document);
          }
        }
        position = feed.position();
      } catch (PositionLost e) {
        followed.clear();
        position = Position.START;
      }
    }

    void check() throws Exception {
      assertThat(store.pending().documents()).isEqualTo(model.pending.size());
      for (String path : PATHS) {
        assertSame(
            store.get(DocumentPath.parse(path), ReadOptions.STRONG).orElse(null),
            model.live(path, now));
      }
      assertThat(list("a", null, 2)).isEqualTo(expected("a", byId()));
      assertThat(list("a/1/b", null, 1)).isEqualTo(expected("a/1/b", byId()));
      assertThat(store.awaitIndexes(Duration.ofSeconds(30))).isTrue();
      Comparator<String> byNumber =
          Comparator.<String>comparingLong(path -> model.storedDoc(path).value().n())
              .thenComparing(byId());
      assertThat(list("a", "n", 2)).isEqualTo(expected("a", byNumber));
      assertThat(list("a", "-n", 2)).isEqualTo(expected("a", byNumber.reversed()));
      assertThat(list("a/1/b", "n", 1)).isEqualTo(expected("a/1/b", byNumber));
    }

    void finish() throws Exception {
      assertThat(store.verify().problems()).isEmpty();
      do {
        follow(3);
      } while (!position.equals(store.position()));
      followed.values().removeIf(document -> document.isExpiredAt(now));
      assertThat(followed.keySet())
          .isEqualTo(
              new TreeMap<>(model.stored)
                  .entrySet().stream()
                      .filter(entry -> entry.getValue().isLive(now))
                      .map(Map.Entry::getKey)
                      .collect(java.util.stream.Collectors.toSet()));
      followed.forEach((path, document) -> assertSame(document, model.storedDoc(path)));
      if (copy != null) {
        replay(copy);
      }
    }

    /** A replica that is restarted from an older copy applies the log again, some of it twice. */
    private void replay(Path from) {
      try (RocksStore replica = open(from)) {
        int begin = copiedAt - copiedAt / 2;
        for (int i = begin; i < log.size(); i++) {
          List<Outcome> outcomes = replica.apply(new LogIndex(1, i + 1), log.get(i).duplicate());
          assertThat(outcomes.isEmpty()).isEqualTo(i < copiedAt);
        }
        assertThat(replica.applied()).isEqualTo(store.applied());
        assertThat(replica.position()).isEqualTo(store.position());
        assertThat(replica.lastTimestamp()).isEqualTo(store.lastTimestamp());
        assertThat(replica.pending().documents()).isEqualTo(store.pending().documents());
        assertThat(replica.pending().bytes()).isEqualTo(store.pending().bytes());
        for (String path : PATHS) {
          assertSame(
              replica.get(DocumentPath.parse(path), ReadOptions.STRONG).orElse(null),
              model.live(path, now));
        }
        assertThat(replica.verify().problems()).isEmpty();
      }
    }

    private static Comparator<String> byId() {
      return Comparator.comparing(path -> DocumentPath.parse(path).id());
    }

    private List<String> expected(String collection, Comparator<String> order) {
      return model.stored.keySet().stream()
          .filter(path -> DocumentPath.parse(path).collection().toString().equals(collection))
          .filter(path -> model.doc(path).isLive(now))
          .sorted(order)
          .toList();
    }

    private List<String> list(String collection, @Nullable String sort, int limit) {
      List<String> paths = new ArrayList<>();
      String after = null;
      do {
        Query query =
            new Query(
                CollectionPath.parse(collection),
                null,
                sort == null ? null : Sort.parse(sort),
                limit,
                after,
                1_000);
        Page page = store.list(query, ReadOptions.STRONG);
        page.documents().forEach(document -> paths.add(document.path().toString()));
        after = page.next();
      } while (after != null);
      return paths;
    }

    private static void assertSame(@Nullable Document actual, @Nullable Doc expected) {
      if (expected == null || actual == null) {
        assertThat(actual).isEqualTo(expected);
      } else {
        assertThat(actual.version()).isEqualTo(expected.version());
        assertThat(actual.expiresAtMillis()).isEqualTo(expected.expiresAt());
        assertThat(new String(actual.json(), UTF_8))
            .isEqualTo(new String(expected.value().json(), UTF_8));
      }
    }

    @Override
    public void close() {
      store.close();
    }
  }

  private static IndexDefinition index(String collection, String... fields) {
    return new IndexDefinition(collection, Stream.of(fields).map(Sort::parse).toList());
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
