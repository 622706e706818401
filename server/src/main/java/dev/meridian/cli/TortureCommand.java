package dev.meridian.cli;

import dev.meridian.lab.Equipment;
import dev.meridian.lab.Lab;
import dev.meridian.lab.Torture;
import dev.meridian.torture.CachePolicy;
import dev.meridian.torture.TortureReport;
import dev.meridian.torture.TortureSite;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
    name = "torture",
    description = {
      "Kill, pause, cut off, restart and replace nodes of a real cluster on this machine, fill and"
          + " slow their disks and set their clocks wrong, while clients use it, and check that nothing"
          + " they were promised was broken: linearizability, session guarantees, no acknowledged"
          + " write lost.",
      "",
      "Documents are in a collection for each cache policy, and are read from near caches and kept"
          + " pages, too; visitors change attributes of their sessions. A run in which no cache was"
          + " used is not accepted.",
      "",
      "Disks need root on Linux, clocks Debian's package faketime; what cannot be done here is said"
          + " and left out.",
      "",
      "Exits with 0 when every checker accepts, with 1 when one does not.",
    },
    footer = {
      "%nExamples:",
      "  ./meridian torture --minutes 30 --seed 7",
      "  ./meridian torture --minutes 5 --cache write-behind",
      "  ./meridian torture --minutes 5 --previous /opt/meridian-1.2",
      "  ./meridian torture --minutes 2 --report report.md --folder /tmp/t"
    })
final class TortureCommand implements Callable<Integer> {
  @Option(
      names = "--minutes",
      paramLabel = "N",
      defaultValue = "5",
      description = "How long (default: ${DEFAULT-VALUE}).")
  double minutes = 5;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "What is tried and done follows from it (default: a new one, which is shown).")
  @Nullable Long seed;

  @Option(
      names = "--nodes",
      paramLabel = "N",
      defaultValue = "3",
      description = "How many nodes, 2 to 7 (default: ${DEFAULT-VALUE}).")
  int nodes = 3;

  @Option(
      names = "--rate",
      paramLabel = "N",
      defaultValue = "300",
      description = "Operations a second of all clients together (default: ${DEFAULT-VALUE}).")
  double rate = 300;

  @Option(
      names = "--cache",
      paramLabel = "POLICY",
      split = ",",
      defaultValue = "all",
      description = {
        "How the documents are cached: off, read-through, write-through, write-behind; several with"
            + " commas (default: ${DEFAULT-VALUE}, of those that there are)."
      })
  List<String> cache = List.of("all");

  @Option(
      names = "--report",
      paramLabel = "FILE",
      description = "Also write the report, as Markdown.")
  @Nullable Path report;

  @Option(
      names = "--folder",
      paramLabel = "FOLDER",
      description = "For data, logs and the history (default: a new temporary folder).")
  @Nullable Path folder;

  @Option(
      names = "--previous",
      paramLabel = "FOLDER",
      description = {
        "Where another build is installed, with its meridian.jar. The cluster begins with it; then each node"
            + " that is started runs it or this one: a rolling upgrade, and back, under all faults."
      })
  @Nullable Path previous;

  @Option(
      names = "--first",
      paramLabel = "N",
      defaultValue = "40",
      description = "Node 1 is at 127.0.0.(N+1) (default: ${DEFAULT-VALUE}).")
  int first = 40;

  private final Console console;

  TortureCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws Exception {
    LabCommand.checkNodes(nodes);
    if (!(minutes > 0 && minutes <= 24 * 60) || !(rate >= 1 && rate <= 100_000) || nodes < 2) {
      throw new CliException(
          ExitCode.USAGE, "--minutes is up to 1440, --rate 1 to 100000, --nodes at least 2");
    }
    if (previous != null && !Files.isRegularFile(previous.resolve("meridian.jar"))) {
      throw new CliException(
          ExitCode.USAGE,
          "--previous is a folder with a meridian.jar, and " + previous + " is not");
    }
    List<CachePolicy> policies = policies(cache);
    long from = seed == null ? ThreadLocalRandom.current().nextInt(1, 1_000_000) : seed;
    Path at = folder == null ? Files.createTempDirectory("meridian-torture") : folder;
    Files.createDirectories(at);
    Path site = at.resolve("site");
    TortureSite.write(site, policies);
    Equipment equipment = Equipment.whatThereIs(at, console::note);
    try (Lab lab = new Lab(at, site, first, equipment)) {
      Runtime.getRuntime()
          .addShutdownHook(Thread.ofPlatform().unstarted(() -> LabCommand.end(lab)));
      console.note("seed " + from + "; data and logs are in " + at);
      lab.build(previous);
      lab.start(nodes);
      TortureReport result =
          new Torture(lab, from, policies, previous, console::note)
              .run(
                  Duration.ofMillis((long) (minutes * 60_000)), rate, at.resolve("history.ndjson"));
      console.out().print(result.text(new Colours(console)));
      if (report != null) {
        Files.writeString(report, result.markdown());
      }
      return result.accepted() ? ExitCode.OK : ExitCode.FAILED;
    }
  }

  /**
   * The policies of these names.
   *
   * @throws CliException if one is none
   */
  static List<CachePolicy> policies(List<String> names) {
    if (names.equals(List.of("all"))) {
      return CachePolicy.ALL;
    }
    return names.stream()
        .map(
            name ->
                Stream.of(CachePolicy.values())
                    .filter(policy -> policy.label().equals(name))
                    .findFirst()
                    .orElseThrow(() -> unknown(name)))
        .distinct()
        .toList();
  }

  private static CliException unknown(String name) {
    return new CliException(
        ExitCode.USAGE,
        "--cache is all or "
            + Stream.of(CachePolicy.values())
                .map(CachePolicy::label)
                .collect(Collectors.joining(", "))
            + "; it was '"
            + Failures.oneLine(name)
            + "'");
  }

  /** Marks words of a report where colours are shown. */
  private record Colours(Console console) implements TortureReport.Style {
    @Override
    public String heading(String text) {
      return Table.paint(console, "1", text);
    }

    @Override
    public String good(String text) {
      return Table.paint(console, "32", text);
    }

    @Override
    public String bad(String text) {
      return Table.paint(console, "1;31", text);
    }
  }
}
