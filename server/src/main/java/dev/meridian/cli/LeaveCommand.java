package dev.meridian.cli;

import dev.meridian.client.MeridianClient;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "leave",
    description = {
      "Let a node leave its cluster: others take over what it holds, then it is forgotten and can be"
          + " stopped. 'status' on another node shows when.",
    },
    footer = {
      "%nExamples:",
      "  ./meridian leave                    the node that is asked",
      "  ./meridian leave n1a2b3c4d          another one, by its id in 'status'",
      "  ./meridian leave n1a2b3c4d --gone   one that is gone for good: nobody waits for it"
    })
final class LeaveCommand implements Runnable {
  @Parameters(paramLabel = "NODE", arity = "0..1", description = "The node's id (default: itself).")
  @Nullable String node;

  @Option(
      names = "--gone",
      description = "The node is gone for good and will never come back under this id.")
  boolean gone;

  @Mixin ServerOptions server = new ServerOptions();

  private final Console console;

  LeaveCommand(Console console) {
    this.console = console;
  }

  @Override
  public void run() {
    if (gone && node == null) {
      throw new CliException(ExitCode.USAGE, "--gone needs the id of the node that is gone");
    }
    try (MeridianClient client = server.connectAdmin(console)) {
      client.call(
          "DELETE", "/nodes/" + (node == null ? "self" : node) + (gone ? "?gone" : ""), null);
      console.note((node == null ? "the node" : Failures.oneLine(node)) + " is leaving");
    }
  }
}
