package dev.meridian.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.site.MadeCertificate;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.xbill.DNS.Message;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/** DNS over TLS (RFC 7858), with clients of all kinds. */
@Timeout(300)
class DnsOverTlsTest {
  private static final NameServer.Options IMPATIENT =
      new NameServer.Options(1, 12, 8, Duration.ofMillis(500), Duration.ofSeconds(1));

  @TempDir static Path made;
  private static MadeCertificate certificate;
  private static MadeCertificate renewed;

  @TempDir Path folder;
  private TlsServer server;

  @BeforeAll
  static void make() throws Exception {
    certificate = MadeCertificate.make(made, "first", "EC");
    renewed = MadeCertificate.make(made, "renewed", "RSA");
  }

  @BeforeEach
  void start() throws IOException {
    restart(NameServer.Options.DEFAULT);
  }

  private void restart(NameServer.Options options) throws IOException {
    if (server != null) {
      server.close();
    }
    server = new TlsServer(folder, certificate, Sites.zones(Wired.ZONE), options);
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private SSLSocket connect(String... applicationProtocols) throws Exception {
    SSLContext trust = MadeCertificate.trusting(certificate.certificate(), renewed.certificate());
    SSLSocket socket =
        (SSLSocket)
            trust
                .getSocketFactory()
                .createSocket(server.address().getAddress(), server.address().getPort());
    socket.setSoTimeout(60_000);
    SSLParameters parameters = socket.getSSLParameters();
    parameters.setApplicationProtocols(applicationProtocols);
    socket.setSSLParameters(parameters);
    return socket;
  }

  private static void assertAnswers(Socket socket) throws IOException {
    Message query = Wired.query("www.example.test", Type.A);
    Wired.send(socket, query.toWire());
    Message answer = Wired.receive(socket);
    assertThat(answer.getHeader().getID()).isEqualTo(query.getHeader().getID());
    assertThat(answer.getSection(Section.ANSWER)).hasSize(2);
  }

  /** Reads until the server ends the connection, with an alert or without a word. */
  private static byte[] untilEnd(Socket socket) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    try {
      InputStream in = socket.getInputStream();
      for (int read = in.read(); read >= 0; read = in.read()) {
        all.write(read);
      }
    } catch (java.net.SocketTimeoutException e) {
      throw new AssertionError("still connected", e);
    } catch (IOException e) {
      // It ended so.
    }
    return all.toByteArray();
  }

  @ParameterizedTest
  @CsvSource({"TLSv1.3, dot", "TLSv1.2, dot", "TLSv1.3, ", "TLSv1.2, "})
  void answersWithAndWithoutApplicationProtocol(String version, String protocol) throws Exception {
    try (SSLSocket socket = protocol == null ? connect() : connect("x-other", protocol)) {
      socket.setEnabledProtocols(new String[] {version});
      socket.startHandshake();
      assertThat(socket.getSession().getProtocol()).isEqualTo(version);
      assertThat(socket.getApplicationProtocol()).isEqualTo(protocol == null ? "" : protocol);
      assertAnswers(socket);
      assertAnswers(socket);
      assertThat(server.open("tls")).isEqualTo(1);
      assertThat(server.open("tcp")).isZero();
    }
    Wired.await("the place is given back", () -> server.open("tls") == 0);
    assertThat(server.count("meridian.dns.queries", "tls")).isEqualTo(2);
    assertThat(server.count("meridian.dns.responses", "tls")).isEqualTo(2);
    assertThat(server.count("meridian.dns.queries", "tcp")).isZero();
    assertThat(server.failedHandshakes()).isZero();
  }

  /** Who wants to speak HTTP gets no further (RFC 7301, section 3.2): it cannot be lured here. */
  @Test
  void otherApplicationProtocolsAreRefused() throws Exception {
    try (SSLSocket socket = connect("h2", "http/1.1")) {
      assertThatThrownBy(socket::startHandshake)
          .isInstanceOf(SSLHandshakeException.class)
          .hasMessageContaining("no_application_protocol");
    }
    Wired.await("it is counted", () -> server.failedHandshakes() == 1);
  }

