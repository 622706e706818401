package dev.meridian.lab;

import dev.meridian.torture.CachePolicy;
import dev.meridian.torture.CacheUse;
import dev.meridian.torture.FinalState;
import dev.meridian.torture.History;
import dev.meridian.torture.Judgement;
import dev.meridian.torture.Operation;
import dev.meridian.torture.TortureReport;
import dev.meridian.torture.Workload;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * Does things to a lab's cluster while clients use it, and then has the history of what they saw
 * checked. What is done, and what the clients try, follows from the seed; when exactly each thing
 * happens does not.
 */
public final class Torture {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** How long is waited for a log to be cut beyond a node that is away. */
  private static final Duration CUT_WAIT = Duration.ofSeconds(60);

  /** Entries that stay in a short log, and some more. */
  private static final long OUT_OF_REACH = 150;

  /**
   * What can be done to the cluster. Never so much that a majority is away for long. Each is done
   * once, in an order that follows from the seed, before any is done again.
   */
  private enum Fault {
    KILL_PRIMARY,
    KILL_REPLICA,
    PAUSE_PRIMARY,
    PAUSE_REPLICA,
    CUT_PRIMARY,
    CUT_REPLICA,
    ISOLATE_PRIMARY,
    ISOLATE_REPLICA,
    CUT_ONE_WAY,
    CUT_PAIR,
    RESTART_PRIMARY,
    RESTART_EACH,
    KILL_ALL,
    FILL_DISK_OF_PRIMARY,
    FILL_DISK_OF_REPLICA,
    SLOW_DISK,
    WRONG_CLOCK,
    CLOCK_JUMPS_ON_PRIMARY,
    CLOCK_JUMPS_ON_REPLICA,
    LEAVE_AND_JOIN,
    LOSE_AND_REPLACE,
    DAMAGE_DATABASE,
    AWAY_TOO_LONG;

    /** Whether it can be done to such a cluster, here. */
    boolean isPossible(Lab lab) {
      Equipment equipment = lab.equipment();
      return switch (this) {
        case ISOLATE_PRIMARY, ISOLATE_REPLICA, CUT_ONE_WAY, CUT_PAIR -> Lab.tellsNodesApart();
        case FILL_DISK_OF_PRIMARY, FILL_DISK_OF_REPLICA -> equipment.disks();
        case SLOW_DISK -> equipment.slowDisks();
        case WRONG_CLOCK, CLOCK_JUMPS_ON_PRIMARY, CLOCK_JUMPS_ON_REPLICA ->
            equipment.clocks() != null;
        case LEAVE_AND_JOIN, LOSE_AND_REPLACE, DAMAGE_DATABASE -> lab.nodes().size() > 2;
        case AWAY_TOO_LONG -> equipment.shortLogs() && lab.nodes().size() > 2;
        default -> true;
      };
    }
  }

  private final Lab lab;
  private final long seed;
  private final List<CachePolicy> policies;
  private final @Nullable Path previous;
  private final Random random;
  private final Consumer<String> log;
  private final List<String> schedule = new ArrayList<>();
  private final long begun = System.nanoTime();

  /**
   * A run to come.
   *
   * @param lab a cluster that runs a site of {@link dev.meridian.torture.TortureSite}
   * @param policies of its collections
   * @param previous where another build is installed: each node that is started runs it or this
   *     one; null: all run this one
   * @param log told what is done, a line each
   */
  public Torture(
      Lab lab,
      long seed,
      List<CachePolicy> policies,
      @Nullable Path previous,
      Consumer<String> log) {
    this.lab = lab;
    this.previous = previous;
    this.seed = seed;
    this.policies = List.copyOf(policies);
    this.random = new Random(seed);
    this.log = log;
  }

