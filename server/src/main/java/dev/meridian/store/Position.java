package dev.meridian.store;

import dev.meridian.document.InvalidInputException;

/**
 * A point in a change feed. Opaque to its users: they keep it, send it back, and compare positions
 * of one feed for equality only.
 *
 * @param epoch which history it belongs to: chosen at random when a data set is created or restored
 *     from a backup, so that a position of another history is noticed
 * @param sequence how many changes that history had had
 */
public record Position(long epoch, long sequence) {
  /** Before everything, in any history. */
  public static final Position START = new Position(0, 0);

  /** The position as text, at most 33 characters. */
  @Override
  public String toString() {
    return Long.toHexString(epoch) + "-" + Long.toHexString(sequence);
  }

  /**
   * Reads what {@link #toString} wrote.
   *
   * @throws InvalidInputException if it is no position
   */
  public static Position parse(String text) {
    int dash = text.indexOf('-');
    if (dash > 0 && text.length() <= 33) {
      try {
        return new Position(
            Long.parseUnsignedLong(text.substring(0, dash), 16),
            Long.parseUnsignedLong(text.substring(dash + 1), 16));
      } catch (NumberFormatException e) {
        // Said below.
      }
    }
    throw new InvalidInputException(
        "'" + text + "' is not a position of a change feed; send back the one you received.");
  }
}
