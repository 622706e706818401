package dev.meridian.dns;

import java.util.concurrent.TimeUnit;

/**
 * How much time may go into signatures: shares of one processor's, with some saved up for bursts.
 * Names that do not exist have a share of their own, as anybody can make up as many as they like;
 * so whoever does delays neither what is signed already nor what exists. For any thread.
 */
final class SigningBudget {
  private static final long MOST_SAVED = TimeUnit.MILLISECONDS.toNanos(200);

  private final Share existing = new Share(0.25);
  private final Share madeUp = new Share(0.6);

  /** One of the two; a double of nanoseconds for each one that passes. */
  static final class Share {
    private final double rate;
    private long saved = MOST_SAVED;
    private long countedAt;
    private boolean counted;

    private Share(double rate) {
      this.rate = rate;
    }

    /** Whether something may be signed now, at a time of {@link System#nanoTime}. */
    synchronized boolean allows(long now) {
      if (counted) {
        saved = Math.min(MOST_SAVED, saved + (long) ((now - countedAt) * rate));
      }
      counted = true;
      countedAt = now;
      return saved > 0;
    }

    /** Signing took so long. */
    synchronized void spend(long nanos) {
      saved -= Math.clamp(nanos, 0, MOST_SAVED);
    }
  }

  /** The share for an answer. */
  Share of(Answer answer) {
    Denial denial = answer.denial();
    return denial != null && denial.isOfName() && denial.isOfQuestion() ? madeUp : existing;
  }
}
