package dev.meridian.web;

import dev.meridian.document.DocumentPath;
import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Json;
import dev.meridian.document.Patch;
import dev.meridian.document.Patches;
import dev.meridian.site.Limits;
import dev.meridian.store.Batch;
import dev.meridian.store.Commit;
import dev.meridian.store.Condition;
import dev.meridian.store.Expiry;
import dev.meridian.store.Store;
import dev.meridian.store.Write;
import dev.meridian.store.Written;
import io.helidon.http.HeaderValues;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * POST to {@code /data}: an atomic batch, {@code {"writes":[…]}}. Each write names its kind and
 * path in one member ({@code put}, {@code patch} for a merge patch, {@code jsonPatch}, {@code
 * increment} or {@code delete}), and may carry {@code value}, {@code ifMatch}, {@code ifNoneMatch},
 * {@code expiresAt}, {@code expiresIn} and {@code create}.
 */
final class BatchWriter {
  private static final Set<String> KINDS =
      Set.of("put", "patch", "jsonPatch", "increment", "delete");
  private static final Set<String> OPTIONS =
      Set.of("value", "ifMatch", "ifNoneMatch", "expiresAt", "expiresIn", "create");

  private final Gatekeeper gatekeeper;
  private final GuardedWrites writes;

  BatchWriter(Store store, Gatekeeper gatekeeper) {
    this.gatekeeper = gatekeeper;
    this.writes = new GuardedWrites(store, gatekeeper);
  }

  void post(RequestContext context) {
    QueryParameters.of(context, List.of());
    Representation form = Representation.accepted(context);
    Gatekeeper.Writers writer = gatekeeper.writer(context);
    Limits limits = context.site().limits();
    byte[] body = Bodies.read(context, limits.bodyBytes());
    Json json = Representation.batchOfBody(context, body);
    List<GuardedWrites.Guarded> batch = parse(writer, json, limits);
    boolean representation = DocumentWriter.wantsRepresentation(context);
    Commit commit =
        writes.write(
            writer,
            batch,
            IdempotencyKeys.of(context, writer.caller(), body),
            representation,
            limits);
    var headers = context.response().headers();
    headers.set(
        HeaderValues.create(
            Names.SESSION, Gatekeeper.token(context).seen(commit.version()).toString()));
    if (commit.replayed()) {
      headers.set(Names.REPLAYED);
    }
    // Values are for those who may read them.
    List<byte @Nullable []> values = new ArrayList<>();
    boolean withheld = false;
    for (Written written : commit.results()) {
      byte[] value = written.json();
      boolean shown = value != null && writer.mayRead(written.path(), value);
      values.add(shown ? value : null);
      withheld |= value != null && !shown;
    }
    if (representation && !withheld) {
      headers.set(Names.RETURNED_REPRESENTATION);
    }
    headers.set(Names.VARY);
    headers.set(form.contentType());
    context.send(form.write(results(commit, values)));
  }

  private static byte[] results(Commit commit, List<byte @Nullable []> values) {
    JsonBytes json = new JsonBytes(64 + commit.results().size() * 96);
    json.raw("{\"results\":[");
    boolean first = true;
    for (int i = 0; i < values.size(); i++) {
      Written written = commit.results().get(i);
      json.raw(first ? "{\"path\":" : ",{\"path\":").string(written.path().toString());
      first = false;
      if (written.deleted()) {
        json.raw(",\"deleted\":true");
      } else {
        json.raw(",\"etag\":").string(written.version().etag());
        json.raw(written.existed() ? ",\"created\":false" : ",\"created\":true");
        byte[] value = values.get(i);
        if (value != null) {
          json.raw(",\"value\":").raw(value);
        }
      }
      json.raw("}");
    }
    return json.raw("]}").toBytes();
  }

  private static List<GuardedWrites.Guarded> parse(
      Gatekeeper.Writers writer, Json json, Limits limits) {
    if (!(json instanceof Json.Obj(Map<String, Json> members))
        || members.size() != 1
        || !(members.get("writes") instanceof Json.Arr(List<Json> items))) {
      throw new InvalidInputException(
          "A batch is {\"writes\":[{\"put\":\"users/7\",\"value\":{…}}, …]} and nothing else.");
    }
    int most = Math.min(limits.batchWrites(), Batch.MAX_WRITES);
    if (items.size() > most) {
      throw new ProblemException(
          Problem.tooLarge(
              "The batch has " + items.size() + " writes; at most " + most + " are accepted."));
    }
    List<GuardedWrites.Guarded> writes = new ArrayList<>(items.size());
    for (int i = 0; i < items.size(); i++) {
      try {
        writes.add(parse(writer, items.get(i), limits, System.currentTimeMillis()));
      } catch (InvalidInputException e) {
        throw new InvalidInputException("Write " + i + " of the batch: " + e.getMessage(), e);
      }
    }
    return writes;
  }

