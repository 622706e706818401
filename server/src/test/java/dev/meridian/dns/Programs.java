package dev.meridian.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.PortUnreachableException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.xbill.DNS.Type;

/** Programs that others wrote; a test that needs one is skipped where it is not installed. */
final class Programs {
  private Programs() {}

  static Path find(String name) {
    for (String place : List.of("/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin")) {
      Path program = Path.of(place, name);
      if (Files.isExecutable(program)) {
        return program;
      }
    }
    assumeTrue(false, name + " is not installed, so it is not asked");
    throw new AssertionError();
  }

  /** Runs a program to its end; what it said. */
  static String run(String... command) throws IOException, InterruptedException {
    List<String> all = new ArrayList<>(List.of(command));
    all.set(0, find(command[0]).toString());
    Process process = new ProcessBuilder(all).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    return output;
  }

  /** Waits until a name server that was started answers. */
  static void awaitAnswer(InetSocketAddress peer, Process process, Path log) throws IOException {
    byte[] query = Wired.query("example.test", Type.SOA).toWire();
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (true) {
      try (DatagramSocket socket = new DatagramSocket()) {
        socket.setSoTimeout(200);
        socket.connect(peer);
        socket.send(new DatagramPacket(query, query.length));
        socket.receive(new DatagramPacket(new byte[512], 512));
        return;
      } catch (SocketTimeoutException | PortUnreachableException e) {
        assertThat(process.isAlive() && System.nanoTime() < end)
            .as(() -> "it does not answer: " + read(log))
            .isTrue();
      }
    }
  }

  private static String read(Path log) {
    try {
      return Files.readString(log);
    } catch (IOException e) {
      return e.toString();
    }
  }
}
