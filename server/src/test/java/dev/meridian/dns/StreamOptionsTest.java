package dev.meridian.dns;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xbill.DNS.EDNSOption;
import org.xbill.DNS.GenericEDNSOption;
import org.xbill.DNS.Message;
import org.xbill.DNS.OPTRecord;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/** Options that mean something over connections only: keepalive (RFC 7828), padding (RFC 7830). */
class StreamOptionsTest {
  private static final EDNSOption PADDING = new GenericEDNSOption(Wire.PADDING, new byte[7]);
  private static final EDNSOption KEEPALIVE = new GenericEDNSOption(Wire.KEEPALIVE, new byte[0]);

  private final Conduct conduct = new Conduct();

  private enum Transport {
    UDP,
    TCP,
    TLS
  }

  private Responder responder(Transport transport, Zones zones) {
    Responder responder =
        new Responder(() -> zones, new Tally(false), new SigningBudget(), conduct);
    responder.from(client -> client.cameFrom(0x7f000001));
    if (transport != Transport.UDP) {
      responder.over(
          new Responder.Stream() {
            @Override
            public int idleTenths() {
              return 100;
            }

            @Override
            public boolean isSecret() {
              return transport == Transport.TLS;
            }
          });
    }
    return responder;
  }

  private byte[] ask(Transport transport, String name, int type, EDNSOption... options)
      throws IOException {
    return ask(responder(transport, Sites.zones(Wired.ZONE)), transport, name, type, options);
  }

  private static byte[] ask(
      Responder responder, Transport transport, String name, int type, EDNSOption... options)
      throws IOException {
    Message query = Wired.query(name, type);
    query.addRecord(new OPTRecord(1232, 0, 0, 0, List.of(options)), Section.ADDITIONAL);
    return Wired.raw(responder, query.toWire(), transport != Transport.UDP);
  }

  private static byte @Nullable [] option(byte[] answer, int code) throws IOException {
    OPTRecord opt = new Message(answer).getOPT();
    List<EDNSOption> all = opt == null ? List.of() : opt.getOptions(code);
    assertThat(all).hasSizeLessThan(2);
    if (all.isEmpty()) {
      return null;
    }
    byte[] wire = all.getFirst().toWire();
    return Arrays.copyOfRange(wire, 4, wire.length);
  }

  @Test
  void idleTimeIsToldToThoseWhoAskOverAConnection() throws IOException {
    for (Transport transport : List.of(Transport.TCP, Transport.TLS)) {
      byte[] answer = ask(transport, "www.example.test", Type.A, KEEPALIVE);
      assertThat(option(answer, Wire.KEEPALIVE)).containsExactly(0, 100);
      assertThat(new Message(answer).getSection(Section.ANSWER)).hasSize(2);
      assertThat(option(ask(transport, "example.test", Type.A), Wire.KEEPALIVE)).isNull();
      // Errors have it, too.
      assertThat(option(ask(transport, "other.org", Type.A, KEEPALIVE), Wire.KEEPALIVE))
          .containsExactly(0, 100);
    }
    assertThat(option(ask(Transport.UDP, "example.test", Type.A, KEEPALIVE), Wire.KEEPALIVE))
        .isNull();
  }

  @ParameterizedTest
  @CsvSource({"1", "2", "3", "40"})
  void timeInAQueryIsMalformedOverAConnectionAndIgnoredOverUdp(int length) throws IOException {
    EDNSOption timed = new GenericEDNSOption(Wire.KEEPALIVE, new byte[length]);
    for (Transport transport : List.of(Transport.TCP, Transport.TLS)) {
      Message answer = new Message(ask(transport, "example.test", Type.A, timed));
      assertThat(answer.getRcode()).isEqualTo(Rcode.FORMERR);
      assertThat(answer.getOPT()).isNotNull();
    }
    byte[] answer = ask(Transport.UDP, "example.test", Type.A, timed);
    assertThat(new Message(answer).getRcode()).isEqualTo(Rcode.NOERROR);
    assertThat(option(answer, Wire.KEEPALIVE)).isNull();
  }

  @ParameterizedTest
  @CsvSource({
    "example.test, A, 1",
    "www.example.test, A, 1",
    "nothing.example.test, A, 1",
    "mail.example.test, AAAA, 1",
    "other.org, A, 1",
    "sub.example.test, A, 1",
    "big.example.test, TXT, 4",
  })
  void responsesOverTlsArePaddedForThoseWhoPad(String name, String type, int blocks)
      throws IOException {
    byte[] answer = ask(Transport.TLS, name, Type.value(type), PADDING);
    assertThat(answer).hasSize(blocks * Wire.PADDING_BLOCK);
    byte[] padding = option(answer, Wire.PADDING);
    assertThat(padding).isNotNull().containsOnly(0);
    Message plain = new Message(ask(Transport.TLS, name, Type.value(type)));
    Message padded = new Message(answer);
    assertThat(padded.getRcode()).isEqualTo(plain.getRcode());
    for (int section : new int[] {Section.QUESTION, Section.ANSWER, Section.AUTHORITY}) {
      assertThat(padded.getSection(section)).isEqualTo(plain.getSection(section));
    }
    // Who does not ask gets none, and over what everybody can read it would hide nothing.
    assertThat(plain.getOPT().getOptions(Wire.PADDING)).isEmpty();
    for (Transport other : List.of(Transport.UDP, Transport.TCP)) {
      assertThat(option(ask(other, name, Type.value(type), PADDING), Wire.PADDING)).isNull();
    }
  }

