package dev.meridian.dns;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.meridian.geo.Prefix;
import dev.meridian.site.ResponseLimit;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Flags;
import org.xbill.DNS.GenericEDNSOption;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.OPTRecord;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.TXTRecord;
import org.xbill.DNS.Type;

/** Cookies (RFC 7873, RFC 9018) and the limit on responses. */
class AbuseTest {
  private static final byte[] SECRET = HexFormat.of().parseHex("e5e973e5a6b2a43f48e7dc849e37bfcf");
  private static final String CLIENT_COOKIE = "2464c4abcf10c957";

  @TempDir Path folder;
  private Zones zones = Zones.NONE;
  private final Conduct conduct = new Conduct();
  private final Tally tally = new Tally(false);
  private long now = System.nanoTime();

  @BeforeEach
  void read() throws IOException {
    zones = GeoSite.zones(folder);
  }

  private void limit(int perSecond, int slip, List<Prefix> exempt) {
    conduct.limit(new RateLimit(new ResponseLimit(perSecond, slip, exempt)));
    now = System.nanoTime();
  }

  private Responder responder(String from) {
    Responder responder = new Responder(() -> zones, tally, new SigningBudget(), conduct);
    InetAddress address = InetAddress.ofLiteral(from);
    responder.from(client -> client.cameFrom(address));
    responder.at(now);
    return responder;
  }

  private static Client client(String from) {
    Client client = new Client();
    InetAddress address = InetAddress.ofLiteral(from);
    client.from(asked -> asked.cameFrom(address));
    assertThat(client.locate()).isTrue();
    return client;
  }

  private static Message query(String name, @Nullable String cookie) throws IOException {
    Message query = Wired.query(name, Type.A);
    if (cookie != null) {
      query.addRecord(
          new OPTRecord(
              1232,
              0,
              0,
              0,
              List.of(new GenericEDNSOption(Cookies.CODE, HexFormat.of().parseHex(cookie)))),
          Section.ADDITIONAL);
    }
    return query;
  }

  private static String cookie(Message answer) throws IOException {
    OPTRecord opt = answer.getOPT();
    if (opt == null || opt.getOptions(Cookies.CODE).isEmpty()) {
      return "";
    }
    byte[] option = opt.getOptions(Cookies.CODE).getFirst().toWire();
    return HexFormat.of().formatHex(option, 4, option.length);
  }

  /** The examples of RFC 9018, appendix A. */
  @ParameterizedTest
  @CsvSource({
    "e5e973e5a6b2a43f48e7dc849e37bfcf, 198.51.100.100, 1559731985,"
        + " 2464c4abcf10c957010000005cf79f111f8130c3eee29480",
    "e5e973e5a6b2a43f48e7dc849e37bfcf, 198.51.100.100, 1559734385,"
        + " 2464c4abcf10c957010000005cf7a871d4a564a1442aca77",
    "e5e973e5a6b2a43f48e7dc849e37bfcf, 203.0.113.203, 1559734700,"
        + " fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e",
    "445536bcd2513298075a5d379663c962, 2001:db8:220:1:59de:d0f4:8769:82b8, 1559741961,"
        + " 22681ab97d52c298010000005cf7c609a6bb79d16625507a",
  })
  void cookiesAreThoseOfTheStandard(String secret, String from, long seconds, String expected) {
    byte[] key = HexFormat.of().parseHex(secret);
    byte[] out = new byte[40];
    byte[] whole = HexFormat.of().parseHex(expected);
    System.arraycopy(whole, 0, out, 4, Cookies.CLIENT);
    Cookies cookies = new Cookies(key, key);
    cookies.write(out, 4, client(from), seconds);
    assertThat(HexFormat.of().formatHex(out, 4, 28)).isEqualTo(expected);
    assertThat(cookies.isGood(whole, 0, 24, client(from), seconds + 3600)).isTrue();
    assertThat(cookies.isGood(whole, 0, 24, client(from), seconds + 3601)).isFalse();
    assertThat(cookies.isGood(whole, 0, 24, client(from), seconds - 300)).isTrue();
    assertThat(cookies.isGood(whole, 0, 24, client(from), seconds - 301)).isFalse();
    assertThat(cookies.isGood(whole, 0, 24, client("192.0.2.9"), seconds)).isFalse();
    byte[] other = new byte[16];
    assertThat(new Cookies(other, key).isGood(whole, 0, 24, client(from), seconds)).isTrue();
    assertThat(new Cookies(other, other).isGood(whole, 0, 24, client(from), seconds)).isFalse();
    for (int bit = 0; bit < 8 * 24; bit++) {
      byte[] forged = whole.clone();
      forged[bit / 8] ^= (byte) (1 << (bit % 8));
      assertThat(cookies.isGood(forged, 0, 24, client(from), seconds)).as("bit %s", bit).isFalse();
    }
  }

