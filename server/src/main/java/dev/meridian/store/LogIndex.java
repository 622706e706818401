package dev.meridian.store;

/**
 * A place in the replicated log.
 *
 * @param term of the leader that wrote the entry
 * @param index of the entry, counted from 1; 0 is before the first
 */
public record LogIndex(long term, long index) implements Comparable<LogIndex> {
  /** Before the first entry. */
  public static final LogIndex NONE = new LogIndex(0, 0);

  /** By index: two entries of one log at the same index are the same entry. */
  @Override
  public int compareTo(LogIndex other) {
    return Long.compare(index, other.index);
  }
}
