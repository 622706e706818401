package dev.meridian.dns;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.meridian.site.ResponseLimit;
import dev.meridian.site.SampleRate;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.ref.WeakReference;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xbill.DNS.Type;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What is asked is counted by zone, name and region. */
class CensusTest {
  private static final NameServer.Options TWO_THREADS =
      new NameServer.Options(2, 64, 64, Duration.ofSeconds(10), Duration.ofSeconds(1));

  @TempDir Path folder;
  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private NameServer server;

  @BeforeEach
  void start() throws IOException {
    server =
        NameServer.start(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
            GeoSite.zones(folder),
            registry,
            TWO_THREADS);
  }

  @AfterEach
  void stop() {
    server.close();
  }

  /** Asks with BIND's dig; the short form of the answer. */
  private String dig(String... more) throws Exception {
    List<String> command = new ArrayList<>(List.of("dig", "@127.0.0.1", "+short", "+tries=1"));
    command.addAll(List.of("-p", String.valueOf(server.address().getPort())));
    command.addAll(List.of(more));
    return Programs.run(command.toArray(String[]::new)).strip();
  }

  private void udp(String name, int type) throws IOException {
    Wired.overUdp(server.address(), Wired.query(name, type).toWire());
  }

  private double answers(String region, String client) {
    return registry
        .get("meridian.dns.answers")
        .tags("region", region, "client", client)
        .functionCounter()
        .count();
  }

  private double queries(String zone, boolean exists) {
    return registry
        .get("meridian.dns.zone.queries")
        .tags("zone", zone, "exists", String.valueOf(exists))
        .functionCounter()
        .count();
  }

  /** What a row of the report says. */
  private record Row(String name, boolean exists, long queries, long atMost) {}

  private List<Row> top(int most) {
    List<Row> rows = new ArrayList<>();
    JsonNode report = JsonMapper.shared().readTree(server.asked(most).toBytes());
    for (JsonNode row : report.path("names")) {
      rows.add(
          new Row(
              row.path("name").asString(),
              row.path("exists").asBoolean(),
              row.path("queries").asLong(),
              row.path("atMost").asLong()));
    }
    return rows;
  }

  private static Row exactly(String name, boolean exists, long queries) {
    return new Row(name, exists, queries, queries);
  }

  @Test
  void answersAreCountedByRegionAndByWhichAddressWasLookedFor() throws Exception {
    assertThat(registry.scrape())
        .contains("meridian_dns_answers_total{client=\"subnet\",region=\"eu\"} 0.0");
    assertThat(dig("near.test", "+subnet=81.2.70.0/24")).contains("192.0.2.1");
    assertThat(dig("near.test", "+subnet=81.2.70.0/24", "+tcp")).contains("192.0.2.1");
    assertThat(dig("near.test", "AAAA", "+subnet=2a00::/32")).contains("2001:db8:1::1");
    assertThat(dig("near.test", "+subnet=101.0.0.0/24")).contains("203.0.113.1");
    // From loopback, which is nobody's place: with the option of a private address, or without.
    assertThat(dig("near.test")).contains("198.51.100.1");
    assertThat(dig("near.test", "+subnet=192.168.1.0/24")).contains("198.51.100.1");
    assertThat(dig("all.near.test", "+subnet=81.2.70.0/24").lines()).hasSize(4);
    assertThat(dig("plain.near.test", "+subnet=81.2.70.0/24")).isEqualTo("192.0.2.99");
    assertThat(answers("eu", "subnet")).isEqualTo(3);
    assertThat(answers("asia", "subnet")).isEqualTo(1);
    assertThat(answers("us", "unknown")).isEqualTo(2);
    assertThat(answers("several", "subnet")).isEqualTo(1);
    assertThat(
            registry.get("meridian.dns.answers").functionCounters().stream()
                .mapToDouble(FunctionCounter::count)
                .sum())
        .isEqualTo(7);
    assertThat(server.asked(0).toString()).contains("eu", "3");
  }

