package dev.meridian.client;

import dev.meridian.client.MeridianException.Outcome;
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandler;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.OptionalLong;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/**
 * Sends requests and tries again: after a connection that failed or broke, and after 503 or 429, at
 * most {@link Options#attempts} times, with pauses that double and vary so that many clients do not
 * come back at once. Every write carries an idempotency key, so a second attempt never applies
 * twice. Blocks; any thread.
 */
final class Transport implements AutoCloseable {
  private static final Duration FIRST_WAIT = Duration.ofMillis(50);

  /** Largest error document that is read. */
  private static final int MAX_PROBLEM_BYTES = 64 << 10;

  private final Options options;
  private final HttpClient http;
  private final Session session = new Session();
  private final String server;

  Transport(URI server, Options options) {
    this.options = options;
    this.server = server.toString();
    this.http =
        HttpClient.newBuilder()
            .connectTimeout(options.connectTimeout())
            .followRedirects(HttpClient.Redirect.NEVER)
            // Over plain TCP, HTTP/2 would cost an upgrade round trip and gain nothing here.
            .version(
                "https".equalsIgnoreCase(server.getScheme())
                    ? HttpClient.Version.HTTP_2
                    : HttpClient.Version.HTTP_1_1)
            .executor(Executors.newVirtualThreadPerTaskExecutor())
            .build();
  }

  /** A request with the headers that all of them have. */
  HttpRequest.Builder request(URI address) {
    HttpRequest.Builder builder =
        HttpRequest.newBuilder(address).header("Accept", "application/json");
    if (options.key() != null) {
      builder.header("Authorization", "Bearer " + options.key());
    }
    String token = session.token();
    if (!token.isEmpty()) {
      builder.header("Meridian-Session", token);
    }
    return builder;
  }

  /** The whole answer, whatever its status below 400 or among {@code welcome}. */
  HttpResponse<byte[]> send(HttpRequest.Builder builder, boolean write, int... welcome) {
    HttpRequest request = builder.timeout(options.requestTimeout()).build();
    HttpResponse<byte[]> response =
        exchange(
            request,
            BodyHandlers.limiting(BodyHandlers.ofByteArray(), options.maxResponseBytes()),
            write);
    if (response.statusCode() >= 400) {
      for (int status : welcome) {
        if (response.statusCode() == status) {
          return response;
        }
      }
      throw problem(response, response.body(), write);
    }
    return response;
  }

  /** The answer as a stream, for what may be long. The caller closes it. */
  HttpResponse<InputStream> stream(HttpRequest.Builder builder) {
    HttpResponse<InputStream> response =
        exchange(builder.build(), BodyHandlers.ofInputStream(), false);
    if (response.statusCode() >= 400) {
      byte[] body = new byte[0];
      try (InputStream in = response.body()) {
        body = in.readNBytes(MAX_PROBLEM_BYTES);
      } catch (IOException e) {
        // The status alone must do.
      }
      throw problem(response, body, false);
    }
    return response;
  }

