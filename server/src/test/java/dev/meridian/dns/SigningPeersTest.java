package dev.meridian.dns;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.peer.FreePort;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xbill.DNS.DNSKEYRecord;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/**
 * Signed answers in the eyes of programs nobody here wrote: delv and unbound validate them from the
 * key that we print, dig and kdig read them. Skipped where missing.
 */
class SigningPeersTest {
  private static final String PARENT =
      Wired.ZONE
          + """
          child   IN NS ns1
          plain   IN NS ns1
          tochild IN CNAME www.child
          toplain IN CNAME www.plain
          Mixed   IN SVCB 1 Target.Example.TEST. alpn=h2
          srv     IN SRV 1 2 5060 Mail.Example.TEST.
          naptr   IN NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:info@Example.COM!" Target.Example.TEST.
          """;

  private static final String CHILD =
      """
      $ORIGIN child.example.test.
      $TTL 300
      @    IN SOA ns1.example.test. hostmaster 1 3600 600 86400 60
      @    IN NS ns1.example.test.
      www  IN A 192.0.2.80
      *.w  IN TXT "wild"
      """;

  private static final String PLAIN =
      """
      $ORIGIN plain.example.test.
      $TTL 300
      @    IN SOA ns1.example.test. hostmaster 1 3600 600 86400 60
      @    IN NS ns1.example.test.
      www  IN A 192.0.2.81
      """;

  @TempDir Path folder;
  private NameServer server;
  private DNSKEYRecord key;

