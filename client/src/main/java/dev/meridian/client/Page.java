package dev.meridian.client;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Part of a list.
 *
 * @param items in the list's order
 * @param next the cursor of the next page; null at the end
 */
public record Page(List<Document> items, @Nullable String next) {
  /** Copies. */
  public Page {
    items = List.copyOf(items);
  }
}
