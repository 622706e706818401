package dev.meridian.dns;

import dev.meridian.geo.Prefix;
import java.net.InetAddress;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;
import org.xbill.DNS.Name;

/** Addresses and names that mean nothing to the world. */
final class NetworkKind {
  /** What is private, and of RFC 6890 and its successors what is nowhere on the public network. */
  private static final List<Prefix> INNER =
      Stream.concat(
              Geography.PRIVATE_PREFIXES.stream(),
              Stream.of(
                      "0.0.0.0/8",
                      "192.0.2.0/24",
                      "198.18.0.0/15",
                      "198.51.100.0/24",
                      "203.0.113.0/24",
                      "224.0.0.0/3",
                      "::/128",
                      "2001:db8::/32",
                      "ff00::/8")
                  .map(text -> Prefix.parse(text).orElseThrow()))
          .toList();

  /** Nobody can register a name below these (RFC 6761, RFC 8375, RFC 9476, ICANN's internal). */
  private static final Set<String> RESERVED =
      Set.of("test", "localhost", "invalid", "example", "local", "internal", "onion", "alt");

  private static final Set<String> RESERVED_DOMAINS =
      Set.of("example.com", "example.net", "example.org", "home.arpa");

  private NetworkKind() {}

  /** Whether only its own network can reach it, or nobody. */
  static boolean isInner(InetAddress address) {
    Prefix one = Prefix.of(address, 8 * address.getAddress().length);
    return INNER.stream().anyMatch(all -> all.holds(one.v4(), one.high(), one.low()));
  }

  /** Whether a name is of those kept for tests and inner networks. */
  static boolean isReserved(Name name) {
    String text = name.toString(true).toLowerCase(Locale.ROOT);
    return RESERVED.contains(text.substring(text.lastIndexOf('.') + 1))
        || RESERVED_DOMAINS.stream().anyMatch(d -> text.equals(d) || text.endsWith("." + d));
  }

  /** What fails together, roughly: a /24, or a /48 of IPv6. */
  static Prefix network(InetAddress address) {
    int bits = address.getAddress().length == 4 ? 24 : 48;
    return Prefix.of(address, bits);
  }
}
