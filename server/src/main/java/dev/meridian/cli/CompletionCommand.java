package dev.meridian.cli;

import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

@Command(
    name = "completion",
    description = "Write a script that completes this program's commands in bash or zsh.",
    footer = {
      "%nExamples:",
      "  source <(./meridian completion)                          in this shell",
      "  ./meridian completion > ~/.local/share/bash-completion/completions/meridian"
    })
final class CompletionCommand implements Runnable {
  @Spec CommandSpec spec = CommandSpec.create();

  private final Console console;

  CompletionCommand(Console console) {
    this.console = console;
  }

  @Override
  public void run() {
    console.out().print(AutoComplete.bash("meridian", spec.root().commandLine()));
  }
}
