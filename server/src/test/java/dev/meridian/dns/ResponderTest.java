package dev.meridian.dns;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xbill.DNS.ARecord;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Header;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Opcode;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.SOARecord;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/** What the RFCs say about answers, query by query. */
class ResponderTest {
  private final Responder responder = Wired.responder(Sites.zones(Wired.ZONE));

  private static void assertSoa(Message answer) {
    assertThat(answer.getSection(Section.AUTHORITY)).hasSize(1);
    SOARecord soa = (SOARecord) answer.getSection(Section.AUTHORITY).getFirst();
    assertThat(soa.getName()).hasToString("example.test.");
    assertThat(soa.getHost()).hasToString("ns1.example.test.");
    assertThat(soa.getAdmin()).hasToString("hostmaster.example.test.");
    // RFC 2308, section 5: the smaller of the SOA's TTL and its minimum.
    assertThat(soa.getTTL()).isEqualTo(600);
  }

  private static boolean flag(Message message, int flag) {
    return message.getHeader().getFlag(flag);
  }

  @ParameterizedTest(name = "{0} {1}")
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          example.test.            | A     | example.test. A
          EXAMPLE.test.            | a     | EXAMPLE.test. A
          www.example.test.        | A     | www.example.test. CNAME,example.test. A
          far.example.test.        | MX    | far.example.test. CNAME,www.example.test. CNAME,example.test. MX
          www.example.test.        | CNAME | www.example.test. CNAME
          out.example.test.        | A     | out.example.test. CNAME
          intowild.example.test.   | A     | intowild.example.test. CNAME,anything.wild.example.test. A
          q.wild.example.test.     | A     | q.wild.example.test. A
          q.r.s.wild.example.test. | A     | q.r.s.wild.example.test. A
          *.wild.example.test.     | A     | *.wild.example.test. A
          longer.than.it.alias.example.test. | A | longer.than.it.alias.example.test. CNAME,www.example.test. CNAME,example.test. A
          a.b.c.example.test.      | A     | a.b.c.example.test. A
          odd.example.test.        | TYPE65280 | odd.example.test. TYPE65280
          signed.example.test.     | DS    | signed.example.test. DS
          _sip._tcp.example.test.  | SRV   | _sip._tcp.example.test. SRV
          """)
  void answersWithAuthority(String name, String type, String expected) throws IOException {
    Message answer =
        Wired.ask(responder, name, Type.value(type.toUpperCase(java.util.Locale.ROOT)));

    assertThat(answer.getRcode()).isEqualTo(Rcode.NOERROR);
    assertThat(flag(answer, Flags.QR)).isTrue();
    assertThat(flag(answer, Flags.AA)).isTrue();
    assertThat(flag(answer, Flags.RA)).isFalse();
    // The zone spells the name 'Far'; the response spells it as it was asked.
    assertThat(Wired.names(answer.getSection(Section.ANSWER))).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource({
    "nothing.example.test., A",
    "a.a.a.a.a.example.test., A",
    "x.a.b.c.example.test., A",
    "below.mail.example.test., AAAA",
    "q.has.wild.example.test., A",
    "wilder.example.test., ANY",
  })
  void namesThatAreNotThereAreNxdomainWithSoa(String name, String type) throws IOException {
    Message answer = Wired.ask(responder, name, Type.value(type));

    assertThat(answer.getRcode()).isEqualTo(Rcode.NXDOMAIN);
    assertThat(flag(answer, Flags.AA)).isTrue();
    assertThat(answer.getSection(Section.ANSWER)).isEmpty();
    assertSoa(answer);
  }

  @ParameterizedTest
  @CsvSource({
    "mail.example.test., AAAA",
    "b.c.example.test., A", // an empty non-terminal
    "c.example.test., ANY",
    "wild.example.test., A",
    "has.wild.example.test., A", // exists, so the wildcard is not for it
    "q.wild.example.test., TXT",
    "sub.example.test., DS", // the parent's to say
    "mail.example.test., TYPE65000",
  })
  void typesThatAreNotThereAreNodataWithSoa(String name, String type) throws IOException {
    Message answer = Wired.ask(responder, name, Type.value(type));

    assertThat(answer.getRcode()).isEqualTo(Rcode.NOERROR);
    assertThat(flag(answer, Flags.AA)).isTrue();
    assertThat(answer.getSection(Section.ANSWER)).isEmpty();
    assertSoa(answer);
  }

  @Test
  void chainThatEndsNowhereIsNxdomain() throws IOException {
    Message answer = Wired.ask(responder, "gone.example.test", Type.A);

    // RFC 6604: the response code is about the last name of the chain.
    assertThat(answer.getRcode()).isEqualTo(Rcode.NXDOMAIN);
    assertThat(answer.getSection(Section.ANSWER)).hasSize(1);
    assertSoa(answer);
  }

  @Test
  void chainWithoutTheTypeIsNodata() throws IOException {
    Message answer = Wired.ask(responder, "longer.alias.example.test", Type.SRV);

    assertThat(answer.getRcode()).isEqualTo(Rcode.NOERROR);
    assertThat(answer.getSection(Section.ANSWER)).hasSize(2);
    assertSoa(answer);
  }

  @ParameterizedTest
  @CsvSource({"sub.example.test.", "host.sub.example.test.", "ns.sub.example.test."})
  void delegatedNamesAreReferredWithGlue(String name) throws IOException {
    Message answer = Wired.ask(responder, name, Type.A);

    assertThat(flag(answer, Flags.AA)).isFalse();
    assertThat(answer.getSection(Section.ANSWER)).isEmpty();
    assertThat(Wired.names(answer.getSection(Section.AUTHORITY)))
        .isEqualTo("sub.example.test. NS,sub.example.test. NS");
    assertThat(Wired.names(answer.getSection(Section.ADDITIONAL)))
        .isEqualTo("ns.sub.example.test. A,ns1.example.test. A,ns1.example.test. AAAA");
  }

  @Test
  void chainIntoDelegationIsAnsweredAndReferred() throws IOException {
    Message answer = Wired.ask(responder, "intosub.example.test", Type.A);

    assertThat(flag(answer, Flags.AA)).isTrue();
    assertThat(Wired.names(answer.getSection(Section.ANSWER)))
        .isEqualTo("intosub.example.test. CNAME");
    assertThat(Wired.names(answer.getSection(Section.AUTHORITY)))
        .startsWith("sub.example.test. NS");
  }

  @Test
  void additionalAddressesOfMailServersAreGiven() throws IOException {
    Message answer = Wired.ask(responder, "q.wild.example.test", Type.MX);

    ARecord address = (ARecord) answer.getSection(Section.ADDITIONAL).getFirst();
    assertThat(address.getName()).hasToString("mail.example.test.");
    assertThat(address.getAddress().getHostAddress()).isEqualTo("192.0.2.25");
  }

  @Test
  void anyIsAnsweredWithOneRrset() throws IOException {
    Message answer = Wired.ask(responder, "example.test", Type.ANY);

    assertThat(answer.getSectionRRsets(Section.ANSWER)).hasSize(1);
    assertThat(answer.getSectionRRsets(Section.ANSWER).getFirst().getType()).isEqualTo(Type.A);
  }

  @Test
  void caseIsKeptAsAsked() throws IOException {
    byte[] query = Wired.query("eXaMpLe.TeSt", Type.A).toWire();
    byte[] answer = Wired.raw(responder, query, false);

    assertThat(java.util.Arrays.copyOfRange(answer, 12, query.length))
        .isEqualTo(java.util.Arrays.copyOfRange(query, 12, query.length));
  }

  @ParameterizedTest
  @CsvSource({"example.org., A", "test., NS", "., NS", "anexample.test., A"})
  void otherZonesAreRefused(String name, String type) throws IOException {
    Message answer = Wired.ask(responder, name, Type.value(type));

    assertThat(answer.getRcode()).isEqualTo(Rcode.REFUSED);
    assertThat(flag(answer, Flags.AA)).isFalse();
    assertThat(answer.getSection(Section.AUTHORITY)).isEmpty();
    assertThat(answer.getQuestion().getName()).hasToString(name);
  }

  @ParameterizedTest
  @CsvSource({"CH", "HS", "ANY", "NONE"})
  void otherClassesAreRefused(String dclass) throws IOException {
    Message query =
        Message.newQuery(
            Record.newRecord(Name.fromString("example.test."), Type.A, DClass.value(dclass)));

    assertThat(Wired.ask(responder, query, false).getRcode()).isEqualTo(Rcode.REFUSED);
  }

  @ParameterizedTest
  @CsvSource({"AXFR", "IXFR"})
  void transfersAreRefused(String type) throws IOException {
    assertThat(Wired.ask(responder, "example.test", Type.value(type)).getRcode())
        .isEqualTo(Rcode.REFUSED);
  }

  @ParameterizedTest
  @CsvSource({"1", "2", "3", "4", "5", "6", "15"})
  void otherOpcodesAreNotImplemented(int opcode) throws IOException {
    Message query = Wired.query("example.test", Type.A);
    query.getHeader().setOpcode(opcode);
    Message answer = Wired.ask(responder, query, false);

    assertThat(answer.getRcode()).isEqualTo(Rcode.NOTIMP);
    assertThat(answer.getHeader().getOpcode()).isEqualTo(opcode);
  }

  @Test
  void responsesAreNeverAnswered() throws IOException {
    Message response = Wired.query("example.test", Type.A);
    response.getHeader().setFlag(Flags.QR);

    assertThat(Wired.raw(responder, response.toWire(), false)).isEmpty();
  }

  @Test
  void lessThanHeaderIsNotAnswered() {
    for (int length = 0; length < 12; length++) {
      assertThat(Wired.raw(responder, new byte[length], false)).isEmpty();
    }
  }

  @ParameterizedTest
  @CsvSource({"0", "2", "3", "65535"})
  void otherThanOneQuestionIsMalformed(int count) throws IOException {
    byte[] query = Wired.query("example.test", Type.A).toWire();
    Wire.putShort(query, 4, count);
    Message answer = new Message(Wired.raw(responder, query, false));

    assertThat(answer.getRcode()).isEqualTo(Rcode.FORMERR);
    assertThat(answer.getHeader().getCount(Section.QUESTION)).isZero();
  }

  @Test
  void junkAfterTheQuestionIsMalformed() throws IOException {
    byte[] query = Wired.query("example.test", Type.A).toWire();
    byte[] longer = java.util.Arrays.copyOf(query, query.length + 3);

    assertThat(new Message(Wired.raw(responder, longer, false)).getRcode())
        .isEqualTo(Rcode.FORMERR);
  }

  @Test
  void compressedQuestionIsMalformed() {
    byte[] query = new byte[12 + 2 + 4];
    query[5] = 1;
    query[12] = (byte) 0xc0;
    query[13] = 12; // to itself
    query[15] = 1;
    query[17] = 1;

    assertThat(Wired.raw(responder, query, false)[3] & 0xf).isEqualTo(Rcode.FORMERR);
  }

  @Test
  void nameOf255BytesIsReadAndOf256IsMalformed() {
    byte[] longest = longName(61);
    byte[] tooLong = longName(62);

    assertThat(Wired.raw(responder, longest, false)[3] & 0xf).isEqualTo(Rcode.REFUSED);
    assertThat(Wired.raw(responder, tooLong, false)[3] & 0xf).isEqualTo(Rcode.FORMERR);
  }

  private static byte[] longName(int lastLabel) {
    byte[] query = new byte[12 + 3 * 64 + lastLabel + 1 + 1 + 4];
    query[5] = 1;
    int at = 12;
    for (int label : List.of(63, 63, 63, lastLabel)) {
      query[at] = (byte) label;
      java.util.Arrays.fill(query, at + 1, at + 1 + label, (byte) 'a');
      at += label + 1;
    }
    query[at + 2] = 1;
    query[at + 4] = 1;
    return query;
  }

  @Test
  void recursionDesiredAndCheckingDisabledAreCopied() throws IOException {
    Message query = Wired.query("example.test", Type.A);
    query.getHeader().setFlag(Flags.RD);
    query.getHeader().setFlag(Flags.CD);
    query.getHeader().setFlag(Flags.AD);
    Message answer = Wired.ask(responder, query, false);

    assertThat(flag(answer, Flags.RD)).isTrue();
    assertThat(flag(answer, Flags.CD)).isTrue();
    assertThat(flag(answer, Flags.AD)).isFalse();
  }

  @Test
  void optIsEchoedOnlyWhenAsked() throws IOException {
    assertThat(Wired.ask(responder, "example.test", Type.A).getOPT()).isNull();

    Message query = Wired.edns(Wired.query("example.test", Type.A), 0, 4096, true);
    Message answer = Wired.ask(responder, query, false);
    assertThat(answer.getOPT().getPayloadSize()).isEqualTo(1232);
    assertThat(answer.getOPT().getVersion()).isZero();
    assertThat(answer.getOPT().getFlags()).isEqualTo(0x8000);
    assertThat(answer.getOPT().getOptions()).isEmpty();
  }

  @Test
  void laterEdnsVersionIsBadvers() throws IOException {
    Message query = Wired.edns(Wired.query("example.test", Type.A), 1, 1232, false);
    Message answer = Wired.ask(responder, query, false);

    assertThat(answer.getRcode()).isEqualTo(Rcode.BADVERS);
    assertThat(answer.getOPT().getVersion()).isZero();
    assertThat(answer.getSection(Section.ANSWER)).isEmpty();
  }

  @Test
  void secondOptIsMalformed() throws IOException {
    Message query = Wired.edns(Wired.query("example.test", Type.A), 0, 1232, false);
    byte[] wire = query.toWire();
    byte[] twice = java.util.Arrays.copyOf(wire, wire.length + 11);
    System.arraycopy(wire, wire.length - 11, twice, wire.length, 11);
    twice[11] = 2;

    assertThat(new Message(Wired.raw(responder, twice, false)).getRcode()).isEqualTo(Rcode.FORMERR);
  }

  @Test
  void optionThatRunsOverIsMalformed() throws IOException {
    byte[] wire = Wired.edns(Wired.query("example.test", Type.A), 0, 1232, false).toWire();
    byte[] longer = java.util.Arrays.copyOf(wire, wire.length + 5);
    longer[wire.length - 1] = 5; // option 0 of length 9 in 5 bytes
    longer[wire.length + 3] = 9;

    assertThat(new Message(Wired.raw(responder, longer, false)).getRcode())
        .isEqualTo(Rcode.FORMERR);
  }

  @Test
  void truncationKeepsWholeRrsetsOnlyAndSaysSo() throws IOException {
    Message plain = Wired.ask(responder, "big.example.test", Type.TXT);
    assertThat(flag(plain, Flags.TC)).isTrue();
    assertThat(plain.getSection(Section.ANSWER)).isEmpty();

    Message overTcp = Wired.ask(responder, Wired.query("big.example.test", Type.TXT), true);
    assertThat(flag(overTcp, Flags.TC)).isFalse();
    assertThat(overTcp.getSection(Section.ANSWER)).hasSize(1);
  }

  @Test
  void payloadSizesAreKeptWithinBounds() throws IOException {
    StringBuilder zone = new StringBuilder(Wired.ZONE);
    for (int i = 0; i < 60; i++) {
      zone.append("many IN A 198.51.100.").append(i).append('\n');
    }
    Responder many = Wired.responder(Sites.zones(zone.toString()));
    // 35 of header and question, 16 for each address, 11 of OPT: 1006 in all.
    for (int asked : new int[] {0, 511, 512, 995, 1005, 1006, 1232, 4096, 65535}) {
      Message query = Wired.edns(Wired.query("many.example.test", Type.A), 0, asked, false);
      byte[] answer = Wired.raw(many, query.toWire(), false);
      boolean fits = asked >= 1006;
      assertThat(answer.length).isLessThanOrEqualTo(Math.clamp(asked, 512, 1232));
      assertThat(flag(new Message(answer), Flags.TC)).isEqualTo(!fits);
      assertThat(new Message(answer).getSection(Section.ANSWER)).hasSize(fits ? 60 : 0);
      assertThat(new Message(answer).getOPT()).isNotNull();
    }
  }

  @Test
  void usefulAddressesAreDroppedWithoutTruncation() throws IOException {
    StringBuilder zone = new StringBuilder(Wired.ZONE);
    for (int i = 0; i < 20; i++) {
      zone.append("lots IN MX 1 m").append(i).append('\n');
      zone.append("m%d IN A 192.0.2.9\nm%d IN AAAA 2001:db8::9\n".formatted(i, i));
    }
    Message answer =
        Wired.ask(Wired.responder(Sites.zones(zone.toString())), "lots.example.test", Type.MX);

    assertThat(flag(answer, Flags.TC)).isFalse();
    assertThat(answer.getSection(Section.ANSWER)).hasSize(20);
    assertThat(answer.getSection(Section.ADDITIONAL).size()).isBetween(1, 31);
  }

  @Test
  void missingGlueIsTruncation() throws IOException {
    StringBuilder zone = new StringBuilder(Wired.ZONE);
    for (int i = 0; i < 13; i++) {
      zone.append("deep IN NS server-number-%d.deep\n".formatted(i));
      zone.append("server-number-%d.deep IN AAAA 2001:db8::%d\n".formatted(i, i));
    }
    Responder deep = Wired.responder(Sites.zones(zone.toString()));

    // RFC 9471, section 3.1.
    Message small = Wired.ask(deep, "www.deep.example.test", Type.A);
    assertThat(flag(small, Flags.TC)).isTrue();
    Message large =
        Wired.ask(
            deep, Wired.edns(Wired.query("www.deep.example.test", Type.A), 0, 1232, false), false);
    assertThat(flag(large, Flags.TC)).isFalse();
    assertThat(large.getSection(Section.ADDITIONAL)).hasSize(14);
  }

  @Test
  void childZoneAnswersForItselfAndParentForItsSignature() throws IOException {
    String parent =
        """
        $ORIGIN up.test.
        @ 60 IN SOA ns hostmaster 1 2 3 4 5
        @ 60 IN NS ns
        ns 60 IN A 192.0.2.1
        down 60 IN NS ns.down
        ns.down 60 IN A 192.0.2.99
        down 60 IN DS 1 13 2 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF
        """;
    String child =
        """
        $ORIGIN down.up.test.
        @ 60 IN SOA ns hostmaster 1 2 3 4 5
        @ 60 IN NS ns
        ns 60 IN A 192.0.2.2
        """;
    Responder both = Wired.responder(Sites.zones(child, parent));

    Message address = Wired.ask(both, "ns.down.up.test", Type.A);
    assertThat(flag(address, Flags.AA)).isTrue();
    assertThat(address.getSection(Section.ANSWER).getFirst().rdataToString())
        .isEqualTo("192.0.2.2");
    assertThat(Wired.ask(both, "x.down.up.test", Type.A).getSection(Section.AUTHORITY).getFirst())
        .hasToString(
            "down.up.test.\t\t5\tIN\tSOA\tns.down.up.test. hostmaster.down.up.test. 1 2 3 4 5");
    assertThat(Wired.ask(both, "down.up.test", Type.DS).getSection(Section.ANSWER)).hasSize(1);
  }

  @Test
  void headerOfErrorsKeepsOpcodeAndId() throws IOException {
    Message query = new Message();
    Header header = query.getHeader();
    header.setOpcode(Opcode.STATUS);
    assertThat(Wired.ask(responder, query, false).getHeader().getOpcode()).isEqualTo(Opcode.STATUS);
  }
}
