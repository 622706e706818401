package dev.meridian.cli;

import dev.meridian.dns.DnsCheck;
import dev.meridian.dns.DnsCheck.Level;
import dev.meridian.site.ListenAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

@Command(
    name = "check",
    description = {
      "Check whether the world can reach the site's zones: what the zone above says (delegation,"
          + " glue, DS), every name server by every address over UDP and TCP, their serials,"
          + " signatures, and whether what the names lead to can be reached.",
      "Each finding is ok, a note, a warning or an error, and says how to mend it. Exits with 0"
          + " when there is no error, with 1 otherwise.",
      "It sees what this machine sees: firewalls that let it in may keep the world out. Run it"
          + " elsewhere, too."
    },
    footer = {
      "%nExamples:",
      "  ./meridian dns check                         all zones of the running server",
      "  ./meridian dns check example.org             a zone, whoever serves it",
      "  ./meridian dns check example.org --server 192.0.2.53:53",
      "                                               a server, before the zone is delegated to it",
      "  ./meridian dns check --resolver 9.9.9.9:53   not by this machine's resolver",
      "  ./meridian dns check --json | jq '.zones[].findings[] | select(.level == \"error\")'"
    })
final class DnsCheckCommand implements Callable<Integer> {
  private static final int MOST_SERVERS = 16;

  @Parameters(
      paramLabel = "ZONE",
      arity = "0..*",
      description = "Such as example.org (default: all of the running server).")
  List<String> zones = new ArrayList<>();

  @Option(
      names = "--server",
      paramLabel = "HOST:PORT",
      description =
          "Check this name server, and not those that the world is led to; may be given more than"
              + " once. The zone above is not asked.")
  List<String> servers = new ArrayList<>();

  @Option(
      names = "--resolver",
      paramLabel = "HOST:PORT",
      description = "Ask this resolver (default: this machine's); may be given more than once.")
  List<String> resolvers = new ArrayList<>();

  @Option(
      names = "--name-server-port",
      hidden = true,
      defaultValue = "53",
      description = "Where name servers listen that are found by their names, for tests.")
  int port = 53;

  @Option(names = "--json", description = "As JSON: {\"zones\":[{\"zone\",\"findings\":[…]}]}.")
  boolean json;

  @Mixin ServerOptions server = new ServerOptions();

  private final Console console;

  DnsCheckCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws InterruptedException {
    if (servers.size() > MOST_SERVERS || resolvers.size() > MOST_SERVERS) {
      throw new CliException(
          ExitCode.USAGE, "--server and --resolver are given at most " + MOST_SERVERS + " times");
    }
    if (port < 1 || port > 65_535) {
      throw new CliException(ExitCode.USAGE, "--name-server-port is 1 to 65535; it was " + port);
    }
    List<InetSocketAddress> direct = addresses("--server", servers);
    List<InetSocketAddress> by = addresses("--resolver", resolvers);
    Running running = Running.find(server, console, zones, !direct.isEmpty());
    List<String> all = zones.isEmpty() ? running.zones() : zones.stream().distinct().toList();
    if (all.isEmpty()) {
      throw new CliException(
          ExitCode.NOT_FOUND,
          "the running server has no zones: its name server is off; name the zones to check");
    }
    DnsCheck check =
        new DnsCheck(
            new DnsCheck.Settings(
                by,
                direct,
                running.nameServer(),
                port,
                running.domainsIn(all),
                zones.isEmpty() ? running.regions() : List.of(),
                running.webPorts()));
    List<DnsCheck.Report> reports;
    try (Ticker ticker = new Ticker(console)) {
      reports = check.run(all, ticker);
    }
    if (json) {
      writeJson(reports);
    } else {
      new CheckReport(console).print(reports);
    }
    return reports.stream().allMatch(report -> report.count(Level.ERROR) == 0)
        ? ExitCode.OK
        : ExitCode.FAILED;
  }

  private static List<InetSocketAddress> addresses(String option, List<String> given) {
    List<InetSocketAddress> addresses = new ArrayList<>();
    for (String text : given) {
      InetSocketAddress address = ListenAddress.parse(text);
      if (address.getPort() == 0 || address.getAddress().isAnyLocalAddress()) {
        throw new CliException(
            ExitCode.USAGE,
            option
                + " is where a server can be reached, such as 192.0.2.53:53; it was '"
                + Failures.oneLine(text)
                + "'");
      }
      addresses.add(address);
    }
    return addresses;
  }

  private void writeJson(List<DnsCheck.Report> reports) {
    ObjectNode root = JsonText.MAPPER.createObjectNode();
    ArrayNode all = root.putArray("zones");
    for (DnsCheck.Report report : reports) {
      ObjectNode zone = all.addObject();
      zone.put("zone", report.zone());
      for (Level level : List.of(Level.ERROR, Level.WARNING, Level.NOTE)) {
        zone.put(name(level) + "s", report.count(level));
      }
      ArrayNode findings = zone.putArray("findings");
      for (DnsCheck.Finding finding : report.findings()) {
        ObjectNode one = findings.addObject();
        one.put("level", name(finding.level()));
        one.put("check", finding.check());
        one.put("where", finding.where());
        one.put("found", finding.found());
        one.put("mend", finding.mend());
      }
    }
    console.out().println(JsonText.MAPPER.writeValueAsString(root));
  }

  static String name(Level level) {
    return level.name().toLowerCase(Locale.ROOT);
  }

  /** A line on a terminal that says how far it is; nothing elsewhere. */
  private static final class Ticker
      implements java.util.function.Consumer<DnsCheck.Progress>, AutoCloseable {
    private static final String CLEAR = "\r" + (char) 0x1b + "[K";

    private final Console console;

    Ticker(Console console) {
      this.console = console;
    }

    @Override
    public void accept(DnsCheck.Progress progress) {
      if (console.errIsTerminal()) {
        console
            .err()
            .print(
                CLEAR
                    + "Checking: "
                    + progress.done()
                    + " of "
                    + progress.zones()
                    + " done, "
                    + Meter.count(progress.asked())
                    + " questions asked");
        console.err().flush();
      }
    }

    @Override
    public void close() {
      if (console.errIsTerminal()) {
        console.err().print(CLEAR);
        console.err().flush();
      }
    }
  }
}
