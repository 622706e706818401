package dev.meridian.torture;

import dev.meridian.torture.Operation.Level;
import dev.meridian.torture.Operation.Outcome;
import dev.meridian.torture.Operation.Part;
import dev.meridian.torture.Verdict.Violation;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Checks that strong reads and writes are linearizable: that each seems to happen at one instant
 * between its invocation and its response (Herlihy and Wing, "Linearizability: A Correctness
 * Condition for Concurrent Objects", 1990).
 *
 * <p>Writes whose clients were told nothing may happen at any time after their invocation, or
 * never; refused ones never do. Documents start absent. Their ETags must grow with each write.
 *
 * <p>The algorithm is that of Wing and Gong ("Testing and Verifying Concurrent Objects", 1993) with
 * Lowe's memoisation ("Testing for Linearizability", 2017), as built in Porcupine. A history is
 * linearizable if that of every object is (locality; P-compositionality in Horn and Kroening,
 * "Faster Linearizability Checking via P-compositionality", 2015); an object is a document, or
 * those that batches tie together, so that half a batch is seen, too.
 *
 * <p>Immutable; any thread may use it. Time and memory are bounded: past the bounds the verdict is
 * {@link Verdict.Undecided}.
 */
public final class LinearizabilityChecker {
  /** The rule that it names. */
  public static final String RULE = "linearizable";

  /** Time for a whole history, unless told otherwise. */
  public static final Duration DEFAULT_TIME = Duration.ofMinutes(2);

  /** Configurations met in a whole history, unless told otherwise; each takes some 150 bytes. */
  public static final long DEFAULT_CONFIGURATIONS = 20_000_000;

  private static final Duration SHRINKING = Duration.ofSeconds(15);
  private static final int MOST_SHRUNK = 5;

  private final Duration time;
  private final long configurations;

  /** A checker with the default bounds. */
  public LinearizabilityChecker() {
    this(DEFAULT_TIME, DEFAULT_CONFIGURATIONS);
  }

  /**
   * A checker with other bounds.
   *
   * @param time for the search; making a conviction readable takes at most 15 s more for each of
   *     the first few documents
   * @param configurations most that are looked at
   */
  public LinearizabilityChecker(Duration time, long configurations) {
    this.time = time;
    this.configurations = configurations;
  }

  /** Checks a history. */
  public Verdict check(List<Operation> history) {
    Evidence evidence = new Evidence(history);
    LinearSearch.Budget budget =
        new LinearSearch.Budget(System.nanoTime() + time.toNanos(), configurations);
    List<Violation> violations = new ArrayList<>();
    List<String> undecided = new ArrayList<>();
    long checked = 0;
    for (List<Operation> operations : components(history)) {
      checked += operations.size();
      Component component = new Component(operations, evidence, Long.MAX_VALUE);
      switch (new LinearSearch(component, budget).run()) {
        case FOUND -> {}
        case LIMIT -> undecided.addAll(component.documents);
        case IMPOSSIBLE -> {
          if (violations.size() < Verdict.MAX_VIOLATIONS) {
            boolean shrink = violations.size() < MOST_SHRUNK;
            violations.add(violation(operations, component, evidence, shrink));
          }
        }
      }
    }
    if (!violations.isEmpty()) {
      return new Verdict.Convicted(violations);
    }
    return undecided.isEmpty()
        ? new Verdict.Accepted(checked)
        : new Verdict.Undecided(
            "the limit of "
                + time.toSeconds()
                + " s or "
                + configurations
                + " configurations was reached; not decided: "
                + String.join(", ", undecided));
  }

  private static Violation violation(
      List<Operation> operations, Component component, Evidence evidence, boolean shrink) {
    List<Operation> least =
        shrink
            ? new Shrinker(evidence, System.nanoTime() + SHRINKING.toNanos()).shrink(operations)
            : List.of();
    return new Violation(
        RULE,
        "No order of these operations on "
            + String.join(", ", component.documents)
            + " explains their answers"
            + (shrink
                ? "; " + least.size() + " of " + operations.size() + " are enough to see it."
                : " (" + operations.size() + " of them)."),
        least);
  }

  /** Strong reads and writes, in groups that no batch joins. */
  private static Iterable<List<Operation>> components(List<Operation> history) {
    Map<String, String> parents = new HashMap<>();
    for (Operation operation : history) {
      String first = root(parents, operation.part().document());
      for (Part part : operation.parts()) {
        parents.put(root(parents, part.document()), first);
      }
    }
    Map<String, List<Operation>> groups = new LinkedHashMap<>();
    for (Operation operation : history) {
      if (operation.isRead()
          ? operation.level() == Level.STRONG && operation.outcome() == Outcome.OK
          : operation.outcome() != Outcome.REFUSED) {
        groups
            .computeIfAbsent(root(parents, operation.part().document()), _ -> new ArrayList<>())
            .add(operation);
      }
    }
    return groups.values();
  }

  private static String root(Map<String, String> parents, String document) {
    String at = document;
    for (String up = parents.get(at); up != null && !up.equals(at); up = parents.get(at)) {
      String above = parents.getOrDefault(up, up);
      parents.put(at, above); // shortens the way for the next
      at = above;
    }
    return at;
  }
}