  @Test
  void plainConnectionsAreSpokenToPlainlyAsBefore() throws Exception {
    try (Socket socket = Wired.connect(server.server.address())) {
      assertAnswers(socket);
      assertThat(server.open("tcp")).isEqualTo(1);
      assertThat(server.open("tls")).isZero();
    }
  }

  @Test
  void pipelinedQueriesAreAnsweredInTheirOrder() throws Exception {
    try (SSLSocket socket = connect("dot")) {
      List<Integer> ids = new ArrayList<>();
      ByteArrayOutputStream all = new ByteArrayOutputStream();
      for (int i = 0; i < 500; i++) {
        Message query = Wired.query((i % 2 == 0 ? "www" : "big") + ".example.test", Type.TXT);
        ids.add(query.getHeader().getID());
        byte[] wire = query.toWire();
        all.write(wire.length >> 8);
        all.write(wire.length);
        all.write(wire);
      }
      // In pieces that end anywhere: records and messages have nothing to do with each other.
      byte[] bytes = all.toByteArray();
      Thread writer =
          Thread.startVirtualThread(
              () -> {
                try {
                  OutputStream out = socket.getOutputStream();
                  for (int at = 0; at < bytes.length; at += 61) {
                    out.write(bytes, at, Math.min(61, bytes.length - at));
                  }
                } catch (IOException e) {
                  // The answers do not come.
                }
              });
      for (int id : ids) {
        assertThat(Wired.receive(socket).getHeader().getID()).isEqualTo(id);
      }
      writer.join();
    }
  }

  @Test
  void clientThatHasSaidAllStillGetsItsAnswers() throws Exception {
    try (SSLSocket socket = connect("dot")) {
      socket.setEnabledProtocols(new String[] {"TLSv1.3"});
      Message query = Wired.query("www.example.test", Type.A);
      Wired.send(socket, query.toWire());
      Wired.send(socket, query.toWire());
      socket.shutdownOutput();
      assertThat(Wired.receive(socket).getSection(Section.ANSWER)).hasSize(2);
      assertThat(Wired.receive(socket).getSection(Section.ANSWER)).hasSize(2);
      assertThat(socket.getInputStream().read()).isEqualTo(-1);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"dns", "http", "zeros", "random", "alert", "sslv2", "huge"})
  void whatIsNoTlsIsEnded(String kind) throws Exception {
    byte[] query = Wired.query("example.test", Type.A).toWire();
    byte[] garbage =
        switch (kind) {
          case "dns" -> {
            byte[] framed = new byte[query.length + 2];
            framed[1] = (byte) query.length;
            System.arraycopy(query, 0, framed, 2, query.length);
            yield framed;
          }
          case "http" -> "GET / HTTP/1.1\r\nHost: a\r\n\r\n".getBytes(StandardCharsets.US_ASCII);
          case "zeros" -> new byte[3000];
          case "alert" -> new byte[] {21, 3, 3, 0, 2, 1, 0};
          // A hello of SSLv2.
          case "sslv2" -> new byte[] {(byte) 0x80, 9, 1, 0, 2, 0, 3, 0, 0, 0, 0};
          // A record that claims to be longer than any may be.
          case "huge" -> new byte[] {22, 3, 1, (byte) 0xff, (byte) 0xff, 1, 0, 0};
          default -> {
            byte[] bytes = new byte[3000];
            new Random(20270714).nextBytes(bytes);
            yield bytes;
          }
        };
    try (Socket socket = Wired.connect(server.address())) {
      socket.setSoTimeout(60_000);
      socket.getOutputStream().write(garbage);
      // Nothing like an answer comes: an alert at most.
      assertThat(untilEnd(socket).length).isLessThan(16);
    }
    Wired.await("it is counted", () -> server.failedHandshakes() == 1);
    Wired.await("its place is given back", () -> server.open("tls") == 0);
    try (SSLSocket socket = connect("dot")) {
      assertAnswers(socket);
    }
  }

