package dev.meridian.web;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.document.Json;
import dev.meridian.site.Limits;
import dev.meridian.site.Rules;
import dev.meridian.store.Change;
import dev.meridian.store.ChangeFeed;
import dev.meridian.store.ChangeQuery;
import dev.meridian.store.ChangeScope;
import dev.meridian.store.Position;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Whatever comes over the wire is answered as HTTP or ends the connection, is never the server's
 * fault, stores nothing but JSON, and leaves the server as it was.
 */
@Timeout(300)
class HttpFuzzTest {
  private static final int ROUNDS = 1_500;

  private static final List<String> REQUESTS =
      List.of(
          "GET /data/a/1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
          "GET /data/a?where=n%20%3E%201&limit=3&sort=-n&scan=100 HTTP/1.1\r\nHost: localhost\r\n\r\n",
          "GET /data/a?limit=2&fields=n,m&after=AAAA HTTP/1.1\r\nHost: h\r\nAccept: text/html\r\n\r\n",
          "HEAD /data/a/1 HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: \"1-0\", W/\"x\"\r\n\r\n",
          "OPTIONS /data/a/1 HTTP/1.1\r\nHost: localhost\r\nOrigin: http://x\r\n\r\n",
          "DELETE /data/a/9 HTTP/1.1\r\nHost: localhost\r\nIf-Match: *\r\n\r\n",
          "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip;q=0.5\r\n\r\n",
          body("PUT", "/data/a/1", "application/json", "{\"n\":1,\"s\":\"ä\"}"),
          body("PUT", "/data/a/1/b/2", "application/yaml", "n: 1\nl: [a, b]\n"),
          body("PUT", "/data/a/3", "application/xml", "<v type=\"object\"><n>1</n></v>"),
          body("PATCH", "/data/a/1", "application/merge-patch+json", "{\"n\":null}"),
          body("PATCH", "/data/a/1", "application/vnd.meridian.increment+json", "{\"n\":1}"),
          body(
              "PATCH",
              "/data/a/1",
              "application/json-patch+json",
              "[{\"op\":\"test\",\"path\":\"/n\",\"value\":1}]"),
          body("POST", "/data/a", "application/json", "[1,2,{\"a\":1e400}]"),
          body(
              "POST",
              "/data/a",
              "application/x-ndjson",
              "{\"id\":\"x\",\"value\":1}\n{\"value\":2}\n"),
          body("POST", "/data", "application/json", "{\"writes\":[{\"put\":\"a/1\",\"value\":1}]}"),
          "PUT /data/a/1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
              + "3\r\n{\"n\r\n4;x=y\r\n\":1}\r\n0\r\n\r\n",
          "PUT /data/a/1 HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n1",
          "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0");

  private static final List<String> INSERTED =
      List.of(
          "\r\n",
          "\n",
          "\r",
          "\0",
          " ",
          "\t",
          ":",
          "%",
          "%00",
          "%2F",
          "%C0%AF",
          "/..",
          "//",
          "?",
          "&",
          "=",
          "#",
          "\u00ff",
          "Content-Length: 5\r\n",
          "Content-Length: -1\r\n",
          "Content-Length: 99999999999999999999\r\n",
          "Transfer-Encoding: chunked\r\n",
          "Transfer-Encoding: identity, chunked\r\n",
          "Host: other\r\n",
          "Host:\r\n",
          "X: y\r\n z\r\n",
          "Connection: close\r\n",
          "Connection: upgrade\r\nUpgrade: h2c\r\n",
          "Range: bytes=0-0\r\n",
          "If-Match: \"\r\n",
          "Idempotency-Key: \r\n",
          "Expires-In: P1D\r\n",
          "Accept: */*;q=x\r\n",
          "Authorization: Bearer mk_x\r\n",
          "Meridian-Session: x\r\n",
          "Meridian-Grant: g1....\r\n",
          "Last-Event-ID: x\r\n",
          "Content-Encoding: gzip\r\n",
          "X-Request-Id: \u0001\r\n");

  @TempDir Path folder;
  private TestServer server;

  private static String body(String method, String path, String type, String body) {
    int length = body.getBytes(StandardCharsets.UTF_8).length;
    return method
        + " "
        + path
        + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
        + type
        + "\r\nContent-Length: "
        + length
        + "\r\n\r\n"
        + body;
  }

