package dev.meridian.torture;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.torture.Operation.Kind;
import dev.meridian.torture.Operation.Level;
import dev.meridian.torture.Operation.Part;
import dev.meridian.torture.Simulation.Bug;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The checkers convict planted bugs, and nothing else. */
class CheckersTest {
  private static final Simulation.Size SMALL = new Simulation.Size(8, 1_200, 4);
  private static final int SEEDS = 15;

  private static final Consumer<Verdict> DIFFER =
      verdict ->
          assertThat(verdict)
              .isInstanceOfSatisfying(
                  Verdict.Convicted.class,
                  convicted ->
                      assertThat(convicted.violations())
                          .extracting(Verdict.Violation::rule)
                          .containsOnly("nodes-agree"));

  private static List<Judgement> judge(Simulation simulation) {
    List<Operation> history = simulation.run();
    return Judgement.of(history, simulation.end());
  }

  private static String report(long seed, List<Operation> history, List<Judgement> judgements) {
    return new TortureReport(seed, List.of(), history, CacheUse.NONE, judgements).text();
  }

  private static List<@Nullable CachePolicy> policies() {
    List<@Nullable CachePolicy> all = new ArrayList<>(List.of(CachePolicy.values()));
    all.add(null);
    return all;
  }

  @Property(tries = 60)
  void clusterWithoutBugsIsAcquitted(@ForAll @LongRange(min = 0, max = 1 << 30) long seed) {
    CachePolicy policy = policies().get((int) (seed % policies().size()));
    Simulation simulation = new Simulation(seed, Bug.NONE, SMALL, policy);
    List<Operation> history = simulation.run();
    List<Judgement> judgements = Judgement.of(history, simulation.end());
    assertThat(judgements)
        .as(() -> report(seed, history, judgements))
        .allMatch(judgement -> judgement.verdict().accepted());
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
  void everyPlantedBugIsConvicted(Bug bug) {
    int convicted = 0;
    for (long seed = 1; seed <= SEEDS; seed++) {
      List<Judgement> judgements = judge(new Simulation(seed, bug, SMALL));
      boolean guilty =
          switch (bug) {
            case STALE_LEASE, HALF_A_BATCH, STRONG_READ_MISSES_PENDING ->
                convicts(of(judgements, Judgement.LINEAR));
            case TOKEN_IGNORED, STALE_PAGE -> convicts(of(judgements, Judgement.GUARANTEES));
            case STALE_FOR_OTHERS -> convicts(of(judgements, Judgement.RECENT));
            default -> judgements.stream().anyMatch(j -> convicts(j.verdict()));
          };
      convicted += guilty ? 1 : 0;
      if (bug == Bug.TOKEN_IGNORED || bug == Bug.STALE_FOR_OTHERS || bug == Bug.STALE_PAGE) {
        assertThat(of(judgements, Judgement.LINEAR).accepted()).as("seed %d", seed).isTrue();
      }
      if (bug == Bug.STALE_FOR_OTHERS) {
        assertThat(of(judgements, Judgement.GUARANTEES).accepted()).as("seed %d", seed).isTrue();
      }
    }
    // What a bug did may have been overwritten before anybody saw it.
    assertThat(convicted).as("%s of seeds 1 to %d", bug, SEEDS).isGreaterThanOrEqualTo(SEEDS - 3);
  }

  /** What a flush makes of a value that is there to stay is seen by the last look at least. */
  @ParameterizedTest
  @EnumSource(names = {"FLUSH_LOSES_INCREMENT", "FLUSH_COUNTS_TWICE"})
  void wrongCountersAreFoundAtTheEnd(Bug bug) {
    int convicted = 0;
    for (long seed = 1; seed <= SEEDS; seed++) {
      List<Judgement> judgements = judge(new Simulation(seed, bug, SMALL));
      convicted += convicts(of(judgements, Judgement.FINAL)) ? 1 : 0;
    }
    assertThat(convicted).as("%s of seeds 1 to %d", bug, SEEDS).isGreaterThanOrEqualTo(SEEDS - 3);
  }

  /** A history is only as good as the promise: what read-through may do, write-through may not. */
  @Test
  void recencyIsMoreThanReadThroughPromises() {
    List<Operation> history = new Simulation(1, Bug.NONE, SMALL, CachePolicy.READ_THROUGH).run();
    assertThat(RecencyChecker.check(history)).isInstanceOf(Verdict.Convicted.class);
    // But for answers that say so.
    List<Operation> honest =
        history.stream()
            .map(o -> o.isRead() && o.level() != Level.STRONG ? Histories.markedStale(o) : o)
            .toList();
    assertThat(RecencyChecker.check(honest).accepted()).isTrue();
    // If all do, nothing is shown.
    List<Operation> allMarked =
        history.stream().map(o -> o.isRead() ? Histories.markedStale(o) : o).toList();
    assertThat(RecencyChecker.check(allMarked)).isInstanceOf(Verdict.Undecided.class);
  }

  @Test
  void incrementsOfOneVersionHappenAtOnce() {
    String document = Histories.BEHIND;
    Operation first = Histories.increment(document, 1, 0, 10);
    Operation second = Histories.increment(document, 1, 5, 15);
    Operation both = Histories.strongRead(document, 2, 1, 20, 30);
    assertThat(linear(first, second, both)).isTrue();
    assertThat(linear(first, second, Histories.strongRead(document, 1, 1, 20, 30))).isFalse();
    // A flush may have come in between, and nothing else.
    assertThat(linear(first, second, both, Histories.strongRead(document, 2, 2, 40, 50))).isTrue();
    assertThat(linear(first, second, Histories.strongRead(document, 2, 2, 12, 13), both)).isFalse();
    // One that was sent after the other was acknowledged was never added up with it.
    Operation late = Histories.increment(document, 1, 11, 15);
    assertThat(linear(first, late, both)).isFalse();
    // Elsewhere every write has a version of its own.
    assertThat(linear(inT(first), inT(second), inT(both))).isFalse();
  }

  /** Nodes are asked one after another, and a flush gives what they have another version. */
  @Test
  void flushWhileNodesAreAskedAtTheEndIsAccepted() {
    List<Operation> behind = List.of(Histories.increment(Histories.BEHIND, 1, 0, 10));
    assertThat(FinalChecker.check(behind, end(Histories.BEHIND, 1, 2)).accepted()).isTrue();
    assertThat(FinalChecker.check(behind, end(Histories.BEHIND, 2, 2))).satisfies(DIFFER);
    List<Operation> plain = List.of(Histories.increment(Histories.DOCUMENT, 1, 0, 10));
    assertThat(FinalChecker.check(plain, end(Histories.DOCUMENT, 1, 1)).accepted()).isTrue();
    assertThat(FinalChecker.check(plain, end(Histories.DOCUMENT, 1, 2))).satisfies(DIFFER);
  }

  /** One node has counted one, the other so many. */
  private static FinalState end(String document, long count, int version) {
    Part one = new Part(document, null, 1, Histories.etag(1));
    Part other = new Part(document, null, count, Histories.etag(version));
    return new FinalState(Map.of("x", Map.of(document, one), "y", Map.of(document, other)));
  }

  private static Operation inT(Operation operation) {
    Part part = operation.part();
    return operation.withPart(
        new Part(Histories.DOCUMENT, part.value(), part.count(), part.etag()));
  }

  private static boolean linear(Operation... history) {
    return new LinearizabilityChecker().check(List.of(history)).accepted();
  }

  @Test
  void unusedCachesAreNoProof() {
    assertThat(CacheUse.NONE.judge(List.of(CachePolicy.OFF))).isEmpty();
    assertThat(CacheUse.NONE.judge(CachePolicy.ALL).orElseThrow().verdict())
        .isInstanceOfSatisfying(
            Verdict.Undecided.class,
            undecided -> assertThat(undecided.why()).contains("near cache", "put off", "no proof"));
    assertThat(new CacheUse(1, 0, 1, 0, 1, 1).judge(CachePolicy.ALL))
        .hasValueSatisfying(judgement -> assertThat(judgement.verdict().accepted()).isTrue());
    assertThat(new TortureReport(1, List.of(), List.of(), CacheUse.NONE, List.of()).accepted())
        .isFalse();
  }

  /** Nobody else saw what a page shows, yet it shows less than it must. */
  @Test
  void pageThatMissesIncrementsIsFound() {
    Part put = new Part("t/0", "v", 0, Histories.etag(2));
    List<Operation> writes =
        List.of(
            Histories.increment("t/0", 1, 0, 10),
            Histories.put(put, 20, 30),
            Histories.increment("t/0", 3, 40, 50),
            Histories.increment("t/0", 4, 60, 70));
    Part one = new Part("t/0", "v", 1, null);
    Part both = new Part("t/0", "v", 2, null);
    assertThat(sessions(writes, Histories.page(both, 4, 80))).isEmpty();
    assertThat(sessions(writes, Histories.page(one, 3, 80))).isEmpty();
    assertThat(sessions(writes, Histories.page(one, 4, 80))).containsExactly("token");
    assertThat(recent(writes, Histories.page(both, 0, 80))).isEmpty();
    assertThat(recent(writes, Histories.page(one, 0, 65))).isEmpty();
    assertThat(recent(writes, Histories.page(one, 0, 80))).containsExactly("recent");
    assertThat(recent(writes, Histories.markedStale(Histories.page(one, 0, 80)))).isEmpty();
    // Only counted.
    List<Operation> counted =
        List.of(Histories.increment("t/0", 1, 0, 10), Histories.increment("t/0", 2, 20, 30));
    Part first = new Part("t/0", null, 1, null);
    assertThat(sessions(counted, Histories.page(first, 1, 80))).isEmpty();
    assertThat(sessions(counted, Histories.page(first, 2, 80))).containsExactly("token");
    assertThat(recent(counted, Histories.page(first, 0, 80))).containsExactly("recent");
    // A delete may have come in between.
    List<Operation> deleted = new ArrayList<>(counted);
    deleted.add(Histories.delete("t/0", 3, 25, 28));
    deleted.add(Histories.page(first, 2, 80));
    assertThat(SessionChecker.check(deleted)).isEqualTo(new Verdict.Accepted(3));
    FinalState end = end("t/0", 1, 1);
    assertThat(of(Judgement.of(deleted, end), Judgement.PAGES))
        .isInstanceOf(Verdict.Undecided.class);
  }

  private static List<String> sessions(List<Operation> writes, Operation page) {
    return rules(SessionChecker.check(Stream.concat(writes.stream(), Stream.of(page)).toList()));
  }

  private static List<String> recent(List<Operation> writes, Operation page) {
    return rules(RecencyChecker.check(Stream.concat(writes.stream(), Stream.of(page)).toList()));
  }

  private static List<String> rules(Verdict verdict) {
    return verdict instanceof Verdict.Convicted(List<Verdict.Violation> violations)
        ? violations.stream().map(Verdict.Violation::rule).toList()
        : List.of();
  }

  /** What was refused, or never asked, breaks no promise, and proves none. */
  @Test
  void partsOfARunThatWereNotUsedAreNoProof() {
    List<CachePolicy> policies = List.of(CachePolicy.READ_THROUGH, CachePolicy.WRITE_THROUGH);
    Workload.Options options =
        Workload.Options.of(List.of(URI.create("http://127.0.0.1:1")), null, policies, "r", 1);
    Simulation simulation = new Simulation(1, Bug.NONE, SMALL, CachePolicy.READ_THROUGH);
    List<Operation> history = simulation.run();
    assertThat(unused(history, simulation.end(), options))
        .containsExactly("write-through", "sessions");
    List<Operation> strong =
        history.stream().filter(o -> !o.isRead() || o.level() == Level.STRONG).toList();
    assertThat(unused(strong, simulation.end(), options)).contains("read-through");
    List<Operation> reads = history.stream().filter(o -> !o.hasWritten()).toList();
    assertThat(unused(reads, simulation.end(), options)).contains("read-through");
  }

  private static List<String> unused(
      List<Operation> history, FinalState end, Workload.Options options) {
    return Judgement.of(history, end, options).stream()
        .filter(judgement -> judgement.checker().equals(Judgement.IN_USE))
        .filter(judgement -> judgement.verdict() instanceof Verdict.Undecided)
        .map(Judgement::subject)
        .toList();
  }

  private static Verdict of(List<Judgement> judgements, String checker) {
    return judgements.stream()
        .filter(judgement -> judgement.checker().equals(checker))
        .map(Judgement::verdict)
        .findFirst()
        .orElseThrow();
  }

  private static boolean convicts(Verdict verdict) {
    return verdict instanceof Verdict.Convicted;
  }

  @Property(tries = 30)
  void readThatWasChangedIsConvicted(@ForAll @LongRange(min = 0, max = 1 << 30) long seed) {
    List<Operation> history = new ArrayList<>(new Simulation(seed, Bug.NONE, SMALL).run());
    List<Integer> reads = new ArrayList<>();
    for (int i = 0; i < history.size(); i++) {
      Operation operation = history.get(i);
      if (operation.hasRead()
          && operation.level() == Level.STRONG
          && operation.part().value() != null
          && operation.part().count() == 0) {
        reads.add(i);
      }
    }
    int at = reads.get((int) (seed % reads.size()));
    Operation read = history.get(at);
    Part part = read.part();
    // What somebody else wrote, at this version.
    String other =
        history.stream()
            .filter(o -> o.hasWritten() && o.kind() == Kind.PUT)
            .filter(o -> o.part().document().equals(part.document()))
            .map(o -> String.valueOf(o.part().value()))
            .filter(value -> !value.equals(part.value()))
            .findAny()
            .orElseThrow();
    history.set(at, read.withPart(new Part(part.document(), other, part.count(), part.etag())));
    assertThat(new LinearizabilityChecker().check(history))
        .isInstanceOfSatisfying(
            Verdict.Convicted.class,
            convicted -> {
              List<Operation> least = convicted.violations().getFirst().operations();
              assertThat(least).hasSizeBetween(1, 12);
            });
  }

  @Property(tries = 2500)
  void fastCheckerAgreesWithBruteForce(@ForAll @LongRange(min = 0, max = 1 << 30) long seed) {
    List<Operation> history =
        Histories.small(seed, seed % 2 == 0 ? Histories.DOCUMENT : Histories.BEHIND);
    assertThat(new LinearizabilityChecker().check(history).accepted())
        .as(() -> "seed " + seed + "\n" + Chart.timeline(history))
        .isEqualTo(Histories.isLinearizable(history));
  }

  @Test
  void longHistoriesAreDecided() {
    Simulation simulation = new Simulation(7, Bug.NONE, new Simulation.Size(20, 100_000, 25));
    List<Operation> history = simulation.run();
    assertThat(history).hasSize(100_000);
    assertThat(new LinearizabilityChecker().check(history).accepted()).isTrue();
    assertThat(SessionChecker.check(history).accepted()).isTrue();
  }

  @Test
  void limitIsSaid() {
    List<Operation> history = new Simulation(7, Bug.NONE, SMALL).run();
    LinearizabilityChecker hasty =
        new LinearizabilityChecker(LinearizabilityChecker.DEFAULT_TIME, 100);
    assertThat(hasty.check(history)).isInstanceOf(Verdict.Undecided.class);
  }

  @Test
  void historyIsTheSameAfterItsFile(@TempDir Path folder) throws Exception {
    History history = new History();
    new Simulation(3, Bug.NONE, SMALL).run().forEach(history::add);
    history.add(Histories.markedStale(Histories.strongRead("t/0", 1, 1, 5, 6)));
    history.write(folder.resolve("history.ndjson"));
    assertThat(History.read(folder.resolve("history.ndjson")).operations())
        .isEqualTo(history.operations());
  }

  @Test
  void reportShowsWhatWasDoneAndWhatIsWrong() {
    Simulation simulation = new Simulation(1, Bug.STALE_LEASE, SMALL);
    List<Operation> history = simulation.run();
    List<Judgement> judgements = Judgement.of(history, simulation.end());
    TortureReport report =
        new TortureReport(
            1, List.of("+20 ms fail over"), history, new CacheUse(7, 0, 0, 0, 0, 0), judgements);
    assertThat(report.accepted()).isFalse();
    assertThat(report.text())
        .contains("seed 1", "+20 ms fail over", "linearizable: CONVICTED", "READ STRONG")
        .containsPattern("read-through +[0-9]+ +[0-9]+ .* [1-9][0-9]*\n")
        .containsPattern("near cache +7 hits")
        .doesNotContain("\u001b");
    assertThat(report.markdown()).contains("## Verdicts", "```text");
    assertThat(report.longestWithoutWriteNanos()).isPositive();
  }
}
