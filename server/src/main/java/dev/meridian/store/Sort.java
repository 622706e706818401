package dev.meridian.store;

import dev.meridian.document.FieldPath;

/**
 * The order of a list by one field. Missing fields and null come first, then false, true, numbers,
 * strings (the first 256 characters by code point), then arrays and objects as equals; ties are
 * broken by id, in the same direction.
 *
 * @param field what to order by
 * @param descending greatest first
 */
public record Sort(FieldPath field, boolean descending) {
  /** Reads {@code field} or {@code -field}. */
  public static Sort parse(String text) {
    boolean descending = text.startsWith("-");
    return new Sort(FieldPath.parse(descending ? text.substring(1) : text), descending);
  }

  @Override
  public String toString() {
    return (descending ? "-" : "") + field;
  }
}
