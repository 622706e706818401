package dev.meridian.torture;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.torture.Operation.Kind;
import dev.meridian.torture.Operation.Level;
import dev.meridian.torture.Operation.Part;
import dev.meridian.torture.Simulation.Bug;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The checkers convict planted bugs, and nothing else. */
class CheckersTest {
  private static final Simulation.Size SMALL = new Simulation.Size(8, 1_200, 4);
  private static final int SEEDS = 15;

  private static SequencedMap<String, Verdict> judge(Simulation simulation) {
    List<Operation> history = simulation.run();
    SequencedMap<String, Verdict> verdicts = new LinkedHashMap<>();
    verdicts.put("linearizability", new LinearizabilityChecker().check(history));
    verdicts.put("sessions", SessionChecker.check(history));
    verdicts.put("final state", FinalChecker.check(history, simulation.end()));
    return verdicts;
  }

  private static String report(long seed, Simulation simulation, Map<String, Verdict> verdicts) {
    return new TortureReport(seed, List.of(), simulation.run(), new LinkedHashMap<>(verdicts))
        .text();
  }

  @Property(tries = 40)
  void clusterWithoutBugsIsAcquitted(@ForAll @LongRange(min = 0, max = 1 << 30) long seed) {
    SequencedMap<String, Verdict> verdicts = judge(new Simulation(seed, Bug.NONE, SMALL));
    assertThat(verdicts.values())
        .as(() -> report(seed, new Simulation(seed, Bug.NONE, SMALL), verdicts))
        .allMatch(Verdict::accepted);
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
  void everyPlantedBugIsConvicted(Bug bug) {
    int convicted = 0;
    for (long seed = 1; seed <= SEEDS; seed++) {
      Map<String, Verdict> verdicts = judge(new Simulation(seed, bug, SMALL));
      boolean guilty =
          switch (bug) {
            case STALE_LEASE, HALF_A_BATCH -> convicts(of(verdicts, "linearizability"));
            case TOKEN_IGNORED -> convicts(of(verdicts, "sessions"));
            default -> verdicts.values().stream().anyMatch(CheckersTest::convicts);
          };
      convicted += guilty ? 1 : 0;
      if (bug == Bug.TOKEN_IGNORED) {
        assertThat(of(verdicts, "linearizability").accepted()).as("seed %d", seed).isTrue();
      }
    }
    // What a bug did may have been overwritten before anybody saw it.
    assertThat(convicted).as("%s of seeds 1 to %d", bug, SEEDS).isGreaterThanOrEqualTo(SEEDS - 3);
  }

  private static Verdict of(Map<String, Verdict> verdicts, String checker) {
    return Objects.requireNonNull(verdicts.get(checker));
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
    history.set(
        at, Histories.with(read, new Part(part.document(), other, part.count(), part.etag())));
    assertThat(new LinearizabilityChecker().check(history))
        .isInstanceOfSatisfying(
            Verdict.Convicted.class,
            convicted -> {
              List<Operation> least = convicted.violations().getFirst().operations();
              assertThat(least).hasSizeBetween(1, 12);
            });
  }

  @Property(tries = 1500)
  void fastCheckerAgreesWithBruteForce(@ForAll @LongRange(min = 0, max = 1 << 30) long seed) {
    List<Operation> history = Histories.small(seed);
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
    history.write(folder.resolve("history.ndjson"));
    assertThat(History.read(folder.resolve("history.ndjson")).operations())
        .isEqualTo(history.operations());
  }

  @Test
  void reportShowsWhatWasDoneAndWhatIsWrong() {
    Simulation simulation = new Simulation(1, Bug.STALE_LEASE, SMALL);
    SequencedMap<String, Verdict> verdicts = judge(simulation);
    TortureReport report =
        new TortureReport(
            1,
            List.of("+20 ms fail over"),
            new Simulation(1, Bug.STALE_LEASE, SMALL).run(),
            verdicts);
    assertThat(report.accepted()).isFalse();
    assertThat(report.text())
        .contains("seed 1", "+20 ms fail over", "linearizability: CONVICTED", "READ STRONG");
    assertThat(report.markdown()).contains("## Verdicts", "```text");
    assertThat(report.longestWithoutWriteNanos()).isPositive();
  }
}
