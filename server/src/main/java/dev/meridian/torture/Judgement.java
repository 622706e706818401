package dev.meridian.torture;

import dev.meridian.torture.Operation.Level;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What one checker says about one part of a history: the collections of a cache policy, or the
 * sessions of visitors. What is promised differs, and none of it ties one part to another.
 *
 * @param subject such as {@code write-behind}
 * @param checker what it looks for
 */
public record Judgement(String subject, String checker, Verdict verdict) {
  /** Of attributes of sessions. */
  static final String SESSIONS = "sessions";

  static final String LINEAR = "linearizable";
  static final String GUARANTEES = "session guarantees";
  static final String RECENT = "recent";
  static final String FINAL = "nothing lost";

  /** How many pages proved something: of one that shows what nobody else saw, little is known. */
  static final String PAGES = "pages judged";

  /** Whether what was to be checked was put to the test: what was never used proved nothing. */
  static final String IN_USE = "in use";

  /** Fewest acknowledged writes of a part that prove anything. */
  static final int LEAST_WRITES = 10;

  /** What an operation is about. */
  static String subject(Operation operation) {
    String document = operation.part().document();
    return VisitorChecker.isAttribute(document) ? SESSIONS : CachePolicy.of(document).label();
  }

  /** Operations by what they are about, in the order of the names. */
  static Map<String, List<Operation>> bySubject(List<Operation> history) {
    Map<String, List<Operation>> subjects = new TreeMap<>();
    for (Operation operation : history) {
      subjects.computeIfAbsent(subject(operation), _ -> new ArrayList<>()).add(operation);
    }
    return subjects;
  }

  /**
   * Has everything checked that the parts of a history promise, and whether each part that a run
   * should have was used: by {@link #LEAST_WRITES} acknowledged writes at least, and a read that
   * was answered at each level.
   *
   * @param history that has come to its end
   * @param end what is left of it
   * @param options of the run
   */
  public static List<Judgement> of(
      List<Operation> history, FinalState end, Workload.Options options) {
    List<Judgement> judgements = new ArrayList<>(of(history, end));
    Map<String, List<Operation>> parts = bySubject(history);
    for (CachePolicy policy : options.policies()) {
      String subject = policy.label();
      List<Level> levels =
          options.levels().keySet().stream()
              .filter(level -> !(policy.flushes() && level == Level.PAGE))
              .sorted()
              .toList();
      judgements.add(used(subject, parts.getOrDefault(subject, List.of()), levels));
    }
    if (options.visitors() > 0) {
      judgements.add(
          used(SESSIONS, parts.getOrDefault(SESSIONS, List.of()), List.of(Level.SESSION)));
    }
    return judgements;
  }

  private static Judgement used(String subject, List<Operation> part, List<Level> levels) {
    List<String> unused = new ArrayList<>();
    long written = part.stream().filter(Operation::hasWritten).count();
    if (written < LEAST_WRITES) {
      unused.add(
          "writes acknowledged: %d, of at least %d that are needed"
              .formatted(written, LEAST_WRITES));
    }
    long read = 0;
    for (Level level : levels) {
      long answered = part.stream().filter(o -> o.hasRead() && o.level() == level).count();
      if (answered == 0) {
        unused.add("no read was answered at level " + level);
      }
      read += answered;
    }
    return new Judgement(
        subject,
        IN_USE,
        unused.isEmpty()
            ? new Verdict.Accepted(written + read)
            : new Verdict.Undecided(String.join(", ", unused) + ": this run is no proof"));
  }

  /** Has everything checked that the parts of a history promise which there are. */
  static List<Judgement> of(List<Operation> history, FinalState end) {
    List<Judgement> judgements = new ArrayList<>();
    bySubject(history)
        .forEach(
            (subject, part) -> {
              if (subject.equals(SESSIONS)) {
                judgements.add(new Judgement(subject, GUARANTEES, VisitorChecker.check(part, end)));
                return;
              }
              judgements.add(
                  new Judgement(subject, LINEAR, new LinearizabilityChecker().check(part)));
              judgements.add(new Judgement(subject, GUARANTEES, SessionChecker.check(part)));
              if (CachePolicy.of(part.getFirst().part().document()).isRecent()) {
                judgements.add(new Judgement(subject, RECENT, RecencyChecker.check(part)));
              }
              pages(subject, part).ifPresent(judgements::add);
              judgements.add(new Judgement(subject, FINAL, FinalChecker.check(part, end)));
            });
    return judgements;
  }

  private static Optional<Judgement> pages(String subject, List<Operation> part) {
    Pages pages = new Pages(part, new Evidence(part));
    if (pages.read == 0) {
      return Optional.empty();
    }
    Verdict verdict =
        pages.judged > 0
            ? new Verdict.Accepted(pages.judged)
            : new Verdict.Undecided(
                "of %d pages that were read none shows what is known".formatted(pages.read));
    return Optional.of(new Judgement(subject, PAGES, verdict));
  }
}
