package dev.meridian.torture;

import dev.meridian.torture.Operation.Kind;
import dev.meridian.torture.Operation.Outcome;
import dev.meridian.torture.Operation.Part;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;

/**
 * Makes a history that is not linearizable as small as it can within its time, so that a person
 * sees what is wrong. What is left out would leave a linearizable history linearizable, so what is
 * left is a proof.
 */
final class Shrinker {
  // First the end: the shortest time after which there is no order any more (a binary search: a
  // history's beginnings are linearizable if it is). Then, by halving pieces as in delta debugging
  // (Zeller and Hildebrandt, 2002):
  //
  //  * reads, which change nothing;
  //  * a put, with all that saw its value or required its version: in an order that explains all,
  //    what comes before it then lasts until what comes after;
  //  * all of one document, since what is left must have an order without it;
  //  * deletes, when nothing is left that needs a document to be absent or its count begun anew;
  //  * increments that no count which is left includes.

  private static final long MOST_CONFIGURATIONS = 2_000_000;

  private final Evidence evidence;
  private final long deadlineNanos;
  private long until = Long.MAX_VALUE;

  Shrinker(Evidence evidence, long deadlineNanos) {
    this.evidence = evidence;
    this.deadlineNanos = deadlineNanos;
  }

  /** The operations that are left, in the order of their invocations. */
  List<Operation> shrink(List<Operation> operations) {
    List<Operation> left = cutEnd(operations);
    for (int size = Integer.MAX_VALUE; left.size() < size; ) {
      size = left.size();
      left = drop(left, Operation::isRead);
      left = drop(left, operation -> operation.kind().putsValue());
      left = dropDocuments(left);
      left = dropDeletes(left);
      left = dropIncrements(left);
    }
    return left.stream().sorted(Comparator.comparingLong(Operation::invoked)).toList();
  }

  private List<Operation> dropDocuments(List<Operation> operations) {
    List<Operation> left = operations;
    Set<String> documents = new LinkedHashSet<>();
    operations.forEach(o -> o.parts().forEach(part -> documents.add(part.document())));
    for (String document : documents) {
      List<Operation> fewer =
          left.stream()
              .filter(o -> o.kind() == Kind.BATCH || !o.part().document().equals(document))
              .toList();
      if (fewer.size() < left.size() && fails(fewer)) {
        left = fewer;
      }
    }
    return left;
  }

  private List<Operation> dropDeletes(List<Operation> operations) {
    for (Operation o : operations) {
      if (o.kind() == Kind.CREATE || (o.isRead() && o.part().value() == null)) {
        return operations;
      }
    }
    return drop(operations, o -> o.kind() == Kind.DELETE);
  }

  private List<Operation> dropIncrements(List<Operation> operations) {
    return drop(
        operations,
        increment -> {
          if (increment.kind() != Kind.INCREMENT) {
            return false;
          }
          Part made = increment.part();
          for (Operation o : operations) {
            Part part = o.part();
            if (!part.document().equals(made.document())) {
              continue;
            }
            if (o.expected() != null && (made.etag() == null || o.expected().equals(made.etag()))) {
              return false;
            }
            if (o.isRead() && part.count() > 0 && !isBefore(made, part)) {
              return false;
            }
          }
          return true;
        });
  }

  /** Whether an increment surely came before the value that a read saw was put. */
  private boolean isBefore(Part increment, Part read) {
    String put = read.value() == null ? null : evidence.of(read.document()).version(read.value());
    return put != null && increment.etag() != null && increment.etag().compareTo(put) < 0;
  }

  private List<Operation> cutEnd(List<Operation> operations) {
    long[] ends =
        operations.stream()
            .filter(operation -> operation.outcome() == Outcome.OK)
            .mapToLong(Operation::responded)
            .sorted()
            .toArray();
    int low = 0;
    int high = ends.length - 1;
    while (low < high) {
      int middle = (low + high) >>> 1;
      until = ends[middle];
      if (fails(operations)) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    until = high < 0 ? Long.MAX_VALUE : ends[high];
    if (!fails(operations)) {
      until = Long.MAX_VALUE; // out of time, or the proof needs what was seen later
      return operations;
    }
    return operations.stream()
        .filter(o -> o.invoked() <= until && (!o.isRead() || o.responded() <= until))
        .toList();
  }

  /** Tries to drop the operations that may be, in ever smaller pieces. */
  private List<Operation> drop(List<Operation> operations, Predicate<Operation> which) {
    List<Operation> left = operations;
    int piece = Math.max(1, (int) left.stream().filter(which).count() / 2);
    while (true) {
      boolean dropped = false;
      List<Operation> candidates = left.stream().filter(which).toList();
      for (int at = 0; at < candidates.size(); at += piece) {
        if (System.nanoTime() >= deadlineNanos) {
          return left;
        }
        Set<Operation> gone =
            closure(left, candidates.subList(at, Math.min(at + piece, candidates.size())));
        List<Operation> fewer = left.stream().filter(o -> !gone.contains(o)).toList();
        if (fewer.size() < left.size() && fails(fewer)) {
          left = fewer;
          dropped = true;
        }
      }
      if (piece == 1 && !dropped) {
        return left;
      }
      piece = Math.max(1, piece / 2);
    }
  }

  /** These, and all that saw what they put or required its version, and so on. */
  private Set<Operation> closure(List<Operation> all, List<Operation> chosen) {
    Set<Operation> gone = new LinkedHashSet<>(chosen);
    boolean grew = true;
    while (grew) {
      Set<String> values = new HashSet<>();
      for (Operation operation : gone) {
        if (operation.kind().putsValue()) {
          operation.parts().forEach(part -> values.add(String.valueOf(part.value())));
        }
      }
      grew = false;
      for (Operation operation : all) {
        grew |= !gone.contains(operation) && depends(operation, values) && gone.add(operation);
      }
    }
    return gone;
  }

  private boolean depends(Operation operation, Set<String> values) {
    Part part = operation.part();
    if (operation.isRead()) {
      return part.value() != null && values.contains(part.value());
    }
    String expected = operation.expected();
    if (expected == null) {
      return false;
    }
    Evidence.Content content = evidence.of(part.document()).content(expected);
    return content != null && content.value() != null && values.contains(content.value());
  }

  private boolean fails(List<Operation> operations) {
    LinearSearch.Budget budget = new LinearSearch.Budget(deadlineNanos, MOST_CONFIGURATIONS);
    Component component = new Component(operations, evidence, until);
    return new LinearSearch(component, budget).run() == LinearSearch.Result.IMPOSSIBLE;
  }
}
