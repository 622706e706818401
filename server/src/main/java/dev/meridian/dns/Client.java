package dev.meridian.dns;

import dev.meridian.geo.Prefix;
import java.net.InetAddress;
import java.security.SecureRandom;

/**
 * Who asks: what is known of the client of the query under way, and chance for its answer. Reused
 * for one query after another, by one thread.
 */
final class Client {
  /** Where packets come from. */
  interface Source {
    /** Nobody knows. */
    Source UNKNOWN = _ -> {};

    /** Tells the client the address that the query under way came from. */
    void tell(Client client);
  }

  private static final SecureRandom SEEDS = new SecureRandom();

  private final ClientSubnet subnet = new ClientSubnet();
  private Source source = Source.UNKNOWN;
  private long random = SEEDS.nextLong() | 1;
  private boolean known;
  private boolean v4;
  private long high;
  private long low;
  private int scope;
  private By by = By.UNKNOWN;
  private int regions;

  /** By which address it was looked for where a client is, when its answer was chosen by region. */
  enum By {
    /** The one that its resolver told. */
    SUBNET,
    /** The one that the query came from. */
    SOURCE,
    /** By none: it is a private one, or not known. */
    UNKNOWN
  }

  /** Where the addresses of all queries from now on are asked for, when one is needed. */
  void from(Source asked) {
    source = asked;
  }

  /** Forgets the query before. */
  void clear() {
    subnet.clear();
    scope = 0;
    regions = 0;
  }

  /** What the resolver says of the client. */
  ClientSubnet subnet() {
    return subnet;
  }

  /** The address that the query came from, of IPv4. */
  void cameFrom(int address) {
    known = true;
    v4 = true;
    high = (long) address << 32;
    low = 0;
  }

  /** The address that the query came from, of IPv6; a mapped one is that of IPv4 in it. */
  void cameFrom(long addressHigh, long addressLow) {
    if (addressHigh == 0 && addressLow >>> 32 == 0xffff) {
      cameFrom((int) addressLow);
      return;
    }
    known = true;
    v4 = false;
    high = addressHigh;
    low = addressLow;
  }

  /** The address that the query came from. */
  void cameFrom(InetAddress address) {
    byte[] bytes = address.getAddress();
    if (bytes.length == 4) {
      cameFrom(Wire.getInt(bytes, 0));
    } else {
      cameFrom(Prefix.high(bytes), Prefix.low(bytes));
    }
  }

  /** Finds out where the query came from; false if nobody knows. */
  boolean locate() {
    known = false;
    source.tell(this);
    return known;
  }

  /** The address that the query came from; after {@link #locate}. */
  InetAddress address() {
    return new Prefix(v4, high, low, v4 ? 32 : 128).first();
  }

  /** Whether the query came over IPv4; after {@link #locate}. */
  boolean isV4() {
    return v4;
  }

  long high() {
    return high;
  }

  long low() {
    return low;
  }

  /** How many bits of the client's address the answer depends on (RFC 7871, section 6). */
  void scope(int bits) {
    scope = bits;
  }

  int scope() {
    return scope;
  }

  /** By which address it was found out where the client is. */
  void by(By address) {
    by = address;
  }

  By by() {
    return by;
  }

  /** The regions that it is answered with, a bit each. */
  void regions(int bits) {
    regions = bits;
  }

  /** 0 if the answer was not chosen by region. */
  int regions() {
    return regions;
  }

  /** A number at random, 0 to 2^32 - 1 (xorshift; for spreading load, not for secrets). */
  long chance() {
    long x = random;
    x ^= x << 13;
    x ^= x >>> 7;
    x ^= x << 17;
    random = x;
    return (x * 0x2545F4914F6CDD1DL) >>> 32;
  }

  /** A number at random from 0 to one less than {@code bound}. */
  int below(int bound) {
    return (int) ((chance() * bound) >>> 32);
  }
}
