package dev.meridian.web;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Ids;
import dev.meridian.document.Patch;
import dev.meridian.document.Patches;
import dev.meridian.site.Limits;
import dev.meridian.store.Commit;
import dev.meridian.store.Condition;
import dev.meridian.store.Expiry;
import dev.meridian.store.IdempotencyKey;
import dev.meridian.store.Store;
import dev.meridian.store.Write;
import dev.meridian.store.Written;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Status;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** PUT, PATCH and DELETE of a document, and POST to a collection. */
final class DocumentWriter {
  private final Store store;
  private final Gatekeeper gatekeeper;
  private final GuardedWrites writes;
  private final Ids ids = new Ids();

  DocumentWriter(Store store, Gatekeeper gatekeeper) {
    this.store = store;
    this.gatekeeper = gatekeeper;
    this.writes = new GuardedWrites(store, gatekeeper);
  }

  void put(RequestContext context, DocumentPath path) {
    QueryParameters.of(context, List.of());
    Gatekeeper.Writers writer = gatekeeper.writer(context);
    precheck(writer, path, Grants.Kind.PUT, path.toString());
    byte[] body = Bodies.read(context, context.site().limits().bodyBytes());
    byte[] json = Representation.ofBody(context, body);
    Expiry expiry = expiry(context, writer, path, Expiry.NEVER);
    finish(
        context,
        writer,
        new Write.Put(path, json, DocumentTags.forWrite(context), expiry),
        Grants.Kind.PUT,
        path.toString(),
        IdempotencyKeys.of(context, writer.caller(), body));
  }

  void post(RequestContext context, CollectionPath path) {
    QueryParameters.of(context, List.of());
    DocumentPath made = path.document(ids.next());
    Gatekeeper.Writers writer = gatekeeper.writer(context);
    precheck(writer, made, Grants.Kind.CREATE, path.toString());
    byte[] body = Bodies.read(context, context.site().limits().bodyBytes());
    byte[] json = Representation.ofBody(context, body);
    Expiry expiry = expiry(context, writer, made, Expiry.NEVER);
    finish(
        context,
        writer,
        new Write.Put(made, json, Condition.ABSENT, expiry),
        Grants.Kind.CREATE,
        path.toString(),
        IdempotencyKeys.of(context, writer.caller(), body));
  }

  void patch(RequestContext context, DocumentPath path) {
    QueryParameters parameters = QueryParameters.of(context, List.of("create"));
    Patch.Kind kind = patchKind(context);
    boolean create = parameters.flag("create", kind == Patch.Kind.INCREMENT);
    Grants.Kind grant = kind == Patch.Kind.INCREMENT ? Grants.Kind.INCREMENT : Grants.Kind.PATCH;
    Gatekeeper.Writers writer = gatekeeper.writer(context);
    precheck(writer, path, grant, path.toString());
    Limits limits = context.site().limits();
    byte[] body = Bodies.read(context, limits.bodyBytes());
    Patch patch = new Patch(kind, Representation.json(body, limits), create);
    Patches.check(patch, Bodies.jsonLimits(limits));
    Expiry expiry = expiry(context, writer, path, Expiry.KEEP);
    finish(
        context,
        writer,
        new Write.Patch(path, patch, DocumentTags.forWrite(context), expiry),
        grant,
        path.toString(),
        IdempotencyKeys.of(context, writer.caller(), body));
  }

  void delete(RequestContext context, DocumentPath path) {
    QueryParameters.of(context, List.of());
    Gatekeeper.Writers writer = gatekeeper.writer(context);
    precheck(writer, path, Grants.Kind.DELETE, path.toString());
    finish(
        context,
        writer,
        new Write.Delete(path, DocumentTags.forWrite(context)),
        Grants.Kind.DELETE,
        path.toString(),
        IdempotencyKeys.of(context, writer.caller(), new byte[0]));
  }

  /** Refuses before the body is read, where the rule can tell without it. */
  private static void precheck(
      Gatekeeper.Writers writer, DocumentPath path, Grants.Kind kind, String granted) {
    if (!writer.dependsOnDocument(path)) {
      writer.check(path, kind, granted, null, null);
    }
  }

