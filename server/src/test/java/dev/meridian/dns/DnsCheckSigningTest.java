package dev.meridian.dns;

import static dev.meridian.dns.CheckWorld.DELEGATION;
import static dev.meridian.dns.CheckWorld.NS1;
import static dev.meridian.dns.CheckWorld.NS2;
import static dev.meridian.dns.CheckWorld.zone;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Faults in the chain from the parent's DS to signatures. Skipped where NSD or unbound are missing.
 */
@Timeout(180)
class DnsCheckSigningTest {
  private static final long NOW = Instant.now().getEpochSecond();
  private static final WireName APEX =
      WireName.of(org.xbill.DNS.Name.fromConstantString("city.test."));

  @TempDir Path folder;
  private CheckWorld world;

  @BeforeEach
  void begin() throws Exception {
    world = new CheckWorld(folder);
  }

  @AfterEach
  void end() throws Exception {
    world.close();
  }

  private Zones signed(InstantSource clock) {
    return Sites.signed(new Signing(folder.resolve("dnssec"), clock), zone(NOW));
  }

  /** The DS of the key that {@link #signed} made. */
  private String ds() throws Exception {
    return ds(new KeyFolder(folder.resolve("dnssec")).read(APEX).orElseThrow().active().key());
  }

  private static String ds(SigningKey key) {
    byte[] ds = key.ds(APEX);
    return "city IN DS %d %d %d %s\n"
        .formatted(Wire.getShort(ds, 0), ds[2], ds[3], HexFormat.of().formatHex(ds, 4, ds.length));
  }

  private void servers(Zones zones) {
    world.ours(NS1, zones);
    world.ours(NS2, zones);
  }

  @Test
  void aSignedZoneIsFollowedFromTheParent() throws Exception {
    servers(signed(InstantSource.system()));
    world.above(DELEGATION + ds());
    assertThat(world.check())
        .contains("ok dnssec: the parent's DS points at key ")
        .contains(
            "ok signatures: SOA, DNSKEY and a name that does not exist verify at 2 addresses;"
                + " the first expires in 1")
        .doesNotContain("error ")
        .doesNotContain("warning ");
  }

  @Test
  void aSignedZoneWithoutDsIsANote() throws Exception {
    servers(signed(InstantSource.system()));
    world.above(DELEGATION);
    assertThat(world.check())
        .containsPattern(
            "note dnssec: signed with key [0-9]+ .algorithm 13., but the parent has no")
        .doesNotContain("error ");
  }

  @Test
  void aWrongDsIsFound() throws Exception {
    servers(signed(InstantSource.system()));
    world.above(DELEGATION + ds(SigningKey.generate()));
    assertThat(world.check())
        .contains("error dnssec: no DS of the parent (key ")
        .contains("ok signatures");
  }

  /** The same key number, another digest: a look at the number alone would not find it. */
  @Test
  void aWrongDigestIsFound() throws Exception {
    servers(signed(InstantSource.system()));
    String ds = ds().strip();
    char last = ds.charAt(ds.length() - 1);
    world.above(DELEGATION + ds.substring(0, ds.length() - 1) + (last == '0' ? '1' : '0') + "\n");
    assertThat(world.check()).contains("error dnssec: no DS of the parent (key ");
  }

  @Test
  void aDsOfAnUnsignedZoneIsFound() throws Exception {
    servers(Sites.zones(zone(NOW)));
    world.above(DELEGATION + ds(SigningKey.generate()));
    assertThat(world.check())
        .contains("error dnssec: the parent has a DS record, but the zone is not signed");
  }

  @Test
  void expiredSignaturesAreFound() throws Exception {
    Instant past = Instant.now().minus(Duration.ofDays(20));
    servers(signed(() -> past));
    world.above(DELEGATION + ds());
    assertThat(world.check())
        .contains("error signatures ns1.city.test 127.53.3.1: DNSKEY has a signature that expired")
        .contains("error signatures ns1.city.test 127.53.3.1: SOA has a signature that expired")
        .contains("error signatures ns2.city.test 127.53.4.1: a name that does not exist its ")
        .contains("ok dnssec");
  }

  @Test
  void signaturesOfTheFutureAreFound() throws Exception {
    Instant future = Instant.now().plus(Duration.ofDays(2));
    servers(signed(() -> future));
    world.above(DELEGATION + ds());
    assertThat(world.check()).contains("SOA has a signature that is valid only from");
  }

  @Test
  void signaturesThatNobodyRenewsAreAWarning() throws Exception {
    Instant past = Instant.now().minus(Duration.ofDays(13));
    servers(signed(() -> past));
    world.above(DELEGATION + ds());
    assertThat(world.check())
        .contains("warning signatures: the first to expire does so in")
        .doesNotContain("error ");
  }

