package dev.meridian.cli;

import dev.meridian.client.MeridianClient;
import java.util.Locale;
import java.util.StringJoiner;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;

@Command(
    name = "status",
    description = "Show how a node is doing. Exits with 0 when it is ready, with 5 when not.",
    footer = {
      "%nExamples:",
      "  ./meridian status",
      "  ./meridian status --json | jq '.shards[].problem'"
    })
final class StatusCommand implements Callable<Integer> {
  @Option(names = "--json", description = "Everything, as the server says it.")
  boolean json;

  @Mixin ServerOptions server = new ServerOptions();

  private final Console console;

  StatusCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    byte[] answer;
    try (MeridianClient client = server.connectAdmin(console)) {
      answer = client.call("GET", "/status", null);
    }
    JsonNode status = JsonText.MAPPER.readTree(answer);
    boolean ready = status.path("ready").asBoolean(false);
    if (json) {
      console.out().writeBytes(answer);
      console.out().println();
    } else {
      show(status, ready);
    }
    return ready ? ExitCode.OK : ExitCode.UNREACHABLE;
  }

  private void show(JsonNode status, boolean ready) {
    JsonNode site = status.path("site");
    String state =
        ready
            ? Table.paint(console, "32;1", "ready")
            : Table.paint(console, "31;1", "not ready")
                + ": "
                + Failures.oneLine(status.path("notReady").asString("the node does not say why"));
    console.out().println(Failures.oneLine(site.path("name").asString("node")) + "  " + state);
    if (site.path("problem").isString()) {
      console
          .out()
          .println(
              Table.paint(console, "33;1", "site problem")
                  + ": "
                  + Failures.oneLine(site.path("problem").asString()));
    }
    console.out().println();
    Table facts = new Table(console, "", "");
    facts.row("version", status.path("version").asString("?"));
    facts.row("up", Meter.duration(status.path("uptimeSeconds").asLong(0)));
    facts.row("site", site.path("folder").asString("?"));
    StringJoiner domains = new StringJoiner(", ");
    site.path("domains").forEach(domain -> domains.add(domain.asString("")));
    facts.row("names", domains);
    status
        .path("listeners")
        .properties()
        .forEach(listener -> facts.row(listener.getKey(), listener.getValue().asString("off")));
    if (status.path("asked").isObject()) {
      facts.row("queries", DnsTopCommand.inShort(status.path("asked")));
    }
    JsonNode accounts = status.path("accounts");
    if (accounts.path("hashes").asLong(0) + accounts.path("ok").asLong(0) > 0) {
      facts.row(
          "sign-ins",
          String.format(
              "%d, %d wrong, %d limited, %d too many at once",
              accounts.path("ok").asLong(0),
              accounts.path("wrong").asLong(0),
              accounts.path("limited").asLong(0),
              accounts.path("busy").asLong(0)));
    }
    JsonNode sessions = status.path("sessions");
    if (sessions.path("loaded").asLong(0) + sessions.path("created").asLong(0) > 0) {
      long refused = 0;
      for (JsonNode count : sessions.path("refused")) {
        refused += count.asLong(0);
      }
      facts.row(
          "sessions",
          "%,d made, %,d found, %,d refused here"
              .formatted(
                  sessions.path("created").asLong(0), sessions.path("loaded").asLong(0), refused));
    }
    if (status.path("geo").isObject()) {
      facts.row("places", places(status.path("geo")));
    }
    if (status.has("regions")) {
      facts.row("regions", regions(status.path("regions")));
    }
    facts.row(
        "heap",
        Meter.bytes(status.path("memory").path("heapUsedBytes").asLong(0))
            + " of "
            + Meter.bytes(status.path("memory").path("heapMaxBytes").asLong(0)));
    if (status.path("cache").path("maxBytes").asLong(0) > 0) {
      facts.row("cache", cache(status.path("cache")));
    }
    if (status.path("cache").path("pages").path("maxBytes").asLong(0) > 0) {
      facts.row("pages", pages(status.path("cache").path("pages")));
    }
    if (status.path("cache").path("through").path("waits").asLong(0) > 0) {
      facts.row("write-through", through(status.path("cache").path("through")));
    }
    for (JsonNode shard : status.path("shards")) {
      if (shard.path("pending").path("writes").asLong(0) > 0) {
        facts.row("write-behind", pending(shard.path("pending")));
      }
    }
    facts.print();
    console.out().println();
    showNodes(status.path("cluster"));
    Table shards =
        new Table(
            console, "SHARD", "ROLE", "MEMBERS", "SPARE", "APPLIED", "LOG", "COMMIT", "DISK FREE");
    for (JsonNode shard : status.path("shards")) {
      shards.row(
          shard.path("shard").asInt(0),
          shard.path("role").asString("?"),
          shard.path("members").asInt(0),
          shard.path("spareFailures").asInt(0),
          Meter.count(shard.path("appliedIndex").asLong(0)),
          Meter.bytes(shard.path("logBytes").asLong(0)),
          shard.path("commitMillis").asString("?") + " ms",
          Meter.bytes(shard.path("diskFreeBytes").asLong(0)));
    }
    shards.print();
  }

  /** How the name server knows where clients are. */
  private static String places(JsonNode geo) {
    String networks = Meter.count(geo.path("networks").asLong(0)) + " networks";
    String known =
        geo.has("database")
            ? geo.path("database").asString("")
                + " of "
                + Table.start(geo.path("built").asString("unknown date"), 10)
                + ", "
                + networks
            : "clients get the default order: " + order(geo);
    return geo.has("problem") ? known + "; " + geo.path("problem").asString("") : known;
  }

  /** The near cache in a line. */
  private static String cache(JsonNode cache) {
    long reads = cache.path("hits").asLong(0) + cache.path("misses").asLong(0);
    long lag = cache.path("lag").asLong(0);
    return Meter.bytes(cache.path("bytes").asLong(0))
        + " of "
        + Meter.bytes(cache.path("maxBytes").asLong(0))
        + (reads == 0
            ? ", no reads yet"
            : String.format(
                Locale.ROOT,
                ", %.1f%% of %s reads",
                100 * cache.path("hitRate").asDouble(0),
                Meter.count(reads)))
        + (lag == 0 ? "" : ", " + Meter.count(lag) + " changes behind");
  }

  /** The pages that are kept. */
  private static String pages(JsonNode pages) {
    long hits = pages.path("hits").asLong(0) + pages.path("shared").asLong(0);
    long stale = pages.path("stale").asLong(0);
    long requests = hits + stale + pages.path("misses").asLong(0) + pages.path("passed").asLong(0);
    return Meter.bytes(pages.path("bytes").asLong(0))
        + " of "
        + Meter.bytes(pages.path("maxBytes").asLong(0))
        + (requests == 0
            ? ", none asked for yet"
            : String.format(
                Locale.ROOT,
                ", %.1f%% of %s requests, %s dropped by changes",
                100.0 * hits / requests,
                Meter.count(requests),
                Meter.count(pages.path("drops").asLong(0))))
        + (stale == 0 ? "" : ", " + Meter.count(stale) + " answered while made anew");
  }

  /** How long writes waited for all nodes, in a line. */
  private static String through(JsonNode through) {
    StringJoiner silent = new StringJoiner(", ", ", no word from ", "").setEmptyValue("");
    through.path("silent").forEach(node -> silent.add(node.asString("?")));
    long doubts = through.path("doubts").asLong(0);
    return String.format(
            Locale.ROOT,
            "%s writes waited %.1f ms",
            Meter.count(through.path("waits").asLong(0)),
            through.path("waitMillis").asDouble(0))
        + (doubts == 0 ? "" : ", " + Meter.count(doubts) + " reads in doubt")
        + silent;
  }

  /** What write-behind has put off, in a line. */
  private static String pending(JsonNode pending) {
    long documents = pending.path("documents").asLong(0);
    long passed = pending.path("passed").asLong(0);
    return (documents == 0
            ? "nothing pending"
            : Meter.count(documents)
                + " pending ("
                + Meter.bytes(pending.path("bytes").asLong(0))
                + ", the oldest for "
                + pending.path("ageMillis").asLong(0)
                + " ms)")
        + ", "
        + Meter.count(pending.path("writes").asLong(0))
        + " writes became "
        + Meter.count(pending.path("flushed").asLong(0))
        + (passed == 0 ? "" : ", no room for " + Meter.count(passed));
  }

  /** In a line; 'region list' tells more. */
  private static String regions(JsonNode regions) {
    StringJoiner line = new StringJoiner(", ");
    for (JsonNode region : regions) {
      int up = 0;
      for (JsonNode address : region.path("addresses")) {
        up += address.path("up").asBoolean(true) ? 1 : 0;
      }
      int all = region.path("addresses").size();
      line.add(
          region.path("region").asString("")
              + " "
              + region.path("state").asString("")
              + (up == all ? "" : " (" + up + " of " + all + " up)"));
    }
    return line.toString();
  }

  private static String order(JsonNode geo) {
    StringJoiner order = new StringJoiner(", ");
    geo.path("defaultOrder").forEach(region -> order.add(region.asString("")));
    return order.toString();
  }

  /** How far a node is behind the primary: in entries of the log, and in time. */
  private static String lag(JsonNode node) {
    if (node.has("snapshotPercent")) {
      return "snapshot " + node.path("snapshotPercent").asInt(0) + "%";
    }
    if (!node.has("lag")) {
      return "";
    }
    long entries = node.path("lag").asLong(0);
    return entries == 0
        ? "0"
        : Meter.count(entries) + ", " + node.path("lagMillis").asLong(0) + " ms";
  }

  /** Who is in the cluster, and how many more may fail. */
  private void showNodes(JsonNode cluster) {
    if (cluster.path("nodes").isEmpty()) {
      return;
    }
    int spare = cluster.path("spareFailures").asInt(-1);
    String how =
        spare < 0
            ? Table.paint(console, "31;1", "there is no primary: writes wait or are refused")
            : spare == 0
                ? Table.paint(console, "33;1", "the next failure stops writes")
                : Table.paint(
                    console, "32;1", spare + " more node" + (spare == 1 ? "" : "s") + " may fail");
    console.out().println(cluster.path("nodes").size() + " nodes, " + how);
    console.out().println();
    Table nodes =
        new Table(console, "NODE", "ROLE", "LAG", "SILENT", "ZONE", "PEER", "WEB", "VERSION");
    for (JsonNode node : cluster.path("nodes")) {
      String id = node.path("id").asString("?");
      nodes.row(
          id + (id.equals(cluster.path("node").asString("")) ? " *" : ""),
          node.path("role").asString("?"),
          lag(node),
          node.has("silentMillis") ? node.path("silentMillis").asLong(0) + " ms" : "",
          node.path("zone").asString(""),
          node.path("address").asString(""),
          node.path("http").asString("off"),
          node.path("version").asString(""));
    }
    nodes.print();
    console.out().println();
  }
}
