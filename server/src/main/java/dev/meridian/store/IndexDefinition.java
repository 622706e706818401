package dev.meridian.store;

import dev.meridian.document.Filter;
import dev.meridian.document.InvalidInputException;
import java.util.List;

/**
 * A secondary index of a collection. Strings are ordered by their first 256 characters; documents
 * with equal fields are ordered by id, in the direction of the last field.
 *
 * @param collection a collection pattern ({@code CollectionPath#pattern})
 * @param fields the fields in their order, at most {@link #MAX_FIELDS}, each up or down as a {@link
 *     Sort}
 */
public record IndexDefinition(String collection, List<Sort> fields) {
  /** Most fields in an index. */
  public static final int MAX_FIELDS = 8;

  /** Checks. */
  public IndexDefinition {
    fields = List.copyOf(fields);
    if (fields.isEmpty() || fields.size() > MAX_FIELDS) {
      throw new InvalidInputException("An index has 1 to " + MAX_FIELDS + " fields.");
    }
    if (fields.stream().anyMatch(field -> field.field().equals(Filter.ID))) {
      throw new InvalidInputException(
          "An index need not name '" + Filter.ID + "': every index ends with it.");
    }
  }
}
