package dev.meridian.torture;

import dev.meridian.torture.Operation.Kind;
import dev.meridian.torture.Operation.Level;
import dev.meridian.torture.Operation.Outcome;
import dev.meridian.torture.Operation.Part;
import dev.meridian.torture.Verdict.Violation;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Checks what visitors are promised of their sessions' attributes, which have no versions of their
 * own: a write's is that of the session after it, a read's is not known.
 *
 * <ul>
 *   <li>{@code attribute-there}: a read sees every acknowledged write that its cookies cover, on
 *       whichever node; the cookies are those that the last answer set.
 *   <li>{@code attribute-written}: what is read was written, before the read ended, and was not
 *       refused; a count is at most the increments that were sent.
 *   <li>{@code attribute-kept}, {@code nodes-agree}: at the end all nodes show the last
 *       acknowledged value, or one of which its client was told nothing, and every acknowledged
 *       increment.
 * </ul>
 *
 * <p>Time is linear in the reads of an attribute times its writes. Any thread may use it.
 */
public final class VisitorChecker {
  /** What begins the paths by which attributes are known in histories. */
  static final String PREFIX = "_sessions/";

  private final List<Violation> violations = new ArrayList<>();

  private VisitorChecker() {}

  /** Whether a path is that of a visitor's attribute. */
  static boolean isAttribute(String document) {
    return document.startsWith(PREFIX);
  }

  /** Checks a history of attributes and what is left of them. */
  public static Verdict check(List<Operation> history, FinalState end) {
    VisitorChecker checker = new VisitorChecker();
    Evidence evidence = new Evidence(history);
    Map<String, Operation> last = new LinkedHashMap<>();
    for (Operation read : history) {
      if (read.hasRead()) {
        checker.read(read, evidence.of(read.part().document()));
      }
    }
    for (Evidence.OfDocument document : evidence.documents()) {
      for (String node : end.names()) {
        Part left = end.of(node, document.path);
        Operation read = FinalChecker.read(node, left);
        checker.read(read, document);
        Operation before = last.putIfAbsent(document.path, read);
        if (before != null && !before.part().equals(left)) {
          checker.convict("nodes-agree", "Nodes show an attribute differently.", before, read);
        }
      }
    }
    return checker.violations.isEmpty()
        ? new Verdict.Accepted(history.size())
        : new Verdict.Convicted(checker.violations);
  }

  private void convict(String rule, String message, Operation... operations) {
    if (violations.size() < Verdict.MAX_VIOLATIONS) {
      violations.add(new Violation(rule, message, List.of(operations)));
    }
  }

  private void read(Operation read, Evidence.OfDocument document) {
    boolean last = read.level() == Level.STRONG;
    String rule = last ? "attribute-kept" : "attribute-there";
    Map<Integer, Long> token = Tokens.parse(read.sent());
    Operation floor = null;
    Operation newest = null;
    String floorEtag = "";
    long least = 0;
    long most = 0;
    for (Operation write : document.writes) {
      boolean covered = covers(write, last, token);
      if (write.kind() == Kind.INCREMENT) {
        most += write.invoked() <= read.responded() ? 1 : 0;
        least += covered ? 1 : 0;
        newest = covered ? write : newest;
        continue;
      }
      String etag = write.part().etag();
      if (covered && etag != null && etag.compareTo(floorEtag) > 0) {
        floor = write;
        floorEtag = etag;
      }
      newest = covered ? write : newest;
    }
    Part part = read.part();
    if (part.count() > most) {
      convict("attribute-written", "A count is above the increments sent so far.", read);
    } else if (part.count() < least && newest != null) {
      convict(
          rule,
          "A count is %d, but %d acknowledged increments are covered."
              .formatted(part.count(), least),
          newest,
          read);
    }
    value(read, part.value(), document, rule, floor == null ? newest : floor, floorEtag);
  }

  private void value(
      Operation read,
      @Nullable String value,
      Evidence.OfDocument document,
      String rule,
      @Nullable Operation floor,
      String floorEtag) {
    if (value == null) {
      if (floor != null && floor.kind() != Kind.INCREMENT) {
        convict(rule, "An attribute that was set is gone.", floor, read);
      }
      return;
    }
    Operation writer = document.writer(value);
    if (writer == null) {
      convict("attribute-written", "An attribute has a value that nobody wrote.", read);
    } else if (writer.outcome() == Outcome.REFUSED) {
      convict("attribute-written", "A write was refused as not done, yet read.", writer, read);
    } else if (writer.invoked() > read.responded()) {
      convict("attribute-written", "A value was read before it was written.", read, writer);
    } else {
      String etag = writer.part().etag();
      if (etag != null && floor != null && etag.compareTo(floorEtag) < 0) {
        convict(rule, "An attribute shows what an acknowledged write replaced.", floor, read);
      }
    }
  }

  /** Whether a read must see the write: at the end it was acknowledged, before that it is known. */
  private static boolean covers(Operation write, boolean last, Map<Integer, Long> token) {
    if (write.outcome() != Outcome.OK) {
      return false;
    }
    return last || Tokens.covers(token, write.part().etag());
  }
}
