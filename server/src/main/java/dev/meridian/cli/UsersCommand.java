package dev.meridian.cli;

import dev.meridian.client.MeridianClient;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

@Command(
    name = "users",
    description = "List, make and change the accounts of users. Needs the operator's key.",
    synopsisSubcommandLabel = "COMMAND",
    commandListHeading = "%nCommands:%n",
    subcommands = {
      UsersCommand.ListUsers.class,
      UsersCommand.Show.class,
      UsersCommand.Create.class,
      UsersCommand.SetPassword.class,
      UsersCommand.Roles.class,
      UsersCommand.Disable.class,
      UsersCommand.Enable.class,
      UsersCommand.Delete.class
    },
    footer = {
      "%nExamples:",
      "  ./meridian users create ada --role editor",
      "  ./meridian users roles ada editor author",
      "  ./meridian users disable ada"
    })
final class UsersCommand implements Runnable {
  /** Longest password that is read. The server's limit is smaller and tells its reasons. */
  private static final int MAX_PASSWORD_BYTES = 8 << 10;

  @Spec CommandSpec spec = CommandSpec.create();

  private final Console console;

  UsersCommand(Console console) {
    this.console = console;
  }

  @Override
  public void run() {
    spec.commandLine().usage(console.out());
  }

  private static String path(String user) {
    return "/users/" + URLEncoder.encode(user, StandardCharsets.UTF_8).replace("+", "%20");
  }

  private static JsonNode change(
      ServerOptions server, Console console, String user, ObjectNode change) {
    try (MeridianClient client = server.connectAdmin(console)) {
      return JsonText.MAPPER.readTree(
          client.call("PATCH", path(user), JsonText.MAPPER.writeValueAsBytes(change)));
    }
  }

  private static void note(Console console, String what, JsonNode user) {
    console.note(what + " " + Failures.oneLine(user.path("name").asString("")));
  }

  private static String words(JsonNode roles) {
    List<String> words = new ArrayList<>();
    roles.forEach(role -> words.add(role.asString("")));
    return words.isEmpty() ? "-" : String.join(" ", words);
  }

