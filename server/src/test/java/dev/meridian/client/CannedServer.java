package dev.meridian.client;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;

/** A server that answers each request as the test wrote it, which may be in no sense HTTP. */
final class CannedServer implements AutoCloseable {
  /** Answers one request; the connection is closed when it returns. */
  interface Script {
    void answer(OutputStream out) throws IOException, InterruptedException;
  }

  private final ServerSocket listener;
  private final Queue<Script> scripts = new ConcurrentLinkedQueue<>();
  private final Set<Socket> open = ConcurrentHashMap.newKeySet();
  private final List<String> heads = new CopyOnWriteArrayList<>();
  private final CountDownLatch closed = new CountDownLatch(1);
  private volatile Script otherwise = out -> {};

  CannedServer() throws IOException {
    listener = new ServerSocket(0, 200, InetAddress.getLoopbackAddress());
    Thread.ofVirtual().start(this::accept);
  }

  URI address() {
    return URI.create("http://127.0.0.1:" + listener.getLocalPort());
  }

  /** The next request is answered so. */
  CannedServer then(Script script) {
    scripts.add(script);
    return this;
  }

  /** The next request is answered with these bytes. */
  CannedServer then(String answer) {
    return then(out -> out.write(answer.getBytes(StandardCharsets.UTF_8)));
  }

  /** Every request without an answer of its own is answered so. */
  CannedServer always(Script script) {
    otherwise = script;
    return this;
  }

  CannedServer always(String answer) {
    return always(out -> out.write(answer.getBytes(StandardCharsets.UTF_8)));
  }

  /** A script that sends this and then nothing more, until the server is closed. */
  Script stallingAfter(String begin) {
    return out -> {
      out.write(begin.getBytes(StandardCharsets.UTF_8));
      out.flush();
      closed.await();
    };
  }

  /** The heads of the requests that came, in order. */
  List<String> heads() {
    return heads;
  }

  static String answer(String status, String type, String body, String... headers) {
    return "HTTP/1.1 "
        + status
        + "\r\nContent-Type: "
        + type
        + "\r\nContent-Length: "
        + body.getBytes(StandardCharsets.UTF_8).length
        + "\r\nConnection: close\r\n"
        + String.join("", headers)
        + "\r\n"
        + body;
  }

  static String problem(int status, String name, String outcome, String... headers) {
    return answer(
        status + " No",
        "application/problem+json",
        "{\"type\":\"urn:meridian:problem:%s\",\"status\":%d,\"detail\":\"said so\",\"outcome\":\"%s\"}"
            .formatted(name, status, outcome),
        headers);
  }

  private void accept() {
    while (true) {
      Socket socket;
      try {
        socket = listener.accept();
      } catch (IOException e) {
        return; // closed
      }
      open.add(socket);
      Thread.ofVirtual().start(() -> serve(socket));
    }
  }

  private void serve(Socket socket) {
    try (socket) {
      InputStream in = socket.getInputStream();
      StringBuilder head = new StringBuilder();
      while (head.indexOf("\r\n\r\n") < 0) {
        int b = in.read();
        if (b < 0) {
          return;
        }
        head.append((char) b);
      }
      String lower = head.toString().toLowerCase(Locale.ROOT);
      int at = lower.indexOf("content-length: ");
      if (at >= 0) {
        int length = Integer.parseInt(lower.substring(at + 16, lower.indexOf('\r', at)));
        in.readNBytes(length);
      }
      heads.add(head.toString());
      Script script = scripts.poll();
      (script == null ? otherwise : script).answer(socket.getOutputStream());
    } catch (IOException | InterruptedException e) {
      // The client has gone, or the test has ended.
    } finally {
      open.remove(socket);
    }
  }

  @Override
  public void close() throws IOException {
    closed.countDown();
    listener.close();
    for (Socket socket : open) {
      socket.close();
    }
  }
}
