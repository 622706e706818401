package dev.meridian.dns;

import static dev.meridian.dns.CheckWorld.DELEGATION;
import static dev.meridian.dns.CheckWorld.NS1;
import static dev.meridian.dns.CheckWorld.NS2;
import static dev.meridian.dns.CheckWorld.zone;
import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.dns.DnsCheck.Settings;
import java.net.InetAddress;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A zone, its parent and a resolver as real servers, and for each fault whether it is found.
 * Skipped where NSD or unbound are missing.
 */
@Timeout(180)
class DnsCheckTest {
  private static final long NOW = Instant.now().getEpochSecond();

  @TempDir Path folder;
  private CheckWorld world;

  @BeforeEach
  void begin() throws Exception {
    world = new CheckWorld(folder);
  }

  @AfterEach
  void end() throws Exception {
    world.close();
  }

  private void both(String zone) throws Exception {
    world.nsd(NS1, Map.of("city.test", zone), "");
    world.nsd(NS2, Map.of("city.test", zone), "");
  }

  @Test
  void allIsWellWhereAllIsWell() throws Exception {
    world.above(DELEGATION);
    world.ours(NS1, Sites.zones(zone(NOW)));
    world.nsd(NS2, Map.of("city.test", zone(NOW)), "");
    assertThat(world.check())
        .contains("ok parent test: leads to ns1.city.test, ns2.city.test\n")
        .contains("ok glue test: hands out the addresses")
        .contains("ok server ns1.city.test 127.53.3.1: answers over UDP and TCP, authoritative")
        .contains("ok server ns2.city.test 127.53.4.1: answers over UDP and TCP, authoritative")
        .contains("ok serial: " + NOW + " at all 2 addresses")
        .contains("ok network: 2 name servers in 2 networks")
        .contains("ok dnssec: not signed")
        .contains("ok mail: mail is sent to mail.city.test")
        .contains("ok service: services are at mail.city.test")
        .contains("note name www.city.test: 127.53.3.1 takes connections on port")
        .doesNotContain("error ")
        .doesNotContain("warning ");
  }

  @Test
  void aLameServerIsFound() throws Exception {
    world.above(DELEGATION);
    world.ours(NS1, Sites.zones(zone(NOW)));
    world.nsd(NS2, Map.of("other.test", zone(NOW).replace("city", "other")), "");
    assertThat(world.check())
        .containsPattern(
            "error server ns2.city.test 127.53.4.1: is lame: it answers (REFUSED|SERV)")
        .contains("ok server ns1.city.test");
  }

  @Test
  void aStaleSecondaryIsFound() throws Exception {
    world.above(DELEGATION);
    world.ours(NS1, Sites.zones(zone(NOW - 10_000)));
    world.nsd(NS2, Map.of("city.test", zone(NOW - 96_400)), "");
    // It has had longer than refresh and retry to fetch the newest.
    assertThat(world.check())
        .contains(
            "error serial ns2.city.test 127.53.4.1: serial "
                + (NOW - 96_400)
                + " is behind the newest, "
                + (NOW - 10_000)
                + ", by 86400");
  }

  @Test
  void aSecondaryThatMayBeFetchingIsAWarning() throws Exception {
    world.above(DELEGATION);
    both(zone(NOW - 10));
    world.ours("127.53.5.1", Sites.zones(zone(NOW)));
    Settings settings = world.settings(Set.of());
    String found =
        CheckWorld.check(
            new Settings(
                settings.resolvers(),
                List.of(),
                Optional.of(world.at("127.53.5.1")),
                settings.port(),
                settings.domains(),
                List.of(),
                Set.of(world.web(NS1))));
    assertThat(found)
        .contains("warning serial ns1.city.test 127.53.3.1: serial")
        .contains("warning serial ns2.city.test 127.53.4.1: serial")
        .contains("by 10")
        .contains("ok server listener 127.53.5.1:")
        .doesNotContain("error ");
  }

  @Test
  void missingGlueIsFound() throws Exception {
    world.above(DELEGATION.replaceAll("(?m)^ns2.*$", ""));
    both(zone(NOW));
    assertThat(world.check())
        .contains("error glue ns.test 127.53.1.1: no address comes with ns2.city.test")
        .doesNotContain("no address comes with ns1");
  }