  @Test
  void whoeverHasAClientCookieGetsAServersThatIsGood() throws IOException {
    conduct.cookies(new Cookies(SECRET, SECRET));
    Responder responder = responder("198.51.100.100");
    Message first = Wired.ask(responder, query("plain.near.test", CLIENT_COOKIE), false);
    assertThat(first.getRcode()).isEqualTo(Rcode.NOERROR);
    assertThat(GeoSite.addresses(first)).isEqualTo("192.0.2.99");
    String cookie = cookie(first);
    assertThat(cookie).startsWith(CLIENT_COOKIE + "01000000").hasSize(48);
    byte[] raw = HexFormat.of().parseHex(cookie);
    assertThat(
            new Cookies(SECRET, SECRET)
                .isGood(raw, 0, 24, client("198.51.100.100"), System.currentTimeMillis() / 1000))
        .isTrue();
    // One that is not good is as none (RFC 7873, section 5.2.4).
    Message again =
        Wired.ask(responder, query("plain.near.test", CLIENT_COOKIE + "00".repeat(16)), false);
    assertThat(again.getRcode()).isEqualTo(Rcode.NOERROR);
    assertThat(cookie(again)).hasSize(48);
    // Nor is there one for those who do not ask.
    assertThat(Wired.ask(responder, query("plain.near.test", null), false).getOPT()).isNull();
  }

  @ParameterizedTest
  @CsvSource({"00", "00112233445566", "001122334455667788", "00112233445566778899aabbccddee"})
  void cookiesOfWrongLengthAreMalformed(String cookie) throws IOException {
    conduct.cookies(new Cookies(SECRET, SECRET));
    byte[] answer =
        Wired.raw(responder("198.51.100.100"), query("plain.near.test", cookie).toWire(), false);
    assertThat(answer[3] & 0xf).isEqualTo(Rcode.FORMERR);
  }

  @Test
  void withoutASecretCookiesAreIgnored() throws IOException {
    Message answer =
        Wired.ask(responder("198.51.100.100"), query("plain.near.test", CLIENT_COOKIE), false);
    assertThat(cookie(answer)).isEmpty();
    assertThat(answer.getOPT()).isNotNull();
  }

  @Test
  void networksGetEachResponseSoOftenAndNoMore() throws IOException {
    limit(50, 0, List.of());
    assertThat(answered("192.0.2.1", "plain.near.test", 200)).isEqualTo(50);
    // The network, not the address; other networks and other answers have their own accounts.
    assertThat(answered("192.0.2.200", "plain.near.test", 200)).isZero();
    assertThat(answered("192.0.3.1", "plain.near.test", 200)).isEqualTo(50);
    assertThat(answered("192.0.2.1", "mail.near.test", 200)).isEqualTo(50);
    // All names that do not exist are one response, and so are all that are not ours.
    int made = 0;
    int refused = 0;
    for (int i = 0; i < 200; i++) {
      made += answered("192.0.2.1", "no" + i + ".near.test", 1);
      refused += answered("192.0.2.1", "x" + i + ".example", 1);
    }
    assertThat(made).isEqualTo(50);
    assertThat(refused).isEqualTo(50);
    assertThat(answered("2001:db8::1", "plain.near.test", 200)).isEqualTo(50);
    assertThat(answered("2001:db8:0:ff::1", "plain.near.test", 200)).isZero();
    assertThat(answered("2001:db8:0:100::1", "plain.near.test", 200)).isEqualTo(50);
    // Later again, at that rate.
    now += TimeUnit.MILLISECONDS.toNanos(100);
    assertThat(answered("192.0.2.1", "plain.near.test", 200)).isEqualTo(5);
    now += TimeUnit.SECONDS.toNanos(60);
    assertThat(answered("192.0.2.1", "plain.near.test", 200)).isEqualTo(50);
  }