  /** A client's hello with any byte of it changed, which mostly makes it another one. */
  @Test
  void damagedHellosAreAnsweredOrEnded() throws Exception {
    byte[] hello = hello();
    long seed = Long.getLong("meridian.fuzz.seed", 20270715L);
    Random random = new Random(seed);
    for (int i = 0; i < 300; i++) {
      byte[] damaged = hello.clone();
      for (int changes = 1 + random.nextInt(3); changes > 0; changes--) {
        damaged[random.nextInt(damaged.length)] = (byte) random.nextInt(256);
      }
      try (Socket socket = Wired.connect(server.address())) {
        socket.getOutputStream().write(damaged, 0, damaged.length);
        socket.shutdownOutput();
        untilEnd(socket);
      }
    }
    Wired.await("all places are given back, seed " + seed, () -> server.open("tls") == 0);
    Wired.await("all are counted, seed " + seed, () -> server.failedHandshakes() == 300);
    try (SSLSocket socket = connect("dot")) {
      assertAnswers(socket);
    }
  }

  /** What a client of Java begins with. */
  private static byte[] hello() throws Exception {
    try (ServerSocket listener = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        SSLSocket client =
            (SSLSocket)
                SSLContext.getDefault()
                    .getSocketFactory()
                    .createSocket(listener.getInetAddress(), listener.getLocalPort());
        Socket accepted = listener.accept()) {
      Thread.startVirtualThread(
          () -> {
            try {
              client.startHandshake();
            } catch (IOException e) {
              // Nobody answers.
            }
          });
      InputStream in = accepted.getInputStream();
      byte[] head = in.readNBytes(5);
      byte[] body = in.readNBytes((head[3] & 0xff) << 8 | head[4] & 0xff);
      byte[] all = new byte[5 + body.length];
      System.arraycopy(head, 0, all, 0, 5);
      System.arraycopy(body, 0, all, 5, body.length);
      return all;
    }
  }

  @Test
  void handshakesThatDoNotGoOnAreEnded() throws Exception {
    restart(IMPATIENT);
    byte[] hello = hello();
    try (Socket silent = Wired.connect(server.address());
        Socket begun = Wired.connect(server.address());
        Socket half = Wired.connect(server.address());
        Socket trickling = Wired.connect(server.address())) {
      begun.getOutputStream().write(hello, 0, 40);
      // Our half is sent; the client's never comes.
      half.getOutputStream().write(hello);
      trickling.setTcpNoDelay(true);
      Thread trickle =
          Thread.startVirtualThread(
              () -> {
                try {
                  for (byte one : hello) {
                    trickling.getOutputStream().write(one);
                    Thread.sleep(20);
                  }
                } catch (IOException | InterruptedException e) {
                  // Cut off.
                }
              });
      for (Socket socket : List.of(silent, begun, half, trickling)) {
        socket.setSoTimeout(60_000);
        untilEnd(socket);
      }
      trickle.interrupt();
      trickle.join();
    }
    Wired.await("they are counted", () -> server.failedHandshakes() == 4);
    Wired.await("their places are given back", () -> server.open("tls") == 0);
  }

  @Test
  void clientThatTricklesIsCutOff() throws Exception {
    restart(IMPATIENT);
    try (SSLSocket socket = connect("dot")) {
      socket.startHandshake();
      socket.getOutputStream().write(new byte[] {0, 100});
      assertThatThrownBy(
              () -> {
                // Each byte arrives in time, the query never does.
                for (int i = 0; i < 98; i++) {
                  socket.getOutputStream().write(0);
                  socket.setSoTimeout(1 + i % 50);
                  try {
                    if (socket.getInputStream().read() < 0) {
                      throw new IOException("closed");
                    }
                  } catch (java.net.SocketTimeoutException e) {
                    Thread.sleep(50);
                  }
                }
              })
          .isInstanceOf(IOException.class);
    }
    Wired.await("its place is given back", () -> server.open("tls") == 0);
  }