  @Test
  void anUnsignedCopyIsFound() throws Exception {
    world.ours(NS1, signed(InstantSource.system()));
    world.nsd(NS2, Map.of("city.test", zone(NOW)), "");
    world.above(DELEGATION + ds());
    assertThat(world.check())
        .contains("error signatures ns2.city.test 127.53.4.1: it has no keys, while others do");
  }

  /** Zones signed by another program, with both ways to deny. */
  @Test
  void zonesThatOthersSignedAreFollowed() throws Exception {
    for (List<String> how : List.of(List.<String>of(), List.of("-n", "-t", "0"))) {
      try (CheckWorld theirs = new CheckWorld(folder)) {
        Signed signed = sign(how, Duration.ofDays(20));
        theirs.nsd(NS1, Map.of("city.test", signed.zone()), "");
        theirs.nsd(NS2, Map.of("city.test", signed.zone()), "");
        theirs.above(DELEGATION + signed.ds());
        assertThat(theirs.check())
            .as(how.toString())
            .contains("ok dnssec: the parent's DS points at key ")
            .contains("ok signatures: SOA, DNSKEY and a name that does not exist verify at 2")
            .doesNotContain("error ")
            .doesNotContain("warning ");
      }
    }
  }

  @Test
  void aDenialThatIsMissingIsFound() throws Exception {
    Signed signed = sign(List.of(), Duration.ofDays(20));
    String broken =
        signed
            .zone()
            .lines()
            .filter(line -> !line.contains("\tNSEC\t") && !line.contains("\tRRSIG\tNSEC "))
            .collect(Collectors.joining("\n", "", "\n"));
    world.nsd(NS1, Map.of("city.test", broken), "");
    world.nsd(NS2, Map.of("city.test", signed.zone()), "");
    world.above(DELEGATION + signed.ds());
    assertThat(world.check())
        .contains(
            "error signatures ns1.city.test 127.53.3.1: a name that does not exist is not"
                + " proved not to exist")
        .doesNotContain("error signatures ns2");
  }

  @Test
  void whatTheZoneAsksOfItsParentIsLookedAt() throws Exception {
    Signed same = sign(List.of(), Duration.ofDays(20), ds -> "@ IN CDS " + ds + "\n");
    both(same.zone());
    world.above(DELEGATION + same.ds());
    assertThat(world.check()).contains("ok cds: says what the parent has").doesNotContain("error ");
  }

  @Test
  void anAnnouncedKeyThatIsNotThereIsFound() throws Exception {
    String strange = ds(SigningKey.generate()).replace("city IN DS ", "");
    Signed other = sign(List.of(), Duration.ofDays(20), _ -> "@ IN CDS " + strange);
    both(other.zone());
    world.above(DELEGATION + other.ds());
    assertThat(world.check()).contains("error cds: CDS or CDNSKEY name a key that the zone does");
  }

  private void both(String zone) throws Exception {
    world.nsd(NS1, Map.of("city.test", zone), "");
    world.nsd(NS2, Map.of("city.test", zone), "");
  }

  private record Signed(String zone, String ds) {}

  private Signed sign(List<String> how, Duration valid) throws Exception {
    return sign(how, valid, _ -> "");
  }

  /**
   * Has the zone signed by ldns.
   *
   * @param more records, from the data of the key's DS
   */
  private Signed sign(List<String> how, Duration valid, UnaryOperator<String> more)
      throws Exception {
    Path home = Files.createTempDirectory(folder, "ldns");
    String key = keygen(home);
    String ds = Files.readString(Path.of(key + ".ds"));
    String data = ds.substring(ds.indexOf("DS") + 2).strip();
    Path file = Files.writeString(home.resolve("zone"), zone(NOW) + more.apply(data));
    List<String> command = new ArrayList<>(List.of("ldns-signzone"));
    command.addAll(how);
    DateTimeFormatter day = DateTimeFormatter.ofPattern("yyyyMMdd").withZone(ZoneOffset.UTC);
    command.addAll(List.of("-e", day.format(Instant.now().plus(valid))));
    command.addAll(List.of("-f", home.resolve("signed").toString(), file.toString(), key));
    String said = Programs.run(command.toArray(String[]::new));
    assertThat(home.resolve("signed")).as(said).exists();
    return new Signed(Files.readString(home.resolve("signed")), "city IN DS " + data + "\n");
  }

  /** Keys are written where the program runs. */
  private static String keygen(Path home) throws Exception {
    Process process =
        new ProcessBuilder(
                Programs.find("ldns-keygen").toString(), "-k", "-a", "ECDSAP256SHA256", "city.test")
            .directory(home.toFile())
            .start();
    String name =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    assertThat(process.waitFor()).isZero();
    return home.resolve(name).toString();
  }
}
