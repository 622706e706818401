package dev.meridian.document;

import java.util.List;

/**
 * A field inside a document's value: {@code country}, {@code address.city}.
 *
 * @param names the names from the outside in; never empty
 */
public record FieldPath(List<String> names) {
  /** Copies and checks. */
  public FieldPath {
    names = List.copyOf(names);
    if (names.isEmpty() || names.stream().anyMatch(String::isEmpty)) {
      throw new InvalidInputException(
          "A field is written as name or outer.inner, without empty names.");
    }
  }

  /** Reads {@code outer.inner}. */
  public static FieldPath parse(String text) {
    return new FieldPath(List.of(text.split("\\.", -1)));
  }

  @Override
  public String toString() {
    return String.join(".", names);
  }
}
