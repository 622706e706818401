package dev.meridian.dns;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/** The same questions to programs nobody here wrote: dig, kdig, NSD. Skipped where missing. */
class PeersTest {
  private static final InetSocketAddress ANY_PORT =
      new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);

  @TempDir Path folder;
  private NameServer server;

  @BeforeEach
  void start() {
    server = NameServer.start(ANY_PORT, Sites.zones(Wired.ZONE), new SimpleMeterRegistry());
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @ParameterizedTest
  @CsvSource({"dig", "kdig"})
  void digReadsOurAnswers(String dig) throws Exception {
    String port = String.valueOf(server.address().getPort());
    String plain =
        Programs.run(dig, "+norecurse", "@127.0.0.1", "-p", port, "www.example.test", "A");
    assertThat(plain)
        .contains("NOERROR")
        .contains("192.0.2.1")
        .doesNotContainIgnoringCase("warning");
    String big = Programs.run(dig, "@127.0.0.1", "-p", port, "big.example.test", "TXT");
    assertThat(big).contains("x".repeat(250)).containsIgnoringCase("TCP");
    assertThat(Programs.run(dig, "+tcp", "@127.0.0.1", "-p", port, "none.example.test", "A"))
        .contains("NXDOMAIN");
  }

  @ParameterizedTest
  @CsvSource({"dig", "kdig"})
  void digReadsClientSubnets(String dig) throws Exception {
    try (NameServer near =
        NameServer.start(ANY_PORT, GeoSite.zones(folder), new SimpleMeterRegistry())) {
      String port = String.valueOf(near.address().getPort());
      String[] ask = {
        dig, "@127.0.0.1", "-p", port, "near.test", "A", "+subnet=101.1.2.0/24", "+norecurse"
      };
      assertThat(Programs.run(ask))
          .contains("203.0.113.1")
          .containsPattern("101.1.2.0/24/8") // Japan and Korea are one to us
          .doesNotContainIgnoringCase("warning");
      ask[6] = "+subnet=2a00:1::/48";
      assertThat(Programs.run(ask)).contains("192.0.2.1").containsPattern("2a00:1::/48/[0-9]+");
      ask[6] = "+subnet=0.0.0.0/0";
      assertThat(Programs.run(ask)).contains("198.51.100.1").contains("0.0.0.0/0/0");
      ask[4] = "plain.near.test";
      ask[6] = "+subnet=101.1.2.0/24";
      assertThat(Programs.run(ask)).contains("192.0.2.99").contains("101.1.2.0/24/0");
      ask[4] = "other.org";
      assertThat(Programs.run(ask)).contains("REFUSED").contains("101.1.2.0/24/0");
    }
  }

  @ParameterizedTest
  @CsvSource({"dig", "kdig"})
  void digLearnsWhichServerAnswered(String dig) throws Exception {
    String port = String.valueOf(server.address().getPort());
    String[] ask = {dig, "@127.0.0.1", "-p", port, "CH", "TXT", "id.server", "+nsid", "+norecurse"};
    assertThat(Programs.run(ask)).contains("REFUSED").doesNotContain("n1a2b3c4");
    server.identity(Optional.of("n1a2b3c4"));
    assertThat(Programs.run(ask))
        .contains("NOERROR", "\"n1a2b3c4\"")
        .containsPattern("NSID: .*6e ?31 ?61 ?32|NSID: .*6E31613262?")
        .doesNotContainIgnoringCase("warning");
  }

  @Test
  void lookupReadsLikeDig() throws IOException {
    Lookup.Reply reply = new Lookup("WWW.example.test", "a", server.address(), false).ask();
    assertThat(reply.rcode()).isEqualTo("NOERROR");
    assertThat(reply.text()).contains("status: NOERROR", "192.0.2.1", "over UDP");
    Lookup.Reply big = new Lookup("big.example.test", "TXT", server.address(), false).ask();
    assertThat(big.text()).contains("over TCP", "x".repeat(250));
    assertThat(new Lookup("other.org", "A", server.address(), true).ask().isAnswer()).isFalse();
  }

  /** Answers must be those of NSD for the same zone: code, AA, and every record of the answer. */
  @Test
  void answersAreThoseOfNsd() throws Exception {
    long seed = Long.getLong("meridian.fuzz.seed", 11L);
    Random random = new Random(seed);
    String zone = generatedZone(random);
    Files.writeString(folder.resolve("zone"), zone);
    int port;
    try (DatagramSocket free = new DatagramSocket(ANY_PORT)) {
      port = free.getLocalPort();
    }
    InetSocketAddress peer = new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
    try (Nsd _ =
        Nsd.start(
            folder,
            List.of(peer),
            """
            zone:
              name: example.test
              zonefile: zone
            """)) {
      Responder ours = Wired.responder(Sites.zones(zone));
      int[] types = {Type.A, Type.AAAA, Type.TXT, Type.MX, Type.NS, Type.CNAME, Type.SOA, Type.DS};
      for (int i = 0; i < 3_000; i++) {
        String name = generatedName(random) + "example.test";
        int type = types[random.nextInt(types.length)];
        Message query = Wired.edns(Wired.query(name, type), 0, 1232, false);
        Message theirs = new Message(Wired.overUdp(peer, query.toWire()));
        Message our = Wired.ask(ours, query, false);
        assertThat(summary(our))
            .as("seed %d: %s %s in %s", seed, name, Type.string(type), zone)
            .isEqualTo(summary(theirs));
      }
    }
  }

  private static String summary(Message message) {
    List<String> answers = lines(message.getSection(Section.ANSWER));
    // NSD adds the zone's name servers to positive answers; ours say only what was asked.
    boolean negativeOrReferral = answers.isEmpty() || message.getRcode() != 0 || !onlyNs(message);
    return org.xbill.DNS.Rcode.string(message.getRcode())
        + " AA="
        + message.getHeader().getFlag(Flags.AA)
        + " TC="
        + message.getHeader().getFlag(Flags.TC)
        + answers
        + (negativeOrReferral ? lines(message.getSection(Section.AUTHORITY)) : "");
  }

  private static boolean onlyNs(Message message) {
    return message.getSection(Section.AUTHORITY).stream().allMatch(r -> r.getType() == Type.NS);
  }

  private static List<String> lines(List<Record> records) {
    return records.stream()
        .map(Record::toString)
        .map(line -> line.toLowerCase(java.util.Locale.ROOT))
        .sorted()
        .toList();
  }

  private static String generatedName(Random random) {
    String[] labels = {"a", "b", "c", "www", "sub", "x", "*"};
    StringBuilder name = new StringBuilder();
    for (int n = random.nextInt(5); n > 0; n--) {
      name.append(labels[random.nextInt(labels.length)]).append('.');
    }
    return name.toString();
  }

  /** A zone with all that makes answers differ; no CNAME leads to another, so none in a circle. */
  private static String generatedZone(Random random) {
    StringBuilder zone =
        new StringBuilder(
            """
            $ORIGIN example.test.
            $TTL 300
            @ IN SOA ns1 hostmaster 1 3600 600 86400 60
            @ IN NS ns1
            ns1 IN A 192.0.2.53
            d.sub IN NS ns.d.sub
            ns.d.sub IN A 192.0.2.54
            b.b IN NS ns1
            """);
    java.util.Set<String> used = new java.util.HashSet<>(Arrays.asList("", "sub.", "b.b."));
    for (int i = 0; i < 40; i++) {
      String name = generatedName(random);
      String owner = name.isEmpty() ? "@" : name.substring(0, name.length() - 1);
      boolean delegated = name.endsWith("b.b.") || name.endsWith("d.sub.");
      boolean inner = owner.indexOf('*') > 0;
      if (delegated || inner || !used.add(name)) {
        continue;
      }
      switch (random.nextInt(4)) {
        case 0 ->
            zone.append(owner)
                .append(random.nextBoolean() ? " IN CNAME ns1\n" : " IN CNAME nowhere.else.ns1\n");
        case 1 -> zone.append(owner).append(" IN TXT \"t").append(i).append("\"\n");
        default -> {
          zone.append(owner).append(" IN A 192.0.2.").append(i).append('\n');
          zone.append(owner).append(" IN MX 1 ns1\n");
        }
      }
    }
    return zone.toString();
  }
}
