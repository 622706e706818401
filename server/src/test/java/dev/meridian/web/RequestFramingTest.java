package dev.meridian.web;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.site.Limits;
import java.io.IOException;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Where requests begin and end, as sockets see it. */
@Timeout(60)
class RequestFramingTest {
  private static final String NEXT = "GET /data/a/secret HTTP/1.1\r\nHost: a\r\n\r\n";

  @TempDir Path folder;
  private TestServer server;

  @BeforeEach
  void start() throws Exception {
    server = TestServer.open(folder);
    server.json("PUT", "/data/a/secret", "\"SECRET\"");
  }

  @AfterEach
  void stop() {
    server.close();
  }

  /** Sends and reads until the server closes. */
  private String all(String request) throws IOException {
    try (Socket socket = new Socket("127.0.0.1", server.port())) {
      socket.setSoTimeout(20_000);
      socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
      socket.shutdownOutput();
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
    }
  }

  private static String chunked(String body) {
    return "PUT /data/a/1 HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        + "Transfer-Encoding: chunked\r\n\r\n"
        + body;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "80000002\r\nxx\r\n0\r\n\r\n",
        "ffffffffffffffff\r\n{}\r\n0\r\n\r\n",
        "+2\r\n{}\r\n0\r\n\r\n",
        "-2\r\n{}\r\n0\r\n\r\n",
        "0x2\r\n{}\r\n0\r\n\r\n",
        "2 \r\n{}\r\n0\r\n\r\n",
        " 2\r\n{}\r\n0\r\n\r\n",
        "\r\n{}\r\n0\r\n\r\n",
        ";a\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}\r\n+0\r\n\r\n",
        "2\r\n{}XX0\r\n\r\n",
        "2\r\n{}\n0\r\n\r\n",
        "2\n{}\r\n0\r\n\r\n",
        "2\r{}\r\n0\r\n\r\n",
        "2;a\nb\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}\r\n0\r\nno trailer\r\n\r\n",
        "2\r\n{}\r\n0\r\n: x\r\n\r\n",
        "2\r\n{}\r\n0\r\na : x\r\n\r\n",
        "2\r\n{}\r\n0\r\na: x\n\r\n",
      })
  void brokenChunksAreRefusedAndNothingIsReadAfterThem(String body) throws Exception {
    String answer = all(chunked(body) + NEXT);
    assertThat(answer).startsWith("HTTP/1.1 400 ").containsIgnoringCase("Connection: close");
    assertThat(answer).doesNotContain("SECRET");
    assertThat(server.send("GET", "/data/a/1", "").statusCode()).isEqualTo(404);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "7\r\n{\"n\":1}\r\n0\r\n\r\n",
        "007\r\n{\"n\":1}\r\n000\r\n\r\n",
        "7;x\r\n{\"n\":1}\r\n0;y=\"z\"\r\n\r\n",
        "7 ; x = y\r\n{\"n\":1}\r\n0\r\n\r\n",
        "1\r\n{\r\n6\r\n\"n\":1}\r\n0\r\nX: y\r\nDigest:\r\n\r\n",
      })
  void chunksAreReadWithExtensionsAndTrailers(String body) throws Exception {
    String answer = all(chunked(body) + NEXT);
    assertThat(answer).startsWith("HTTP/1.1 201 ").contains("HTTP/1.1 200 ").contains("SECRET");
    assertThat(server.send("GET", "/data/a/1", "").body()).isEqualTo("{\"n\":1}");
  }

  @Test
  void chunksMayComeInAnyPieces() throws Exception {
    String request = chunked("5;x=y\r\n{\"n\":\r\n2\r\n1}\r\n0\r\nX: y\r\n\r\n") + NEXT;
    try (Socket socket = new Socket("127.0.0.1", server.port())) {
      socket.setSoTimeout(20_000);
      socket.setTcpNoDelay(true);
      for (byte b : request.getBytes(StandardCharsets.ISO_8859_1)) {
        socket.getOutputStream().write(b);
        Thread.sleep(1); // so that most bytes travel alone
      }
      socket.shutdownOutput();
      String answer =
          new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
      assertThat(answer).startsWith("HTTP/1.1 201 ").contains("SECRET");
    }
  }

  @Test
  void whatIsPassedOverIsBounded() throws Exception {
    String extension =
        "7;" + "x".repeat(Http1Reader.MOST_LINE_BYTES) + "\r\n{\"n\":1}\r\n0\r\n\r\n";
    assertThat(all(chunked(extension))).startsWith("HTTP/1.1 400 ");
    String trailers =
        "7\r\n{\"n\":1}\r\n0\r\n" + "a: b\r\n".repeat(Http1Reader.MOST_PASSED_BYTES / 6 + 1);
    assertThat(all(chunked(trailers + "\r\n"))).startsWith("HTTP/1.1 400 ");
  }

  /** A chunk that says it is larger than memory is refused when the body's limit is reached. */
  @Test
  void aHugeChunkIsNotKeptInMemory() throws Exception {
    int limit = Limits.DEFAULT.bodyBytes();
    String answer = all(chunked("7fffffff\r\n" + "1".repeat(limit + 100_000)));
    assertThat(answer).startsWith("HTTP/1.1 413 ");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "PUT /data/_keys/1", // refused without looking at the body
        "DELETE /data/a/1",
        "GET /data/a/secret",
        "GET /openapi.json",
        "GET /nothing-here",
      })
  void connectionWhoseBodyWasNotWantedEndsThoughItDrips(String request) throws Exception {
    try (Socket socket = new Socket("127.0.0.1", server.port())) {
      socket.setSoTimeout(50_000);
      socket
          .getOutputStream()
          .write((request + " HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n").getBytes());
      Thread dripping =
          Thread.startVirtualThread(
              () -> {
                try {
                  // As long as it takes; the server's end of the connection ends this.
                  while (true) {
                    socket.getOutputStream().write('x');
                    Thread.sleep(100);
                  }
                } catch (IOException | InterruptedException e) {
                  // Ended, as it should be.
                }
              });
      StringBuilder answer = new StringBuilder();
      try {
        for (int b = socket.getInputStream().read(); b >= 0; b = socket.getInputStream().read()) {
          answer.append((char) b);
        }
      } catch (SocketException e) {
        // Reset, for it went on sending.
      }
      dripping.join();
      assertThat(answer).startsWith("HTTP/1.1 ").containsIgnoringCase("Connection: close");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "GET http://a/data/a/secret HTTP/1.1 | 200",
        "GET HTTPS://a.test:81/data/a/secret? HTTP/1.1 | 200",
        "GET http://a/openapi.json HTTP/1.1 | 200",
        "GET http://a HTTP/1.1 | 404",
        "GET http:///data/a/secret HTTP/1.1 | 400",
        "GET ftp://a/data/a/secret HTTP/1.1 | 400",
        "GET data/a/secret HTTP/1.1 | 400",
        "GET * HTTP/1.1 | 400",
        "OPTIONS * HTTP/1.1 | 204",
        "GET /data/a/secret HTTP/1.0 | 505",
        "GET /data/a/secret HTTP/1.2 | 400",
        "GET /data/a/secret | 400",
        "nonsense | 400",
      })
  void everyFormOfRequestIsAnswered(String line, int status) throws Exception {
    String answer = all(line + "\r\nHost: a\r\nConnection: close\r\n\r\n");
    assertThat(answer).startsWith("HTTP/1.1 " + status + " ");
    assertThat(answer).contains(status >= 400 ? "application/problem+json" : "HTTP/1.1");
    assertThat(answer).contains(status == 204 ? "Allow: GET, HEAD, POST" : "HTTP/1.1");
  }

  @Test
  void bareLineFeedsAreAnswered() throws Exception {
    assertThat(all("GET /data/a/secret HTTP/1.1\nHost: a\n\n")).startsWith("HTTP/1.1 400 ");
  }
}
