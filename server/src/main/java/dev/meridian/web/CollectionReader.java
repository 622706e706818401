package dev.meridian.web;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.Document;
import dev.meridian.document.Filter;
import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Projection;
import dev.meridian.site.Limits;
import dev.meridian.store.Page;
import dev.meridian.store.Position;
import dev.meridian.store.Query;
import dev.meridian.store.ReadBudget;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.Sort;
import dev.meridian.store.Store;
import io.helidon.http.Header;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Status;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** GET and HEAD of a collection: one page of its documents. */
final class CollectionReader {
  /** Documents in a page unless the request says otherwise. */
  static final int DEFAULT_LIMIT = 100;

  private static final int MAX_EXPRESSION_CHARS = 4096;
  private static final int MAX_CURSOR_CHARS = 8192;
  private static final List<String> PARAMETERS =
      List.of("limit", "after", "where", "sort", "fields", "scan");

  private final Store store;
  private final Gatekeeper gatekeeper;

  CollectionReader(Store store, Gatekeeper gatekeeper) {
    this.store = store;
    this.gatekeeper = gatekeeper;
  }

  void get(RequestContext context, CollectionPath path) {
    QueryParameters parameters = QueryParameters.of(context, PARAMETERS);
    Gatekeeper.Readers readers = gatekeeper.reader(context, path.segments());
    ReadOptions options = Gatekeeper.readOptions(context);
    Representation form = Representation.accepted(context);
    Query asked = query(path, parameters, context.site().limits());
    Query query =
        readers.perDocument()
            ? asked.visibleTo(document -> readers.mayRead(document.path(), document.json()))
            : asked;
    String fields = parameters.get("fields");
    Projection projection = fields == null ? null : Projection.parse(fields);

    // Taken first, so that a watch from here on misses nothing that the list does not show.
    Position position = store.position();
    // Held until the answer is sent, which the client may take its time for.
    try (ReadBudget.Lease memory = ReadBudget.PROCESS.page(query.limit())) {
      long doubts = store.doubts();
      Page page = store.list(query.withBytes(memory.pageBytes()), options);
      Optional<Header> stale = Gatekeeper.stale(store, options, doubts);
      stale.ifPresent(context.response().headers()::set);
      readers.caching(expiresAtMillis(page), stale.isPresent());
      // All of it, and not only what is on the page: what was deleted must not come back, either.
      Gatekeeper.session(context, store.seen()).ifPresent(context.response().headers()::set);
      send(context, page, projection, position, form, memory);
    }
  }

  private void send(
      RequestContext context,
      Page page,
      @Nullable Projection projection,
      Position position,
      Representation form,
      ReadBudget.Lease memory) {
    var headers = context.response().headers();
    headers.set(HeaderValues.create(Names.POSITION, position.toString()));
    byte[] body = form.write(json(page, projection));
    boolean gzip = Gzip.wanted(context, body.length);
    String tag = EntityTags.strong(body, gzip ? Gzip.SUFFIX : "");
    headers.set(HeaderValues.create(HeaderNames.ETAG, tag));
    var asked = context.request().headers();
    if (asked.contains(HeaderNames.IF_NONE_MATCH)
        && EntityTags.matches(asked.values(HeaderNames.IF_NONE_MATCH), tag)) {
      context.response().status(Status.NOT_MODIFIED_304);
      context.send();
      return;
    }
    if (gzip) {
      body = Gzip.compress(body);
      headers.set(Gzip.ENCODING);
    }
    headers.set(form.contentType());
    // The page itself stays within reach of the caller's frame until then, too.
    memory.shrink(2L * body.length + held(page));
    context.send(body);
  }

  private static Query query(CollectionPath path, QueryParameters parameters, Limits limits) {
    String where = parameters.get("where");
    if (where != null && where.length() > MAX_EXPRESSION_CHARS) {
      throw new InvalidInputException(
          "where is longer than " + MAX_EXPRESSION_CHARS + " characters; simplify it.");
    }
    String sort = parameters.get("sort");
    String after = parameters.get("after");
    if (after != null && (after.isEmpty() || after.length() > MAX_CURSOR_CHARS)) {
      throw new InvalidInputException(
          "after is the 'next' of the page before, sent back as it was received.");
    }
    int mostDocuments = Math.min(limits.listLimit(), Query.MAX_LIMIT);
    return new Query(
        path,
        where == null ? null : Filter.compile(where),
        sort == null ? null : Sort.parse(sort),
        parameters.number("limit", Math.min(DEFAULT_LIMIT, mostDocuments), 1, mostDocuments),
        after,
        scan(parameters, Math.min(limits.scanDocuments(), Query.MAX_SCAN)));
  }

  /** {@code scan} alone or {@code scan=true} allows what the site allows at most. */
  private static int scan(QueryParameters parameters, int most) {
    String value = parameters.get("scan");
    return value != null && !value.isEmpty() && Character.isDigit(value.charAt(0))
        ? parameters.number("scan", 0, 0, most)
        : parameters.flag("scan", false) ? most : 0;
  }

  /** When the first of the documents expires; NEVER if none does. */
  private static long expiresAtMillis(Page page) {
    long first = Document.NEVER;
    for (Document document : page.documents()) {
      long millis = document.expiresAtMillis();
      if (millis != Document.NEVER && (first == Document.NEVER || millis < first)) {
        first = millis;
      }
    }
    return first;
  }

  private static long held(Page page) {
    long bytes = 0;
    for (Document document : page.documents()) {
      bytes += document.json().length;
    }
    return bytes;
  }

  /** The page as JSON. Values are copied as they are stored. */
  private static byte[] json(Page page, @Nullable Projection projection) {
    JsonBytes json = new JsonBytes(256 + page.documents().size() * 256);
    json.raw("{\"items\":[");
    boolean first = true;
    for (Document document : page.documents()) {
      json.raw(first ? "{\"id\":" : ",{\"id\":");
      first = false;
      json.string(document.path().id());
      json.raw(",\"etag\":").string(document.version().etag());
      if (document.expiresAtMillis() != Document.NEVER) {
        json.raw(",\"expires\":").string(Expiries.format(document.expiresAtMillis()));
      }
      json.raw(",\"value\":");
      json.raw(projection == null ? document.json() : projection.apply(document.json()));
      json.raw("}");
    }
    json.raw("]");
    String next = page.next();
    if (next != null) {
      json.raw(",\"next\":").string(next);
    }
    return json.raw("}").toBytes();
  }
}
