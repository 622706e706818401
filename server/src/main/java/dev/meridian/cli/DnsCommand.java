package dev.meridian.cli;

import dev.meridian.dns.Lookup;
import dev.meridian.site.ListenAddress;
import java.io.IOException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "dns",
    description =
        "Ask the name server, and see what it is asked and the keys that its zones are signed with.",
    synopsisSubcommandLabel = "COMMAND",
    commandListHeading = "%nCommands:%n",
    subcommands = {
      DnsCommand.LookupName.class,
      DnsWhereCommand.class,
      DnsTopCommand.class,
      DnsCheckCommand.class,
      DnsDsCommand.class,
      DnsKeysCommand.class,
      DnsRollCommand.class
    },
    footer = {
      "%nExamples:",
      "  ./meridian dns lookup www.cities.example",
      "  ./meridian dns where 81.2.69.142",
      "  ./meridian dns top                          the names that are asked for most",
      "  ./meridian dns check                        whether the world reaches the zones",
      "  ./meridian dns ds cities.example            for the registrar"
    })
final class DnsCommand implements Runnable {
  @Spec CommandSpec spec = CommandSpec.create();

  private final Console console;

  DnsCommand(Console console) {
    this.console = console;
  }

  @Override
  public void run() {
    spec.commandLine().usage(console.out());
  }

  @Command(
      name = "lookup",
      description = "Ask for a name. Exits with 3 when there is no such name.",
      footer = {
        "%nExamples:",
        "  ./meridian dns lookup cities.example",
        "  ./meridian dns lookup cities.example MX --server 127.0.0.1:5353 --tcp"
      })
  static final class LookupName implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "NAME", description = "Such as www.example.org.")
    String name = "";

    @Parameters(
        index = "1",
        paramLabel = "TYPE",
        arity = "0..1",
        defaultValue = "A",
        description = "Such as A, AAAA, MX, TXT or SOA (default: ${DEFAULT-VALUE}).")
    String type = "A";

    @Option(
        names = "--server",
        paramLabel = "ADDRESS",
        defaultValue = "127.0.0.1:5353",
        description = "The name server (default: ${DEFAULT-VALUE}).")
    String server = "127.0.0.1:5353";

    @Option(names = "--tcp", description = "Ask over TCP at once.")
    boolean tcp;

    private final Console console;

    LookupName(Console console) {
      this.console = console;
    }

    @Override
    public Integer call() {
      Lookup lookup = new Lookup(name, type, ListenAddress.parse(server), tcp);
      Lookup.Reply reply;
      try {
        reply = lookup.ask();
      } catch (IOException e) {
        throw new CliException(
            ExitCode.UNREACHABLE, Failures.oneLine(String.valueOf(e.getMessage())), e);
      }
      console.out().print(reply.text());
      return switch (reply.rcode()) {
        case "NOERROR" -> ExitCode.OK;
        case "NXDOMAIN" -> ExitCode.NOT_FOUND;
        case "REFUSED" -> ExitCode.REFUSED;
        default -> ExitCode.FAILED;
      };
    }
  }
}
