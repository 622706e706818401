package dev.meridian.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.site.SiteLoader;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.SOARecord;
import org.xbill.DNS.Section;
import org.xbill.DNS.TSIG;
import org.xbill.DNS.TSIGRecord;
import org.xbill.DNS.Type;
import org.xbill.DNS.ZoneTransferException;
import org.xbill.DNS.ZoneTransferIn;

/** Zones on their way to secondaries, as dnsjava takes them. */
class TransferTest {
  private static final String SECRET =
      Base64.getEncoder().encodeToString("0123456789abcdef0123456789abcdef".getBytes());

  private static final String OTHER_SECRET =
      Base64.getEncoder().encodeToString("fedcba9876543210fedcba9876543210".getBytes());

  @TempDir Path folder;
  private NameServer server;
  private Path site;

  @BeforeEach
  void start() throws IOException {
    site = Files.createDirectory(folder.resolve("site"));
    InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    server = NameServer.start(any, after(), new SimpleMeterRegistry());
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private Zones after() {
    return Zones.after(Serials.in(folder.resolve("names")));
  }

  private static final String FOLLOWED = "secondaries: {address: 127.0.0.1, notify: off}";

  /** Serves a zone file and names in {@code site.yaml}; its text is a zone without head. */
  private void serve(String names, String zone) throws IOException {
    write(names, zone);
    server.serve(server.zones().next(SiteLoader.load(site), Optional.of(Sites.WEB), null));
  }

  private void write(String names, String zone) throws IOException {
    Files.writeString(
        site.resolve("site.yaml"),
        "domains: example.test\nnames:\n  zoneFiles: example.test.zone\n  "
            + names.replace("secondaries: {", "secondaries: [{").replaceAll("off}$", "off}]")
            + "\n");
    Files.writeString(site.resolve("example.test.zone"), zone);
  }

  private ZoneTransferIn whole(String zone, @Nullable TSIG key) throws IOException {
    return ZoneTransferIn.newAXFR(Name.fromString(zone, Name.root), server.address(), key);
  }

  private static List<Record> run(ZoneTransferIn transfer) throws Exception {
    transfer.run();
    return transfer.getAXFR();
  }

  private static Set<String> lines(Iterable<Record> records) {
    Set<String> lines = new TreeSet<>();
    records.forEach(record -> lines.add(record.toString().toLowerCase(java.util.Locale.ROOT)));
    return lines;
  }

  @Test
  void secondaryGetsAllRecords() throws Exception {
    serve(FOLLOWED, Wired.ZONE);
    List<Record> got = run(whole("example.test", null));
    List<ZoneRecord> written = new ArrayList<>();
    MasterFile.readText("z", Wired.ZONE, Name.root, 300, written::add);
    Set<String> expected = new TreeSet<>();
    for (ZoneRecord record : written) {
      expected.add(
          Record.newRecord(
                  new Name(record.owner().wire()), record.type(), 1, record.ttl(), record.rdata())
              .toString()
              .toLowerCase(java.util.Locale.ROOT));
    }
    assertThat(lines(got)).isEqualTo(expected);
    assertThat(got.getFirst().getType()).isEqualTo(Type.SOA);
  }

  @Test
  void nobodyElseMayCopy() throws Exception {
    serve("ttl: 5 min", Wired.ZONE);
    assertThatThrownBy(() -> run(whole("example.test", null))).hasMessageContaining("REFUSED");
    serve("secondaries: [192.0.2.1, '2001:db8::/32']", Wired.ZONE);
    assertThatThrownBy(() -> run(whole("example.test", null))).hasMessageContaining("REFUSED");
    serve(FOLLOWED, Wired.ZONE);
    assertThatThrownBy(() -> run(whole("other.test", null))).hasMessageContaining("REFUSED");
    assertThatThrownBy(() -> run(whole("www.example.test", null))).hasMessageContaining("REFUSED");
    // Over UDP there is no copy at all, but for who follows the SOA.
    assertThat(overUdp(Wired.query("example.test", Type.AXFR)).getRcode()).isEqualTo(Rcode.REFUSED);
  }

  private Message overUdp(Message query) throws IOException {
    return new Message(Wired.overUdp(server.address(), query.toWire()));
  }

  private static TSIG key(String name, String secret) {
    return new TSIG(TSIG.HMAC_SHA256, name, secret);
  }

  private void serveWithKey() throws IOException {
    Files.writeString(site.resolve("ns2.key"), "hmac-sha256:ns2.test:" + SECRET + "\n");
    serve("secondaries: {address: 127.0.0.0/8, key: ns2.key, notify: off}", Wired.ZONE);
  }

  @Test
  void keyIsWanted() throws Exception {
    serveWithKey();
    assertThat(run(whole("example.test", key("ns2.test.", SECRET)))).hasSizeGreaterThan(20);
    assertThat(run(whole("example.test", key("NS2.test.", SECRET)))).hasSizeGreaterThan(20);
    assertThatThrownBy(() -> run(whole("example.test", null))).hasMessageContaining("REFUSED");
    assertThatThrownBy(() -> run(whole("example.test", key("ns2.test.", OTHER_SECRET))))
        .isInstanceOf(ZoneTransferException.class);
    assertThatThrownBy(() -> run(whole("example.test", key("ns3.test.", SECRET))))
        .isInstanceOf(ZoneTransferException.class);
  }

  /** Signs a query and asks; dnsjava checks the answer. */
  private Message askSigned(TSIG key, Message query) throws IOException {
    key.apply(query, null);
    byte[] answer = Wired.overUdp(server.address(), query.toWire());
    return new Message(answer);
  }

  @Test
  void signedQueriesGetSignedAnswers() throws Exception {
    serveWithKey();
    TSIG key = key("ns2.test.", SECRET);
    for (Message query :
        List.of(
            Wired.query("example.test", Type.SOA),
            Wired.query("nothing.example.test", Type.A),
            Wired.edns(Wired.query("big.example.test", Type.TXT), 0, 4096, false))) {
      key.apply(query, null);
      byte[] bytes = Wired.overUdp(server.address(), query.toWire());
      Message answer = new Message(bytes);
      assertThat(key.verify(answer, bytes, query.getTSIG())).isEqualTo(Rcode.NOERROR);
      assertThat(bytes.length).isLessThanOrEqualTo(Wire.MAX_UDP);
    }
  }

  @Test
  void wrongSignaturesAreToldWhatIsWrong() throws Exception {
    serveWithKey();
    Message unknown = askSigned(key("ns9.test.", SECRET), Wired.query("example.test", Type.SOA));
    assertThat(unknown.getRcode()).isEqualTo(Rcode.NOTAUTH);
    assertThat(unknown.getTSIG().getError()).isEqualTo(Rcode.BADKEY);
    assertThat(unknown.getTSIG().getSignature()).isEmpty();
    Message bad = askSigned(key("ns2.test.", OTHER_SECRET), Wired.query("example.test", Type.SOA));
    assertThat(bad.getRcode()).isEqualTo(Rcode.NOTAUTH);
    assertThat(bad.getTSIG().getError()).isEqualTo(Rcode.BADSIG);
    assertThat(bad.getSection(Section.ANSWER)).isEmpty();

    // RFC 8945, section 5.2.3: one whose clock is wrong is told the time, and that is signed.
    Message query = Wired.query("example.test", Type.SOA);
    Instant wrong = Instant.now().minusSeconds(3600);
    TSIG late =
        new TSIG(
            TSIG.HMAC_SHA256,
            Name.fromString("ns2.test."),
            new javax.crypto.spec.SecretKeySpec(Base64.getDecoder().decode(SECRET), "HmacSHA256"),
            java.time.Clock.fixed(wrong, java.time.ZoneOffset.UTC));
    late.apply(query, null);
    byte[] bytes = Wired.overUdp(server.address(), query.toWire());
    TSIGRecord told = new Message(bytes).getTSIG();
    assertThat(new Message(bytes).getRcode()).isEqualTo(Rcode.NOTAUTH);
    assertThat(told.getError()).isEqualTo(Rcode.BADTIME);
    assertThat(told.getTimeSigned().getEpochSecond()).isEqualTo(wrong.getEpochSecond());
    assertThat(told.getOther()).hasSize(6);
    assertThat(late.verify(new Message(bytes), bytes, query.getTSIG())).isEqualTo(Rcode.NOERROR);
  }

  @Test
  void signatureMustBeLastAndWhole() throws Exception {
    serveWithKey();
    Message query = Wired.query("example.test", Type.SOA);
    key("ns2.test.", SECRET).apply(query, null);
    byte[] good = query.toWire();
    Random random = new Random(7);
    int asked = 0;
    for (int i = 0; i < 2_000; i++) {
      byte[] broken = good.clone();
      for (int n = 1 + random.nextInt(3); n > 0; n--) {
        broken[12 + random.nextInt(broken.length - 12)] = (byte) random.nextInt();
      }
      if (random.nextBoolean()) {
        broken = java.util.Arrays.copyOf(broken, 12 + random.nextInt(broken.length - 12));
      }
      if (java.util.Arrays.equals(broken, good)) {
        continue;
      }
      Message answer = new Message(Wired.overUdp(server.address(), broken));
      boolean answered =
          answer.getRcode() == Rcode.NOERROR && !answer.getSection(Section.ANSWER).isEmpty();
      assertThat(answered && answer.getTSIG() != null).as("broken as %d", i).isFalse();
      asked++;
    }
    assertThat(asked).isGreaterThan(1_900);
  }

  @Test
  void largeZoneComesInManySignedMessages() throws Exception {
    StringBuilder zone = new StringBuilder(Wired.ZONE);
    for (int i = 0; i < 20_000; i++) {
      zone.append("n").append(i).append(" IN A 192.0.2.").append(i % 250).append('\n');
    }
    zone.append("long IN TXT").append((" \"" + "y".repeat(255) + "\"").repeat(200)).append('\n');
    Files.writeString(
        site.resolve("ns2.key"),
        """
        key "ns2.test" {
        \talgorithm hmac-sha512;
        \tsecret "%s";
        };
        """
            .formatted(SECRET));
    serve("secondaries: {address: 127.0.0.1, key: ns2.key, notify: off}", zone.toString());
    TSIG key = new TSIG(TSIG.HMAC_SHA512, "ns2.test.", SECRET);
    assertThat(lines(run(whole("example.test", key)))).hasSizeGreaterThan(20_020);
  }

  @Test
  void queriesBehindTransferAreAnswered() throws Exception {
    serve(FOLLOWED, Wired.ZONE);
    try (Socket socket = Wired.connect(server.address())) {
      Wired.send(socket, Wired.query("example.test", Type.A).toWire());
      Wired.send(socket, Wired.query("example.test", Type.AXFR).toWire());
      Wired.send(socket, Wired.query("mail.example.test", Type.A).toWire());
      assertThat(Wired.receive(socket).getSection(Section.ANSWER)).hasSize(1);
      assertThat(Wired.receive(socket).getSection(Section.ANSWER)).hasSizeGreaterThan(20);
      assertThat(Wired.names(Wired.receive(socket).getSection(Section.ANSWER)))
          .contains("mail.example.test");
    }
  }

  /** A secondary that is written down here: it takes what it is sent, and complains. */
  private final class Follower {
    private final Set<String> records = new TreeSet<>();
    private long serial;
    private boolean whole;

    void follow() throws Exception {
      ZoneTransferIn transfer =
          ZoneTransferIn.newIXFR(
              Name.fromString("example.test."), serial, true, server.address(), null);
      transfer.run();
      whole = transfer.isAXFR();
      if (transfer.isAXFR()) {
        records.clear();
        records.addAll(lines(transfer.getAXFR()));
        serial = serial(transfer.getAXFR().getFirst());
      } else if (transfer.isIXFR()) {
        for (ZoneTransferIn.Delta delta : transfer.getIXFR()) {
          for (String gone : lines(delta.deletes)) {
            assertThat(records.remove(gone)).as("it had " + gone).isTrue();
          }
          for (String added : lines(delta.adds)) {
            assertThat(records.add(added)).as("it did not have " + added).isTrue();
          }
          serial = delta.end;
        }
      }
    }
  }

  private static long serial(Record soa) {
    return ((SOARecord) soa).getSerial();
  }

  @Test
  void changesLeadToTheSameZone() throws Exception {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      lines.add(line(random));
    }
    Follower close = new Follower();
    Follower far = new Follower();
    int changes = 0;
    for (int round = 0; round < 30; round++) {
      serve(FOLLOWED, HEAD + String.join("", lines));
      close.follow();
      Set<String> expected = lines(run(whole("example.test", null)));
      assertThat(close.records).as("seed %d, round %d", seed, round).isEqualTo(expected);
      changes += close.whole ? 0 : 1;
      if (round % 7 == 3) {
        far.follow();
        assertThat(far.records).as("seed %d, far, round %d", seed, round).isEqualTo(expected);
        assertThat(far.whole).isEqualTo(round == 3);
      }
      for (int n = 1 + random.nextInt(8); n > 0; n--) {
        lines.set(random.nextInt(lines.size()), line(random));
      }
    }
    assertThat(changes).isEqualTo(29);
  }

