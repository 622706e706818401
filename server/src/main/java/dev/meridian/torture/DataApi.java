package dev.meridian.torture;

import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Json;
import dev.meridian.torture.Operation.Kind;
import dev.meridian.torture.Operation.Level;
import dev.meridian.torture.Operation.Outcome;
import dev.meridian.torture.Operation.Part;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;

/**
 * The data API as the torture uses it: one attempt a call, and all that the answer tells. Unlike
 * the Java client it tries nothing again, and names the level of a read. Any thread.
 */
final class DataApi implements AutoCloseable {
  private static final String SESSION = "Meridian-Session";
  private static final String JSON = "application/json";

  /**
   * What came of one attempt.
   *
   * @param parts with what was read or the versions that were written; empty unless it is OK
   * @param token the session token that came back; empty for none
   * @param note for people
   */
  record Answer(Outcome outcome, List<Part> parts, String token, String note) {}

  private final @Nullable String key;
  private final Duration timeout;
  private final HttpClient http;

  DataApi(@Nullable String key, Duration timeout) {
    this.key = key;
    this.timeout = timeout;
    this.http =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(timeout)
            .executor(Executors.newVirtualThreadPerTaskExecutor())
            .build();
  }

  /** Reads a document. A read that failed is REFUSED: it did nothing. */
  Answer read(URI node, String document, Level level, String token) {
    HttpRequest.Builder request =
        request(node, "/data/" + document, token)
            .header("Meridian-Consistency", level.name().toLowerCase(Locale.ROOT))
            .GET();
    try {
      HttpResponse<byte[]> response = http.send(request.build(), BodyHandlers.ofByteArray());
      String seen = response.headers().firstValue(SESSION).orElse("");
      if (response.statusCode() == 200) {
        return new Answer(
            Outcome.OK, List.of(content(document, response.body(), etag(response))), seen, "");
      }
      if (response.statusCode() == 404 && member(response, "type").endsWith(":not-found")) {
        return new Answer(Outcome.OK, List.of(new Part(document, null, 0, null)), seen, "");
      }
      return new Answer(Outcome.REFUSED, List.of(), seen, told(response));
    } catch (IOException | InvalidInputException e) {
      return new Answer(Outcome.REFUSED, List.of(), "", e.toString());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return new Answer(Outcome.REFUSED, List.of(), "", "interrupted");
    }
  }

  /** Writes, with an idempotency key. */
  Answer write(
      URI node,
      Kind kind,
      List<Part> parts,
      @Nullable String expected,
      String token,
      String idempotencyKey) {
    String document = parts.getFirst().document();
    String path = kind == Kind.BATCH ? "/data" : "/data/" + document;
    HttpRequest.Builder request =
        request(node, path, token).header("Idempotency-Key", idempotencyKey);
    switch (kind) {
      case PUT -> request.PUT(body(request, JSON, value(parts.getFirst())));
      case CREATE ->
          request.header("If-None-Match", "*").PUT(body(request, JSON, value(parts.getFirst())));
      case CONDITIONAL_PUT ->
          request
              .header("If-Match", "\"" + expected + "\"")
              .PUT(body(request, JSON, value(parts.getFirst())));
      case DELETE -> request.DELETE();
      case INCREMENT ->
          request.method(
              "PATCH", body(request, "application/vnd.meridian.increment+json", "{\"n\":1}"));
      case BATCH -> request.POST(body(request, JSON, batch(parts)));
      case READ -> throw new IllegalArgumentException("a read is no write");
    }
    try {
      HttpResponse<byte[]> response = http.send(request.build(), BodyHandlers.ofByteArray());
      String seen = response.headers().firstValue(SESSION).orElse("");
      Outcome outcome = outcome(response);
      return outcome == Outcome.OK
          ? new Answer(outcome, written(kind, parts, response, token, seen), seen, "")
          : new Answer(outcome, List.of(), seen, told(response));
    } catch (ConnectException | HttpConnectTimeoutException e) {
      return new Answer(Outcome.REFUSED, List.of(), "", "no connection");
    } catch (IOException e) {
      return new Answer(Outcome.UNKNOWN, List.of(), "", e.toString());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return new Answer(Outcome.UNKNOWN, List.of(), "", "interrupted");
    }
  }

