package dev.meridian.client;

import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
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
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;
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
 *       its {@link Options}, and the write is applied once.
 *   <li><b>Failures say what is known.</b> All methods throw {@link MeridianException}, whose
 *       {@link MeridianException#outcome} tells whether a write may have happened.
 * </ul>
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

  private final Addresses addresses;
  private final Transport transport;

  private MeridianClient(URI server, Options options) {
    this.addresses = new Addresses(server);
    this.transport = new Transport(server, options);
  }

  /**
   * A client of the server at {@code server}, such as {@code http://127.0.0.1:8080}. Connections
   * are made when they are needed.
   *
   * @throws IllegalArgumentException if it is no http or https address
   */
  public static MeridianClient connect(URI server, Options options) {
    return new MeridianClient(server, options);
  }

  /** A client without a key, with the default options. */
  public static MeridianClient connect(URI server) {
    return connect(server, Options.DEFAULT);
  }

  /** The document at {@code path}, or empty when there is none. */
  public Optional<Document> get(String path) {
    HttpResponse<byte[]> response =
        transport.send(transport.request(addresses.data(path, "")).GET(), false, 404);
    if (response.statusCode() == 404) {
      return Optional.empty();
    }
    return Optional.of(document(path, response));
  }

  /**
   * The document at {@code path} if it is not at {@code etag} any more.
   *
   * @return empty when it is unchanged
   * @throws MeridianException with status 404 when there is no document
   */
  public Optional<Document> getIfChanged(String path, String etag) {
    HttpResponse<byte[]> response =
        transport.send(
            transport
                .request(addresses.data(path, ""))
                .header("If-None-Match", "\"" + etag + "\"")
                .GET(),
            false);
    return response.statusCode() == 304 ? Optional.empty() : Optional.of(document(path, response));
  }

  private static Document document(String path, HttpResponse<byte[]> response) {
    return new Document(
        path,
        requiredEtag(response),
        response.body(),
        response.headers().firstValue("Expires-At").orElse(null));
  }

  /** Creates or replaces a document with anything Jackson can write. */
  public Written put(String path, Object value) {
    return put(path, value, WriteOptions.NONE);
  }

  /** Creates or replaces a document with anything Jackson can write. */
  public Written put(String path, Object value, WriteOptions options) {
    return putJson(path, Json.MAPPER.writeValueAsBytes(value), options);
  }

  /** Creates or replaces a document with JSON text in UTF-8. */
  public Written putJson(String path, byte[] json, WriteOptions options) {
    return write("PUT", path, JSON, json, options);
  }

  /** Creates a document in {@code collection} under a new id, made by the server. */
  public Written create(String collection, Object value) {
    HttpResponse<byte[]> response =
        transport.send(
            writing(
                addresses.data(collection, ""),
                "POST",
                JSON,
                Json.MAPPER.writeValueAsBytes(value),
                WriteOptions.NONE),
            true);
    String location = response.headers().firstValue("Location").orElse("");
    String id =
        java.net.URLDecoder.decode(
            location.substring(location.lastIndexOf('/') + 1).replace("+", "%2B"),
            java.nio.charset.StandardCharsets.UTF_8);
    return new Written(collection + "/" + id, requiredEtag(response), replayed(response));
  }

  /** Merges {@code changes} into a document (JSON Merge Patch, RFC 7396). */
  public Written merge(String path, Object changes, WriteOptions options) {
    return mergeJson(path, Json.MAPPER.writeValueAsBytes(changes), options);
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
    return write("PATCH", path, INCREMENT, Json.MAPPER.writeValueAsBytes(amounts), options);
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
    HttpResponse<byte[]> response =
        transport.send(
            conditions(transport.request(addresses.data(path, "")), options).DELETE(), true, 404);
    return response.statusCode() != 404;
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
    HttpResponse<byte[]> response =
        transport.send(
            transport.request(addresses.data(collection, query.toString())).GET(), false);
    List<Document> items = new ArrayList<>();
    String next = Json.readPage(response.body(), collection, items::add);
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
    HttpResponse<byte[]> response =
        transport.send(
            writing(
                addresses.root(),
                "POST",
                JSON,
                Json.MAPPER.writeValueAsBytes(body),
                WriteOptions.NONE),
            true);
    List<Written> results = new ArrayList<>();
    JsonNode answers = Json.MAPPER.readTree(response.body()).path("results");
    for (int i = 0; i < writes.size(); i++) {
      JsonNode etag = answers.path(i).path("etag");
      results.add(
          new Written(
              writes.get(i).path(),
              etag.isString() ? Json.unquote(etag.stringValue()) : null,
              replayed(response)));
    }
    return results;
  }

  /**
   * Puts many documents into a collection with one request. They are written independently and
   * together quickly, not atomically; each has a result of its own. Sending the same records again
   * is harmless.
   *
   * @param collection where they go
   * @param records each with an id; at most 8 MiB together
   * @return one result for each record, in order
   */
  public List<BulkResult> putAll(String collection, List<BulkRecord> records) {
    byte[] body = BulkRecord.lines(records);
    HttpResponse<byte[]> response =
        transport.send(
            transport
                .request(addresses.data(collection, ""))
                .setHeader("Accept", LINES)
                .header("Content-Type", LINES)
                .POST(BodyPublishers.ofByteArray(body)),
            true);
    return BulkResult.read(response.body(), records);
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
   * Any other resource of this server, as a stream: for operators' tools.
   *
   * @param path absolute, such as {@code /backup}
   */
  public InputStream open(String path) {
    return transport.stream(transport.request(URI.create(addresses.server() + path)).GET()).body();
  }

  /**
   * Sends any other request to this server, with a JSON body unless that is null: for operators'
   * tools.
   */
  public byte[] call(String method, String path, byte @Nullable [] json) {
    HttpRequest.Builder request = transport.request(URI.create(addresses.server() + path));
    if (json == null) {
      request.method(method, BodyPublishers.noBody());
    } else {
      request.header("Content-Type", JSON).method(method, BodyPublishers.ofByteArray(json));
    }
    if (!method.equals("GET")) {
      request.header("Idempotency-Key", UUID.randomUUID().toString());
    }
    return transport.send(request, !method.equals("GET")).body();
  }

  private Written write(
      String method, String path, String contentType, byte[] body, WriteOptions options) {
    HttpResponse<byte[]> response =
        transport.send(writing(addresses.data(path, ""), method, contentType, body, options), true);
    return new Written(path, requiredEtag(response), replayed(response));
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
    return Json.MAPPER.valueToTree(value);
  }

  private static boolean replayed(HttpResponse<?> response) {
    return response.headers().firstValue("Idempotency-Replayed").orElse("").equals("true");
  }

  private static String requiredEtag(HttpResponse<?> response) {
    return response
        .headers()
        .firstValue("ETag")
        .map(Json::unquote)
        .orElseThrow(
            () ->
                new MeridianException(
                    response.statusCode(),
                    "not-meridian",
                    "the answer has no ETag; is this address a Meridian server's?",
                    MeridianException.Outcome.UNKNOWN,
                    null,
                    null));
  }

  /** Breaks off what is under way and frees the connections. */
  @Override
  public void close() {
    transport.close();
  }
}
