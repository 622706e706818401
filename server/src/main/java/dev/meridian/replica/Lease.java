package dev.meridian.replica;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Until when no other member can be primary. Any thread.
 *
 * <p>It rests on entries alone. Whoever is elected after an entry of this primary's became safe has
 * that entry, so got it when it was proposed or later; a member that got one stands for election no
 * sooner than an election timeout afterwards, and a restart takes it as long. What members answer
 * to heartbeats would prove less: those who refuse answer, too, and a member may have given its
 * vote away before it answers.
 */
final class Lease {
  /** Part of an election timeout for which one is sure; clocks run at different rates. */
  private static final double PART = 0.9;

  /** A moment by two clocks: one that nobody sets, and one that goes on while a machine sleeps. */
  record Moment(long nanos, long wallMillis) {
    static Moment now() {
      return new Moment(System.nanoTime(), System.currentTimeMillis());
    }

    /** How long ago it was, by the clock that says more; without end if they were set back. */
    private long age() {
      long wall = System.currentTimeMillis() - wallMillis;
      long age = System.nanoTime() - nanos;
      return wall < 0 ? Long.MAX_VALUE : Math.max(age, Duration.ofMillis(wall).toNanos());
    }
  }

  private record Sure(long term, Moment since) {}

  private final long nanos;
  private final AtomicReference<Sure> sure = new AtomicReference<>(new Sure(-1, new Moment(0, 0)));
  private volatile long spoiltTerm = -1;

  Lease(Duration electionTimeout) {
    nanos = (long) (electionTimeout.toNanos() * PART);
  }

  /** An entry is safe that this primary proposed in {@code term}, at that moment or later. */
  void committed(long term, Moment proposed) {
    sure.accumulateAndGet(
        new Sure(term, proposed),
        (known, next) ->
            next.term > known.term
                    || (next.term == known.term && next.since.nanos - known.since.nanos > 0)
                ? next
                : known);
  }

  /**
   * This primary asks another member to take its place: that one stands for election although the
   * others hear from this one, now or, should it be slow, later.
   */
  void spoil(long term) {
    spoiltTerm = term;
  }

  /** What part of it is left, up to 1: above 0, no other member is primary at this moment. */
  double left(long term) {
    Sure known = sure.get();
    if (known.term != term || spoiltTerm == term) {
      return 0;
    }
    long age = known.since.age();
    return age >= nanos ? 0 : 1 - (double) age / nanos;
  }
}
