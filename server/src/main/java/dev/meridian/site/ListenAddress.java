package dev.meridian.site;

import dev.meridian.document.InvalidInputException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import org.jspecify.annotations.Nullable;

/**
 * An address to listen at as people write it: {@code 127.0.0.1:8080}, {@code [::1]:8080}, {@code
 * localhost:8080}, {@code *:8080} for every address of the machine, or a port alone for loopback.
 * Names are not looked up, so that reading never waits.
 */
public final class ListenAddress {
  private ListenAddress() {}

  /**
   * Reads one.
   *
   * @throws InvalidInputException if it is none
   */
  public static InetSocketAddress parse(String text) {
    int colon = text.lastIndexOf(':');
    boolean portOnly = colon < 0 && text.matches("[0-9]+");
    InetAddress host =
        portOnly ? host("localhost") : colon < 0 ? null : host(text.substring(0, colon));
    String port = text.substring(colon + 1);
    if (host == null || !port.matches("[0-9]{1,5}") || Integer.parseInt(port) > 65535) {
      throw new InvalidInputException(
          "'"
              + YamlReader.shorten(text)
              + "' is no address to listen at; write it as 127.0.0.1:8080, '[::1]:8080', '*:8080'"
              + " (every address of the machine) or off.");
    }
    return new InetSocketAddress(host, Integer.parseInt(port));
  }

  private static @Nullable InetAddress host(String text) {
    try {
      if (text.equals("*")) {
        return new InetSocketAddress(0).getAddress();
      }
      if (text.equals("localhost")) {
        return InetAddress.ofLiteral("127.0.0.1");
      }
      String ipv4 = RecordsReader.ipv4(text);
      if (ipv4 != null) {
        return InetAddress.ofLiteral(ipv4);
      }
      String ipv6 =
          text.startsWith("[") && text.endsWith("]")
              ? RecordsReader.ipv6(text.substring(1, text.length() - 1))
              : null;
      return ipv6 == null ? null : InetAddress.ofLiteral(ipv6);
    } catch (IllegalArgumentException e) {
      return null;
    }
  }
}
