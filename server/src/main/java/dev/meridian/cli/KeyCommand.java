package dev.meridian.cli;

import dev.meridian.client.MeridianClient;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

@Command(
    name = "key",
    description = "Make, list and revoke the keys of programs. Needs the operator's key.",
    synopsisSubcommandLabel = "COMMAND",
    commandListHeading = "%nCommands:%n",
    subcommands = {
      KeyCommand.Create.class,
      KeyCommand.ListKeys.class,
      KeyCommand.Revoke.class,
    },
    footer = {
      "%nExamples:",
      "  ./meridian key create --role editor --name 'nightly import' --expires 90d",
      "  ./meridian key list",
      "  ./meridian key revoke ID"
    })
final class KeyCommand implements Runnable {
  @Spec CommandSpec spec = CommandSpec.create();

  private final Console console;

  KeyCommand(Console console) {
    this.console = console;
  }

  @Override
  public void run() {
    spec.commandLine().usage(console.out());
  }

  @Command(
      name = "create",
      description = "Make a key and show it, this once: the server keeps only its hash.",
      footer = {
        "%nExamples:",
        "  ./meridian key create --role reader",
        "  MERIDIAN_KEY=$(./meridian key create --role editor --expires 1h)"
      })
  static final class Create implements Runnable {
    @Option(
        names = "--role",
        required = true,
        paramLabel = "ROLE",
        description = {
          "reader: reads what the site's rules leave to holders of keys, and never writes.",
          "editor: reads and writes what they leave to them.",
          "operator: does all that the operator's key does, on the operator's listener too.",
          "Another word is an editor that the rules can tell apart, by auth.role."
        })
    String role = "";

    @Option(names = "--name", paramLabel = "TEXT", description = "What it is for.")
    String name = "";

    @Option(
        names = "--expires",
        paramLabel = "WHEN",
        description = "When it ends: 12h, 90d, or 2030-01-31T12:00:00Z (default: when revoked).")
    @Nullable String expires;

    @Mixin ServerOptions server = new ServerOptions();

    private final Console console;

    Create(Console console) {
      this.console = console;
    }

    @Override
    public void run() {
      ObjectNode wanted = JsonText.MAPPER.createObjectNode().put("role", role).put("name", name);
      if (expires != null) {
        wanted.put("expires", WriteConditions.instant(expires, Instant.now()).toString());
      }
      try (MeridianClient client = server.connectAdmin(console)) {
        JsonNode made =
            JsonText.MAPPER.readTree(
                client.call("POST", "/keys", JsonText.MAPPER.writeValueAsBytes(wanted)));
        console.out().println(made.path("key").asString(made.path("token").asString("")));
        if (console.errIsTerminal()) {
          console.note(
              "This is key "
                  + made.path("id").asString("")
                  + "; it is shown this once. Send it as 'Authorization: Bearer ...'.");
        }
      }
    }
  }

  @Command(
      name = "list",
      description = "List the keys that have not ended.",
      footer = {"%nExamples:", "  ./meridian key list", "  ./meridian key list --json | jq"})
  static final class ListKeys implements Runnable {
    @Option(names = "--json", description = "As the server says it.")
    boolean json;

    @Mixin ServerOptions server = new ServerOptions();

    private final Console console;

    ListKeys(Console console) {
      this.console = console;
    }

    @Override
    public void run() {
      try (MeridianClient client = server.connectAdmin(console)) {
        byte[] answer = client.call("GET", "/keys", null);
        if (json) {
          console.out().writeBytes(answer);
          console.out().println();
          return;
        }
        JsonNode root = JsonText.MAPPER.readTree(answer);
        Table table = new Table(console, "ID", "ROLE", "CREATED", "EXPIRES", "NAME");
        for (JsonNode key : root.isArray() ? root : root.path("keys")) {
          table.row(
              key.path("id").asString(""),
              key.path("role").asString(""),
              key.path("created").asString(""),
              key.path("expires").asString("-"),
              key.path("name").asString(""));
        }
        table.print();
      }
    }
  }

  @Command(
      name = "revoke",
      description = "End a key. It stops working within a second, on every node.",
      footer = {"%nExamples:", "  ./meridian key revoke ID      'key list' shows the ids"})
  static final class Revoke implements Runnable {
    @Parameters(paramLabel = "ID", description = "The key's id, not the key itself.")
    String id = "";

    @Mixin ServerOptions server = new ServerOptions();

    private final Console console;

    Revoke(Console console) {
      this.console = console;
    }

    @Override
    public void run() {
      String encoded = URLEncoder.encode(id, StandardCharsets.UTF_8).replace("+", "%20");
      try (MeridianClient client = server.connectAdmin(console)) {
        client.call("DELETE", "/keys/" + encoded, null);
        console.note("revoked " + Failures.oneLine(id));
      }
    }
  }
}
