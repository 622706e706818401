package dev.meridian.dns;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.peer.FreePort;
import dev.meridian.site.MadeCertificate;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/**
 * DNS over TLS with programs nobody here wrote: kdig, dig, OpenSSL, unbound. Skipped if missing.
 */
@Timeout(300)
class DnsOverTlsPeersTest {
  @TempDir static Path made;
  private static MadeCertificate certificate;

  @TempDir Path folder;
  private TlsServer server;

  @BeforeAll
  static void make() throws Exception {
    certificate = MadeCertificate.make(made, "peers", "EC");
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

  @Test
  void kdigTrustsTheCertificateAndReadsAnswers() throws Exception {
    String ca = "+tls-ca=" + server.files.certificate();
    String said =
        Programs.run(
            "kdig",
            "-d",
            "@127.0.0.1",
            "-p",
            server.port(),
            ca,
            "+tls-hostname=ns.example.test",
            "www.example.test",
            "A");
    assertThat(said)
        .contains("NOERROR", "192.0.2.1", "(TLS1.3)", "The certificate is trusted")
        .doesNotContainIgnoringCase("warning");
    // Whom it does not mean to speak to it does not ask.
    assertThat(
            Programs.run(
                "kdig",
                "@127.0.0.1",
                "-p",
                server.port(),
                ca,
                "+tls-hostname=ns.other.test",
                "+retry=0",
                "www.example.test",
                "A"))
        .doesNotContain("192.0.2.1");
  }

  @Test
  void kdigKeepsItsConnectionAndPads() throws Exception {
    String said =
        Programs.run(
            "kdig",
            "@127.0.0.1",
            "-p",
            server.port(),
            "+tls",
            "+padding",
            "+keepopen",
            "www.example.test",
            "A",
            "nothing.example.test",
            "A",
            "big.example.test",
            "TXT");
    assertThat(said)
        .contains("192.0.2.1", "NXDOMAIN", "x".repeat(250))
        .contains("Received 468 B", "Received 1872 B")
        .containsPattern("PADDING: \\d+ B")
        .doesNotContainIgnoringCase("warning");
    assertThat(server.count("meridian.dns.queries", "tls")).isEqualTo(3);
    assertThat(server.failedHandshakes()).isZero();
    String unpadded =
        Programs.run(
            "kdig", "@127.0.0.1", "-p", server.port(), "+tls", "+nopadding", "example.test", "A");
    assertThat(unpadded).contains("NOERROR").doesNotContain("PADDING", "468 B");
  }

  @Test
  void digLearnsHowLongItsConnectionMayBeIdle() throws Exception {
    String plain = String.valueOf(server.server.address().getPort());
    assertThat(
            Programs.run(
                "dig",
                "+norecurse",
                "+tcp",
                "+keepalive",
                "@127.0.0.1",
                "-p",
                plain,
                "example.test",
                "A"))
        .contains("NOERROR")
        .containsPattern("TCP.KEEPALIVE: 10.0 sec")
        .doesNotContainIgnoringCase("warning");
    assertThat(
            Programs.run(
                "dig", "+norecurse", "+keepalive", "@127.0.0.1", "-p", plain, "example.test", "A"))
        .contains("NOERROR")
        .doesNotContain("KEEPALIVE:");
  }

  /** Runs OpenSSL's client until the server ends the connection; its input stays open. */
  private String openssl(String... more) throws Exception {
    java.util.List<String> command = new java.util.ArrayList<>();
    command.add(Programs.find("openssl").toString());
    command.add("s_client");
    command.add("-connect");
    command.add("127.0.0.1:" + server.port());
    command.addAll(java.util.List.of(more));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    try (InputStream output = process.getInputStream()) {
      String said = new String(output.readAllBytes(), StandardCharsets.UTF_8);
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
      return said;
    } finally {
      process.destroyForcibly();
    }
  }

  @ParameterizedTest
  @CsvSource({"-tls1_2, TLSv1.2", "-tls1_3, TLSv1.3"})
  void idleConnectionIsEndedInTheWayOfTls(String flag, String version) throws Exception {
    restart(new NameServer.Options(1, 12, 8, Duration.ofMillis(500), Duration.ofSeconds(1)));
    String said = openssl(flag, "-alpn", "dot", "-CAfile", server.files.certificate().toString());
    assertThat(said)
        .contains(version, "ALPN protocol: dot", "Verify return code: 0 (ok)", "closed")
        .doesNotContain("unexpected eof");
    assertThat(server.failedHandshakes()).isZero();
  }

  /** The server counts a handshake that failed after it has said so: the client may be faster. */
  private void awaitFailedHandshake() throws Exception {
    Wired.await("it is counted", () -> server.failedHandshakes() == 1);
  }

  @ParameterizedTest
  @CsvSource({"-tls1", "-tls1_1"})
  void olderVersionsAreRefused(String flag) throws Exception {
    String said = openssl(flag, "-cipher", "ALL:@SECLEVEL=0");
    assertThat(said).contains("alert protocol version").contains("Cipher is (NONE)");
    awaitFailedHandshake();
  }

  @Test
  void otherApplicationProtocolIsRefused() throws Exception {
    assertThat(openssl("-alpn", "http/1.1")).contains("alert no application protocol");
    awaitFailedHandshake();
  }

  /** It validates: asked to meet another name there, it gets no answer. */
  @ParameterizedTest
  @CsvSource({
    "stub-zone, stub-addr, stub-tls-upstream, ns.example.test, true",
    "forward-zone, forward-addr, forward-tls-upstream, ns.example.test, true",
    "stub-zone, stub-addr, stub-tls-upstream, ns.other.test, false",
  })
  void unboundAsksOverTls(String zone, String address, String tls, String name, boolean good)
      throws Exception {
    Path program = Programs.find("unbound");
    InetSocketAddress resolver =
        new InetSocketAddress(InetAddress.getByName("127.0.0.56"), FreePort.find().getPort());
    Path config = folder.resolve("unbound.conf");
    Path log = folder.resolve("unbound.log");
    Files.writeString(
        config,
        """
        server:
          interface: 127.0.0.56
          port: %1$d
          username: ""
          chroot: ""
          directory: "%2$s"
          pidfile: "%2$s/unbound.pid"
          use-syslog: no
          logfile: ""
          verbosity: 1
          num-threads: 1
          do-ip6: no
          do-not-query-localhost: no
          local-zone: "test." nodefault
          root-hints: ""
          module-config: "iterator"
          tls-cert-bundle: "%3$s"
        remote-control:
          control-enable: no
        %4$s:
          name: "example.test"
          %5$s: 127.0.0.1@%6$s#%7$s
          %8$s: yes
        """
            .formatted(
                resolver.getPort(),
                folder,
                server.files.certificate(),
                zone,
                address,
                server.port(),
                name,
                tls));
    Process process =
        new ProcessBuilder(program.toString(), "-d", "-c", config.toString())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    try {
      Programs.awaitAnswer(resolver, process, log);
      Message query = Wired.edns(Wired.query("www.example.test", Type.A), 0, 1232, false);
      query.getHeader().setFlag(Flags.RD);
      Message answer = new Message(Wired.overUdp(resolver, query.toWire()));
      assertThat(answer.getRcode())
          .as(Files.readString(log))
          .isEqualTo(good ? Rcode.NOERROR : Rcode.SERVFAIL);
      if (good) {
        assertThat(answer.getSection(Section.ANSWER)).hasSize(2);
        assertThat(server.count("meridian.dns.queries", "tls")).isPositive();
      } else {
        assertThat(server.count("meridian.dns.queries", "tls")).isZero();
        Wired.await("it is counted", () -> server.failedHandshakes() > 0);
      }
      assertThat(server.count("meridian.dns.queries", "tcp")).isZero();
      assertThat(server.count("meridian.dns.queries", "udp")).isZero();
    } finally {
      process.destroy();
      if (!process.waitFor(10, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    }
  }
}
