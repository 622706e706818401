package dev.meridian.replica;

import java.util.concurrent.TimeUnit;

/**
 * As of when a replica has everything: the last moment of which it is known that all that was safe
 * then is applied here. Looked at now and then by one thread; asked by any.
 */
final class Freshness {
  private volatile long asOfNanos;

  /** What was safe when the primary was heard last, and when that was; none yet if negative. */
  private long awaitedIndex = -1;

  private long awaitedNanos;

  Freshness(long nowNanos) {
    asOfNanos = nowNanos;
  }

  /** The replica is the primary, and nothing is ahead of it. */
  void primary(long nowNanos) {
    asOfNanos = nowNanos;
    awaitedIndex = -1;
  }

  /**
   * The replica follows.
   *
   * @param committed the newest entry known to be safe
   * @param applied the newest entry in the database
   * @param heardNanos when the primary was heard last
   */
  void follows(long committed, long applied, long heardNanos) {
    if (awaitedIndex >= 0 && applied < awaitedIndex) {
      return;
    }
    if (awaitedIndex >= 0) {
      asOfNanos = Math.max(asOfNanos, awaitedNanos);
    }
    if (applied >= committed) {
      asOfNanos = Math.max(asOfNanos, heardNanos);
      awaitedIndex = -1;
    } else {
      awaitedIndex = committed;
      awaitedNanos = heardNanos;
    }
  }

  /** How old at most what is read here may be, in milliseconds. */
  long millis(long nowNanos) {
    return TimeUnit.NANOSECONDS.toMillis(Math.max(0, nowNanos - asOfNanos));
  }
}
