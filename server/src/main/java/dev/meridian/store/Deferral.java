package dev.meridian.store;

import dev.meridian.document.InvalidInputException;
import java.time.Duration;

/**
 * How a write is put off (write-behind): it is safe in the log and seen by whoever gets the
 * document, but the document's tables, its indexes and the change feed have it only when it is
 * flushed, together with what else was written to the document until then.
 *
 * @param age the longest it may wait, to the millisecond; 1 ms to {@link #MAX_AGE}
 * @param maxBytes a write that would make more than this pending in its shard is not put off
 */
public record Deferral(Duration age, long maxBytes) {
  /** The longest that a write may be put off. */
  public static final Duration MAX_AGE = Duration.ofMinutes(10);

  /** Unless told otherwise. */
  public static final Duration DEFAULT_AGE = Duration.ofSeconds(1);

  /** Checks the bounds. */
  public Deferral {
    if (age.toMillis() < 1 || age.compareTo(MAX_AGE) > 0) {
      throw new InvalidInputException(
          "A write is put off for 1 ms to " + MAX_AGE.toSeconds() + " s, not " + age + ".");
    }
    if (maxBytes < 0) {
      throw new InvalidInputException("There cannot be fewer than 0 bytes pending.");
    }
  }

  /** The bytes that may be pending unless told otherwise: a part of the heap, within bounds. */
  public static long defaultMaxBytes() {
    return Math.clamp(Runtime.getRuntime().maxMemory() / 16, 4L << 20, 64L << 20);
  }
}
