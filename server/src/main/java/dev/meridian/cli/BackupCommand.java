package dev.meridian.cli;

import dev.meridian.client.MeridianClient;
import dev.meridian.replica.BackupManifest;
import dev.meridian.replica.ReplicatedStore;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "backup",
    description = {
      "Copy all data of a running node into a file, consistently, while it goes on.",
      "",
      "The copy is written to FILE.part, every file in it is checked against its checksum, and only"
          + " then does it get its name. 'restore' makes a data folder from it."
    },
    footer = {
      "%nExamples:",
      "  ./meridian backup monday.zip",
      "  ./meridian backup --verify monday.zip      check a copy made earlier"
    })
final class BackupCommand implements Callable<Integer> {
  @Parameters(paramLabel = "FILE", description = "The copy.")
  Path file = Path.of("");

  @Option(names = "--verify", description = "Only check a copy that is there.")
  boolean verify;

  @Option(names = "--force", description = "Replace a file that is there.")
  boolean force;

  @Mixin ServerOptions server = new ServerOptions();

  private final Console console;

  BackupCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    if (verify) {
      show(console, ReplicatedStore.verify(file));
      return ExitCode.OK;
    }
    if (Files.exists(file) && !force) {
      throw new FileAlreadyExistsException(file.toString());
    }
    Path part = file.resolveSibling(file.getFileName() + ".part");
    try (MeridianClient client = server.connectAdmin(console);
        InputStream in = client.open("/backup")) {
      copy(in, part);
      BackupManifest manifest = ReplicatedStore.verify(part);
      Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      show(console, manifest);
    } finally {
      Files.deleteIfExists(part);
    }
    return ExitCode.OK;
  }

  private void copy(InputStream in, Path part) throws IOException {
    try (OutputStream out = Files.newOutputStream(part);
        Meter meter = new Meter(console, "Copying", -1)) {
      byte[] buffer = new byte[1 << 16];
      long bytes = 0;
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        out.write(buffer, 0, n);
        bytes += n;
        meter.at(bytes, 0);
      }
    }
    // A copy that a power cut can take away is none.
    try (FileChannel channel = FileChannel.open(part, StandardOpenOption.WRITE)) {
      channel.force(true);
    }
  }

  static void show(Console console, BackupManifest manifest) {
    Table table = new Table(console, "BACKUP", "");
    table.row("made", Instant.ofEpochMilli(manifest.createdMillis()));
    table.row("by version", manifest.node());
    table.row("log index", Meter.count(manifest.index()));
    table.row("files", Meter.count(manifest.files().size()) + ", all checksums right");
    table.row("size", Meter.bytes(manifest.bytes()));
    table.print();
  }
}
