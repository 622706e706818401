package dev.meridian.dns;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.site.SiteLoader;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.opentest4j.TestAbortedException;
import org.xbill.DNS.DClass;
import org.xbill.DNS.DNSKEYRecord;
import org.xbill.DNS.DNSSEC;
import org.xbill.DNS.DSRecord;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.SOARecord;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/**
 * A small world of names on loopback addresses: NSD has the root and {@code test}, Meridian the
 * zone below, signed, and NSD follows it as a secondary. Programs that judge delegations look at it
 * from the root down, as they would at a real one; they insist on port 53.
 */
class WorldPeersTest {
  private static final String ROOT = "127.92.0.1";
  private static final String ROOT_2 = "127.93.0.1";
  private static final String OURS = "127.90.0.3";
  private static final String FOLLOWER = "127.91.0.4";

  @TempDir Path folder;
  private final List<Nsd> running = new ArrayList<>();
  private NameServer server;

  @BeforeEach
  void start() throws Exception {
    Programs.find("nsd");
    Path site = Files.createDirectory(folder.resolve("site"));
    Files.writeString(
        site.resolve("site.yaml"),
        """
        domains: example.test
        names:
          dnssec: true
          nameServers: [ns1.example.test, ns2.example.test]
          secondaries: [{address: %2$s, notify: "%2$s:53"}]
          records:
            "@": {A: 192.0.2.1, MX: 10 mail, TXT: v=spf1 -all}
            ns1: {A: %1$s}
            ns2: {A: %2$s}
            www: {A: [192.0.2.1, 192.0.2.2]}
            mail: {A: 192.0.2.25}
            "*.wild": {TXT: wild}
        """
            .formatted(OURS, FOLLOWER));
    Signing signing = new Signing(folder.resolve("dnssec"), InstantSource.system());
    Zones zones =
        Zones.after(Serials.in(folder.resolve("names")))
            .next(SiteLoader.load(site), Optional.of(Sites.WEB), signing);
    try {
      server = NameServer.start(new InetSocketAddress(OURS, 53), zones, new SimpleMeterRegistry());
    } catch (UncheckedIOException e) {
      throw new TestAbortedException("port 53 cannot be had here: " + e.getMessage(), e);
    }
    DSRecord ds =
        new DSRecord(
            Name.fromString("example.test."), DClass.IN, 3600, DNSSEC.Digest.SHA256, key(zones));
    nsd(
        "root",
        List.of(ROOT, ROOT_2),
        """
        zone:
          name: "."
          zonefile: root.zone
        zone:
          name: test
          zonefile: test.zone
        """,
        """
        $TTL 3600
        . IN SOA a.root.test. h.test. 1 3600 600 86400 60
        . IN NS a.root.test.
        . IN NS b.root.test.
        a.root.test. IN A %1$s
        b.root.test. IN A %2$s
        test. IN NS a.root.test.
        test. IN NS b.root.test.
        """,
        """
        $TTL 3600
        test. IN SOA a.root.test. h.test. 1 3600 600 86400 60
        test. IN NS a.root.test.
        test. IN NS b.root.test.
        a.root.test. IN A %1$s
        b.root.test. IN A %2$s
        example.test. IN NS ns1.example.test.
        example.test. IN NS ns2.example.test.
        ns1.example.test. IN A %3$s
        ns2.example.test. IN A %4$s
        example.test. IN DS %5$s
        """,
        ds.rdataToString());
    nsd(
        "follower",
        List.of(FOLLOWER),
        """
        zone:
          name: example.test
          zonefile: zone
          request-xfr: %s NOKEY
          allow-notify: %1$s NOKEY
          outgoing-interface: %s
        """
            .formatted(OURS, FOLLOWER),
        "",
        "",
        "");
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (serial(FOLLOWER) != serial(OURS)) {
      assertThat(System.nanoTime()).as("the secondary follows").isLessThan(end);
      Thread.sleep(50);
    }
  }

  private static DNSKEYRecord key(Zones zones) throws IOException {
    return Signatures.keys(Wired.responder(zones), "example.test").getFirst();
  }

