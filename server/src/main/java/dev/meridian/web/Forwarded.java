package dev.meridian.web;

import dev.meridian.site.TrustedProxies;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Where a request came from by what trusted proxies say ({@code X-Forwarded-For}, or RFC 7239's
 * {@code Forwarded}). Pure; the work is bounded by {@link #MAX_HOPS} and the size of the headers.
 *
 * <p>Each proxy adds, at the end, the address that it was asked from. So it is read from the end:
 * what stands there was written by who is connected here and counts if that is a proxy of ours,
 * what stands before that counts if the address after it is one, too. The first address that is no
 * proxy's is the visitor's. What stands before it is the visitor's own word, is not looked at, and
 * may be anything. Where a proxy did not say an address ({@code unknown}, a made-up name, or what
 * is none) it is not known where the request came from before it, and the proxy counts as who asks.
 */
final class Forwarded {
  /** Most proxies on the way of a request; what stands before them is not looked at. */
  static final int MAX_HOPS = 32;

  /** A port, or the made-up name of one. */
  private static final String PORT = "(?::(?:[0-9]{1,5}|_[0-9A-Za-z._-]+))?";

  private static final Pattern V4 = Pattern.compile("([0-9]{1,3}(?:\\.[0-9]{1,3}){3})" + PORT);
  private static final Pattern V6 =
      Pattern.compile("\\[([0-9A-Fa-f:.]{2,45})]" + PORT + "|([0-9A-Fa-f:.]{2,45})");
  private static final Pattern PAIR =
      Pattern.compile(
          "[ \\t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)="
              // Possessive, so that no text takes more of the stack the longer it is.
              + "([^\";, \\t]+|\"(?:[^\"\\\\]|\\\\.)*+\")[ \\t]*");
  private static final Pattern NO_PAIR = Pattern.compile("[ \\t]*(?=;|$)");
  private static final Pattern ESCAPED = Pattern.compile("\\\\(.)");

  private Forwarded() {}

  /**
   * Who asks.
   *
   * @param address the visitor's, or that of the last proxy that is known
   * @param scheme {@code http} or {@code https}, by which that one asked; null if nobody says
   */
  record Origin(InetAddress address, @Nullable String scheme) {}

  /** What a hop says: of whom it was asked, and by which scheme. */
  private record Hop(@Nullable InetAddress address, @Nullable String scheme) {}

  /**
   * Who asks, by what the peer says if it is a proxy of ours.
   *
   * @param peer who is connected
   * @param addresses the lines of the header that the proxies write, in their order
   * @param schemes those of {@code X-Forwarded-Proto}, which counts beside {@code X-Forwarded-For}
   */
  static Origin of(
      TrustedProxies proxies, InetAddress peer, List<String> addresses, List<String> schemes) {
    InetAddress address = peer;
    String scheme = null;
    if (!proxies.trusts(peer)) {
      return new Origin(peer, null);
    }
    boolean standard = proxies.header() == TrustedProxies.Header.FORWARDED;
    List<String> elements = last(addresses, MAX_HOPS);
    for (String element : elements) {
      Hop hop = standard ? hop(element) : new Hop(address(element), null);
      if (hop.scheme() != null) {
        scheme = hop.scheme();
      }
      if (hop.address() == null) {
        break;
      }
      address = hop.address();
      if (!proxies.trusts(address)) {
        break;
      }
    }
    if (!standard) {
      // The nearest proxy's word.
      List<String> all = last(schemes, 1);
      scheme = all.isEmpty() ? null : scheme(all.getFirst());
    }
    return new Origin(address, scheme);
  }

  /**
   * The last elements of a list that stands in several lines, the last first. A comma in quotes
   * parts nothing. Read from the end, so that no quote that a visitor left open reaches what
   * proxies added.
   */
  private static List<String> last(List<String> lines, int most) {
    List<String> elements = new ArrayList<>();
    for (String line : lines.reversed()) {
      int end = line.length();
      boolean quoted = false;
      for (int i = end - 1; i >= -1; i--) {
        if (elements.size() == most) {
          return elements;
        }
        if (i >= 0 && line.charAt(i) == '"') {
          quoted ^= !isEscaped(line, i);
        } else if (i < 0 || (line.charAt(i) == ',' && !quoted)) {
          String element = line.substring(i + 1, end).strip();
          if (!element.isEmpty()) {
            elements.add(element);
          }
          end = i;
        }
      }
    }
    return elements;
  }

  /** Whether an odd number of backslashes stands before it. */
  private static boolean isEscaped(String line, int at) {
    int i = at;
    while (i > 0 && line.charAt(i - 1) == '\\') {
      i--;
    }
    return (at - i) % 2 == 1;
  }

  /** An element of {@code Forwarded}; without an address if it is none. */
  private static Hop hop(String element) {
    InetAddress address = null;
    String scheme = null;
    boolean named = false;
    boolean schemed = false;
    int at = 0;
    Matcher pair = PAIR.matcher(element);
    Matcher none = NO_PAIR.matcher(element);
    while (true) {
      if (none.region(at, element.length()).lookingAt()) {
        at = none.end();
      } else if (pair.region(at, element.length()).lookingAt()) {
        String name = pair.group(1).toLowerCase(Locale.ROOT);
        String value = pair.group(2);
        if (value.startsWith("\"")) {
          value = ESCAPED.matcher(value.substring(1, value.length() - 1)).replaceAll("$1");
        }
        if ((name.equals("for") && named) || (name.equals("proto") && schemed)) {
          return new Hop(null, null);
        }
        if (name.equals("for")) {
          named = true;
          address = address(value);
        } else if (name.equals("proto")) {
          schemed = true;
          scheme = scheme(value);
        }
        at = pair.end();
      } else {
        return new Hop(null, null);
      }
      if (at == element.length()) {
        return new Hop(address, scheme);
      }
      if (element.charAt(at) != ';') {
        return new Hop(null, null);
      }
      at++;
    }
  }

  private static @Nullable String scheme(String text) {
    String scheme = text.toLowerCase(Locale.ROOT);
    return scheme.equals("http") || scheme.equals("https") ? scheme : null;
  }

  /** An address, also with a port; null if it is none. Asks no name server. */
  static @Nullable InetAddress address(String text) {
    Matcher v4 = V4.matcher(text);
    Matcher v6 = V6.matcher(text);
    String literal;
    if (v4.matches()) {
      literal = v4.group(1);
    } else if (v6.matches()) {
      literal = v6.group(1) != null ? v6.group(1) : v6.group(2);
      if (literal.indexOf(':') < 0) {
        return null;
      }
    } else {
      return null;
    }
    try {
      return InetAddress.ofLiteral(literal);
    } catch (IllegalArgumentException e) {
      return null;
    }
  }
}
