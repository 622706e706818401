package dev.meridian.web;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.geo.Prefix;
import dev.meridian.site.TrustedProxies;
import dev.meridian.site.TrustedProxies.Header;
import java.net.InetAddress;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ForwardedTest {
  private static final InetAddress PEER = InetAddress.ofLiteral("10.0.0.1");
  private static final String VISITOR = "203.0.113.9";

  private static TrustedProxies trusted(Header header) {
    return new TrustedProxies(
        List.of(
            Prefix.parse("10.0.0.0/8").orElseThrow(), Prefix.parse("2001:db8::/32").orElseThrow()),
        header);
  }

  private static Forwarded.Origin of(Header header, List<String> lines, String... schemes) {
    return Forwarded.of(trusted(header), PEER, lines, List.of(schemes));
  }

  private static void assertOrigin(
      Forwarded.Origin origin, String address, @Nullable String scheme) {
    assertThat(origin).isEqualTo(new Forwarded.Origin(InetAddress.ofLiteral(address), scheme));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '#',
      quoteCharacter = '\0',
      value = {
        "203.0.113.9 # 203.0.113.9",
        "203.0.113.9:4711 # 203.0.113.9",
        "6.6.6.6, 203.0.113.9 # 203.0.113.9",
        "6.6.6.6,203.0.113.9 ,10.9.9.9, 2001:db8::7 # 203.0.113.9",
        "10.3.3.3, 203.0.113.9, 10.9.9.9 # 203.0.113.9",
        "10.3.3.3, 10.9.9.9 # 10.3.3.3",
        "2001:4860::1 # 2001:4860::1",
        "[2001:4860::1] # 2001:4860::1",
        "[2001:4860::1]:443, [2001:db8::1]:9 # 2001:4860::1",
        "::ffff:203.0.113.9 # 203.0.113.9",
        ", ,203.0.113.9,, # 203.0.113.9",
        "<script>, 203.0.113.9 # 203.0.113.9",
        "\", 203.0.113.9 # 203.0.113.9",
        "203.0.113.9:_x # 203.0.113.9",
        "unknown # 10.0.0.1",
        "203.0.113.9, unknown # 10.0.0.1",
        "203.0.113.9, unknown, 10.9.9.9 # 10.9.9.9",
        "203.0.113.9, _hidden # 10.0.0.1",
        "203.0.113.999 # 10.0.0.1",
        "203.0.113 # 10.0.0.1",
        "3405803785 # 10.0.0.1",
        "203.0.113.9:99999999 # 10.0.0.1",
        "fe80::1%eth0 # 10.0.0.1",
        "::: # 10.0.0.1",
        "abc # 10.0.0.1",
        "localhost # 10.0.0.1",
        "203.0.113.9 10.0.0.7 # 10.0.0.1",
      })
  void theLastAddressThatIsNoProxysIsTheVisitors(String line, String address) {
    assertOrigin(of(Header.X_FORWARDED_FOR, List.of(line)), address, null);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '#',
      quoteCharacter = '\0',
      nullValues = "-",
      value = {
        "for=203.0.113.9 # 203.0.113.9 # -",
        "For=\"203.0.113.9:80\";PROTO=https;by=10.0.0.1 # 203.0.113.9 # https",
        "for=6.6.6.6;proto=http, proto=https;for=203.0.113.9 # 203.0.113.9 # https",
        "for=203.0.113.9;proto=https, for=10.1.1.1;proto=http # 203.0.113.9 # https",
        "for=203.0.113.9, for=\"[2001:db8::1]:17\";proto=https # 203.0.113.9 # https",
        "for=\"[2001:4860::1]\" ; host=\"a,b\" # 2001:4860::1 # -",
        "for=\"open, for=203.0.113.9;proto=http # 203.0.113.9 # http",
        "for=203.0.113.9;host=\"a\\\"b\";proto=https # 203.0.113.9 # https",
        "for=6.6.6.6, for=203.0.113.9;host=\"a\\\", for=b\" # 203.0.113.9 # -",
        "for=6.6.6.6, for=203.0.113.9;host=\"a\\\\\";proto=http # 203.0.113.9 # http",
        "for=\"20\\3.0.113.9\";proto=\"\\h\\ttp\" # 203.0.113.9 # http",
        "for=\"203.0.113.9:_x\" # 203.0.113.9 # -",
        "for=\"[2001:4860::1]:_a.b-c\" # 2001:4860::1 # -",
        "for=\"203.0.113.9:_\" # 10.0.0.1 # -",
        "for=203.0.113.9; # 203.0.113.9 # -",
        "; ;for=203.0.113.9 ;; proto=https ; # 203.0.113.9 # https",
        "; # 10.0.0.1 # -",
        "for=unknown;proto=https # 10.0.0.1 # https",
        "for=203.0.113.9, for=_secret, for=10.2.2.2 # 10.2.2.2 # -",
        "for=203.0.113.9;for=6.6.6.6 # 10.0.0.1 # -",
        "for=203.0.113.9;proto=gopher # 203.0.113.9 # -",
        "for # 10.0.0.1 # -",
        "for= # 10.0.0.1 # -",
        "203.0.113.9 # 10.0.0.1 # -",
        "for=203.0.113.9 proto=http # 10.0.0.1 # -",
        "for=\"203.0.113.9 # 10.0.0.1 # -",
      })
  void theSameOfForwarded(String line, String address, @Nullable String scheme) {
    assertOrigin(of(Header.FORWARDED, List.of(line)), address, scheme);
  }

  @Test
  void linesAreOneList() {
    assertOrigin(
        of(
            Header.X_FORWARDED_FOR,
            List.of("6.6.6.6", VISITOR, "10.1.1.1, 10.2.2.2"),
            "http",
            "https"),
        VISITOR,
        "https");
    assertOrigin(
        of(Header.X_FORWARDED_FOR, List.of(), "http, HTTPS"), PEER.getHostAddress(), "https");
    assertOrigin(of(Header.X_FORWARDED_FOR, List.of(VISITOR), "https, ftp"), VISITOR, null);
    assertOrigin(
        of(Header.FORWARDED, List.of("for=6.6.6.6", "for=" + VISITOR, "for=10.1.1.1"), "https"),
        VISITOR,
        null);
  }

  @Test
  void whoIsNoProxySaysNothing() {
    InetAddress stranger = InetAddress.ofLiteral("192.0.2.1");
    for (Header header : Header.values()) {
      assertThat(
              Forwarded.of(
                  trusted(header), stranger, List.of(VISITOR, "for=" + VISITOR), List.of("https")))
          .isEqualTo(new Forwarded.Origin(stranger, null));
    }
    assertThat(Forwarded.of(TrustedProxies.NONE, PEER, List.of(VISITOR), List.of("https")))
        .isEqualTo(new Forwarded.Origin(PEER, null));
  }

  @Test
  void aWayOfAThousandHopsIsLookedAtForSoManyAlone() {
    String many = VISITOR + ", 10.1.1.1".repeat(1000);
    assertOrigin(of(Header.X_FORWARDED_FOR, List.of(many)), "10.1.1.1", null);
    String few = VISITOR + ", 10.1.1.1".repeat(Forwarded.MAX_HOPS - 1);
    assertOrigin(of(Header.X_FORWARDED_FOR, List.of(few)), VISITOR, null);
    String escaped = "for=" + VISITOR + ";host=\"" + "\\\"".repeat(100_000) + "\"";
    assertOrigin(of(Header.FORWARDED, List.of(escaped)), VISITOR, null);
    String forged = "6.6.6.6, ".repeat(1000) + VISITOR;
    assertOrigin(of(Header.X_FORWARDED_FOR, List.of(forged)), VISITOR, null);
  }

  /** Whatever a visitor writes before it, what the proxies add is what counts. */
  @Property(tries = 2000)
  void nothingAVisitorWritesMatters(@ForAll long seed) {
    Random random = new Random(seed);
    StringBuilder forged = new StringBuilder();
    String alphabet = "for=\"\\;,:[]._ \t10.0.0.1unknownproto=https";
    for (int i = random.nextInt(60); i > 0; i--) {
      forged.append(alphabet.charAt(random.nextInt(alphabet.length())));
    }
    boolean oneLine = random.nextBoolean();
    String text = forged.toString();
    String added = VISITOR + ", 10.4.4.4";
    assertOrigin(
        of(Header.X_FORWARDED_FOR, oneLine ? List.of(text + ", " + added) : List.of(text, added)),
        VISITOR,
        null);
    added = "for=" + VISITOR + ";proto=http, for=\"10.4.4.4:1\"";
    assertOrigin(
        of(Header.FORWARDED, oneLine ? List.of(text + ", " + added) : List.of(text, added)),
        VISITOR,
        "http");
    // By itself it is no error, whatever it comes to.
    assertThat(of(Header.FORWARDED, List.of(text), text).address()).isNotNull();
    assertThat(of(Header.X_FORWARDED_FOR, List.of(text), text).address()).isNotNull();
  }
}
