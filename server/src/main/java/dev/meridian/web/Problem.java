package dev.meridian.web;

import dev.meridian.document.InvalidInputException;
import dev.meridian.document.PatchException;
import dev.meridian.document.TooLargeException;
import dev.meridian.store.StoreException;
import io.helidon.http.Header;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.HttpException;
import io.helidon.http.Status;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import tools.jackson.core.io.JsonStringEncoder;

/**
 * What went wrong with a request, as an RFC 9457 problem document. Immutable.
 *
 * @param status the HTTP status
 * @param type the kind of problem, a short stable name such as {@code not-found}; the document's
 *     {@code type} member is {@code urn:meridian:problem:} and this
 * @param title the kind of problem in a few words, the same for every problem of that type
 * @param detail what was wrong with this request and how to mend it
 * @param extra further members: strings, numbers and booleans
 * @param headers headers the answer needs, such as {@code Allow} or {@code Retry-After}
 */
public record Problem(
    Status status,
    String type,
    String title,
    String detail,
    SequencedMap<String, Object> extra,
    List<Header> headers) {
  /** The media type of problem documents. */
  public static final String MEDIA_TYPE = "application/problem+json";

  /** Before the name of a problem type. */
  public static final String TYPE_PREFIX = "urn:meridian:problem:";

  /** Copies. */
  public Problem {
    extra = new LinkedHashMap<>(extra);
    headers = List.copyOf(headers);
  }

  /** A problem without further members and headers. */
  public static Problem of(Status status, String type, String title, String detail) {
    return new Problem(status, type, title, detail, new LinkedHashMap<>(), List.of());
  }

  /** The request is wrong and will be wrong whenever it is sent. */
  public static Problem badRequest(String detail) {
    return of(Status.BAD_REQUEST_400, "bad-request", "The request is not valid", detail);
  }

  /** There is nothing here. */
  public static Problem notFound(String detail) {
    return of(Status.NOT_FOUND_404, "not-found", "Not found", detail);
  }

  /** This problem with one more member. */
  public Problem with(String name, Object value) {
    LinkedHashMap<String, Object> more = new LinkedHashMap<>(extra);
    more.put(name, value);
    return new Problem(status, type, title, detail, more, headers);
  }

  /** This problem with one more header in its answer. */
  public Problem with(Header header) {
    List<Header> more = new ArrayList<>(headers);
    more.add(header);
    return new Problem(status, type, title, detail, extra, more);
  }

  /** The problem that {@code thrown} stands for; what is not foreseen is a 500 without details. */
  public static Problem from(Throwable thrown) {
    return switch (thrown) {
      case ProblemException e -> e.problem();
      case TooLargeException e -> tooLarge(message(e));
      case PatchException e -> patchFailed(message(e));
      case InvalidInputException e -> badRequest(message(e));
      case StoreException e -> fromStore(e);
      case HttpException e -> fromHttp(e.status(), message(e));
      default -> internal();
    };
  }

  /** Something failed that should not have; the log has it under the request's id. */
  static Problem internal() {
    return of(
        Status.INTERNAL_SERVER_ERROR_500,
        "internal",
        "Internal error",
        "The server failed on this request. It is not the request's fault; the server's log tells"
            + " more under the id in 'instance'.");
  }

  private static String message(Throwable thrown) {
    String message = thrown.getMessage();
    return message == null ? thrown.getClass().getSimpleName() : message;
  }

  private static Problem fromStore(StoreException thrown) {
    String detail = message(thrown);
    return switch (thrown) {
      case StoreException.PreconditionFailed e -> {
        Problem problem =
            of(
                    Status.PRECONDITION_FAILED_412,
                    "precondition-failed",
                    "The document is not in the state the request requires",
                    detail)
                .with("path", e.path().toString());
        var current = e.current();
        yield current == null ? problem : problem.with("etag", "\"" + current.etag() + "\"");
      }
      case StoreException.Rejected e ->
          switch (e.reason()) {
            case INVALID -> badRequest(detail);
            case NOT_FOUND -> notFound(detail);
            case PATCH_FAILED -> patchFailed(detail);
            case TOO_LARGE -> tooLarge(detail);
            case KEY_REUSED ->
                of(
                    Status.UNPROCESSABLE_CONTENT_422,
                    "idempotency-key-reused",
                    "The idempotency key belongs to another request",
                    detail);
          };
      case StoreException.NoIndex _ ->
          of(Status.BAD_REQUEST_400, "no-index", "No index serves this query", detail);
      case StoreException.PositionLost _ ->
          of(Status.GONE_410, "position-lost", "The position is no longer known", detail);
      case StoreException.Unavailable e ->
          of(Status.SERVICE_UNAVAILABLE_503, "unavailable", "The store cannot do this now", detail)
              .with(
                  "outcome",
                  e.outcome() == StoreException.Unavailable.Outcome.NOT_DONE
                      ? "not-done"
                      : "unknown")
              .with(HeaderValues.create(HeaderNames.RETRY_AFTER, "1"));
    };
  }

  private static Problem patchFailed(String detail) {
    return of(
        Status.UNPROCESSABLE_CONTENT_422,
        "patch-failed",
        "The patch does not fit the document",
        detail);
  }

  /** The request, or the document it would make, is over a limit. */
  static Problem tooLarge(String detail) {
    return of(Status.REQUEST_ENTITY_TOO_LARGE_413, "too-large", "Too large", detail);
  }

  /** What a handler was to do took longer than the site allows, and was ended. */
  static Problem tookTooLong(Duration limit) {
    return of(
            Status.SERVICE_UNAVAILABLE_503,
            "handler-timeout",
            "The request took too long",
            "It was ended after the site's limits.requestTime, "
                + limit.toSeconds()
                + " s; what it was to do may have been done in part.")
        .with("outcome", "unknown")
        .with(HeaderValues.create(HeaderNames.RETRY_AFTER, "1"));
  }

  /** A problem that the HTTP engine found. */
  static Problem fromHttp(Status status, String detail) {
    String reason = status.reasonPhrase();
    return switch (status.code()) {
      case 404 -> notFound("There is nothing at this address.");
      case 413 -> tooLarge(detail);
      case 500 -> internal();
      default ->
          of(status, "http-" + status.code(), reason.isEmpty() ? "HTTP error" : reason, detail);
    };
  }

  /**
   * The problem document.
   *
   * @param requestId identifies the request; the document's {@code instance}
   */
  public byte[] json(String requestId) {
    StringBuilder json = new StringBuilder(256);
    json.append("{\"type\":");
    string(json, TYPE_PREFIX + type);
    json.append(",\"title\":");
    string(json, title);
    json.append(",\"status\":").append(status.code()).append(",\"detail\":");
    string(json, detail);
    json.append(",\"instance\":");
    string(json, "urn:meridian:request:" + requestId);
    for (Map.Entry<String, Object> member : extra.entrySet()) {
      json.append(',');
      string(json, member.getKey());
      json.append(':');
      if (member.getValue() instanceof Number || member.getValue() instanceof Boolean) {
        json.append(member.getValue());
      } else {
        string(json, member.getValue().toString());
      }
    }
    return json.append('}').toString().getBytes(StandardCharsets.UTF_8);
  }

  private static void string(StringBuilder to, String text) {
    to.append('"');
    JsonStringEncoder.getInstance().quoteAsString(text, to);
    to.append('"');
  }
}
