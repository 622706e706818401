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
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The data API as the torture uses it: one attempt a call, and all that the answer tells. Unlike
 * the Java client it tries nothing again, and names the level of a read. Any thread.
 */
final class DataApi implements AutoCloseable {
  private static final String SESSION = "Meridian-Session";
  private static final String JSON = "application/json";
  private static final String INCREMENT = "application/vnd.meridian.increment+json";

  /**
   * What came of one attempt.
   *
   * @param parts with what was read or the versions that were written; empty unless it is OK
   * @param token the session token that came back; empty for none
   * @param note for people
   * @param stale whether it says that it may be old
   */
  record Answer(Outcome outcome, List<Part> parts, String token, String note, boolean stale) {
    Answer(Outcome outcome, List<Part> parts, String token, String note) {
      this(outcome, parts, token, note, false);
    }
  }

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

  /**
   * Reads a document, or the page that shows it. A read that failed is REFUSED: it did nothing.
   *
   * @param token null to be nobody's session; empty for one that has seen nothing
   */
  Answer read(URI node, String document, Level level, @Nullable String token) {
    HttpRequest.Builder request =
        level == Level.PAGE
            ? request(node, "/" + document, token).setHeader("Accept", "text/html").GET()
            : request(node, "/data/" + document, token)
                .header("Meridian-Consistency", level.name().toLowerCase(Locale.ROOT))
                .GET();
    try {
      HttpResponse<byte[]> response = http.send(request.build(), BodyHandlers.ofByteArray());
      String seen = response.headers().firstValue(SESSION).orElse("");
      boolean stale = response.headers().firstValue("Meridian-Stale").isPresent();
      if (response.statusCode() == 200) {
        Part part =
            level == Level.PAGE
                ? TortureSite.read(document, response.body())
                : content(document, response.body(), etag(response));
        return new Answer(Outcome.OK, List.of(part), seen, "", stale);
      }
      if (response.statusCode() == 404 && member(response, "type").endsWith(":not-found")) {
        return new Answer(Outcome.OK, List.of(new Part(document, null, 0, null)), seen, "", stale);
      }
      return new Answer(Outcome.REFUSED, List.of(), seen, told(response));
    } catch (IOException | InvalidInputException e) {
      return new Answer(Outcome.REFUSED, List.of(), "", e.toString());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return new Answer(Outcome.REFUSED, List.of(), "", "interrupted");
    }
  }

  /**
   * Writes.
   *
   * @param idempotencyKey null for none
   */
  Answer write(
      URI node,
      Kind kind,
      List<Part> parts,
      @Nullable String expected,
      String token,
      @Nullable String idempotencyKey) {
    String document = parts.getFirst().document();
    String path = kind == Kind.BATCH ? "/data" : "/data/" + document;
    HttpRequest.Builder request = request(node, path, token);
    if (idempotencyKey != null) {
      request.header("Idempotency-Key", idempotencyKey);
    }
    switch (kind) {
      case PUT -> request.PUT(body(request, JSON, value(parts.getFirst())));
      case CREATE ->
          request.header("If-None-Match", "*").PUT(body(request, JSON, value(parts.getFirst())));
      case CONDITIONAL_PUT ->
          request
              .header("If-Match", "\"" + expected + "\"")
              .PUT(body(request, JSON, value(parts.getFirst())));
      case DELETE -> request.DELETE();
      case INCREMENT -> request.method("PATCH", body(request, INCREMENT, "{\"n\":1}"));
      case BATCH -> request.POST(body(request, JSON, batch(parts)));
      case READ -> throw new IllegalArgumentException("a read is no write");
    }
    return send(
        request.build(),
        response -> {
          String seen = response.headers().firstValue(SESSION).orElse("");
          return new Answer(
              Outcome.OK, written(kind, parts, response, token, seen), seen, "", false);
        });
  }

  /** A write's answer, by {@code done} if it was done. */
  private Answer send(HttpRequest request, Function<HttpResponse<byte[]>, Answer> done) {
    try {
      HttpResponse<byte[]> response = http.send(request, BodyHandlers.ofByteArray());
      Outcome outcome = outcome(response);
      return outcome == Outcome.OK
          ? done.apply(response)
          : new Answer(
              outcome,
              List.of(),
              response.headers().firstValue(SESSION).orElse(""),
              told(response));
    } catch (ConnectException | HttpConnectTimeoutException e) {
      return new Answer(Outcome.REFUSED, List.of(), "", "no connection");
    } catch (IOException e) {
      return new Answer(Outcome.UNKNOWN, List.of(), "", e.toString());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return new Answer(Outcome.UNKNOWN, List.of(), "", "interrupted");
    }
  }