  /** A password, from who types it or from standard input: never from the command line. */
  private static String password(Console console) {
    if (console.inIsTerminal() && System.console() != null) {
      char[] first = System.console().readPassword("Password: ");
      char[] again = System.console().readPassword("Again: ");
      if (first == null || again == null || !Arrays.equals(first, again)) {
        throw new CliException(ExitCode.USAGE, "the two are not the same; try again.");
      }
      return new String(first);
    }
    try {
      ByteArrayOutputStream line = new ByteArrayOutputStream();
      for (int b = console.in().read(); b >= 0 && b != '\n'; b = console.in().read()) {
        if (line.size() >= MAX_PASSWORD_BYTES) {
          throw new CliException(ExitCode.USAGE, "the password is too long.");
        }
        line.write(b);
      }
      String text = line.toString(StandardCharsets.UTF_8);
      text = text.endsWith("\r") ? text.substring(0, text.length() - 1) : text;
      if (text.isEmpty()) {
        throw new CliException(
            ExitCode.USAGE, "the password comes from standard input, in a line of its own.");
      }
      return text;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What is done with one user. */
  private abstract static class OfUser implements Runnable {
    @Parameters(paramLabel = "USER", description = "The name or the id.")
    String user = "";

    @Mixin ServerOptions server = new ServerOptions();

    final Console console;

    OfUser(Console console) {
      this.console = console;
    }
  }

  @Command(
      name = "list",
      description = "List users.",
      footer = {"%nExamples:", "  ./meridian users list", "  ./meridian users list --limit 20"})
  static final class ListUsers implements Runnable {
    private static final int PAGE = 100;

    @Option(
        names = "--limit",
        paramLabel = "N",
        defaultValue = "1000",
        description = "Most of them, 1 and up (default: ${DEFAULT-VALUE}).")
    int limit = 1000;

    @Mixin ServerOptions server = new ServerOptions();

    private final Console console;

    ListUsers(Console console) {
      this.console = console;
    }

    @Override
    public void run() {
      if (limit < 1) {
        throw new CliException(ExitCode.USAGE, "--limit is 1 and up.");
      }
      Table table = new Table(console, "ID", "NAME", "ROLES", "CREATED", "STATE");
      try (MeridianClient client = server.connectAdmin(console)) {
        String after = null;
        int left = limit;
        do {
          String path =
              "/users?limit="
                  + Math.min(left, PAGE)
                  + (after == null
                      ? ""
                      : "&after=" + URLEncoder.encode(after, StandardCharsets.UTF_8));
          JsonNode page = JsonText.MAPPER.readTree(client.call("GET", path, null));
          for (JsonNode user : page.path("users")) {
            table.row(
                user.path("id").asString(""),
                user.path("name").asString(""),
                words(user.path("roles")),
                user.path("created").asString(""),
                user.path("disabled").asBoolean(false) ? "disabled" : "-");
            left--;
          }
          after = page.path("next").isString() ? page.path("next").asString() : null;
        } while (after != null && left > 0);
      }
      table.print();
    }
  }

  @Command(
      name = "show",
      description = "Show all that is known of a user but the password, as JSON.",
      footer = {"%nExamples:", "  ./meridian users show ada"})
  static final class Show extends OfUser {
    Show(Console console) {
      super(console);
    }

    @Override
    public void run() {
      try (MeridianClient client = server.connectAdmin(console)) {
        console.out().writeBytes(client.call("GET", path(user), null));
        console.out().println();
      }
    }
  }

  @Command(
      name = "create",
      description = "Make an account. The password is asked for, or read from standard input.",
      footer = {
        "%nExamples:",
        "  ./meridian users create ada",
        "  ./meridian users create ada --role editor --role author < password.txt"
      })
  static final class Create implements Runnable {
    @Parameters(paramLabel = "NAME", description = "What they sign in with.")
    String name = "";

    @Option(names = "--role", paramLabel = "ROLE", description = "What they are; more than once.")
    List<String> roles = List.of();

    @Mixin ServerOptions server = new ServerOptions();

    private final Console console;

    Create(Console console) {
      this.console = console;
    }

    @Override
    public void run() {
      ObjectNode wanted =
          JsonText.MAPPER.createObjectNode().put("name", name).put("password", password(console));
      ArrayNode list = wanted.putArray("roles");
      roles.forEach(list::add);
      try (MeridianClient client = server.connectAdmin(console)) {
        JsonNode made =
            JsonText.MAPPER.readTree(
                client.call("POST", "/users", JsonText.MAPPER.writeValueAsBytes(wanted)));
        console.out().println(made.path("id").asString(""));
        note(console, "created", made);
      }
    }
  }

  @Command(
      name = "set-password",
      description =
          "Give a user another password, and end all their sessions. It is asked for, or read from"
              + " standard input.",
      footer = {"%nExamples:", "  ./meridian users set-password ada"})
  static final class SetPassword extends OfUser {
    SetPassword(Console console) {
      super(console);
    }

    @Override
    public void run() {
      ObjectNode change = JsonText.MAPPER.createObjectNode().put("password", password(console));
      note(console, "set the password of", change(server, console, user, change));
    }
  }

  @Command(
      name = "roles",
      description = "Say what a user is, for access rules: these roles and no others.",
      footer = {
        "%nExamples:",
        "  ./meridian users roles ada editor author",
        "  ./meridian users roles ada                    none"
      })
  static final class Roles implements Runnable {
    @Parameters(index = "0", paramLabel = "USER", description = "The name or the id.")
    String user = "";

    @Parameters(index = "1..*", paramLabel = "ROLE", description = "Such as editor.")
    List<String> roles = List.of();

    @Mixin ServerOptions server = new ServerOptions();

    private final Console console;

    Roles(Console console) {
      this.console = console;
    }

    @Override
    public void run() {
      ObjectNode change = JsonText.MAPPER.createObjectNode();
      ArrayNode list = change.putArray("roles");
      roles.forEach(list::add);
      JsonNode changed = change(server, console, user, change);
      console.note(
          Failures.oneLine(changed.path("name").asString(""))
              + " has roles: "
              + words(changed.path("roles")));
    }
  }

  @Command(
      name = "disable",
      description = "Let a user in no more, and end all their sessions.",
      footer = {"%nExamples:", "  ./meridian users disable ada"})
  static final class Disable extends OfUser {
    Disable(Console console) {
      super(console);
    }

    @Override
    public void run() {
      ObjectNode change = JsonText.MAPPER.createObjectNode().put("disabled", true);
      note(console, "disabled", change(server, console, user, change));
    }
  }

  @Command(
      name = "enable",
      description = "Let a user in again.",
      footer = {"%nExamples:", "  ./meridian users enable ada"})
  static final class Enable extends OfUser {
    Enable(Console console) {
      super(console);
    }

    @Override
    public void run() {
      ObjectNode change = JsonText.MAPPER.createObjectNode().put("disabled", false);
      note(console, "enabled", change(server, console, user, change));
    }
  }

  @Command(
      name = "delete",
      description =
          "Delete an account and end its sessions. What the site stored of the user stays.",
      footer = {"%nExamples:", "  ./meridian users delete ada"})
  static final class Delete extends OfUser {
    Delete(Console console) {
      super(console);
    }

    @Override
    public void run() {
      try (MeridianClient client = server.connectAdmin(console)) {
        client.call("DELETE", path(user), null);
        console.note("deleted " + Failures.oneLine(user));
      }
    }
  }
}
