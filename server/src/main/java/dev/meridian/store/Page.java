package dev.meridian.store;

import dev.meridian.document.Document;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Part of a list. Pages read one after another are each consistent in themselves; a document that
 * exists throughout and whose sort field does not change appears exactly once.
 *
 * @param documents in the query's order; a page may hold fewer than its query's limit, even none,
 *     although there are more: how much one page reads is bounded
 * @param next the opaque cursor of the next page; null at the end. It is bound to its query:
 *     another query refuses it
 */
public record Page(List<Document> documents, @Nullable String next) {
  /** Copies. */
  public Page {
    documents = List.copyOf(documents);
  }
}
