package dev.meridian.dns;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.xbill.DNS.DNSKEYRecord;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.NSECRecord;
import org.xbill.DNS.OPTRecord;
import org.xbill.DNS.RRSIGRecord;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/** Signed answers, query by query; every signature is verified by dnsjava. */
class SigningTest {
  /** Names of every old type in data, in upper case, and what sorts oddly. */
  private static final String ODD =
      """
      SRV     IN SRV 1 2 5060 Mail.Example.TEST.
      SRV     IN SRV 1 2 5061 Mail.Example.TEST.
      naptr   IN NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:info@Example.COM!" Target.Example.TEST.
      rp      IN RP Box.Example.TEST. Txt.Example.TEST.
      kx      IN KX 10 Kx.Example.TEST.
      afs     IN AFSDB 1 Afs.Example.TEST.
      svcb    IN SVCB 1 svc.example.test. alpn=h2
      many    IN A 192.0.2.200
      many    IN A 192.0.2.3
      many    IN A 192.0.2.100
      multi   IN MX 10 Mail
      multi   IN MX 5 Mail
      multi   IN MX 200 Www
      hinfo   IN HINFO "AB" "Cd"
      caa     IN CAA 0 issue "Ca.Example.NET"
      *.x.y   IN TXT "deep"
      """;

  private final Signatures.TestClock clock = new Signatures.TestClock();
  @TempDir Path folder;
  private Signing signing;
  private Responder responder;
  private List<DNSKEYRecord> keys;

  @BeforeEach
  void sign() throws IOException {
    signing = new Signing(folder.resolve("dnssec"), clock);
    responder = Wired.responder(Sites.signed(signing, Wired.ZONE + ODD));
    keys = Signatures.keys(responder, "example.test");
  }

  private Message ask(String name, int type) throws IOException {
    return ask(name, type, 0x8000);
  }

  private Message ask(String name, int type, int flags) throws IOException {
    Message query = Wired.query(name, type);
    query.addRecord(new OPTRecord(1232, 0, 0, flags), Section.ADDITIONAL);
    return Wired.ask(responder, query, true);
  }

  private List<String> verified(Message answer) throws Exception {
    return Signatures.verify(answer, keys, clock.instant());
  }

