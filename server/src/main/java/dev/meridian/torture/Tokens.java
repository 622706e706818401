package dev.meridian.torture;

import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Version;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Session tokens as clients see them: {@code region-timestamp} in hexadecimal, joined by dots.
 * Clients need not read them; a checker may.
 */
final class Tokens {
  private Tokens() {}

  /** Region to timestamp; what cannot be read is left out. */
  static Map<Integer, Long> parse(String token) {
    Map<Integer, Long> timestamps = new TreeMap<>();
    for (String part : token.split("\\.", -1)) {
      int dash = part.indexOf('-');
      try {
        if (dash > 0) {
          int region = Integer.parseUnsignedInt(part.substring(0, dash), 16);
          long timestamp = Long.parseUnsignedLong(part.substring(dash + 1), 16);
          timestamps.put(region, new Version(timestamp, region).timestamp());
        }
      } catch (IllegalArgumentException e) {
        // No token of Meridian's.
      }
    }
    return timestamps;
  }

  /** The version that an ETag stands for; nothing if it is none of Meridian's. */
  static Optional<Version> version(String etag) {
    try {
      return Optional.of(Version.parse(etag));
    } catch (InvalidInputException e) {
      return Optional.empty();
    }
  }

  /** A token that has seen what both have. */
  static String merge(String one, String other) {
    if (one.isEmpty() || other.isEmpty() || one.equals(other)) {
      return one.isEmpty() ? other : one;
    }
    Map<Integer, Long> merged = parse(one);
    parse(other).forEach((region, timestamp) -> merged.merge(region, timestamp, Math::max));
    StringBuilder text = new StringBuilder();
    merged.forEach(
        (region, timestamp) ->
            text.append(text.isEmpty() ? "" : ".")
                .append(Integer.toHexString(region))
                .append('-')
                .append(Long.toHexString(timestamp)));
    return text.toString();
  }

  /** The version of the one write between two tokens, as an ETag; null if it is not clear. */
  static @Nullable String written(String before, String after) {
    Map<Integer, Long> known = parse(before);
    String etag = null;
    for (Map.Entry<Integer, Long> entry : parse(after).entrySet()) {
      if (!entry.getValue().equals(known.get(entry.getKey()))) {
        if (etag != null) {
          return null;
        }
        etag = new Version(entry.getValue(), entry.getKey()).etag();
      }
    }
    return etag;
  }
}