  private int answered(String from, String name, int times) throws IOException {
    Responder responder = responder(from);
    byte[] query = query(name, null).toWire();
    int answered = 0;
    for (int i = 0; i < times; i++) {
      answered += Wired.raw(responder, query, false).length > 0 ? 1 : 0;
    }
    return answered;
  }

  @Test
  void whatIsNoAnswerIsLimitedToo() throws IOException {
    limit(10, 0, List.of());
    Message chaos =
        Message.newQuery(Record.newRecord(Name.fromString("id.server."), Type.TXT, DClass.CH));
    byte[] notify = query("near.test", null).toWire();
    notify[2] |= 0x20;
    byte[] twoQuestions = query("near.test", null).toWire();
    twoQuestions[5] = 2;
    byte[] version = Wired.edns(Wired.query("near.test", Type.A), 1, 1232, false).toWire();
    for (byte[] query : List.of(chaos.toWire(), notify, twoQuestions, version)) {
      Responder responder = responder("192.0.2.1");
      int answered = 0;
      for (int i = 0; i < 100; i++) {
        answered += Wired.raw(responder, query, false).length > 0 ? 1 : 0;
      }
      assertThat(answered).isEqualTo(10);
      assertThat(Wired.raw(responder, query, true)).isNotEmpty();
    }
  }

  /** A resolver that tells its clients' networks needs an answer for each. */
  @Test
  void answersThatDifferByRegionHaveAccountsOfTheirOwn() throws IOException {
    limit(10, 0, List.of());
    Responder responder = responder("192.0.2.1");
    for (String subnet : List.of("81.2.70.0/24", "100.0.0.0/24", "101.0.0.0/24")) {
      byte[] query = GeoSite.query("near.test", Type.A, subnet).toWire();
      for (int i = 0; i < 10; i++) {
        assertThat(Wired.raw(responder, query, false)).isNotEmpty();
      }
      assertThat(Wired.raw(responder, query, false)).isEmpty();
    }
  }

  /** RFC 7873, section 5.4. */
  @Test
  void whoeverAsksNothingGetsACookie() throws IOException {
    Message nothing = new Message();
    nothing.addRecord(
        new OPTRecord(
            1232,
            0,
            0,
            0,
            List.of(new GenericEDNSOption(Cookies.CODE, HexFormat.of().parseHex(CLIENT_COOKIE)))),
        Section.ADDITIONAL);
    Responder responder = responder("192.0.2.1");
    conduct.cookies(new Cookies(SECRET, SECRET));
    Message answer = Wired.ask(responder, nothing, false);
    assertThat(answer.getRcode()).isEqualTo(Rcode.NOERROR);
    assertThat(answer.getHeader().getCount(Section.QUESTION)).isZero();
    assertThat(cookie(answer)).hasSize(48);
    byte[] alone = new byte[Wire.HEADER_LENGTH];
    assertThat(Wired.raw(responder, alone, false)[3] & 0xf).isEqualTo(Rcode.FORMERR);
  }

  /** The limit goes on for years. */
  @Test
  void accountsOutliveTheBitsOfTheirTimes() throws IOException {
    limit(50, 0, List.of());
    for (int days : new int[] {1, 202, 2, 1, 1000, 7}) {
      now += TimeUnit.DAYS.toNanos(days);
      assertThat(answered("192.0.2.1", "plain.near.test", 200)).isEqualTo(50);
    }
  }