  private <T> HttpResponse<T> exchange(HttpRequest request, BodyHandler<T> handler, boolean write) {
    boolean mayHaveHappened = false;
    for (int attempt = 1; ; attempt++) {
      MeridianException failure;
      Duration wait = backoff(attempt);
      try {
        HttpResponse<T> response = http.send(request, handler);
        response.headers().firstValue("Meridian-Session").ifPresent(session::add);
        boolean busy = response.statusCode() == 503 || response.statusCode() == 429;
        if (!busy || attempt >= options.attempts()) {
          return response;
        }
        OptionalLong asked = retryAfterMillis(response);
        if (asked.isPresent()) {
          if (asked.getAsLong() > options.maxWait().toMillis()) {
            return response;
          }
          wait = wait.plusMillis(asked.getAsLong());
        }
        if (response.body() instanceof InputStream body) {
          closeQuietly(body);
        }
        pause(wait, mayHaveHappened);
        continue;
      } catch (ConnectException | HttpConnectTimeoutException e) {
        failure =
            failure(
                "unreachable",
                "no connection to " + server + reason(e),
                mayHaveHappened ? Outcome.UNKNOWN : Outcome.NOT_DONE,
                e);
      } catch (IOException e) {
        mayHaveHappened |= write;
        String what =
            e instanceof HttpTimeoutException
                ? "no answer from "
                    + server
                    + " within "
                    + options.requestTimeout().toSeconds()
                    + " s"
                : "the connection to " + server + " broke" + reason(e);
        failure =
            failure("no-answer", what, mayHaveHappened ? Outcome.UNKNOWN : Outcome.NOT_DONE, e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw failure(
            "interrupted",
            "interrupted while waiting for " + server,
            write ? Outcome.UNKNOWN : Outcome.NOT_DONE,
            e);
      }
      if (attempt >= options.attempts()) {
        throw failure;
      }
      pause(wait, mayHaveHappened);
    }
  }

  private void pause(Duration wait, boolean mayHaveHappened) {
    try {
      Thread.sleep(wait);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw failure(
          "interrupted",
          "interrupted while waiting to try " + server + " again",
          mayHaveHappened ? Outcome.UNKNOWN : Outcome.NOT_DONE,
          e);
    }
  }

  /** Doubles with each attempt, the upper half of it at random. */
  private Duration backoff(int attempt) {
    long millis =
        Math.min(FIRST_WAIT.toMillis() << Math.min(attempt - 1, 20), options.maxWait().toMillis());
    return Duration.ofMillis(millis / 2 + ThreadLocalRandom.current().nextLong(millis / 2 + 1));
  }

  /** {@code Retry-After} in seconds or as a date (RFC 9110, section 10.2.3). */
  private static OptionalLong retryAfterMillis(HttpResponse<?> response) {
    String text = response.headers().firstValue("Retry-After").orElse("").strip();
    if (text.isEmpty()) {
      return OptionalLong.empty();
    }
    try {
      return OptionalLong.of(Math.multiplyExact(Long.parseUnsignedLong(text), 1000));
    } catch (NumberFormatException | ArithmeticException e) {
      try {
        Instant date = ZonedDateTime.parse(text, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant();
        return OptionalLong.of(Math.max(0, Duration.between(Instant.now(), date).toMillis()));
      } catch (DateTimeException | ArithmeticException notADate) {
        return OptionalLong.empty();
      }
    }
  }

  private static MeridianException failure(
      String type, String detail, Outcome outcome, Throwable cause) {
    return new MeridianException(MeridianException.UNREACHED, type, detail, outcome, null, cause);
  }

  private static String reason(IOException e) {
    String message = e.getMessage();
    return message == null || message.isBlank() ? "" : " (" + message + ")";
  }

  /** The exception that a problem document, or an error without one, stands for. */
  private static MeridianException problem(HttpResponse<?> response, byte[] body, boolean write) {
    int status = response.statusCode();
    String type = "http-" + status;
    String detail = "the server answered with status " + status;
    Outcome outcome = status >= 500 && write ? Outcome.UNKNOWN : Outcome.NOT_DONE;
    String etag = null;
    try {
      JsonNode problem = Json.MAPPER.readTree(body);
      if (problem.isObject()) {
        String full = text(problem, "type");
        if (full != null) {
          type = full.substring(full.lastIndexOf(':') + 1);
        }
        String said = text(problem, "detail");
        String title = text(problem, "title");
        detail = said != null ? said : title != null ? title : detail;
        String known = text(problem, "outcome");
        if (known != null) {
          outcome = known.equals("not-done") ? Outcome.NOT_DONE : Outcome.UNKNOWN;
        }
        String current = text(problem, "etag");
        etag = current == null ? null : Json.unquote(current);
      }
    } catch (JacksonException e) {
      // Not a problem document, such as a proxy's own page: the status must do.
    }
    return new MeridianException(status, type, detail, outcome, etag, null);
  }

  private static @Nullable String text(JsonNode object, String member) {
    JsonNode value = object.get(member);
    return value != null && value.isString() ? value.stringValue() : null;
  }

  private static void closeQuietly(InputStream stream) {
    try {
      stream.close();
    } catch (IOException e) {
      // It was thrown away anyway.
    }
  }

  @Override
  public void close() {
    http.shutdownNow();
  }
}
