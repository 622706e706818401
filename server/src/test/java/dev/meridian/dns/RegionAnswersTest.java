package dev.meridian.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.geo.Place;
import dev.meridian.geo.PrefixMap;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xbill.DNS.Message;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/** Which regions' addresses whom is answered with. */
class RegionAnswersTest {
  private static final String EU = "192.0.2.1,192.0.2.2";
  private static final String US = "198.51.100.1";
  private static final String ASIA = "203.0.113.1";

  @TempDir Path folder;
  private Zones zones = Zones.NONE;

  @BeforeEach
  void read() throws IOException {
    zones = GeoSite.zones(folder);
  }

  private String ask(String name, int type, String subnet) throws IOException {
    return ask(zones, name, type, subnet);
  }

  private static String ask(Zones zones, String name, int type, String subnet) throws IOException {
    Message answer =
        Wired.ask(GeoSite.responder(zones, null), GeoSite.query(name, type, subnet), false);
    assertThat(answer.getRcode()).isEqualTo(Rcode.NOERROR);
    return GeoSite.addresses(answer);
  }

  @ParameterizedTest
  @CsvSource({
    "81.2.69.0/25, 192.0.2.1, 192.0.2.2", // London: Europe
    "81.2.69.142/32, 198.51.100.1,", // a network of its own in site.yaml
    "100.1.2.0/24, 198.51.100.1,",
    "101.1.2.0/24, 203.0.113.1,",
    "102.1.2.0/24, 192.0.2.1, 192.0.2.2", // Canada, by country
    "103.1.2.0/24, 203.0.113.1,", // Brazil, by continent
    "10.9.1.0/24, 203.0.113.1,", // private, but named
    "10.8.1.0/24, 198.51.100.1,", // private: by the resolver's address, which nobody knows
    "9.9.9.0/24, 198.51.100.1,", // not in the database: the default order
    "2a00:1::/48, 192.0.2.1, 192.0.2.2",
    "2400:1::/48, 203.0.113.1,",
  })
  void nearestRegionAnswers(String subnet, String first, String second) throws IOException {
    String expected = second == null ? first : first + "," + second;
    assertThat(ask("near.test", Type.A, subnet)).isEqualTo(expected);
    assertThat(ask("deep.down.wild.near.test", Type.A, subnet)).isEqualTo(expected);
  }

  @Test
  void resolverWithoutSubnetIsAnsweredByItsOwnAddress() throws IOException {
    Message query = GeoSite.query("near.test", Type.A, null);
    Message answer = Wired.ask(GeoSite.responder(zones, "101.9.9.9"), query, false);
    assertThat(GeoSite.addresses(answer)).isEqualTo(ASIA);
    assertThat(answer.getOPT()).isNull();
    Message mapped = Wired.ask(GeoSite.responder(zones, "2400::1"), query, true);
    assertThat(GeoSite.addresses(mapped)).isEqualTo(ASIA);
  }

  /** As a socket on all addresses of both families sees a client of IPv4. */
  @Test
  void mappedAddressIsThatOfIpv4() throws IOException {
    Responder responder = Wired.responder(zones);
    responder.from(client -> client.cameFrom(0, 0xffff_6501_0203L));
    assertThat(GeoSite.addresses(Wired.ask(responder, "near.test", Type.A))).isEqualTo(ASIA);
    responder.from(client -> client.cameFrom(0x2400_0000_0000_0000L, 1));
    assertThat(GeoSite.addresses(Wired.ask(responder, "near.test", Type.A))).isEqualTo(ASIA);
  }

  @Test
  void addressesOfTypeComeFromTheNearestRegionThatHasThem() throws IOException {
    // Asia has no IPv6, and "there is none" would be kept for clients everywhere.
    assertThat(ask("near.test", Type.AAAA, "101.1.2.0/24")).isEqualTo("2001:db8:1:0:0:0:0:1");
    assertThat(ask("near.test", Type.AAAA, "100.1.2.0/24")).isEqualTo("2001:db8:2:0:0:0:0:1");
    assertThat(ask("near.test", Type.AAAA, "81.2.70.0/24")).isEqualTo("2001:db8:1:0:0:0:0:1");
  }

