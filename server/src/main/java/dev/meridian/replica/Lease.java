package dev.meridian.replica;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongSupplier;

/**
 * Until when no other member can be primary. Any thread.
 *
 * <p>Members that heard from the primary vote for nobody else for an election timeout. So an entry
 * that a majority took makes sure for that long, counted from when it was proposed; and as long as
 * it is sure, so do the answers to what was sent later. Answers that come when it is not sure any
 * more renew nothing: Ratis 3.3.0 counts those, too, with which members refuse an old primary.
 */
final class Lease {
  /** Part of an election timeout for which one is sure; clocks run at different rates. */
  private static final double PART = 0.9;

  /** {@code until} as of {@link System#nanoTime}. */
  private record Sure(long term, long until) {}

  private final long nanos;
  private final AtomicReference<Sure> sure = new AtomicReference<>(new Sure(-1, 0));
  private volatile long spoiltTerm = -1;

  Lease(Duration electionTimeout) {
    nanos = (long) (electionTimeout.toNanos() * PART);
  }

  /**
   * A majority took an entry of this primary's.
   *
   * @param proposed when the primary proposed it, or earlier
   */
  void committed(long term, long proposed) {
    extend(term, proposed + nanos);
  }

  /**
   * This primary asks another member to take its place: that one stands for election although the
   * others hear from this one, now or, should it be slow, later.
   */
  void spoil(long term) {
    spoiltTerm = term;
  }

  /**
   * Whether no other member is primary at the moment of the call.
   *
   * @param age how old, in nanoseconds, what a majority has answered is; {@link Long#MAX_VALUE} if
   *     there is no lease
   */
  boolean holds(long term, LongSupplier age) {
    long now = System.nanoTime();
    Sure known = sure.get();
    if (known.term != term || now - known.until >= 0 || spoiltTerm == term) {
      return false;
    }
    long old = age.getAsLong();
    if (old == Long.MAX_VALUE) {
      return false;
    }
    extend(term, now - old + nanos);
    return true;
  }

  private void extend(long term, long until) {
    sure.accumulateAndGet(
        new Sure(term, until),
        (known, next) ->
            next.term > known.term || (next.term == known.term && next.until - known.until > 0)
                ? next
                : known);
  }
}
