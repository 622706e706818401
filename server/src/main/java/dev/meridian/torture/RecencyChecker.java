package dev.meridian.torture;

import dev.meridian.torture.Operation.Outcome;
import dev.meridian.torture.Operation.Part;
import dev.meridian.torture.Verdict.Violation;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Checks what {@code cache: write-through} promises: once a write is acknowledged, every read that
 * begins later, at any level and on any node, with a token or without, sees it or what is newer,
 * unless the answer says that it may be old ({@code recent}).
 *
 * <p>Pages count as the documents that they show. Time is linear, but for the sorting. Any thread
 * may use it.
 */
public final class RecencyChecker {
  /** The rule that it names. */
  public static final String RULE = "recent";

  /** Writes of one document that were acknowledged, by when, and the newest until then. */
  private static final class Acknowledged {
    final Timeline timeline;
    final long[] moments;
    final List<String> newest = new ArrayList<>();

    Acknowledged(Evidence.OfDocument document) {
      this.timeline = new Timeline(document);
      List<Operation> writes =
          document.writes.stream()
              .filter(write -> write.outcome() == Outcome.OK)
              .filter(write -> Evidence.part(write, document.path).etag() != null)
              .sorted(Comparator.comparingLong(Operation::responded))
              .toList();
      moments = writes.stream().mapToLong(Operation::responded).toArray();
      String newestYet = "";
      for (Operation write : writes) {
        String etag = String.valueOf(Evidence.part(write, document.path).etag());
        newestYet = etag.compareTo(newestYet) > 0 ? etag : newestYet;
        newest.add(newestYet);
      }
    }

    /** The newest version that was acknowledged before that moment. */
    @Nullable String before(long moment) {
      int at = Arrays.binarySearch(moments, moment);
      int count = at < 0 ? -at - 1 : at;
      while (count > 0 && moments[count - 1] >= moment) {
        count--;
      }
      return count == 0 ? null : newest.get(count - 1);
    }
  }

  private RecencyChecker() {}

  /**
   * Checks a history of documents that promise it. Undecided if no read had anything to show, or
   * all answers said that they may be old.
   */
  public static Verdict check(List<Operation> history) {
    Evidence evidence = new Evidence(history);
    Map<String, Acknowledged> documents = new HashMap<>();
    for (Evidence.OfDocument document : evidence.documents()) {
      documents.put(document.path, new Acknowledged(document));
    }
    List<Violation> violations = new ArrayList<>();
    long checked = 0;
    Pages pages = new Pages(history, evidence);
    for (Operation read : pages.history) {
      Part part = read.part();
      Acknowledged acknowledged = documents.get(part.document());
      if (!read.hasRead() || read.stale() || acknowledged == null) {
        continue;
      }
      String floor = acknowledged.before(read.invoked());
      checked += floor == null ? 0 : 1;
      if (floor != null
          && acknowledged.timeline.isOlder(read, part.etag(), floor)
          && violations.size() < Verdict.MAX_VIOLATIONS) {
        Operation write = acknowledged.timeline.writes.get(floor);
        violations.add(
            new Violation(
                RULE,
                "A read does not see what was acknowledged before it began, and does not say so.",
                write == null ? List.of(read) : List.of(write, read)));
      }
    }
    for (Operation page : pages.counted) {
      Operation missing = page.stale() ? null : pages.missingBefore(page);
      checked += page.stale() ? 0 : 1;
      if (missing != null && violations.size() < Verdict.MAX_VIOLATIONS) {
        violations.add(
            new Violation(
                RULE,
                "A page misses increments that were acknowledged before it was asked for.",
                List.of(missing, page)));
      }
    }
    if (!violations.isEmpty()) {
      return new Verdict.Convicted(violations);
    }
    return checked > 0
        ? new Verdict.Accepted(checked)
        : new Verdict.Undecided(
            "no read that promises it began after an acknowledged write: this run is no proof");
  }
}