  @ParameterizedTest(name = "{0} {1}")
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          example.test       | SOA
          EXAMPLE.test       | NS
          example.test       | A
          example.test       | MX
          example.test       | TXT
          example.test       | CAA
          example.test       | DNSKEY
          example.test       | ANY
          www.example.test   | A
          www.example.test   | CNAME
          far.example.test   | MX
          out.example.test   | A
          intowild.example.test | A
          q.wild.example.test | A
          a.q.wild.example.test | MX
          *.wild.example.test | A
          longer.than.it.alias.example.test | A
          odd.example.test   | TYPE65280
          signed.example.test | DS
          srv.example.test   | SRV
          naptr.example.test | NAPTR
          rp.example.test    | RP
          kx.example.test    | KX
          afs.example.test   | AFSDB
          svcb.example.test  | SVCB
          many.example.test  | A
          multi.example.test | MX
          hinfo.example.test | HINFO
          caa.example.test   | CAA
          big.example.test   | TXT
          q.x.y.example.test | TXT
          """)
  void everyRrsetOfAnAnswerIsSigned(String name, String type) throws Exception {
    int number = Type.value(type);
    Message answer = ask(name, number);
    assertThat(answer.getRcode()).isEqualTo(Rcode.NOERROR);
    assertThat(answer.getHeader().getFlag(Flags.AA)).isTrue();
    assertThat(answer.getHeader().getFlag(Flags.AD)).isFalse();
    assertThat(answer.getSection(Section.ANSWER)).isNotEmpty();
    assertThat(answer.getSection(Section.ANSWER))
        .anyMatch(record -> record.getType() == Type.RRSIG);
    assertThat(verified(answer)).isEmpty();
    // Without signatures it is what a client gets that wants none.
    assertThat(unsigned(answer))
        .isEqualTo(unsigned(Wired.ask(responder, Wired.query(name, number), true)));
    // Twice the same, the second from the cache.
    assertThat(ask(name, number).getSection(Section.ANSWER))
        .isEqualTo(answer.getSection(Section.ANSWER));
  }

  private static String unsigned(Message answer) {
    return answer.getSection(Section.ANSWER).stream()
            .filter(record -> record.getType() != Type.RRSIG)
            .map(Record::toString)
            .collect(Collectors.joining("\n"))
        + answer.getSection(Section.ADDITIONAL).stream()
            .filter(record -> record.getType() != Type.RRSIG && record.getType() != Type.OPT)
            .map(Record::toString)
            .collect(Collectors.joining("\n"));
  }

  /** RFC 9824, section 3.2: the NSEC of the very name, with all types but the one asked for. */
  @ParameterizedTest(name = "{0} {1}: {2} {3}")
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          mail.example.test    | AAAA | mail.example.test. | A RRSIG NSEC
          EXAMPLE.test         | SRV  | EXAMPLE.test. | A NS SOA MX TXT RRSIG NSEC DNSKEY CAA
          b.c.example.test     | A    | b.c.example.test. | RRSIG NSEC
          wild.example.test    | A    | wild.example.test. | RRSIG NSEC
          has.wild.example.test | A   | has.wild.example.test. | TXT RRSIG NSEC
          q.wild.example.test  | TXT  | q.wild.example.test. | A MX RRSIG NSEC
          *.wild.example.test  | TXT  | *.wild.example.test. | A MX RRSIG NSEC
          q.alias.example.test | SRV  | example.test. | A NS SOA MX TXT RRSIG NSEC DNSKEY CAA
          sub.example.test     | DS   | sub.example.test. | NS RRSIG NSEC
          odd.example.test     | A    | odd.example.test. | RRSIG NSEC TYPE65280
          """)
  void missingTypesAreDenied(String name, String type, String owner, String types)
      throws Exception {
    Message answer = ask(name, Type.value(type));
    assertThat(answer.getRcode()).isEqualTo(Rcode.NOERROR);
    assertThat(verified(answer)).isEmpty();
    assertDenied(answer, owner, types);
  }

  private static void assertDenied(Message answer, String owner, String types) {
    List<NSECRecord> proofs =
        answer.getSection(Section.AUTHORITY).stream()
            .filter(record -> record.getType() == Type.NSEC)
            .map(NSECRecord.class::cast)
            .toList();
    assertThat(proofs).hasSize(1);
    NSECRecord proof = proofs.getFirst();
    assertThat(proof.getName()).hasToString(owner);
    assertThat(proof.getNext().toString()).isEqualToIgnoringCase("\\000." + owner);
    assertThat(
            java.util.Arrays.stream(proof.getTypes())
                .mapToObj(t -> t == Denial.NXNAME ? "NXNAME" : Type.string(t))
                .collect(Collectors.joining(" ")))
        .isEqualTo(types);
    assertThat(proof.getTTL()).isEqualTo(600);
  }

  /** RFC 9824, section 3.1, and 5.1 for those who know it. */
  @ParameterizedTest
  @CsvSource({
    "nothing.example.test, nothing.example.test.",
    "x.a.b.c.example.test, x.a.b.c.example.test.",
    "*.mail.example.test, *.mail.example.test.",
    "gone.example.test, nothing.example.test.",
    "q.has.wild.example.test, q.has.wild.example.test.",
  })
  void missingNamesAreDenied(String name, String owner) throws Exception {
    Message answer = ask(name, Type.A);
    assertThat(answer.getRcode()).isEqualTo(Rcode.NOERROR);
    assertThat(answer.getOPT().getFlags()).isEqualTo(0x8000);
    assertThat(verified(answer)).isEmpty();
    assertDenied(answer, owner, "RRSIG NSEC NXNAME");

    Message compact = ask(name, Type.A, 0xc000);
    assertThat(compact.getRcode()).isEqualTo(Rcode.NXDOMAIN);
    assertThat(compact.getOPT().getFlags()).isEqualTo(0xc000);
    assertThat(verified(compact)).isEmpty();

    assertThat(ask(name, Type.A, 0).getRcode()).isEqualTo(Rcode.NXDOMAIN);
    assertThat(ask(name, Type.A, 0x4000).getOPT().getFlags()).isZero();
    assertThat(Wired.ask(responder, name, Type.A).getRcode()).isEqualTo(Rcode.NXDOMAIN);
  }

  /** RFC 9824, section 3.5. */
  @Test
  void nxnameIsNoQuestion() throws IOException {
    assertThat(ask("example.test", Denial.NXNAME).getRcode()).isEqualTo(Rcode.FORMERR);
    assertThat(Wired.ask(responder, "example.test", Denial.NXNAME).getRcode())
        .isEqualTo(Rcode.FORMERR);
  }

  @ParameterizedTest
  @ValueSource(strings = {"sub.example.test", "host.sub.example.test", "a.b.sub.example.test"})
  void insecureDelegationsAreProvenSo(String name) throws Exception {
    Message answer = ask(name, Type.A);
    assertThat(answer.getHeader().getFlag(Flags.AA)).isFalse();
    assertDenied(answer, "sub.example.test.", "NS RRSIG NSEC");
    assertThat(verified(answer))
        .containsExactlyInAnyOrder("sub.example.test. NS", "ns.sub.example.test. A");
  }

  @Test
  void secureDelegationsCarryTheirSignedDs() throws Exception {
    Message answer = ask("host.signed.example.test", Type.A);
    assertThat(verified(answer)).containsExactly("signed.example.test. NS");
    assertThat(Wired.names(answer.getSection(Section.AUTHORITY)))
        .isEqualTo("signed.example.test. NS,signed.example.test. DS,signed.example.test. RRSIG");
    NSECRecord proof =
        (NSECRecord) ask("signed.example.test", Type.NSEC).getSection(Section.ANSWER).getFirst();
    assertThat(proof.getTypes()).containsExactly(Type.NS, Type.DS, Type.RRSIG, Type.NSEC);
  }

  @Test
  void chainIntoDelegationIsProvenInsecure() throws Exception {
    Message answer = ask("intosub.example.test", Type.A);
    assertDenied(answer, "sub.example.test.", "NS RRSIG NSEC");
    assertThat(verified(answer))
        .containsExactlyInAnyOrder("sub.example.test. NS", "ns.sub.example.test. A");
  }

  @Test
  void proofsAndSignaturesCanBeAskedForThemselves() throws Exception {
    for (String name : List.of("example.test", "www.example.test", "q.wild.example.test")) {
      Message proof = ask(name, Type.NSEC);
      assertThat(Wired.names(proof.getSection(Section.ANSWER)))
          .isEqualTo(name + ". NSEC," + name + ". RRSIG");
      assertThat(verified(proof)).isEmpty();
      assertThat(Wired.names(Wired.ask(responder, name, Type.NSEC).getSection(Section.ANSWER)))
          .isEqualTo(name + ". NSEC");
      assertThat(ask(name, Type.RRSIG).getSection(Section.ANSWER))
          .isNotEmpty()
          .allMatch(record -> record.getType() == Type.RRSIG);
    }
    assertThat(Wired.ask(responder, "none.example.test", Type.NSEC).getRcode())
        .isEqualTo(Rcode.NXDOMAIN);
  }

  @Test
  void longestNamesAreDenied() throws Exception {
    String label = "a".repeat(63);
    for (int last = 40; last <= 48; last++) {
      // 255 bytes in all at the longest.
      String name = label + "." + label + "." + label + "." + "b".repeat(last) + ".example.test";
      Message answer = ask(name, Type.A);
      assertThat(verified(answer)).isEmpty();
      NSECRecord proof = (NSECRecord) answer.getSection(Section.AUTHORITY).get(2);
      assertThat(proof.getNext().compareTo(proof.getName())).isPositive();
    }
  }

  @Test
  void withoutDoNothingIsAdded() throws IOException {
    Responder plain = Wired.responder(Sites.zones(Wired.ZONE + ODD));
    for (String name :
        List.of("example.test", "www.example.test", "none.example.test", "x.sub.example.test")) {
      for (int type : new int[] {Type.A, Type.MX, Type.SOA, Type.ANY, Type.DS, Type.TXT}) {
        byte[] query = Wired.query(name, type).toWire();
        assertThat(Wired.raw(responder, query, true)).isEqualTo(Wired.raw(plain, query, true));
      }
    }
  }

  /** Signatures go with what they sign, or TC says that something is missing. */
  @Test
  void whatDoesNotFitIsCutByWholeSets() throws Exception {
    for (int payload = 512; payload <= 1232; payload += 16) {
      for (String name : List.of("example.test", "big.example.test", "x.sub.example.test")) {
        for (int type : new int[] {Type.MX, Type.TXT, Type.NS, Type.DNSKEY}) {
          Message query = Wired.edns(Wired.query(name, type), 0, payload, true);
          byte[] raw = Wired.raw(responder, query.toWire(), false);
          assertThat(raw.length).isLessThanOrEqualTo(payload);
          Message answer = new Message(raw);
          Message whole = Wired.ask(responder, query, true);
          List<String> unsigned = verified(answer);
          assertThat(verified(whole)).containsAll(unsigned);
          boolean complete =
              answer.getSection(Section.ANSWER).equals(whole.getSection(Section.ANSWER))
                  && answer
                      .getSection(Section.AUTHORITY)
                      .equals(whole.getSection(Section.AUTHORITY));
          assertThat(answer.getHeader().getFlag(Flags.TC) || complete).isTrue();
        }
      }
    }
  }

  @Test
  void signaturesAreRenewedLongBeforeTheyExpire() throws Exception {
    Instant begin = clock.instant();
    RRSIGRecord first = signature(ask("mail.example.test", Type.A));
    assertThat(first.getTimeSigned()).isEqualTo(begin.minus(Duration.ofHours(3)));
    assertThat(first.getExpire()).isEqualTo(begin.plus(Duration.ofDays(14)));
    clock.set(begin.plus(Duration.ofDays(4)));
    assertThat(signature(ask("mail.example.test", Type.A))).isEqualTo(first);
    for (int days = 8; days < 100; days++) {
      clock.set(begin.plus(Duration.ofDays(days)));
      Message answer = ask("mail.example.test", Type.A);
      assertThat(verified(answer)).isEmpty();
      assertThat(signature(answer).getExpire())
          .isAfterOrEqualTo(clock.instant().plus(Duration.ofDays(7)));
      assertThat(verified(ask("no" + days % 3 + ".example.test", Type.A))).isEmpty();
    }
    // A clock that was wrong and is set back: what was signed in the future is of no use.
    clock.set(begin);
    assertThat(verified(ask("mail.example.test", Type.A))).isEmpty();
  }

  private static RRSIGRecord signature(Message answer) {
    return (RRSIGRecord)
        answer.getSection(Section.ANSWER).stream()
            .filter(record -> record.getType() == Type.RRSIG)
            .findFirst()
            .orElseThrow();
  }

  @Test
  void unsignedZonesKnowNothingOfIt() throws IOException {
    Responder plain = Wired.responder(Sites.zones(Wired.ZONE));
    Message query = Wired.edns(Wired.query("none.example.test", Type.A), 0, 1232, true);
    Message answer = Wired.ask(plain, query, false);
    assertThat(answer.getRcode()).isEqualTo(Rcode.NXDOMAIN);
    assertThat(answer.getSection(Section.AUTHORITY)).hasSize(1);
  }

  /** A flood of new names uses up a share of the time: what exists is answered as before. */
  @Test
  void floodOfNamesLeavesWhatExistsAlone() throws IOException {
    String[] existing = {"mail", "www", "ns1", "odd", "many", "multi", "caa", "srv", "naptr", "rp"};
    int refused = 0;
    for (int i = 0; i < 200_000 && refused < 100; i++) {
      Message query = Wired.edns(Wired.query("n" + i + ".example.test", Type.A), 0, 1232, true);
      Message answer = Wired.ask(responder, query, false);
      if (answer.getHeader().getFlag(Flags.TC)) {
        assertThat(answer.getSection(Section.ANSWER)).isEmpty();
        // Some of them are signed for the first time now.
        String name = existing[refused % existing.length] + ".example.test";
        assertThat(ask(name, Type.ANY).getSection(Section.ANSWER)).hasSizeGreaterThan(1);
        assertThat(ask("m" + i + ".example.test", Type.A).getRcode())
            .isIn(Rcode.SERVFAIL, Rcode.NOERROR);
        refused++;
      }
    }
    assertThat(refused).isEqualTo(100);
  }
}
