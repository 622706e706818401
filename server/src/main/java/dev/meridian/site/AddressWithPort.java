package dev.meridian.site;

import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/** An address as people write it, with a port or without; names are not looked up. */
record AddressWithPort(InetAddress address, OptionalInt port) {
  /** Reads {@code 10.0.0.1}, {@code 10.0.0.1:80} or {@code [::1]:80}; null if it is none. */
  static @Nullable AddressWithPort parse(String text) {
    InetAddress alone = literal(text);
    if (alone != null) {
      return new AddressWithPort(alone, OptionalInt.empty());
    }
    int colon = text.lastIndexOf(':');
    String host = colon < 0 ? "" : text.substring(0, colon);
    boolean bracketed = host.startsWith("[") && host.endsWith("]");
    InetAddress address = literal(bracketed ? host.substring(1, host.length() - 1) : host);
    String port = text.substring(colon + 1);
    return address == null
            || bracketed == address instanceof Inet4Address
            || !port.matches("[1-9][0-9]{0,4}")
            || Integer.parseInt(port) > 65535
        ? null
        : new AddressWithPort(address, OptionalInt.of(Integer.parseInt(port)));
  }

  /** An address alone; null if it is none. */
  static @Nullable InetAddress literal(String text) {
    String literal = RecordsReader.ipv4(text);
    literal = literal == null ? RecordsReader.ipv6(text) : literal;
    return literal == null ? null : InetAddress.ofLiteral(literal);
  }

  /** With {@code otherwise} where no port was written. */
  InetSocketAddress at(int otherwise) {
    return new InetSocketAddress(address, port.orElse(otherwise));
  }
}
