package dev.meridian.dns;

import dev.meridian.geo.Prefix;

/**
 * The client's network as a resolver tells it, by EDNS Client Subnet (RFC 7871). Reused for one
 * query after another, by one thread.
 */
final class ClientSubnet {
  /** The option's code. */
  static final int CODE = 8;

  /** Bytes of the option at its longest: code and length, family and lengths, an IPv6 address. */
  static final int MAX_LENGTH = 4 + 4 + 16;

  private static final int V4 = 1;
  private static final int V6 = 2;

  private final byte[] option = new byte[MAX_LENGTH];
  private int length;
  private int family;
  private int source;
  private long high;
  private long low;

  /** Forgets the query before. */
  void clear() {
    length = 0;
  }

  /** Whether the query has the option. */
  boolean isPresent() {
    return length > 0;
  }

  /**
   * Reads the option: exactly as many address bytes as its prefix needs, no bits beyond it, scope
   * 0, and only once (sections 6 and 7.2.1).
   *
   * @param at where the option's code is
   * @param data how long what follows its length is; all of it is there
   * @return false if it is malformed, so that the response is FORMERR
   */
  boolean read(byte[] in, int at, int data) {
    if (length > 0 || data < 4) {
      return false;
    }
    family = Wire.getShort(in, at + 4);
    source = in[at + 6] & 0xff;
    // Family 0 is what some clients send with a prefix of 0: there is no address to have a family.
    int most = family == V4 ? 32 : family == V6 ? 128 : 0;
    int bytes = (source + 7) / 8;
    if (family > V6 || source > most || in[at + 7] != 0 || data != 4 + bytes) {
      return false;
    }
    length = 4 + data;
    System.arraycopy(in, at, option, 0, length);
    high = bits(0, bytes);
    low = bits(8, bytes);
    return (high & ~Prefix.highMask(source)) == 0 && (low & ~Prefix.lowMask(source)) == 0;
  }

  private long bits(int from, int bytes) {
    long bits = 0;
    for (int i = from; i < from + 8; i++) {
      bits = bits << 8 | (i < bytes ? option[8 + i] & 0xff : 0);
    }
    return bits;
  }

  /** Whether it tells an address: a prefix of 0 says that none shall be told. */
  boolean hasAddress() {
    return length > 0 && source > 0;
  }

  /** Whether the address is of IPv4. */
  boolean isV4() {
    return family == V4;
  }

  /** How many bits of the address are told. */
  int source() {
    return source;
  }

  /** The first 64 bits of the address, as {@link Prefix} has them. */
  long high() {
    return high;
  }

  /** The last 64 bits of the address. */
  long low() {
    return low;
  }

  /** Bytes it takes in the response: as many as in the query. */
  int length() {
    return length;
  }

  /** Writes it into the response as it came, with the scope of the answer (section 7.2.1). */
  void write(byte[] out, int at, int scope) {
    System.arraycopy(option, 0, out, at, length);
    out[at + 7] = (byte) scope;
  }
}
