package dev.meridian.node;

import dev.meridian.health.Prober;
import dev.meridian.site.Region;
import java.net.InetAddress;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Which part of their clients regions near their capacity can still take. A function of what is so
 * now, so that all name servers come to the same: all clients up to {@link #FROM} of the capacity,
 * none from the capacity on, and in between the fewer the busier. So a region that is too popular
 * comes to rest between the two. Confined to one thread.
 */
final class Spillover {
  /** From this part of its capacity on, a region is spared. */
  static final double FROM = 0.8;

  /** Shares are so many steps: each new one is another set of tables for the name server. */
  static final int STEPS = 16;

  /** In steps, of the regions that have less than all of them. */
  private final Map<String, Integer> before = new HashMap<>();

  /**
   * A region's load and what it can take.
   *
   * @param load requests a second; a lower bound if not all addresses say
   * @param capacity requests a second of the addresses that are up
   */
  record Load(double load, double capacity) {}

  /**
   * The load of a region; null if it has no capacity or nobody knows.
   *
   * @param silent addresses that cannot serve: they take nothing
   */
  static @Nullable Load load(
      Region region, Map<InetAddress, Prober.Report> reports, Set<InetAddress> silent) {
    if (region.capacity().isEmpty()) {
      return null;
    }
    double load = 0;
    int up = 0;
    boolean known = false;
    for (InetAddress address : region.addresses()) {
      Prober.Report report = reports.get(address);
      if (silent.contains(address)) {
        continue;
      }
      up++;
      OptionalDouble one = report == null ? OptionalDouble.empty() : report.load();
      known |= one.isPresent();
      load += one.orElse(0);
    }
    double capacity = region.capacity().getAsInt() * (double) up / region.addresses().size();
    return known ? new Load(load, capacity) : null;
  }

  /** The shares of all regions that have less than all of their clients. */
  Map<String, Double> shares(
      List<Region> regions, Map<InetAddress, Prober.Report> reports, Set<InetAddress> silent) {
    before.keySet().retainAll(regions.stream().map(Region::name).toList());
    for (Region region : regions) {
      Load load = load(region, reports, silent);
      int steps = load == null ? STEPS : steps(load, before.getOrDefault(region.name(), STEPS));
      if (steps < STEPS) {
        before.put(region.name(), steps);
      } else {
        before.remove(region.name());
      }
    }
    Map<String, Double> shares = new HashMap<>();
    before.forEach((region, steps) -> shares.put(region, steps / (double) STEPS));
    return shares;
  }

  /** A change of less than a step is none: it would come and go. */
  private static int steps(Load load, int before) {
    double room = (load.capacity() - load.load()) / (load.capacity() * (1 - FROM));
    double steps = Math.clamp(room, 0, 1) * STEPS;
    return Math.abs(steps - before) < 1 ? before : (int) Math.round(steps);
  }
}