  private static Expiry expiry(
      RequestContext context, Gatekeeper.Writers writer, DocumentPath path, Expiry otherwise) {
    return Expiries.of(
        context.header(Names.EXPIRES_AT),
        context.header(Names.EXPIRES_IN),
        writer.rules(path).settings(),
        otherwise,
        System.currentTimeMillis());
  }

  static Patch.Kind patchKind(RequestContext context) {
    String type = Bodies.mediaType(context);
    return switch (type) {
      case "application/merge-patch+json" -> Patch.Kind.MERGE;
      case "application/json-patch+json" -> Patch.Kind.JSON_PATCH;
      case "application/vnd.meridian.increment+json" -> Patch.Kind.INCREMENT;
      default ->
          throw new ProblemException(
              Problem.of(
                      Status.UNSUPPORTED_MEDIA_TYPE_415,
                      "unsupported-media-type",
                      "This format is not understood here",
                      "PATCH does not take "
                          + (type.isEmpty() ? "a body without Content-Type" : "'" + type + "'")
                          + ". Say which patch language it is: application/merge-patch+json (RFC"
                          + " 7396), application/json-patch+json (RFC 6902) or"
                          + " application/vnd.meridian.increment+json (fields and what to add).")
                  .with(Names.PATCHES));
    };
  }

  private void finish(
      RequestContext context,
      Gatekeeper.Writers writer,
      Write write,
      Grants.Kind kind,
      String granted,
      @Nullable IdempotencyKey key) {
    boolean setsExpiry =
        !(write instanceof Write.Delete)
            && (context.header(Names.EXPIRES_AT) != null
                || context.header(Names.EXPIRES_IN) != null);
    boolean representation = wantsRepresentation(context) && !(write instanceof Write.Delete);
    Representation form = representation ? Representation.accepted(context) : Representation.JSON;
    Commit commit =
        writes.write(
            writer,
            List.of(new GuardedWrites.Guarded(write, kind, granted, setsExpiry)),
            key,
            representation,
            context.site().limits());
    Written written = commit.results().getFirst();
    var response = context.response();
    var headers = response.headers();
    headers.set(
        HeaderValues.create(
            Names.SESSION, Gatekeeper.token(context).seen(commit.version()).toString()));
    if (commit.replayed()) {
      headers.set(Names.REPLAYED);
    }
    byte[] value = representation ? value(written) : null;
    byte[] json = value != null && writer.mayRead(written.path(), value) ? value : null;
    boolean created = !written.existed() && !written.deleted();
    if (!written.deleted()) {
      headers.set(
          HeaderValues.create(
              HeaderNames.ETAG,
              '"'
                  + written.version().etag()
                  + (json == null ? Representation.JSON : form).suffix()
                  + '"'));
    }
    if (created) {
      response.status(Status.CREATED_201);
      headers.set(
          HeaderValues.create(
              HeaderNames.LOCATION,
              Target.PREFIX + "/" + Percent.encodePath(written.path().toString())));
    }
    if (json != null) {
      headers.set(Names.RETURNED_REPRESENTATION);
      headers.set(Names.VARY);
      headers.set(form.contentType());
      context.send(form.write(json));
    } else {
      if (!created) {
        response.status(Status.NO_CONTENT_204);
      }
      context.send();
    }
  }

  /** The value as it was written; an answer repeated for an idempotency key reads it again. */
  private byte @Nullable [] value(Written written) {
    byte[] json = written.json();
    if (json != null || written.deleted()) {
      return json;
    }
    return gatekeeper
        .current(written.path())
        .filter(document -> document.version().equals(written.version()))
        .map(Document::json)
        .orElse(null);
  }

  static boolean wantsRepresentation(RequestContext context) {
    String prefer = context.header(Names.PREFER);
    return prefer != null
        && prefer.toLowerCase(Locale.ROOT).replace(" ", "").contains("return=representation");
  }
}