  /**
   * Changes an attribute of a visitor's session, whose cookies the answer may replace.
   *
   * @param kind PUT or INCREMENT
   */
  Answer change(URI node, Kind kind, Part part, CookieJar jar, @Nullable String idempotencyKey) {
    CookieJar.Sent sent = jar.sent();
    String name = part.document().substring(part.document().lastIndexOf('/') + 1);
    boolean put = kind == Kind.PUT;
    HttpRequest.Builder request =
        asVisitor(node, put ? "/session/" + name : "/session", sent)
            // A page of the site's own would be the sender.
            .header("Sec-Fetch-Site", "same-origin");
    if (idempotencyKey != null) {
      request.header("Idempotency-Key", idempotencyKey);
    }
    if (put) {
      request.PUT(body(request, JSON, "\"" + part.value() + "\""));
    } else {
      request.method("PATCH", body(request, INCREMENT, "{\"" + name + "\":1}"));
    }
    return send(
        request.build(),
        response -> {
          String seen = response.headers().firstValue(SESSION).orElse("");
          jar.take(response.headers().allValues("Set-Cookie"), seen);
          boolean replayed = response.headers().firstValue("Idempotency-Replayed").isPresent();
          String etag = replayed ? null : Tokens.written(sent.token(), seen);
          return new Answer(
              Outcome.OK, List.of(new Part(part.document(), part.value(), 0, etag)), seen, "");
        });
  }

  /**
   * Reads an attribute as a visitor's browser does.
   *
   * @param token sent beside the cookies; null for none, as browsers have none
   */
  Answer look(URI node, String document, CookieJar.Sent sent, @Nullable String token) {
    String name = document.substring(document.lastIndexOf('/') + 1);
    HttpRequest.Builder request = asVisitor(node, "/session/" + name, sent).GET();
    if (token != null) {
      request.header(SESSION, token);
    }
    try {
      HttpResponse<byte[]> response = http.send(request.build(), BodyHandlers.ofByteArray());
      if (response.statusCode() == 200) {
        return new Answer(Outcome.OK, List.of(attribute(document, response.body())), "", "");
      }
      return response.statusCode() == 404 && member(response, "type").endsWith(":not-found")
          ? new Answer(Outcome.OK, List.of(new Part(document, null, 0, null)), "", "")
          : new Answer(Outcome.REFUSED, List.of(), "", told(response));
    } catch (IOException | InvalidInputException e) {
      return new Answer(Outcome.REFUSED, List.of(), "", e.toString());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return new Answer(Outcome.REFUSED, List.of(), "", "interrupted");
    }
  }

  private static Part attribute(String document, byte[] body) {
    return switch (Json.parse(body)) {
      case Json.Str(String text) -> new Part(document, text, 0, null);
      case Json.Num number -> new Part(document, null, number.decimal().longValueExact(), null);
      default -> throw new InvalidInputException("an attribute is neither text nor a number");
    };
  }

  private HttpRequest.Builder asVisitor(URI node, String path, CookieJar.Sent sent) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(at(node, path)).timeout(timeout).header("Accept", JSON);
    if (!sent.cookies().isEmpty()) {
      request.header("Cookie", sent.cookies());
    }
    return request;
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

  private static URI at(URI node, String path) {
    String base = node.toString();
    return URI.create((base.endsWith("/") ? base.substring(0, base.length() - 1) : base) + path);
  }

  private HttpRequest.Builder request(URI node, String path, @Nullable String token) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(at(node, path)).timeout(timeout).header("Accept", JSON);
    if (token != null) {
      // Empty at first: that there is a session is what makes reads answer with its token.
      request.header(SESSION, token);
    }
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
    String detail = member(response, "detail");
    return response.statusCode()
        + " "
        + type.substring(type.lastIndexOf(':') + 1)
        + (detail.isEmpty() ? "" : ": " + detail);
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
