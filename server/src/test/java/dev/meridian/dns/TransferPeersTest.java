package dev.meridian.dns;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.peer.FreePort;
import dev.meridian.site.SiteLoader;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.xbill.DNS.DNSKEYRecord;
import org.xbill.DNS.Message;
import org.xbill.DNS.SOARecord;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/** Programs nobody here wrote copy zones: NSD follows, dig copies, ldns and delv validate. */
class TransferPeersTest {
  private static final String SECRET =
      Base64.getEncoder().encodeToString("0123456789abcdef0123456789abcdef".getBytes());

  @TempDir Path folder;
  private final SimpleMeterRegistry metrics = new SimpleMeterRegistry();
  private NameServer server;
  private Signing signing;
  private Path site;
  private @Nullable Nsd nsd;

  @BeforeEach
  void start() throws IOException {
    site = Files.createDirectory(folder.resolve("site"));
    signing = new Signing(folder.resolve("dnssec"), InstantSource.system());
    InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    server = NameServer.start(any, Zones.after(Serials.in(folder.resolve("names"))), metrics);
  }

  @AfterEach
  void stop() {
    server.close();
    if (nsd != null) {
      nsd.close();
    }
  }

  private void serve(String names, String zone) throws IOException {
    Files.writeString(
        site.resolve("site.yaml"),
        "domains: example.test\nnames:\n  zoneFiles: example.test.zone\n" + names);
    Files.writeString(site.resolve("example.test.zone"), zone);
    server.serve(server.zones().next(SiteLoader.load(site), Optional.of(Sites.WEB), signing));
  }

  private InetSocketAddress startNsd(int port, String key) throws IOException {
    InetSocketAddress peer = new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
    nsd =
        Nsd.start(
            folder.resolve("nsd"),
            List.of(peer),
            """
            key:
              name: "ns2.test"
              algorithm: hmac-sha256
              secret: "%1$s"
            zone:
              name: example.test
              zonefile: zone
              request-xfr: 127.0.0.1@%2$d %3$s
              allow-notify: 127.0.0.1 %3$s
            """
                .formatted(SECRET, server.address().getPort(), key));
    return peer;
  }

  /** Waits until a peer has the serial that is served here. */
  private void awaitFollowed(InetSocketAddress peer) throws IOException, InterruptedException {
    long wanted = serial(server.address());
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (serial(peer) != wanted) {
      assertThat(System.nanoTime())
          .as("it follows to %d: %s", wanted, Files.readString(folder.resolve("nsd/log")))
          .isLessThan(end);
      Thread.sleep(50);
    }
  }

  private static long serial(InetSocketAddress peer) throws IOException {
    Message answer =
        new Message(Wired.overUdp(peer, Wired.query("example.test", Type.SOA).toWire()));
    return answer.getSection(Section.ANSWER).isEmpty()
        ? -1
        : ((SOARecord) answer.getSection(Section.ANSWER).getFirst()).getSerial();
  }

  private double transfers(String kind) {
    return metrics.get("meridian.dns.transfers").tag("kind", kind).functionCounter().count();
  }

  @ParameterizedTest
  @ValueSource(strings = {"NOKEY", "ns2.test"})
  void nsdFollows(String key) throws Exception {
    boolean signed = !key.equals("NOKEY");
    Files.writeString(site.resolve("ns2.key"), "hmac-sha256:ns2.test:" + SECRET);
    int port = FreePort.find().getPort();
    String names =
        "  secondaries: [{address: 127.0.0.1, %snotify: \"127.0.0.1:%d\"}]\n"
            .formatted(signed ? "key: ns2.key, " : "", port);
    serve(names, Wired.ZONE);
    InetSocketAddress peer = startNsd(port, key);
    awaitFollowed(peer);
    assertThat(transfers("whole")).isEqualTo(1);
    for (int i = 0; i < 3; i++) {
      serve(names, Wired.ZONE + "new" + i + " IN A 192.0.2." + i + "\n");
      awaitFollowed(peer);
      Message theirs =
          new Message(
              Wired.overUdp(peer, Wired.query("new" + i + ".example.test", Type.A).toWire()));
      assertThat(theirs.getSection(Section.ANSWER)).hasSize(1);
    }
    // It was told, and took only what had changed.
    assertThat(transfers("whole")).isEqualTo(1);
    assertThat(transfers("changes")).isEqualTo(3);
    assertThat(transfers("refused")).isZero();
  }

  @Test
  void copyOfSignedZoneIsValid() throws Exception {
    serve(
        "  dnssec: true\n  secondaries: [{address: 127.0.0.1, notify: off}]\n",
        Wired.ZONE + "upper.MIXED IN TXT \"case\"\n\\000.zero IN TXT \"zero\"\n");
    String port = String.valueOf(server.address().getPort());
    Path copy = folder.resolve("copy");
    Files.writeString(
        copy,
        Programs.run(
            "dig",
            "+noall",
            "+answer",
            "+onesoa",
            "@127.0.0.1",
            "-p",
            port,
            "example.test",
            "AXFR"));
    assertThat(Programs.run("ldns-verify-zone", "-V", "5", copy.toString()))
        .contains("Zone is verified and complete");
  }

  @Test
  void signedZoneValidatesAtTheSecondary() throws Exception {
    int port = FreePort.find().getPort();
    String names =
        "  dnssec: true\n  secondaries: [{address: 127.0.0.1, notify: \"127.0.0.1:"
            + port
            + "\"}]\n";
    serve(names, Wired.ZONE);
    InetSocketAddress peer = startNsd(port, "NOKEY");
    awaitFollowed(peer);
    serve(names, Wired.ZONE + "later IN A 192.0.2.66\n");
    awaitFollowed(peer);
    assertThat(transfers("changes")).isEqualTo(1);
    DNSKEYRecord key = Signatures.keys(Wired.responder(server.zones()), "example.test").getFirst();
    Path anchor = folder.resolve("anchor");
    Files.writeString(
        anchor,
        "trust-anchors { \"example.test.\" static-key 257 3 13 \""
            + Base64.getEncoder().encodeToString(key.getKey())
            + "\"; };\n");
    for (String asked :
        new String[] {"later A", "www A", "nothing A", "mail AAAA", "q.wild A", "@ SOA"}) {
      String[] parts = asked.split(" ", 2);
      String name = parts[0].equals("@") ? "example.test" : parts[0] + ".example.test";
      assertThat(
              Programs.run(
                  "delv",
                  "@127.0.0.1",
                  "-p",
                  String.valueOf(port),
                  "-a",
                  anchor.toString(),
                  "+root=example.test",
                  name,
                  parts[1]))
          .as(asked)
          .contains("fully validated");
    }
  }
}