  private void nsd(
      String name, List<String> addresses, String zones, String root, String test, String ds)
      throws IOException {
    Path work = Files.createDirectories(folder.resolve(name));
    Files.writeString(work.resolve("root.zone"), root.formatted(ROOT, ROOT_2));
    Files.writeString(work.resolve("test.zone"), test.formatted(ROOT, ROOT_2, OURS, FOLLOWER, ds));
    running.add(
        Nsd.start(
            work,
            addresses.stream().map(address -> new InetSocketAddress(address, 53)).toList(),
            zones));
  }

  private static long serial(String address) throws IOException {
    Message answer =
        new Message(
            Wired.overUdp(
                new InetSocketAddress(address, 53),
                Wired.query("example.test", Type.SOA).toWire()));
    return answer.getSection(Section.ANSWER).isEmpty()
        ? -1
        : ((SOARecord) answer.getSection(Section.ANSWER).getFirst()).getSerial();
  }

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
    running.forEach(Nsd::close);
  }

  @Test
  void zonemasterFindsNothingWrong() throws Exception {
    Path hints = folder.resolve("hints");
    Files.writeString(
        hints,
        """
        . 3600 IN NS a.root.test.
        . 3600 IN NS b.root.test.
        a.root.test. 3600 IN A %s
        b.root.test. 3600 IN A %s
        """
            .formatted(ROOT, ROOT_2));
    String all =
        Programs.run(
            "zonemaster-cli",
            "example.test",
            "--hints",
            hints.toString(),
            "--no-ipv6",
            "--no-progress",
            "--show-testcase",
            "--level",
            "INFO");
    // It has looked at the delegation and at the signatures.
    assertThat(all).contains("DELEGATION", "DNSSEC05", "Curve P-256");
    assertThat(
            all.lines()
                .filter(line -> line.matches("(?i).* (WARNING|ERROR|CRITICAL) .*"))
                // That a world on loopback is not the real one is all that may be said.
                .filter(line -> !line.matches(".* ADDRESS0[123] .*127\\.9[01]\\..*")))
        .as(all)
        .isEmpty();
  }

  @Test
  void dnsvizValidatesAllOfIt() throws Exception {
    Path probe = folder.resolve("probe.json");
    String probed =
        Programs.run(
            "dnsviz",
            "probe",
            "-4",
            "-d",
            "2",
            "-A",
            "-a",
            ".",
            "-x",
            ".+:a.root.test=" + ROOT,
            "-x",
            "test+:a.root.test=" + ROOT + ",b.root.test=" + ROOT_2,
            "-x",
            "example.test+:ns1.example.test=" + OURS + ",ns2.example.test=" + FOLLOWER,
            "-R",
            "A,MX,TXT,SOA,DNSKEY",
            "-o",
            probe.toString(),
            "example.test",
            "www.example.test",
            "a.wild.example.test",
            "nothing.example.test");
    assertThat(probe).as(probed).isNotEmptyFile();
    Path anchor = folder.resolve("anchor");
    Files.writeString(anchor, key(server.zones()) + "\n");
    String verdict =
        Programs.run("dnsviz", "print", "-t", anchor.toString(), "-r", probe.toString());
    assertThat(verdict)
        .contains("[.]  DNSKEY: 13/", "[.]  A: 192.0.2", "NSEC: nothing.example.test.")
        // Invalid, bogus, in error, with a warning, or not to be decided.
        .doesNotContain("[!]", "[-]", "[?]", "[E]", "[W]", "!]", "?]");
    // Errors and warnings, as data: there are none.
    assertThat(
            Programs.run(
                "dnsviz", "grok", "-l", "warning", "-t", anchor.toString(), "-r", probe.toString()))
        .doesNotContain("\"errors\"", "\"warnings\"");
  }

  @Test
  void dnsperfLosesNothing() throws Exception {
    Path queries = folder.resolve("queries");
    Files.writeString(
        queries, "www.example.test A\nmail.example.test AAAA\nnothing.example.test A\n");
    for (String mode : new String[] {"udp", "tcp"}) {
      String report =
          Programs.run(
              "dnsperf", "-s", OURS, "-m", mode, "-d", queries.toString(), "-n", "2000", "-D");
      assertThat(report)
          .as(mode)
          .containsPattern("Queries lost:\\s+0 ")
          .containsPattern("Queries completed:\\s+6000 \\(100.00%\\)")
          .doesNotContain("SERVFAIL");
    }
  }
}