  @Test
  void wrongGlueIsFound() throws Exception {
    world.above(DELEGATION.replace("127.53.4.1", "127.53.4.2"));
    both(zone(NOW));
    assertThat(world.check())
        .contains("error glue ns.test 127.53.1.1: ns2.city.test is at 127.53.4.2 there, but at")
        .contains("error server ns2.city.test 127.53.4.2: cannot be reached")
        .contains("ok server ns2.city.test 127.53.4.1");
  }

  @Test
  void aDeadAddressIsFound() throws Exception {
    world.above(DELEGATION);
    world.ours(NS1, Sites.zones(zone(NOW)));
    assertThat(world.check())
        .contains(
            "error server ns2.city.test 127.53.4.1: cannot be reached: UDP: nobody listens there;"
                + " TCP: refused");
  }

  @Test
  void refusedTcpIsFound() throws Exception {
    world.above(DELEGATION);
    world.ours(NS1, Sites.zones(zone(NOW)));
    world.udpOnly(NS2, Sites.zones(zone(NOW)));
    assertThat(world.check())
        .contains("error server ns2.city.test 127.53.4.1: does not answer over TCP: refused")
        .contains("ok serial");
  }

  @Test
  void aMissingDelegationIsFoundAndTheListenerIsStillChecked() throws Exception {
    world.above("");
    world.ours(NS1, Sites.zones(zone(NOW)));
    Settings settings = world.settings(Set.of());
    String found =
        CheckWorld.check(
            new Settings(
                settings.resolvers(),
                List.of(),
                Optional.of(world.at(NS1)),
                settings.port(),
                settings.domains(),
                List.of(),
                Set.of(world.web(NS1))));
    assertThat(found)
        .contains("error parent test: not delegated")
        .contains("ok server listener 127.53.3.1:")
        .contains("ok mail");
  }

  @Test
  void serversCanBeCheckedBeforeTheyAreDelegatedTo() throws Exception {
    world.ours(NS1, Sites.zones(zone(NOW)));
    world.ours(NS2, Sites.zones(zone(NOW + 1)));
    Settings settings =
        new Settings(
            List.of(world.at("127.53.9.9")), // nobody
            List.of(world.at(NS1), world.at(NS2)),
            Optional.empty(),
            53,
            List.of("city.test"),
            List.of(),
            Set.of(world.web(NS1)));
    assertThat(CheckWorld.check(settings))
        .contains("warning serial 127.53.3.1:")
        .contains("by 1")
        .doesNotContain(" parent ")
        .contains("ok dnssec: not signed\n")
        .doesNotContain("error ");
  }

  @Test
  void openTransfersAndDifferentServersAreFound() throws Exception {
    world.above(DELEGATION);
    world.nsd(NS1, Map.of("city.test", zone(NOW)), "provide-xfr: 0.0.0.0/0 NOKEY");
    world.nsd(NS2, Map.of("city.test", zone(NOW) + "@ IN NS ns3\nns3 IN CNAME ns1\n"), "");
    assertThat(world.check())
        .contains("warning server ns1.city.test 127.53.3.1: gives this machine the whole zone")
        .contains(
            "warning parent test: leads to other servers than the zone says it has; only the"
                + " zone has ns3.city.test")
        .contains("warning servers: do not agree who they are")
        .contains("ok server ns2.city.test");
  }

  @Test
  void recursionIsFound() throws Exception {
    world.above(DELEGATION);
    world.ours(NS1, Sites.zones(zone(NOW)));
    Path file = java.nio.file.Files.writeString(folder.resolve("city.zone"), zone(NOW));
    world.unbound(
        NS2,
        """
        auth-zone:
          name: "city.test"
          zonefile: "%s"
          for-downstream: yes
          for-upstream: yes
        """
            .formatted(file));
    assertThat(world.check())
        .contains(
            "warning server ns2.city.test 127.53.4.1: offers to look up other people's names");
  }

