package dev.meridian.web;

import dev.meridian.document.DocumentPath;
import dev.meridian.store.Store;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Status;

/**
 * The data API: {@code /data/…}. Finds out what a request is for; the classes that {@code handle}
 * names do it.
 */
final class DataApi {
  private static final String ON_DOCUMENT = "GET, HEAD, PUT, PATCH, DELETE, OPTIONS";
  private static final String ON_COLLECTION = "GET, HEAD, POST, OPTIONS";
  private static final String ON_ROOT = "GET, HEAD, POST, OPTIONS";

  private final DocumentReader reader;
  private final CollectionReader lists;
  private final DocumentWriter writer;
  private final BatchWriter batches;
  private final BulkImport bulkImport;
  private final BulkExport bulkExport;
  private final Watches watches;

  DataApi(Store store, Access access, Watches watches) {
    Gatekeeper gatekeeper = new Gatekeeper(store, access);
    this.reader = new DocumentReader(store, gatekeeper);
    this.lists = new CollectionReader(store, gatekeeper);
    this.writer = new DocumentWriter(store, gatekeeper);
    this.batches = new BatchWriter(store, gatekeeper);
    this.bulkImport = new BulkImport(store, gatekeeper);
    this.bulkExport = new BulkExport(store, gatekeeper);
    this.watches = watches;
  }

  /** Answers one request, or throws what {@link Problem#from} understands. */
  void handle(RequestContext context, String rawPath) {
    Target target = Target.parse(rawPath);
    String method = context.request().prologue().method().text();
    switch (target) {
      case Target.OneDocument(DocumentPath path) -> {
        context.route(Route.DOCUMENT);
        switch (method) {
          case "GET", "HEAD" -> {
            if (Watches.isWanted(context)) {
              watches.document(context, path);
            } else {
              reader.get(context, path);
            }
          }
          case "PUT" -> writer.put(context, path);
          case "PATCH" -> writer.patch(context, path);
          case "DELETE" -> writer.delete(context, path);
          default -> otherwise(context, method, ON_DOCUMENT, "a document");
        }
      }
      case Target.OneCollection(var path) -> {
        context.route(Route.COLLECTION);
        switch (method) {
          case "GET", "HEAD" -> {
            if (Watches.isWanted(context)) {
              watches.collection(context, path);
            } else {
              lists.get(context, path);
            }
          }
          case "POST" -> {
            if (Bodies.mediaType(context).equals(BulkImport.MEDIA_TYPE)) {
              bulkImport.post(context, path);
            } else {
              writer.post(context, path);
            }
          }
          default -> otherwise(context, method, ON_COLLECTION, "a collection");
        }
      }
      case Target.Root() -> {
        context.route(Route.BATCH);
        switch (method) {
          case "POST" -> batches.post(context);
          case "GET", "HEAD" -> bulkExport.get(context);
          default -> otherwise(context, method, ON_ROOT, "the root of the data API");
        }
      }
    }
  }

  private static void otherwise(
      RequestContext context, String method, String allowed, String what) {
    if (method.equals("OPTIONS")) {
      var response = context.response();
      response.status(Status.NO_CONTENT_204);
      response.header(HeaderValues.create(HeaderNames.ALLOW, allowed));
      if (allowed.contains("PATCH")) {
        response.header(Names.PATCHES);
      }
      context.send();
      return;
    }
    throw new ProblemException(
        Problem.of(
                Status.METHOD_NOT_ALLOWED_405,
                "method-not-allowed",
                "Method not allowed",
                "This address is "
                    + what
                    + ", which takes "
                    + allowed
                    + ". Addresses alternate: /data/collection/id/collection/id.")
            .with(HeaderValues.create(HeaderNames.ALLOW, allowed)));
  }
}
