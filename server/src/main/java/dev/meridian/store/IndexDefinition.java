package dev.meridian.store;

import dev.meridian.document.InvalidInputException;
import java.util.List;

/**
 * A secondary index of a collection.
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
  }
}
