package dev.meridian.store;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.Document;
import dev.meridian.document.Filter;
import dev.meridian.document.InvalidInputException;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * One page of a collection.
 *
 * @param collection what to list
 * @param where which documents; null for all
 * @param sort in what order; null for by id, or when an index answers {@code where}, by the fields
 *     of that index
 * @param limit most documents in the page, 1 to {@link #MAX_LIMIT}
 * @param after {@link Page#next} of the page before; null for the first
 * @param scan most documents that may be read and thrown away when no index serves the query; 0
 *     refuses such a query
 * @param visible which documents the reader may see; the others are passed over as if they were not
 *     there, at most {@link Listing#MAX_HIDDEN} of them in a page: no bound of the query counts
 *     them, and no {@link Page#next} is made of one. Null for all
 * @param bytes about how many bytes of documents are in the page at most
 */
public record Query(
    CollectionPath collection,
    @Nullable Filter where,
    @Nullable Sort sort,
    int limit,
    @Nullable String after,
    int scan,
    @Nullable Predicate<Document> visible,
    int bytes) {
  /** Most documents in a page. */
  public static final int MAX_LIMIT = 1000;

  /** Most documents a query without an index may look at. */
  public static final int MAX_SCAN = 1_000_000;

  /** Checks the bounds. */
  public Query {
    if (limit < 1 || limit > MAX_LIMIT) {
      throw new InvalidInputException("limit is 1 to " + MAX_LIMIT + "; it was " + limit + ".");
    }
    if (scan < 0 || scan > MAX_SCAN) {
      throw new InvalidInputException("scan is 0 to " + MAX_SCAN + "; it was " + scan + ".");
    }
  }

  /** A query whose page is as large as any. */
  public Query(
      CollectionPath collection,
      @Nullable Filter where,
      @Nullable Sort sort,
      int limit,
      @Nullable String after,
      int scan,
      @Nullable Predicate<Document> visible) {
    this(collection, where, sort, limit, after, scan, visible, ReadBudget.MAX_PAGE_BYTES);
  }

  /** A query of a reader who may see everything. */
  public Query(
      CollectionPath collection,
      @Nullable Filter where,
      @Nullable Sort sort,
      int limit,
      @Nullable String after,
      int scan) {
    this(collection, where, sort, limit, after, scan, null);
  }

  /** The same for a reader who may see only some documents. */
  public Query visibleTo(Predicate<Document> reader) {
    return new Query(collection, where, sort, limit, after, scan, reader, bytes);
  }

  /** The same with pages of about so many bytes at most. */
  public Query withBytes(int most) {
    return new Query(collection, where, sort, limit, after, scan, visible, most);
  }

  /** Whether the reader may know of this document. */
  boolean shows(Document document) {
    return visible == null || visible.test(document);
  }

  /**
   * Whether a document is one of those asked for. Asked only about documents that {@link #shows}
   * admits: even that {@code where} cannot be decided would tell what is in a hidden one.
   */
  boolean selects(Document document) {
    return where == null || where.matches(document.path().id(), document.json());
  }

  /** The first page of everything in {@code collection}, by id. */
  public static Query of(CollectionPath collection, int limit) {
    return new Query(collection, null, null, limit, null, 0);
  }
}
