package dev.meridian.replica;

import dev.meridian.document.Version;
import dev.meridian.store.HybridClock;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Gives timestamps above everything given or seen, and refuses to follow a wall clock that jumped
 * by more than {@link HybridClock#MAX_LEAD}: forwards, it would expire documents before their time
 * and drag every later version along; backwards, versions would run ahead of the time they claim.
 *
 * <p>A jump shows as a difference between what the wall clock and the machine's uptime say has
 * passed. It is refused until the two agree again, or until a restart, which takes the wall clock
 * at its word, as long as that does not lie before the newest write.
 */
final class ClockGuard {
  /** How far beyond the wall clock a reader's token is followed. */
  static final Duration MAX_SKEW = Duration.ofSeconds(1);

  /**
   * How far the newest write may be ahead of the wall clock: more than timestamps ever lead it,
   * which is by a step back that is followed, and {@link #MAX_SKEW}.
   */
  private static final Duration MOST_AHEAD = HybridClock.MAX_LEAD.plusSeconds(30);

  /** So far beyond a trusted reading the wall clock may be without being looked at. */
  private static final long UNCHECKED_MILLIS = 50;

  /**
   * How far past the newest write the wall clock may be when a replica starts. What is written
   * under a clock far ahead cannot be undone: it expires documents, and nothing can be written once
   * the clock is right.
   */
  private static final Duration MOST_PAST = Duration.ofDays(30);

  private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

  private final LongSupplier wallMillis;
  private final LongSupplier uptimeMillis;
  private final HybridClock clock;

  /** Wall clock minus uptime as it was when last trusted. Guarded by this. */
  private long offset;

  private long lookedNanos;
  private long lookedWall;

  /** Written under the lock. */
  private volatile @Nullable String refusal;

  /** The newest wall clock reading that was trusted; it never goes back. */
  private final AtomicLong trusted;

  /** {@link #trusted} as it was when {@link #refusal} last said null: one reading an entry. */
  private volatile long proposed;

  ClockGuard(LongSupplier wallMillis, LongSupplier uptimeMillis) {
    this.wallMillis = wallMillis;
    this.uptimeMillis = uptimeMillis;
    this.clock = new HybridClock(wallMillis, 0);
    long wall = wallMillis.getAsLong();
    this.offset = wall - uptimeMillis.getAsLong();
    this.lookedNanos = System.nanoTime();
    this.lookedWall = wall;
    this.trusted = new AtomicLong(wall);
    this.proposed = wall;
  }

  /**
   * Why no timestamp can be given now, or null when it can.
   *
   * @param newest the newest timestamp in the store; later ones are above it
   */
  synchronized @Nullable String refusal(long newest) {
    long wall = wallMillis.getAsLong();
    look(wall);
    if (refusal != null) {
      return refusal;
    }
    if (!clock.observe(newest, wall, MOST_AHEAD)) {
      return "The clock of this machine says "
          + java.time.Instant.ofEpochMilli(wall)
          + ", but the newest write is of "
          + java.time.Instant.ofEpochMilli(newest >>> Version.COUNTER_BITS)
          + ". Set the clock right; writes then go on by themselves.";
    }
    proposed = trusted.accumulateAndGet(wall, Math::max);
    return null;
  }

  private @Nullable String jump(long wall) {
    long now = wall - uptimeMillis.getAsLong();
    Duration jumped = Duration.ofMillis(now - offset);
    if (jumped.abs().compareTo(HybridClock.MAX_LEAD) <= 0) {
      // Small corrections (NTP slewing, leap seconds) are followed, or they would add up.
      offset = now;
      return null;
    }
    return "The clock of this machine jumped "
        + (jumped.isNegative() ? "back by " : "forward by ")
        + jumped.abs().toSeconds()
        + " s. If it is wrong, set it right and writes go on by themselves; if it is right now,"
        + " restart this node.";
  }

  /** A timestamp above all given and seen. Call it right after {@link #refusal} said null. */
  long next() {
    return clock.next(proposed);
  }

  /** The wall clock by which {@link #refusal} last said null, never going back. */
  long proposedMillis() {
    return proposed;
  }

  /**
   * The wall clock as far as it is trusted: it stands still while it is refused, and never goes
   * back. Milliseconds since 1970; any thread, cheap.
   */
  long wallMillis() {
    long wall = wallMillis.getAsLong();
    long known = trusted.get();
    if (wall <= known) {
      return known;
    }
    return wall - known <= UNCHECKED_MILLIS && refusal == null
        ? trusted.accumulateAndGet(wall, Math::max)
        : checked(wall);
  }

  private synchronized long checked(long wall) {
    look(wall);
    return refusal == null ? trusted.accumulateAndGet(wall, Math::max) : trusted.get();
  }

  /**
   * Why a replica should not start under this clock, or null.
   *
   * @param newest the newest timestamp in the store, 0 for none
   */
  @Nullable String startRefusal(long newest) {
    long wall = wallMillis.getAsLong();
    long written = newest >>> Version.COUNTER_BITS;
    if (newest == 0 || wall - written <= MOST_PAST.toMillis()) {
      return null;
    }
    return "The clock of this machine says "
        + java.time.Instant.ofEpochMilli(wall)
        + ", "
        + Duration.ofMillis(wall - written).toDays()
        + " days after the newest write. Set the clock right; if it is right, start once with"
        + " --accept-clock.";
  }

  private void look(long wall) {
    if (refusal != null
        || System.nanoTime() - lookedNanos > LOOK_NANOS
        || Math.abs(wall - lookedWall) > HybridClock.MAX_LEAD.toMillis()) {
      lookedNanos = System.nanoTime();
      lookedWall = wall;
      refusal = jump(wall);
    }
  }

  /** Takes note of what a reader has seen; one from too far ahead is not followed. */
  void observe(long timestamp) {
    clock.observe(timestamp, wallMillis(), MAX_SKEW);
  }

  /** How far timestamps lead the wall clock. */
  long leadMillis() {
    return clock.leadMillis();
  }
}