  /**
   * Runs clients and faults for so long, heals everything, and checks.
   *
   * @param historyFile where the history is written, to be looked at later; null: nowhere
   * @throws IOException if the cluster does not come back after it was healed, or a node of it does
   *     not answer: that is a failure, too; says what was done until then
   */
  public TortureReport run(Duration time, double operationsPerSecond, @Nullable Path historyFile)
      throws IOException, InterruptedException {
    History history = new History();
    List<URI> webs = lab.nodes().stream().map(Lab.Node::web).toList();
    Workload.Options options =
        Workload.Options.of(
                webs, lab.key(), policies, "r" + Long.toHexString(seed & 0xffffffffL), seed)
            .sized(10, 25, operationsPerSecond, History.MAX_OPERATIONS, time);
    Workload workload = new Workload(options, history);
    Thread clients =
        Thread.ofPlatform()
            .name("clients")
            .start(
                () -> {
                  try {
                    workload.run();
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                });
    CacheMeter meter = new CacheMeter(lab);
    try {
      faultsAndHealing(time);
    } finally {
      workload.stop();
      clients.join(PATIENCE);
      meter.close();
    }
    FinalState end;
    try {
      end = workload.readFinal(PATIENCE);
    } catch (IllegalStateException e) {
      lab.dumpThreads();
      if (historyFile != null) {
        history.write(historyFile);
      }
      throw failed(e);
    }
    if (historyFile != null) {
      history.write(historyFile);
    }
    List<Operation> operations = history.operations();
    CacheUse use = meter.use();
    List<Judgement> judgements = new ArrayList<>(Judgement.of(operations, end, options));
    use.judge(policies).ifPresent(judgements::add);
    return new TortureReport(seed, schedule, operations, use, judgements);
  }

  /** What fails first is told: what follows from it would hide it. */
  private void faultsAndHealing(Duration time) throws IOException, InterruptedException {
    IOException broken = null;
    try {
      faults(System.nanoTime() + time.toNanos());
    } catch (IOException e) {
      broken = e;
      note("failed: " + e.getMessage());
    }
    note("heal everything");
    try {
      lab.healAll();
    } catch (IOException e) {
      if (broken == null) {
        broken = e;
      } else {
        broken.addSuppressed(e);
      }
    }
    if (broken != null) {
      throw failed(broken);
    }
  }

  private IOException failed(Exception why) {
    return new IOException(
        "%s%nseed %d%n%s".formatted(why.getMessage(), seed, String.join("\n", schedule)), why);
  }

  private void note(String what) {
    String line =
        String.format(Locale.ROOT, "%7.1f s  %s", (System.nanoTime() - begun) / 1e9, what);
    schedule.add(line);
    log.accept(line);
  }

  private void faults(long untilNanos) throws IOException, InterruptedException {
    Deque<Fault> next = new ArrayDeque<>();
    rest(3000, untilNanos);
    while (System.nanoTime() - untilNanos < 0) {
      if (next.isEmpty()) {
        List<Fault> all =
            new ArrayList<>(
                Stream.of(Fault.values()).filter(fault -> fault.isPossible(lab)).toList());
        Collections.shuffle(all, random);
        next.addAll(all);
      }
      act(next.remove(), untilNanos);
      rest(1000 + random.nextInt(3000), untilNanos);
    }
  }

  private void act(Fault fault, long untilNanos) throws IOException, InterruptedException {
    int choice = random.nextInt(1_000_000);
    int length = 1000 + random.nextInt(5000);
    Lab.Node primary = lab.primary();
    List<Lab.Node> others = lab.nodes().stream().filter(node -> node != primary).toList();
    Lab.Node replica = others.get(choice % others.size());
    Lab.Node target = fault.name().endsWith("PRIMARY") && primary != null ? primary : replica;
    Lab.Node any = lab.nodes().get(choice % lab.nodes().size());
    String whose = name(target, primary);
    switch (fault) {
      case KILL_PRIMARY, KILL_REPLICA -> {
        note("kill -9 " + whose);
        lab.kill(target);
        rest(length, untilNanos);
        start(target);
      }
      case PAUSE_PRIMARY, PAUSE_REPLICA -> {
        note("pause " + whose + " for " + length + " ms");
        lab.pause(target);
        rest(length, untilNanos);
        lab.resume(target);
      }
      case CUT_PRIMARY, CUT_REPLICA -> {
        note("cut the way to " + whose + " for " + length + " ms");
        lab.cut(target);
        rest(length, untilNanos);
        lab.heal(target);
      }
      case ISOLATE_PRIMARY, ISOLATE_REPLICA -> {
        note("cut all ways to and from " + whose + " for " + length + " ms");
        lab.isolate(target);
        rest(length, untilNanos);
        lab.heal(target);
      }
      case CUT_ONE_WAY, CUT_PAIR -> {
        Lab.Node other = lab.nodes().get(any.number() % lab.nodes().size());
        boolean both = fault == Fault.CUT_PAIR;
        note(
            "cut the way from %s to %s%s for %d ms"
                .formatted(
                    name(any, primary), name(other, primary), both ? " and back" : "", length));
        lab.cut(any, other);
        if (both) {
          lab.cut(other, any);
        }
        rest(length, untilNanos);
        lab.heal(any);
      }
      case RESTART_PRIMARY -> restart(target, primary);
      case RESTART_EACH -> {
        for (Lab.Node node : lab.nodes()) {
          restart(node, primary);
        }
      }
      case KILL_ALL -> {
        note("kill -9 all nodes at once" + chooseBuild());
        for (Lab.Node node : lab.nodes()) {
          lab.kill(node);
        }
        for (Lab.Node node : lab.nodes()) {
          lab.restart(node);
        }
        for (Lab.Node node : lab.nodes()) {
          lab.awaitReady(node);
        }
      }
      case FILL_DISK_OF_PRIMARY, FILL_DISK_OF_REPLICA ->
          fillDisk(target, whose, choice / 7 % 2 == 0, 3000 + length, untilNanos);
      case SLOW_DISK -> {
        int writes = 10 + choice / 7 % 50;
        note(
            "let %s write to its disk %d times a second for %d ms"
                .formatted(name(any, primary), writes, length));
        lab.slowDisk(any, writes);
        rest(length, untilNanos);
        lab.quickDisk(any);
      }
      case WRONG_CLOCK -> {
        // Two nodes may be wrong in opposite directions: less than a newest write may be ahead.
        skew(any, Duration.ofMillis(choice / 7 % 80_000 - 40_000));
      }
      case CLOCK_JUMPS_ON_PRIMARY, CLOCK_JUMPS_ON_REPLICA -> {
        Duration by = Duration.ofSeconds(120 + choice / 7 % 480);
        skew(target, choice / 3 % 2 == 0 ? by : by.negated());
        rest(3000 + length, untilNanos);
        skew(target, Duration.ZERO);
      }
      case LEAVE_AND_JOIN -> {
        note("let " + name(any, primary) + " leave, and join again with nothing" + chooseBuild());
        lab.leaveAndJoin(any);
      }
      case LOSE_AND_REPLACE -> {
        note(
            "lose "
                + name(any, primary)
                + " for good, and have another join in its place"
                + chooseBuild());
        lab.replace(any);
      }
      case DAMAGE_DATABASE -> {
        note("kill -9 " + name(any, primary));
        lab.kill(any);
        note(lab.damage(any, choice));
        start(any);
      }
      case AWAY_TOO_LONG -> awayTooLong(replica);
    }
  }

  /** Decides what the nodes that are started next run, and says it. */
  private String chooseBuild() {
    if (previous == null) {
      return "";
    }
    boolean other = random.nextBoolean();
    lab.build(other ? previous : null);
    return other ? " with the previous build" : " with this build";
  }

  private void start(Lab.Node node) throws IOException, InterruptedException {
    note("start " + node + chooseBuild());
    lab.restart(node);
    lab.awaitReady(node);
  }

  private void restart(Lab.Node node, Lab.@Nullable Node primary)
      throws IOException, InterruptedException {
    note("stop and start " + name(node, primary) + chooseBuild());
    lab.stop(node);
    lab.restart(node);
    lab.awaitReady(node);
  }

  private void skew(Lab.Node node, Duration by) throws IOException {
    note(
        by.isZero()
            ? "set the clock of " + node + " right"
            : String.format(
                Locale.ROOT, "set the clock of %s off by %+.3f s", node, by.toMillis() / 1000.0));
    lab.skewClock(node, by);
  }

  private void fillDisk(Lab.Node node, String whose, boolean whole, int length, long untilNanos)
      throws IOException, InterruptedException {
    note(
        "fill the disk of %s %s for %d ms"
            .formatted(whose, whole ? "to the last block" : "to below its reserve", length));
    lab.fillDisk(node, whole);
    rest(length, untilNanos);
    lab.emptyDisk(node);
    if (whole) {
      // A node that could not write its log has stopped, and says that it must be started anew.
      note("make room and kill -9 " + node);
      lab.kill(node);
      start(node);
    }
  }

  /** Keeps a node away until the others' log no longer reaches back to what it has. */
  private void awayTooLong(Lab.Node node) throws IOException, InterruptedException {
    long has = index(node, "appliedIndex");
    note("kill -9 " + node + " until the log no longer reaches back to what it has");
    lab.kill(node);
    long until = System.nanoTime() + CUT_WAIT.toNanos();
    while (System.nanoTime() - until < 0) {
      Lab.Node primary = lab.primary();
      if (primary != null && index(primary, "snapshotIndex") > has + OUT_OF_REACH) {
        break;
      }
      Thread.sleep(200);
    }
    start(node);
  }

  private long index(Lab.Node node, String name) throws InterruptedException {
    JsonNode status = lab.status(node);
    return status == null ? -1 : status.path("shards").path(0).path(name).asLong(-1);
  }

  private static String name(Lab.Node node, Lab.@Nullable Node primary) {
    return node + (node == primary ? " (primary)" : "");
  }

  private static void rest(long millis, long untilNanos) throws InterruptedException {
    long left = TimeUnit.NANOSECONDS.toMillis(untilNanos - System.nanoTime());
    if (left > 0) {
      Thread.sleep(Math.min(millis, left));
    }
  }
}
