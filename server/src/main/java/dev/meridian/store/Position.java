package dev.meridian.store;

import dev.meridian.document.InvalidInputException;

/**
 * A point in a change feed. Opaque to its users: they keep it, send it back, and compare positions
 * of one feed for equality only.
 *
 * @param epoch which history it belongs to: chosen at random when a data set is created or restored
 *     from a backup, so that a position of another history is noticed
 * @param sequence how many changes that history had had
 * @param copy how many it had had when a copy from the start began that is not complete yet: it
 *     need not know of what was deleted before, also when it goes on after an interruption; 0
 *     without one
 */
public record Position(long epoch, long sequence, long copy) {
  /** Before everything, in any history. */
  public static final Position START = new Position(0, 0);

  private static final int MAX_CHARS = 3 * 16 + 2;

  /** A position of no copy. */
  public Position(long epoch, long sequence) {
    this(epoch, sequence, 0);
  }

  /** The position as text, at most 50 characters. */
  @Override
  public String toString() {
    return Long.toHexString(epoch)
        + "-"
        + Long.toHexString(sequence)
        + (copy == 0 ? "" : "-" + Long.toHexString(copy));
  }

  /**
   * Reads what {@link #toString} wrote.
   *
   * @throws InvalidInputException if it is no position
   */
  public static Position parse(String text) {
    String[] parts = text.length() <= MAX_CHARS ? text.split("-", 4) : new String[0];
    if (parts.length == 2 || parts.length == 3) {
      try {
        return new Position(
            Long.parseUnsignedLong(parts[0], 16),
            Long.parseUnsignedLong(parts[1], 16),
            parts.length == 2 ? 0 : Long.parseUnsignedLong(parts[2], 16));
      } catch (NumberFormatException e) {
        // Said below.
      }
    }
    throw new InvalidInputException(
        "'" + text + "' is not a position of a change feed; send back the one you received.");
  }
}