  /** A firewall that drops what it does not know. */
  @Test
  void serversWithoutEdnsAreFound() throws Exception {
    world.above(DELEGATION);
    world.ours(NS1, Sites.zones(zone(NOW)));
    world.udp(
        NS2,
        Sites.zones(zone(NOW)),
        (query, answer) -> Wire.getShort(query, 10) > 0 ? null : answer);
    assertThat(world.check())
        .contains("error server ns2.city.test 127.53.4.1: answers over UDP only without EDNS");
  }

  /** Answers with bytes changed at random, whatever they then mean; prints its seed. */
  @Test
  void nothingThatServersSayBreaksTheCheck() throws Exception {
    long seed = Long.getLong("meridian.fuzz.seed", System.nanoTime());
    Random random = new Random(seed);
    System.out.println("DnsCheckTest: -Dmeridian.fuzz.seed=" + seed);
    Zones zones =
        Sites.signed(new Signing(folder.resolve("dnssec"), InstantSource.system()), zone(NOW));
    world.udp(
        NS1,
        zones,
        (query, answer) -> {
          // The id stays, or nothing would be looked at.
          for (int i = random.nextInt(4); i > 0 && answer.length > 2; i--) {
            answer[2 + random.nextInt(answer.length - 2)] = (byte) random.nextInt();
          }
          return random.nextInt(20) == 0
              ? Arrays.copyOf(answer, 2 + random.nextInt(answer.length - 2))
              : answer;
        });
    Settings settings =
        new Settings(
            List.of(world.at(NS1)),
            List.of(world.at(NS1)),
            Optional.empty(),
            53,
            List.of("city.test"),
            List.of(),
            Set.of());
    for (int round = 0; round < 100; round++) {
      assertThat(CheckWorld.check(settings)).as("seed %d", seed).contains(" server ");
    }
  }

  @Test
  void whatNamesLeadToIsTried() throws Exception {
    world.above(DELEGATION.replaceAll("(?m)^.*ns2.*$", ""));
    world.ours(
        NS1,
        Sites.zones(
            zone(NOW)
                    .replaceAll("(?m)^.*ns2.*$", "")
                    .replaceAll("(?m)^mail .*$", "mail IN TXT \"no address\"")
                    .replaceAll("(?m)^www .*$", "www IN A 127.53.8.1\nalias IN CNAME ns1")
                + "@ IN MX 20 alias\n"));
    assertThat(world.check())
        .contains("note servers: there is only one name server")
        .contains("error mail mail.city.test: mail is sent to it, but it has no address")
        .contains("warning mail alias.city.test: mail is sent to it, but it is a CNAME")
        .contains("error service mail.city.test: services are at it, but it has no address")
        .contains("error name www.city.test: 127.53.8.1 cannot be reached: port 80: refused")
        .contains("note name city.test: 127.53.3.1 takes connections on port");
  }

  @Test
  void allAddressesOfAllRegionsAreTried() throws Exception {
    int web = world.web(NS1);
    world.ours(NS1, Sites.zones(zone(NOW)));
    DnsCheck check =
        new DnsCheck(
            new Settings(
                List.of(),
                List.of(world.at(NS1)),
                Optional.empty(),
                53,
                List.of(),
                List.of(
                    new DnsCheck.RegionAddress("eu", address(NS1), Optional.empty(), ""),
                    new DnsCheck.RegionAddress("us", address(NS2), Optional.empty(), ""),
                    new DnsCheck.RegionAddress("af", address(NS2), Optional.of(true), ""),
                    new DnsCheck.RegionAddress(
                        "asia", address(NS1), Optional.of(false), "no answer within 2 s")),
                Set.of(web)));
    List<DnsCheck.Report> reports = check.run(List.of("city.test"), _ -> {});
    assertThat(reports).hasSize(2);
    assertThat(reports.getLast().zone()).isEqualTo("regions");
    assertThat(CheckWorld.lines(reports.getLast()))
        .contains("ok region eu 127.53.3.1: takes connections on port " + web)
        .contains("error region us 127.53.4.1: cannot be reached")
        .contains("ok region af 127.53.4.1: up, by the server's own probes")
        .contains("error region asia 127.53.3.1: down: no answer within 2 s");
  }

  private static InetAddress address(String text) {
    return InetAddress.ofLiteral(text);
  }
}
