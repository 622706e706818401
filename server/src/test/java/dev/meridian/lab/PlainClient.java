package dev.meridian.lab;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * An HTTP client that repeats nothing by itself, and keeps its connection for as long as the server
 * does not say that it ends. For one thread.
 */
final class PlainClient implements AutoCloseable {
  /** Longer than the time that a request has, 30 s, so that the answer that says so is seen. */
  private static final int TIMEOUT_MILLIS = 45_000;

  private final InetSocketAddress to;
  private @Nullable Socket socket;
  private @Nullable InputStream in;

  PlainClient(InetSocketAddress to) {
    this.to = to;
  }

  /**
   * What came back.
   *
   * @param head the lines of the head, in lower case
   */
  record Answer(int status, String head, String body) {}

  /**
   * Sends a request and waits for the answer; reads are strong.
   *
   * @throws java.net.ConnectException if the server takes no connection: nothing was sent
   * @throws IOException if the connection ended before the answer was complete
   */
  Answer send(String method, String path, String body) throws IOException {
    return send(method, path, "application/json", body);
  }

  /** The same with a body of another type. */
  Answer send(String method, String path, String type, String body) throws IOException {
    Socket open = socket;
    InputStream from = in;
    if (open == null || from == null) {
      open = new Socket();
      open.setTcpNoDelay(true);
      open.setSoTimeout(TIMEOUT_MILLIS);
      try {
        open.connect(to, TIMEOUT_MILLIS);
      } catch (IOException e) {
        open.close();
        throw e;
      }
      from = new BufferedInputStream(open.getInputStream());
      socket = open;
      in = from;
    }
    try {
      open.getOutputStream()
          .write(
              (method
                      + " "
                      + path
                      + " HTTP/1.1\r\nHost: "
                      + to.getHostString()
                      + "\r\n"
                      + (body.isEmpty()
                          ? "Meridian-Consistency: strong\r\n"
                          : "Content-Type: "
                              + type
                              + "\r\nContent-Length: "
                              + body.length()
                              + "\r\n")
                      + "\r\n"
                      + body)
                  .getBytes(StandardCharsets.US_ASCII));
      return read(from);
    } catch (IOException e) {
      close();
      throw e;
    }
  }

  private Answer read(InputStream from) throws IOException {
    int status = Integer.parseInt(line(from).split(" ", 3)[1]);
    int length = 0;
    boolean last = false;
    StringBuilder head = new StringBuilder();
    for (String line = line(from); !line.isEmpty(); line = line(from)) {
      String lower = line.toLowerCase(Locale.ROOT);
      head.append(lower).append('\n');
      if (lower.startsWith("content-length:")) {
        length = Integer.parseInt(lower.substring(15).strip());
      }
      last |= lower.startsWith("connection:") && lower.contains("close");
      if (lower.startsWith("transfer-encoding:")) {
        throw new IOException("this client takes answers of a known length only");
      }
    }
    byte[] body = from.readNBytes(length);
    if (body.length < length) {
      throw new EOFException("the answer's body ended early");
    }
    if (last) {
      close();
    }
    return new Answer(status, head.toString(), new String(body, StandardCharsets.UTF_8));
  }

  private static String line(InputStream from) throws IOException {
    StringBuilder line = new StringBuilder();
    for (int c; (c = from.read()) != '\n'; ) {
      if (c < 0) {
        throw new EOFException(
            line.isEmpty() ? "the connection ended without an answer" : "the answer ended early");
      }
      if (c != '\r') {
        line.append((char) c);
      }
    }
    return line.toString();
  }

  @Override
  public void close() {
    Socket open = socket;
    socket = null;
    in = null;
    if (open != null) {
      try {
        open.close();
      } catch (IOException e) {
        // It is closed then.
      }
    }
  }

  @Override
  public String toString() {
    return to.getHostString();
  }
}
