package dev.meridian.document;

import java.util.List;

/** Which documents a query wants: a CEL expression over a document's fields. */
public final class Filter {
  /** The field that stands for a document's id, in expressions and comparisons. */
  public static final FieldPath ID = FieldPath.parse("_id");

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

  /**
   * Comparisons of a field with constants that must all hold for a document to match. There may be
   * more to match than they say: ask {@link #matches}.
   */
  public List<Comparison> conjuncts() {
    return List.of();
  }

  /**
   * Whether the document matches.
   *
   * @param id the document's id
   * @param json its value as it is stored
   */
  public boolean matches(String id, byte[] json) {
    throw new UnsupportedOperationException(source);
  }

  /** The expression as it was written. */
  @Override
  public String toString() {
    return source;
  }
}
