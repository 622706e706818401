package dev.meridian.web;

import dev.meridian.document.InvalidInputException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.HexFormat;
import java.util.regex.Pattern;

/**
 * What the holder of a key sends: {@code mk_ID_SECRET}, the secret being 256 random bits in
 * Base64url. Only the secret's hash is stored; with that many random bits a plain SHA-256 cannot be
 * searched, so it needs no salt and no slow hash.
 *
 * @param id names the key; not secret
 * @param secret the secret's text
 */
record KeyToken(String id, String secret) {
  private static final Pattern ID = Pattern.compile("[a-z0-9]{1,32}");
  private static final int SECRET_BYTES = 32;
  private static final int SECRET_CHARS = 43;
  private static final String PREFIX = "mk_";
  private static final SecureRandom RANDOM = new SecureRandom();

  /** A new key named {@code id}. */
  static KeyToken make(String id) {
    byte[] secret = new byte[SECRET_BYTES];
    RANDOM.nextBytes(secret);
    return new KeyToken(id, Base64.getUrlEncoder().withoutPadding().encodeToString(secret));
  }

  /** A new id, 64 random bits. */
  static String newId() {
    return HexFormat.of().toHexDigits(RANDOM.nextLong());
  }

  /**
   * Reads a token.
   *
   * @throws InvalidInputException if it has another form
   */
  static KeyToken parse(String token) {
    int end = token.startsWith(PREFIX) ? token.indexOf('_', PREFIX.length()) : -1;
    if (end > 0 && token.length() - end - 1 == SECRET_CHARS) {
      String id = token.substring(PREFIX.length(), end);
      if (ID.matcher(id).matches()) {
        return new KeyToken(id, token.substring(end + 1));
      }
    }
    throw new InvalidInputException("A key has the form mk_ID_SECRET.");
  }

  /** SHA-256 of the secret. */
  byte[] secretHash() {
    try {
      return MessageDigest.getInstance("SHA-256")
          .digest(secret.getBytes(StandardCharsets.US_ASCII));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }

  /** The token itself: a secret. */
  @Override
  public String toString() {
    return PREFIX + id + "_" + secret;
  }
}
