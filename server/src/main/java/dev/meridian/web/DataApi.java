package dev.meridian.web;

import dev.meridian.document.Document;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.Store;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import java.util.Optional;

/** The data API: {@code /data/…}. */
final class DataApi {
  private final Store store;

  DataApi(Store store, Access access) {
    this.store = store;
  }

  /** Answers one request. */
  void handle(RequestContext context, String rawPath) {
    Target target = Target.parse(rawPath);
    if (target instanceof Target.OneDocument(var path)) {
      context.route(Route.DOCUMENT);
      Optional<Document> found = store.get(path, ReadOptions.SESSION);
      if (found.isEmpty()) {
        throw new ProblemException(
            Problem.notFound("There is no document '" + path + "', or it has expired."));
      }
      Document document = found.get();
      var response = context.response();
      response.header(HeaderValues.CONTENT_TYPE_JSON);
      response.header(Names.NOSNIFF);
      response.header(Names.NO_CACHE);
      response.header(Names.VARY);
      response.header(HeaderValues.create(HeaderNames.ETAG, '"' + document.version().etag() + '"'));
      Answers.send(context, document.json());
      return;
    }
    throw new ProblemException(Problem.notFound("Not yet."));
  }
}
