package dev.meridian.lab;

import dev.meridian.torture.FinalChecker;
import dev.meridian.torture.FinalState;
import dev.meridian.torture.History;
import dev.meridian.torture.LinearizabilityChecker;
import dev.meridian.torture.Operation;
import dev.meridian.torture.SessionChecker;
import dev.meridian.torture.TortureReport;
import dev.meridian.torture.Verdict;
import dev.meridian.torture.Workload;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Does things to a lab's cluster while clients use it, and then has the history of what they saw
 * checked. What is done, and what the clients try, follows from the seed; when exactly each thing
 * happens does not.
 */
public final class Torture {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** What can be done to the cluster. Never so much that a majority is away for long. */
  private enum Fault {
    KILL_PRIMARY,
    KILL_REPLICA,
    PAUSE_PRIMARY,
    PAUSE_REPLICA,
    CUT_PRIMARY,
    CUT_REPLICA,
    RESTART_PRIMARY,
    KILL_ALL
  }

  private final Lab lab;
  private final long seed;
  private final Random random;
  private final Consumer<String> log;
  private final List<String> schedule = new ArrayList<>();
  private final long begun = System.nanoTime();

  /**
   * A run to come.
   *
   * @param lab a cluster that runs
   * @param log told what is done, a line each
   */
  public Torture(Lab lab, long seed, Consumer<String> log) {
    this.lab = lab;
    this.seed = seed;
    this.random = new Random(seed);
    this.log = log;
  }

  /**
   * Runs clients and faults for so long, heals everything, and checks.
   *
   * @param historyFile where the history is written, to be looked at later; null: nowhere
   * @throws IOException if the cluster does not come back after it was healed: that is a failure,
   *     too
   */
  public TortureReport run(
      Duration time, double operationsPerSecond, java.nio.file.@Nullable Path historyFile)
      throws IOException, InterruptedException {
    History history = new History();
    List<URI> webs = lab.nodes().stream().map(Lab.Node::web).toList();
    Workload.Options options =
        Workload.Options.of(webs, lab.key(), "r" + Long.toHexString(seed & 0xffffffffL), seed)
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
    try {
      faults(System.nanoTime() + time.toNanos());
    } finally {
      note("heal everything");
      lab.healAll();
      workload.stop();
      clients.join(PATIENCE);
    }
    FinalState end = workload.readFinal(PATIENCE);
    if (historyFile != null) {
      history.write(historyFile);
    }
    List<Operation> operations = history.operations();
    LinkedHashMap<String, Verdict> verdicts = new LinkedHashMap<>();
    verdicts.put(
        "linearizability of strong operations", new LinearizabilityChecker().check(operations));
    verdicts.put("session guarantees", SessionChecker.check(operations));
    verdicts.put("nothing acknowledged is lost", FinalChecker.check(operations, end));
    return new TortureReport(seed, schedule, operations, verdicts);
  }

  private void note(String what) {
    String line =
        String.format(Locale.ROOT, "%7.1f s  %s", (System.nanoTime() - begun) / 1e9, what);
    schedule.add(line);
    log.accept(line);
  }

  private void faults(long untilNanos) throws IOException, InterruptedException {
    rest(3000, untilNanos);
    while (System.nanoTime() - untilNanos < 0) {
      Fault fault = Fault.values()[random.nextInt(Fault.values().length)];
      int choice = random.nextInt(1_000_000);
      int length = 1000 + random.nextInt(5000);
      Lab.Node primary = lab.primary();
      List<Lab.Node> others = lab.nodes().stream().filter(node -> node != primary).toList();
      Lab.Node replica = others.get(choice % others.size());
      Lab.Node target = fault.name().endsWith("PRIMARY") && primary != null ? primary : replica;
      switch (fault) {
        case KILL_PRIMARY, KILL_REPLICA -> {
          note("kill -9 " + name(target, primary));
          lab.kill(target);
          rest(length, untilNanos);
          note("start " + target);
          lab.restart(target);
          lab.awaitReady(target);
        }
        case PAUSE_PRIMARY, PAUSE_REPLICA -> {
          note("pause " + name(target, primary) + " for " + length + " ms");
          lab.pause(target);
          rest(length, untilNanos);
          lab.resume(target);
        }
        case CUT_PRIMARY, CUT_REPLICA -> {
          note("cut the way to " + name(target, primary) + " for " + length + " ms");
          lab.cut(target);
          rest(length, untilNanos);
          lab.heal(target);
        }
        case RESTART_PRIMARY -> {
          note("stop and start " + name(target, primary));
          lab.stop(target);
          lab.restart(target);
          lab.awaitReady(target);
        }
        case KILL_ALL -> {
          note("kill -9 all nodes at once");
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
      }
      rest(1000 + random.nextInt(3000), untilNanos);
    }
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
