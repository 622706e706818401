package dev.meridian.dns;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** NSD on addresses of loopback, with its files in a folder. */
record Nsd(InetSocketAddress address, Path log, Process process) implements AutoCloseable {
  /**
   * Starts it, and waits until it answers; skips the test where it is not installed.
   *
   * @param folder for its files; zone files are named as they lie there
   * @param more of its configuration after the server's part: keys and zones
   */
  static Nsd start(Path folder, List<InetSocketAddress> addresses, String more) throws IOException {
    Path program = Programs.find("nsd");
    Files.createDirectories(folder);
    StringBuilder config = new StringBuilder("server:\n");
    for (InetSocketAddress address : addresses) {
      config
          .append("  ip-address: ")
          .append(address.getAddress().getHostAddress())
          .append('@')
          .append(address.getPort())
          .append('\n');
    }
    config
        .append(
            """
              username: ""
              zonesdir: "%1$s"
              database: ""
              pidfile: "%1$s/pid"
              xfrdfile: "%1$s/xfrd"
              xfrdir: "%1$s"
              zonelistfile: "%1$s/list"
              server-count: 1
              rrl-ratelimit: 0
            remote-control:
              control-enable: no
            """
                .formatted(folder))
        .append(more);
    Path file = Files.writeString(folder.resolve("nsd.conf"), config);
    Path log = folder.resolve("log");
    Process process =
        new ProcessBuilder(program.toString(), "-d", "-c", file.toString())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    Nsd nsd = new Nsd(addresses.getFirst(), log, process);
    try {
      Programs.awaitAnswer(nsd.address, process, log);
      return nsd;
    } catch (IOException | AssertionError e) {
      nsd.close();
      throw e;
    }
  }

  @Override
  public void close() {
    process.destroy();
    try {
      if (!process.waitFor(10, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
