package dev.meridian.site;

import java.util.List;
import java.util.stream.Collectors;

/** A site's folder cannot be used as it stands. The message has one line for each problem. */
public final class SiteException extends RuntimeException {
  private static final long serialVersionUID = 1;
  private final transient List<Problem> problems;

  /** Creates it from at least one problem. */
  public SiteException(List<Problem> problems) {
    super(problems.stream().map(Problem::toString).collect(Collectors.joining("\n")));
    this.problems = List.copyOf(problems);
  }

  /** Everything that was found, in the file's order; never empty. */
  public List<Problem> problems() {
    return problems;
  }
}