  /** What an answer says about a write. */
  private static Outcome outcome(HttpResponse<byte[]> response) {
    int status = response.statusCode();
    if (status >= 200 && status < 300) {
      return Outcome.OK;
    }
    return switch (member(response, "outcome")) {
      case "not-done" -> Outcome.REFUSED;
      case "" -> status >= 400 && status < 500 ? Outcome.REFUSED : Outcome.UNKNOWN;
      default -> Outcome.UNKNOWN;
    };
  }

  private static List<Part> written(
      Kind kind, List<Part> parts, HttpResponse<byte[]> response, String sent, String seen) {
    if (kind == Kind.BATCH) {
      return batchWritten(parts, response);
    }
    Part part = parts.getFirst();
    // A delete's version shows in the session token only; that of one done before may not.
    boolean replayed = response.headers().firstValue("Idempotency-Replayed").isPresent();
    String etag =
        kind == Kind.DELETE ? (replayed ? null : Tokens.written(sent, seen)) : etag(response);
    return List.of(new Part(part.document(), part.value(), 0, etag));
  }

  private static List<Part> batchWritten(List<Part> parts, HttpResponse<byte[]> response) {
    List<Part> written = new ArrayList<>();
    try {
      if (Json.parse(response.body()) instanceof Json.Obj(Map<String, Json> members)
          && members.get("results") instanceof Json.Arr(List<Json> results)
          && results.size() == parts.size()) {
        for (int i = 0; i < parts.size(); i++) {
          String etag =
              results.get(i) instanceof Json.Obj(Map<String, Json> result)
                      && result.get("etag") instanceof Json.Str(String text)
                  ? plain(text)
                  : null;
          written.add(new Part(parts.get(i).document(), parts.get(i).value(), 0, etag));
        }
        return written;
      }
    } catch (InvalidInputException e) {
      // The status says that it was done; which versions it made stays open.
    }
    return parts;
  }

  private static Part content(String document, byte[] body, @Nullable String etag) {
    if (!(Json.parse(body) instanceof Json.Obj(Map<String, Json> members)) || etag == null) {
      throw new InvalidInputException("a document came without an ETag, or is no object");
    }
    String value = members.get("v") instanceof Json.Str(String text) ? text : null;
    long count =
        members.get("n") instanceof Json.Num number ? number.decimal().longValueExact() : 0;
    return new Part(document, value, count, etag);
  }

  private static String value(Part part) {
    return "{\"v\":\"" + part.value() + "\"}";
  }

  private static String batch(List<Part> parts) {
    StringBuilder json = new StringBuilder("{\"writes\":[");
    for (Part part : parts) {
      json.append(json.charAt(json.length() - 1) == '[' ? "" : ",");
      json.append("{\"put\":\"").append(part.document()).append("\",\"value\":");
      json.append(value(part)).append('}');
    }
    return json.append("]}").toString();
  }

  private HttpRequest.Builder request(URI node, String path, String token) {
    String base = node.toString();
    HttpRequest.Builder request =
        HttpRequest.newBuilder(
                URI.create(
                    (base.endsWith("/") ? base.substring(0, base.length() - 1) : base) + path))
            .timeout(timeout)
            .header("Accept", JSON)
            // Empty at first: that there is a session is what makes reads answer with its token.
            .header(SESSION, token);
    if (key != null) {
      request.header("Authorization", "Bearer " + key);
    }
    return request;
  }

  private static HttpRequest.BodyPublisher body(
      HttpRequest.Builder request, String type, String json) {
    request.header("Content-Type", type);
    return BodyPublishers.ofString(json);
  }

  private static @Nullable String etag(HttpResponse<byte[]> response) {
    return response.headers().firstValue("ETag").map(DataApi::plain).orElse(null);
  }

  private static String plain(String etag) {
    String text = etag.replace("\"", "");
    int suffix = text.indexOf('+');
    return suffix < 0 ? text : text.substring(0, suffix);
  }

  private static String told(HttpResponse<byte[]> response) {
    String type = member(response, "type");
    return response.statusCode() + " " + type.substring(type.lastIndexOf(':') + 1);
  }

  /** A text member of a problem document; empty when there is none. */
  private static String member(HttpResponse<byte[]> response, String name) {
    try {
      return Json.parse(response.body()) instanceof Json.Obj(Map<String, Json> members)
              && members.get(name) instanceof Json.Str(String text)
          ? text
          : "";
    } catch (InvalidInputException e) {
      return "";
    }
  }

  @Override
  public void close() {
    http.shutdownNow();
  }
}
