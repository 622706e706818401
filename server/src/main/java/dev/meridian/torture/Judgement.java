package dev.meridian.torture;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
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
   * Has everything checked that the parts of a history promise.
   *
   * @param history that has come to its end
   * @param end what is left of it
   */
  public static List<Judgement> of(List<Operation> history, FinalState end) {
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
              judgements.add(new Judgement(subject, FINAL, FinalChecker.check(part, end)));
            });
    return judgements;
  }
}
