package dev.meridian.torture;

import dev.meridian.document.Version;
import dev.meridian.torture.Operation.Level;
import dev.meridian.torture.Operation.Outcome;
import dev.meridian.torture.Operation.Part;
import dev.meridian.torture.Verdict.Violation;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Checks what sessions are promised (Terry et al., "Session Guarantees for Weakly Consistent
 * Replicated Data", 1994), and what every reader is. The evidence is the order of versions.
 *
 * <ul>
 *   <li>{@code read-your-writes}, {@code monotonic-reads}: a session read sees the client's own
 *       acknowledged writes, and nothing older than the client's strong and session reads saw.
 *   <li>{@code token}: a session read sees every acknowledged write whose version is not above the
 *       token that was sent, whoever wrote it.
 *   <li>{@code monotonic-writes}, {@code writes-follow-reads}: a write has a higher version than
 *       what its client wrote to, or saw of, that document before.
 *   <li>{@code written-by-someone}, {@code refused-never-read}, {@code one-version-one-value}: at
 *       any level, what is read was put by somebody before the read ended, and was not refused; a
 *       count is at most the increments that were sent; a version has one value.
 * </ul>
 *
 * <p>A read of nothing has no version: it stands for the oldest delete that may explain it. A page
 * promises what a session read does, of the documents that it shows. Time is linear, but for the
 * sorting. Any thread may use it.
 */
public final class SessionChecker {
  /** What a client knows of a document: no session read may be older. */
  private record Floor(String etag, Operation since, boolean own) {}

  private final List<Violation> violations = new ArrayList<>();
  private final Evidence evidence;
  private final Map<String, Timeline> timelines = new HashMap<>();

  private SessionChecker(List<Operation> history) {
    this.evidence = new Evidence(history);
    for (Evidence.OfDocument document : evidence.documents()) {
      timelines.put(document.path, new Timeline(document));
    }
  }

  /** Checks a history. */
  public static Verdict check(List<Operation> history) {
    SessionChecker checker = new SessionChecker(history);
    checker.provenance(history);
    Map<Integer, List<Operation>> sessions = new TreeMap<>();
    Pages pages = new Pages(history, checker.evidence);
    for (Operation operation : pages.history) {
      sessions.computeIfAbsent(operation.client(), _ -> new ArrayList<>()).add(operation);
    }
    for (List<Operation> session : sessions.values()) {
      session.sort(Comparator.comparingLong(Operation::invoked));
      checker.session(session);
    }
    for (Operation page : pages.counted) {
      Operation missing = pages.missing(page, Tokens.parse(page.sent()));
      if (missing != null) {
        checker.convict("token", "A page misses increments that its token covers.", missing, page);
      }
    }
    return checker.violations.isEmpty()
        ? new Verdict.Accepted(history.size() - (pages.read - pages.judged))
        : new Verdict.Convicted(checker.violations);
  }

  private void convict(String rule, String message, Operation... operations) {
    if (violations.size() < Verdict.MAX_VIOLATIONS) {
      violations.add(new Violation(rule, message, List.of(operations)));
    }
  }

  private Timeline timeline(String document) {
    return Objects.requireNonNull(timelines.get(document), "every document has one");
  }

  private void provenance(List<Operation> history) {
    for (Operation read : history) {
      Part part = read.part();
      if (read.hasRead() && (part.etag() != null || part.value() != null || part.count() > 0)) {
        value(read, part);
      }
    }
  }

  private void value(Operation read, Part part) {
    Evidence.OfDocument document = evidence.of(part.document());
    String value = part.value();
    if (value != null) {
      Operation writer = document.writer(value);
      if (writer == null) {
        convict("written-by-someone", "A value was read that nobody wrote.", read);
      } else if (writer.outcome() == Outcome.REFUSED) {
        convict("refused-never-read", "A write was refused as not done, yet read.", writer, read);
      } else if (writer.invoked() > read.responded()) {
        convict("written-by-someone", "A value was read before it was written.", read, writer);
      }
    }
    long[] increments = timeline(part.document()).increments;
    if (part.count() > Timeline.countUntil(increments, read.responded())
        || (value == null && part.count() == 0)) {
      convict(
          "written-by-someone", "A count was read that is above the increments sent so far.", read);
    }
    Evidence.Content content =
        part.etag() == null ? null : document.content(String.valueOf(part.etag()));
    if (content != null && !content.equals(new Evidence.Content(value, part.count()))) {
      List<Operation> all = new ArrayList<>(List.of(read));
      for (Operation other : document.writes) {
        if (String.valueOf(part.etag()).equals(Evidence.part(other, document.path).etag())) {
          all.addFirst(other);
        }
      }
      convict(
          "one-version-one-value",
          "One version of " + document.path + " was seen with two values.",
          all.toArray(Operation[]::new));
    }
  }

  private void session(List<Operation> session) {
    Map<String, Floor> floors = new HashMap<>();
    for (Operation operation : session) {
      if (operation.hasRead()) {
        read(operation, floors);
      } else if (operation.hasWritten()) {
        for (Part part : operation.parts()) {
          wrote(operation, part, floors);
        }
      }
    }
  }

  private void wrote(Operation write, Part part, Map<String, Floor> floors) {
    String etag = part.etag();
    if (etag == null) {
      return;
    }
    Floor floor = floors.get(part.document());
    if (floor != null && etag.compareTo(floor.etag) <= 0) {
      convict(
          floor.own ? "monotonic-writes" : "writes-follow-reads",
          "A write got a version that is not above what its client knew before.",
          floor.since,
          write);
      return;
    }
    floors.put(part.document(), new Floor(etag, write, true));
  }

  private void read(Operation read, Map<String, Floor> floors) {
    Part part = read.part();
    Timeline timeline = timeline(part.document());
    Floor floor = floors.get(part.document());
    if (read.level() == Level.SESSION || read.level() == Level.PAGE) {
      promised(read, part, floor, timeline);
    }
    if (read.level() == Level.EVENTUAL || read.level() == Level.PAGE) {
      return; // its answer adds nothing to the client's token
    }
    String etag = part.etag();
    // Without a document known before, or after a delete, there may just never have been another.
    if (etag == null
        && floor != null
        && !timeline.isDelete(floor.etag)
        && timeline.firstLooseDelete > read.responded()) {
      etag = timeline.deletedAbove(floor.etag, read);
    }
    if (etag != null && (floor == null || etag.compareTo(floor.etag) > 0)) {
      floors.put(part.document(), new Floor(etag, read, false));
    }
  }

  private void promised(Operation read, Part part, @Nullable Floor floor, Timeline timeline) {
    if (floor != null && timeline.isOlder(read, part.etag(), floor.etag)) {
      convict(
          floor.own ? "read-your-writes" : "monotonic-reads",
          floor.own
              ? "A session read does not see the client's own write."
              : "A session read went back behind an earlier read of the client.",
          floor.since,
          read);
      return;
    }
    Operation covered = covered(read, timeline);
    if (covered != null) {
      String etag = Evidence.part(covered, part.document()).etag();
      if (etag != null && timeline.isOlder(read, part.etag(), etag)) {
        convict(
            "token", "A session read does not see a write that its token covers.", covered, read);
      }
    }
  }

  /** The last acknowledged write whose version the read's token covers. */
  private static @Nullable Operation covered(Operation read, Timeline timeline) {
    Map<Integer, Long> token = Tokens.parse(read.sent());
    String highest = null;
    for (Map.Entry<Integer, Long> entry : token.entrySet()) {
      String bound = new Version(entry.getValue(), entry.getKey()).etag();
      // Down from the bound to the first version of that region.
      for (Map.Entry<String, Operation> at = timeline.writes.floorEntry(bound);
          at != null;
          at = timeline.writes.lowerEntry(at.getKey())) {
        if (region(at.getKey()) == entry.getKey()) {
          highest = highest == null || at.getKey().compareTo(highest) > 0 ? at.getKey() : highest;
          break;
        }
      }
    }
    return highest == null ? null : timeline.writes.get(highest);
  }

  private static int region(String etag) {
    return Tokens.version(etag).map(Version::region).orElse(-1);
  }
}
