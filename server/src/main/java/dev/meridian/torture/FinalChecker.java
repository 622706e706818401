package dev.meridian.torture;

import dev.meridian.torture.Operation.Kind;
import dev.meridian.torture.Operation.Level;
import dev.meridian.torture.Operation.Outcome;
import dev.meridian.torture.Operation.Part;
import dev.meridian.torture.Verdict.Violation;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Checks what is left when all is healed against everything that clients were told.
 *
 * <ul>
 *   <li>{@code nodes-agree}: all nodes answer the same. Of a document that is written behind they
 *       may tell several versions of it, since they are asked one after another, and a flush may
 *       come in between.
 *   <li>{@code acknowledged-not-lost}: an acknowledged write is there, unless a later one, by the
 *       order of versions, replaced it.
 *   <li>{@code deleted-stays-deleted}: what was deleted comes back only by a later write.
 *   <li>{@code refused-absent}, {@code written-by-someone}: what is there was written, by a write
 *       that was not refused.
 *   <li>{@code counters}: a count is the acknowledged increments since the value was put, and at
 *       most the unknown ones besides.
 *   <li>{@code batches}: of a batch of which a part was seen, every part is there or was replaced.
 * </ul>
 *
 * <p>Any thread may use it.
 */
public final class FinalChecker {
  private final List<Violation> violations = new ArrayList<>();
  private final FinalState state;
  private final Evidence evidence;

  private FinalChecker(List<Operation> history, FinalState state) {
    this.state = state;
    this.evidence = new Evidence(history);
  }

  /** Checks a history that has come to its end. */
  public static Verdict check(List<Operation> history, FinalState state) {
    FinalChecker checker = new FinalChecker(history, state);
    String first = state.names().getFirst();
    for (Evidence.OfDocument document : checker.evidence.documents()) {
      Part left = checker.agreed(document.path);
      if (left != null) {
        checker.check(first, document, left);
      }
    }
    checker.batches(first, history);
    return checker.violations.isEmpty()
        ? new Verdict.Accepted(history.size())
        : new Verdict.Convicted(checker.violations);
  }

  private void convict(String rule, String message, List<Operation> operations) {
    if (violations.size() < Verdict.MAX_VIOLATIONS) {
      violations.add(new Violation(rule, message, operations));
    }
  }

  /** What all nodes say; null, and a conviction, if they do not agree. */
  private @Nullable Part agreed(String document) {
    boolean flushes = CachePolicy.of(document).flushes();
    Part agreed = null;
    List<Operation> answers = new ArrayList<>();
    boolean differ = false;
    for (String node : state.names()) {
      Part part = state.of(node, document);
      answers.add(read(node, part));
      differ |= agreed != null && !(flushes ? isSame(part, agreed) : part.equals(agreed));
      agreed = agreed == null || isAbove(part, agreed) ? part : agreed;
    }
    if (differ) {
      convict("nodes-agree", "Nodes answer differently for " + document + ".", answers);
      return null;
    }
    return agreed;
  }

  /** Whether they are equal but for the version, which a flush changes. */
  private static boolean isSame(Part one, Part other) {
    return Objects.equals(one.value(), other.value())
        && one.count() == other.count()
        && (one.etag() == null) == (other.etag() == null);
  }

  private static boolean isAbove(Part one, Part other) {
    return one.etag() != null && other.etag() != null && one.etag().compareTo(other.etag()) > 0;
  }

  /** A final read, for timelines. */
  static Operation read(String node, Part part) {
    return new Operation(
        0,
        -1,
        node,
        Kind.READ,
        Level.STRONG,
        List.of(part),
        null,
        "",
        "",
        Long.MAX_VALUE,
        Long.MAX_VALUE,
        Outcome.OK,
        "at the end");
  }

