package dev.meridian.dns;

import java.util.concurrent.TimeUnit;

/**
 * How much time may go into signatures: a share of one processor's, with some saved up for bursts.
 * Who asks for names that nobody has asked for before uses that up, and nothing else: answers that
 * are signed already go on. For any thread.
 */
final class SigningBudget {
  /** Nanoseconds of signing for each one that passes. */
  private static final double SHARE = 0.5;

  private static final long MOST_SAVED = TimeUnit.MILLISECONDS.toNanos(200);

  private long saved = MOST_SAVED;
  private long countedAt;
  private boolean counted;

  /** Whether something may be signed now, at a time of {@link System#nanoTime}. */
  synchronized boolean allows(long now) {
    if (counted) {
      saved = Math.min(MOST_SAVED, saved + (long) ((now - countedAt) * SHARE));
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