  private static final String HEAD =
      """
      $ORIGIN example.test.
      $TTL 300
      @ IN SOA ns1 hostmaster 1 3600 600 86400 60
      @ IN NS ns1
      ns1 IN A 192.0.2.53
      """;

  private static String line(Random random) {
    String owner = "n" + random.nextInt(100) + (random.nextInt(4) == 0 ? ".deep" : "");
    String data =
        switch (random.nextInt(4)) {
          case 0 -> "IN A 192.0.2." + random.nextInt(8);
          case 1 -> "IN TXT \"" + random.nextInt(8) + "\"";
          case 2 -> "IN MX " + random.nextInt(4) + " ns1";
          default -> random.nextInt(10) == 0 ? "600 IN A 192.0.2.9" : "IN AAAA 2001:db8::1";
        };
    return owner + " " + data + "\n";
  }

  @Test
  void whoHasTheNewestGetsItsSerialAlone() throws Exception {
    serve(FOLLOWED, HEAD);
    Message asked = Wired.query("example.test", Type.IXFR);
    asked.addRecord(soa(1), Section.AUTHORITY);
    try (Socket socket = Wired.connect(server.address())) {
      Wired.send(socket, asked.toWire());
      Message answer = Wired.receive(socket);
      assertThat(answer.getSection(Section.ANSWER)).hasSize(1);
      assertThat(serial(answer.getSection(Section.ANSWER).getFirst())).isEqualTo(1);
    }
    // Over UDP it is all that is ever said (RFC 1995, section 2).
    Message udp = overUdp(asked);
    assertThat(udp.getSection(Section.ANSWER)).hasSize(1);
    assertThat(udp.getQuestion().getType()).isEqualTo(Type.IXFR);
    // Without the serial that it has, nothing can be told.
    assertThat(overUdp(Wired.query("example.test", Type.IXFR)).getRcode()).isEqualTo(Rcode.FORMERR);
  }

