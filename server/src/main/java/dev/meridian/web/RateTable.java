package dev.meridian.web;

import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * How often somebody did something lately, by a name for each.
 *
 * <p>Each has an account that holds when it would be empty again if what they did were spread
 * evenly (the generic cell rate algorithm). There are two places where it may be, beside each
 * other; if both are taken, the one that is empty sooner makes room, so a flood of many names costs
 * only a little memory and at worst forgets accounts. Safe for any thread.
 */
final class RateTable {
  private static final int SLOT_BITS = 14;

  /** A name and a long each: 1.5 MiB when all are taken. */
  private static final int SLOTS = 1 << SLOT_BITS;

  /** Names differ in the upper bits of their hashes (Fibonacci hashing). */
  private static final int SPREAD = 0x9E3779B9;

  private final LongSupplier nanos;
  private final long began;

  /** Guarded by this. */
  private final @Nullable String[] names = new @Nullable String[SLOTS];

  /** When each is empty, in nanoseconds since {@code began}. Guarded by this. */
  private final long[] empty = new long[SLOTS];

  RateTable(LongSupplier nanos) {
    this.nanos = nanos;
    this.began = nanos.getAsLong();
  }

  /** Takes back one that was counted, as far as its account is still there. */
  synchronized void giveBack(String name, long interval) {
    int at = (name.hashCode() * SPREAD) >>> (Integer.SIZE - SLOT_BITS);
    if (!name.equals(names[at])) {
      at ^= 1;
    }
    if (name.equals(names[at])) {
      empty[at] -= interval;
    }
  }

  /**
   * Counts one, or says in how many nanoseconds there will be room for it.
   *
   * @param interval what one uses up, in nanoseconds
   * @param burst what there is to use up at once, in nanoseconds
   */
  synchronized long take(String name, long interval, long burst) {
    long now = nanos.getAsLong() - began;
    int at = (name.hashCode() * SPREAD) >>> (Integer.SIZE - SLOT_BITS);
    if (!name.equals(names[at]) && (name.equals(names[at ^ 1]) || empty[at ^ 1] < empty[at])) {
      at ^= 1;
    }
    long from = name.equals(names[at]) ? Math.max(now, empty[at]) : now;
    long beyond = from + interval - now - burst;
    if (beyond > 0) {
      return beyond;
    }
    names[at] = name;
    empty[at] = from + interval;
    return 0;
  }
}
