package dev.meridian.cli;

import dev.meridian.client.MeridianClient;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

@Command(
    name = "ds",
    description = {
      "Show what the zone above must say for signatures to be believed: the DS record to hand to the"
          + " registrar.",
      "While a key is being replaced it is the new one's, from the moment at which the parent may"
          + " have it."
    },
    footer = {
      "%nExamples:",
      "  ./meridian dns ds                            of all zones",
      "  ./meridian dns ds cities.example",
      "  ./meridian dns ds cities.example --anchor > anchor.conf",
      "  delv -a anchor.conf +root=cities.example @127.0.0.1 -p 5353 cities.example A"
    })
final class DnsDsCommand implements Runnable {
  @Parameters(
      index = "0",
      arity = "0..1",
      paramLabel = "ZONE",
      description = "Such as example.org (default: all that are signed).")
  @Nullable String zone;

  @ArgGroup @Nullable Form form;

  /** At most one of them. */
  static final class Form {
    @Option(names = "--dnskey", description = "The key itself, as a DNSKEY record.")
    boolean dnskey;

    @Option(
        names = "--anchor",
        description =
            "The key as a trust anchor of BIND and delv, to try signatures before a parent"
                + " points at it.")
    boolean anchor;
  }

  @Mixin ServerOptions server = new ServerOptions();

  private final Console console;

  DnsDsCommand(Console console) {
    this.console = console;
  }

  @Override
  public void run() {
    JsonNode root;
    try (MeridianClient client = server.connectAdmin(console)) {
      root = JsonText.MAPPER.readTree(client.call("GET", "/names/keys", null));
    }
    boolean found = false;
    for (JsonNode signed : root.path("zones")) {
      String name = signed.path("zone").asString("");
      if (zone == null || bare(zone).equals(name.toLowerCase(Locale.ROOT))) {
        found = true;
        print(name, signed);
      }
    }
    if (!found) {
      throw new CliException(
          ExitCode.NOT_FOUND,
          zone == null
              ? "no zone is signed; put 'dnssec: true' under 'names' in site.yaml"
              : "the zone '"
                  + Failures.oneLine(zone)
                  + "' is not signed here; does site.yaml have it, with 'dnssec: true' under"
                  + " 'names'?");
    }
  }

  private static String bare(String name) {
    String lower = name.toLowerCase(Locale.ROOT);
    return lower.length() > 1 && lower.endsWith(".")
        ? lower.substring(0, lower.length() - 1)
        : lower;
  }

  /** The keys of a zone that its parent shall point at. */
  private void print(String zone, JsonNode signed) {
    Set<Integer> wanted = new HashSet<>();
    signed.path("ds").forEach(tag -> wanted.add(tag.asInt()));
    for (JsonNode key : signed.path("keys")) {
      if (wanted.contains(key.path("tag").asInt())) {
        String name = zone.endsWith(".") ? zone : zone + ".";
        console.out().println(record(name, key));
        if (form == null && key.path("stage").asString("").equals("fresh")) {
          console.note(
              "Hand it over after "
                  + key.path("until").asString("")
                  + ": until then caches may have answers of "
                  + Failures.oneLine(zone)
                  + " without signatures.");
        }
      }
    }
  }

  private String record(String name, JsonNode key) {
    if (form == null) {
      return name + " IN DS " + key.path("ds").asString("");
    }
    String data = key.path("dnskey").asString("");
    int last = data.lastIndexOf(' ');
    return form.dnskey
        ? name + " IN DNSKEY " + data
        : "trust-anchors { \""
            + name
            + "\" static-key "
            + data.substring(0, last)
            + " \""
            + data.substring(last + 1)
            + "\"; };";
  }
}
