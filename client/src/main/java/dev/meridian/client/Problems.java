package dev.meridian.client;

import dev.meridian.client.MeridianException.Outcome;
import java.net.http.HttpHeaders;
import java.net.http.HttpResponse;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/** What answers that are no success mean. */
final class Problems {
  /** Nobody waits longer. */
  private static final Duration LONGEST = Duration.ofDays(365);

  private Problems() {}

  /** A failure without an answer, of something that did not happen. */
  static MeridianException local(String type, String detail, @Nullable Throwable cause) {
    return new MeridianException(
        MeridianException.UNREACHED, type, detail, Outcome.NOT_DONE, null, cause);
  }

  /** An answer of a server that does not seem to be Meridian. */
  static MeridianException notMeridian(int status, String what, @Nullable Throwable cause) {
    return new MeridianException(
        status,
        "not-meridian",
        what + "; is this address a Meridian server's?",
        Outcome.UNKNOWN,
        null,
        cause);
  }

  /** The exception that a problem document, or an error without one, stands for. */
  static MeridianException of(HttpResponse<?> response, byte[] body, boolean write) {
    int status = response.statusCode();
    if (status < 400) {
      return unexpected(response, write);
    }
    MeridianException problem = document(status, body, write);
    if (problem != null) {
      return problem;
    }
    // A proxy's own page, perhaps: the status must do.
    return new MeridianException(
        status,
        "http-" + status,
        "the server answered with status " + status,
        write && status >= 500 ? Outcome.UNKNOWN : Outcome.NOT_DONE,
        null,
        null);
  }

  /**
   * A problem document (RFC 9457); null if it is none.
   *
   * @param answered the answer's status; {@link MeridianException#UNREACHED}: as the document says
   */
  static @Nullable MeridianException document(int answered, byte[] body, boolean write) {
    try {
      JsonNode problem = Json.MAPPER.readTree(body);
      if (!problem.isObject()) {
        return null;
      }
      int status =
          answered == MeridianException.UNREACHED ? problem.path("status").asInt(0) : answered;
      String full = text(problem, "type");
      String said = text(problem, "detail");
      String title = text(problem, "title");
      String known = text(problem, "outcome");
      String etag = text(problem, "etag");
      Outcome outcome = write && status >= 500 ? Outcome.UNKNOWN : Outcome.NOT_DONE;
      if (known != null) {
        outcome = write && !known.equals("not-done") ? Outcome.UNKNOWN : Outcome.NOT_DONE;
      }
      return new MeridianException(
          status,
          full == null ? "http-" + status : full.substring(full.lastIndexOf(':') + 1),
          said != null ? said : title != null ? title : "the server answered with status " + status,
          outcome,
          etag == null ? null : Json.unquote(etag),
          null);
    } catch (JacksonException e) {
      return null;
    }
  }

  private static MeridianException unexpected(HttpResponse<?> response, boolean write) {
    int status = response.statusCode();
    String location = response.headers().firstValue("Location").orElse("");
    // After 303 the request has been carried out (RFC 9110, section 15.4.4).
    Outcome outcome = write && status == 303 ? Outcome.UNKNOWN : Outcome.NOT_DONE;
    return location.isEmpty()
        ? new MeridianException(
            status,
            "http-" + status,
            "the server answered with status " + status,
            outcome,
            null,
            null)
        : new MeridianException(
            status,
            "redirected",
            "the server answered with status "
                + status
                + " and points to '"
                + location
                + "'; redirects are not followed, so give the address that it means",
            outcome,
            null,
            null);
  }

  /**
   * {@code Retry-After} in seconds or as a date (RFC 9110, section 10.2.3); zero if there is none.
   */
  static Duration retryAfter(HttpHeaders headers) {
    String text = headers.firstValue("Retry-After").orElse("").strip();
    if (text.matches("[0-9]{1,18}")) {
      return shorter(Duration.ofSeconds(Long.parseLong(text)));
    }
    if (text.matches("[0-9]+")) {
      return LONGEST;
    }
    try {
      Instant date = ZonedDateTime.parse(text, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant();
      Duration wait = Duration.between(Instant.now(), date);
      return wait.isNegative() ? Duration.ZERO : shorter(wait);
    } catch (DateTimeException | ArithmeticException e) {
      return Duration.ZERO;
    }
  }

  private static Duration shorter(Duration wait) {
    return wait.compareTo(LONGEST) < 0 ? wait : LONGEST;
  }

  private static @Nullable String text(JsonNode object, String member) {
    JsonNode value = object.get(member);
    return value != null && value.isString() ? value.stringValue() : null;
  }
}
