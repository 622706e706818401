package dev.meridian.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.site.Names;
import dev.meridian.site.Site;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xbill.DNS.Message;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.SOARecord;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/** Zones of sites: written, half written, not written at all, and written wrongly. */
class SiteZonesTest {
  private static final String HEAD = "@ IN SOA ns1 hostmaster 1 2 3 4 5\n@ IN NS ns1\n";
  private static final String SERVER = "ns1 IN A 192.0.2.53\n";

  @TempDir Path folder;

  private Zones zones(Names names) {
    return Zones.of(Sites.site(folder, List.of("example.test"), names), Optional.of(Sites.WEB));
  }

  private Zones file(String text) throws IOException {
    Files.writeString(folder.resolve("example.test.zone"), text);
    return zones(Sites.names(List.of(Path.of("example.test.zone"))));
  }

  private static String first(Zones zones, String name, int type) throws IOException {
    return Wired.ask(Wired.responder(zones), name, type)
        .getSection(Section.ANSWER)
        .getFirst()
        .rdataToString();
  }

  @Test
  void siteWithoutRecordsAnswersByItsName() throws IOException {
    Zones zones = zones(Sites.names(List.of()));

    assertThat(first(zones, "example.test", Type.A)).isEqualTo("127.0.0.1");
    assertThat(first(zones, "example.test", Type.NS)).isEqualTo("ns.example.test.");
    assertThat(first(zones, "ns.example.test", Type.A)).isEqualTo("127.0.0.1");
    assertThat(first(zones, "example.test", Type.SOA)).startsWith("ns.example.test. hostmaster.");
  }

  @Test
  void domainsBelowOneAnotherShareTheirZone() throws IOException {
    Site site =
        Sites.site(
            folder,
            List.of("www.example.test", "example.test", "other.test"),
            Sites.names(List.of()));
    Zones zones = Zones.of(site, Optional.of(Sites.WEB));

    assertThat(zones.apexes()).containsExactly("example.test", "other.test");
    assertThat(first(zones, "www.example.test", Type.A)).isEqualTo("127.0.0.1");
    assertThat(Wired.ask(Wired.responder(zones), "x.other.test", Type.A).getRcode())
        .isEqualTo(Rcode.NXDOMAIN);
  }

  @Test
  void recordsOfTheSiteAreRelativeToItsZone() throws IOException {
    Zones zones =
        zones(
            Sites.names(
                List.of(),
                Sites.record("example.test", "MX", "10 mail", 7),
                Sites.record("mail.example.test", "A", "192.0.2.9", 8),
                Sites.record("example.test", "A", "192.0.2.8", 9)));

    assertThat(first(zones, "example.test", Type.MX)).isEqualTo("10 mail.example.test.");
    assertThat(first(zones, "example.test", Type.A)).isEqualTo("192.0.2.8");
  }

  @Test
  void serialRisesWithChangesOnly() throws IOException {
    Site before = Sites.site(folder, List.of("example.test"), Sites.names(List.of()));
    Site after =
        Sites.site(
            folder,
            List.of("example.test"),
            Sites.names(List.of(), Sites.record("a.example.test", "A", "192.0.2.1", 1)));
    Zones first = Zones.of(before, Optional.of(Sites.WEB));
    Zones same = first.next(before, Optional.of(Sites.WEB), null);
    Zones next = same.next(after, Optional.of(Sites.WEB), null);
    Zones back = next.next(before, Optional.of(Sites.WEB), null);

    assertThat(serial(same)).isEqualTo(serial(first));
    assertThat(serial(next)).isGreaterThan(serial(first));
    assertThat(serial(back)).isGreaterThan(serial(next));
  }

  private static long serial(Zones zones) throws IOException {
    Message answer = Wired.ask(Wired.responder(zones), "example.test", Type.SOA);
    return ((SOARecord) answer.getSection(Section.ANSWER).getFirst()).getSerial();
  }

