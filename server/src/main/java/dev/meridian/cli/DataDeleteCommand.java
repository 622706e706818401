package dev.meridian.cli;

import dev.meridian.client.MeridianClient;
import dev.meridian.document.DocumentPath;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

@Command(
    name = "delete",
    description = "Delete documents. One that is not there is no error; those below it stay.",
    footer = {
      "%nExamples:",
      "  ./meridian data delete cities/atlantis",
      "  ./meridian data delete cities/atlantis --if-exists"
    })
final class DataDeleteCommand implements Callable<Integer> {
  @Parameters(arity = "1..*", paramLabel = "PATH", description = "The documents.")
  List<String> paths = List.of();

  @Mixin WriteConditions conditions = new WriteConditions();
  @Mixin ServerOptions server = new ServerOptions();

  private final Console console;

  DataDeleteCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    if (conditions.ifAbsent || conditions.expires != null) {
      throw new CliException(
          ExitCode.USAGE, "a delete takes --if-match or --if-exists, nothing else");
    }
    // All of them are read before the first is deleted: a typing error deletes nothing.
    List<DocumentPath> targets = paths.stream().map(DocumentPath::parse).toList();
    var options = conditions.options();
    try (MeridianClient client = server.connect(console)) {
      for (DocumentPath target : targets) {
        client.delete(target.toString(), options);
      }
    }
    return ExitCode.OK;
  }
}
