package dev.meridian.web;

import io.helidon.webserver.WebServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.Locale;

/** Starts listeners so that one which cannot listen is an exception. */
final class Listening {
  private Listening() {}

  /**
   * Starts {@code server}.
   *
   * @param name of the listener, as people and {@code meridian up} call it: http, https, admin
   * @throws UncheckedIOException if the address cannot be listened on
   */
  static WebServer start(String name, InetSocketAddress address, WebServer server) {
    // The engine logs a stack trace when it cannot listen, and goes on without. So it is tried
    // first, and looked at afterwards for the case that somebody was faster.
    if (address.getPort() != 0) {
      try (ServerSocket probe = new ServerSocket()) {
        probe.setReuseAddress(true);
        probe.bind(address);
      } catch (IOException e) {
        throw failed(name, address, String.valueOf(e.getMessage()));
      }
    }
    server.start();
    if (!server.isRunning()) {
      server.stop();
      throw failed(name, address, "address already in use");
    }
    return server;
  }

  private static UncheckedIOException failed(String name, InetSocketAddress address, String why) {
    String plain = address.getHostString();
    String host = plain.indexOf(':') < 0 ? plain : "[" + plain + "]";
    String reason = why.replaceFirst(" \\(.*", "").toLowerCase(Locale.ROOT);
    return new UncheckedIOException(
        new BindException(
            "the "
                + (name.equals("admin") ? "operator's" : name.equals("http") ? "web" : "https")
                + " listener cannot listen on "
                + host
                + ":"
                + address.getPort()
                + ": "
                + reason
                + (reason.contains("in use") ? "; stop the other process or choose" : "; choose")
                + " another with --"
                + name
                + " "
                + host
                + ":PORT"));
  }
}
