package dev.meridian.dns;

import dev.meridian.site.TransferKey;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.Locale;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.DClass;
import org.xbill.DNS.TextParseException;
import org.xbill.DNS.Type;

/**
 * The signatures of one exchange of messages by a secret that both sides have (TSIG, RFC 8945): of
 * a request, and of all messages of its response. For one thread.
 */
final class MessageSignature {
  /** Errors that a signature can have (RFC 8945, section 5.2). */
  static final int BADSIG = 16;

  static final int BADKEY = 17;
  static final int BADTIME = 18;
  static final int BADTRUNC = 22;

  private static final int MAX_MAC = 64;
  private static final int TIME = 6;

  /** After the algorithm's name: time, fudge, size of MAC; and id, error, size of other data. */
  private static final int NUMBERS = TIME + 2 + 2 + 6;

  /** Most bytes of a record: two names, its head, the numbers, a MAC and the time. */
  static final int MAX_LENGTH = 2 * WireName.MAX_LENGTH + 10 + NUMBERS + MAX_MAC + TIME;

  /** Seconds that two clocks may differ by (RFC 8945, section 10). */
  private static final int FUDGE = 300;

  private static final int HEADER = Wire.HEADER_LENGTH;

  private final WireName name;
  private final WireName algorithm;
  private final InstantSource clock;
  private final @Nullable TransferKey key;
  private final @Nullable Mac mac;
  private int error;

  /** When the request was signed, for those who are told that their clock is wrong. */
  private long requestTime;

  /** Of the message before: each signature covers the one before it. */
  private byte[] before = {};

  private boolean first = true;

  private MessageSignature(
      WireName name, WireName algorithm, @Nullable TransferKey key, InstantSource clock) {
    this.name = name;
    this.algorithm = algorithm;
    this.clock = clock;
    this.key = key;
    this.mac = key == null ? null : mac(key);
  }

  /** For a request that is sent from here, to be signed with a key. */
  static MessageSignature of(TransferKey key, InstantSource clock) {
    return new MessageSignature(name(key), parse(key.algorithm()), key, clock);
  }

  /**
   * Checks a request whose last record is its signature.
   *
   * @param at where that record begins, which is known to be whole
   * @return what signs the response, whether the request's signature is good or not; null if the
   *     record is malformed
   */
  static @Nullable MessageSignature check(
      Transfers known, byte[] in, int from, int at, int end, InstantSource clock) {
    Read read = Read.of(in, from, at, end);
    if (read == null) {
      return null;
    }
    TransferKey key = known.key(read.name);
    if (key == null || !read.algorithm.equals(parse(key.algorithm()))) {
      MessageSignature none = new MessageSignature(read.name, read.algorithm, null, clock);
      none.error = BADKEY;
      return none;
    }
    MessageSignature signature = new MessageSignature(read.name, read.algorithm, key, clock);
    return signature.accept(read, in, from, at) ? signature : null;
  }

  /** Whether a response to the request that this has signed is signed as well, and says so. */
  boolean verifies(byte[] in, int from, int end) {
    int at = last(in, from, end);
    Read read = at < 0 ? null : Read.of(in, from, at, end);
    byte[] request = before;
    boolean good =
        read != null
            && read.name.equals(name)
            && read.algorithm.equals(algorithm)
            && read.error == 0
            && accept(read, in, from, at)
            && error == 0;
    // Another packet may yet be the response.
    before = request;
    error = 0;
    return good;
  }

  /** Where the last record of a message begins, if that is a signature; else -1. */
  private static int last(byte[] in, int from, int end) {
    int at = from + HEADER;
    for (int i = Wire.getShort(in, from + 4); i > 0 && at >= 0; i--) {
      at = Responder.skipName(in, at, end);
      at = at < 0 || at + Wire.TYPE_AND_CLASS > end ? -1 : at + Wire.TYPE_AND_CLASS;
    }
    int records = 0;
    for (int section = 6; section <= 10; section += 2) {
      records += Wire.getShort(in, from + section);
    }
    int last = -1;
    for (int i = 0; i < records && at >= 0; i++) {
      last = at;
      int head = Responder.skipName(in, at, end);
      if (head < 0 || head + 10 > end) {
        return -1;
      }
      boolean signs = Wire.getShort(in, head) == Type.TSIG;
      at = head + 10 + Wire.getShort(in, head + 8);
      if (at > end || signs != (i == records - 1)) {
        return -1;
      }
    }
    return at == end ? last : -1;
  }

