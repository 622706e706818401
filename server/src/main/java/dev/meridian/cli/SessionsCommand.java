package dev.meridian.cli;

import dev.meridian.client.MeridianClient;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.JsonNode;

@Command(
    name = "sessions",
    description = "List and revoke the sessions of visitors. Needs the operator's key.",
    synopsisSubcommandLabel = "COMMAND",
    commandListHeading = "%nCommands:%n",
    subcommands = {SessionsCommand.ListSessions.class, SessionsCommand.Revoke.class},
    footer = {
      "%nExamples:",
      "  ./meridian sessions list --user ada",
      "  ./meridian sessions revoke --user ada"
    })
final class SessionsCommand implements Runnable {
  @Spec CommandSpec spec = CommandSpec.create();

  private final Console console;

  SessionsCommand(Console console) {
    this.console = console;
  }

  @Override
  public void run() {
    spec.commandLine().usage(console.out());
  }

  private static String query(String name, String value) {
    return name + "=" + URLEncoder.encode(value, StandardCharsets.UTF_8);
  }

  @Command(
      name = "list",
      description = "List sessions, without what is in them; all, or those of a user.",
      footer = {
        "%nExamples:",
        "  ./meridian sessions list",
        "  ./meridian sessions list --user ada"
      })
  static final class ListSessions implements Runnable {
    private static final int PAGE = 100;

    @Option(
        names = "--user",
        paramLabel = "USER",
        description = "Whose: the name, or the id, of an account.")
    @Nullable String user;

    @Option(
        names = "--limit",
        paramLabel = "N",
        defaultValue = "1000",
        description = "Most of them, 1 and up (default: ${DEFAULT-VALUE}).")
    int limit = 1000;

    @Mixin ServerOptions server = new ServerOptions();

    private final Console console;

    ListSessions(Console console) {
      this.console = console;
    }

    @Override
    public void run() {
      if (limit < 1) {
        throw new CliException(ExitCode.USAGE, "--limit is 1 and up.");
      }
      Table table = new Table(console, "ID", "USER", "CREATED", "EXPIRES", "BYTES");
      try (MeridianClient client = server.connectAdmin(console)) {
        String after = null;
        int left = limit;
        do {
          String path =
              "/sessions?limit="
                  + Math.min(left, PAGE)
                  + (user == null ? "" : "&" + query("user", user))
                  + (after == null ? "" : "&" + query("after", after));
          JsonNode page = JsonText.MAPPER.readTree(client.call("GET", path, null));
          for (JsonNode session : page.path("sessions")) {
            table.row(
                session.path("id").asString(""),
                session.path("user").asString("-"),
                session.path("created").asString(""),
                session.path("expires").asString(""),
                Long.toString(session.path("bytes").asLong(0)));
            left--;
          }
          after = page.path("next").isString() ? page.path("next").asString() : null;
        } while (after != null && left > 0);
      }
      table.print();
    }
  }

  @Command(
      name = "revoke",
      description = "End a session, or all those of a user. Carts and all else in them is gone.",
      footer = {
        "%nExamples:",
        "  ./meridian sessions revoke --user ada",
        "  ./meridian sessions revoke ID         'sessions list' shows the ids"
      })
  static final class Revoke implements Runnable {
    /** Which: one, or a user's. */
    static final class Which {
      @Parameters(paramLabel = "ID", description = "One session.")
      @Nullable String id;

      @Option(names = "--user", paramLabel = "USER", description = "All sessions of this user.")
      @Nullable String user;
    }

    @ArgGroup(multiplicity = "1")
    Which which = new Which();

    @Mixin ServerOptions server = new ServerOptions();

    private final Console console;

    Revoke(Console console) {
      this.console = console;
    }

    @Override
    public void run() {
      try (MeridianClient client = server.connectAdmin(console)) {
        if (which.user != null) {
          JsonNode answer =
              JsonText.MAPPER.readTree(
                  client.call("DELETE", "/sessions?" + query("user", which.user), null));
          console.note("revoked " + answer.path("ended").asLong(0));
        } else if (which.id != null) {
          String id = URLEncoder.encode(which.id, StandardCharsets.UTF_8).replace("+", "%20");
          client.call("DELETE", "/sessions/" + id, null);
          console.note("revoked " + Failures.oneLine(which.id));
        }
      }
    }
  }
}
