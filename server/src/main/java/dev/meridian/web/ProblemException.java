package dev.meridian.web;

/** Ends a request with a {@link Problem}. Cheap: it has no stack trace, for it is no bug. */
public final class ProblemException extends RuntimeException {
  private static final long serialVersionUID = 1;
  private final transient Problem problem;

  /** Creates it. */
  public ProblemException(Problem problem) {
    super(problem.detail(), null, false, false);
    this.problem = problem;
  }

  /** What to answer. */
  public Problem problem() {
    return problem;
  }
}
