package dev.meridian.dns;

import java.net.InetAddress;
import java.util.Set;

/**
 * Which regions can take clients. Up until proven down: a region or an address that is not named
 * here is ready. Where no ready region is left of a choice, clients get the full ones; then the
 * drained ones, which their operator may still be working on but which answer; and when all are
 * down, all, as nothing would be no better.
 *
 * @param down regions that cannot serve
 * @param full regions above their capacity
 * @param drained regions that an operator keeps clients from
 * @param silent addresses that cannot serve; a region all of whose addresses are among them is down
 */
public record Readiness(
    Set<String> down, Set<String> full, Set<String> drained, Set<InetAddress> silent) {
  /** All regions are ready. */
  public static final Readiness ALL = new Readiness(Set.of(), Set.of(), Set.of(), Set.of());

  /** Copies. */
  public Readiness {
    down = Set.copyOf(down);
    full = Set.copyOf(full);
    drained = Set.copyOf(drained);
    silent = Set.copyOf(silent);
  }
}
