package dev.meridian.peer;

import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;

/** Where a test may listen, and listen again later. */
public final class FreePort {
  /** Of this process: who was given a port may listen there later, or not all the time. */
  private static final Set<Integer> GIVEN = ConcurrentHashMap.newKeySet();

  private FreePort() {}

  /**
   * A port of 127.0.0.1 where nobody listens, another each time. It is below those that the system
   * gives to connections, or one may have it while the test does not.
   */
  public static InetSocketAddress find() throws IOException {
    InetAddress loopback = InetAddress.getByName("127.0.0.1");
    while (true) {
      int port = ThreadLocalRandom.current().nextInt(15_000, 30_000);
      if (!GIVEN.add(port)) {
        continue;
      }
      try (ServerSocket socket = new ServerSocket(port, 1, loopback)) {
        return new InetSocketAddress(loopback, socket.getLocalPort());
      } catch (BindException e) {
        // Another one, then.
      }
    }
  }
}
