package dev.meridian.client;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/** Addresses of documents and collections, percent-encoded by RFC 3986. */
final class Addresses {
  private static final HexFormat HEX = HexFormat.of().withUpperCase();

  private static final int MAX_PORT = 65_535;

  private final String base;

  /**
   * Takes the server's address: scheme and authority, perhaps a path before {@code /data}.
   *
   * @throws IllegalArgumentException if it is no http or https address
   */
  Addresses(URI server) {
    String scheme = server.getScheme();
    if (scheme == null
        || !(scheme.equalsIgnoreCase("http") || scheme.equalsIgnoreCase("https"))
        || server.getHost() == null
        || server.getPort() > MAX_PORT
        || server.getRawQuery() != null
        || server.getRawFragment() != null) {
      throw new IllegalArgumentException(
          "'" + server + "' is not a server's address; write it as http://127.0.0.1:8080");
    }
    String text = server.toString();
    base = text.endsWith("/") ? text.substring(0, text.length() - 1) : text;
  }

  /** The server's address without a last slash. */
  String server() {
    return base;
  }

  /** {@code /data}, where batches go. */
  URI root() {
    return URI.create(base + "/data");
  }

  /**
   * A document.
   *
   * @throws IllegalArgumentException if {@code path} is not of the form of a document's path
   */
  URI document(String path) {
    if (path.chars().filter(c -> c == '/').count() % 2 == 0) {
      throw new IllegalArgumentException(
          "'" + path + "' is no document's path; write it as collection/id[/collection/id…]");
    }
    return data(path, "");
  }

  /**
   * A collection, and a query string that is encoded already.
   *
   * @throws IllegalArgumentException if {@code path} is not of the form of a collection's path
   */
  URI collection(String path, String query) {
    if (path.chars().filter(c -> c == '/').count() % 2 != 0) {
      throw new IllegalArgumentException(
          "'" + path + "' is no collection's path; write it as collection[/id/collection…]");
    }
    return data(path, query);
  }

  /** A document or collection, and a query string that is encoded already. */
  URI data(String path, String query) {
    StringBuilder address = new StringBuilder(base).append("/data");
    for (String segment : path.split("/", -1)) {
      if (segment.isEmpty() || !isUnicode(segment)) {
        // Empty ones may be dropped on the road, and half characters would become another path.
        throw new IllegalArgumentException(
            "'" + path + "' is no path: each part between slashes is Unicode text, not empty");
      }
      address.append('/');
      // Dot segments would be resolved away on the road; the server refuses them by name instead.
      encode(address, segment);
    }
    if (!query.isEmpty()) {
      address.append('?').append(query);
    }
    return URI.create(address.toString());
  }

  /** Appends {@code name=value} to a query string. */
  static void parameter(StringBuilder query, String name, @Nullable String value) {
    if (value != null) {
      query.append(query.isEmpty() ? "" : "&").append(name).append('=');
      encode(query, value);
    }
  }

  /** Whether the text has no half of a surrogate pair. */
  static boolean isUnicode(String text) {
    return text.codePoints().noneMatch(c -> c >= 0xd800 && c <= 0xdfff);
  }

  private static void encode(StringBuilder to, String text) {
    for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
      char c = (char) (b & 0xff);
      boolean unreserved =
          (c >= 'a' && c <= 'z')
              || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9')
              || c == '-'
              || c == '_'
              || c == '.'
              || c == '~';
      if (unreserved) {
        to.append(c);
      } else {
        to.append('%').append(HEX.toHexDigits(b));
      }
    }
  }
}
