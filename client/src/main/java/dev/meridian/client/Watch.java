package dev.meridian.client;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;

/**
 * Changes as they happen, from a stream of server-sent events. After a connection that broke, or
 * fell silent, it goes on behind the last event, so that none is missed. {@link #next} is for one
 * thread; {@link #close} for any.
 */
public final class Watch implements AutoCloseable {
  /** Longest time without a byte: the server sends at least every 15 s. */
  static final Duration SILENCE = Duration.ofSeconds(45);

  /** Longest event that is read. */
  private static final int MAX_EVENT_BYTES = 8 << 20;

  private static final Duration PAUSE = Duration.ofMillis(500);

  private final Transport transport;
  private final URI address;
  private final CompletableFuture<Void> closed = new CompletableFuture<>();
  private volatile @Nullable AnswerBody body;

  // Below: of the thread that calls next().
  private @Nullable InputStream stream;

  /** The position behind the last whole event. */
  private @Nullable String lastEventId;

  /** Whether the connection has brought a whole line. */
  private boolean heard;

  private boolean afterReturn;

  Watch(Transport transport, URI address, @Nullable String lastEventId) {
    this.transport = transport;
    this.address = address;
    this.lastEventId = lastEventId;
    transport.add(this);
    try {
      stream = connect();
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  /**
   * Waits for the next event.
   *
   * @return null once the watch, or its client, is closed
   * @throws MeridianException if the server refuses the watch or cannot be reached any more, or if
   *     the thread is interrupted; another call tries again
   */
  public @Nullable Event next() {
    int fruitless = 0;
    boolean fresh = false;
    while (!closed.isDone()) {
      IOException broken = null;
      try {
        InputStream in = stream;
        if (in == null) {
          in = connect();
          stream = in;
          fresh = true;
        }
        Event event = read(in);
        if (event != null) {
          return event;
        }
      } catch (IOException e) {
        broken = e; // Go on behind the last event, below.
      } catch (MeridianException e) {
        if (e.type().equals("closed")) {
          return null;
        }
        throw e;
      }
      stream = null;
      drop();
      if (closed.isDone()) {
        return null;
      }
      fruitless = heard ? 0 : fruitless + 1;
      if (fruitless >= transport.attempts()) {
        throw transport.fruitless(broken);
      }
      if (fresh && !transport.await(PAUSE, closed, false)) {
        return null;
      }
    }
    return null;
  }

  private InputStream connect() {
    HttpRequest.Builder request =
        transport.request(address).setHeader("Accept", "text/event-stream").GET();
    if (lastEventId != null) {
      request.header("Last-Event-ID", lastEventId);
    }
    heard = false;
    afterReturn = false;
    HttpResponse<AnswerBody> response = transport.stream(request, closed);
    AnswerBody opened = response.body();
    body = opened;
    if (closed.isDone()) {
      drop();
    }
    String type = response.headers().firstValue("Content-Type").orElse("none");
    if (!type.toLowerCase(Locale.ROOT).startsWith("text/event-stream")) {
      drop();
      throw Problems.notMeridian(
          response.statusCode(), "the answer is no event stream, but of the type " + type, null);
    }
    opened.patience(transport.silence());
    return new BufferedInputStream(opened);
  }

  /** One event (WHATWG HTML, section 9.2), or null at the stream's end. */
  private @Nullable Event read(InputStream in) throws IOException {
    StringBuilder data = new StringBuilder();
    String type = "message";
    String id = lastEventId;
    for (String line = readLine(in); line != null; line = readLine(in)) {
      heard = true;
      if (line.isEmpty()) {
        // Only now: what breaks off before its empty line has not happened.
        lastEventId = id;
        if (!data.isEmpty()) {
          data.setLength(data.length() - 1);
          return event(id, type, data.toString());
        }
        type = "message";
        continue;
      }
      int colon = line.indexOf(':');
      String field = colon < 0 ? line : line.substring(0, colon);
      String value = colon < 0 ? "" : line.substring(colon + 1);
      value = value.startsWith(" ") ? value.substring(1) : value;
      switch (field) {
        case "id" -> id = value.chars().allMatch(c -> c > 0x20 && c < 0x7f) ? value : id;
        case "event" -> type = value;
        case "data" -> data.append(value).append('\n');
        default -> {
          // A comment, which keeps the connection alive, or something newer than this client.
        }
      }
      if (data.length() > MAX_EVENT_BYTES) {
        throw tooLong();
      }
    }
    return null;
  }

  private Event event(@Nullable String id, String type, String data) {
    if (type.equals("error")) {
      close();
      throw Objects.requireNonNullElseGet(
          Problems.document(
              MeridianException.UNREACHED, data.getBytes(StandardCharsets.UTF_8), false),
          () -> Problems.notMeridian(200, "the watch ended with: " + data, null));
    }
    try {
      return new Event(id == null ? "" : id, type, Json.MAPPER.readTree(data));
    } catch (JacksonException e) {
      close();
      throw Problems.notMeridian(200, "an event is not JSON", e);
    }
  }

  /** A whole line, ended by CR, LF or both; null at the end, whatever of a line came before it. */
  private @Nullable String readLine(InputStream in) throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream(128);
    while (true) {
      int c = in.read();
      if (c == '\n' && afterReturn) {
        afterReturn = false;
        continue;
      }
      afterReturn = c == '\r';
      if (c < 0) {
        return null;
      }
      if (c == '\n' || c == '\r') {
        return line.toString(StandardCharsets.UTF_8);
      }
      if (line.size() == MAX_EVENT_BYTES) {
        throw tooLong();
      }
      line.write(c);
    }
  }

  private MeridianException tooLong() {
    close();
    return Problems.notMeridian(
        200, "an event is longer than " + MAX_EVENT_BYTES + " characters", null);
  }

  private void drop() {
    AnswerBody open = body;
    body = null;
    if (open != null) {
      open.close();
    }
  }

  /** Ends the watch; a {@link #next} under way returns null. */
  @Override
  public void close() {
    closed.complete(null);
    transport.remove(this);
    drop();
  }
}