  @Test
  void resolversThatTellNothingAreCountedByTheirOwnAddress() throws IOException {
    SimpleMeterRegistry seen = new SimpleMeterRegistry();
    Census census = new Census(seen);
    Zones zones = GeoSite.zones(folder);
    Responder responder = new Responder(() -> zones, new Tally(false, census.sheet(false)));
    responder.from(client -> client.cameFrom(InetAddress.ofLiteral("81.2.70.9")));
    Wired.ask(responder, "near.test", Type.A);
    assertThat(
            seen.get("meridian.dns.answers")
                .tags("region", "eu", "client", "source")
                .functionCounter()
                .count())
        .isEqualTo(1);
  }

  @Test
  void regionsOfAReloadedSiteAreCountedAsThemselves() throws Exception {
    assertThat(dig("near.test", "+subnet=81.2.70.0/24")).contains("192.0.2.1");
    // Other regions at the numbers of the ones before, one of them with a name that means more.
    server.serve(
        GeoSite.zones(
            folder,
            """
            domains: [near.test, far.test]
            regions:
              mars: {addresses: 192.0.2.200}
              several: {addresses: 192.0.2.201}
              eu: {addresses: 192.0.2.202}
            names:
              records:
                "@": {answer: failover, regions: [mars]}
                www.far.test.: {answer: failover, regions: [several]}
                old: {answer: failover, regions: [eu]}
            """));
    assertThat(dig("near.test")).isEqualTo("192.0.2.200");
    assertThat(dig("near.test", "+tcp")).isEqualTo("192.0.2.200");
    assertThat(dig("WWW.far.test")).isEqualTo("192.0.2.201");
    assertThat(dig("old.near.test", "+subnet=81.2.70.0/24")).isEqualTo("192.0.2.202");
    assertThat(answers("eu", "subnet")).isEqualTo(2);
    assertThat(answers("mars", "source") + answers("mars", "unknown")).isEqualTo(2);
    assertThat(answers("several.", "source") + answers("several.", "unknown")).isEqualTo(1);
    assertThat(answers("several", "source") + answers("several", "unknown")).isZero();
    assertThat(queries("near.test", true)).isEqualTo(4);
    assertThat(queries("far.test", true)).isEqualTo(1);
  }

  @Test
  void moreRegionsAndZonesThanThereArePlacesForAreOther() throws IOException {
    SimpleMeterRegistry seen = new SimpleMeterRegistry();
    Census census = new Census(seen);
    for (int i = 0; i < 100; i++) {
      census.expect(new Roster(List.of("z" + i, "y" + i, "x" + i), List.of("r" + i, "q" + i)));
    }
    assertThat(seen.get("meridian.dns.answers").functionCounters()).hasSize(3 * Census.MAX_REGIONS);
    assertThat(seen.get("meridian.dns.zone.queries").functionCounters())
        .hasSize(2 * Census.MAX_ZONES - 1);
    Zones zones = Sites.zones(Wired.ZONE);
    Census.Sheet sheet = census.sheet(false);
    Wired.ask(new Responder(() -> zones, new Tally(false, sheet)), "example.test", Type.A);
    assertThat(
            seen.get("meridian.dns.zone.queries")
                .tags("zone", "other", "exists", "true")
                .functionCounter()
                .count())
        .isEqualTo(1);
  }

