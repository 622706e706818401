package dev.meridian.node;

import dev.meridian.dns.Readiness;
import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Json;
import dev.meridian.health.Prober;
import dev.meridian.shard.Cluster;
import dev.meridian.shard.Drain;
import dev.meridian.shard.Member;
import dev.meridian.site.Region;
import dev.meridian.site.Suggestions;
import dev.meridian.store.StoreException;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.MultiGauge.Row;
import io.micrometer.core.instrument.Tags;
import java.io.IOException;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Knows which regions can take clients: what probes say, what the cluster says of its own nodes,
 * and what operators have drained. Each change is told within {@link #LOOK}.
 */
final class RegionWatch implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(RegionWatch.class);

  /** How often what operators and the cluster say is looked at. */
  static final Duration LOOK = Duration.ofMillis(250);

  /** How often the primary is asked which nodes are silent. */
  private static final Duration ASK = Duration.ofSeconds(1);

  /** A node that has not answered the primary for so long cannot serve. */
  private static final Duration SILENCE = Duration.ofSeconds(2);

  /** How long an operator waits to see what a drain does. */
  private static final Duration LONGEST = Duration.ofSeconds(1);

  private static final int MAX_REASON = 200;

  private final Cluster cluster;
  private final Consumer<Readiness> onChange;
  private final Semaphore changed = new Semaphore(0);
  private final Prober prober = new Prober(changed::release);
  private final Spillover spillover = new Spillover();
  private final Thread thread;
  private final Thread listening;
  private final MultiGauge regionsReady;
  private final MultiGauge addressesUp;
  private final MultiGauge regionsShare;
  private volatile List<Region> regions = List.of();
  private volatile Map<String, Drain> drained = Map.of();
  private volatile Set<InetAddress> silentNodes = Set.of();
  private volatile Readiness now = Readiness.ALL;

  /** The last word of the log; of the watching thread. */
  private String logged = "";

  /** Of which {@link #now} was told; of the watching thread. */
  private List<Region> told = List.of();

  /**
   * Begins to watch.
   *
   * @param probing whether addresses are probed here, as name servers do
   * @param onChange is told what is so now, when it is something else; on one thread
   */
  RegionWatch(
      Cluster cluster,
      List<Region> regions,
      boolean probing,
      MeterRegistry metrics,
      Consumer<Readiness> onChange) {
    this.cluster = cluster;
    this.onChange = onChange;
    regionsReady =
        MultiGauge.builder("meridian.region.ready")
            .description("1 for regions that clients are sent to, 0 for others")
            .register(metrics);
    addressesUp =
        MultiGauge.builder("meridian.region.address.up")
            .description("1 for addresses of regions that can serve, 0 for others")
            .register(metrics);
    regionsShare =
        MultiGauge.builder("meridian.region.share")
            .description("The share of its clients that a region near its capacity still gets")
            .register(metrics);
    this.regions = regions;
    if (probing) {
      prober.watch(regions);
    }
    thread = Thread.ofVirtual().name("regions").start(this::run);
    listening = Thread.ofVirtual().name("regions-nodes").start(this::listen);
  }

  /** Asks which nodes are silent, for as long as that takes: what probes say waits for nobody. */
  private void listen() {
    try {
      while (true) {
        Thread.sleep(ASK);
        if (regions.isEmpty()) {
          continue;
        }
        try {
          Cluster.Hearing hearing = cluster.hearing(SILENCE);
          Set<InetAddress> next = addresses(hearing.silent());
          next.removeAll(addresses(hearing.others())); // several nodes may share an address
          if (!next.equals(silentNodes)) {
            silentNodes = next;
            changed.release();
          }
        } catch (IOException | RuntimeException e) {
          LOG.debug("Which nodes are silent is not known now", e);
        }
      }
    } catch (InterruptedException e) {
      // Closed.
    }
  }

  /** Watches these regions from now on. */
  void regions(List<Region> next, boolean probing) {
    regions = next;
    prober.watch(probing ? next : List.of());
    changed.release();
  }

  private void run() {
    try {
      while (true) {
        try {
          look();
        } catch (RuntimeException e) {
          // Whatever it is, it may be over in a moment; without this thread nothing would change.
          LOG.warn("Which regions are ready is looked at again: {}", e.getMessage());
        }
        boolean _ = changed.tryAcquire(LOOK.toMillis(), TimeUnit.MILLISECONDS);
        changed.drainPermits();
      }
    } catch (InterruptedException e) {
      // Closed.
    }
  }

  /** What cannot be found out now stays as it was: up until proven down. */
  private void look() {
    List<Region> watched = regions;
    if (watched.isEmpty()) {
      publish(watched, Readiness.ALL);
      return;
    }
    try {
      drained = cluster.drained();
    } catch (StoreException e) {
      LOG.debug("Which regions are drained is not known now", e);
    }

    Set<InetAddress> silent = new HashSet<>();
    Set<InetAddress> down = prober.down();
    Map<InetAddress, Prober.Report> reports = prober.reports();
    Set<String> closed = new HashSet<>();
    for (Region region : watched) {
      for (InetAddress address : region.addresses()) {
        if (down.contains(address) || silentNodes.contains(address)) {
          silent.add(address);
        }
      }
      if (drained.containsKey(region.name())) {
        closed.add(region.name());
      }
    }
    Map<String, Double> crowded = spillover.shares(watched, reports, silent);
    publish(watched, new Readiness(Set.of(), crowded, closed, silent));
  }

  /** Where clients and peers reach nodes: an address of a region may be either. */
  private static Set<InetAddress> addresses(List<Member> nodes) {
    Set<InetAddress> addresses = new HashSet<>();
    for (Member node : nodes) {
      for (String at : List.of(node.http(), node.address())) {
        int colon = at.lastIndexOf(':');
        if (colon > 0) {
          try {
            addresses.add(InetAddress.ofLiteral(at.substring(0, colon).replaceAll("[\\[\\]]", "")));
          } catch (IllegalArgumentException e) {
            // A name: what it stands for elsewhere is not known here.
          }
        }
      }
    }
    addresses.removeIf(InetAddress::isAnyLocalAddress);
    return addresses;
  }

  private void publish(List<Region> watched, Readiness next) {
    boolean changed = !next.equals(now);
    if (!changed && watched.equals(told)) {
      return;
    }
    if (changed) {
      onChange.accept(next);
      now = next;
    }
    told = watched;
    List<Row<?>> ready = new ArrayList<>();
    List<Row<?>> up = new ArrayList<>();
    List<Row<?>> share = new ArrayList<>();
    for (Region region : watched) {
      ready.add(Row.of(Tags.of("region", region.name()), open(region) ? 1 : 0));
      share.add(
          Row.of(
              Tags.of("region", region.name()), next.crowded().getOrDefault(region.name(), 1.0)));
      for (InetAddress address : region.addresses()) {
        up.add(
            Row.of(
                Tags.of("region", region.name(), "address", address.getHostAddress()),
                next.silent().contains(address) ? 0 : 1));
      }
    }
    regionsReady.register(ready, true);
    addressesUp.register(up, true);
    regionsShare.register(share, true);
    String states =
        String.join(
            ", ", watched.stream().map(region -> region.name() + " " + state(region)).toList());
    if (changed && !states.equals(logged)) {
      LOG.info("Regions: {}.", states);
      logged = states;
    }
  }

  /** Whether clients are sent there, if not all. */
  private boolean open(Region region) {
    return List.of("ready", "crowded").contains(state(region));
  }

  /** As operators call it. */
  private String state(Region region) {
    if (now.silent().containsAll(region.addresses())) {
      return "down";
    }
    if (drained.containsKey(region.name())) {
      return "drained";
    }
    Double share = now.crowded().get(region.name());
    return share == null ? "ready" : share > 0 ? "crowded" : "full";
  }

  /**
   * Keeps clients from a region on all nodes, or lets them go there again. On return that is so
   * here, unless it takes longer than a second.
   *
   * @throws InvalidInputException if there is no such region, or the reason is too long
   */
  void drain(String region, boolean drain, String reason) {
    List<String> names = regions.stream().map(Region::name).toList();
    if (drain ? !names.contains(region) : !names.contains(region) && !drained.containsKey(region)) {
      throw new InvalidInputException(
          names.isEmpty()
              ? "This site has no regions; declare them in site.yaml."
              : "There is no region '" + region + "'" + Suggestions.didYouMean(region, names));
    }
    if (reason.length() > MAX_REASON || reason.chars().anyMatch(Character::isISOControl)) {
      throw new InvalidInputException(
          "A reason is one line of at most " + MAX_REASON + " characters.");
    }
    if (drain) {
      cluster.drain(region, reason);
    } else {
      cluster.undrain(region);
    }
    long end = System.nanoTime() + LONGEST.toNanos();
    do {
      changed.release();
      LockSupport.parkNanos(LOOK.toNanos() / 10);
    } while (now.drained().contains(region) != drain
        && names.contains(region)
        && System.nanoTime() < end
        && !Thread.currentThread().isInterrupted());
  }

  /** The regions as JSON. */
  Json json() {
    Map<InetAddress, Prober.Report> reports = prober.reports();
    Map<String, Drain> closed = drained;
    List<Json> all = new ArrayList<>();
    for (Region region : regions) {
      Map<String, Json> about = new LinkedHashMap<>();
      about.put("region", new Json.Str(region.name()));
      about.put("state", new Json.Str(state(region)));
      Drain drain = closed.get(region.name());
      if (drain != null) {
        about.put("drainedSince", new Json.Str(drain.since().toString()));
        about.put("reason", new Json.Str(drain.reason()));
      }
      region.capacity().ifPresent(capacity -> about.put("capacity", Json.Num.of(capacity)));
      Spillover.Load load = Spillover.load(region, reports, now.silent());
      if (load != null) {
        about.put("requestsPerSecond", Json.Num.of(Math.round(load.load())));
        about.put("share", new Json.Num(now.crowded().getOrDefault(region.name(), 1.0).toString()));
      }
      List<Json> addresses = new ArrayList<>();
      for (InetAddress address : region.addresses()) {
        addresses.add(json(address, reports.get(address), region.health().isPresent()));
      }
      about.put("addresses", new Json.Arr(addresses));
      all.add(new Json.Obj(about));
    }
    return new Json.Arr(all);
  }

  private Json json(InetAddress address, Prober.@Nullable Report report, boolean checked) {
    Map<String, Json> about = new LinkedHashMap<>();
    about.put("address", new Json.Str(address.getHostAddress()));
    boolean silent = now.silent().contains(address);
    if (report != null || silent || !checked) {
      about.put("up", new Json.Bool(!silent));
    } else {
      about.put(
          "problem",
          new Json.Str("not tried by this node, whose name server is off; ask one that has it on"));
    }
    if (silentNodes.contains(address)) {
      about.put("problem", new Json.Str("the node does not answer its primary"));
    }
    if (report != null) {
      about.put("probed", new Json.Str(StatusReport.text(report.at())));
      about.put("tries", Json.Num.of(report.tries()));
      about.put("since", new Json.Str(report.since().toString()));
      report.took().ifPresent(took -> about.put("tookMillis", Json.Num.of(took.toMillis())));
      report.problem().ifPresent(problem -> about.put("problem", new Json.Str(problem)));
      about.put("triesToChange", Json.Num.of(report.needed()));
    }
    return new Json.Obj(about);
  }

  @Override
  public void close() {
    thread.interrupt();
    listening.interrupt();
    prober.close();
  }
}
