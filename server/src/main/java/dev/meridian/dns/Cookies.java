package dev.meridian.dns;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * DNS cookies (RFC 7873), made so that all servers with the same secret take each other's (RFC
 * 9018): who shows one that is good has got a response at the address it asks from. Immutable; any
 * thread, and nothing is allocated.
 */
final class Cookies {
  /** The option's code. */
  static final int CODE = 10;

  /** Bytes of the part that the client makes up. */
  static final int CLIENT = 8;

  /** Bytes of the part that we make. */
  static final int SERVER = 16;

  /** Bytes of the option in a response: code, length, both parts. */
  static final int OPTION = 4 + CLIENT + SERVER;

  /** Bytes of a secret. */
  static final int SECRET = 16;

  /** Other servers' parts have 8 to 32 bytes (RFC 7873, section 4). */
  private static final int MIN_SERVER = 8;

  private static final int MAX_SERVER = 32;
  private static final int VERSION = 1;

  /** For how long a cookie is good, and how far ahead another server's clock may be. */
  private static final int GOOD_SECONDS = 3600;

  private static final int AHEAD_SECONDS = 300;

  private static final VarHandle WORD =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private final long key0;
  private final long key1;
  private final long before0;
  private final long before1;

  /**
   * Creates it.
   *
   * @param secret with which cookies are made, {@link #SECRET} bytes
   * @param before the secret before, whose cookies are still taken; the same if there was none
   */
  Cookies(byte[] secret, byte[] before) {
    if (secret.length != SECRET || before.length != SECRET) {
      throw new IllegalArgumentException("a secret has " + SECRET + " bytes");
    }
    key0 = (long) WORD.get(secret, 0);
    key1 = (long) WORD.get(secret, 8);
    before0 = (long) WORD.get(before, 0);
    before1 = (long) WORD.get(before, 8);
  }

  /** Whether an option of so many bytes can be one (RFC 7873, section 5.2.2). */
  static boolean isPossible(int length) {
    return length == CLIENT || (length >= CLIENT + MIN_SERVER && length <= CLIENT + MAX_SERVER);
  }

  /**
   * Whether a cookie is one that this client got.
   *
   * @param at where in {@code in} its client's part begins
   * @param length of both parts
   * @param client located
   * @param now in seconds since 1970
   */
  boolean isGood(byte[] in, int at, int length, Client client, long now) {
    if (length != CLIENT + SERVER || in[at + CLIENT] != VERSION) {
      return false;
    }
    // Serial number arithmetic (RFC 1982), for the time is cut to 32 bits.
    int age = (int) now - Wire.getInt(in, at + CLIENT + 4);
    if (age > GOOD_SECONDS || age < -AHEAD_SECONDS) {
      return false;
    }
    long clients = (long) WORD.get(in, at);
    long head = (long) WORD.get(in, at + CLIENT);
    long shown = (long) WORD.get(in, at + CLIENT + 8);
    // An attacker off the path sees no times; so a plain comparison tells nothing.
    return shown == hash(key0, key1, clients, head, client)
        || shown == hash(before0, before1, clients, head, client);
  }

  /**
   * Writes the option with a new cookie.
   *
   * @param clients the client's part, where it begins in {@code out} after the option's head; it is
   *     there already
   * @param client located
   */
  void write(byte[] out, int clients, Client client, long now) {
    out[clients + CLIENT] = VERSION;
    out[clients + CLIENT + 1] = 0;
    out[clients + CLIENT + 2] = 0;
    out[clients + CLIENT + 3] = 0;
    Wire.putInt(out, clients + CLIENT + 4, (int) now);
    long head = (long) WORD.get(out, clients + CLIENT);
    long hash = hash(key0, key1, (long) WORD.get(out, clients), head, client);
    WORD.set(out, clients + CLIENT + 8, hash);
  }

  /**
   * SipHash-2-4 (Aumasson and Bernstein, 2012) of what a cookie binds together (RFC 9018, section
   * 4.4). In one piece, so that its state is in registers.
   */
  private static long hash(long key0, long key1, long clients, long head, Client client) {
    long v0 = key0 ^ 0x736f6d6570736575L;
    long v1 = key1 ^ 0x646f72616e646f6dL;
    long v2 = key0 ^ 0x6c7967656e657261L;
    long v3 = key1 ^ 0x7465646279746573L;
    boolean v4 = client.isV4();
    int words = v4 ? 3 : 5;
    for (int i = 0; i <= words; i++) {
      long word =
          switch (i) {
            case 0 -> clients;
            case 1 -> head;
            case 2 -> v4 ? lastOfV4(client) : Long.reverseBytes(client.high());
            case 3 -> v4 ? 0 : Long.reverseBytes(client.low());
            case 4 -> 32L << 56;
            default -> 0;
          };
      int rounds = 2;
      if (i == words) { // all words are in
        word = 0;
        v2 ^= 0xff;
        rounds = 4;
      }
      v3 ^= word;
      for (int round = 0; round < rounds; round++) {
        v0 += v1;
        v1 = Long.rotateLeft(v1, 13) ^ v0;
        v0 = Long.rotateLeft(v0, 32);
        v2 += v3;
        v3 = Long.rotateLeft(v3, 16) ^ v2;
        v0 += v3;
        v3 = Long.rotateLeft(v3, 21) ^ v0;
        v2 += v1;
        v1 = Long.rotateLeft(v1, 17) ^ v2;
        v2 = Long.rotateLeft(v2, 32);
      }
      v0 ^= word;
    }
    return v0 ^ v1 ^ v2 ^ v3;
  }

  /** Four bytes of address, and how long the whole is. */
  private static long lastOfV4(Client client) {
    return Integer.toUnsignedLong(Integer.reverseBytes((int) (client.high() >>> 32))) | (20L << 56);
  }
}
