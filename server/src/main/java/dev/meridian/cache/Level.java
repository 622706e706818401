package dev.meridian.cache;

import dev.meridian.store.ChangeFeed;
import dev.meridian.store.SessionToken;
import dev.meridian.store.Store;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How fresh all entries of a generation are at least.
 *
 * @param generation grows when changes may have been missed: entries of earlier ones are void
 * @param covered all changes that this covers are in the entries
 * @param asOfNanos all that was acknowledged before that ({@link System#nanoTime}) is in them
 * @param feed brings the changes; null while there is none
 */
record Level(int generation, SessionToken covered, long asOfNanos, @Nullable ChangeFeed feed) {
  /** So old may be what is served; it is the bound of what may be read unmarked. */
  static final Duration MAX_AGE = Store.MAX_AGE;

  /** Whether an entry that was looked up at this level serves a reader who has seen so much. */
  boolean serves(Entry entry, SessionToken seen, long nowNanos) {
    return entry.generation() == generation
        && (covered.covers(seen) || entry.asOf().covers(seen))
        && (isFresh(asOfNanos, nowNanos) || isFresh(entry.asOfNanos(), nowNanos));
  }

  /** Whether this is no older than what may be served. */
  boolean isFresh(long nowNanos) {
    return isFresh(asOfNanos, nowNanos);
  }

  private static boolean isFresh(long asOfNanos, long nowNanos) {
    return nowNanos - asOfNanos <= MAX_AGE.toNanos();
  }
}
