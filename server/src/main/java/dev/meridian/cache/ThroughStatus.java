package dev.meridian.cache;

import java.util.Set;

/**
 * How writing through is doing on a node, since it started.
 *
 * @param waits writes that waited for all nodes
 * @param waitMillis how long on average
 * @param waiting writes that wait now
 * @param unheard nodes that a write ended its wait for without a word of theirs, summed up
 * @param doubts reads that were in doubt
 * @param silent nodes that did not answer last
 */
public record ThroughStatus(
    long waits, double waitMillis, int waiting, long unheard, long doubts, Set<String> silent) {
  /** Copies. */
  public ThroughStatus {
    silent = Set.copyOf(silent);
  }
}