  private static Record soa(long serial) throws IOException {
    Name name = Name.fromString("example.test.");
    return new SOARecord(name, 1, 0, name, name, serial, 0, 0, 0, 0);
  }

  @Test
  void changeIsNeverHiddenByItsNumber() throws Exception {
    serve(FOLLOWED, HEAD);
    assertThat(served()).isEqualTo(1);
    serve(FOLLOWED, HEAD); // nothing has changed
    assertThat(served()).isEqualTo(1);
    serve(FOLLOWED, HEAD + "new IN A 192.0.2.1\n"); // and nobody has raised the number
    assertThat(served()).isEqualTo(2);
    serve(FOLLOWED, HEAD.replace(" 1 3600", " 7 3600")); // somebody has
    assertThat(served()).isEqualTo(7);
    serve(FOLLOWED, HEAD.replace(" 1 3600", " 5 3600") + "a IN A 192.0.2.1\n"); // backwards
    assertThat(served()).isEqualTo(8);

    // After a restart, too.
    write(FOLLOWED, HEAD + "b IN A 192.0.2.1\n");
    server.serve(after().next(SiteLoader.load(site), Optional.of(Sites.WEB), null));
    assertThat(served()).isEqualTo(9);
  }

  @Test
  void serialOfOursOutlivesRestartsAndClocks() throws Exception {
    Path yaml = site.resolve("site.yaml");
    Files.writeString(yaml, "domains: own.test\nnames: {records: {www: {A: 192.0.2.1}}}\n");
    Instant day = Instant.parse("2026-05-01T00:00:00Z");
    Files.setLastModifiedTime(yaml, FileTime.from(day.plusSeconds(3)));
    long first = own(after());
    assertThat(first).isEqualTo(day.getEpochSecond() + 2);
    Files.writeString(yaml, "domains: own.test\nnames: {records: {www: {A: 192.0.2.2}}}\n");
    Files.setLastModifiedTime(yaml, FileTime.from(day.minusSeconds(86_400))); // from a backup
    assertThat(own(after())).isEqualTo(first + 1);
    Files.setLastModifiedTime(yaml, FileTime.from(day.minusSeconds(172_800)));
    assertThat(own(after())).isEqualTo(first + 1);
  }

