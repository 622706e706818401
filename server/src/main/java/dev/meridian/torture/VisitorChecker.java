package dev.meridian.torture;

import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Version;
import dev.meridian.torture.Operation.Kind;
import dev.meridian.torture.Operation.Level;
import dev.meridian.torture.Operation.Outcome;
import dev.meridian.torture.Operation.Part;
import dev.meridian.torture.Verdict.Violation;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
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
 *       increment; after a while ({@link Workload#readFinal}) they show the same.
 * </ul>
 *
 * <p>Time is linear, but for the sorting. Any thread may use it.
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
    Map<String, Attribute> attributes = new LinkedHashMap<>();
    for (Evidence.OfDocument document : evidence.documents()) {
      attributes.put(document.path, new Attribute(document));
    }
    for (Operation read : history) {
      Attribute attribute = attributes.get(read.part().document());
      if (read.hasRead() && attribute != null) {
        checker.read(read, attribute);
      }
    }
    for (Attribute attribute : attributes.values()) {
      Evidence.OfDocument document = attribute.document;
      for (String node : end.names()) {
        Part left = end.of(node, document.path);
        Operation read = FinalChecker.read(node, left);
        checker.read(read, attribute);
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

  /** Acknowledged writes of one attribute in the order of versions, and when others were sent. */
  private static final class Attribute {
    final Evidence.OfDocument document;

    /** Of sets and increments, by region and then by version; those of no known version are not. */
    final Map<Integer, TreeMap<Long, Operation>> sets = new TreeMap<>();

    final Map<Integer, List<Operation>> increments = new TreeMap<>();
    final Map<Integer, long[]> versions = new TreeMap<>();
    final long[] sent;
    long acknowledged;

    /** The set and the increment that were acknowledged last. */
    @Nullable Operation lastSet;

    @Nullable Operation lastIncrement;

    Attribute(Evidence.OfDocument document) {
      this.document = document;
      Map<Integer, TreeMap<Long, Operation>> counted = new TreeMap<>();
      for (Operation write : document.writes) {
        boolean increment = write.kind() == Kind.INCREMENT;
        if (write.outcome() != Outcome.OK) {
          continue;
        }
        acknowledged += increment ? 1 : 0;
        lastIncrement = increment ? write : lastIncrement;
        lastSet = increment ? lastSet : write;
        Version version = version(write);
        if (version != null) {
          (increment ? counted : sets)
              .computeIfAbsent(version.region(), _ -> new TreeMap<>())
              .put(version.timestamp(), write);
        }
      }
      counted.forEach(
          (region, byVersion) -> {
            increments.put(region, List.copyOf(byVersion.values()));
            versions.put(region, byVersion.keySet().stream().mapToLong(Long::longValue).toArray());
          });
      sent =
          document.writes.stream()
              .filter(write -> write.kind() == Kind.INCREMENT)
              .mapToLong(Operation::invoked)
              .sorted()
              .toArray();
    }

    /** The last set that a token covers; null: of all. */
    @Nullable Operation covered(@Nullable Map<Integer, Long> token) {
      Operation last = null;
      for (Map.Entry<Integer, TreeMap<Long, Operation>> region : sets.entrySet()) {
        long bound = token == null ? Long.MAX_VALUE : token.getOrDefault(region.getKey(), -1L);
        Map.Entry<Long, Operation> floor = region.getValue().floorEntry(bound);
        if (floor != null && (last == null || etag(floor.getValue()).compareTo(etag(last)) > 0)) {
          last = floor.getValue();
        }
      }
      return last == null && token == null ? lastSet : last;
    }
  }

  private static @Nullable Version version(Operation write) {
    try {
      String etag = write.part().etag();
      return etag == null ? null : Version.parse(etag);
    } catch (InvalidInputException e) {
      return null;
    }
  }

  private static String etag(@Nullable Operation write) {
    String etag = write == null ? null : write.part().etag();
    return etag == null ? "" : etag;
  }

  private void read(Operation read, Attribute attribute) {
    boolean last = read.level() == Level.STRONG;
    String rule = last ? "attribute-kept" : "attribute-there";
    Map<Integer, Long> token = Tokens.parse(read.sent());
    long least = last ? attribute.acknowledged : 0;
    Operation counted = last ? attribute.lastIncrement : null;
    if (!last) {
      for (Map.Entry<Integer, List<Operation>> region : attribute.increments.entrySet()) {
        long[] versions = attribute.versions.getOrDefault(region.getKey(), new long[0]);
        int covered = Timeline.countUntil(versions, token.getOrDefault(region.getKey(), -1L));
        least += covered;
        counted = covered > 0 ? region.getValue().get(covered - 1) : counted;
      }
    }
    Part part = read.part();
    if (part.count() > Timeline.countUntil(attribute.sent, read.responded())) {
      convict("attribute-written", "A count is above the increments sent so far.", read);
    } else if (part.count() < least && counted != null) {
      convict(
          rule,
          "A count is %d, but %d acknowledged increments are covered."
              .formatted(part.count(), least),
          counted,
          read);
    }
    Operation floor = attribute.covered(last ? null : token);
    value(read, part.value(), attribute.document, rule, floor);
  }

  private void value(
      Operation read,
      @Nullable String value,
      Evidence.OfDocument document,
      String rule,
      @Nullable Operation floor) {
    if (value == null) {
      if (floor != null) {
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
    } else if (floor != null
        && writer.part().etag() != null
        && etag(writer).compareTo(etag(floor)) < 0) {
      convict(rule, "An attribute shows what an acknowledged write replaced.", floor, read);
    }
  }
}
