package dev.meridian.torture;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.node.Node;
import dev.meridian.node.NodeOptions;
import dev.meridian.site.Listeners;
import dev.meridian.torture.Operation.Kind;
import dev.meridian.torture.Operation.Outcome;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The clients against real nodes and against servers that answer badly. */
@Timeout(180)
class WorkloadTest {
  @TempDir Path folder;

  @Test
  void historyOfARealNodeIsAccepted() throws Exception {
    Files.createDirectories(folder.resolve("site/pages"));
    Files.writeString(
        folder.resolve("site/site.yaml"), "name: Test\ndomains: [torture.test]\ncollections: {}\n");
    Files.writeString(folder.resolve("site/pages/index.html"), "<h1>{{ site.name }}</h1>");
    InetSocketAddress any = new InetSocketAddress("127.0.0.1", 0);
    NodeOptions options =
        new NodeOptions(
            folder.resolve("site"),
            folder.resolve("data"),
            _ -> new Listeners(Optional.of(any), Optional.empty(), Optional.of(any), any, any),
            true,
            "test");
    try (Node node = Node.start(options)) {
      URI base = URI.create("http://127.0.0.1:" + node.listeners().http().orElseThrow().getPort());
      String key = Files.readString(folder.resolve("data/operator.key")).strip();
      History history = new History();
      Workload workload =
          new Workload(
              Workload.Options.of(List.of(base), key, "r1", 42)
                  .sized(10, 6, 2_000, 3_000, Duration.ofSeconds(60)),
              history);
      workload.run();
      FinalState end = workload.readFinal(Duration.ofSeconds(30));
      List<Operation> operations = history.operations();
      assertThat(new LinearizabilityChecker().check(operations).accepted()).isTrue();
      assertThat(SessionChecker.check(operations))
          .isEqualTo(new Verdict.Accepted(operations.size()));
      assertThat(FinalChecker.check(operations, end))
          .isEqualTo(new Verdict.Accepted(operations.size()));
      for (Kind kind : Kind.values()) {
        assertThat(operations).anyMatch(o -> o.kind() == kind && o.outcome() == Outcome.OK);
      }
      assertThat(operations)
          .filteredOn(o -> o.kind() == Kind.DELETE && o.hasWritten())
          .allMatch(o -> o.part().etag() != null);
      assertThat(operations).noneMatch(o -> o.outcome() == Outcome.UNKNOWN);
    }
  }

  private static Outcome put(URI node, Duration timeout) {
    try (DataApi api = new DataApi(null, timeout)) {
      return api.write(
              node, Kind.PUT, List.of(new Operation.Part("t/a", "1", 0, null)), null, "", "key")
          .outcome();
    }
  }

  @Test
  void outcomesSayWhatIsKnown() throws Exception {
    URI nobody;
    try (ServerSocket server = new ServerSocket(0)) {
      nobody = URI.create("http://127.0.0.1:" + server.getLocalPort());
    }
    assertThat(put(nobody, Duration.ofSeconds(5))).isEqualTo(Outcome.REFUSED);
    assertThat(answering("")).isEqualTo(Outcome.UNKNOWN);
    assertThat(answering("HTTP/1.1 204 x\r\n\r\n")).isEqualTo(Outcome.OK);
    assertThat(answering("HTTP/1.1 412 x\r\nContent-Length: 0\r\n\r\n")).isEqualTo(Outcome.REFUSED);
    assertThat(answering("HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n")).isEqualTo(Outcome.UNKNOWN);
    assertThat(answering("HTTP/1.1 503 x\r\nContent-Length: 22\r\n\r\n{\"outcome\":\"not-done\"}"))
        .isEqualTo(Outcome.REFUSED);
    assertThat(answering("HTTP/1.1 503 x\r\nContent-Length: 21\r\n\r\n{\"outcome\":\"unknown\"}"))
        .isEqualTo(Outcome.UNKNOWN);
    try (ServerSocket silent = new ServerSocket(0)) {
      URI node = URI.create("http://127.0.0.1:" + silent.getLocalPort());
      assertThat(put(node, Duration.ofMillis(300))).isEqualTo(Outcome.UNKNOWN);
    }
  }

  /** The outcome of a put to a server that answers this and closes. */
  private static Outcome answering(String answer) throws Exception {
    try (ServerSocket server = new ServerSocket(0)) {
      Thread thread =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try (Socket socket = server.accept()) {
                      // The whole request: it ends with the value.
                      int last = 0;
                      while (last != '}' && last != -1) {
                        last = socket.getInputStream().read();
                      }
                      socket.getOutputStream().write(answer.getBytes(StandardCharsets.US_ASCII));
                    } catch (java.io.IOException e) {
                      // The client is gone.
                    }
                  });
      Outcome outcome =
          put(URI.create("http://127.0.0.1:" + server.getLocalPort()), Duration.ofSeconds(20));
      thread.join();
      return outcome;
    }
  }
}
