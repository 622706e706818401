package dev.meridian.store;

import dev.meridian.document.InvalidInputException;
import java.time.Duration;

/**
 * How a write is put off (write-behind): it is safe in the log and seen by whoever gets the
 * document, but the document's tables, its indexes and the change feed have it only when it is
 * flushed, together with what else was written to the document until then.
 *
 * @param age the longest it may wait, to the millisecond; 1 ms to {@link #MAX_AGE}
 * @param maxBytes a write that would make more than this pending in its shard is not put off; 0 to
 *     {@link #MAX_BYTES}
 */
public record Deferral(Duration age, long maxBytes) {
  /** The longest that a write may be put off. */
  public static final Duration MAX_AGE = Duration.ofMinutes(10);

  /** Unless told otherwise. */
  public static final Duration DEFAULT_AGE = Duration.ofSeconds(1);

  /**
   * The most that may be pending in a shard. The log carries the bound and every replica keeps what
   * it allows in memory, so it is one that the smallest heap bears, whoever took the write.
   */
  public static final long MAX_BYTES = 64L << 20;

  /** Unless told otherwise. */
  public static final long DEFAULT_BYTES = 16L << 20;

  /** Checks the bounds. */
  public Deferral {
    if (age.toMillis() < 1 || age.compareTo(MAX_AGE) > 0) {
      throw new InvalidInputException(
          "A write is put off for 1 ms to " + MAX_AGE.toSeconds() + " s, not " + age + ".");
    }
    if (maxBytes < 0 || maxBytes > MAX_BYTES) {
      throw new InvalidInputException(
          "There may be 0 to "
              + MAX_BYTES
              + " bytes pending in a shard, not "
              + maxBytes
              + ": every replica keeps them in memory.");
    }
  }
}