  @Test
  void aliasEndsBeforeWhatDependsOnTheClient() throws IOException {
    Message answer =
        Wired.ask(
            GeoSite.responder(zones, null),
            GeoSite.query("www.near.test", Type.A, "81.2.69.0/24"),
            false);
    assertThat(Wired.names(answer.getSection(Section.ANSWER))).isEqualTo("www.near.test. CNAME");
    assertThat(answer.getSection(Section.AUTHORITY)).isEmpty();
    assertThat(GeoSite.scope(answer)).isZero();
    // The other types of the target are at the chain's end as ever.
    assertThat(
            Wired.names(
                Wired.ask(GeoSite.responder(zones, null), "www.near.test", Type.MX)
                    .getSection(Section.ANSWER)))
        .isEqualTo("www.near.test. CNAME,near.test. MX");
  }

  @Test
  void additionalSectionIgnoresRegions() throws IOException {
    Responder responder = GeoSite.responder(zones, null);
    assertThat(Wired.ask(responder, "toweb.near.test", Type.MX).getSection(Section.ADDITIONAL))
        .isEmpty();
    assertThat(Wired.ask(responder, "near.test", Type.MX).getSection(Section.ADDITIONAL))
        .hasSize(1);
  }

  @Test
  void failoverTakesTheFirstThatIsReady() throws IOException {
    assertThat(ask("first.near.test", Type.A, "101.0.0.0/24")).isEqualTo(EU);
    Zones without = zones.with(new Readiness(Set.of("eu"), Map.of(), Set.of(), Set.of()));
    assertThat(ask(without, "first.near.test", Type.A, "81.2.70.0/24")).isEqualTo(US);
    assertThat(ask(without, "near.test", Type.A, "81.2.70.0/24")).isEqualTo(US);
    assertThat(ask(without, "all.near.test", Type.A, "81.2.70.0/24")).isEqualTo(US + "," + ASIA);
    // All that a choice has are down: all are answered.
    Zones none =
        zones.with(new Readiness(Set.of("eu", "us", "asia"), Map.of(), Set.of(), Set.of()));
    assertThat(ask(none, "first.near.test", Type.A, "81.2.70.0/24")).isEqualTo(EU + "," + US);
    assertThat(ask(none.with(Readiness.ALL), "first.near.test", Type.A, "9.9.9.0/24"))
        .isEqualTo(EU);
    // A reload keeps what is known of readiness.
    assertThat(
            without
                .next(dev.meridian.site.SiteLoader.load(folder), Optional.of(Sites.WEB), null)
                .tailored()
                .readiness()
                .down())
        .containsExactly("eu");
  }

  @Test
  void fullRegionSpillsOverWhileAnotherHasRoom() throws IOException {
    Zones full = zones.with(new Readiness(Set.of(), Map.of("eu", 0.0), Set.of(), Set.of()));
    assertThat(ask(full, "near.test", Type.A, "81.2.70.0/24")).isEqualTo(US);
    assertThat(full.where(java.net.InetAddress.ofLiteral("81.2.70.1"), java.util.Optional.empty()))
        .contains("ready      all regions; crowded: eu (0% of its clients go there)");
    Zones allFull =
        zones.with(new Readiness(Set.of("us"), Map.of("eu", 0.0, "asia", 0.0), Set.of(), Set.of()));
    assertThat(ask(allFull, "near.test", Type.A, "81.2.70.0/24")).isEqualTo(EU);
    assertThat(ask(allFull, "first.near.test", Type.A, "81.2.70.0/24")).isEqualTo(EU);
  }

  @Test
  void crowdedRegionKeepsItsShareAndTheRestGoesOn() throws IOException {
    Zones crowded =
        zones.with(new Readiness(Set.of(), Map.of("eu", 0.25, "us", 0.5), Set.of(), Set.of()));
    Responder responder = GeoSite.responder(crowded, null);
    // Nearest for this client: eu, us, asia.
    assertShares(responder, "near.test", Map.of(EU, 0.25, US, 0.375, ASIA, 0.375));
    // Without a third: what neither has room for goes to the first.
    assertShares(responder, "first.near.test", Map.of(EU, 0.25 + 0.375, US, 0.375));
    // Each has room or not by a draw of its own; the weights are of those that have.
    assertShares(responder, "split.near.test", Map.of(EU, 0.5, US, 0.5));
  }

  private static void assertShares(Responder responder, String name, Map<String, Double> shares)
      throws IOException {
    int rounds = 8000;
    Map<String, Integer> counts = new HashMap<>();
    for (int i = 0; i < rounds; i++) {
      counts.merge(
          GeoSite.addresses(
              Wired.ask(responder, GeoSite.query(name, Type.A, "81.2.70.0/24"), false)),
          1,
          Integer::sum);
    }
    assertThat(counts.keySet()).isEqualTo(shares.keySet());
    // Six standard deviations: by chance once in a billion runs.
    shares.forEach(
        (addresses, share) ->
            assertThat(counts.getOrDefault(addresses, 0) / (double) rounds)
                .as("%s: %s", name, addresses)
                .isCloseTo(
                    share,
                    org.assertj.core.api.Assertions.within(
                        6 * Math.sqrt(share * (1 - share) / rounds))));
  }

