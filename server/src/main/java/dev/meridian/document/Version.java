package dev.meridian.document;

import java.util.HexFormat;

/**
 * The version of a document: the hybrid logical clock timestamp of the write that made it and the
 * region that wrote it. Later writes have greater versions.
 *
 * @param timestamp 48 bits of milliseconds since 1970 and 16 bits of counter (Kulkarni et al.,
 *     "Logical Physical Clocks", 2014); compared as an unsigned number, positive until the year
 *     6429
 * @param region the number of the writing region, 0 to 65535; it breaks ties
 */
public record Version(long timestamp, int region) implements Comparable<Version> {
  /** Bits of the counter below the milliseconds. */
  public static final int COUNTER_BITS = 16;

  /** Checks the bounds. */
  public Version {
    if (timestamp <= 0) {
      throw new IllegalArgumentException("timestamp must be positive: " + timestamp);
    }
    if (region < 0 || region > 0xffff) {
      throw new IllegalArgumentException("region must be 0 to 65535: " + region);
    }
  }

  /** The wall clock part in milliseconds since 1970. */
  public long millis() {
    return timestamp >>> COUNTER_BITS;
  }

  /** The timestamp with the given wall clock part and counter 0. */
  public static long timestampAt(long millis) {
    return millis << COUNTER_BITS;
  }

  /** The opaque validator that travels as an ETag, without its quotes: 20 hexadecimal digits. */
  public String etag() {
    HexFormat hex = HexFormat.of();
    return hex.toHexDigits(timestamp) + hex.toHexDigits((short) region);
  }

  /**
   * Reads what {@link #etag} wrote.
   *
   * @throws InvalidInputException if it is no ETag of Meridian's
   */
  public static Version parse(String etag) {
    if (etag.length() == 20) {
      try {
        return new Version(
            HexFormat.fromHexDigitsToLong(etag, 0, 16), HexFormat.fromHexDigits(etag, 16, 20));
      } catch (IllegalArgumentException e) {
        // Said below.
      }
    }
    throw new InvalidInputException(
        "'" + etag + "' is not an ETag of this server; send one back exactly as you received it.");
  }

  @Override
  public int compareTo(Version other) {
    int byTime = Long.compare(timestamp, other.timestamp);
    return byTime != 0 ? byTime : Integer.compare(region, other.region);
  }

  @Override
  public String toString() {
    return etag();
  }
}
