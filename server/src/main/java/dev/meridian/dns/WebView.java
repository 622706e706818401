package dev.meridian.dns;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Set;
import java.util.StringJoiner;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Whether a web server is at an address.
 *
 * @param open the ports that take connections
 * @param failure why the others do not
 * @param untried whether this machine has no way to it
 */
record WebView(InetAddress address, Set<Integer> open, String failure, boolean untried) {
  /** Those that browsers try. */
  private static final Set<Integer> PUBLIC = Set.of(80, 443);

  /**
   * Tries it, one port after another.
   *
   * @param more ports beside 80 and 443
   */
  static WebView of(Asker asker, InetAddress address, Set<Integer> more) {
    Set<Integer> all = new TreeSet<>(PUBLIC);
    all.addAll(more);
    Set<Integer> open = new TreeSet<>();
    StringJoiner failure = new StringJoiner(", ");
    for (int port : all) {
      try {
        asker.connect(new InetSocketAddress(address, port));
        open.add(port);
      } catch (Asker.NoNetwork e) {
        return new WebView(address, Set.of(), String.valueOf(e.getMessage()), true);
      } catch (IOException e) {
        failure.add("port " + port + ": " + e.getMessage());
      }
    }
    return new WebView(address, open, failure.toString(), false);
  }

  /** Whether browsers find it. */
  boolean isPublic() {
    return open.stream().anyMatch(PUBLIC::contains);
  }

  /** Such as {@code port 80, 443}. */
  static String ports(Set<Integer> ports) {
    return "port " + ports.stream().map(String::valueOf).collect(Collectors.joining(", "));
  }
}
