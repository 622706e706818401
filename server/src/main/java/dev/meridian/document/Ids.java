package dev.meridian.document;

import java.security.SecureRandom;
import java.time.InstantSource;
import java.util.random.RandomGenerator;

/**
 * Makes ids for documents whose writers name none: ULIDs, 26 characters of Crockford's base 32, so
 * safe in a path. 48 bits of milliseconds come first, so ids sort by the time they were made, and
 * those of one maker are strictly ascending. 80 bits are random, so that ids of several makers do
 * not meet, and cannot be guessed from one another. May be used by any number of threads.
 */
public final class Ids {
  /** Characters in an id. */
  public static final int LENGTH = 26;

  private static final char[] DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ".toCharArray();
  private static final int LOW_BITS = 40;
  private static final long LOW_MASK = (1L << LOW_BITS) - 1;

  private final InstantSource clock;
  private final RandomGenerator random;

  // The id made last: time, then twice 40 random bits. Guarded by this.
  private long millis = -1;
  private long high;
  private long low;

  /** Makes ids by the system's clock. */
  public Ids() {
    this(InstantSource.system(), new SecureRandom());
  }

  Ids(InstantSource clock, RandomGenerator random) {
    this.clock = clock;
    this.random = random;
  }

  /** A new id, greater than all this maker made before, even when the clock was set back. */
  public synchronized String next() {
    long now = clock.millis();
    if (now > millis) {
      millis = now;
      high = random.nextLong() & LOW_MASK;
      low = random.nextLong() & LOW_MASK;
    } else {
      // Within a millisecond ids go up by random steps: the next one stays as good as unknown.
      low += 1 + (random.nextLong() & LOW_MASK);
      high += low >>> LOW_BITS;
      low &= LOW_MASK;
      if (high > LOW_MASK) {
        millis++;
        high = random.nextLong() & LOW_MASK;
      }
    }
    char[] id = new char[LENGTH];
    write(millis, id, 0, 10);
    write(high, id, 10, 8);
    write(low, id, 18, 8);
    return new String(id);
  }

  private static void write(long bits, char[] id, int from, int count) {
    for (int i = 0; i < count; i++) {
      id[from + i] = DIGITS[(int) (bits >>> 5 * (count - 1 - i)) & 31];
    }
  }
}
