package dev.meridian.client;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpRequest;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Changes as they happen, from a stream of server-sent events. After a connection that broke it
 * goes on behind the last event, so that none is missed. {@link #next} is for one thread; {@link
 * #close} for any.
 */
public final class Watch implements AutoCloseable {
  /** Longest event that is read. */
  private static final int MAX_EVENT_CHARS = 8 << 20;

  private final Transport transport;
  private final URI address;
  private @Nullable String lastEventId;
  private @Nullable BufferedReader stream;
  private volatile @Nullable InputStream body;
  private volatile boolean closed;

  Watch(Transport transport, URI address, @Nullable String lastEventId) {
    this.transport = transport;
    this.address = address;
    this.lastEventId = lastEventId;
    stream = connect();
  }

  /**
   * Waits for the next event.
   *
   * @return null once the watch is closed
   * @throws MeridianException if the server refuses the watch or cannot be reached any more
   */
  public @Nullable Event next() {
    boolean fresh = false;
    while (!closed) {
      BufferedReader in = stream;
      try {
        if (in == null) {
          in = connect();
          fresh = true;
          stream = in;
        }
        Event event = read(in);
        if (event != null) {
          return event;
        }
      } catch (IOException e) {
        // The connection broke: go on behind the last event, below.
      }
      stream = null;
      drop();
      if (fresh) {
        pause();
      }
    }
    return null;
  }

  private BufferedReader connect() {
    HttpRequest.Builder request =
        transport.request(address).setHeader("Accept", "text/event-stream").GET();
    if (lastEventId != null) {
      request.header("Last-Event-ID", lastEventId);
    }
    InputStream opened = transport.stream(request).body();
    body = opened;
    if (closed) {
      drop();
    }
    return new BufferedReader(new InputStreamReader(opened, StandardCharsets.UTF_8));
  }

  /** One event (WHATWG HTML, section 9.2), or null at the stream's end. */
  private @Nullable Event read(BufferedReader in) throws IOException {
    StringBuilder data = new StringBuilder();
    String type = "message";
    // Counts when its event is whole: half an event, or half an id, is sent again.
    String id = lastEventId;
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      if (line.isEmpty()) {
        lastEventId = id;
        if (!data.isEmpty()) {
          data.setLength(data.length() - 1);
          return new Event(id == null ? "" : id, type, Json.MAPPER.readTree(data.toString()));
        }
        type = "message";
        continue;
      }
      int colon = line.indexOf(':');
      String field = colon < 0 ? line : line.substring(0, colon);
      String value = colon < 0 ? "" : line.substring(colon + 1);
      value = value.startsWith(" ") ? value.substring(1) : value;
      switch (field) {
        case "id" -> id = value;
        case "event" -> type = value;
        case "data" -> data.append(value).append('\n');
        default -> {
          // A comment, which keeps the connection alive, or something newer than this client.
        }
      }
      if (data.length() > MAX_EVENT_CHARS) {
        throw new IOException("an event is longer than " + MAX_EVENT_CHARS + " characters");
      }
    }
    return null;
  }

  private void pause() {
    try {
      Thread.sleep(500);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      closed = true;
    }
  }

  private void drop() {
    // The byte stream, not its reader: closing a reader would wait for the one who reads.
    InputStream in = body;
    body = null;
    if (in != null) {
      try {
        in.close();
      } catch (IOException e) {
        // It was broken anyway.
      }
    }
  }

  /** Ends the watch; a {@link #next} under way returns null. */
  @Override
  public void close() {
    closed = true;
    drop();
  }
}
