package dev.meridian.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.dns.ZoneException.Place;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.xbill.DNS.Name;
import org.xbill.DNS.TextParseException;

/**
 * Plain lines against the thorough reader, which hands all data to the library. {@code
 * -Dmeridian.fuzz.lines=1000000} reads more of them, {@code -Dmeridian.fuzz.seed} others.
 */
class PlainLineTest {
  private static final int LINES = Integer.getInteger("meridian.fuzz.lines", 60_000);
  private static final long SEED = Long.getLong("meridian.fuzz.seed", 20_240_102L);
  private static final Place PLACE = new Place("z", 2);
  private static final long TTL = 300;

  private final Name origin = name("Example.test.");
  private final Random random = new Random(SEED);

  @Test
  void everyLineThatIsPlainIsReadAsByTheLibrary() {
    int plain = 0;
    for (int i = 0; i < LINES; i++) {
      String line = line();
      ZoneRecord fast = read(line);
      if (fast != null) {
        plain++;
        assertSame(line, fast, thorough(line));
      }
    }
    // If nothing were plain, nothing would be compared.
    assertThat(plain).isGreaterThan(LINES / 5);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "a A 192.0.2.1",
        "a.example.org. IN A 192.0.2.1",
        "@ 60 IN A 192.0.2.1",
        "\tIN 60 A 192.0.2.1 ; of the record before",
        "*.a\t0\tin\taaaa\t2001:DB8::1",
        "a AAAA ::",
        "a AAAA ::1",
        "a AAAA 1::",
        "a AAAA 1:2:3:4:5:6:7:8",
        "a CNAME @",
        "a CNAME b.Example.ORG.",
        "a NS ns1;comment",
        "1.2 PTR host",
        "_dmarc TXT \"v=DMARC1; p=none (\" \"\"",
        "a MX 65535 mail",
      })
  void commonLinesArePlain(String line) {
    ZoneRecord fast = read(line);

    assertThat(fast).isNotNull();
    assertSame(line, fast, thorough(line));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "   ",
        "; comment",
        "$TTL 60",
        "a",
        "a A",
        "a 60",
        "a IN",
        "a A 192.0.2.256",
        "a A 192.0.2",
        "a A 192.0.2.1.",
        "a A 192.0.2.1 x",
        "a A 192.0.2.1 ( ; goes on",
        "a A 192.0.02.1",
        "a..b A 192.0.2.1",
        "a\\.b A 192.0.2.1",
        "\u00e4 A 192.0.2.1",
        "a CH A 192.0.2.1",
        "a 1h A 192.0.2.1",
        "a 60 60 A 192.0.2.1",
        "a 99999999999 A 192.0.2.1",
        "a AAAA 1:2:3:4:5:6:7",
        "a AAAA 1:2:3:4:5:6:7:8:9",
        "a AAAA 1::2::3",
        "a AAAA 1:2:3:4:5:6:7:",
        "a AAAA 1::2:",
        "a AAAA ::ffff:192.0.2.1",
        "a AAAA 12345::",
        "a MX mail",
        "a MX 65536 mail",
        "a MX 10",
        "a TXT",
        "a TXT \"open",
        "a TXT \"a\"\"b\"",
        "a TXT \"a\\\"b\"",
        "a SRV 1 2 3 b",
        "a ANY x",
      })
  void allElseIsLeftToTheThoroughReader(String line) {
    assertThat(read(line)).isNull();
  }

  @Test
  void longestLabelsAndNamesArePlainAndLongerOnesAreNot() {
    String label = "l".repeat(63);
    String longest = String.join(".", label, label, label, "l".repeat(61)) + ".";
    for (String owner : List.of(label, longest, longest.substring(0, longest.length() - 15))) {
      assertSame(owner, read(owner + " A 192.0.2.1"), thorough(owner + " A 192.0.2.1"));
    }
    for (String owner : List.of(label + "l", "l." + longest, longest.replace("l.", "l.l."))) {
      assertThat(read(owner + " A 192.0.2.1")).isNull();
    }
  }

  @Test
  void longStringsAreRefusedByTheThoroughReader() {
    String longest = "a TXT \"" + "x".repeat(255) + "\"";
    assertSame(longest, read(longest), thorough(longest));

    String longer = "a TXT \"" + "x".repeat(256) + "\"";
    assertThat(read(longer)).isNull();
    assertThatThrownBy(() -> thorough(longer)).hasMessageStartingWith("z:2: ");
  }

  @Test
  void plainLinesAndOthersShareOwnersOriginsAndTimes() {
    List<ZoneRecord> records = new ArrayList<>();
    String text =
        """
        $TTL 60
        a A 192.0.2.1
          A ( 192.0.2.2
          )
          A 192.0.2.3
        $ORIGIN sub
        $TTL 70
          A 192.0.2.4
        b SRV 1 2 3 c
          A 192.0.2.5
        @ A 192.0.2.6
        """;
    MasterFile.readText("z", text, origin, TTL, records::add);

    assertThat(records.stream().map(r -> r.owner() + " " + r.ttl() + " " + r.place()))
        .containsExactly(
            "a.Example.test 60 z:2",
            "a.Example.test 60 z:3",
            "a.Example.test 60 z:5",
            "a.Example.test 70 z:8",
            "b.sub.Example.test 70 z:9",
            "b.sub.Example.test 70 z:10",
            "sub.Example.test 70 z:11");
  }

  private @Nullable ZoneRecord read(String line) {
    WireName before = WireName.of(name("before.Example.test."));
    return new PlainLine().read(line, PLACE, WireName.of(origin), before, TTL);
  }

  /** What the library makes of it: with parentheses behind the owner, no line is plain. */
  private ZoneRecord thorough(String line) {
    List<ZoneRecord> records = new ArrayList<>();
    String text = "before A ( 192.0.2.9 )\n" + line.replaceFirst("(?=[ \t;])", " ( )");
    MasterFile.readText("z", text, origin, TTL, records::add);
    return records.getLast();
  }

  private static void assertSame(String line, @Nullable ZoneRecord read, ZoneRecord thorough) {
    ZoneRecord fast = java.util.Objects.requireNonNull(read, line);
    assertThat(fast.owner().wire()).as(line).isEqualTo(thorough.owner().wire());
    assertThat(fast.type()).as(line).isEqualTo(thorough.type());
    assertThat(fast.ttl()).as(line).isEqualTo(thorough.ttl());
    assertThat(fast.rdata()).as(line).isEqualTo(thorough.rdata());
    assertThat(fast.place()).isEqualTo(thorough.place());
  }

  private String line() {
    String owner = random.nextInt(8) == 0 ? "@" : word(3);
    String ttl = random.nextBoolean() ? "" : random.nextInt(100_000) + " ";
    String group = random.nextBoolean() ? "" : "IN ";
    String head = random.nextBoolean() ? ttl + group : group + ttl;
    String line = owner + " " + head + data();
    if (random.nextInt(4) > 0) {
      return line;
    }
    // A few things broken.
    StringBuilder broken = new StringBuilder(line);
    for (int i = random.nextInt(3); i >= 0; i--) {
      int at = random.nextInt(broken.length());
      String odd = "09afAF:.@ \t;()\"\\-_*\u00e4\u0001";
      broken.setCharAt(at, odd.charAt(random.nextInt(odd.length())));
    }
    return broken.toString();
  }

  private String data() {
    return switch (random.nextInt(7)) {
      case 0 -> "A " + number(260) + "." + number(256) + "." + number(256) + "." + number(256);
      case 1, 2 -> "AAAA " + ipv6();
      case 3 -> "CNAME " + target();
      case 4 -> "NS " + target();
      case 5 -> "MX " + number(70_000) + " " + target();
      default -> "TXT " + strings();
    };
  }

  private String ipv6() {
    StringBuilder address = new StringBuilder();
    int groups = random.nextInt(10);
    int gap = random.nextInt(10);
    for (int i = 0; i < groups; i++) {
      address.append(i == gap ? ":" : "").append(Integer.toHexString(number(0x10010)));
      address.append(i < groups - 1 || random.nextInt(4) == 0 ? ":" : "");
    }
    return (random.nextInt(4) == 0 ? "::" : "") + address + (gap == groups ? "::" : "");
  }

  private String strings() {
    StringBuilder strings = new StringBuilder();
    for (int i = random.nextInt(3); i >= 0; i--) {
      byte[] text = new byte[random.nextInt(20)];
      for (int at = 0; at < text.length; at++) {
        text[at] = (byte) (' ' + random.nextInt(95));
      }
      String plain = new String(text, StandardCharsets.US_ASCII);
      strings.append('"').append(plain.replaceAll("[\"\\\\]", "")).append("\" ");
    }
    return strings.toString();
  }

  private String target() {
    return random.nextInt(6) == 0 ? "@" : word(4) + (random.nextBoolean() ? "." : "");
  }

  private String word(int labels) {
    String letters = "abcXYZ019-_*";
    StringBuilder word = new StringBuilder();
    for (int i = random.nextInt(labels); i >= 0; i--) {
      for (int length = random.nextInt(12); length >= 0; length--) {
        word.append(letters.charAt(random.nextInt(letters.length())));
      }
      word.append(i > 0 ? "." : "");
    }
    return word.toString();
  }

  private int number(int below) {
    return random.nextInt(3) == 0 ? random.nextInt(3) : random.nextInt(below);
  }

  private static Name name(String text) {
    try {
      return Name.fromString(text);
    } catch (TextParseException e) {
      throw new IllegalArgumentException(text, e);
    }
  }
}
