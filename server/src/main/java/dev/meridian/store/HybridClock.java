package dev.meridian.store;

import dev.meridian.document.Version;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;

/**
 * A hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014): timestamps that never
 * repeat and never go back, close to the wall clock, above every timestamp it has been shown. Any
 * thread may use it.
 *
 * <p>A wall clock that steps back is waited out by counting on from the last timestamp. A timestamp
 * from the future beyond {@link #MAX_LEAD} is refused, since following it would drag every clock of
 * the cluster along.
 */
public final class HybridClock {
  /** How far ahead of the wall clock a timestamp may be. */
  public static final Duration MAX_LEAD = Duration.ofMinutes(1);

  private final LongSupplier wallMillis;
  private final AtomicLong last;

  /**
   * A clock that begins above {@code last}.
   *
   * @param wallMillis milliseconds since 1970
   * @param last the highest timestamp known, 0 for none
   */
  public HybridClock(LongSupplier wallMillis, long last) {
    this.wallMillis = wallMillis;
    this.last = new AtomicLong(last);
  }

  /** A timestamp above all that this clock gave or was shown. */
  public long next() {
    return next(wallMillis.getAsLong());
  }

  /** {@link #next()}, by a reading of the wall clock that the caller took. */
  public long next(long wallMillis) {
    long wall = Version.timestampAt(wallMillis);
    return last.updateAndGet(before -> Math.max(before + 1, wall));
  }

  /** A timestamp not below any that this clock gave or was shown. */
  public long now() {
    return Math.max(last.get(), Version.timestampAt(wallMillis.getAsLong()));
  }

  /**
   * Takes note of a timestamp that another gave: later ones are above it.
   *
   * @return false, without following it, if it leads the wall clock by more than {@link #MAX_LEAD}
   */
  public boolean observe(long timestamp) {
    return observe(timestamp, wallMillis.getAsLong(), MAX_LEAD);
  }

  /**
   * {@link #observe(long)}, by a reading of the wall clock that the caller took.
   *
   * @return false, without following it, if it leads that by more than {@code most}
   */
  public boolean observe(long timestamp, long wallMillis, Duration most) {
    long limit = Version.timestampAt(wallMillis + most.toMillis());
    if (timestamp > limit) {
      return false;
    }
    last.accumulateAndGet(timestamp, Math::max);
    return true;
  }

  /**
   * How far this clock leads the wall clock, in milliseconds; more than {@link #MAX_LEAD} means
   * that the wall clock stepped back, or that its data were written under a clock far ahead.
   */
  public long leadMillis() {
    return Math.max(0, (last.get() >>> Version.COUNTER_BITS) - wallMillis.getAsLong());
  }
}
