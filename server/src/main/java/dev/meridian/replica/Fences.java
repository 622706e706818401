package dev.meridian.replica;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.function.LongSupplier;

/**
 * When other nodes asked this one last, as the primary, up to where they must read. Any thread may
 * use it.
 */
final class Fences {
  /** So many nodes are remembered; there are fewer. */
  private static final int MOST = 1000;

  private final LongSupplier nanos;

  // Guarded by this.
  private final Map<String, Long> asked = new HashMap<>();
  private long term = -1;
  private long officeNanos;

  Fences() {
    this(System::nanoTime);
  }

  /** With a clock of its own, as {@link System#nanoTime}. */
  Fences(LongSupplier nanos) {
    this.nanos = nanos;
  }

  /** A node asks: called before it is known what it will be told. */
  synchronized void asked(String node) {
    long now = nanos.getAsLong();
    if (asked.size() >= MOST && !asked.containsKey(node)) {
      // Nobody waits because of one that asked so long ago.
      asked.values().removeIf(at -> now - at > Duration.ofHours(1).toNanos());
    }
    asked.put(node, now);
  }

  /** This node is primary in that term: since now, if it is said for the first time. */
  synchronized void primaryIn(long now) {
    if (term != now) {
      term = now;
      officeNanos = nanos.getAsLong();
    }
  }

  /**
   * What is known, in a term in which it {@link #primaryIn} is primary. Who asked before that may
   * have asked another since, until this one became primary.
   */
  synchronized Fenced known(String self) {
    long now = nanos.getAsLong();
    long office = now - officeNanos;
    Map<String, Duration> ages = new HashMap<>();
    asked.forEach((node, at) -> ages.put(node, Duration.ofNanos(Math.min(now - at, office))));
    return new Fenced(self, Duration.ofNanos(office), ages);
  }
}
