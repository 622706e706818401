package dev.meridian.web;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.site.Limits;
import dev.meridian.site.Rules;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Connections that hold a place and ask for nothing are ended; those that work are left alone. */
@Timeout(120)
class OpenConnectionsTest {
  private static final Duration IDLE = Duration.ofMillis(400);
  private static final String GET = "GET /data/a/1 HTTP/1.1\r\nHost: localhost\r\n\r\n";

  @TempDir Path folder;

  private TestServer start(int places, Duration idle) throws Exception {
    TestServer server =
        new TestServer(
            folder,
            TestServer.site(folder, new Rules("true", "true"), Limits.DEFAULT, Map.of()),
            WebOptions.http(new InetSocketAddress("127.0.0.1", 0)).withConnections(places, idle));
    assertThat(server.json("PUT", "/data/a/1", "1").statusCode()).isEqualTo(201);
    return server;
  }

  private static Socket connect(TestServer server) throws IOException {
    Socket socket = new Socket("127.0.0.1", server.port());
    socket.setSoTimeout(60_000);
    return socket;
  }

  private static void send(Socket socket, String text) throws IOException {
    socket.getOutputStream().write(text.getBytes(StandardCharsets.ISO_8859_1));
    socket.getOutputStream().flush();
  }

  /** All that still comes, until the server ends the connection. */
  private static String rest(Socket socket) throws IOException {
    try {
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
    } catch (SocketException e) {
      return "";
    }
  }

  private static String answer(Socket socket) throws IOException {
    InputStream in = socket.getInputStream();
    StringBuilder head = new StringBuilder();
    while (head.indexOf("\r\n\r\n1") < 0) {
      int b = in.read();
      assertThat(b).as("%s", head).isNotNegative();
      head.append((char) b);
    }
    return head.toString();
  }

  @Test
  void silentConnectionsAreEnded() throws Exception {
    try (TestServer server = start(100, IDLE);
        Socket socket = connect(server)) {
      assertThat(rest(socket)).isEmpty();
    }
  }

  @Test
  void headsThatArriveByteByByteAreEnded() throws Exception {
    try (TestServer server = start(100, IDLE);
        Socket socket = connect(server)) {
      send(socket, "GET /data/a/1 HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
      Thread dripping =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      // As long as it takes; the server's end of the connection ends this.
                      while (true) {
                        send(socket, "x");
                        Thread.sleep(20);
                      }
                    } catch (IOException | InterruptedException e) {
                      // Ended, as it should be.
                    }
                  });
      assertThat(rest(socket)).doesNotContain("200 OK");
      dripping.join();
    }
  }

  @Test
  void connectionsThatFollowTheirRequestWithNothingAreEnded() throws Exception {
    try (TestServer server = start(100, IDLE);
        Socket socket = connect(server)) {
      send(socket, GET);
      assertThat(answer(socket)).startsWith("HTTP/1.1 200");
      assertThat(rest(socket)).isEmpty();
    }
  }

  @Test
  void connectionsThatAskInTimeAreKept() throws Exception {
    try (TestServer server = start(100, Duration.ofSeconds(3));
        Socket socket = connect(server)) {
      // Together far longer than a connection may be idle.
      for (int i = 0; i < 12; i++) {
        send(socket, GET);
        assertThat(answer(socket)).startsWith("HTTP/1.1 200");
        Thread.sleep(500);
      }
    }
  }

  @Test
  void watchesOutlastTheLimitOnHttp1AndHttp2() throws Exception {
    try (TestServer server = start(100, IDLE)) {
      for (HttpClient.Version version : HttpClient.Version.values()) {
        try (HttpClient client = HttpClient.newBuilder().version(version).build()) {
          HttpRequest watch =
              server.request("/data/a/1?watch").header("Accept", "text/event-stream").build();
          HttpResponse<Stream<String>> events = client.send(watch, BodyHandlers.ofLines());
          assertThat(events.version()).isEqualTo(version);
          try (Stream<String> lines = events.body()) {
            Iterator<String> each = lines.iterator();
            Thread.sleep(IDLE.toMillis() * 5);
            String value = "\"" + version + "\"";
            assertThat(server.json("PUT", "/data/a/1", value).statusCode()).isEqualTo(204);
            String line;
            do {
              line = each.next();
            } while (!line.contains(value));
          }
          client.shutdownNow();
        }
      }
    }
  }

  @Test
  void whoHoardsPlacesKeepsNobodyOut() throws Exception {
    List<Socket> hoard = new ArrayList<>();
    // A minute, of which a tenth is left when places are scarce.
    try (TestServer server = start(40, Duration.ofMinutes(1))) {
      for (int i = 0; i < 60; i++) {
        hoard.add(connect(server));
      }
      assertThat(server.send("GET", "/data/a/1", "").statusCode()).isEqualTo(200);
      try (HttpClient fresh = HttpClient.newHttpClient()) {
        assertThat(fresh.send(server.request("/data/a/1").build(), BodyHandlers.ofString()).body())
            .isEqualTo("1");
      }
    } finally {
      for (Socket socket : hoard) {
        socket.close();
      }
    }
  }
}
