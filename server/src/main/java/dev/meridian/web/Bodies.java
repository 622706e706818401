package dev.meridian.web;

import dev.meridian.document.JsonLimits;
import dev.meridian.site.Limits;
import io.helidon.common.buffers.DataReader;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.webserver.CloseConnectionException;
import io.helidon.webserver.http.ServerRequest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.OptionalLong;

/** Reads request bodies, never more than a limit. */
final class Bodies {
  private static final int MOST_ABANDONED = 16 << 20;

  /** A client may go on sending for so long; one that sends nothing meets {@link Watchdog}. */
  private static final Duration ABANDONED_TIME = Duration.ofSeconds(5);

  private Bodies() {}

  /**
   * The whole body.
   *
   * @throws ProblemException 413 as soon as it is known to be longer than {@code most}; 408 if it
   *     does not come within the request's time
   */
  static byte[] read(RequestContext context, int most) {
    OptionalLong announced = context.request().headers().contentLength();
    if (announced.isPresent() && announced.getAsLong() > most) {
      throw tooLarge(context, most);
    }
    if (!context.request().content().hasEntity()) {
      return new byte[0];
    }
    int expected = (int) Math.min(announced.orElse(512), most);
    ByteArrayOutputStream body = new ByteArrayOutputStream(Math.max(32, expected));
    byte[] buffer = new byte[Math.clamp(expected, 512, 8192)];
    context.reading();
    try (InputStream in = context.request().content().inputStream()) {
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        if (body.size() + n > most) {
          throw tooLarge(context, most);
        }
        body.write(buffer, 0, n);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (ProblemException | UncheckedIOException | CloseConnectionException e) {
      throw e;
    } catch (Http1Reader.BrokenBody e) {
      throw broken("The body's chunked encoding is broken: " + e.getMessage() + ".");
    } catch (DataReader.InsufficientDataAvailableException e) {
      throw broken("The body ended before it was whole; nothing was done.");
    } catch (RuntimeException e) {
      // Whatever it is: where the body ends is unknown, so no other request may be read after it.
      throw broken("The body could not be read.");
    }
    context.read();
    return body.toByteArray();
  }

  /** Whether a request has a body of which something is unread. */
  static boolean isUnread(ServerRequest request) {
    var content = request.content();
    return content.hasEntity() && !content.consumed();
  }

  /**
   * After an answer that says the connection ends: lets the client send what it has begun to send,
   * within bounds, for many read no answer before that and would find a broken connection instead.
   *
   * @throws CloseConnectionException if the connection is to end
   */
  static void abandon(RequestContext context) {
    if (!context.isHttp1()
        || !context.response().headers().contains(HeaderValues.CONNECTION_CLOSE)
        || !isUnread(context.request())) {
      return;
    }
    if (context.request().continueSent()) {
      try (InputStream in = context.request().content().inputStream()) {
        byte[] buffer = new byte[8192];
        int left = MOST_ABANDONED;
        long end = System.nanoTime() + ABANDONED_TIME.toNanos();
        for (int n = in.read(buffer);
            n >= 0 && left > 0 && System.nanoTime() < end;
            n = in.read(buffer)) {
          left -= n;
        }
      } catch (IOException | RuntimeException e) {
        // It has stopped sending, which is as good.
      }
    }
    throw new CloseConnectionException("The rest of the request's body is not wanted");
  }

  /** What values of documents must keep to. */
  static JsonLimits jsonLimits(Limits limits) {
    return JsonLimits.DEFAULT.withBytes(limits.documentBytes()).withDepth(limits.nestingDepth());
  }

  private static ProblemException tooLarge(RequestContext context, int most) {
    Problem problem =
        Problem.tooLarge(
            "The request's body is longer than " + most + " bytes; send less, or in parts.");
    // The rest of the body stays unread, so the connection cannot carry another request.
    return new ProblemException(
        context.isHttp1() ? problem.with(HeaderValues.CONNECTION_CLOSE) : problem);
  }

  /** Where such a body ends is unknown, so the connection ends. */
  private static ProblemException broken(String detail) {
    return new ProblemException(Problem.badRequest(detail).with(HeaderValues.CONNECTION_CLOSE));
  }

  /** The request's media type without parameters, in lower case, or empty when it says none. */
  static String mediaType(RequestContext context) {
    String type = context.header(HeaderNames.CONTENT_TYPE);
    if (type == null) {
      return "";
    }
    int end = type.indexOf(';');
    return (end < 0 ? type : type.substring(0, end)).strip().toLowerCase(java.util.Locale.ROOT);
  }
}
