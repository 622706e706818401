package dev.meridian.replica;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/**
 * When other nodes asked this one last, as the primary, up to where they must read. Any thread may
 * use it.
 */
final class Fences {
  /** So many nodes are remembered; there are fewer. */
  private static final int MOST = 1000;

  // Guarded by this.
  private final Map<String, Long> asked = new HashMap<>();
  private long term = -1;
  private long officeNanos;

  /** A node asks: called before it is known what it will be told. */
  synchronized void asked(String node) {
    long now = System.nanoTime();
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
      officeNanos = System.nanoTime();
    }
  }

  /** What is known, in a term in which it {@link #primaryIn} is primary. */
  synchronized Fenced known(String self) {
    long now = System.nanoTime();
    Map<String, Duration> ages = new HashMap<>();
    asked.forEach((node, at) -> ages.put(node, Duration.ofNanos(now - at)));
    return new Fenced(self, Duration.ofNanos(now - officeNanos), ages);
  }
}