  /** Its server waits in a write, under a lock that a secure socket's own close wants, too. */
  @Test
  void clientThatDoesNotReadIsCutOff() throws Exception {
    restart(IMPATIENT);
    byte[] query = Wired.query("big.example.test", Type.TXT).toWire();
    try (SSLSocket socket = connect("dot")) {
      assertThatThrownBy(
              () -> {
                for (int i = 0; i < 10_000_000; i++) {
                  Wired.send(socket, query);
                }
              })
          .isInstanceOf(IOException.class);
      Wired.await("its place is given back", () -> server.open("tls") == 0);
    }
  }

  @Test
  void placesOfAClientAreLimitedAndGivenBack() throws Exception {
    restart(IMPATIENT);
    List<Socket> open = new ArrayList<>();
    try {
      for (int i = 0; i < IMPATIENT.connectionsPerClient(); i++) {
        // A handshake that has not begun takes a place as well.
        open.add(Wired.connect(server.address()));
      }
      Wired.await("all are in", () -> server.open("tls") == IMPATIENT.connectionsPerClient());
      try (Socket refused = Wired.connect(server.address())) {
        refused.setSoTimeout(60_000);
        assertThat(untilEnd(refused)).isEmpty();
      }
      assertThat(server.count("meridian.dns.dropped", "tls")).isGreaterThanOrEqualTo(1);
      // Those of plain connections are others.
      try (Socket plain = Wired.connect(server.server.address())) {
        assertAnswers(plain);
      }
    } finally {
      for (Socket socket : open) {
        socket.close();
      }
    }
    Wired.await("their places are given back", () -> server.open("tls") == 0);
    try (SSLSocket socket = connect("dot")) {
      assertAnswers(socket);
    }
  }

  @Test
  void renewedCertificateIsShownWhileOldConnectionsGoOn() throws Exception {
    try (SSLSocket before = connect("dot")) {
      assertAnswers(before);
      assertThat(shown(before)).isEqualTo(certificate.certificate());
      renewed.write(server.files);
      Wired.await(
          "the new one is shown",
          () -> {
            try (SSLSocket after = connect("dot")) {
              assertAnswers(after);
              return shown(after).equals(renewed.certificate());
            }
          });
      assertAnswers(before);
      assertThat(shown(before)).isEqualTo(certificate.certificate());
    }
    assertThat(server.failedHandshakes()).isZero();
  }

  private static X509Certificate shown(SSLSocket socket) throws IOException {
    return (X509Certificate) socket.getSession().getPeerCertificates()[0];
  }

  @Test
  void closedServerEndsIdleConnectionsAndFreesItsPort() throws Exception {
    InetSocketAddress address = server.address();
    try (SSLSocket idle = connect("dot");
        Socket silent = Wired.connect(address)) {
      assertAnswers(idle);
      Wired.await("both are in", () -> server.open("tls") == 2);
      server.close();
      assertThat(idle.getInputStream().read()).isEqualTo(-1);
      untilEnd(silent);
    }
    assertThat(server.server.ready()).isFalse();
    assertThat(server.open("tls")).isZero();
    new ServerSocket(address.getPort(), 1, address.getAddress()).close();
  }

  @Test
  void takenPortIsNamedWithItsMend() throws Exception {
    try (NameServer second =
        NameServer.start(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
            Zones.NONE,
            new SimpleMeterRegistry())) {
      assertThatThrownBy(() -> second.listenTls(server.address(), SSLContext.getDefault()))
          .hasMessageContaining("TLS 127.0.0.1:" + server.port())
          .hasMessageContaining("--dns-tls 127.0.0.1:8853");
      assertThat(second.tlsAddress()).isEmpty();
      assertThat(second.ready()).isTrue();
    }
    try (SSLSocket socket = connect()) {
      Wired.send(socket, Wired.query("other.org", Type.A).toWire());
      assertThat(Wired.receive(socket).getRcode()).isEqualTo(Rcode.REFUSED);
    }
  }
}
