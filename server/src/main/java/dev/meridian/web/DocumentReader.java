package dev.meridian.web;

import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.Store;
import dev.meridian.store.StoreException;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Status;
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
    QueryParameters.of(context, List.of());
    Gatekeeper.Readers readers = gatekeeper.reader(context, path.segments());
    ReadOptions options = Gatekeeper.readOptions(context);
    Representation form = Representation.accepted(context);
    Optional<Document> found = store.get(path, options);
    if (readers.perDocument() && !readers.mayRead(path, found.map(Document::json).orElse(null))) {
      throw Access.refused(readers.caller(), "read '" + path + "'");
    }
    if (found.isEmpty()) {
      throw new ProblemException(
          Problem.notFound("There is no document '" + path + "', or it has expired."));
    }
    Document document = found.get();
    var response = context.response();
    var headers = response.headers();
    headers.set(Names.VARY);
    headers.set(Names.NO_CACHE);
    if (document.expiresAtMillis() != Document.NEVER) {
      headers.set(
          HeaderValues.create(Names.EXPIRES_AT, Expiries.format(document.expiresAtMillis())));
    }
    if (context.request().headers().contains(Names.SESSION)) {
      headers.set(
          HeaderValues.create(
              Names.SESSION, Gatekeeper.token(context).seen(document.version()).toString()));
    }
    String etag = document.version().etag() + form.suffix();
    switch (DocumentTags.forRead(context, document.version(), form.suffix())) {
      case FAILED -> throw new StoreException.PreconditionFailed(path, document.version());
      case NOT_MODIFIED -> {
        headers.set(HeaderValues.create(HeaderNames.ETAG, '"' + etag + '"'));
        response.status(Status.NOT_MODIFIED_304);
        context.send();
      }
      case SEND -> {
        byte[] body = form.write(document.json());
        if (Gzip.wanted(context, body.length)) {
          body = Gzip.compress(body);
          etag += Gzip.SUFFIX;
          headers.set(Gzip.ENCODING);
        }
        headers.set(HeaderValues.create(HeaderNames.ETAG, '"' + etag + '"'));
        headers.set(form.contentType());
        byte[] json = document.json();
        context.sendCounted(body, body == json ? 0 : json.length);
      }
    }
  }
}
