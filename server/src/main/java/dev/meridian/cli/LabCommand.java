package dev.meridian.cli;

import dev.meridian.lab.Lab;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

@Command(
    name = "lab",
    description = {
      "Start a real cluster on this machine, on loopback addresses, and do things to it: kill nodes,"
          + " pause them, cut them off, bring them back, and see what happens.",
    },
    footer = {
      "%nWhile it runs, type:",
      "  status             who is primary, and how far the others are",
      "  kill N             end node N as a power cut does; start N brings it back",
      "  stop N             end it as an operator does",
      "  pause N, resume N  stop its process where it stands, and let it go on",
      "  cut N, heal N      let no other node reach it, and let them again",
      "  cut N M            lose what node N sends node M; heal either to end it",
      "  quit               end all of it",
      "%nExamples:",
      "  ./meridian lab",
      "  ./meridian lab examples/cities --nodes 5"
    })
final class LabCommand implements Callable<Integer> {
  @Parameters(
      paramLabel = "SITE",
      arity = "0..1",
      description = "The site (default: an empty one).")
  @Nullable Path site;

  @Option(
      names = "--nodes",
      paramLabel = "N",
      defaultValue = "3",
      description = "How many nodes, 1 to 7 (default: ${DEFAULT-VALUE}).")
  int nodes = 3;

  @Option(
      names = "--folder",
      paramLabel = "FOLDER",
      description = "Where their data and logs go (default: a new temporary folder).")
  @Nullable Path folder;

  @Option(
      names = "--first",
      paramLabel = "N",
      defaultValue = "30",
      description = "Node 1 is at 127.0.0.(N+1) (default: ${DEFAULT-VALUE}).")
  int first = 30;

  private final Console console;

  LabCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws Exception {
    checkNodes(nodes);
    Path at = folder == null ? Files.createTempDirectory("meridian-lab") : folder;
    try (Lab lab = new Lab(at, site == null ? emptySite(at) : site, first)) {
      Thread ending = Thread.ofPlatform().unstarted(() -> end(lab));
      Runtime.getRuntime().addShutdownHook(ending);
      console.note("starting " + nodes + " nodes; their logs are in " + at);
      lab.start(nodes);
      show(lab);
      BufferedReader in =
          new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
      for (String line; prompt() && (line = in.readLine()) != null; ) {
        if (line.strip().equals("quit")) {
          break;
        }
        try {
          obey(lab, line.strip());
        } catch (IOException e) {
          console.note(Failures.oneLine(String.valueOf(e.getMessage())));
        }
      }
    }
    return ExitCode.OK;
  }

  static void checkNodes(int nodes) {
    if (nodes < 1 || nodes > 7) {
      throw new CliException(ExitCode.USAGE, "--nodes is 1 to 7; it was " + nodes);
    }
  }

  static Path emptySite(Path folder) throws IOException {
    Path site = folder.resolve("site");
    Files.createDirectories(site);
    Files.writeString(
        site.resolve("site.yaml"),
        """
        name: Lab
        domains: [lab.test]
        rules: {read: "true", write: "true"}
        """);
    return site;
  }

  static void end(Lab lab) {
    try {
      lab.close();
    } catch (IOException e) {
      // The processes are gone in any case.
    }
  }

  private boolean prompt() {
    console.out().print("lab> ");
    console.out().flush();
    return true;
  }

  private void obey(Lab lab, String line) throws IOException, InterruptedException {
    String[] words = line.split("\\s+", 3);
    if (line.isEmpty() || words[0].equals("status")) {
      show(lab);
      return;
    }
    Lab.Node node = words.length > 1 ? node(lab, words[1]) : null;
    if (words.length == 3) {
      Lab.Node other = node(lab, words[2]);
      if (words[0].equals("cut") && node != null && other != null) {
        lab.cut(node, other);
        show(lab);
        return;
      }
      node = null;
    }
    if (node == null) {
      console.note(
          "type COMMAND N: status, kill, start, stop, pause, resume, cut, heal, damage; or quit");
      return;
    }
    switch (words[0]) {
      case "kill" -> lab.kill(node);
      case "stop" -> lab.stop(node);
      case "start" -> {
        lab.restart(node);
        lab.awaitReady(node);
      }
      case "pause" -> lab.pause(node);
      case "resume" -> lab.resume(node);
      case "cut" -> lab.cut(node);
      case "heal" -> lab.heal(node);
      case "damage" -> {
        lab.kill(node);
        console.note(lab.damage(node, ThreadLocalRandom.current().nextInt(1_000_000)));
      }
      default -> console.note("there is no command '" + Failures.oneLine(words[0]) + "'");
    }
    show(lab);
  }

  private static Lab.@Nullable Node node(Lab lab, String number) {
    return lab.nodes().stream()
        .filter(node -> number.equals("" + node.number()))
        .findFirst()
        .orElse(null);
  }

  private void show(Lab lab) throws InterruptedException {
    Table table =
        new Table(console, "NODE", "STATE", "ROLE", "APPLIED", "LAG", "SPARE FAILURES", "WEB");
    for (Lab.Node node : lab.nodes()) {
      JsonNode status = lab.status(node);
      String state =
          node.state().name().toLowerCase(Locale.ROOT) + (node.isCut() ? ", cut off" : "");
      JsonNode shard = status == null ? null : status.path("shards").path(0);
      table.row(
          node.number(),
          state,
          shard == null ? "" : shard.path("role").asString("?"),
          shard == null ? "" : Meter.count(shard.path("appliedIndex").asLong(0)),
          status == null ? "" : lag(status),
          status == null ? "" : status.path("cluster").path("spareFailures").asInt(0),
          node.web());
    }
    table.print();
  }

  private static String lag(JsonNode status) {
    JsonNode cluster = status.path("cluster");
    for (JsonNode node : cluster.path("nodes")) {
      if (node.path("id").asString("").equals(cluster.path("node").asString("-"))
          && node.has("lag")) {
        return Meter.count(node.path("lag").asLong(0));
      }
    }
    return "";
  }
}
