package dev.meridian.cli;

import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "help",
    description = "Show what a command does.",
    footer = {"%nExamples:", "  meridian help", "  meridian help data import"})
final class HelpCommand implements Runnable {
  @Spec CommandSpec spec = CommandSpec.create();

  @Parameters(paramLabel = "COMMAND", arity = "0..*", description = "Such as: data import.")
  List<String> names = new ArrayList<>();

  private final Console console;

  HelpCommand(Console console) {
    this.console = console;
  }

  @Override
  public void run() {
    CommandLine at = spec.root().commandLine();
    for (String name : names) {
      CommandLine below = at.getSubcommands().get(name);
      if (below == null) {
        throw new CliException(
            ExitCode.USAGE,
            "there is no command '"
                + Failures.oneLine(String.join(" ", names))
                + "'; './meridian help' lists them");
      }
      at = below;
    }
    at.usage(console.out());
  }
}
