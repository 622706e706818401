package dev.meridian.web;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.client.Event;
import dev.meridian.client.MeridianClient;
import dev.meridian.client.Watch;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Watches that were cut off go on where they were, wherever the cut was. */
@Timeout(60)
class WatchResumptionTest {
  @TempDir Path folder;

  @Test
  void watchCutOffBeforeItsFirstEventMissesNothing() throws Exception {
    try (TestServer server = TestServer.open(folder)) {
      String id;
      try (Stream<String> lines =
          server
              .client
              .send(server.request("/data/a?watch").build(), BodyHandlers.ofLines())
              .body()) {
        id =
            lines
                .takeWhile(line -> !line.isEmpty())
                .filter(line -> line.startsWith("id: "))
                .collect(Collectors.joining())
                .replace("id: ", "");
      }
      assertThat(id).isNotEmpty();
      server.json("PUT", "/data/a/1", "\"meanwhile\"");
      try (Stream<String> lines =
          server
              .client
              .send(
                  server.request("/data/a?watch").header("Last-Event-ID", id).build(),
                  BodyHandlers.ofLines())
              .body()) {
        assertThat(lines.filter(line -> line.startsWith("data: ")).findFirst().orElseThrow())
            .contains("meanwhile");
      }
    }
  }

  /** Answers one request with {@code body}, and gives the position it went on from. */
  private static String serve(ServerSocket listener, String body) throws IOException {
    try (Socket socket = listener.accept()) {
      BufferedReader in =
          new BufferedReader(
              new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII));
      String position = "";
      for (String line = in.readLine(); !line.isEmpty(); line = in.readLine()) {
        if (line.regionMatches(true, 0, "last-event-id: ", 0, 15)) {
          position = line.substring(15);
        }
      }
      String head =
          "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
      socket.getOutputStream().write((head + body).getBytes(StandardCharsets.US_ASCII));
      return position;
    }
  }

  @Test
  void clientAsksAgainForAnEventThatWasCutInItsMiddle() throws Exception {
    String[] answers = {
      "id: 1-1\n\n", // no event, yet a position
      "id: 1-2\nevent: put\ndata: {\"id\":\"a\"}\n\nid: 1-3\nevent: put\ndata: {\"i",
      "id: 1-3\nevent: put\ndata: {\"id\":\"b\"}\n\nid: 1-",
      "id: 1-4\nevent: put\ndata: {\"id\":\"c\"}\n\n",
    };
    try (ServerSocket listener = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
      CompletableFuture<String> positions =
          CompletableFuture.supplyAsync(
              () -> {
                StringBuilder asked = new StringBuilder();
                try {
                  for (String answer : answers) {
                    asked.append(serve(listener, answer)).append(' ');
                  }
                } catch (IOException e) {
                  asked.append(e);
                }
                return asked.toString();
              },
              Thread::startVirtualThread);
      StringBuilder events = new StringBuilder();
      try (MeridianClient client =
              MeridianClient.connect(URI.create("http://127.0.0.1:" + listener.getLocalPort()));
          Watch watch = client.watch("a", null)) {
        for (int i = 0; i < 3; i++) {
          Event event = watch.next();
          assertThat(event).isNotNull();
          events
              .append(java.util.Objects.requireNonNull(event).id())
              .append(event.data().path("id").stringValue())
              .append(' ');
        }
      }
      assertThat(events).hasToString("1-2a 1-3b 1-4c ");
      assertThat(positions.get()).isEqualTo(" 1-1 1-2 1-3 ");
    }
  }
}
