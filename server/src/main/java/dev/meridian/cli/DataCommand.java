package dev.meridian.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

@Command(
    name = "data",
    description = "Read and write documents.",
    synopsisSubcommandLabel = "COMMAND",
    commandListHeading = "%nCommands:%n",
    subcommands = {
      DataGetCommand.class,
      DataPutCommand.class,
      DataPatchCommand.class,
      DataDeleteCommand.class,
      DataListCommand.class,
      ImportCommand.class,
      ExportCommand.class,
    },
    footer = {
      "%nExamples:",
      "  ./meridian data put cities/reykjavik '{\"country\": \"IS\"}'",
      "  ./meridian data list cities --where 'country == \"IS\"' --sort=-population"
    })
final class DataCommand implements Runnable {
  @Spec CommandSpec spec = CommandSpec.create();

  private final Console console;

  DataCommand(Console console) {
    this.console = console;
  }

  @Override
  public void run() {
    spec.commandLine().usage(console.out());
  }
}
