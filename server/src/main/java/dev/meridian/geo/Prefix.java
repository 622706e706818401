package dev.meridian.geo;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Optional;

/**
 * A network: the addresses of one family that begin with the same bits.
 *
 * <p>An address is 128 bits in two longs, the first bit first. An IPv4 address is the first 32 of
 * them, so that both families are searched by the same code.
 *
 * @param v4 whether it is of IPv4
 * @param high the first 64 bits
 * @param low the last 64 bits
 * @param length how many bits count; those after them are 0
 */
public record Prefix(boolean v4, long high, long low, int length) {
  /** Checks. */
  public Prefix {
    if (length < 0
        || length > (v4 ? 32 : 128)
        || (high & ~highMask(length)) != 0
        || (low & ~lowMask(length)) != 0) {
      throw new IllegalArgumentException("no prefix: /" + length);
    }
  }

  /** Bits of the first long that count in a prefix of {@code length}. */
  public static long highMask(int length) {
    return length == 0 ? 0 : length >= 64 ? -1L : -1L << (64 - length);
  }

  /** Bits of the second long that count in a prefix of {@code length}. */
  public static long lowMask(int length) {
    return length <= 64 ? 0 : length >= 128 ? -1L : -1L << (128 - length);
  }

  /** The network of {@code length} bits that an address is in. */
  public static Prefix of(InetAddress address, int length) {
    byte[] bytes = address.getAddress();
    long high = high(bytes);
    long low = low(bytes);
    return new Prefix(bytes.length == 4, high & highMask(length), low & lowMask(length), length);
  }

  /** The first 64 bits of an address as {@link InetAddress#getAddress} gives it. */
  public static long high(byte[] address) {
    long high = 0;
    for (int i = 0; i < 8; i++) {
      high = (high << 8) | (i < address.length ? address[i] & 0xff : 0);
    }
    return high;
  }

  /** The last 64 bits of an address as {@link InetAddress#getAddress} gives it. */
  public static long low(byte[] address) {
    long low = 0;
    for (int i = 8; i < 16; i++) {
      low = (low << 8) | (i < address.length ? address[i] & 0xff : 0);
    }
    return low;
  }

  /**
   * Reads {@code 192.0.2.0/24} or {@code 2001:db8::/32}; an address alone is a network of one.
   *
   * @return empty if it is none, or has bits after its length
   */
  public static Optional<Prefix> parse(String text) {
    int slash = text.indexOf('/');
    String address = slash < 0 ? text : text.substring(0, slash);
    String bits = slash < 0 ? "" : text.substring(slash + 1);
    boolean v4 = address.matches("[0-9]{1,3}(\\.[0-9]{1,3}){3}");
    if (!(v4 || (address.matches("[0-9A-Fa-f:.]{2,45}") && address.contains(":")))
        || !(slash < 0 || bits.matches("[0-9]{1,3}"))) {
      return Optional.empty();
    }
    try {
      byte[] bytes = InetAddress.ofLiteral(address).getAddress();
      int length = slash < 0 ? 8 * bytes.length : Integer.parseInt(bits);
      // Java reads a mapped IPv6 address as the IPv4 address in it, whose length is another.
      return (bytes.length == 4) == v4
          ? Optional.of(new Prefix(v4, high(bytes), low(bytes), length))
          : Optional.empty();
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  /** Whether an address is in it, as two longs. Allocates nothing. */
  public boolean holds(boolean addressV4, long addressHigh, long addressLow) {
    return v4 == addressV4
        && ((high ^ addressHigh) & highMask(length)) == 0
        && ((low ^ addressLow) & lowMask(length)) == 0;
  }

  /** Its first address. */
  public InetAddress first() {
    byte[] bytes = new byte[v4 ? 4 : 16];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) ((i < 8 ? high : low) >>> (56 - 8 * (i % 8)));
    }
    try {
      return InetAddress.getByAddress(bytes);
    } catch (UnknownHostException e) {
      throw new IllegalStateException("addresses have 4 or 16 bytes", e);
    }
  }

  /** Its last address, as two longs. */
  long lastHigh() {
    return high | ~highMask(length);
  }

  long lastLow() {
    return low | ~lowMask(length);
  }

  @Override
  public String toString() {
    return first().getHostAddress() + "/" + length;
  }
}
