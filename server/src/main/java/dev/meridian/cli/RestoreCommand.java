package dev.meridian.cli;

import dev.meridian.replica.BackupManifest;
import dev.meridian.replica.ReplicatedStore;
import dev.meridian.store.Engine;
import dev.meridian.store.RocksStore;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "restore",
    description = {
      "Make a data folder from a copy that 'backup' wrote. No node may be running on that folder.",
      "",
      "The copy is checked first. A folder that holds data is never overwritten: give a new one, or"
          + " move the old one away."
    },
    footer = {
      "%nExamples:",
      "  ./meridian restore monday.zip --data restored",
      "  ./meridian up my-site --data restored"
    })
final class RestoreCommand implements Callable<Integer> {
  @Parameters(paramLabel = "FILE", description = "The copy.")
  Path file = Path.of("");

  @Option(
      names = "--data",
      paramLabel = "DATA",
      required = true,
      description = "The folder to make; it must be new or empty.")
  Path data = Path.of("");

  private final Console console;

  RestoreCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    BackupManifest manifest = ReplicatedStore.verify(file);
    try (Engine engine = new Engine();
        InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16);
        Meter meter = new Meter(console, "Restoring", manifest.bytes())) {
      ReplicatedStore.restore(
          in, data, RocksStore.Options.of(engine), (done, total) -> meter.at(done, 0));
    }
    BackupCommand.show(console, manifest);
    console.out().println("Restored to " + data + ". Start it with: up SITE --data " + data);
    return ExitCode.OK;
  }
}