  /** Takes over what a message is signed with; false if it cannot be a signature at all. */
  private boolean accept(Read read, byte[] in, int from, int at) {
    byte[] expected = mac(in, from, at, read);
    if (read.mac.length > expected.length || read.mac.length < Math.max(10, expected.length / 2)) {
      return false; // RFC 8945, section 5.2.2.1
    }
    long now = clock.instant().getEpochSecond();
    requestTime = read.time;
    if (read.mac.length < expected.length) {
      error =
          MessageDigest.isEqual(Arrays.copyOf(expected, read.mac.length), read.mac)
              ? BADTRUNC
              : BADSIG;
    } else if (!MessageDigest.isEqual(expected, read.mac)) {
      error = BADSIG;
    } else if (Math.abs(now - read.time) > read.fudge) {
      error = BADTIME;
    }
    before = read.mac;
    return true;
  }

  private byte[] mac(byte[] in, int from, int at, Read read) {
    Mac digest = begin();
    byte[] head = Arrays.copyOfRange(in, from, from + HEADER);
    Wire.putShort(head, 0, read.id); // who forwards a message may have given it another
    Wire.putShort(head, 10, Wire.getShort(head, 10) - 1);
    digest.update(head);
    digest.update(in, from + HEADER, at - from - HEADER);
    variables(digest, read.time, read.fudge, read.error, read.other, true);
    return digest.doFinal();
  }

  private Mac begin() {
    Mac digest = mac;
    if (digest == null) {
      throw new IllegalStateException("without a key nothing is signed");
    }
    if (before.length > 0) {
      byte[] length = new byte[2];
      Wire.putShort(length, 0, before.length);
      digest.update(length);
      digest.update(before);
    }
    return digest;
  }

  /** RFC 8945, section 4.3.3; of messages after the first, the times alone (section 5.3.1). */
  private void variables(Mac digest, long time, int fudge, int code, byte[] other, boolean whole) {
    byte[] numbers = new byte[6];
    if (whole) {
      digest.update(name.lowerCased());
      Wire.putShort(numbers, 0, DClass.ANY);
      digest.update(numbers); // the class, and a TTL of zero
      digest.update(algorithm.lowerCased());
    }
    byte[] times = new byte[TIME + 2];
    putTime(times, 0, time);
    Wire.putShort(times, TIME, fudge);
    digest.update(times);
    if (whole) {
      byte[] rest = new byte[4];
      Wire.putShort(rest, 0, code);
      Wire.putShort(rest, 2, other.length);
      digest.update(rest);
      digest.update(other);
    }
  }

  private static void putTime(byte[] to, int at, long seconds) {
    Wire.putShort(to, at, (int) (seconds >>> 32));
    Wire.putInt(to, at + 2, (int) seconds);
  }

  /** What the request was signed with, if rightly; else null. */
  @Nullable TransferKey key() {
    return error == 0 ? key : null;
  }

  /** Bytes that {@link #sign} adds, at most. */
  int length() {
    return name.length() + 10 + algorithm.length() + NUMBERS + MAX_MAC + TIME;
  }

  /** What is wrong with the request's signature, 0 if nothing is. */
  int error() {
    return error;
  }

  /**
   * Signs a message; of a response, one after the other.
   *
   * @param to where the message begins, which has room for {@link #MAX_LENGTH} bytes more
   * @return its length with the signature
   */
  int sign(byte[] out, int to, int length) {
    boolean signs = mac != null && error != BADKEY && error != BADSIG;
    Instant instant = clock.instant();
    long now = instant.getEpochSecond();
    long time = error == BADTIME ? requestTime : now;
    byte[] other = {};
    if (error == BADTIME) {
      other = new byte[TIME];
      putTime(other, 0, now);
    }
    byte[] made = {};
    if (signs) {
      Mac digest = begin();
      digest.update(out, to, length);
      variables(digest, time, FUDGE, error, other, first);
      made = digest.doFinal();
    }
    int at = to + length;
    at = put(out, at, name.wire());
    Wire.putShort(out, at, Type.TSIG);
    Wire.putShort(out, at + 2, DClass.ANY);
    Wire.putInt(out, at + 4, 0);
    int data = at + 10;
    at = put(out, data, algorithm.wire());
    putTime(out, at, time);
    Wire.putShort(out, at + TIME, FUDGE);
    Wire.putShort(out, at + TIME + 2, made.length);
    at = put(out, at + TIME + 4, made);
    Wire.putShort(out, at, Wire.getShort(out, to));
    Wire.putShort(out, at + 2, error);
    Wire.putShort(out, at + 4, other.length);
    at = put(out, at + 6, other);
    Wire.putShort(out, data - 2, at - data);
    Wire.putShort(out, to + 10, Wire.getShort(out, to + 10) + 1);
    before = made;
    first = false;
    return at - to;
  }

