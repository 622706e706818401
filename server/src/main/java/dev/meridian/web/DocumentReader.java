package dev.meridian.web;

import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Projection;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.Store;
import dev.meridian.store.StoreException;
import io.helidon.http.Header;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Status;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;

/** GET and HEAD of one document. */
final class DocumentReader {
  private final Store store;
  private final Gatekeeper gatekeeper;

  DocumentReader(Store store, Gatekeeper gatekeeper) {
    this.store = store;
    this.gatekeeper = gatekeeper;
  }

  void get(RequestContext context, DocumentPath path) {
    String fields = QueryParameters.of(context, List.of("fields")).get("fields");
    Projection projection = fields == null ? null : Projection.parse(fields);
    Gatekeeper.Readers readers = gatekeeper.reader(context, path.segments());
    ReadOptions options = Gatekeeper.readOptions(context);
    Representation form = Representation.accepted(context);
    long doubts = store.doubts();
    Optional<Document> found = store.get(path, options);
    if (readers.perDocument() && !readers.mayRead(path, found.map(Document::json).orElse(null))) {
      throw Access.refused(readers.caller(), "read '" + path + "'");
    }
    if (found.isEmpty()) {
      Problem problem = Problem.notFound("There is no document '" + path + "', or it has expired.");
      // Nor may the place be as it is now on other nodes.
      Optional<Header> old = Gatekeeper.stale(store, options, doubts);
      Problem told = old.map(problem::with).orElse(problem);
      // It may have been deleted: this client must not see it again on a node that lags.
      throw new ProblemException(
          Gatekeeper.session(context, store.seen()).map(told::with).orElse(told));
    }
    Document document = found.get();
    var response = context.response();
    var headers = response.headers();
    Optional<Header> stale = Gatekeeper.stale(store, options, doubts);
    stale.ifPresent(headers::set);
    readers.caching(document.expiresAtMillis(), stale.isPresent());
    if (document.expiresAtMillis() != Document.NEVER) {
      headers.set(
          HeaderValues.create(Names.EXPIRES_AT, Expiries.format(document.expiresAtMillis())));
    }
    Gatekeeper.session(context, document.version()).ifPresent(headers::set);
    String suffix = (fields == null ? "" : suffix(fields)) + form.suffix();
    switch (DocumentTags.forRead(context, document.version(), suffix)) {
      case DocumentTags.Outcome.Failed() ->
          throw new StoreException.PreconditionFailed(path, document.version());
      case DocumentTags.Outcome.NotModified(String known) when known != null -> {
        headers.set(HeaderValues.create(HeaderNames.ETAG, '"' + known + '"'));
        response.status(Status.NOT_MODIFIED_304);
        context.send();
      }
      case DocumentTags.Outcome outcome -> {
        byte[] json = document.json();
        byte[] body = form.write(projection == null ? json : projection.apply(json));
        boolean gzip = Gzip.wanted(context, body.length);
        String etag = document.version().etag() + suffix + (gzip ? Gzip.SUFFIX : "");
        headers.set(HeaderValues.create(HeaderNames.ETAG, '"' + etag + '"'));
        if (outcome instanceof DocumentTags.Outcome.NotModified) {
          response.status(Status.NOT_MODIFIED_304);
          context.send();
          return;
        }
        if (gzip) {
          body = Gzip.compress(body);
          headers.set(Gzip.ENCODING);
        }
        headers.set(form.contentType());
        context.sendCounted(body, body == json ? 0 : json.length);
      }
    }
  }

  /** What tells the ETags of some fields from those of the document, and of other fields. */
  private static String suffix(String fields) {
    return "+fields-" + EntityTags.hash(fields.getBytes(StandardCharsets.UTF_8)).substring(0, 10);
  }
}
