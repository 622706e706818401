package dev.meridian.torture;

import dev.meridian.torture.Operation.Kind;
import dev.meridian.torture.Operation.Outcome;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Acknowledged writes of one document by version, and when deletes may have come. */
final class Timeline {
  final TreeMap<String, Operation> writes = new TreeMap<>();
  long firstLooseDelete = Long.MAX_VALUE;

  /** When increments that may have happened were sent, in order. */
  final long[] increments;

  Timeline(Evidence.OfDocument document) {
    for (Operation write : document.writes) {
      String etag = Evidence.part(write, document.path).etag();
      if (write.outcome() == Outcome.OK && etag != null) {
        writes.put(etag, write);
      } else if (Evidence.deletes(write)) {
        firstLooseDelete = Math.min(firstLooseDelete, write.invoked());
      }
    }
    increments =
        document.writes.stream()
            .filter(write -> write.kind() == Kind.INCREMENT)
            .mapToLong(Operation::invoked)
            .sorted()
            .toArray();
  }

  /** The version of the first delete above {@code etag} that {@code read} may have seen. */
  @Nullable String deletedAbove(String etag, Operation read) {
    for (Map.Entry<String, Operation> entry : writes.tailMap(etag, false).entrySet()) {
      if (Evidence.deletes(entry.getValue()) && entry.getValue().invoked() <= read.responded()) {
        return entry.getKey();
      }
    }
    return null;
  }

  /** Whether there is no document at that version. */
  boolean isDelete(String etag) {
    Operation at = writes.get(etag);
    return at != null && Evidence.deletes(at);
  }

  /**
   * Whether a read saw less than the version {@code floor}.
   *
   * @param etag what it saw; null for no document
   */
  boolean isOlder(Operation read, @Nullable String etag, String floor) {
    if (etag != null) {
      return etag.compareTo(floor) < 0;
    }
    return !isDelete(floor)
        && firstLooseDelete > read.responded()
        && deletedAbove(floor, read) == null;
  }

  /** How many of some moments, in order, are not after {@code time}. */
  static int countUntil(long[] moments, long time) {
    int low = 0;
    int high = moments.length;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (moments[middle] <= time) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}
