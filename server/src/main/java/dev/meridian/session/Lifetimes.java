package dev.meridian.session;

import java.time.Duration;

/**
 * How long sessions live.
 *
 * @param idle a session that nobody used for so long ends; a tenth sooner where its last uses came
 *     soon after another, for not every use is worth a write
 * @param absolute so long after it was made a session ends in any case; at most {@link #MOST}
 */
public record Lifetimes(Duration idle, Duration absolute) {
  /** Longest life of a session. Signing keys are kept for so long after they signed. */
  public static final Duration MOST = Duration.ofDays(365);

  /** Longest life of a session until a request comes back with its cookie. */
  public static final Duration FIRST = Duration.ofMinutes(30);

  /** A renewal is a write, so it is not made more often than this. */
  private static final Duration LEAST_RENEWAL = Duration.ofMinutes(1);

  private static final int RENEWALS = 10;

  /** Checks. */
  public Lifetimes {
    if (!idle.isPositive() || idle.compareTo(absolute) > 0 || absolute.compareTo(MOST) > 0) {
      throw new IllegalArgumentException("0 < " + idle + " <= " + absolute + " <= " + MOST);
    }
  }

  /** The same for a session of which it is not known yet whether its visitor takes cookies. */
  public Lifetimes first() {
    return idle.compareTo(FIRST) < 0 ? this : new Lifetimes(FIRST, absolute);
  }

  /** When a session ends that is used now and ends at {@code ends} in any case. */
  long expiry(long nowMillis, long ends) {
    return Math.min(nowMillis + idle.toMillis(), ends);
  }

  /** Whether enough of the idle time is over: a tenth, and a minute at least. */
  boolean isRenewalDue(long nowMillis, long expires, long ends) {
    long least = Math.max(idle.toMillis() / RENEWALS, LEAST_RENEWAL.toMillis());
    long then = expiry(nowMillis, ends);
    // The last one is made in any case, or a session would end before its time.
    return then - expires >= least || (then == ends && expires < ends);
  }
}