  private long own(Zones before) throws IOException {
    server.serve(before.next(SiteLoader.load(site), Optional.of(Sites.WEB), null));
    return serial(overUdp(Wired.query("own.test", Type.SOA)).getSection(Section.ANSWER).getFirst());
  }

  private long served() throws IOException {
    return serial(
        overUdp(Wired.query("example.test", Type.SOA)).getSection(Section.ANSWER).getFirst());
  }

  @Test
  void namesOfRegionsGoWithAllTheirAddresses() throws Exception {
    GeoSite.database(site, GeoSite.database());
    Files.writeString(site.resolve("site.yaml"), GeoSite.YAML + "  secondaries: [127.0.0.0/8]\n");
    server.serve(server.zones().next(SiteLoader.load(site), Optional.of(Sites.WEB), null));
    String all =
        run(whole("near.test", null)).stream()
            .filter(r -> r.getName().toString().equals("near.test.") && r.getType() == Type.A)
            .map(Record::rdataToString)
            .sorted()
            .collect(Collectors.joining(","));
    assertThat(all).isEqualTo("192.0.2.1,192.0.2.2,198.51.100.1,203.0.113.1");
  }

  @Test
  void zoneBelowIsDelegated() throws Exception {
    Files.writeString(
        site.resolve("site.yaml"),
        """
        domains: [up.test, low.up.test]
        names:
          zoneFiles: low.up.test.zone
          records: {www: {A: 192.0.2.1}}
          secondaries: [127.0.0.1]
        """);
    Files.writeString(
        site.resolve("low.up.test.zone"),
        """
        @ IN SOA ns hostmaster 1 3600 600 86400 60
        @ IN NS ns
        ns IN A 192.0.2.3
        www IN A 192.0.2.4
        """);
    server.serve(server.zones().next(SiteLoader.load(site), Optional.of(Sites.WEB), null));
    Set<String> lines = lines(run(whole("up.test", null)));
    assertThat(lines)
        .anyMatch(line -> line.matches("low\\.up\\.test\\..*ns\\s+ns\\.low\\.up\\.test\\."))
        .anyMatch(line -> line.startsWith("ns.low.up.test.") && line.contains("192.0.2.3"))
        .noneMatch(line -> line.startsWith("www.low.up.test."));
  }

