package dev.meridian.store;

/**
 * What write-behind has put off here, and what came of it since the store was opened.
 *
 * @param documents pending values
 * @param bytes what they take
 * @param maxBytes what they may take, by the greatest word of those pending; 0 when none are
 * @param oldestMillis since when the oldest waits, as a wall clock time; 0 when none does
 * @param writes writes put off
 * @param flushed documents written to the tables for them
 * @param passed writes that could have been put off and were not, for there was no room
 */
public record PendingStatus(
    long documents,
    long bytes,
    long maxBytes,
    long oldestMillis,
    long writes,
    long flushed,
    long passed) {
  /** Writes for each document written; 1 when nothing was flushed. */
  public double coalescing() {
    return flushed == 0 ? 1 : Math.max(1, (double) (writes) / flushed);
  }

  /** How long the oldest has waited at a wall clock time, in milliseconds. */
  public long ageMillis(long wallMillis) {
    return oldestMillis == 0 ? 0 : Math.max(0, wallMillis - oldestMillis);
  }
}