  @Test
  void namesAreCountedByWhatTheyAreInTheZoneAndNotByWhatClientsMakeUp() throws Exception {
    server.serve(Sites.zones(Wired.ZONE));
    for (String name : List.of("www.example.test", "WWW.Example.TEST", "wWw.example.test")) {
      dig(name);
      dig(name, "AAAA", "+tcp");
    }
    udp("one.wild.example.test", Type.A);
    udp("Two.Wild.example.test", Type.A);
    udp("*.wild.example.test", Type.MX);
    udp("x.y.sub.example.test", Type.A); // a delegation
    udp("b.c.example.test", Type.A); // only has names below it
    udp("no.example.test", Type.A);
    udp("nor.this.example.test", Type.A);
    udp("no.b.c.example.test", Type.A);
    udp("example.com", Type.A);
    udp(".", Type.NS);
    assertThat(top(100))
        .containsExactlyInAnyOrder(
            exactly("www.example.test", true, 6),
            exactly("*.wild.example.test", true, 3),
            exactly("sub.example.test", true, 1),
            exactly("b.c.example.test", true, 1),
            exactly("example.test", false, 2),
            exactly("b.c.example.test", false, 1),
            exactly(".", false, 2));
    assertThat(top(1)).containsExactly(exactly("www.example.test", true, 6));
    assertThat(queries("example.test", true)).isEqualTo(11);
    assertThat(queries("example.test", false)).isEqualTo(3);
    assertThat(queries("none", false)).isEqualTo(2);
    assertThat(registry.scrape())
        .contains("meridian_dns_zone_queries_total{exists=\"false\",zone=\"none\"} 2.0");
  }

  @Test
  void madeUpNamesPushOutNoneAndTakeNoMemory() throws IOException {
    Census census = new Census(new SimpleMeterRegistry());
    Zones zones = Sites.zones(Wired.ZONE);
    Responder responder = new Responder(() -> zones, new Tally(false, census.sheet(false)));
    Random random = new Random(4);
    String parent = "example.test";
    for (int i = 0; i < 200_000; i++) {
      String name = Long.toString(random.nextLong() & Long.MAX_VALUE, 36);
      Wired.raw(responder, Wired.query(name + "." + parent, Type.A).toWire(), false);
      parent =
          switch (i % 4) {
            case 0 -> name + ".a.b.c.example.test";
            case 1 -> "b.c.example.test";
            case 2 -> "test";
            default -> "example.test";
          };
      if (i % 1000 == 0) {
        Wired.ask(responder, "mail.example.test", Type.A);
      }
    }
    String report =
        new String(census.report(100).toBytes(), java.nio.charset.StandardCharsets.UTF_8);
    assertThat(report)
        .contains("\"name\":\"mail.example.test\",\"exists\":true,\"queries\":200,\"atMost\":200");
    // What was made up are four rows: below three names, and of no zone.
    assertThat(report.split("\"exists\":false", -1)).hasSize(5);
    assertThat(report.split("\"name\":", -1)).hasSize(6);
  }

  @Test
  void allThreadsAndTransportsAddUp() throws Exception {
    server.serve(Sites.zones(Wired.ZONE));
    byte[] query = Wired.query("mail.example.test", Type.A).toWire();
    List<Thread> askers = new ArrayList<>();
    int each = 200;
    for (int i = 0; i < 16; i++) {
      boolean tcp = i % 2 == 0;
      askers.add(
          Thread.startVirtualThread(
              () -> {
                try {
                  if (tcp) {
                    try (Socket socket = Wired.connect(server.address())) {
                      for (int asked = 0; asked < each; asked++) {
                        Wired.send(socket, query);
                        Wired.receive(socket);
                      }
                    }
                  } else {
                    for (int asked = 0; asked < each; asked++) {
                      Wired.overUdp(server.address(), query);
                    }
                  }
                } catch (IOException e) {
                  throw new java.io.UncheckedIOException(e);
                }
              }));
    }
    for (Thread asker : askers) {
      asker.join();
    }
    assertThat(queries("example.test", true)).isEqualTo(16 * each);
    assertThat(top(5)).containsExactly(exactly("mail.example.test", true, 16 * each));
  }

  /** Meters hold what they count weakly; a collection must not stop the clocks. */
  @Test
  void countsGoOnAfterTheCollectorCame() throws IOException {
    udp("plain.near.test", Type.A);
    assertThat(count("meridian.dns.queries")).isEqualTo(1);
    @Nullable Object gone = new Object();
    WeakReference<Object> collected = new WeakReference<>(gone);
    gone = null;
    long end = System.nanoTime() + Duration.ofSeconds(30).toNanos();
    while (collected.get() != null) {
      assertThat(System.nanoTime()).isLessThan(end);
      System.gc();
    }
    udp("plain.near.test", Type.A);
    assertThat(count("meridian.dns.queries")).isEqualTo(2);
    assertThat(count("meridian.dns.responses")).isEqualTo(2);
    assertThat(count("meridian.dns.zone.queries")).isEqualTo(2);
  }