  @Test
  void delegationKeepsItsGlueWhereTheZoneBelowIsOurs() throws Exception {
    String parent = HEAD + "low IN NS ns.low\nns.low IN A 192.0.2.9\nlow IN TXT \"not told\"\n";
    String child =
        """
        $ORIGIN low.example.test.
        @ IN SOA ns hostmaster 1 3600 600 86400 60
        @ IN NS ns
        ns IN A 192.0.2.9
        www IN A 192.0.2.4
        """;
    Files.writeString(
        site.resolve("site.yaml"),
        "domains: example.test\nnames: {zoneFiles: [example.test.zone, low.zone],"
            + " secondaries: [127.0.0.1]}\n");
    Files.writeString(site.resolve("example.test.zone"), parent);
    Files.writeString(site.resolve("low.zone"), child);
    server.serve(server.zones().next(SiteLoader.load(site), Optional.of(Sites.WEB), null));
    Set<String> lines = lines(run(whole("example.test", null)));
    assertThat(lines)
        .anyMatch(line -> line.startsWith("ns.low.example.test.") && line.contains("192.0.2.9"))
        .anyMatch(line -> line.startsWith("low.example.test.") && line.contains("\tns\t"))
        .noneMatch(line -> line.contains("not told") || line.startsWith("www.low"));

    // Where it is found is told by the zone above, so that has changed, too.
    long before = served();
    Files.writeString(site.resolve("low.zone"), child.replace("@ IN NS ns", "@ IN NS other.test."));
    server.serve(server.zones().next(SiteLoader.load(site), Optional.of(Sites.WEB), null));
    assertThat(served()).isGreaterThan(before);
  }

