package dev.meridian.web;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Ids;
import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Json;
import dev.meridian.document.JsonLimits;
import dev.meridian.document.Version;
import dev.meridian.site.Limits;
import dev.meridian.store.Batch;
import dev.meridian.store.Commit;
import dev.meridian.store.Condition;
import dev.meridian.store.Expiry;
import dev.meridian.store.SessionToken;
import dev.meridian.store.Store;
import dev.meridian.store.StoreException;
import dev.meridian.store.Write;
import io.helidon.http.Header;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/**
 * POST of {@code application/x-ndjson} to a collection: many documents with one request, each line
 * {@code {"id":…,"value":…}}, the id made by the server where it is left out, and with {@code
 * "expires"}, a time as in {@code Expires-At}, where the document is to expire. The answer has a
 * line for each line, in the same order: {@code {"id":…,"etag":…}}, or {@code
 * {"id":…,"problem":{…}}}.
 *
 * <p>Not atomic: each document is written, refused and acknowledged by itself, and other requests
 * see them one by one. Of two lines with the same id, the later one wins. Sending the same lines
 * again is harmless when they carry their ids.
 */
final class BulkImport {
  /** What it takes and gives. */
  static final String MEDIA_TYPE = "application/x-ndjson";

  /** Most lines in a request. */
  static final int MAX_LINES = 10_000;

  /** Writes at once for one request: as many share an entry of the log, and one fsync. */
  private static final int IN_FLIGHT = 512;

  /** What a line is longer than its value: an id, names, quotes. */
  private static final int LINE_OVERHEAD = 16 << 10;

  private static final Set<String> MEMBERS = Set.of("id", "value", "expires");

  private static final Header CONTENT_TYPE =
      HeaderValues.createCached(HeaderNames.CONTENT_TYPE, MEDIA_TYPE);

  private final Store store;
  private final Gatekeeper gatekeeper;
  private final GuardedWrites guarded;
  private final Ids ids = new Ids();

  BulkImport(Store store, Gatekeeper gatekeeper) {
    this.store = store;
    this.gatekeeper = gatekeeper;
    this.guarded = new GuardedWrites(store, gatekeeper);
  }

  void post(RequestContext context, CollectionPath collection) {
    QueryParameters.of(context, List.of());
    Gatekeeper.Writers writer = gatekeeper.writer(context);
    Limits limits = context.site().limits();
    byte[] body = Bodies.read(context, limits.bodyBytes());
    List<byte[]> lines = lines(body);
    Result[] results = new Result[lines.size()];
    Arrays.setAll(results, i -> new Result());
    Flight flight = new Flight();
    try {
      for (int i = 0; i < results.length; i++) {
        start(flight, writer, collection, lines.get(i), limits, results[i]);
      }
    } finally {
      flight.land();
    }
    SessionToken seen = Gatekeeper.token(context);
    JsonBytes answer = new JsonBytes(64 + results.length * 80);
    for (Result result : results) {
      Version version = result.version;
      if (version != null) {
        seen = seen.seen(version);
      }
      result.write(answer, context.id());
    }
    context.response().header(HeaderValues.create(Names.SESSION, seen.toString()));
    context.response().header(CONTENT_TYPE);
    context.send(answer.toBytes());
  }

