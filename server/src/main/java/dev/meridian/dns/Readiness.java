package dev.meridian.dns;

import java.util.Set;

/**
 * Which regions can take clients. Up until proven down: a region that is not named here is ready.
 *
 * @param down regions that cannot serve; answered only where all of a choice are down, as nothing
 *     would be no better
 * @param full regions above their capacity; answered only where no other of a choice is left
 */
public record Readiness(Set<String> down, Set<String> full) {
  /** All regions are ready. */
  public static final Readiness ALL = new Readiness(Set.of(), Set.of());

  /** Copies. */
  public Readiness {
    down = Set.copyOf(down);
    full = Set.copyOf(full);
  }
}
