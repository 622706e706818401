package dev.meridian.cli;

import dev.meridian.client.MeridianClient;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;

@Command(
    name = "keys",
    description = {
      "List the keys that zones are signed with, and how far each is:",
      "fresh: signs, and its parent may point at it soon; active: signs;",
      "published: will sign; submitted: waits for the parent to point at it; seen: the parent does,"
          + " and caches may not know yet; retired: signs no more, and is forgotten soon."
    },
    footer = {"%nExamples:", "  ./meridian dns keys", "  ./meridian dns keys --json | jq"})
final class DnsKeysCommand implements Runnable {
  @Option(names = "--json", description = "As the server says it.")
  boolean json;

  @Mixin ServerOptions server = new ServerOptions();

  private final Console console;

  DnsKeysCommand(Console console) {
    this.console = console;
  }

  @Override
  public void run() {
    try (MeridianClient client = server.connectAdmin(console)) {
      byte[] answer = client.call("GET", "/names/keys", null);
      if (json) {
        console.out().writeBytes(answer);
        console.out().println();
        return;
      }
      print(console, JsonText.MAPPER.readTree(answer));
    }
  }

  static void print(Console console, JsonNode root) {
    Table table = new Table(console, "ZONE", "KEY", "STAGE", "SINCE", "UNTIL");
    for (JsonNode zone : root.path("zones")) {
      for (JsonNode key : zone.path("keys")) {
        String since = key.path("since").asString("");
        String until = key.path("until").asString("");
        table.row(
            zone.path("zone").asString(""),
            String.valueOf(key.path("tag").asInt()),
            key.path("stage").asString(""),
            since,
            since.equals(until) ? "-" : until);
      }
    }
    table.print();
  }
}
