package dev.meridian.dns;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xbill.DNS.EDNSOption;
import org.xbill.DNS.Flags;
import org.xbill.DNS.GenericEDNSOption;
import org.xbill.DNS.Message;
import org.xbill.DNS.OPTRecord;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/** EDNS Client Subnet as RFC 7871 says. */
class ClientSubnetTest {
  @TempDir Path folder;
  private Zones zones = Zones.NONE;

  @BeforeEach
  void read() throws IOException {
    zones = GeoSite.zones(folder);
  }

  private Message ask(String name, int type, String... options) throws IOException {
    Message query = Wired.query(name, type);
    EDNSOption[] all =
        Arrays.stream(options)
            .map(hex -> new GenericEDNSOption(8, HexFormat.of().parseHex(hex)))
            .toArray(EDNSOption[]::new);
    query.addRecord(new OPTRecord(1232, 0, 0, 0, Arrays.asList(all)), Section.ADDITIONAL);
    byte[] wire = query.toWire();
    return new Message(Wired.raw(GeoSite.responder(zones, "100.0.0.1"), wire, false));
  }

  /** The option of a response, in hex. */
  private static String echoed(Message answer) throws IOException {
    OPTRecord opt = answer.getOPT();
    if (opt == null || opt.getOptions(8).isEmpty()) {
      return "";
    }
    byte[] option = opt.getOptions(8).getFirst().toWire();
    return HexFormat.of().formatHex(option, 4, option.length);
  }

  @ParameterizedTest
  @CsvSource({
    // family, source, scope, address                    the scope in the response
    "near.test, A, 00011800510245, 00011819510245", // a /25 has an answer of its own beside it
    "near.test, A, 00011800510246, 00011818510246",
    "near.test, A, 000110006502, 000110086502", // Japan and Korea are one network to us: /8
    "near.test, A, 0001080065, 0001080865",
    "near.test, A, 000118000a0801, 000118100a0801", // beside 10.9.0.0/16, which is named
    "near.test, AAAA, 00023800 2a000001000000, 0002381 02a000001000000",
    "near.test, A, 00010000, 00010000", // none shall be told: by the source
    "near.test, A, 00020000, 00020000",
    "plain.near.test, A, 00011800510245, 00011800510245", // the same for everybody
    "near.test, MX, 00011800510245, 00011800510245",
    "near.test, TXT, 00011800510245, 00011800510245", // NODATA
    "none.near.test, A, 00011800510245, 00011800510245", // NXDOMAIN
    "other.org, A, 00011800510245, 00011800510245", // REFUSED
  })
  void optionIsEchoedWithTheScopeOfTheAnswer(
      String name, String type, String option, String expected) throws IOException {
    Message answer = ask(name, Type.value(type), option.replace(" ", ""));
    assertThat(echoed(answer)).isEqualTo(expected.replace(" ", ""));
  }

  @ParameterizedTest
  @CsvSource({
    "''", // nothing in it
    "000118",
    "0001180051", // too few address bytes
    "000118005102450000", // too many
    "00011700510245", // a bit beyond the 23
    "00011900510245", // 25 bits take 4 bytes
    "0001210051024500ff", // more bits than an address has
    "00011801510245", // a scope in a query
    "00031800510245", // an unknown family
    "00001800510245", // no family, and an address
    "00023900 2a0000010000000001", // bits beyond the prefix
    "00028100 2a000000000000000000000000000000ff",
    "ffff0000",
  })
  void malformedOptionIsFormerr(String option) throws IOException {
    String hex = option.replace(" ", "");
    for (String name : new String[] {"near.test", "plain.near.test", "other.org"}) {
      assertThat(ask(name, Type.A, hex).getRcode()).as(hex).isEqualTo(Rcode.FORMERR);
    }
  }

  /** dig sends it for {@code +subnet=0}; dnsjava does not read it. */
  @Test
  void familyZeroTellsNoAddress() throws IOException {
    Message query = GeoSite.query("near.test", Type.A, "0.0.0.0/0");
    byte[] wire = query.toWire();
    wire[wire.length - 3] = 0;
    byte[] answer = Wired.raw(GeoSite.responder(zones, "101.0.0.1"), wire, false);
    assertThat(answer[3] & 0xf).isEqualTo(Rcode.NOERROR);
    assertThat(answer).endsWith(0, 8, 0, 4, 0, 0, 0, 0);
    assertThat(HexFormat.of().formatHex(answer)).contains("cb007101"); // Asia's address
  }

  @Test
  void optionTwiceIsFormerr() throws IOException {
    assertThat(ask("near.test", Type.A, "00011800510245", "00011800510245").getRcode())
        .isEqualTo(Rcode.FORMERR);
  }

