package dev.meridian.cli;

import dev.meridian.client.MeridianClient;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ObjectNode;

@Command(
    name = "token",
    description =
        "Make a token with which another machine joins this cluster. Whoever has it can read and"
            + " write everything, so hand it over as you would a password.",
    footer = {
      "%nExamples:",
      "  ./meridian token                                    one machine, within an hour",
      "  MERIDIAN_TOKEN=$(./meridian token) ./meridian up --join 10.0.0.1:7400 --peer 10.0.0.2:7400"
    })
final class TokenCommand implements Runnable {
  @Option(
      names = "--minutes",
      paramLabel = "N",
      defaultValue = "60",
      description = "How long it is good for (default: ${DEFAULT-VALUE}).")
  int minutes;

  @Option(names = "--reusable", description = "For any number of machines, not one.")
  boolean reusable;

  @Mixin ServerOptions server = new ServerOptions();

  private final Console console;

  TokenCommand(Console console) {
    this.console = console;
  }

  @Override
  public void run() {
    ObjectNode wanted =
        JsonText.MAPPER.createObjectNode().put("minutes", minutes).put("reusable", reusable);
    try (MeridianClient client = server.connectAdmin(console)) {
      byte[] made = client.call("POST", "/tokens", JsonText.MAPPER.writeValueAsBytes(wanted));
      console.out().println(JsonText.MAPPER.readTree(made).path("token").asString(""));
    }
  }
}
