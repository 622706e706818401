package dev.meridian.shard;

import java.util.Arrays;

/**
 * A secret that all nodes have, and the one before it, which is still honoured.
 *
 * @param current 16 bytes
 * @param before 16 bytes; the same if there was none
 */
@SuppressWarnings("ArrayRecordComponent") // given to those who are to have them
public record SharedSecret(byte[] current, byte[] before) {
  @Override
  public boolean equals(Object other) {
    return other instanceof SharedSecret secret
        && Arrays.equals(current, secret.current)
        && Arrays.equals(before, secret.before);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(current);
  }

  /** Tells nothing. */
  @Override
  public String toString() {
    return "SharedSecret";
  }
}
