package dev.meridian.document;

/** Which documents a query wants: a CEL expression over a document's fields. */
public final class Filter {
  private final String source;

  private Filter(String source) {
    this.source = source;
  }

  /**
   * Compiles a CEL expression such as {@code country == "IS" && population > 100000}.
   *
   * @throws InvalidInputException if it is no valid expression; the message says where
   */
  public static Filter compile(String source) {
    return new Filter(source);
  }

  /** The expression as it was written. */
  @Override
  public String toString() {
    return source;
  }
}
