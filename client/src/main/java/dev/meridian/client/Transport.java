package dev.meridian.client;

import dev.meridian.client.MeridianException.Outcome;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.security.cert.CertificateException;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import javax.net.ssl.SSLHandshakeException;
import org.jspecify.annotations.Nullable;

/**
 * Sends requests and tries again: after a connection that failed or broke, and after 503 or 429, at
 * most {@link Options#attempts} times, with pauses that double and vary so that many clients do not
 * come back at once. Every wait has an end. Blocks; any thread.
 */
final class Transport implements AutoCloseable {
  private static final Duration FIRST_WAIT = Duration.ofMillis(50);

  /** Largest error document that is read. */
  private static final int MAX_PROBLEM_BYTES = 64 << 10;

  private final Options options;
  private final Duration silence;
  private final HttpClient http;
  private final ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor();
  private final Session session = new Session();
  private final String server;
  private final CompletableFuture<Void> closed = new CompletableFuture<>();
  private final Set<Watch> watches = ConcurrentHashMap.newKeySet();

  /** What sending a request again does when it may have been carried out already. */
  enum Effect {
    /** A read. */
    NONE,
    /** A write that the second time changes nothing, or the same. */
    ONCE,
    /** A write that would be carried out twice: it is not sent again. */
    EACH_TIME
  }

  /** Takes an answer that is as asked; what it throws makes another attempt. */
  private interface Taker<T> {
    T take(HttpResponse<AnswerBody> response) throws IOException;
  }