  @Test
  void optionIsNotRememberedForTheNextQuery() throws IOException {
    Responder responder = GeoSite.responder(zones, "100.0.0.1");
    Message first = Wired.ask(responder, GeoSite.query("near.test", Type.A, "101.0.0.0/8"), false);
    Message second = Wired.ask(responder, GeoSite.query("near.test", Type.A, null), false);
    assertThat(GeoSite.addresses(first)).isEqualTo("203.0.113.1");
    assertThat(GeoSite.addresses(second)).isEqualTo("198.51.100.1");
    assertThat(second.getOPT()).isNull();
  }

  @Test
  void sizesOfResponsesCountTheOption() throws IOException {
    StringBuilder yaml = new StringBuilder("domains: big.test\nregions:\n");
    for (int region = 0; region < 5; region++) {
      yaml.append("  r").append(region).append(": {addresses: [");
      for (int i = 0; i < 10; i++) {
        yaml.append(i == 0 ? "" : ", ").append("192.0.").append(region).append('.').append(i);
      }
      yaml.append("]}\n");
    }
    Zones big = GeoSite.zones(folder, yaml + "names: {records: {all: {answer: all}}}\n");
    for (String subnet : new String[] {"81.2.69.0/24", "2a00::/56", "2a00::1/128", "0.0.0.0/0"}) {
      for (int payload = 512; payload <= 900; payload++) {
        Message query = GeoSite.query("all.big.test", Type.A, subnet);
        OPTRecord opt = query.getOPT();
        query.removeAllRecords(Section.ADDITIONAL);
        query.addRecord(new OPTRecord(payload, 0, 0, 0, opt.getOptions()), Section.ADDITIONAL);
        byte[] answer = Wired.raw(GeoSite.responder(big, null), query.toWire(), false);
        Message read = new Message(answer);
        boolean cut = read.getHeader().getFlag(Flags.TC);
        int option = read.getOPT().getOptions(8).getFirst().toWire().length;
        int whole = 12 + 14 + 4 + 50 * 16 + 11 + option;
        assertThat(answer.length).isLessThanOrEqualTo(payload);
        assertThat(cut).as("%s in %d", subnet, payload).isEqualTo(whole > payload);
        assertThat(read.getSection(Section.ANSWER)).hasSize(cut ? 0 : 50);
      }
    }
  }

  @Test
  void nothingIsAllocatedForAnAnswer() throws IOException {
    Responder responder = GeoSite.responder(zones, "100.0.0.1");
    byte[][] queries = {
      GeoSite.query("near.test", Type.A, "81.2.69.0/24").toWire(),
      GeoSite.query("near.test", Type.AAAA, "2a00:1::/56").toWire(),
      GeoSite.query("split.near.test", Type.A, "101.2.69.0/24").toWire(),
      GeoSite.query("plain.near.test", Type.A, null).toWire(),
    };
    byte[] out = new byte[Wire.MAX_UDP];
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = 0;
    int rounds = 20_000;
    for (int i = 0; i < 2 * rounds; i++) {
      if (i == rounds) {
        before = threads.getCurrentThreadAllocatedBytes();
      }
      for (byte[] query : queries) {
        responder.respond(query, 0, query.length, out, 0, false);
      }
    }
    assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(rounds);
  }

  /** Options at random: the response is FORMERR, or echoes exactly what it was asked. */
  @Test
  void whateverTheOptionIsTheResponseIsWellFormed() throws IOException {
    long seed = Long.getLong("meridian.fuzz.seed", 3L);
    Random random = new Random(seed);
    int refused = 0;
    int rounds = 20_000;
    for (int i = 0; i < rounds; i++) {
      byte[] option = new byte[random.nextInt(4) == 0 ? random.nextInt(24) : 7];
      random.nextBytes(option);
      if (option.length >= 4 && random.nextInt(8) > 0) {
        option[0] = 0;
        option[1] = (byte) (1 + random.nextInt(2));
        option[2] = (byte) (8 * (option.length - 4) - random.nextInt(3));
        option[3] = 0;
      }
      String hex = HexFormat.of().formatHex(option);
      Message answer = ask(i % 2 == 0 ? "near.test" : "plain.near.test", Type.A, hex);
      if (answer.getRcode() == Rcode.FORMERR) {
        refused++;
        continue;
      }
      String echo = echoed(answer);
      assertThat(echo.substring(0, 6) + echo.substring(8))
          .as("seed %d", seed)
          .isEqualTo(hex.substring(0, 6) + hex.substring(8));
    }
    assertThat(refused).isBetween(rounds / 10, rounds - rounds / 10);
  }
}
