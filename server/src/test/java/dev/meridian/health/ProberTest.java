package dev.meridian.health;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.site.HealthCheck;
import dev.meridian.site.Region;
import dev.meridian.site.SiteLoader;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Tries of real sockets that behave well and badly. */
@Timeout(120)
class ProberTest {
  private final List<ServerSocket> servers = new ArrayList<>();

  @TempDir Path folder;

  /** What a server does with a connection. */
  private interface Manners {
    void meet(Socket socket) throws IOException, InterruptedException;
  }

  private InetSocketAddress serve(Manners manners) throws IOException {
    return serve(new InetSocketAddress("127.0.0.1", 0), manners);
  }

  private InetSocketAddress serve(InetSocketAddress at, Manners manners) throws IOException {
    ServerSocket server = new ServerSocket();
    server.setReuseAddress(true);
    server.bind(at);
    servers.add(server);
    Thread.ofVirtual()
        .start(
            () -> {
              while (true) {
                try {
                  Socket socket = server.accept();
                  Thread.ofVirtual()
                      .start(
                          () -> {
                            try (socket) {
                              manners.meet(socket);
                            } catch (IOException | InterruptedException e) {
                              // The other side has left.
                            }
                          });
                } catch (IOException e) {
                  return;
                }
              }
            });
    return new InetSocketAddress("127.0.0.1", server.getLocalPort());
  }

  private static Manners answering(String text) {
    return socket -> {
      readRequest(socket);
      socket.getOutputStream().write(text.getBytes(StandardCharsets.ISO_8859_1));
    };
  }

  private static String readRequest(Socket socket) throws IOException {
    StringBuilder read = new StringBuilder();
    InputStream in = socket.getInputStream();
    while (read.indexOf("\r\n\r\n") < 0) {
      int next = in.read();
      if (next < 0) {
        break;
      }
      read.append((char) next);
    }
    return read.toString();
  }

  @AfterEach
  void stop() throws IOException {
    for (ServerSocket server : servers) {
      server.close();
    }
  }

  private Region region(String check, InetSocketAddress at) throws IOException {
    Files.writeString(
        folder.resolve("site.yaml"),
        """
        domains: probe.test
        regions:
          eu:
            addresses: [{address: 192.0.2.1, probe: "127.0.0.1:%d"}]
            health: {%s}
        """
            .formatted(at.getPort(), check));
    return SiteLoader.load(folder).names().geo().regions().getFirst();
  }

  private Duration probe(String check, InetSocketAddress at) throws IOException {
    HealthCheck read = region(check, at).health().orElseThrow();
    return Probe.run(read, at, false).took();
  }

  @Test
  void goodAnswersAreGood() throws IOException {
    List<String> requests = new java.util.concurrent.CopyOnWriteArrayList<>();
    InetSocketAddress at =
        serve(
            socket -> {
              requests.add(readRequest(socket));
              socket.getOutputStream().write("HTTP/1.1 204 No Content\r\n\r\n".getBytes());
            });
    assertThat(probe("probe: http, path: /up?deep=1", at)).isPositive();
    assertThat(requests.getFirst())
        .startsWith("GET /up?deep=1 HTTP/1.1\r\nHost: probe.test\r\n")
        .contains("\r\nConnection: close\r\n");
    probe("probe: http, status: [204]", at);
    probe("probe: tcp, port: 1", at);
    probe("probe: http", serve(answering("HTTP/1.0 302 Found\r\n\r\n")));
    probe("probe: http", serve(answering("HTTP/1.1 200\n")));
  }

  @Test
  void loadIsAskedForAndReadBestEffort() throws IOException {
    List<String> requests = new java.util.concurrent.CopyOnWriteArrayList<>();
    String head = "HTTP/1.1 200 OK\r\nServer: x\r\n";
    Manners telling =
        socket -> {
          requests.add(readRequest(socket));
          socket
              .getOutputStream()
              .write((head + "Endpoint-Load-Metrics: TEXT rps=5\r\n\r\n").getBytes());
        };
    assertThat(load(serve(telling), true)).hasValue(5);
    assertThat(requests.getFirst()).contains("\r\nendpoint-load-metrics-format: TEXT\r\n");
    assertThat(load(serve(telling), false)).isEmpty();
    assertThat(requests.getLast()).doesNotContain("endpoint-load");
    // Whatever is wrong with the rest, the server is well.
    assertThat(load(serve(answering(head + "\r\nendpoint-load-metrics: TEXT rps=5\r\n")), true))
        .isEmpty();
    assertThat(load(serve(answering(head + "endpoint-load-metrics: nonsense\r\n")), true))
        .isEmpty();
    assertThat(load(serve(answering(head + "A: b\r\n".repeat(100_000))), true)).isEmpty();
    assertThat(load(serve(answering(head + "x".repeat(1_000_000))), true)).isEmpty();
    Manners silent =
        socket -> {
          readRequest(socket);
          socket.getOutputStream().write(head.getBytes());
          socket.getInputStream().read();
        };
    assertThat(load(serve(silent), true)).isEmpty();
  }

  private java.util.OptionalDouble load(InetSocketAddress at, boolean asks) throws IOException {
    HealthCheck check = region("probe: http, timeout: 3 s", at).health().orElseThrow();
    return Probe.run(check, at, asks).load();
  }