  @Test
  void serialRisesHoweverSmallTheChange() throws Exception {
    serve(FOLLOWED, HEAD + "w IN A 192.0.2.40\n");
    long before = served();
    // Weak hashes take these for the same.
    serve(FOLLOWED, HEAD + "w IN A 192.0.3.9\n");
    assertThat(served()).isEqualTo(before + 1);
    serve(FOLLOWED, HEAD + "w IN TXT \"Aa\"\n");
    serve(FOLLOWED, HEAD + "w IN TXT \"BB\"\n");
    assertThat(served()).isEqualTo(before + 3);
  }

  /**
   * Another process signs otherwise, so what a secondary has from before is no base for changes.
   */
  @Test
  void oneSerialStandsForOneSetOfSignatures() throws Exception {
    Files.writeString(site.resolve("example.test.zone"), HEAD);
    Files.writeString(
        site.resolve("site.yaml"),
        "domains: example.test\nnames: {zoneFiles: example.test.zone, dnssec: true,"
            + " secondaries: [127.0.0.1]}\n");
    Signing signing = new Signing(folder.resolve("dnssec"), InstantSource.system());
    Zones zones = after().next(SiteLoader.load(site), Optional.of(Sites.WEB), signing);
    zones.keepSerials();
    ZoneVersion first = version(zones);
    Zones same = zones.next(SiteLoader.load(site), Optional.of(Sites.WEB), signing);
    assertThat(version(same)).isSameAs(first);
    Zones restarted = after().next(SiteLoader.load(site), Optional.of(Sites.WEB), signing);
    assertThat(version(restarted).serial()).isGreaterThan(first.serial());
  }

  @Test
  void signaturesOfSecondariesAreRenewed() throws Exception {
    write(FOLLOWED, Wired.ZONE);
    Files.writeString(
        site.resolve("site.yaml"),
        "domains: example.test\nnames: {zoneFiles: example.test.zone, dnssec: true,"
            + " secondaries: [127.0.0.1]}\n");
    Instant[] now = {Instant.parse("2026-05-01T10:00:00Z")};
    InstantSource clock = () -> now[0];
    Signing signing = new Signing(folder.resolve("dnssec"), clock);
    Zones zones = after().next(SiteLoader.load(site), Optional.of(Sites.WEB), signing);
    ZoneVersion first = version(zones);
    assertThat(first.copy().size()).isGreaterThan(60);
    int renewed = 0;
    int spared = 0;
    long most = 0;
    ZoneVersion last = first;
    for (int day = 1; day <= 30; day++) {
      now[0] = now[0].plusSeconds(86_400);
      assertThat(zones.isOfEarlierDay(clock)).isTrue();
      zones = zones.next(SiteLoader.load(site), Optional.of(Sites.WEB), signing);
      assertThat(zones.isOfEarlierDay(clock)).isFalse();
      ZoneVersion next = version(zones);
      assertThat(next.serial()).isGreaterThan(last.serial());
      List<ZoneDiff> diff = next.since(last.serial()).orElseThrow();
      assertThat(diff).hasSize(1);
      // The SOA is signed anew each day, the others when theirs have come of age.
      boolean others =
          diff.getFirst().added().stream()
              .anyMatch(r -> r.type() == Type.RRSIG && Wire.getShort(r.rdata(), 0) != Type.SOA);
      renewed += others ? 1 : 0;
      spared += others ? 0 : 1;
      for (ZoneCopy.Owner owner : next.copy().owners()) {
        for (RrSet set : owner.sets()) {
          for (byte[] data : set.type() == Type.RRSIG ? set.rdata() : List.<byte[]>of()) {
            long left = (Wire.getInt(data, 8) & 0xffff_ffffL) - now[0].getEpochSecond();
            most = Math.max(most, RrSignature.VALIDITY.toSeconds() - left);
          }
        }
      }
      last = next;
    }
    assertThat(renewed).isGreaterThan(3);
    assertThat(spared).isGreaterThan(1);
    // Whoever has lost us answers for a week, and none of what it has is over by then.
    assertThat(most).isLessThanOrEqualTo(5 * 86_400L).isGreaterThan(3 * 86_400L);
  }

  private static ZoneVersion version(Zones zones) throws IOException {
    return Objects.requireNonNull(zones.transfers().zone(WireName.parse("example.test")));
  }
}