  private double count(String name) {
    return registry.get(name).functionCounters().stream().mapToDouble(FunctionCounter::count).sum();
  }

  /** With a sample log, too, but for the queries that are in the sample. */
  @Test
  void countingAllocatesNothing() throws IOException {
    Zones zones = GeoSite.zones(folder);
    Conduct conduct = new Conduct();
    try (SampleLog log = new SampleLog(new SimpleMeterRegistry())) {
      Responder responder =
          new Responder(
              () -> zones,
              new Tally(false, new Census(registry).sheet(false)),
              new SigningBudget(),
              conduct);
      responder.from(client -> client.cameFrom(0x51024609));
      List<byte[]> asked = new ArrayList<>();
      for (int i = 0; i < 64; i++) {
        asked.add(Wired.query("no" + i + ".near.test", Type.A).toWire());
        asked.add(Wired.query("x" + i + ".wild.near.test", Type.A).toWire());
        asked.add(GeoSite.query("near.test", Type.A, "100.0." + i + ".0/24").toWire());
        asked.add(Wired.query("example" + i + ".com", Type.A).toWire());
      }
      assertThat(allocated(responder, asked)).isLessThan(1000);
      conduct.samples(log);
      log.rate(Optional.of(new SampleRate(999_999_999, 100)));
      assertThat(allocated(responder, asked)).isLessThan(1000);
      // All are wanted, and all but one of each second are too many.
      log.rate(Optional.of(new SampleRate(1, 1)));
      assertThat(allocated(responder, asked)).isLessThan(1000);
    }
  }

  private static long allocated(Responder responder, List<byte[]> queries) {
    byte[] out = new byte[Wire.MAX_UDP];
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    // The JVM itself allocates a little at first; an object a query would be 16 times 20,000 bytes.
    long least = Long.MAX_VALUE;
    for (int round = 0; round < 50 && least > 1000; round++) {
      responder.at(System.nanoTime());
      long before = threads.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < 20_000; i++) {
        byte[] query = queries.get(i % queries.size());
        responder.respond(query, 0, query.length, out, 0, false);
      }
      least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
    }
    return least;
  }

  @Test
  void signedAnswersAreCountedOnce() throws IOException {
    Zones zones = Sites.signed(Signing.in(folder.resolve("keys"), true), Wired.ZONE);
    SimpleMeterRegistry seen = new SimpleMeterRegistry();
    Census census = new Census(seen);
    Responder responder = new Responder(() -> zones, new Tally(false, census.sheet(false)));
    for (String name : List.of("mail.example.test", "no.example.test")) {
      Wired.ask(responder, Wired.edns(Wired.query(name, Type.A), 0, 1232, true), false);
    }
    for (String exists : List.of("true", "false")) {
      assertThat(
              seen.get("meridian.dns.zone.queries")
                  .tags("zone", "example.test", "exists", exists)
                  .functionCounter()
                  .count())
          .isEqualTo(1);
    }
  }

  /** A flood is seen by the names that it asks for, but is sent nowhere. */
  @Test
  void queriesBeyondTheLimitAreAskedButNotAnswered() throws IOException {
    server.limit(Optional.of(new ResponseLimit(1, 1, List.of())));
    byte[] query = GeoSite.query("near.test", Type.A, "81.2.70.0/24").toWire();
    int truncated = 0;
    int asked = 0;
    while (truncated == 0) {
      assertThat(asked++).isLessThan(1000);
      truncated += (Wired.overUdp(server.address(), query)[2] & 0x02) != 0 ? 1 : 0;
    }
    assertThat(queries("near.test", true)).isEqualTo(asked);
    assertThat(answers("eu", "subnet")).isEqualTo(asked - 1);
  }
}
