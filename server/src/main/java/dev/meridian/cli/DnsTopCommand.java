package dev.meridian.cli;

import dev.meridian.client.MeridianClient;
import java.util.Locale;
import java.util.StringJoiner;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;

@Command(
    name = "top",
    description = {
      "Show the names that a node was asked for most in the last five to ten minutes, wildcards as"
          + " one name each.",
      "Names that do not exist are counted as one, below the deepest name above them that does.",
      "Counts are exact while there are not too many names; otherwise a column says what they are"
          + " at most."
    },
    footer = {
      "%nExamples:",
      "  ./meridian dns top",
      "  ./meridian dns top --limit 100 --json | jq '.names[].name'"
    })
final class DnsTopCommand implements Runnable {
  private static final int MOST = 100;

  @Option(
      names = "--limit",
      paramLabel = "COUNT",
      defaultValue = "20",
      description = "How many names, up to 100 (default: ${DEFAULT-VALUE}).")
  int limit = 20;

  @Option(names = "--json", description = "As the server says it.")
  boolean json;

  @Mixin ServerOptions server = new ServerOptions();

  private final Console console;

  DnsTopCommand(Console console) {
    this.console = console;
  }

  @Override
  public void run() {
    if (limit < 1 || limit > MOST) {
      throw new CliException(ExitCode.USAGE, "--limit is 1 to " + MOST + "; it was " + limit);
    }
    byte[] answer;
    try (MeridianClient client = server.connectAdmin(console)) {
      answer = client.call("GET", "/names/asked?limit=" + limit, null);
    }
    if (json) {
      console.out().writeBytes(answer);
      console.out().println();
    } else {
      print(JsonText.MAPPER.readTree(answer));
    }
  }

  private void print(JsonNode asked) {
    console.out().println(Failures.oneLine(inShort(asked)));
    boolean exact = true;
    for (JsonNode name : asked.path("names")) {
      exact &= name.path("queries").asLong(0) == name.path("atMost").asLong(0);
    }
    if (asked.path("names").isEmpty()) {
      return;
    }
    console.out().println();
    Table table =
        exact
            ? new Table(console, "QUERIES", "SHARE", "NAME", "")
            : new Table(console, "QUERIES", "AT MOST", "SHARE", "NAME", "");
    for (JsonNode name : asked.path("names")) {
      String queries = Meter.count(name.path("queries").asLong(0));
      String share = String.format(Locale.ROOT, "%.1f%%", 100 * name.path("share").asDouble(0));
      String shown = name.path("name").asString("");
      String what =
          name.path("exists").asBoolean(true)
              ? ""
              : name.path("ofNoZone").asBoolean(false)
                  ? "names of no zone here"
                  : "names below it that do not exist";
      if (exact) {
        table.row(queries, share, shown, what);
      } else {
        table.row(queries, Meter.count(name.path("atMost").asLong(0)), share, shown, what);
      }
    }
    table.print();
  }

  /** How much a node was asked, in a line. */
  static String inShort(JsonNode asked) {
    long queries = asked.path("queries").asLong(0);
    long seconds = Math.max(1, asked.path("seconds").asLong(1));
    String line =
        String.format(
            Locale.ROOT,
            "%s in %s (%.1f/s)",
            Meter.count(queries),
            Meter.duration(seconds),
            (double) queries / seconds);
    JsonNode regions = asked.path("regions");
    long answers = 0;
    for (JsonNode region : regions) {
      answers += region.asLong(0);
    }
    if (answers == 0) {
      return line;
    }
    StringJoiner shares = new StringJoiner(", ", "; regions answered since the start: ", "");
    for (var region : regions.properties()) {
      shares.add(
          String.format(
              Locale.ROOT,
              "%s %.0f%%",
              region.getKey(),
              100.0 * region.getValue().asLong(0) / answers));
    }
    return line + shares;
  }
}