  private static Readiness silent(String... addresses) {
    return new Readiness(
        Set.of(),
        Map.of(),
        Set.of(),
        java.util.Arrays.stream(addresses)
            .map(java.net.InetAddress::ofLiteral)
            .collect(java.util.stream.Collectors.toSet()));
  }

  @Test
  void silentAddressesAreLeftOutAndSilentRegionsPassedOver() throws IOException {
    Zones one = zones.with(silent("192.0.2.1"));
    assertThat(ask(one, "near.test", Type.A, "81.2.70.0/24")).isEqualTo("192.0.2.2");
    assertThat(ask(one, "near.test", Type.AAAA, "81.2.70.0/24")).isEqualTo("2001:db8:1:0:0:0:0:1");
    assertThat(ask(one, "all.near.test", Type.A, "81.2.70.0/24"))
        .isEqualTo("192.0.2.2," + US + "," + ASIA);
    // IPv4 and IPv6 go down apart.
    Zones v4 = zones.with(silent("192.0.2.1", "192.0.2.2"));
    assertThat(ask(v4, "near.test", Type.A, "81.2.70.0/24")).isEqualTo(US);
    assertThat(ask(v4, "near.test", Type.AAAA, "81.2.70.0/24")).isEqualTo("2001:db8:1:0:0:0:0:1");
    // All of a choice: all, as nothing would be no better.
    Zones none = zones.with(silent("192.0.2.1", "192.0.2.2", "198.51.100.1", "203.0.113.1"));
    assertThat(ask(none, "first.near.test", Type.A, "81.2.70.0/24")).isEqualTo(EU + "," + US);
  }

  @Test
  void drainedRegionsComeBeforeThoseThatAreDown() throws IOException {
    Zones drained = zones.with(new Readiness(Set.of(), Map.of("us", 0.0), Set.of("eu"), Set.of()));
    // Rather a full region than a drained one.
    assertThat(ask(drained, "first.near.test", Type.A, "81.2.70.0/24")).isEqualTo(US);
    Zones rest = zones.with(new Readiness(Set.of("us"), Map.of(), Set.of("eu"), Set.of()));
    assertThat(ask(rest, "first.near.test", Type.A, "81.2.70.0/24")).isEqualTo(EU);
  }

  @Test
  void weightsAreKeptAndAnswersStayWhole() throws IOException {
    Responder responder = GeoSite.responder(zones, null);
    Message query = GeoSite.query("split.near.test", Type.A, "101.0.0.0/24");
    Map<String, Integer> counts = new HashMap<>();
    for (int i = 0; i < 8000; i++) {
      Message answer = Wired.ask(responder, query, false);
      // Whoever asks is answered alike, by chance.
      assertThat(GeoSite.scope(answer)).isZero();
      counts.merge(GeoSite.addresses(answer), 1, Integer::sum);
    }
    assertThat(counts.keySet()).containsExactlyInAnyOrder(EU, US);
    assertThat(counts.get(EU)).isBetween(5700, 6300);
    Zones without = zones.with(new Readiness(Set.of("us"), Map.of(), Set.of(), Set.of()));
    for (int i = 0; i < 50; i++) {
      assertThat(ask(without, "split.near.test", Type.A, "101.0.0.0/24")).isEqualTo(EU);
    }
  }

  @Test
  void choicesOfChoicesAreAsNearAsTheirNearest() throws IOException {
    assertThat(ask("mix.near.test", Type.A, "101.0.0.0/24")).isEqualTo(ASIA);
    Set<String> seen = new HashSet<>();
    for (int i = 0; i < 200; i++) {
      seen.add(ask("mix.near.test", Type.A, "81.2.70.0/24"));
    }
    assertThat(seen).containsExactlyInAnyOrder(EU, US);
  }

  @Test
  void addressesOfRegionAreShuffled() throws IOException {
    Responder responder = GeoSite.responder(zones, null);
    Map<String, Integer> firsts = new HashMap<>();
    for (int i = 0; i < 4000; i++) {
      Message answer =
          Wired.ask(responder, GeoSite.query("all.near.test", Type.A, "81.2.69.0/24"), false);
      assertThat(GeoSite.addresses(answer)).isEqualTo(EU + "," + US + "," + ASIA);
      firsts.merge(answer.getSection(Section.ANSWER).getFirst().rdataToString(), 1, Integer::sum);
    }
    assertThat(firsts).hasSize(4);
    assertThat(firsts.values()).allSatisfy(count -> assertThat(count).isBetween(850, 1150));
  }

