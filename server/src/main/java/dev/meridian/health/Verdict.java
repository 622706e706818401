package dev.meridian.health;

import dev.meridian.site.HealthCheck;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * What a row of tries comes to: up until proven down, down until proven up, and the more often it
 * went down lately, the more proof. Confined to one thread.
 */
final class Verdict {
  /** How long a change counts as recent. */
  static final Duration LATELY = Duration.ofMinutes(10);

  /** Doubled so often at most: with the default of two, 64 tries. */
  static final int MOST_DOUBLINGS = 5;

  private final HealthCheck check;
  private final Deque<Instant> falls = new ArrayDeque<>();
  private boolean up;
  private int contrary;

  /** What is not known is up. */
  Verdict(HealthCheck check) {
    this(check, true);
  }

  /**
   * Creates it.
   *
   * @param up what was known before
   */
  Verdict(HealthCheck check, boolean up) {
    this.check = check;
    this.up = up;
  }

  boolean isUp() {
    return up;
  }

  /**
   * Takes the result of a try.
   *
   * @return whether the verdict changed
   */
  boolean note(boolean success, Instant now) {
    if (success == up) {
      contrary = 0;
      return false;
    }
    if (++contrary < needed(now)) {
      return false;
    }
    contrary = 0;
    up = success;
    if (!up) {
      falls.addLast(now);
      if (falls.size() > MOST_DOUBLINGS + 1) {
        falls.removeFirst();
      }
    }
    return true;
  }

  /** How many tries in a row it takes to change the verdict. */
  int needed(Instant now) {
    if (up) {
      return check.down();
    }
    while (!falls.isEmpty() && falls.getFirst().plus(LATELY).isBefore(now)) {
      falls.removeFirst();
    }
    return check.up() << Math.max(0, falls.size() - 1);
  }

  /** How many tries in a row have spoken against the verdict. */
  int contrary() {
    return contrary;
  }
}
