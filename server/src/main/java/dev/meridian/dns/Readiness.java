package dev.meridian.dns;

import java.net.InetAddress;
import java.util.Map;
import java.util.Set;

/**
 * Which regions can take clients. Up until proven down: a region or an address that is not named
 * here is ready. Where no ready region is left of a choice, clients get the crowded ones; then the
 * drained ones, which their operator may still be working on but which answer; and when all are
 * down, all, as nothing would be no better.
 *
 * @param down regions that cannot serve
 * @param crowded regions near their capacity, each with the share of its clients that still goes
 *     there: from 0, at its capacity, to below 1
 * @param drained regions that an operator keeps clients from
 * @param silent addresses that cannot serve; a region all of whose addresses are among them is down
 */
public record Readiness(
    Set<String> down, Map<String, Double> crowded, Set<String> drained, Set<InetAddress> silent) {
  /** All regions are ready. */
  public static final Readiness ALL = new Readiness(Set.of(), Map.of(), Set.of(), Set.of());

  /** Copies. */
  public Readiness {
    down = Set.copyOf(down);
    crowded = Map.copyOf(crowded);
    drained = Set.copyOf(drained);
    silent = Set.copyOf(silent);
  }
}