  @BeforeEach
  void start() throws IOException {
    Signing signing = new Signing(folder.resolve("dnssec"), InstantSource.system());
    Zones zones = Sites.signed(signing, List.of(PARENT, CHILD), List.of(PLAIN));
    InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    server = NameServer.start(any, zones, new SimpleMeterRegistry());
    key = Signatures.keys(Wired.responder(zones), "example.test").getFirst();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @ParameterizedTest(name = "delv {0} {1}: {2}")
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          example.test             | SOA    | fully validated
          EXAMPLE.test             | DNSKEY | fully validated
          example.test             | MX     | fully validated
          www.example.test         | A      | fully validated
          far.example.test         | AAAA   | fully validated
          big.example.test         | TXT    | fully validated
          intowild.example.test    | A      | fully validated
          q.r.wild.example.test    | A      | fully validated
          q.r.wild.example.test    | TXT    | negative response, fully validated
          *.wild.example.test      | A      | fully validated
          x.alias.example.test     | A      | fully validated
          mail.example.test        | AAAA   | negative response, fully validated
          b.c.example.test         | A      | negative response, fully validated
          nothing.example.test     | A      | negative response, fully validated
          a.b.nothing.example.test | MX     | negative response, fully validated
          gone.example.test        | A      | fully validated
          mixed.example.test       | TYPE64 | fully validated
          srv.example.test         | SRV    | fully validated
          naptr.example.test       | NAPTR  | fully validated
          odd.example.test         | TYPE65280 | fully validated
          child.example.test       | DS     | fully validated
          child.example.test       | SOA    | fully validated
          www.child.example.test   | A      | fully validated
          a.w.child.example.test   | TXT    | fully validated
          no.child.example.test    | TXT    | negative response, fully validated
          tochild.example.test     | CNAME  | fully validated
          plain.example.test       | DS     | negative response, fully validated
          www.plain.example.test   | A      | unsigned answer
          no.plain.example.test    | A      | negative response, unsigned answer
          sub.example.test         | DS     | negative response, fully validated
          """)
  void delvValidates(String name, String type, String verdict) throws Exception {
    Path anchor = folder.resolve("anchor");
    Files.writeString(
        anchor,
        "trust-anchors { \"example.test.\" static-key 257 3 13 \""
            + Base64.getEncoder().encodeToString(key.getKey())
            + "\"; };\n");
    String port = String.valueOf(server.address().getPort());
    String output =
        Programs.run(
            "delv",
            "-a",
            anchor.toString(),
            "+root=example.test",
            "@127.0.0.1",
            "-p",
            port,
            name,
            type);
    assertThat(output).contains("; " + verdict + "\n");
  }

  @ParameterizedTest
  @CsvSource({"dig", "kdig"})
  void digReadsSignedAnswers(String dig) throws Exception {
    String port = String.valueOf(server.address().getPort());
    String output =
        Programs.run(
            dig, "+dnssec", "+norecurse", "@127.0.0.1", "-p", port, "mail.example.test", "A");
    assertThat(output).contains("RRSIG", "192.0.2.25").doesNotContainIgnoringCase("warning");
    output = Programs.run(dig, "+dnssec", "@127.0.0.1", "-p", port, "none.example.test", "A");
    assertThat(output).contains("NOERROR", "\\000.none.example.test.", "TYPE128");
  }

  /**
   * A validating resolver in front: AD says that it believed the answer, SERVFAIL that it did not.
   */
  @Test
  void unboundValidates() throws Exception {
    InetSocketAddress address =
        new InetSocketAddress(InetAddress.getByName("127.0.0.55"), FreePort.find().getPort());
    Path program = Programs.find("unbound");
    Files.writeString(
        folder.resolve("unbound.conf"),
        """
        server:
          interface: 127.0.0.55
          port: %1$d
          username: ""
          chroot: ""
          directory: "%2$s"
          pidfile: "%2$s/unbound.pid"
          use-syslog: no
          logfile: ""
          verbosity: 1
          val-log-level: 2
          num-threads: 1
          do-ip6: no
          do-not-query-localhost: no
          local-zone: "test." nodefault
          root-hints: ""
          module-config: "validator iterator"
          trust-anchor: "example.test. IN DNSKEY 257 3 13 %3$s"
          qname-minimisation: no
        remote-control:
          control-enable: no
        stub-zone:
          name: "example.test"
          stub-addr: 127.0.0.1@%4$d
        """
            .formatted(
                address.getPort(),
                folder,
                Base64.getEncoder().encodeToString(key.getKey()),
                server.address().getPort()));
    Process process =
        new ProcessBuilder(
                program.toString(), "-d", "-c", folder.resolve("unbound.conf").toString())
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("unbound.log").toFile())
            .start();
    try {
      Programs.awaitAnswer(address, process, folder.resolve("unbound.log"));
      String[][] secure = {
        {"example.test", "SOA"},
        {"www.example.test", "A"},
        {"mail.example.test", "AAAA"},
        {"nothing.example.test", "A"},
        {"x.y.wild.example.test", "A"},
        {"x.y.wild.example.test", "TXT"},
        {"x.alias.example.test", "MX"},
        {"gone.example.test", "A"},
        {"big.example.test", "TXT"},
        {"b.c.example.test", "A"},
        {"child.example.test", "DS"},
        {"www.child.example.test", "A"},
        {"none.child.example.test", "A"},
        {"tochild.example.test", "A"},
        {"plain.example.test", "DS"},
        {"mixed.example.test", "TYPE64"},
        {"srv.example.test", "SRV"},
        {"naptr.example.test", "NAPTR"},
      };
      for (String[] question : secure) {
        Message answer = resolve(address, question[0], question[1]);
        assertThat(answer.getRcode())
            .as("%s%n%s", answer, log())
            .isIn(Rcode.NOERROR, Rcode.NXDOMAIN);
        assertThat(answer.getHeader().getFlag(Flags.AD)).as("%s%n%s", answer, log()).isTrue();
      }
      for (String name : List.of("www.plain.example.test", "toplain.example.test")) {
        Message answer = resolve(address, name, "A");
        assertThat(answer.getRcode()).as(answer.toString()).isEqualTo(Rcode.NOERROR);
        assertThat(answer.getSection(Section.ANSWER)).as(answer.toString()).isNotEmpty();
        assertThat(answer.getHeader().getFlag(Flags.AD)).as(answer.toString()).isFalse();
      }
    } finally {
      process.destroy();
      if (!process.waitFor(10, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    }
  }

  private String log() throws IOException {
    return Files.readString(folder.resolve("unbound.log"));
  }

  private static Message resolve(InetSocketAddress resolver, String name, String type)
      throws IOException {
    Message query = Wired.edns(Wired.query(name, Type.value(type)), 0, 1232, true);
    query.getHeader().setFlag(Flags.RD);
    return new Message(Wired.overUdp(resolver, query.toWire()));
  }
}
