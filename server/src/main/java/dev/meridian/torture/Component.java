package dev.meridian.torture;

import dev.meridian.torture.Operation.Kind;
import dev.meridian.torture.Operation.Outcome;
import dev.meridian.torture.Operation.Part;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The part of a history that is checked on its own: documents that batches tie together, prepared
 * for {@link LinearSearch}. Values and versions become small numbers. Immutable once made.
 *
 * <p>What is known about writes whose clients were told nothing makes the search small:
 *
 * <ul>
 *   <li>One that put a value which nobody ever saw is left out. Taking it, alone, out of an order
 *       that explains all answers leaves an order that does. (Conditional puts require versions
 *       that some client was told; clients know no others.)
 *   <li>One whose value was seen has happened, and before that read ended.
 *   <li>Deletes with an unknown end all do the same, and so do increments. So only how many of them
 *       have happened matters, and the one that was sent first may always be taken first.
 * </ul>
 */
final class Component {
  static final int ABSENT = 0;
  static final int NO_VALUE = 1;

  /** An operation that has happened between these times, or increments that were added up. */
  private record Certain(Operation operation, int times, long invoked, long ends) {
    static Certain of(Operation operation, long ends) {
      return new Certain(operation, 1, operation.invoked(), ends);
    }

    /** Both as one, which happened while both waited; itself, and the other, if none did. */
    List<Certain> with(Certain other) {
      long from = Math.max(invoked, other.invoked);
      long to = Math.min(ends, other.ends);
      return from <= to
          ? List.of(new Certain(operation, times + other.times, from, to))
          : List.of(this, other);
    }
  }

  /** An operation that has happened; {@code index} counts them by their invocations. */
  static final class Step {
    final Operation operation;

    /** How many increments it is, which were done as one; 1 for all else. */
    final int times;

    final long invoked;
    final long ends;
    final int[] documents;
    final int[] values;
    final int[] counts;

    /** Ranks of the versions read or written among those of their documents, from 1; 0: unknown. */
    final int[] ranks;

    int expected;
    int index;

    Step(Certain certain, int size) {
      this.operation = certain.operation;
      this.times = certain.times;
      this.invoked = certain.invoked;
      this.ends = Math.max(certain.ends, certain.invoked);
      this.documents = new int[size];
      this.values = new int[size];
      this.counts = new int[size];
      this.ranks = new int[size];
    }

    Kind kind() {
      return operation.kind();
    }
  }

  final List<String> documents = new ArrayList<>();
  final List<Step> steps = new ArrayList<>();

  /** For each document, whether flushes give it versions that no step made. */
  final boolean[] flushes;

  /** For each document, the steps that wrote it at a known version, in the order of versions. */
  final List<List<Step>> ordered = new ArrayList<>();

  /** For each document, when deletes with an unknown end were sent, in order. */
  final List<long[]> deletes = new ArrayList<>();

  /** The same of increments. */
  final List<long[]> increments = new ArrayList<>();

  /**
   * Prepares operations.
   *
   * @param operations strong reads that were answered, and writes that were not refused
   * @param evidence of the whole history
   * @param until what ends later has not ended yet; what begins later is left out
   */
  Component(List<Operation> operations, Evidence evidence, long until) {
    Map<String, Integer> numbers = new HashMap<>();
    List<List<Long>> loose = new ArrayList<>();
    List<Certain> certain = new ArrayList<>();
    Map<String, Integer> sums = new HashMap<>();
    for (Operation operation : operations) {
      for (Part part : operation.parts()) {
        if (numbers.putIfAbsent(part.document(), documents.size()) == null) {
          documents.add(part.document());
          loose.add(new ArrayList<>());
          loose.add(new ArrayList<>());
        }
      }
      if (operation.invoked() > until) {
        continue;
      }
      if (operation.outcome() == Outcome.OK && operation.responded() <= until) {
        add(Certain.of(operation, operation.responded()), certain, sums);
      } else if (operation.kind().putsValue()) {
        long seen = seen(operation, evidence);
        if (seen != Long.MAX_VALUE && seen <= until) {
          certain.add(Certain.of(operation, seen));
        }
      } else if (!operation.isRead()) {
        int document = numbers.getOrDefault(operation.part().document(), 0);
        int which = operation.kind() == Kind.DELETE ? 0 : 1;
        loose.get(2 * document + which).add(operation.invoked());
      }
    }
    for (int d = 0; d < documents.size(); d++) {
      deletes.add(loose.get(2 * d).stream().mapToLong(Long::longValue).sorted().toArray());
      increments.add(loose.get(2 * d + 1).stream().mapToLong(Long::longValue).sorted().toArray());
    }
    flushes = new boolean[documents.size()];
    for (int d = 0; d < flushes.length; d++) {
      flushes[d] = CachePolicy.of(documents.get(d)).flushes();
    }
    number(certain, evidence, numbers);
  }

