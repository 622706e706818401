package dev.meridian.cli;

import dev.meridian.client.MeridianClient;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

@Command(
    name = "where",
    description = {
      "Explain step by step why a client gets the regions that it gets: where its address is, what"
          + " site.yaml says of it, how far the regions are and which are ready.",
      "The running server is asked, so what it says is what it does."
    },
    footer = {
      "%nExamples:",
      "  ./meridian dns where 81.2.69.142",
      "  ./meridian dns where 2001:db8::1 www.example.org"
    })
final class DnsWhereCommand implements Runnable {
  @Parameters(index = "0", paramLabel = "ADDRESS", description = "The client's address.")
  String address = "";

  @Parameters(
      index = "1",
      paramLabel = "NAME",
      arity = "0..1",
      description = "The name it asks for (default: all names that answer with regions).")
  @Nullable String name;

  @Mixin ServerOptions server = new ServerOptions();

  private final Console console;

  DnsWhereCommand(Console console) {
    this.console = console;
  }

  @Override
  public void run() {
    String asked = "/where?address=" + URLEncoder.encode(address, StandardCharsets.UTF_8);
    if (name != null) {
      asked += "&name=" + URLEncoder.encode(name, StandardCharsets.UTF_8);
    }
    try (MeridianClient client = server.connectAdmin(console)) {
      JsonNode answer = JsonText.MAPPER.readTree(client.call("GET", asked, null));
      answer
          .path("steps")
          .forEach(step -> console.out().println(Failures.oneLine(step.asString(""))));
    }
  }
}