  @Test
  void zoneFilesAreReadAsWritten() throws IOException {
    Files.createDirectory(folder.resolve("more"));
    Files.writeString(folder.resolve("more/part"), "inner IN A 192.0.2.4\n@ A 192.0.2.5\n");
    Zones zones =
        file(
            """
            $TTL 1h
            @ IN SOA ns1 host\\.master (
                 7 ; serial
                 2 3 4 5 )
              IN NS ns1   ; the owner of the line above
            ns1 60 IN A 192.0.2.53
                IN 60 AAAA 2001:db8::1
            text TXT "a ; b (c" word\\;too
            $ORIGIN deep.example.test.
            host A 192.0.2.3
            $INCLUDE more/part in.deep.example.test.
            after A 192.0.2.6
            """);

    assertThat(first(zones, "host.deep.example.test", Type.A)).isEqualTo("192.0.2.3");
    assertThat(first(zones, "inner.in.deep.example.test", Type.A)).isEqualTo("192.0.2.4");
    assertThat(first(zones, "in.deep.example.test", Type.A)).isEqualTo("192.0.2.5");
    assertThat(first(zones, "after.deep.example.test", Type.A)).isEqualTo("192.0.2.6");
    assertThat(first(zones, "text.example.test", Type.TXT)).isEqualTo("\"a ; b (c\" \"word;too\"");
    assertThat(first(zones, "example.test", Type.SOA))
        .isEqualTo("ns1.example.test. host\\.master.example.test. 7 2 3 4 5");
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          www CNAME a;www A 192.0.2.1              | 4 | beside one there can be no other data
          www CNAME a;www CNAME b                  | 4 | more than one CNAME
          sub NS ns.sub                            | 4 | missing glue
          www.other.test. A 192.0.2.1              | 4 | out of the zone
          @ SOA ns1 h 1 2 3 4 5                    | 4 | a zone has one SOA
          x A 1.2.3                                | 4 | cannot be read
          x BOGUS 1                                | 4 | no record type
          x A                                      | 4 | cannot be read
          x CH A 192.0.2.1                         | 4 | only IN is
          x AXFR 1                                 | 4 | is for queries
          x DNAME y                                | 4 | DNAME is not served
          x TXT ( "a"                              | 4 | never closed
          x TXT "a                                 | 4 | not closed on its line
          x TXT a )                                | 4 | closes nothing
          $GENERATE 1-9 a A 192.0.2.1              | 4 | is not understood
          $INCLUDE ../outside                      | 4 | is not there
          $INCLUDE /etc/hostname                   | 4 | outside the site's folder
          $TTL soon                                | 4 | is no time
          a CNAME b;b CNAME a                      |   | in a circle
          *.w CNAME x.w                            | 4 | in a circle
          *.w NS ns1                               | 4 | wildcard cannot be delegated
          k NS l;l CNAME ns1                       | 4 | is a CNAME
          x TYPE2 \\# 1 07                         | 4 | cannot be read
          """)
  void mistakesAreNamedWithTheirLine(String lines, String line, String words) {
    String text = HEAD + SERVER + lines.replace(';', '\n') + "\n";
    assertThatThrownBy(() -> file(text))
        .isInstanceOf(ZoneException.class)
        .hasMessageStartingWith("example.test.zone:" + (line == null ? "" : line + ": "))
        .hasMessageContaining(words)
        .message()
        .endsWith(".");
  }

  @Test
  void includesEndEvenWhenAFileIncludesItself() {
    assertThatThrownBy(() -> file(HEAD + SERVER + "$INCLUDE example.test.zone\n"))
        .isInstanceOf(ZoneException.class)
        .hasMessageContaining("at most 8 deep");
  }

  @Test
  void linkOutOfTheFolderIsNotFollowed(@TempDir Path outside) throws IOException {
    Files.writeString(outside.resolve("secret"), "x A 192.0.2.1\n");
    Files.createSymbolicLink(folder.resolve("link"), outside.resolve("secret"));
    assertThatThrownBy(() -> file(HEAD + SERVER + "$INCLUDE link\n"))
        .isInstanceOf(ZoneException.class)
        .hasMessageContaining("outside the site's folder");
  }

  @Test
  void mistakeInSiteYamlIsNamedWithItsLine() {
    assertThatThrownBy(
            () -> zones(Sites.names(List.of(), Sites.record("a.test", "A", "192.0.2.1", 12))))
        .isInstanceOf(ZoneException.class)
        .hasMessageStartingWith("site.yaml:12: ");
  }

  @Test
  void anyTextIsReadOrRefusedClearly() {
    long seed = Long.getLong("meridian.fuzz.seed", 7L);
    Random random = new Random(seed);
    String[] pieces = {
      " ",
      "\n",
      "\t",
      "(",
      ")",
      "\"",
      ";",
      "\\",
      "\\0",
      "\\300",
      "@",
      "$TTL",
      "$ORIGIN",
      "$INCLUDE",
      "IN",
      "A",
      "192.0.2.1",
      "NS",
      "ns1",
      "CNAME",
      "*",
      ".",
      "..",
      "SOA",
      "TXT",
      "TYPE1",
      "\\#",
      "4",
      "99999999999",
      "1w",
      "\u00e9",
      "\u0000",
      "MX",
      "10",
      "x".repeat(64),
      "SVCB",
      "CAA",
      "LOC",
      "NAPTR",
      "TSIG",
      "AAAA",
      "::1",
      "SRV",
      "DS",
      "SSHFP",
      "TLSA",
      "HIP",
      "APL",
      "WKS",
      "DNSKEY",
    };
    for (int i = 0; i < 30_000; i++) {
      StringBuilder text = new StringBuilder("$ORIGIN example.test.\n" + HEAD + SERVER);
      for (int n = random.nextInt(30); n > 0; n--) {
        text.append(pieces[random.nextInt(pieces.length)])
            .append(random.nextInt(3) == 0 ? "" : " ");
      }
      try {
        Sites.zones(text.toString());
      } catch (ZoneException e) {
        assertThat(e.getMessage()).startsWith("test.zone:");
      } catch (RuntimeException e) {
        throw new AssertionError("seed " + seed + ", text: " + text, e);
      }
    }
  }
}
