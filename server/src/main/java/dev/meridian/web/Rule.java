package dev.meridian.web;

import dev.meridian.document.InvalidInputException;
import org.jspecify.annotations.Nullable;

/** An access rule of {@code site.yaml}, compiled. */
sealed interface Rule {
  /** A rule that is the same for everybody; asking it costs nothing. */
  record Constant(boolean allows) implements Rule {
    @Override
    public boolean mentionsDocument() {
      return false;
    }

    @Override
    public boolean mentionsValue() {
      return false;
    }

    @Override
    public boolean allows(Subject subject) {
      return allows;
    }
  }

  /** Placeholder until expressions land. */
  record KeyOrPage() implements Rule {
    @Override
    public boolean mentionsDocument() {
      return false;
    }

    @Override
    public boolean mentionsValue() {
      return false;
    }

    @Override
    public boolean allows(Subject subject) {
      return subject.caller().key() || subject.page();
    }
  }

  /**
   * What a rule is asked about.
   *
   * @param context the request
   * @param caller who sends it
   * @param page whether a grant of one of the site's pages covers it
   * @param document the document's value before, as minified JSON; null when there is none, or the
   *     rule does not mention it
   * @param value the value after a write; null for deletes and reads, or when the rule does not
   *     mention it
   */
  @SuppressWarnings("ArrayRecordComponent") // shared, never changed
  record Subject(
      RequestContext context,
      Caller caller,
      boolean page,
      byte @Nullable [] document,
      byte @Nullable [] value) {}

  /** Compiles a CEL expression. */
  static Rule compile(String source) {
    return switch (source.strip()) {
      case "true" -> new Constant(true);
      case "false" -> new Constant(false);
      case "auth.key || auth.page" -> new KeyOrPage();
      default -> throw new InvalidInputException(source);
    };
  }

  /** Whether the answer depends on the document as it is stored. */
  boolean mentionsDocument();

  /** Whether the answer depends on what the document would become. */
  boolean mentionsValue();

  /** The answer; a rule that fails, on a field that is not there say, does not allow. */
  boolean allows(Subject subject);
}
