package dev.meridian.replica;

import java.time.Duration;
import java.util.Map;

/**
 * Which nodes asked their primary lately up to where they must read to see all that was
 * acknowledged. What they were told covers every write that was acknowledged before they asked.
 *
 * @param primary the node that tells; it may ask itself at any time
 * @param office for how long it has been primary: what others were told before, it does not know
 * @param ages how long ago each other node asked last, at most {@code office}; who is not there did
 *     not ask this primary
 */
public record Fenced(String primary, Duration office, Map<String, Duration> ages) {
  /** Copies. */
  public Fenced {
    ages = Map.copyOf(ages);
  }
}