  @BeforeEach
  void start() throws IOException {
    // A body that does not come is answered soon.
    Limits limits =
        new Limits(1 << 16, 1 << 17, 10, 20, 10, 1000, Duration.ofMillis(500), 10, 1 << 16);
    server = new TestServer(folder, new Rules("true", "true"), limits, Map.of());
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void nothingSentBreaksTheServer() throws Exception {
    long seed = Long.getLong("seed", System.nanoTime());
    System.out.println("HttpFuzzTest -Dseed=" + seed);
    Random random = new Random(seed);
    for (int round = 0; round < ROUNDS; round++) {
      byte[] sent = mutated(random);
      byte[] answer = exchange(sent, random.nextBoolean());
      String what = "round " + round + ": " + new String(sent, StandardCharsets.ISO_8859_1);
      if (answer.length > 0 && !startsWith(sent, "PRI")) {
        String head = new String(answer, StandardCharsets.ISO_8859_1);
        assertThat(head).as(what).matches("(?s)HTTP/1\\.[01] [1-5][0-9][0-9] .*\r\n\r\n.*");
        assertThat(head).as(what).doesNotStartWith("HTTP/1.1 500");
      }
      if (round % 100 == 0) {
        assertThat(server.send("GET", "/openapi.json", "").statusCode()).isEqualTo(200);
      }
    }
    assertThat(server.json("PUT", "/data/good/1", "{\"n\":1}").statusCode()).isEqualTo(201);
    assertThat(server.send("GET", "/data/good/1", "").body()).isEqualTo("{\"n\":1}");
    assertThat(server.store.verify().problems()).isEmpty();
    try (ChangeFeed feed =
        server.store.changes(new ChangeQuery(new ChangeScope.Everything(), Position.START))) {
      for (List<Change> changes = feed.poll(100, Duration.ZERO);
          !changes.isEmpty();
          changes = feed.poll(100, Duration.ZERO)) {
        for (Change change : changes) {
          var document = change.document();
          if (document != null) {
            assertThat(Json.parse(document.json()).toBytes()).isEqualTo(document.json());
          }
        }
      }
    }
  }

  private static boolean startsWith(byte[] bytes, String text) {
    return new String(bytes, 0, Math.min(bytes.length, text.length()), StandardCharsets.ISO_8859_1)
        .equals(text);
  }

  private static byte[] mutated(Random random) {
    if (random.nextInt(20) == 0) {
      byte[] junk = new byte[1 + random.nextInt(2000)];
      random.nextBytes(junk);
      return junk;
    }
    List<Byte> bytes = new ArrayList<>();
    for (int i = random.nextInt(3); i >= 0; i--) {
      // Several in one go: pipelined.
      add(bytes, bytes.size(), REQUESTS.get(random.nextInt(REQUESTS.size())));
    }
    for (int i = random.nextInt(4); i > 0; i--) {
      int at = random.nextInt(bytes.size());
      switch (random.nextInt(6)) {
        case 0 -> bytes.set(at, (byte) random.nextInt(256));
        case 1 -> add(bytes, at, INSERTED.get(random.nextInt(INSERTED.size())));
        case 2 -> add(bytes, afterLine(bytes, at), INSERTED.get(random.nextInt(INSERTED.size())));
        case 3 -> bytes.subList(at, Math.min(bytes.size(), at + 1 + random.nextInt(10))).clear();
        case 4 -> add(bytes, at, "x".repeat(random.nextInt(40_000)));
        default -> bytes.subList(at, bytes.size()).clear();
      }
      if (bytes.isEmpty()) {
        bytes.add((byte) '\n');
      }
    }
    byte[] sent = new byte[bytes.size()];
    for (int i = 0; i < sent.length; i++) {
      sent[i] = bytes.get(i);
    }
    return sent;
  }

  private static void add(List<Byte> bytes, int at, String text) {
    List<Byte> more = new ArrayList<>();
    for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
      more.add(b);
    }
    bytes.addAll(at, more);
  }

  /** Where the line ends: headers go there. */
  private static int afterLine(List<Byte> bytes, int from) {
    for (int i = from; i < bytes.size(); i++) {
      if (bytes.get(i) == '\n') {
        return i + 1;
      }
    }
    return from;
  }

  /** Sends, says that there is no more, and reads until the server ends the connection. */
  private byte[] exchange(byte[] sent, boolean inPieces) throws IOException {
    ByteArrayOutputStream answer = new ByteArrayOutputStream();
    try (Socket socket = new Socket("127.0.0.1", server.port())) {
      socket.setSoTimeout(60_000);
      try {
        int half = inPieces ? sent.length / 2 : sent.length;
        socket.getOutputStream().write(Arrays.copyOf(sent, half));
        socket.getOutputStream().flush();
        socket.getOutputStream().write(sent, half, sent.length - half);
        socket.shutdownOutput();
      } catch (SocketException e) {
        // It has heard enough.
      }
      try {
        socket.getInputStream().transferTo(answer);
      } catch (SocketException e) {
        // Reset: what was sent after the answer was not read.
      }
    }
    return answer.toByteArray();
  }
}