  @Test
  void someOfTheRestAreToldToAskOverTcpWhichHasNoLimit() throws IOException {
    limit(1, 2, List.of());
    Responder responder = responder("192.0.2.1");
    byte[] query = query("near.test", null).toWire();
    Wired.raw(responder, query, false);
    int truncated = 0;
    for (int i = 0; i < 2000; i++) {
      byte[] answer = Wired.raw(responder, query, false);
      if (answer.length > 0) {
        Message message = new Message(answer);
        assertThat(message.getHeader().getFlag(Flags.TC)).isTrue();
        assertThat(message.getSection(Section.ANSWER)).isEmpty();
        assertThat(answer).hasSameSizeAs(query); // it amplifies nothing
        truncated++;
      }
    }
    assertThat(truncated).isBetween(850, 1150);
    assertThat(GeoSite.addresses(Wired.ask(responder, query("near.test", null), true)))
        .isNotEmpty();
  }

  @Test
  void goodCookiesEscapeTheLimitAndOthersAreGivenOne() throws IOException {
    limit(1, 1, List.of());
    conduct.cookies(new Cookies(SECRET, SECRET));
    Responder responder = responder("192.0.2.1");
    Wired.ask(responder, query("plain.near.test", null), false);
    Message bad = Wired.ask(responder, query("plain.near.test", CLIENT_COOKIE), false);
    assertThat(bad.getRcode()).isEqualTo(23); // BADCOOKIE
    assertThat(bad.getHeader().getFlag(Flags.TC)).isFalse();
    assertThat(bad.getSection(Section.ANSWER)).isEmpty();
    String cookie = cookie(bad);
    for (int i = 0; i < 20; i++) {
      assertThat(GeoSite.addresses(Wired.ask(responder, query("plain.near.test", cookie), false)))
          .isEqualTo("192.0.2.99");
    }
    // Stolen, it is worth nothing.
    Responder thief = responder("192.0.2.2");
    assertThat(Wired.ask(thief, query("plain.near.test", cookie), false).getRcode()).isEqualTo(23);
  }

  @Test
  void exemptNetworksHaveNoLimit() throws IOException {
    List<Prefix> exempt = List.of(Prefix.parse("192.0.2.128/25").orElseThrow());
    limit(5, 0, exempt);
    assertThat(answered("192.0.2.130", "plain.near.test", 100)).isEqualTo(100);
    assertThat(answered("192.0.2.1", "plain.near.test", 100)).isLessThanOrEqualTo(5);
  }

  /** What a flood from all over the world does to the accounts of others. */
  @Test
  void floodOfForgedSourcesTakesNobodysTurn() throws IOException {
    limit(200, 0, List.of());
    Random random = new Random(20261130);
    byte[] query = query("plain.near.test", null).toWire();
    int lost = 0;
    Responder flood = responder("0.0.0.0");
    int[] source = new int[1];
    flood.from(client -> client.cameFrom(source[0]));
    for (int i = 0; i < 300_000; i++) {
      source[0] = random.nextInt();
      lost += Wired.raw(flood, query, false).length > 0 ? 0 : 1;
      if (i % 1000 == 0) {
        assertThat(answered("192.0.2.1", "mail.near.test", 1)).isEqualTo(1);
        now += TimeUnit.MILLISECONDS.toNanos(10);
      }
    }
    assertThat(lost).isZero();
  }

  private static Message chaos(String name, int type) throws IOException {
    return Message.newQuery(Record.newRecord(Name.fromString(name), type, DClass.CH));
  }