  /** Checks a line on the request's thread and hands its write on. */
  private void start(
      Flight flight,
      Gatekeeper.Writers writer,
      CollectionPath collection,
      byte[] line,
      Limits limits,
      Result result) {
    try {
      JsonLimits whole = Bodies.jsonLimits(limits);
      Json json =
          Json.parse(
              line,
              whole
                  .withBytes(limits.documentBytes() + LINE_OVERHEAD)
                  .withDepth(Math.min(limits.nestingDepth() + 1, JsonLimits.MAX_DEPTH)));
      if (!(json instanceof Json.Obj(Map<String, Json> members))
          || !members.containsKey("value")
          || !MEMBERS.containsAll(members.keySet())) {
        throw new InvalidInputException(
            "A line is {\"id\":…,\"value\":…,\"expires\":…} and nothing else; id and expires may be"
                + " left out.");
      }
      String id =
          switch (members.get("id")) {
            case null -> ids.next();
            case Json.Str(String text) -> text;
            default -> throw new InvalidInputException("The id is a string.");
          };
      result.id = id;
      DocumentPath path = collection.document(id);
      Json value = members.getOrDefault("value", Json.NULL);
      byte[] bytes = Representation.checkSize(value.toBytes(), limits);
      Expiry expiry =
          Expiries.of(
              expires(members.get("expires")),
              null,
              writer.rules(path).settings(),
              Expiry.NEVER,
              System.currentTimeMillis());
      Write.Put put = new Write.Put(path, bytes, Condition.NONE, expiry);
      if (writer.dependsOnDocument(path)) {
        // Such a rule looks at the document first, so the lines before this one must be done.
        flight.land();
        var write = new GuardedWrites.Guarded(put, Grants.Kind.PUT, path.toString(), false);
        result.done(guarded.write(writer, List.of(write), null, false, limits));
      } else {
        writer.check(path, Grants.Kind.PUT, path.toString(), null, null);
        flight.launch(id, result, () -> store.write(Batch.of(put)));
      }
    } catch (InvalidInputException | StoreException | ProblemException e) {
      result.failed(e);
    }
  }

  private static @Nullable String expires(@Nullable Json json) {
    return switch (json) {
      case null -> null;
      case Json.Str(String text) -> text;
      default -> throw new InvalidInputException("expires is a string, as Expires-At has it.");
    };
  }

  /** The lines that hold something. */
  private static List<byte[]> lines(byte[] body) {
    List<byte[]> lines = new ArrayList<>();
    for (int from = 0; from < body.length; ) {
      int to = from;
      boolean blank = true;
      while (to < body.length && body[to] != '\n') {
        blank &= body[to] == ' ' || body[to] == '\t' || body[to] == '\r';
        to++;
      }
      if (!blank) {
        if (lines.size() == MAX_LINES) {
          throw new ProblemException(
              Problem.tooLarge(
                  "There are more than " + MAX_LINES + " lines; send them in several requests."));
        }
        lines.add(Arrays.copyOfRange(body, from, to));
      }
      from = to + 1;
    }
    return lines;
  }

  /** What became of one line. Written by one thread, read after {@link Flight#land}. */
  private static final class Result {
    private @Nullable String id;
    private @Nullable Version version;
    private @Nullable Problem problem;

    void done(Commit commit) {
      version = commit.version();
    }

    void failed(Throwable thrown) {
      problem = Problem.from(thrown);
    }

    void write(JsonBytes to, String requestId) {
      String name = id;
      if (name == null) {
        to.raw("{");
      } else {
        to.raw("{\"id\":").string(name).raw(",");
      }
      Version at = version;
      if (at != null) {
        to.raw("\"etag\":").string(at.etag()).raw("}\n");
        return;
      }
      Problem why = problem == null ? Problem.internal() : problem;
      to.raw("\"problem\":").raw(why.json(requestId)).raw("}\n");
    }
  }

  /** The writes of one request that are under way. For the request's thread. */
  private static final class Flight {
    private final Semaphore room = new Semaphore(IN_FLIGHT);
    private final Set<String> ids = new HashSet<>();

    /** A write that blocks. */
    interface Job {
      Commit run();
    }

    /** Begins a write, after those before it with the same id. */
    void launch(String id, Result result, Job job) {
      if (!ids.add(id)) {
        land();
        ids.add(id);
      }
      room.acquireUninterruptibly();
      Thread.startVirtualThread(
          () -> {
            try {
              result.done(job.run());
            } catch (RuntimeException e) {
              result.failed(e);
            } finally {
              room.release();
            }
          });
    }

    /** Waits for every write under way; each has an end, for the store bounds its waiting. */
    void land() {
      room.acquireUninterruptibly(IN_FLIGHT);
      room.release(IN_FLIGHT);
      ids.clear();
    }
  }
}