  private static GuardedWrites.Guarded parse(
      Gatekeeper.Writers writer, Json item, Limits limits, long nowMillis) {
    if (!(item instanceof Json.Obj(Map<String, Json> members))) {
      throw new InvalidInputException("it is not an object.");
    }
    String kind = null;
    for (String name : members.keySet()) {
      if (KINDS.contains(name)) {
        if (kind != null) {
          throw new InvalidInputException(
              "it is both '" + kind + "' and '" + name + "'; make it two writes.");
        }
        kind = name;
      } else if (!OPTIONS.contains(name)) {
        throw new InvalidInputException("there is no member '" + name + "' of a write.");
      }
    }
    if (kind == null) {
      throw new InvalidInputException(
          "it names no path; add one of put, patch, jsonPatch, increment or delete.");
    }
    String text = text(members, kind);
    DocumentPath path = DocumentPath.parse(text == null ? "" : text);
    Condition condition = new Condition(etags(members, "ifMatch"), etags(members, "ifNoneMatch"));
    Json value = members.get("value");
    if (kind.equals("delete")) {
      if (members.keySet().stream()
          .anyMatch(name -> OPTIONS.contains(name) && !name.startsWith("if"))) {
        throw new InvalidInputException("a delete takes ifMatch and ifNoneMatch only.");
      }
      return new GuardedWrites.Guarded(
          new Write.Delete(path, condition), Grants.Kind.DELETE, path.toString(), false);
    }
    if (value == null) {
      throw new InvalidInputException("it has no 'value'; null is written as \"value\":null.");
    }
    byte[] bytes = Representation.checkSize(value.toBytes(), limits);
    Expiry expiry =
        Expiries.of(
            text(members, "expiresAt"),
            text(members, "expiresIn"),
            writer.rules(path).settings(),
            kind.equals("put") ? Expiry.NEVER : Expiry.KEEP,
            nowMillis);
    boolean setsExpiry = members.containsKey("expiresAt") || members.containsKey("expiresIn");
    if (kind.equals("put")) {
      if (members.containsKey("create")) {
        throw new InvalidInputException("'create' is for patches; a put creates anyway.");
      }
      return new GuardedWrites.Guarded(
          new Write.Put(path, bytes, condition, expiry),
          Grants.Kind.PUT,
          path.toString(),
          setsExpiry);
    }
    Patch.Kind language =
        switch (kind) {
          case "patch" -> Patch.Kind.MERGE;
          case "jsonPatch" -> Patch.Kind.JSON_PATCH;
          default -> Patch.Kind.INCREMENT;
        };
    boolean create =
        switch (members.get("create")) {
          case null -> language == Patch.Kind.INCREMENT;
          case Json.Bool(boolean said) -> said;
          default -> throw new InvalidInputException("'create' is true or false.");
        };
    Patch patch = new Patch(language, bytes, create);
    Patches.check(patch, Bodies.jsonLimits(limits));
    return new GuardedWrites.Guarded(
        new Write.Patch(path, patch, condition, expiry),
        language == Patch.Kind.INCREMENT ? Grants.Kind.INCREMENT : Grants.Kind.PATCH,
        path.toString(),
        setsExpiry);
  }

  private static @Nullable String text(Map<String, Json> members, String name) {
    return switch (members.get(name)) {
      case null -> null;
      case Json.Str(String value) -> value;
      case Json.Num(String number) when name.equals("expiresIn") -> number;
      default -> throw new InvalidInputException("'" + name + "' is a string.");
    };
  }

  private static List<String> etags(Map<String, Json> members, String name) {
    return switch (members.get(name)) {
      case null -> List.of();
      case Json.Str(String etag) -> List.of(DocumentTags.fromJson(etag));
      case Json.Arr(List<Json> items)
          when !items.isEmpty() && items.size() <= Condition.MAX_ETAGS -> {
        List<String> etags = new ArrayList<>();
        for (Json item : items) {
          if (!(item instanceof Json.Str(String etag))) {
            throw new InvalidInputException("'" + name + "' is an ETag or an array of them.");
          }
          etags.add(DocumentTags.fromJson(etag));
        }
        yield etags;
      }
      default ->
          throw new InvalidInputException(
              "'" + name + "' is an ETag or an array of 1 to " + Condition.MAX_ETAGS + " of them.");
    };
  }
}
