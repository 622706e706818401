package dev.meridian.client;

import dev.meridian.client.Transport.Effect;
import java.io.InputStream;
import java.net.URI;
import java.net.URLDecoder;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.UUID;
import java.util.function.Supplier;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A client of one Meridian server. Its methods block and may be called on any thread, at best a
 * virtual one; one client serves a whole program.
 *
 * <ul>
 *   <li><b>It reads its own writes</b>, on whichever node a request lands: the client keeps a
 *       session token and sends it along.
 *   <li><b>Trying again is safe.</b> Each write carries an idempotency key, so the client tries
 *       again by itself after a broken connection or a server that is busy, within the bounds of
 *       its {@link Options}, and the write is applied once. What cannot carry one says so: {@link
 *       #putAll} and {@link #call}.
 *   <li><b>Failures say what is known.</b> All methods throw {@link MeridianException}, whose
 *       {@link MeridianException#outcome} tells whether a write may have happened.
 *   <li><b>Nothing waits for ever</b>, but {@link Watch#next} for an event; {@link #close} ends
 *       every wait.
 * </ul>
 *
 * <p>What is wrong before anything is sent, such as a path that is none or a value that is no JSON,
 * is an {@link IllegalArgumentException}.
 *
 * <pre>{@code
 * try (var meridian = MeridianClient.connect(URI.create("http://127.0.0.1:8080"))) {
 *   Written written = meridian.put("cities/reykjavik", Map.of("country", "IS"));
 *   Document city = meridian.get("cities/reykjavik").orElseThrow();
 *   meridian.increment("visits/reykjavik", Map.of("count", 1));
 *   try (Stream<Document> cities =
 *       meridian.list("cities", ListOptions.ALL.where("country == \"IS\""))) {
 *     cities.forEach(System.out::println);
 *   }
 * }
 * }</pre>
 */
public final class MeridianClient implements AutoCloseable {
  private static final String JSON = "application/json";
  private static final String MERGE_PATCH = "application/merge-patch+json";
  private static final String JSON_PATCH = "application/json-patch+json";
  private static final String INCREMENT = "application/vnd.meridian.increment+json";
  private static final String LINES = "application/x-ndjson";
  private static final int NOT_MODIFIED = 304;

  private final Addresses addresses;
  private final Transport transport;

  private MeridianClient(URI server, Options options, Duration silence) {
    this.addresses = new Addresses(server);
    this.transport = new Transport(server, options, silence);
  }

  /**
   * A client of the server at {@code server}, such as {@code http://127.0.0.1:8080}. Connections
   * are made when they are needed.
   *
   * @throws IllegalArgumentException if it is no http or https address
   */
  public static MeridianClient connect(URI server, Options options) {
    return new MeridianClient(server, options, Watch.SILENCE);
  }

  /** For tests: watches take a connection for broken that is silent for so long. */
  static MeridianClient connect(URI server, Options options, Duration silence) {
    return new MeridianClient(server, options, silence);
  }

  /** A client without a key, with the default options. */
  public static MeridianClient connect(URI server) {
    return connect(server, Options.DEFAULT);
  }

  /** The document at {@code path}, or empty when there is none. */
  public Optional<Document> get(String path) {
    Answer answer;
    try {
      answer = transport.send(transport.request(addresses.document(path)).GET(), Effect.NONE, 0);
    } catch (MeridianException e) {
      if (isNotFound(e)) {
        return Optional.empty();
      }
      throw e;
    }
    return Optional.of(document(path, answer));
  }

  /**
   * The document at {@code path} if it is not at {@code etag} any more.
   *
   * @return empty when it is unchanged
   * @throws MeridianException with status 404 when there is no document
   */
  public Optional<Document> getIfChanged(String path, String etag) {
    Answer answer =
        transport.send(
            transport
                .request(addresses.document(path))
                .header("If-None-Match", "\"" + etag + "\"")
                .GET(),
            Effect.NONE,
            NOT_MODIFIED);
    return answer.status() == NOT_MODIFIED ? Optional.empty() : Optional.of(document(path, answer));
  }

  private static Document document(String path, Answer answer) {
    return new Document(
        path,
        requiredEtag(answer),
        answer.body(),
        answer.headers().firstValue("Expires-At").orElse(null));
  }

  /** Creates or replaces a document with anything Jackson can write. */
  public Written put(String path, Object value) {
    return put(path, value, WriteOptions.NONE);
  }

  /** Creates or replaces a document with anything Jackson can write. */
  public Written put(String path, Object value, WriteOptions options) {
    return putJson(path, Json.write(value), options);
  }

  /** Creates or replaces a document with JSON text in UTF-8. */
  public Written putJson(String path, byte[] json, WriteOptions options) {
    return write("PUT", path, JSON, json, options);
  }

  /** Creates a document in {@code collection} under a new id, made by the server. */
  public Written create(String collection, Object value) {
    Answer answer =
        transport.send(
            writing(
                addresses.collection(collection, ""),
                "POST",
                JSON,
                Json.write(value),
                WriteOptions.NONE),
            Effect.ONCE,
            0);
    return new Written(collection + "/" + newId(answer), requiredEtag(answer), replayed(answer));
  }

  /** Merges {@code changes} into a document (JSON Merge Patch, RFC 7396). */
  public Written merge(String path, Object changes, WriteOptions options) {
    return mergeJson(path, Json.write(changes), options);
  }

  /** Merges JSON text in UTF-8 into a document (JSON Merge Patch, RFC 7396). */
  public Written mergeJson(String path, byte[] changes, WriteOptions options) {
    return write("PATCH", path, MERGE_PATCH, changes, options);
  }

  /** Applies a JSON Patch (RFC 6902), given as JSON text in UTF-8, to a document. */
  public Written patchJson(String path, byte[] operations, WriteOptions options) {
    return write("PATCH", path, JSON_PATCH, operations, options);
  }

  /**
   * Adds to numbers in a document, atomically.
   *
   * @param amounts field ({@code visits}, {@code stats.views}) to what is added; a missing field
   *     counts from 0
   */
  public Written increment(String path, Map<String, ? extends Number> amounts) {
    return increment(path, amounts, WriteOptions.NONE);
  }

  /** Adds to numbers in a document, atomically. */
  public Written increment(
      String path, Map<String, ? extends Number> amounts, WriteOptions options) {
    return write("PATCH", path, INCREMENT, Json.write(amounts), options);
  }

  /** Deletes a document; one that is not there is no error. */
  public void delete(String path) {
    delete(path, WriteOptions.NONE);
  }

  /**
   * Deletes a document; one that is not there is no error.
   *
   * @return whether there was one, as far as the server tells
   */
  public boolean delete(String path, WriteOptions options) {
    try {
      transport.send(
          conditions(transport.request(addresses.document(path)), options).DELETE(),
          Effect.ONCE,
          0);
      return true;
    } catch (MeridianException e) {
      if (isNotFound(e)) {
        return false;
      }
      throw e;
    }
  }

  /**
   * The documents of a collection, fetched page by page as the stream is read. A document that
   * exists all the while and whose sort field does not change appears exactly once. For one thread.
   */
  public Stream<Document> list(String collection, ListOptions options) {
    Iterator<Document> documents =
        new Iterator<>() {
          private Page page = page(collection, options, null);
          private int at;

          @Override
          public boolean hasNext() {
            // The server may send an empty page that is not the last one.
            while (at == page.items().size() && page.next() != null) {
              page = page(collection, options, page.next());
              at = 0;
            }
            return at < page.items().size();
          }

          @Override
          public Document next() {
            if (!hasNext()) {
              throw new NoSuchElementException();
            }
            return page.items().get(at++);
          }
        };
    return StreamSupport.stream(
        Spliterators.spliteratorUnknownSize(
            documents, Spliterator.ORDERED | Spliterator.NONNULL | Spliterator.DISTINCT),
        false);
  }

  /**
   * One page of a collection.
   *
   * @param after {@link Page#next} of the page before; null for the first
   */
  public Page page(String collection, ListOptions options, @Nullable String after) {
    StringBuilder query = new StringBuilder();
    Addresses.parameter(query, "limit", Integer.toString(options.pageSize()));
    Addresses.parameter(query, "where", options.where());
    Addresses.parameter(query, "sort", options.sort());
    Addresses.parameter(query, "fields", options.fields());
    Addresses.parameter(
        query, "scan", options.scan() == 0 ? null : Integer.toString(options.scan()));
    Addresses.parameter(query, "after", after);
    Answer answer =
        transport.send(
            transport.request(addresses.collection(collection, query.toString())).GET(),
            Effect.NONE,
            0);
    List<Document> items = new ArrayList<>();
    String next = understood(answer, () -> Json.readPage(answer.body(), collection, items::add));
    if (next != null && next.equals(after)) {
      throw Problems.notMeridian(answer.status(), "a page of the list is followed by itself", null);
    }
    return new Page(items, next);
  }

  /**
   * Applies all writes or none of them.
   *
   * @param writes 1 to 500, all in one tree (below the same root document), each path once
   * @return what each did, in order
   */
  public List<Written> batch(List<? extends BatchWrite> writes) {
    ObjectNode body = Json.MAPPER.createObjectNode();
    ArrayNode list = body.putArray("writes");
    for (BatchWrite write : writes) {
      ObjectNode entry = list.addObject();
      switch (write) {
        case BatchWrite.Put put -> entry.put("put", put.path()).set("value", tree(put.value()));
        case BatchWrite.Merge merge ->
            entry.put("patch", merge.path()).set("value", tree(merge.value()));
        case BatchWrite.Increment increment ->
            entry.put("increment", increment.path()).set("value", tree(increment.amounts()));
        case BatchWrite.Delete delete -> entry.put("delete", delete.path());
      }
      if (write.ifMatch() != null) {
        entry.put("ifMatch", write.ifMatch());
      }
    }
    Answer answer =
        transport.send(
            writing(addresses.root(), "POST", JSON, Json.write(body), WriteOptions.NONE),
            Effect.ONCE,
            0);
    List<Written> results = new ArrayList<>();
    JsonNode answers =
        understood(answer, () -> Json.MAPPER.readTree(answer.body())).path("results");
    if (answers.size() != writes.size()) {
      throw Problems.notMeridian(
          answer.status(), "the answer to a batch has not a result for each write", null);
    }
    for (int i = 0; i < writes.size(); i++) {
      JsonNode etag = answers.path(i).path("etag");
      results.add(
          new Written(
              writes.get(i).path(),
              etag.isString() ? Json.unquote(etag.stringValue()) : null,
              replayed(answer)));
    }
    return results;
  }

  /**
   * Puts many documents into a collection with one request. They are written independently and
   * together quickly, not atomically; each has a result of its own.
   *
   * <p>There is no idempotency key for so many. When a connection breaks, the client sends all of
   * them again: those that had been written are then put a second time, with the same value and a
   * new version, over what others may have written meanwhile.
   *
   * @param collection where they go
   * @param records each with an id; at most 10,000 and 8 MiB together
   * @return one result for each record, in order
   * @throws IllegalArgumentException if a record's JSON is not on one line
   */
  public List<BulkResult> putAll(String collection, List<BulkRecord> records) {
    byte[] body = BulkRecord.lines(records);
    if (records.isEmpty()) {
      return List.of();
    }
    Answer answer =
        transport.send(
            transport
                .request(addresses.collection(collection, ""))
                .setHeader("Accept", LINES)
                .header("Content-Type", LINES)
                .POST(BodyPublishers.ofByteArray(body)),
            Effect.ONCE,
            0);
    return BulkResult.read(answer.body(), records);
  }

  /**
   * Follows a document or a collection. The watch begins now, or after the event that {@code
   * lastEventId} names, and reconnects by itself.
   *
   * @param path a document or a collection
   * @param lastEventId {@link Event#id} of the last event seen; null for none
   */
  public Watch watch(String path, @Nullable String lastEventId) {
    return new Watch(transport, addresses.data(path, "watch"), lastEventId);
  }

  /**
   * Any other resource of this server, as a stream: for operators' tools. A read waits at most
   * {@link Options#requestTimeout} for more.
   *
   * @param path absolute, such as {@code /backup}
   */
  public InputStream open(String path) {
    return transport.open(transport.request(URI.create(addresses.server() + path)).GET());
  }

  /**
   * Sends any other request to this server, with a JSON body unless that is null: for operators'
   * tools. A POST is not sent a second time when the first may have been carried out, for most of
   * what operators do takes no idempotency key.
   */
  public byte[] call(String method, String path, byte @Nullable [] json) {
    HttpRequest.Builder request = transport.request(URI.create(addresses.server() + path));
    if (json == null) {
      request.method(method, BodyPublishers.noBody());
    } else {
      request.header("Content-Type", JSON).method(method, BodyPublishers.ofByteArray(json));
    }
    Effect effect =
        switch (method) {
          case "GET", "HEAD" -> Effect.NONE;
          case "PUT", "DELETE" -> Effect.ONCE; // RFC 9110, section 9.2.2
          default -> Effect.EACH_TIME;
        };
    return transport.send(request, effect, 0).body();
  }

  private Written write(
      String method, String path, String contentType, byte[] body, WriteOptions options) {
    Answer answer =
        transport.send(
            writing(addresses.document(path), method, contentType, body, options), Effect.ONCE, 0);
    return new Written(path, requiredEtag(answer), replayed(answer));
  }

  private HttpRequest.Builder writing(
      URI address, String method, String contentType, byte[] body, WriteOptions options) {
    HttpRequest.Builder request =
        transport
            .request(address)
            .header("Content-Type", contentType)
            .method(method, BodyPublishers.ofByteArray(body));
    if (options.expiresAt() != null) {
      request.header("Expires-At", DateTimeFormatter.ISO_INSTANT.format(options.expiresAt()));
    }
    return conditions(request, options);
  }

  private static HttpRequest.Builder conditions(HttpRequest.Builder request, WriteOptions options) {
    String key = options.idempotencyKey();
    request.header("Idempotency-Key", key == null ? UUID.randomUUID().toString() : key);
    if (options.ifMatch() != null) {
      request.header("If-Match", quote(options.ifMatch()));
    }
    if (options.ifNoneMatch() != null) {
      request.header("If-None-Match", quote(options.ifNoneMatch()));
    }
    return request;
  }

  private static String quote(String etag) {
    return etag.equals("*") ? etag : "\"" + etag + "\"";
  }

  private static JsonNode tree(Object value) {
    try {
      return Json.MAPPER.valueToTree(value);
    } catch (JacksonException | IllegalArgumentException e) {
      throw Json.unwritable(e);
    }
  }

  private static boolean isNotFound(MeridianException e) {
    return e.status() == 404 && e.type().equals("not-found");
  }

  private static boolean replayed(Answer answer) {
    return answer.header("Idempotency-Replayed").equals("true");
  }

  private static String requiredEtag(Answer answer) {
    String etag = answer.header("ETag");
    if (etag.isEmpty()) {
      throw Problems.notMeridian(answer.status(), "the answer has no ETag", null);
    }
    return Json.unquote(etag);
  }

  private static String newId(Answer answer) {
    String location = answer.header("Location");
    String segment = location.substring(location.lastIndexOf('/') + 1);
    if (segment.isEmpty()) {
      throw Problems.notMeridian(
          answer.status(), "the answer does not say where the new document is", null);
    }
    return understood(
        answer, () -> URLDecoder.decode(segment.replace("+", "%2B"), StandardCharsets.UTF_8));
  }

  /** What {@code reading} makes of an answer that may be anybody's. */
  private static <T> T understood(Answer answer, Supplier<T> reading) {
    try {
      return reading.get();
    } catch (JacksonException | IllegalArgumentException | IllegalStateException e) {
      throw Problems.notMeridian(answer.status(), "the answer cannot be understood", e);
    }
  }

  /** Breaks off what is under way, ends the watches and frees the connections. */
  @Override
  public void close() {
    transport.close();
  }
}
