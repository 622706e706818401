package dev.meridian.torture;

import java.util.List;

/** What a checker found. */
public sealed interface Verdict {
  /**
   * Everything holds.
   *
   * @param checked how many operations were looked at
   */
  record Accepted(long checked) implements Verdict {}

  /**
   * A promise was broken.
   *
   * @param violations at least one and at most {@link #MAX_VIOLATIONS}
   */
  record Convicted(List<Violation> violations) implements Verdict {
    /** Copies. */
    public Convicted {
      violations = List.copyOf(violations);
      if (violations.isEmpty()) {
        throw new IllegalArgumentException("a conviction needs a violation");
      }
    }
  }

  /**
   * A limit was reached before the end, or there was nothing that could prove it; nothing wrong was
   * found until then.
   *
   * @param why which limit, on what, or what there was none of
   */
  record Undecided(String why) implements Verdict {}

  /** Most violations that a checker reports; the rest is more of the same. */
  int MAX_VIOLATIONS = 20;

  /**
   * A broken promise.
   *
   * @param rule its short name, such as {@code read-your-writes}
   * @param message what happened, in a sentence
   * @param operations the evidence, as few operations as the checker could make it
   */
  record Violation(String rule, String message, List<Operation> operations) {
    /** Copies. */
    public Violation {
      operations = List.copyOf(operations);
    }
  }

  /** Whether everything holds. */
  default boolean accepted() {
    return this instanceof Accepted;
  }
}