  /**
   * Takes increments of one version, which were added up where they waited, for one step. If two of
   * them did not wait at the same time they stay two, for which there is no order.
   */
  private static void add(Certain step, List<Certain> certain, Map<String, Integer> sums) {
    Operation operation = step.operation;
    Part part = operation.part();
    if (operation.kind() == Kind.INCREMENT
        && part.etag() != null
        && CachePolicy.of(part.document()).flushes()) {
      Integer before = sums.putIfAbsent(part.document() + '@' + part.etag(), certain.size());
      if (before != null) {
        List<Certain> both = certain.get(before).with(step);
        certain.set(before, both.getFirst());
        certain.addAll(both.subList(1, both.size()));
        return;
      }
    }
    certain.add(step);
  }

  private static long seen(Operation write, Evidence evidence) {
    long seen = Long.MAX_VALUE;
    for (Part part : write.parts()) {
      if (part.value() != null) {
        seen = Math.min(seen, evidence.of(part.document()).firstSeen(part.value()));
      }
    }
    // Never seen is no time, even where there is no limit.
    return seen == Long.MAX_VALUE ? seen : Math.max(seen, write.invoked());
  }

  private void number(List<Certain> certain, Evidence evidence, Map<String, Integer> numbers) {
    List<TreeSet<String>> etags = new ArrayList<>();
    for (int d = 0; d < documents.size(); d++) {
      etags.add(new TreeSet<>());
    }
    for (Certain each : certain) {
      Operation operation = each.operation;
      for (Part part : operation.parts()) {
        TreeSet<String> known = etags.get(numbers.getOrDefault(part.document(), 0));
        String etag = version(operation, part, evidence);
        if (etag != null) {
          known.add(etag);
        }
        if (operation.expected() != null) {
          known.add(operation.expected());
        }
      }
    }
    List<Map<String, Integer>> ranks = new ArrayList<>();
    for (TreeSet<String> known : etags) {
      Map<String, Integer> rank = new HashMap<>();
      for (String etag : known) {
        rank.put(etag, rank.size() + 1);
      }
      ranks.add(rank);
    }
    Map<String, Integer> values = new HashMap<>();
    for (Certain each : certain) {
      Operation operation = each.operation;
      List<Part> parts = operation.parts();
      Step step = new Step(each, parts.size());
      for (int p = 0; p < parts.size(); p++) {
        Part part = parts.get(p);
        int document = numbers.getOrDefault(part.document(), 0);
        String etag = version(operation, part, evidence);
        step.documents[p] = document;
        step.counts[p] = Math.toIntExact(part.count());
        step.ranks[p] = etag == null ? 0 : ranks.get(document).getOrDefault(etag, 0);
        step.values[p] = value(operation, part, values);
        if (operation.expected() != null) {
          step.expected = ranks.get(document).getOrDefault(operation.expected(), 0);
        }
      }
      steps.add(step);
    }
    steps.sort(Comparator.comparingLong(step -> step.invoked));
    for (int i = 0; i < steps.size(); i++) {
      steps.get(i).index = i;
    }
    for (int d = 0; d < documents.size(); d++) {
      int document = d;
      ordered.add(
          steps.stream()
              .filter(step -> !step.operation.isRead() && rank(step, document) > 0)
              .sorted(Comparator.comparingInt(step -> rank(step, document)))
              .toList());
    }
  }

  private static int value(Operation operation, Part part, Map<String, Integer> values) {
    if (part.value() != null) {
      return values.computeIfAbsent(part.value(), _ -> values.size() + 2);
    }
    return operation.isRead() && part.etag() == null ? ABSENT : NO_VALUE;
  }

  private static @Nullable String version(Operation operation, Part part, Evidence evidence) {
    if (part.etag() != null || operation.isRead() || part.value() == null) {
      return part.etag();
    }
    return evidence.of(part.document()).version(part.value());
  }

  /** The rank of the version at which the step wrote the document; 0: unknown or not at all. */
  static int rank(Step step, int document) {
    for (int p = 0; p < step.documents.length; p++) {
      if (step.documents[p] == document) {
        return step.ranks[p];
      }
    }
    return 0;
  }
}
