package dev.meridian.store;

import dev.meridian.document.InvalidInputException;
import java.security.SecureRandom;
import java.util.HexFormat;

/**
 * A name the caller gives to one attempt at a write, so that trying again never applies it twice.
 * Remembered for 24 h.
 *
 * @param key 1 to 255 characters of the caller's choice, unique among its callers
 * @param fingerprint a hash of the request; the same key with another fingerprint is refused
 */
@SuppressWarnings("ArrayRecordComponent") // shared, never changed
public record IdempotencyKey(String key, byte[] fingerprint) {
  /** Longest key in characters. */
  public static final int MAX_CHARS = 255;

  private static final SecureRandom RANDOM = new SecureRandom();

  /** Checks the length. */
  public IdempotencyKey {
    if (key.isEmpty() || key.length() > MAX_CHARS) {
      throw new InvalidInputException(
          "An idempotency key has 1 to " + MAX_CHARS + " characters; a UUID is a good one.");
    }
  }

  /**
   * A key that nobody else has, so that the store itself may try again when it lost an answer.
   *
   * @param writer a word for whoever writes
   */
  public static IdempotencyKey unique(String writer) {
    byte[] random = new byte[16];
    RANDOM.nextBytes(random);
    return new IdempotencyKey(writer + "-" + HexFormat.of().formatHex(random), random);
  }
}