  @ParameterizedTest
  @CsvSource({"id.server.", "HOSTNAME.bind."})
  void whichServerItIsIsToldOnlyWhereThatIsWanted(String name) throws IOException {
    Responder responder = responder("198.51.100.100");
    Message hidden = Wired.ask(responder, chaos(name, Type.TXT), false);
    assertThat(hidden.getRcode()).isEqualTo(Rcode.REFUSED);
    conduct.identity(Optional.of("n1a2b3c4"));
    Message told = Wired.ask(responder, chaos(name, Type.TXT), false);
    assertThat(told.getRcode()).isEqualTo(Rcode.NOERROR);
    assertThat(told.getHeader().getFlag(Flags.AA)).isTrue();
    Record record = told.getSection(Section.ANSWER).getFirst();
    assertThat(record.getName()).isEqualTo(Name.fromString(name));
    assertThat(record.getDClass()).isEqualTo(DClass.CH);
    assertThat(record.getTTL()).isZero();
    assertThat(((TXTRecord) record).getStrings()).containsExactly("n1a2b3c4");
    for (Message other :
        List.of(
            chaos(name, Type.A),
            chaos("version.bind.", Type.TXT),
            chaos("a." + name, Type.TXT),
            Wired.query(name, Type.TXT))) {
      assertThat(Wired.ask(responder, other, false).getRcode()).isEqualTo(Rcode.REFUSED);
    }
    conduct.identity(Optional.empty());
    assertThat(Wired.ask(responder, chaos(name, Type.TXT), false).getRcode())
        .isEqualTo(Rcode.REFUSED);
  }

  @Test
  void identityIsGivenAsAnOptionToThoseWhoAskForIt() throws IOException {
    conduct.cookies(new Cookies(SECRET, SECRET));
    Responder responder = responder("198.51.100.100");
    Message query = Wired.query("plain.near.test", Type.A);
    query.addRecord(
        new OPTRecord(
            1232,
            0,
            0,
            0,
            List.of(
                new GenericEDNSOption(Wire.NSID, new byte[0]),
                new GenericEDNSOption(Cookies.CODE, HexFormat.of().parseHex(CLIENT_COOKIE)))),
        Section.ADDITIONAL);
    assertThat(Wired.ask(responder, query, false).getOPT().getOptions(Wire.NSID)).isEmpty();
    conduct.identity(Optional.of("n".repeat(Conduct.MAX_IDENTITY)));
    Message answer = Wired.ask(responder, query, false);
    assertThat(GeoSite.addresses(answer)).isEqualTo("192.0.2.99");
    assertThat(cookie(answer)).hasSize(48);
    byte[] option = answer.getOPT().getOptions(Wire.NSID).getFirst().toWire();
    assertThat(new String(option, 4, option.length - 4, StandardCharsets.US_ASCII))
        .isEqualTo("n".repeat(Conduct.MAX_IDENTITY));
    Message unasked = Wired.ask(responder, query("plain.near.test", CLIENT_COOKIE), false);
    assertThat(unasked.getOPT().getOptions(Wire.NSID)).isEmpty();
  }

  @Test
  void malformedQueryWithAnOptRecordGetsOne() throws IOException {
    Responder responder = responder("198.51.100.100");
    Message answer =
        new Message(Wired.raw(responder, query("plain.near.test", "00").toWire(), false));
    assertThat(answer.getRcode()).isEqualTo(Rcode.FORMERR);
    assertThat(answer.getOPT()).isNotNull();
    byte[] none = Wired.query("plain.near.test", Type.A).toWire();
    none[5] = 2;
    assertThat(Wired.raw(responder, none, false)).hasSize(Wire.HEADER_LENGTH);
  }

  @Test
  void nothingIsAllocated() throws IOException {
    limit(1, 2, List.of());
    conduct.cookies(new Cookies(SECRET, SECRET));
    Responder responder = responder("192.0.2.1");
    responder.from(client -> client.cameFrom(0xc0000201));
    byte[] query = query("plain.near.test", CLIENT_COOKIE + "00".repeat(16)).toWire();
    byte[] out = new byte[Wire.MAX_UDP];
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    // The JVM itself allocates a little at first; an object a query would be 16 times 20,000 bytes.
    long least = Long.MAX_VALUE;
    for (int round = 0; round < 50 && least > 1000; round++) {
      long before = threads.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < 20_000; i++) {
        responder.respond(query, 0, query.length, out, 0, false);
      }
      least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
    }
    assertThat(least).isLessThan(1000);
    assertThat(Arrays.equals(out, new byte[Wire.MAX_UDP])).isFalse();
  }
}