  /** What was in the buffer before is nobody's business. */
  @Test
  void paddingIsZerosWhateverTheBufferHeld() throws IOException {
    Responder responder = responder(Transport.TLS, Sites.zones(Wired.ZONE));
    Message query = Wired.query("example.test", Type.A);
    query.addRecord(new OPTRecord(1232, 0, 0, 0, List.of(PADDING)), Section.ADDITIONAL);
    byte[] wire = query.toWire();
    byte[] out = new byte[responder.largestResponse()];
    Arrays.fill(out, (byte) 0xaa);
    int length = responder.respond(wire, 0, wire.length, out, 0, true);
    assertThat(option(Arrays.copyOf(out, length), Wire.PADDING)).isNotNull().containsOnly(0);
    // The next query on the connection has none, so neither has its response.
    byte[] bare = Wired.edns(Wired.query("example.test", Type.A), 0, 1232, false).toWire();
    length = responder.respond(bare, 0, bare.length, out, 0, true);
    assertThat(option(Arrays.copyOf(out, length), Wire.PADDING)).isNull();
  }

  /** Padding comes last, after all else that a response may say, and counts it in. */
  @Test
  void paddingComesAfterAllOtherOptions() throws IOException {
    conduct.cookies(new Cookies(new byte[16], new byte[16]));
    conduct.identity(java.util.Optional.of("n".repeat(Conduct.MAX_IDENTITY)));
    EDNSOption subnet =
        new GenericEDNSOption(ClientSubnet.CODE, new byte[] {0, 1, 24, 0, (byte) 192, 0, 2});
    byte[] answer =
        ask(
            Transport.TLS,
            "www.example.test",
            Type.A,
            PADDING,
            KEEPALIVE,
            new GenericEDNSOption(Wire.NSID, new byte[0]),
            new GenericEDNSOption(Cookies.CODE, new byte[8]),
            subnet);
    assertThat(answer).hasSize(Wire.PADDING_BLOCK);
    List<Integer> codes =
        new Message(answer).getOPT().getOptions().stream().map(EDNSOption::getCode).toList();
    assertThat(codes)
        .containsExactly(ClientSubnet.CODE, Cookies.CODE, Wire.NSID, Wire.KEEPALIVE, Wire.PADDING);
    assertThat(option(answer, Wire.KEEPALIVE)).containsExactly(0, 100);
    assertThat(option(answer, Wire.NSID)).containsOnly('n').hasSize(Conduct.MAX_IDENTITY);
  }

  /** Sizes around the boundary of a block, and up to the largest answer there is. */
  @Test
  void paddingFillsWholeBlocksWhateverTheSize() throws IOException {
    List<Integer> sizes = new ArrayList<>();
    for (int length = 380; length < 480; length++) {
      sizes.add(length);
    }
    for (int length = 64_000; length < 64_500; length += 11) {
      sizes.add(length);
    }
    for (int size : sizes) {
      Responder responder = responder(Transport.TLS, Sites.zones(zone(size)));
      int plain = ask(responder, Transport.TLS, "t.example.test", Type.TXT).length;
      byte[] padded = ask(responder, Transport.TLS, "t.example.test", Type.TXT, PADDING);
      int blocks = (plain + 4 + Wire.PADDING_BLOCK - 1) / Wire.PADDING_BLOCK;
      assertThat(padded).hasSize(blocks * Wire.PADDING_BLOCK);
      assertThat(new Message(padded).getSection(Section.ANSWER)).isNotEmpty();
    }
  }

  /** The last block of the largest message is a short one (RFC 8467, section 4.1). */
  @ParameterizedTest
  @CsvSource({
    "100, 65535, 368",
    "464, 65535, 4",
    "465, 65535, 471",
    "468, 65535, 468",
    "65516, 65535, 4",
    "65517, 65535, 18",
    "65531, 65535, 4",
    "65532, 65535, 0",
    "65535, 65535, 0",
    "100, 512, 368",
    "465, 512, 47",
    "510, 512, 0",
  })
  void paddingNeverMakesAMessageTooLong(int length, int room, int expected) {
    assertThat(Responder.padding(length, room)).isEqualTo(expected);
  }

  /** A zone with an answer of so many bytes of text. */
  private static String zone(int bytes) {
    StringBuilder zone =
        new StringBuilder(
            """
            $ORIGIN example.test.
            $TTL 300
            @ IN SOA ns1 hostmaster 1 3600 600 86400 60
            @ IN NS ns1
            ns1 IN A 192.0.2.53
            t IN TXT\
            """);
    for (int left = bytes; left > 0; left -= 200) {
      zone.append(" \"").append("x".repeat(Math.min(left, 200))).append('"');
    }
    return zone.append('\n').toString();
  }
}
