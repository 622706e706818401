package dev.meridian.web;

import dev.meridian.cache.Making;
import dev.meridian.document.CollectionPath;
import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Filter;
import dev.meridian.document.InvalidInputException;
import dev.meridian.site.Site;
import dev.meridian.store.Page;
import dev.meridian.store.Query;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.Sort;
import dev.meridian.store.Store;
import dev.meridian.store.StoreException;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What one page reads, within bounds: so many reads, so many documents, so much time. */
final class PageReads {
  /** Most documents and lists a page may ask for. */
  static final int MAX_READS = 250;

  /** Most documents that may come of it. */
  static final int MAX_DOCUMENTS = 20_000;

  /** Longest time for a page, whatever {@code limits.requestTime} allows. */
  static final Duration MAX_TIME = Duration.ofSeconds(10);

  private final Store store;
  private final Site site;
  private final ReadOptions options;
  private final long deadlineNanos;
  private final @Nullable Making making;
  private int reads;
  private int documents;

  /**
   * Reads for one page.
   *
   * @param making told of all that is read; null if nobody wants to know
   */
  PageReads(Store store, Site site, ReadOptions options, @Nullable Making making) {
    this.store = store;
    this.site = site;
    this.options = options;
    this.making = making;
    Duration limit = site.limits().requestTime();
    this.deadlineNanos =
        System.nanoTime() + (limit.compareTo(MAX_TIME) < 0 ? limit : MAX_TIME).toNanos();
  }

  /** For the same page once more, with its time and its numbers anew. */
  PageReads again(ReadOptions now) {
    return new PageReads(store, site, now, making);
  }

  Site site() {
    return site;
  }

  /**
   * Ends the page if its time is over, or if the watchdog has told its thread to end.
   *
   * @throws PageFailure.TooSlow then
   */
  void checkTime(String template, int line) {
    if (System.nanoTime() - deadlineNanos > 0 || Thread.currentThread().isInterrupted()) {
      throw new PageFailure.TooSlow(template, line);
    }
  }

  /** The document, or empty when there is none, also because there can be none by that path. */
  Optional<Document> document(String template, int line, String path) {
    DocumentPath parsed;
    try {
      parsed = DocumentPath.parse(path);
    } catch (InvalidInputException e) {
      if (path.indexOf('/') < 0) {
        throw new PageFailure(template, line, String.valueOf(e.getMessage()), e);
      }
      // A visitor's segment that can be no id: then there is no such document.
      return Optional.empty();
    }
    if (parsed.isReserved()) {
      throw reserved(template, line, path);
    }
    count(template, line, 1);
    if (making == null) {
      return store.get(parsed, options);
    }
    making.reads(parsed);
    Optional<Document> found = store.get(parsed, options);
    found.ifPresent(making::expiresWith);
    return found;
  }

  /** A page of a collection. */
  Page list(
      String template,
      int line,
      String collection,
      @Nullable String where,
      @Nullable String sort,
      int limit,
      @Nullable String after,
      int scan) {
    Query query;
    try {
      CollectionPath path = CollectionPath.parse(collection);
      if (path.isReserved()) {
        throw reserved(template, line, collection);
      }
      query =
          new Query(
              path,
              where == null || where.isBlank() ? null : Filter.compile(where),
              sort == null || sort.isBlank() ? null : Sort.parse(sort),
              Math.min(limit, site.limits().listLimit()),
              after == null || after.isBlank() ? null : after,
              Math.min(scan, site.limits().scanDocuments()));
    } catch (InvalidInputException e) {
      throw new PageFailure(template, line, String.valueOf(e.getMessage()), e);
    }
    count(template, line, 0);
    if (making != null) {
      making.reads(query.collection());
    }
    Page page;
    try {
      page = store.list(query, options);
    } catch (StoreException.NoIndex e) {
      throw new PageFailure(template, line, String.valueOf(e.getMessage()), e);
    } catch (InvalidInputException e) {
      if (query.after() != null) {
        // The cursor came with the request, so the request is what is wrong.
        throw e;
      }
      throw new PageFailure(template, line, String.valueOf(e.getMessage()), e);
    }
    documents += page.documents().size();
    if (making != null) {
      page.documents().forEach(making::expiresWith);
    }
    return page;
  }

  private static PageFailure reserved(String template, int line, String path) {
    return new PageFailure(
        template, line, "'" + path + "' is Meridian's own; pages cannot read it.", null);
  }

  private void count(String template, int line, int more) {
    checkTime(template, line);
    reads++;
    documents += more;
    if (reads > MAX_READS || documents > MAX_DOCUMENTS) {
      throw new PageFailure(
          template,
          line,
          "a page may read "
              + MAX_READS
              + " times and "
              + MAX_DOCUMENTS
              + " documents in all; use one list() instead of many document() calls.",
          null);
    }
  }
}