  private void check(String node, Evidence.OfDocument document, Part left) {
    Operation end = read(node, left);
    String etag = left.etag();
    Operation newest = null;
    String newestEtag = "";
    Operation replaced = null;
    String replacedEtag = "";
    boolean looseDelete = false;
    for (Operation write : document.writes) {
      String version = Evidence.part(write, document.path).etag();
      if (write.outcome() == Outcome.OK && version != null) {
        if (version.compareTo(newestEtag) > 0) {
          newest = write;
          newestEtag = version;
        }
        if (write.kind() != Kind.INCREMENT && version.compareTo(replacedEtag) > 0) {
          replaced = write;
          replacedEtag = version;
        }
      } else {
        looseDelete |= Evidence.deletes(write);
      }
    }
    if (etag == null) {
      if (newest != null && !Evidence.deletes(newest) && !looseDelete) {
        convict("acknowledged-not-lost", "An acknowledged write is gone.", List.of(newest, end));
      }
      return;
    }
    provenance(document, left, end);
    if (newest != null && etag.compareTo(newestEtag) < 0) {
      boolean back = Evidence.deletes(newest);
      convict(
          back ? "deleted-stays-deleted" : "acknowledged-not-lost",
          back
              ? "A document is there in a version from before it was deleted."
              : "A document is at a version from before an acknowledged write.",
          List.of(newest, end));
      return;
    }
    String value = left.value();
    String base = value == null ? null : document.version(value);
    if (left.count() == 0 && !CachePolicy.of(document.path).flushes()) {
      base = etag; // and not the version of a flush, which may be above that of a lost increment
    }
    if (base != null && replaced != null && base.compareTo(replacedEtag) < 0) {
      boolean back = Evidence.deletes(replaced);
      convict(
          back ? "deleted-stays-deleted" : "acknowledged-not-lost",
          "What an acknowledged write replaced is there again.",
          List.of(replaced, end));
      return;
    }
    if (left.value() == null && replaced != null && !Evidence.deletes(replaced) && !looseDelete) {
      convict("acknowledged-not-lost", "An acknowledged value is gone.", List.of(replaced, end));
      return;
    }
    // Without a version of its own, the value was put, or the document deleted, after the last
    // acknowledged one that is known, and not later than what is there.
    counters(document, left, end, base == null ? replacedEtag : base, base, looseDelete);
  }

  private void provenance(Evidence.OfDocument document, Part left, Operation end) {
    String value = left.value();
    if (value == null) {
      return;
    }
    Operation writer = document.writer(value);
    if (writer == null) {
      convict("written-by-someone", "What is there was written by nobody.", List.of(end));
    } else if (writer.outcome() == Outcome.REFUSED) {
      convict(
          "refused-absent", "A write was refused as not done, yet is there.", List.of(writer, end));
    }
  }

  private void counters(
      Evidence.OfDocument document,
      Part left,
      Operation end,
      String since,
      @Nullable String base,
      boolean looseDelete) {
    // An increment-made document whose base is not known may begin anywhere if a delete is loose.
    boolean exact = base != null || (left.value() == null && !looseDelete);
    List<Operation> counted = new ArrayList<>();
    long acknowledged = 0;
    long unknown = 0;
    for (Operation write : document.writes) {
      if (write.kind() != Kind.INCREMENT) {
        continue;
      }
      String version = write.part().etag();
      if (write.outcome() == Outcome.OK && version != null) {
        if (version.compareTo(since) > 0) {
          acknowledged++;
          counted.add(write);
        }
      } else {
        unknown++;
        counted.add(write);
      }
    }
    if (left.count() > acknowledged + unknown || (exact && left.count() < acknowledged)) {
      counted.add(end);
      convict(
          "counters",
          document.path
              + " counts "
              + left.count()
              + ", but "
              + acknowledged
              + " increments were acknowledged since its value was put, and "
              + unknown
              + " may have happened.",
          counted.size() <= 40 ? counted : counted.subList(counted.size() - 40, counted.size()));
    }
  }

  private void batches(String node, List<Operation> history) {
    for (Operation batch : history) {
      if (batch.kind() != Kind.BATCH || batch.outcome() == Outcome.REFUSED) {
        continue;
      }
      String proof = null;
      for (Part part : batch.parts()) {
        String version =
            part.etag() != null ? part.etag() : version(part, state.of(node, part.document()));
        proof = proof == null ? version : proof;
      }
      for (Part part : batch.parts()) {
        Part left = state.of(node, part.document());
        if (proof != null && isMissing(part, left, proof)) {
          convict(
              "batches",
              "Of a batch one part was seen, and another is not there and was not replaced.",
              List.of(batch, read(node, left)));
        }
      }
    }
  }

  /** The version of a part that somebody saw; null if nobody did. */
  private @Nullable String version(Part part, Part left) {
    String value = Objects.requireNonNull(part.value());
    String known = evidence.of(part.document()).version(value);
    if (known != null) {
      return known;
    }
    return value.equals(left.value()) && left.count() == 0 ? left.etag() : null;
  }

  /** A batch's versions follow each other, so none but its own is just below another of them. */
  private boolean isMissing(Part part, Part left, String proof) {
    if (Objects.equals(part.value(), left.value())) {
      return false;
    }
    if (left.etag() != null) {
      return left.etag().compareTo(proof) < 0;
    }
    for (Operation write : evidence.of(part.document()).writes) {
      String version = Evidence.part(write, part.document()).etag();
      if (Evidence.deletes(write)
          && (write.outcome() == Outcome.UNKNOWN
              || version == null
              || version.compareTo(proof) > 0)) {
        return false;
      }
    }
    return true;
  }
}