  @Test
  void badAnswersAreNamed() throws IOException {
    String soon = "probe: http, timeout: 20 s";
    assertBad(soon, serve(answering("HTTP/1.1 503 Busy\r\n\r\n")), "the answer is 503");
    assertBad(
        "probe: http, status: 200", serve(answering("HTTP/1.1 204 x\r\n")), "the answer is 204");
    assertBad(soon, serve(answering("SSH-2.0-OpenSSH\r\n")), "not HTTP: 'SSH-2.0-OpenSSH'");
    assertBad(soon, serve(answering("\u0007\u001b[31m\r\n")), "not HTTP: '??[31m'");
    assertBad(soon, serve(answering("")), "closed without an answer");
    assertBad(soon, serve(answering("x".repeat(100_000))), "not HTTP: 'xxx");
    Manners plain =
        socket -> {
          socket.getOutputStream().write("HTTP/1.1 200 OK\r\n\r\n".getBytes());
          socket.getInputStream().read();
        };
    assertBad("probe: https", serve(plain), "TLS: ");
    int free;
    try (ServerSocket closed = new ServerSocket(0, 1, InetAddress.ofLiteral("127.0.0.1"))) {
      free = closed.getLocalPort();
    }
    assertBad("probe: tcp, port: 1", new InetSocketAddress("127.0.0.1", free), "refused");
  }

  private void assertBad(String check, InetSocketAddress at, String problem) {
    assertThatThrownBy(() -> probe(check, at))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(problem);
  }

  @Test
  void nobodyHoldsATryForLongerThanItsTimeout() throws IOException {
    Manners silent = socket -> Thread.sleep(60_000);
    Manners dripping =
        socket -> {
          OutputStream out = socket.getOutputStream();
          while (true) {
            out.write('H');
            Thread.sleep(50);
          }
        };
    // A record of 16 KiB that never ends.
    Manners drippingTls =
        socket -> {
          socket.getOutputStream().write(new byte[] {0x16, 3, 3, 0x40, 0});
          dripping.meet(socket);
        };
    for (Map.Entry<String, Manners> peer :
        List.of(
            Map.entry("http", silent),
            Map.entry("http", dripping),
            Map.entry("https", silent),
            Map.entry("https", drippingTls))) {
      long begun = System.nanoTime();
      assertBad(
          "timeout: 400 ms, probe: " + peer.getKey(),
          serve(peer.getValue()),
          "no answer within 400 ms");
      assertThat(Duration.ofNanos(System.nanoTime() - begun)).isLessThan(Duration.ofSeconds(20));
    }
  }

  @Test
  void networkThatThisMachineDoesNotHaveIsNobodysFault() throws Exception {
    Files.writeString(
        folder.resolve("site.yaml"),
        """
        domains: probe.test
        health: {probe: tcp, port: 80, interval: 1 s, timeout: 2 s, down: 1}
        regions: {eu: {addresses: [{address: "2001:db8::1", probe: 224.0.0.1}]}}
        """);
    Region region = SiteLoader.load(folder).names().geo().regions().getFirst();
    InetAddress address = region.addresses().getFirst();
    HealthCheck check = region.health().orElseThrow();
    // To a group of receivers there are no connections: as if there were no route.
    assertThatThrownBy(() -> Probe.run(check, region.probed().get(address), false))
        .isInstanceOf(Probe.NoNetwork.class);
    try (Prober prober = new Prober(() -> {})) {
      prober.watch(List.of(region));
      await(() -> prober.reports().get(address).tries() >= 2);
      assertThat(prober.down()).isEmpty();
      assertThat(prober.reports().get(address).problem().orElseThrow()).contains("no route");
    }
  }

  @Test
  void verdictsFollowTheServerAndOutliveAReload() throws Exception {
    AtomicInteger changes = new AtomicInteger();
    InetSocketAddress at = serve(answering("HTTP/1.1 200 OK\r\n\r\n"));
    String check = "probe: http, interval: 1 s, timeout: 20 s, down: 2, up: 1";
    InetAddress address = InetAddress.ofLiteral("192.0.2.1");
    try (Prober prober = new Prober(changes::incrementAndGet)) {
      prober.watch(List.of(region(check, at)));
      assertThat(prober.down()).isEmpty();
      await(() -> prober.reports().get(address).tries() > 0);
      assertThat(prober.down()).isEmpty();
      assertThat(prober.reports().get(address).took()).isPresent();
      servers.getLast().close();
      await(() -> prober.down().equals(Set.of(address)));
      assertThat(prober.reports().get(address).problem().orElseThrow()).contains("refused");
      await(() -> changes.get() == 1);

      prober.watch(List.of(region(check, at)));
      assertThat(prober.down()).containsExactly(address);
      // Tried otherwise, it is down until that proves the opposite.
      prober.watch(List.of(region(check + ", status: 200", at)));
      assertThat(prober.down()).containsExactly(address);
      assertThat(prober.reports().get(address).tries()).isLessThan(2);

      serve(at, answering("HTTP/1.1 200 OK\r\n\r\n"));
      await(() -> prober.down().isEmpty());
      await(() -> changes.get() == 2);
      prober.watch(List.of());
      assertThat(prober.reports()).isEqualTo(Map.of());
    }
  }

  private static void await(BooleanSupplier condition) throws InterruptedException {
    long end = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).isLessThan(end);
      Thread.sleep(20);
    }
  }
}
