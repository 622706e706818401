package dev.meridian.account;

import dev.meridian.account.OidcException.Reason;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Calls to a provider, each bounded in time, {@link #TIME} from beginning to end, and in size. No
 * redirection is followed. Safe for any thread.
 */
final class BoundedHttp {
  static final Duration TIME = Duration.ofSeconds(5);
  static final int MAX_BYTES = 256 << 10;

  private static final class Client {
    private static final HttpClient INSTANCE =
        HttpClient.newBuilder()
            .connectTimeout(TIME)
            .followRedirects(HttpClient.Redirect.NEVER)
            .build();
  }

  private BoundedHttp() {}

  /** A request, of which {@link #send} bounds the time. */
  static HttpRequest.Builder request(URI uri) {
    return HttpRequest.newBuilder(uri).header("Accept", "application/json");
  }

  /**
   * Sends it.
   *
   * @throws OidcException of {@link Reason#UNAVAILABLE} if there is no whole answer in time
   */
  static HttpResponse<byte[]> send(HttpRequest request) throws OidcException {
    CompletableFuture<HttpResponse<byte[]>> answer =
        Client.INSTANCE.sendAsync(
            request, BodyHandlers.limiting(BodyHandlers.ofByteArray(), MAX_BYTES));
    try {
      return answer.get(TIME.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      Throwable cause = e.getCause();
      throw unavailable(request, cause instanceof IOException ? cause : e);
    } catch (TimeoutException e) {
      answer.cancel(true);
      throw unavailable(request, e);
    } catch (InterruptedException e) {
      answer.cancel(true);
      Thread.currentThread().interrupt();
      throw unavailable(request, e);
    }
  }

  private static OidcException unavailable(HttpRequest request, Throwable cause) {
    return new OidcException(
        Reason.UNAVAILABLE, "no answer from " + request.uri() + ": " + cause, cause);
  }
}