  private static int put(byte[] out, int at, byte[] bytes) {
    System.arraycopy(bytes, 0, out, at, bytes.length);
    return at + bytes.length;
  }

  /** The name of a key. */
  static WireName name(TransferKey key) {
    return parse(key.name());
  }

  private static WireName parse(String name) {
    try {
      return WireName.parse(name);
    } catch (TextParseException e) {
      throw new IllegalStateException("a key's names were checked when it was read", e);
    }
  }

  private static Mac mac(TransferKey key) {
    // hmac-sha256 is called HmacSHA256 there.
    String called = "Hmac" + key.algorithm().substring("hmac-".length()).toUpperCase(Locale.ROOT);
    try {
      Mac made = Mac.getInstance(called);
      made.init(new SecretKeySpec(key.secret(), called));
      return made;
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("Every Java platform here has " + called, e);
    }
  }

  /** A TSIG record as it came. */
  @SuppressWarnings("ArrayRecordComponent") // read, never changed
  private record Read(
      WireName name,
      WireName algorithm,
      long time,
      int fudge,
      byte[] mac,
      int id,
      int error,
      byte[] other) {

    /** Null if it is malformed. */
    static @Nullable Read of(byte[] in, int from, int at, int end) {
      byte[] owner = new byte[WireName.MAX_LENGTH];
      int ownerEnd = expand(in, from, at, end, owner);
      if (ownerEnd < 0
          || Wire.getShort(in, ownerEnd + 2) != DClass.ANY
          || Wire.getInt(in, ownerEnd + 4) != 0) {
        return null;
      }
      int data = ownerEnd + 10;
      byte[] algorithm = new byte[WireName.MAX_LENGTH];
      int next = expand(in, data, data, end, algorithm);
      if (next < 0 || next + NUMBERS > end) {
        return null;
      }
      long time =
          ((long) Wire.getShort(in, next) << 32) | (Wire.getInt(in, next + 2) & 0xffff_ffffL);
      int fudge = Wire.getShort(in, next + TIME);
      int macLength = Wire.getShort(in, next + TIME + 2);
      int rest = next + TIME + 4 + macLength;
      if (rest + 6 > end || rest + 6 + Wire.getShort(in, rest + 4) != end) {
        return null;
      }
      return new Read(
          WireName.of(owner, 0),
          WireName.of(algorithm, 0),
          time,
          fudge,
          Arrays.copyOfRange(in, rest - macLength, rest),
          Wire.getShort(in, rest),
          Wire.getShort(in, rest + 2),
          Arrays.copyOfRange(in, rest + 6, end));
    }

    /**
     * Reads a name that may be compressed.
     *
     * @param from where pointers count from
     * @return where it ends, or -1 if it is malformed
     */
    private static int expand(byte[] in, int from, int start, int end, byte[] into) {
      int at = start;
      int after = -1;
      int length = 0;
      // A pointer leads to what came before it, so this ends.
      int limit = start;
      while (at < end) {
        int label = in[at] & 0xff;
        if (label >= 0xc0) {
          if (at + 2 > end) {
            return -1;
          }
          int target = from + (Wire.getShort(in, at) & 0x3fff);
          after = after < 0 ? at + 2 : after;
          if (target >= limit || target < from + HEADER) {
            return -1;
          }
          limit = target;
          at = target;
        } else if (label > 63
            || at + 1 + label > end
            || length + 1 + label >= into.length + (label == 0 ? 1 : 0)) {
          return -1;
        } else {
          System.arraycopy(in, at, into, length, 1 + label);
          length += 1 + label;
          at += 1 + label;
          if (label == 0) {
            return after < 0 ? at : after;
          }
        }
      }
      return -1;
    }
  }
}