  /**
   * Connects nowhere yet.
   *
   * @param silence longest time without a byte from a watch's server
   */
  Transport(URI server, Options options, Duration silence) {
    this.options = options;
    this.silence = silence;
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
            .executor(executor)
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

  /** The whole answer, when its status is 2xx or {@code accepted}; 0: no other. */
  Answer send(HttpRequest.Builder builder, Effect effect, int accepted) {
    return exchange(
        builder.build(),
        effect,
        accepted,
        true,
        closed,
        response -> {
          try (AnswerBody body = response.body()) {
            byte[] bytes = body.readNBytes(options.maxResponseBytes());
            if (bytes.length == options.maxResponseBytes() && body.read() >= 0) {
              throw new MeridianException(
                  response.statusCode(),
                  "answer-too-large",
                  "the answer of "
                      + server
                      + " is larger than "
                      + options.maxResponseBytes()
                      + " bytes; ask for less, or allow more in the client's options",
                  effect == Effect.NONE ? Outcome.NOT_DONE : Outcome.UNKNOWN,
                  null,
                  null);
            }
            return new Answer(response.statusCode(), response.headers(), bytes);
          }
        });
  }

  /**
   * The answer as a stream, for what may be long. The caller closes it.
   *
   * @param stop ends the waiting when it is done
   */
  HttpResponse<AnswerBody> stream(HttpRequest.Builder builder, CompletableFuture<Void> stop) {
    return exchange(builder.build(), Effect.NONE, 0, false, stop, response -> response);
  }

  /** A stream that only the end of this client breaks off. */
  AnswerBody open(HttpRequest.Builder builder) {
    AnswerBody body = stream(builder, closed).body();
    body.patience(options.requestTimeout());
    return body;
  }

  /** Longest time without a byte from a watch's server. */
  Duration silence() {
    return silence;
  }

  /** Most attempts at one request. */
  int attempts() {
    return options.attempts();
  }

  /** Ends this watch when the client is closed. */
  void add(Watch watch) {
    watches.add(watch);
    if (closed.isDone()) {
      watch.close();
    }
  }

  /** This watch has ended. */
  void remove(Watch watch) {
    watches.remove(watch);
  }

  private <T> T exchange(
      HttpRequest request,
      Effect effect,
      int accepted,
      boolean whole,
      CompletableFuture<Void> stop,
      Taker<T> taker) {
    boolean mayHaveHappened = false;
    for (int attempt = 1; ; attempt++) {
      MeridianException failure;
      Duration wait = backoff(attempt);
      boolean again = true;
      if (stop.isDone()) {
        throw closed(mayHaveHappened);
      }
      try {
        HttpResponse<AnswerBody> response = attempt(request, whole, stop);
        response.headers().firstValue("Meridian-Session").ifPresent(session::add);
        int status = response.statusCode();
        if ((status >= 200 && status < 300) || status == accepted) {
          return taker.take(response);
        }
        failure = Problems.of(response, problemBody(response), effect != Effect.NONE);
        again = status == 503 || status == 429;
        Duration asked = Problems.retryAfter(response.headers());
        again &= asked.compareTo(options.maxWait()) <= 0;
        wait = wait.plus(asked);
      } catch (ConnectException | HttpConnectTimeoutException e) {
        failure = Problems.local("unreachable", "no connection to " + server + reason(e), e);
      } catch (SSLHandshakeException e) {
        // Nothing of the request has been sent yet.
        failure = Problems.local("unreachable", "no connection to " + server + reason(e), e);
        again = !isAboutCertificate(e);
      } catch (IOException e) {
        String what =
            e instanceof HttpTimeoutException
                ? "no whole answer from " + server + " within " + text(options.requestTimeout())
                : "the connection to " + server + " broke" + reason(e);
        failure = Problems.local("no-answer", what, e);
        if (effect != Effect.NONE) {
          failure = failure.with(Outcome.UNKNOWN);
        }
      } catch (InterruptedException e) {
        throw interrupted(e, mayHaveHappened || effect != Effect.NONE);
      }
      mayHaveHappened |= failure.outcome() == Outcome.UNKNOWN;
      if (Thread.currentThread().isInterrupted()) {
        throw interrupted(failure, mayHaveHappened);
      }
      if (stop.isDone()) {
        throw closed(mayHaveHappened);
      }
      if (!again
          || attempt >= options.attempts()
          || (mayHaveHappened && effect == Effect.EACH_TIME)) {
        // What this attempt knows of itself says nothing of the one before it.
        throw mayHaveHappened ? failure.with(Outcome.UNKNOWN) : failure;
      }
      pause(wait, stop, mayHaveHappened);
    }
  }

  /**
   * One attempt: the head of the answer.
   *
   * @param whole whether its body must come within the same time
   */
  private HttpResponse<AnswerBody> attempt(
      HttpRequest request, boolean whole, CompletableFuture<Void> stop)
      throws IOException, InterruptedException {
    long timeout = options.requestTimeout().toNanos();
    long deadline = System.nanoTime() + timeout;
    CompletableFuture<HttpResponse<AnswerBody>> answer =
        http.sendAsync(
            request,
            _ -> {
              AnswerBody body = new AnswerBody(options.requestTimeout());
              if (whole) {
                body.deadline(deadline);
              }
              return body;
            });
    boolean came = false;
    try {
      CompletableFuture.anyOf(answer, stop).get(timeout, TimeUnit.NANOSECONDS);
      if (!answer.isDone()) {
        throw new IOException("closed");
      }
      HttpResponse<AnswerBody> response = answer.get();
      came = true;
      return response;
    } catch (TimeoutException e) {
      throw new HttpTimeoutException("no answer");
    } catch (ExecutionException e) {
      throw e.getCause() instanceof IOException io ? io : new IOException(e.getCause());
    } finally {
      if (!came) {
        answer.cancel(true);
        // It may have come in this very moment.
        var _ = answer.thenAccept(late -> late.body().close());
      }
    }
  }

  private byte[] problemBody(HttpResponse<AnswerBody> response) {
    try (AnswerBody body = response.body()) {
      body.deadline(System.nanoTime() + options.requestTimeout().toNanos());
      return body.readNBytes(MAX_PROBLEM_BYTES);
    } catch (IOException e) {
      return new byte[0]; // The status alone must do.
    }
  }

  private void pause(Duration wait, CompletableFuture<Void> stop, boolean mayHaveHappened) {
    if (!await(wait, stop, mayHaveHappened)) {
      throw closed(mayHaveHappened);
    }
  }

  /**
   * Waits, unless it is stopped.
   *
   * @return false if it was stopped
   */
  boolean await(Duration wait, CompletableFuture<Void> stop, boolean mayHaveHappened) {
    try {
      // Of any of one, for each wait on the future itself would stay with it for ever.
      CompletableFuture.anyOf(stop).get(wait.toNanos(), TimeUnit.NANOSECONDS);
      return false;
    } catch (TimeoutException e) {
      return true;
    } catch (ExecutionException e) {
      return false;
    } catch (InterruptedException e) {
      throw interrupted(e, mayHaveHappened);
    }
  }

  private MeridianException interrupted(Exception e, boolean mayHaveHappened) {
    Thread.currentThread().interrupt();
    MeridianException failure =
        Problems.local("interrupted", "interrupted while waiting for " + server, e);
    return mayHaveHappened ? failure.with(Outcome.UNKNOWN) : failure;
  }

  private static MeridianException closed(boolean mayHaveHappened) {
    MeridianException failure = Problems.local("closed", "the client was closed", null);
    return mayHaveHappened ? failure.with(Outcome.UNKNOWN) : failure;
  }

  /** What a stream that brought nothing is told as. */
  MeridianException fruitless(@Nullable IOException e) {
    return Problems.local(
        "no-answer",
        "the connection to " + server + " breaks each time before anything has come" + reason(e),
        e);
  }

  /** Doubles with each attempt, the upper half of it at random. */
  private Duration backoff(int attempt) {
    long millis =
        Math.min(FIRST_WAIT.toMillis() << Math.min(attempt - 1, 20), options.maxWait().toMillis());
    return Duration.ofMillis(millis / 2 + ThreadLocalRandom.current().nextLong(millis / 2 + 1));
  }

  /** Whether trying again is of no use: a certificate does not get better by it. */
  private static boolean isAboutCertificate(@Nullable Throwable thrown) {
    Throwable at = thrown;
    for (int depth = 0; at != null && depth < 20; depth++) {
      if (at instanceof CertificateException) {
        return true;
      }
      at = at.getCause();
    }
    return false;
  }

  private static String reason(@Nullable IOException e) {
    String message = e == null ? null : e.getMessage();
    return message == null || message.isBlank() ? "" : " (" + message + ")";
  }

  private static String text(Duration time) {
    long millis = time.toMillis();
    return millis % 1000 == 0 ? millis / 1000 + " s" : millis + " ms";
  }

  /** Breaks off what is under way and ends the watches. */
  @Override
  public void close() {
    closed.complete(null);
    watches.forEach(Watch::close);
    http.shutdownNow();
    executor.shutdown();
  }
}
