package dev.meridian.store;

import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Version;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * The highest clock timestamp a client has seen, one a region. A replica that has applied
 * everything up to it may serve the client's {@link Consistency#SESSION} reads. Immutable.
 *
 * @param timestamps region number to hybrid timestamp
 */
public record SessionToken(Map<Integer, Long> timestamps) {
  /** A client that has seen nothing. */
  public static final SessionToken NONE = new SessionToken(Map.of());

  /** Most regions a token may name. */
  public static final int MAX_REGIONS = 64;

  /** Copies. */
  public SessionToken {
    timestamps = Map.copyOf(timestamps);
  }

  /** This token after its client saw {@code version} too. */
  public SessionToken seen(Version version) {
    Long known = timestamps.get(version.region());
    if (known != null && known >= version.timestamp()) {
      return this;
    }
    if (timestamps.isEmpty()) {
      return new SessionToken(Map.of(version.region(), version.timestamp()));
    }
    Map<Integer, Long> merged = new HashMap<>(timestamps);
    merged.put(version.region(), version.timestamp());
    return new SessionToken(merged);
  }

  /** This token after its client saw all that {@code other} covers, too. */
  public SessionToken seen(SessionToken other) {
    SessionToken merged = this;
    for (Map.Entry<Integer, Long> one : other.timestamps.entrySet()) {
      merged = merged.seen(new Version(one.getValue(), one.getKey()));
    }
    return merged;
  }

  /** Whether who has all that this token covers has all that {@code other} covers, too. */
  public boolean covers(SessionToken other) {
    for (Map.Entry<Integer, Long> one : other.timestamps.entrySet()) {
      if (!covers(one.getKey(), one.getValue())) {
        return false;
      }
    }
    return true;
  }

  /** Whether this has seen {@code version}. */
  public boolean covers(Version version) {
    return covers(version.region(), version.timestamp());
  }

  private boolean covers(int region, long timestamp) {
    Long known = timestamps.get(region);
    return known != null && known >= timestamp;
  }

  /** The token as text: {@code region-timestamp} in hexadecimal, joined by dots; empty for none. */
  @Override
  public String toString() {
    // Nearly always one, in every answer to a write.
    if (timestamps.size() == 1) {
      return part(timestamps.entrySet().iterator().next());
    }
    return new TreeMap<>(timestamps)
        .entrySet().stream().map(SessionToken::part).collect(Collectors.joining("."));
  }

  private static String part(Map.Entry<Integer, Long> part) {
    return Integer.toHexString(part.getKey()) + "-" + Long.toHexString(part.getValue());
  }

  /**
   * Reads what {@link #toString} wrote.
   *
   * @throws InvalidInputException if it is no token
   */
  public static SessionToken parse(String text) {
    if (text.isEmpty()) {
      return NONE;
    }
    String[] parts = text.split("\\.", MAX_REGIONS + 1);
    Map<Integer, Long> timestamps = new TreeMap<>();
    try {
      if (parts.length > MAX_REGIONS) {
        throw new NumberFormatException();
      }
      for (String part : parts) {
        int dash = part.indexOf('-');
        int region = Integer.parseUnsignedInt(part.substring(0, Math.max(dash, 0)), 16);
        long timestamp = Long.parseUnsignedLong(part.substring(dash + 1), 16);
        timestamps.put(region, new Version(timestamp, region).timestamp());
      }
    } catch (IllegalArgumentException e) {
      throw new InvalidInputException(
          "'" + text + "' is not a session token; send back the one you received.", e);
    }
    return new SessionToken(timestamps);
  }
}
