package dev.meridian.peer;

import dev.meridian.document.InvalidInputException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.security.cert.CertificateEncodingException;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.zip.CRC32;

/**
 * What an operator carries from a cluster to a node that is to join it, as {@code
 * mjt1-FINGERPRINT-SECRET}. By the fingerprint the new node knows the cluster, by the secret the
 * cluster knows the new node: neither trusts the other before.
 *
 * <p>Both are 128 bits and a checksum of 32, in Crockford's base 32 (lower case; no i, l, o or u).
 * A CRC-32 tells every change within 32 bits, so every wrong character and every two neighbours
 * that changed places; and it tells in which of the two parts it is.
 */
public final class JoinToken {
  private static final String PREFIX = "mjt1-";
  private static final String ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
  private static final int BYTES = 16;
  private static final int CHECKED_BYTES = BYTES + Integer.BYTES;
  private static final int PART_CHARS = CHECKED_BYTES * 8 / 5;
  private static final int LENGTH = PREFIX.length() + PART_CHARS + 1 + PART_CHARS;

  /** So that a part is not taken for the other one. */
  private static final byte FINGERPRINT = 'f';

  private static final byte SECRET = 's';
  private static final SecureRandom RANDOM = new SecureRandom();

  private final byte[] fingerprint;
  private final byte[] secret;

  /** One of these 16 bytes each, which from now on are the token's. */
  JoinToken(byte[] fingerprint, byte[] secret) {
    this.fingerprint = fingerprint;
    this.secret = secret;
  }

  /** A token with a new secret, for the cluster with this authority. */
  public static JoinToken create(X509Certificate authority) {
    byte[] secret = new byte[BYTES];
    RANDOM.nextBytes(secret);
    return new JoinToken(fingerprint(authority), secret);
  }

  /**
   * Reads a token's text; white space around it is passed over.
   *
   * @throws InvalidInputException if it is not the text of a token; the message says what to look
   *     at, and does not repeat the secret
   */
  public static JoinToken parse(String given) {
    String text = given.strip();
    if (!text.startsWith(PREFIX)) {
      throw new InvalidInputException(
          text.startsWith("mjt")
              ? "This is a join token of a newer Meridian, or its beginning is mistyped; here one"
                  + " begins with mjt1-."
              : "A join token begins with mjt1-.");
    }
    if (text.length() != LENGTH || text.charAt(PREFIX.length() + PART_CHARS) != '-') {
      throw new InvalidInputException(
          "A join token is mjt1-, "
              + PART_CHARS
              + " characters, a hyphen and "
              + PART_CHARS
              + " characters; this one is not whole, or a character is missing or too many.");
    }
    return new JoinToken(
        decode(text.substring(PREFIX.length(), PREFIX.length() + PART_CHARS), FINGERPRINT, "first"),
        decode(text.substring(LENGTH - PART_CHARS), SECRET, "second"));
  }

  /** The token's text: a secret. */
  public String text() {
    return PREFIX + encode(fingerprint, FINGERPRINT) + "-" + encode(secret, SECRET);
  }

  /** Whether a cluster with this authority is the one that the token is for. */
  public boolean isOf(X509Certificate authority) {
    return Arrays.equals(fingerprint, fingerprint(authority));
  }

  /** The fingerprint alone, which is not secret: 32 hexadecimal digits. */
  public String fingerprint() {
    return HexFormat.of().formatHex(fingerprint);
  }

  /** SHA-256 of the secret. */
  byte[] secretHash() {
    return sha256(secret);
  }

  /** The half of a SHA-256: to find another authority with it takes 2^128 attempts. */
  private static byte[] fingerprint(X509Certificate authority) {
    try {
      return Arrays.copyOf(sha256(authority.getEncoded()), BYTES);
    } catch (CertificateEncodingException e) {
      throw new IllegalArgumentException("A certificate has no encoding", e);
    }
  }

  private static byte[] sha256(byte[] bytes) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(bytes);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }

  private static int checksum(byte[] bytes, byte kind) {
    CRC32 crc = new CRC32();
    crc.update(kind);
    crc.update(bytes);
    return (int) crc.getValue();
  }

  private static String encode(byte[] bytes, byte kind) {
    byte[] all =
        ByteBuffer.allocate(CHECKED_BYTES).put(bytes).putInt(checksum(bytes, kind)).array();
    StringBuilder text = new StringBuilder(PART_CHARS);
    int bits = 0;
    int held = 0;
    for (byte b : all) {
      held = held << 8 | (b & 0xff);
      bits += 8;
      while (bits >= 5) {
        bits -= 5;
        text.append(ALPHABET.charAt(held >> bits & 31));
      }
    }
    return text.toString();
  }

  private static byte[] decode(String text, byte kind, String which) {
    ByteBuffer all = ByteBuffer.allocate(CHECKED_BYTES);
    int bits = 0;
    int held = 0;
    for (byte b : text.getBytes(StandardCharsets.ISO_8859_1)) {
      int value = ALPHABET.indexOf(b & 0xff);
      if (value < 0) {
        throw new InvalidInputException(
            "The "
                + which
                + " part of the join token has a character that no token has; they have digits and"
                + " lower-case letters without i, l, o and u.");
      }
      held = held << 5 | value;
      bits += 5;
      if (bits >= 8) {
        bits -= 8;
        all.put((byte) (held >> bits));
      }
    }
    byte[] bytes = Arrays.copyOf(all.array(), BYTES);
    if (all.getInt(BYTES) != checksum(bytes, kind)) {
      throw new InvalidInputException(
          "The " + which + " part of the join token is mistyped; compare it with the original.");
    }
    return bytes;
  }

  /** Without the secret, so that it may stand in a log. */
  @Override
  public String toString() {
    return PREFIX + encode(fingerprint, FINGERPRINT) + "-...";
  }
}
