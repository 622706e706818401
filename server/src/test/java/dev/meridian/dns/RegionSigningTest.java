package dev.meridian.dns;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.site.SiteLoader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xbill.DNS.DNSKEYRecord;
import org.xbill.DNS.Message;
import org.xbill.DNS.OPTRecord;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/** Answers that depend on the client, signed; every signature is verified by dnsjava. */
class RegionSigningTest {
  private final Signatures.TestClock clock = new Signatures.TestClock();
  @TempDir Path folder;
  private Zones zones;
  private List<DNSKEYRecord> keys;

  @BeforeEach
  void sign() throws IOException {
    GeoSite.database(folder, GeoSite.database());
    Files.writeString(
        folder.resolve("site.yaml"), GeoSite.YAML.replace("names:\n", "names:\n  dnssec: true\n"));
    zones =
        Zones.NONE.next(
            SiteLoader.load(folder),
            Optional.of(Sites.WEB),
            new Signing(folder.resolve("dnssec"), clock));
    keys = Signatures.keys(Wired.responder(zones), "near.test");
  }

  private static Message ask(Responder responder, String name, int type, String subnet)
      throws IOException {
    Message query = Wired.query(name, type);
    query.addRecord(
        new OPTRecord(1232, 0, 0, Wire.DO, List.of(GeoSite.option(subnet))), Section.ADDITIONAL);
    return Wired.ask(responder, query, true);
  }

  @ParameterizedTest(name = "{0} {1} from {2}")
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          near.test        | A    | 81.2.70.0/24 | 192.0.2.1,192.0.2.2
          near.test        | AAAA | 81.2.70.0/24 | 2001:db8:1:0:0:0:0:1
          near.test        | A    | 101.0.0.0/24 | 203.0.113.1
          near.test        | A    | 100.0.0.0/24 | 198.51.100.1
          q.wild.near.test | A    | 101.0.0.0/24 | 203.0.113.1
          first.near.test  | A    | 101.0.0.0/24 | 192.0.2.1,192.0.2.2
          """)
  void eachClientsAnswerIsSigned(String name, String type, String subnet, String addresses)
      throws Exception {
    Responder responder = Wired.responder(zones);
    for (int i = 0; i < 2; i++) { // the second from the cache
      Message answer = ask(responder, name, Type.value(type), subnet);
      assertThat(GeoSite.addresses(answer)).isEqualTo(addresses);
      assertThat(answer.getSection(Section.ANSWER)).anyMatch(r -> r.getType() == Type.RRSIG);
      assertThat(Signatures.verify(answer, keys, clock.instant())).isEmpty();
    }
  }

  @Test
  void signedAddressesAreShuffledToo() throws Exception {
    Responder responder = Wired.responder(zones);
    Set<String> firsts = new HashSet<>();
    for (int i = 0; i < 100; i++) {
      Message answer = ask(responder, "near.test", Type.A, "81.2.70.0/24");
      firsts.add(answer.getSection(Section.ANSWER).getFirst().rdataToString());
      assertThat(Signatures.verify(answer, keys, clock.instant())).isEmpty();
    }
    assertThat(firsts).containsExactlyInAnyOrder("192.0.2.1", "192.0.2.2");
  }

  @Test
  void whatIsNotThereIsDeniedForAllClients() throws Exception {
    Responder responder = Wired.responder(zones);
    Message noData = ask(responder, "near.test", Type.TXT, "81.2.70.0/24");
    assertThat(noData.getSection(Section.ANSWER)).isEmpty();
    assertThat(Signatures.verify(noData, keys, clock.instant())).isEmpty();
    assertThat(noData.getSection(Section.AUTHORITY).stream().map(Record::getType))
        .contains(Type.NSEC);
    assertThat(GeoSite.scope(noData)).isZero();
    Message alias = ask(responder, "www.near.test", Type.A, "81.2.70.0/24");
    assertThat(GeoSite.addresses(alias)).isEmpty();
    assertThat(Signatures.verify(alias, keys, clock.instant())).isEmpty();
  }

  @Test
  void regionsThatAreDownAreLeftOutOfSignedAnswers() throws Exception {
    Responder responder =
        Wired.responder(zones.with(new Readiness(Set.of("eu"), Map.of(), Set.of(), Set.of())));
    Message answer = ask(responder, "near.test", Type.A, "81.2.70.0/24");
    assertThat(GeoSite.addresses(answer)).isEqualTo("198.51.100.1");
    assertThat(Signatures.verify(answer, keys, clock.instant())).isEmpty();
  }
}
