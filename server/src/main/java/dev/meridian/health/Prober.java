package dev.meridian.health;

import dev.meridian.site.HealthCheck;
import dev.meridian.site.Region;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tries the addresses of regions again and again, each on a thread of its own, so that none waits
 * for another. Any thread may ask; the answers are those of the last tries.
 */
public final class Prober implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Prober.class);

  private final Runnable onChange;
  private final Map<Target, Watch> watches = new HashMap<>();

  /** What is tried: with another check or elsewhere it is another. */
  private record Target(
      String region,
      InetAddress address,
      InetSocketAddress at,
      HealthCheck check,
      boolean asksLoad) {}

  /**
   * What is known of an address.
   *
   * @param up whether it counts as up
   * @param since since when it does
   * @param at where it is tried
   * @param tries how many tries there were
   * @param took how long the last good try took
   * @param load requests a second that it said it had, in the last good try; empty if it did not
   *     say
   * @param problem what was wrong with the last try, if anything
   * @param needed how many more tries in a row it takes to change the verdict
   */
  public record Report(
      boolean up,
      Instant since,
      InetSocketAddress at,
      long tries,
      Optional<Duration> took,
      OptionalDouble load,
      Optional<String> problem,
      int needed) {
    private Report withProblem(String now) {
      return new Report(up, since, at, tries + 1, took, load, Optional.of(now), needed);
    }
  }

  /**
   * Creates one that tries nothing yet.
   *
   * @param onChange called, on any thread, when an address went up or down; must not wait
   */
  public Prober(Runnable onChange) {
    this.onChange = onChange;
  }

  /**
   * Tries the addresses of these regions from now on. What is known of those it tried stays; those
   * that are tried otherwise now stay up or down until that proves the opposite.
   */
  public synchronized void watch(List<Region> regions) {
    Map<InetAddress, Report> known = reports();
    Set<Target> wanted = new HashSet<>();
    for (Region region : regions) {
      HealthCheck check = region.health().orElse(null);
      if (check != null) {
        boolean asksLoad = region.capacity().isPresent();
        region
            .probed()
            .forEach(
                (address, at) ->
                    wanted.add(new Target(region.name(), address, at, check, asksLoad)));
      }
    }
    watches
        .entrySet()
        .removeIf(
            entry -> {
              boolean gone = !wanted.contains(entry.getKey());
              if (gone) {
                entry.getValue().close();
              }
              return gone;
            });
    for (Target target : wanted) {
      watches.computeIfAbsent(target, to -> new Watch(to, known.get(to.address())));
    }
  }

  /** The addresses that were proven down. */
  public synchronized Set<InetAddress> down() {
    Set<InetAddress> down = new HashSet<>();
    watches.forEach(
        (target, watch) -> {
          if (!watch.report.up()) {
            down.add(target.address());
          }
        });
    return down;
  }

  /** What is known of each address that is tried. */
  public synchronized Map<InetAddress, Report> reports() {
    Map<InetAddress, Report> reports = new HashMap<>();
    watches.forEach((target, watch) -> reports.put(target.address(), watch.report));
    return reports;
  }

  /** Ends all tries. */
  @Override
  public synchronized void close() {
    watches.values().forEach(Watch::close);
    watches.clear();
  }

  /** Tries one target until it is closed. */
  private final class Watch {
    private final Target target;
    private final Verdict verdict;
    private final Thread thread;
    private volatile Report report;

    Watch(Target target, @Nullable Report before) {
      this.target = target;
      boolean up = before == null || before.up();
      this.verdict = new Verdict(target.check(), up);
      this.report =
          new Report(
              up,
              before == null ? Instant.now() : before.since(),
              target.at(),
              0,
              Optional.empty(),
              OptionalDouble.empty(),
              Optional.empty(),
              verdict.needed(Instant.now()));
      this.thread =
          Thread.ofVirtual().name("probe-" + target.address().getHostAddress()).start(this::run);
    }

    void close() {
      thread.interrupt();
    }

    private void run() {
      long interval = target.check().interval().toMillis();
      try {
        while (true) {
          tryOnce();
          // A little apart from the others, who began at the same time.
          Thread.sleep(interval - ThreadLocalRandom.current().nextLong(interval / 10 + 1));
        }
      } catch (InterruptedException e) {
        // Closed.
      }
    }

    private void tryOnce() {
      Probe.Result result = null;
      String problem = null;
      try {
        result = Probe.run(target.check(), target.at(), target.asksLoad());
      } catch (Probe.NoNetwork e) {
        // No verdict: or a name server without IPv6 would call all of IPv6 down.
        report = report.withProblem(String.valueOf(e.getMessage()));
        return;
      } catch (IOException | RuntimeException e) {
        problem = String.valueOf(e.getMessage());
      }
      if (Thread.currentThread().isInterrupted()) {
        return; // what a closed socket says is no verdict
      }
      note(result, problem);
    }

    private void note(Probe.@Nullable Result result, @Nullable String problem) {
      Instant now = Instant.now();
      Report before = report;
      boolean changed = verdict.note(problem == null, now);
      report =
          new Report(
              verdict.isUp(),
              changed ? now : before.since(),
              target.at(),
              before.tries() + 1,
              result == null ? before.took() : Optional.of(result.took()),
              result == null ? before.load() : result.load(),
              Optional.ofNullable(problem),
              verdict.needed(now) - verdict.contrary());
      if (changed) {
        if (verdict.isUp()) {
          LOG.info(
              "{} of region '{}' is up again.", target.address().getHostAddress(), target.region());
        } else {
          LOG.warn(
              "{} of region '{}' is down: {}.",
              target.address().getHostAddress(),
              target.region(),
              problem);
        }
        onChange.run();
      }
    }
  }
}
