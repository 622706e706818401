package dev.meridian.cli;

import dev.meridian.client.MeridianClient;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

@Command(
    name = "region",
    description = "See the site's regions, and keep clients from one.",
    synopsisSubcommandLabel = "COMMAND",
    commandListHeading = "%nCommands:%n",
    subcommands = {
      RegionCommand.ListRegions.class,
      RegionCommand.Drain.class,
      RegionCommand.Undrain.class
    },
    footer = {
      "%nExamples:",
      "  ./meridian region list",
      "  ./meridian region drain eu --reason 'new routers, until 14:00'",
      "  ./meridian region undrain eu"
    })
final class RegionCommand implements Runnable {
  @Spec CommandSpec spec = CommandSpec.create();

  private final Console console;

  RegionCommand(Console console) {
    this.console = console;
  }

  @Override
  public void run() {
    spec.commandLine().usage(console.out());
  }

  @Command(
      name = "list",
      description = {
        "List the regions, and what is known of their addresses.",
        "ready: clients are sent there; drained: an operator keeps them away; down: none of its"
            + " addresses can serve."
      },
      footer = {"%nExamples:", "  ./meridian region list", "  ./meridian region list --json | jq"})
  static final class ListRegions implements Runnable {
    @Option(names = "--json", description = "As the server says it.")
    boolean json;

    @Mixin ServerOptions server = new ServerOptions();

    private final Console console;

    ListRegions(Console console) {
      this.console = console;
    }

    @Override
    public void run() {
      try (MeridianClient client = server.connectAdmin(console)) {
        byte[] answer = client.call("GET", "/regions", null);
        if (json) {
          console.out().writeBytes(answer);
          console.out().println();
          return;
        }
        print(console, JsonText.MAPPER.readTree(answer));
      }
    }
  }

  @Command(
      name = "drain",
      description = {
        "Keep clients from a region, on all name servers and until 'region undrain': answers name"
            + " other regions within a second, and resolvers forget it when the TTL of what they were"
            + " told is over. Where no other region is left, clients are still sent there."
      },
      footer = {"%nExamples:", "  ./meridian region drain eu --reason 'new routers'"})
  static final class Drain implements Runnable {
    @Parameters(index = "0", paramLabel = "REGION", description = "Its name in site.yaml.")
    String region = "";

    @Option(
        names = "--reason",
        paramLabel = "TEXT",
        defaultValue = "",
        description = "Why, for other operators; at most 200 characters.")
    String reason = "";

    @Mixin ServerOptions server = new ServerOptions();

    private final Console console;

    Drain(Console console) {
      this.console = console;
    }

    @Override
    public void run() {
      change(console, server, region, true, reason);
    }
  }

  @Command(
      name = "undrain",
      description = "Let clients go to a region again.",
      footer = {"%nExamples:", "  ./meridian region undrain eu"})
  static final class Undrain implements Runnable {
    @Parameters(index = "0", paramLabel = "REGION", description = "Its name in site.yaml.")
    String region = "";

    @Mixin ServerOptions server = new ServerOptions();

    private final Console console;

    Undrain(Console console) {
      this.console = console;
    }

    @Override
    public void run() {
      change(console, server, region, false, "");
    }
  }

  private static void change(
      Console console, ServerOptions server, String region, boolean drained, String reason) {
    ObjectNode wanted =
        JsonText.MAPPER
            .createObjectNode()
            .put("region", region)
            .put("drained", drained)
            .put("reason", reason);
    try (MeridianClient client = server.connectAdmin(console)) {
      byte[] answer = client.call("POST", "/regions", JsonText.MAPPER.writeValueAsBytes(wanted));
      print(console, JsonText.MAPPER.readTree(answer));
    }
  }

  private static void print(Console console, JsonNode root) {
    if (root.path("regions").isEmpty()) {
      console.note("This site has no regions; declare them in site.yaml.");
      return;
    }
    Table table =
        new Table(
            console,
            "REGION",
            "STATE",
            "ADDRESS",
            "UP",
            "PROBED AT",
            "FOR",
            "TOOK",
            "LOAD",
            "NOTE");
    for (JsonNode region : root.path("regions")) {
      boolean first = true;
      for (JsonNode address : region.path("addresses")) {
        boolean up = address.path("up").asBoolean(true);
        String heard = address.has("up") ? (up ? "yes" : Table.paint(console, "31", "no")) : "?";
        table.row(
            first ? region.path("region").asString("") : "",
            first ? state(console, region.path("state").asString("")) : "",
            address.path("address").asString(""),
            heard,
            address.path("probed").asString("-"),
            address.has("since") ? age(address.path("since").asString("")) : "-",
            address.has("tookMillis") ? address.path("tookMillis").asLong() + " ms" : "-",
            first ? load(region) : "",
            note(region, address, first));
        first = false;
      }
    }
    table.print();
  }

  private static String load(JsonNode region) {
    if (!region.has("capacity")) {
      return "-";
    }
    String capacity = String.format(Locale.ROOT, "of %,d/s", region.path("capacity").asLong(0));
    if (!region.has("requestsPerSecond")) {
      return "? " + capacity;
    }
    double share = region.path("share").asDouble(1);
    return String.format(
        Locale.ROOT,
        "%,d %s%s",
        region.path("requestsPerSecond").asLong(0),
        capacity,
        share < 1 ? String.format(Locale.ROOT, ", %.0f%% of its clients", 100 * share) : "");
  }

  private static String state(Console console, String state) {
    return switch (state) {
      case "ready" -> Table.paint(console, "32", state);
      case "down" -> Table.paint(console, "31", state);
      default -> Table.paint(console, "33", state);
    };
  }

  private static String note(JsonNode region, JsonNode address, boolean first) {
    String problem = address.path("problem").asString("");
    String note =
        problem.isEmpty() || !address.has("triesToChange")
            ? problem
            : problem
                + (address.path("up").asBoolean(true)
                    ? " (" + address.path("triesToChange").asInt(0) + " more and it is down)"
                    : "");
    String reason = first ? region.path("reason").asString("") : "";
    return reason.isEmpty() ? note : note.isEmpty() ? reason : reason + "; " + note;
  }

  private static String age(String since) {
    return Meter.duration(
        Math.max(0, Duration.between(Instant.parse(since), Instant.now()).toSeconds()));
  }
}
