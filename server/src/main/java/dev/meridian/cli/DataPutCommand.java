package dev.meridian.cli;

import dev.meridian.client.MeridianClient;
import dev.meridian.client.Written;
import dev.meridian.document.DocumentPath;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "put",
    description = "Create or replace a document; show its new ETag.",
    footer = {
      "%nExamples:",
      "  ./meridian data put cities/reykjavik '{\"country\": \"IS\", \"population\": 118918}'",
      "  ./meridian data put pages/home --file home.json --if-absent",
      "  echo '{\"seen\": true}' | ./meridian data put notes/7 --expires 7d"
    })
final class DataPutCommand implements Callable<Integer> {
  @Parameters(
      index = "0",
      paramLabel = "PATH",
      description = "The document: collection/id[/collection/id...].")
  String path = "";

  @Parameters(
      index = "1",
      arity = "0..1",
      paramLabel = "JSON",
      description = "Its value; without it or as -, from standard input.")
  @Nullable String value;

  @Option(names = "--file", paramLabel = "FILE", description = "Read the value from a file.")
  @Nullable Path file;

  @Mixin WriteConditions conditions = new WriteConditions();
  @Mixin ServerOptions server = new ServerOptions();

  private final Console console;

  DataPutCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    String target = DocumentPath.parse(path).toString();
    var options = conditions.options();
    byte[] json = JsonText.given(value, file, console);
    try (MeridianClient client = server.connect(console)) {
      Written written = client.putJson(target, json, options);
      console.out().println(written.etag());
    }
    return ExitCode.OK;
  }
}
