package dev.meridian.cli;

import dev.meridian.client.Document;
import dev.meridian.client.MeridianClient;
import dev.meridian.document.DocumentPath;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "get",
    description = "Show a document's value: indented on a terminal, as stored in a pipe.",
    footer = {
      "%nExamples:",
      "  ./meridian data get cities/reykjavik",
      "  ./meridian data get cities/reykjavik --etag      its version, for --if-match",
      "  ./meridian data get cities/reykjavik | jq .population"
    })
final class DataGetCommand implements Callable<Integer> {
  @Parameters(paramLabel = "PATH", description = "The document: collection/id[/collection/id...].")
  String path = "";

  @Option(names = "--etag", description = "Show its ETag instead of its value.")
  boolean etag;

  @Option(names = "--raw", description = "As stored, on a terminal too.")
  boolean raw;

  @Mixin ServerOptions server = new ServerOptions();

  private final Console console;

  DataGetCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    String wanted = DocumentPath.parse(path).toString();
    try (MeridianClient client = server.connect(console)) {
      Document document =
          client
              .get(wanted)
              .orElseThrow(
                  () ->
                      new CliException(
                          ExitCode.NOT_FOUND, "there is no document '" + wanted + "'"));
      if (etag) {
        console.out().println(document.etag());
      } else if (raw || !console.outIsTerminal()) {
        console.out().writeBytes(document.json());
        console.out().println();
      } else {
        console.out().println(JsonText.pretty(document.json()));
      }
    }
    return ExitCode.OK;
  }
}