  @Test
  void timesToLiveAreThoseOfTheNames() throws IOException {
    Responder responder = GeoSite.responder(zones, null);
    Record own =
        Wired.ask(responder, "first.near.test", Type.A).getSection(Section.ANSWER).getFirst();
    assertThat(own.getTTL()).isEqualTo(7);
    Record common =
        Wired.ask(responder, "all.near.test", Type.A).getSection(Section.ANSWER).getFirst();
    assertThat(common.getTTL()).isEqualTo(300);
  }

  /** Against distances worked out one by one, for addresses all over. */
  @Test
  void answerIsTheNearestAndTheSameAllOverItsScope() throws IOException {
    Geography geography = zones.tailored().geography();
    long seed = Long.getLong("meridian.fuzz.seed", 5L);
    Random random = new Random(seed);
    int[] firstBytes = {81, 100, 101, 102, 103, 9, 10, 255};
    for (int i = 0; i < 3000; i++) {
      int address = firstBytes[random.nextInt(8)] << 24 | random.nextInt(1 << 24);
      if (random.nextInt(3) == 0) {
        address = 81 << 24 | 2 << 16 | (68 + random.nextInt(4)) << 8 | random.nextInt(256);
      }
      String expected = expected(geography, address);
      int source = 8 + random.nextInt(25);
      int shown = source == 32 ? address : address & -1 << (32 - source);
      Message answer =
          Wired.ask(
              GeoSite.responder(zones, null),
              GeoSite.query("near.test", Type.A, text(shown) + "/" + source),
              false);
      assertThat(GeoSite.addresses(answer))
          .as("seed %d: %s/%d", seed, text(shown), source)
          .isEqualTo(source == 32 ? expected : expected(geography, shown));
      int scope = GeoSite.scope(answer);
      for (int j = 0; j < 4; j++) {
        int other = scope == 0 ? random.nextInt() : shown ^ random.nextInt() >>> scope;
        if (scope < 32 && (firstByte(shown) != 10 || firstByte(other) != 10)) {
          assertThat(expected(geography, other))
              .as("seed %d: %s in the scope /%d of %s", seed, text(other), scope, text(shown))
              .isEqualTo(expected(geography, shown));
        }
      }
    }
  }

  private static int firstByte(int address) {
    return address >>> 24;
  }

  private static String text(int address) {
    return (address >>> 24)
        + "."
        + (address >>> 16 & 255)
        + "."
        + (address >>> 8 & 255)
        + "."
        + (address & 255);
  }

  private static String expected(Geography geography, int address) {
    if (address >>> 16 == (10 << 8 | 9)) {
      return ASIA;
    }
    if (address >>> 7 == (81 << 24 | 2 << 16 | 69 << 8 | 128) >>> 7) {
      return US;
    }
    int found = geography.atlas().v4().find((long) address << 32, 0);
    Place place = geography.atlas().places().get(PrefixMap.value(found));
    if (place.country().equals("CA")) {
      return EU;
    }
    if (place.continent().equals("SA")) {
      return ASIA;
    }
    String nearest =
        place
            .position()
            .map(
                here ->
                    geography.geo().regions().stream()
                        .min(
                            Comparator.comparingDouble(
                                region -> here.kilometresTo(region.location().orElseThrow())))
                        .orElseThrow()
                        .name())
            .orElse("us");
    return nearest.equals("eu") ? EU : nearest.equals("us") ? US : ASIA;
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          ns: {answer: all}@nameServers: [ns.near.test] | a name server's addresses are the same
          sub: {NS: ns1.b.test.}, www.sub: {answer: all} | is delegated to other name servers
          """)
  void namesThatCannotAnswerWithRegionsAreRefused(String records, String message) {
    String[] parts = records.split("@", 2);
    String yaml =
        """
        domains: near.test
        regions: {eu: {addresses: 192.0.2.1}}
        names: {records: {%s}%s}
        """
            .formatted(parts[0], parts.length > 1 ? ", " + parts[1] : "");
    assertThatThrownBy(() -> GeoSite.zones(folder, yaml))
        .isInstanceOf(ZoneException.class)
        .hasMessageContaining(message);
  }
}
