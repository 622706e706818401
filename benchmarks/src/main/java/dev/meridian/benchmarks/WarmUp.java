package dev.meridian.benchmarks;

import java.util.function.DoubleSupplier;

/** Runs that do not count, so that a contender is measured as it is after minutes of work. */
final class WarmUp {
  /** Warm when so many runs in a row were not faster than the best by more than this. */
  private static final int STEADY_RUNS = 6;

  private static final double STEADY = 0.02;

  /** Three processes that share two cores still compile after a minute. */
  private static final int MAX_RUNS = 40;

  private WarmUp() {}

  /**
   * Runs a contender until it becomes no faster.
   *
   * @param rate runs it once and tells how fast it was
   */
  static void until(DoubleSupplier rate) {
    double best = 0;
    for (int run = 0, stale = 0; run < MAX_RUNS && stale < STEADY_RUNS; run++) {
      double now = rate.getAsDouble();
      stale = now > best * (1 + STEADY) ? 0 : stale + 1;
      best = Math.max(best, now);
    }
  }
}
