package dev.meridian.cli;

import dev.meridian.client.MeridianClient;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.node.ObjectNode;

@Command(
    name = "roll",
    description = {
      "Replace the key of a zone, which happens of itself once a year. It takes about two weeks, and"
          + " the parent's help: it must point at the new key, by itself (it reads CDS) or because the"
          + " registrar is told what 'dns ds' shows. Until then both keys are good."
    },
    footer = {
      "%nExamples:",
      "  ./meridian dns roll cities.example",
      "  ./meridian dns keys                                  shows how far it is",
      "  ./meridian dns roll cities.example --parent-has-it   where the parent cannot be asked"
    })
final class DnsRollCommand implements Runnable {
  @Parameters(index = "0", paramLabel = "ZONE", description = "Such as example.org.")
  String zone = "";

  @Option(
      names = "--parent-has-it",
      description =
          "The parent points at the new key on all its servers, and at the old one no more. Said too"
              + " early, it makes the zone unreachable for those who validate.")
  boolean parentHasIt;

  @Mixin ServerOptions server = new ServerOptions();

  private final Console console;

  DnsRollCommand(Console console) {
    this.console = console;
  }

  @Override
  public void run() {
    ObjectNode wanted =
        JsonText.MAPPER.createObjectNode().put("zone", zone).put("parentHasIt", parentHasIt);
    try (MeridianClient client = server.connectAdmin(console)) {
      byte[] answer = client.call("POST", "/names/keys", JsonText.MAPPER.writeValueAsBytes(wanted));
      DnsKeysCommand.print(console, JsonText.MAPPER.readTree(answer));
    }
  }
}
