package dev.meridian.web;

import org.jspecify.annotations.Nullable;

/** A template cannot be rendered, by a mistake in it or by what it reads. */
sealed class PageFailure extends RuntimeException {
  private static final long serialVersionUID = 1;
  private final String template;
  private final int line;

  /**
   * Creates it.
   *
   * @param template its name below {@code pages/}
   * @param line from 1, or 0 when it is not known
   * @param message what is wrong and how to mend it
   */
  PageFailure(String template, int line, String message, @Nullable Throwable cause) {
    super(message, cause);
    this.template = template;
    this.line = line;
  }

  String template() {
    return template;
  }

  int line() {
    return line;
  }

  /** What is wrong, without the place. */
  String problem() {
    return String.valueOf(super.getMessage());
  }

  @Override
  public String getMessage() {
    return "pages/" + template + (line > 0 ? ":" + line : "") + ": " + problem();
  }

  /** It was not done in time. */
  static final class TooSlow extends PageFailure {
    private static final long serialVersionUID = 1;

    TooSlow(String template, int line) {
      super(
          template,
          line,
          "the page was not done in time; let it read less, go through less, or add an index.",
          null);
    }
  }
}
