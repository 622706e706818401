package dev.meridian.client;

import org.jspecify.annotations.Nullable;

/**
 * Which documents of a collection, in what order. Immutable; start from {@link #ALL}.
 *
 * @param where a CEL expression over the fields, {@code country == "IS"}; null: all
 * @param sort a field, {@code -field} for greatest first; null: by id
 * @param fields the fields wanted, joined by commas; null: the whole value
 * @param pageSize documents to a request, 1 to 1000
 * @param scan most documents that a query no index serves may look at; 0 refuses such a query
 */
public record ListOptions(
    @Nullable String where,
    @Nullable String sort,
    @Nullable String fields,
    int pageSize,
    int scan) {
  /** Everything, by id, 200 to a page. */
  public static final ListOptions ALL = new ListOptions(null, null, null, 200, 0);

  /** Checks the bounds. */
  public ListOptions {
    if (pageSize < 1 || pageSize > 1000) {
      throw new IllegalArgumentException("pageSize is 1 to 1000; it was " + pageSize);
    }
  }

  /** These options with this filter. */
  public ListOptions where(String expression) {
    return new ListOptions(expression, sort, fields, pageSize, scan);
  }

  /** These options in this order. */
  public ListOptions sort(String field) {
    return new ListOptions(where, field, fields, pageSize, scan);
  }

  /** These options, and a query that no index serves may look at so many documents. */
  public ListOptions scan(int documents) {
    return new ListOptions(where, sort, fields, pageSize, documents);
  }

  /** These options with pages of this size. */
  public ListOptions pageSize(int documents) {
    return new ListOptions(where, sort, fields, documents, scan);
  }
}
