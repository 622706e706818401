package dev.meridian.peer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.document.InvalidInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.Extensions;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequestBuilder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the authority signs, and how it and its certificates are kept. */
class AuthorityTest {
  private static final Instant NOW = Instant.parse("2026-05-01T12:00:00Z");
  private static final Duration DAY = Duration.ofDays(1);

  private final UUID cluster = UUID.randomUUID();
  private final Authority authority = Authority.create(cluster, NOW);

  @TempDir Path folder;

  private X509Certificate issue(byte[] request, String node) {
    return authority.issue(request, node, List.of("10.0.0.7"), Duration.ofDays(30), NOW).getFirst();
  }

  @Test
  void certificateNamesNodeClusterAndHosts() throws Exception {
    KeyPair key = NodeCertificate.newKey();
    List<X509Certificate> chain =
        authority.issue(
            NodeCertificate.request(key),
            "m1a2b3c4",
            List.of("node-1.example.org", "10.0.0.7", "2001:db8::7"),
            Duration.ofDays(30),
            NOW);
    X509Certificate leaf = chain.getFirst();
    assertThat(chain).hasSize(2).last().isEqualTo(authority.certificate());
    leaf.verify(authority.certificate().getPublicKey());
    assertThat(leaf.getSubjectX500Principal().getName()).isEqualTo("CN=m1a2b3c4,O=" + cluster);
    assertThat(leaf.getPublicKey()).isEqualTo(key.getPublic());
    assertThat(leaf.getSubjectAlternativeNames())
        .containsExactlyInAnyOrder(
            List.of(2, "node-1.example.org"),
            List.of(7, "10.0.0.7"),
            List.of(7, "2001:db8:0:0:0:0:0:7"));
    assertThat(leaf.getExtendedKeyUsage())
        .containsExactlyInAnyOrder("1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2");
    assertThat(leaf.getBasicConstraints()).isNegative();
    assertThat(leaf.getNotBefore().toInstant()).isEqualTo(NOW.minus(Duration.ofHours(1)));
    assertThat(leaf.getNotAfter().toInstant()).isEqualTo(NOW.plus(Duration.ofDays(30)));
    assertThat(authority.certificate().getNotAfter().toInstant())
        .isEqualTo(NOW.plus(Duration.ofDays(3650)));
    assertThat(authority.certificate().getBasicConstraints()).isZero();
  }

  @Test
  void successorIsKnownByThoseWhoTrustItsPredecessorOnly() {
    UUID next = UUID.randomUUID();
    Authority successor = authority.successor(next, NOW.plus(DAY));
    X509Certificate[] chain = chain(successor, "alice");
    TrustedAuthorities trusted = trusting(authority);
    assertThat(trusted.successor(chain)).contains(next);
    assertThat(trusting(successor).successor(chain(authority, "bob"))).isEmpty();
    assertThat(trusted.successor(chain(authority, "bob"))).isEmpty();
    // To both the other is another cluster, whatever they know of it.
    assertThatThrownBy(() -> trusted.check(chain, TrustedAuthorities.Purpose.CLIENT, NOW.plus(DAY)))
        .hasMessageContaining("another cluster");
    assertThatThrownBy(
            () ->
                trusting(successor)
                    .check(chain(authority, "bob"), TrustedAuthorities.Purpose.SERVER, NOW))
        .hasMessageContaining("another cluster");
    // A clock that went back does not make it the older one; and it may have one itself.
    Authority early = authority.successor(next, NOW.minus(DAY.multipliedBy(400)));
    assertThat(trusted.successor(chain(early, "alice"))).contains(next);
    UUID last = UUID.randomUUID();
    Authority second = successor.successor(last, NOW.plus(DAY));
    assertThat(trusted.successor(chain(second, "alice"))).contains(last);
    assertThat(trusting(successor).successor(chain(second, "alice"))).contains(last);
  }

  @Test
  void strangersAreNoSuccessors() {
    Authority stranger = Authority.create(UUID.randomUUID(), NOW.plus(DAY));
    TrustedAuthorities trusted = trusting(authority);
    assertThat(trusted.successor(chain(stranger, "eve"))).isEmpty();
    assertThat(trusted.successor(new X509Certificate[0])).isEmpty();
    // With the certificate of a successor, but not its key.
    Authority successor = authority.successor(stranger.cluster(), NOW.plus(DAY));
    assertThat(
            trusted.successor(
                new X509Certificate[] {chain(stranger, "eve")[0], successor.certificate()}))
        .isEmpty();
  }

  private static TrustedAuthorities trusting(Authority of) {
    return TrustedAuthorities.of(List.of(of.certificate()));
  }

  private static X509Certificate[] chain(Authority of, String node) {
    return of.issue(
            NodeCertificate.request(NodeCertificate.newKey()),
            node,
            List.of("10.0.0.7"),
            DAY,
            NOW.plus(DAY))
        .toArray(X509Certificate[]::new);
  }

  @Test
  void requestDecidesNeitherTheNameNorTheRights() throws Exception {
    KeyPair key = NodeCertificate.newKey();
    Extensions wishes =
        new Extensions(
            new Extension(
                Extension.basicConstraints, true, new BasicConstraints(true).getEncoded()));
    byte[] request =
        new JcaPKCS10CertificationRequestBuilder(
                new X500Name("O=" + UUID.randomUUID() + ",CN=somebody-else"), key.getPublic())
            .addAttribute(PKCSObjectIdentifiers.pkcs_9_at_extensionRequest, wishes)
            .build(new JcaContentSignerBuilder("SHA256withECDSA").build(key.getPrivate()))
            .getEncoded();
    X509Certificate leaf = issue(request, "alice");
    assertThat(Subject.of(leaf.getSubjectX500Principal())).isEqualTo(new Subject(cluster, "alice"));
    assertThat(leaf.getBasicConstraints()).isNegative();
  }

  @Test
  void requestForAKeyThatItsSenderDoesNotHaveIsRefused() throws Exception {
    KeyPair mine = NodeCertificate.newKey();
    byte[] request =
        new JcaPKCS10CertificationRequestBuilder(
                new X500Name("CN=node"), NodeCertificate.newKey().getPublic())
            .build(new JcaContentSignerBuilder("SHA256withECDSA").build(mine.getPrivate()))
            .getEncoded();
    assertThatThrownBy(() -> issue(request, "alice"))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("not signed by its own key");
  }

  @Test
  void requestWithAnotherKindOfKeyIsRefused() throws Exception {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
    generator.initialize(2048);
    KeyPair rsa = generator.generateKeyPair();
    byte[] request =
        new JcaPKCS10CertificationRequestBuilder(new X500Name("CN=node"), rsa.getPublic())
            .build(new JcaContentSignerBuilder("SHA256withRSA").build(rsa.getPrivate()))
            .getEncoded();
    assertThatThrownBy(() -> issue(request, "alice"))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("P-256");
  }

  @Test
  void damagedRequestsAreRefusedAndNothingElseHappens() {
    byte[] good = NodeCertificate.request(NodeCertificate.newKey());
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int i = 0; i < 1000; i++) {
      byte[] bad = good.clone();
      bad[random.nextInt(bad.length)] ^= (byte) (1 << random.nextInt(8));
      try {
        X509Certificate leaf = issue(bad, "alice");
        // A bit in what is passed over, with the signature changed to match, is beyond chance.
        throw new AssertionError("seed " + seed + ", try " + i + ": " + leaf);
      } catch (InvalidInputException e) {
        assertThat(e).as("seed %s", seed).hasMessageEndingWith(".");
      }
    }
    assertThatThrownBy(() -> issue(new byte[0], "alice")).isInstanceOf(InvalidInputException.class);
    assertThatThrownBy(() -> issue(new byte[9000], "alice"))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("at most 8192 bytes");
  }

  @Test
  void namesThatAreNoneAreRefused() {
    byte[] request = NodeCertificate.request(NodeCertificate.newKey());
    for (String node : List.of("", "a,O=x", "a b", "-a", "a\n", "é", "a".repeat(65))) {
      assertThatThrownBy(() -> issue(request, node))
          .as(node)
          .isInstanceOf(InvalidInputException.class)
          .hasMessageContaining("A node's id is");
    }
    for (String host : List.of("", "a b", "a..b", "*.example.org", "a".repeat(64), "a\n")) {
      assertThatThrownBy(
              () -> authority.issue(request, "alice", List.of(host), Duration.ofDays(30), NOW))
          .as(host)
          .isInstanceOf(InvalidInputException.class);
    }
    assertThatThrownBy(() -> authority.issue(request, "alice", List.of(), Duration.ofDays(30), NOW))
        .isInstanceOf(InvalidInputException.class);
  }

  @Test
  void serialNumbersAreAllDifferent() {
    byte[] request = NodeCertificate.request(NodeCertificate.newKey());
    Set<Object> serials = new HashSet<>();
    for (int i = 0; i < 100; i++) {
      assertThat(serials.add(issue(request, "alice").getSerialNumber())).isTrue();
    }
  }

  @Test
  void noCertificateOutlivesItsAuthority() {
    byte[] request = NodeCertificate.request(NodeCertificate.newKey());
    Instant late = NOW.plus(Authority.VALIDITY).minus(DAY);
    X509Certificate leaf =
        authority.issue(request, "alice", List.of("a"), Duration.ofDays(30), late).getFirst();
    assertThat(leaf.getNotAfter()).isEqualTo(authority.certificate().getNotAfter());
    assertThatThrownBy(
            () ->
                authority.issue(
                    request, "alice", List.of("a"), Duration.ofDays(30), late.plus(DAY)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("expired");
  }

  private NodeCertificate node() {
    KeyPair key = NodeCertificate.newKey();
    return NodeCertificate.of(
        key.getPrivate(),
        authority.issue(
            NodeCertificate.request(key), "alice", List.of("a"), Duration.ofDays(30), NOW));
  }

  @Test
  void renewalIsDueAfterTwoThirdsOfItsLife() {
    NodeCertificate node = node();
    Duration life = Duration.ofDays(30).plusHours(1);
    Instant due = NOW.minus(Duration.ofHours(1)).plus(life.multipliedBy(2).dividedBy(3));
    assertThat(node.renewalDue(due.minusSeconds(1))).isFalse();
    assertThat(node.renewalDue(due)).isTrue();
    assertThat(node.renewalDue(NOW.plus(Duration.ofDays(365)))).isTrue();
  }

  @Test
  void certificateForAnotherKeyIsNotTaken() {
    List<X509Certificate> chain = node().chain();
    assertThatThrownBy(() -> NodeCertificate.of(NodeCertificate.newKey().getPrivate(), chain))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("another key");
  }

  @Test
  void certificateBehindAnotherAuthorityIsNotTaken() {
    NodeCertificate node = node();
    Authority other = Authority.create(cluster, NOW);
    assertThatThrownBy(
            () ->
                NodeCertificate.of(
                    node.key(), List.of(node.chain().getFirst(), other.certificate())))
        .isInstanceOf(InvalidInputException.class);
  }

  @Test
  void filesAreReadAsTheyWereWrittenAndOnlyTheirOwnerMayReadThem() throws IOException {
    Path own = folder.resolve("new/peer");
    NodeCertificate node = node();
    TrustedAuthorities trusted =
        TrustedAuthorities.of(List.of(authority.certificate()))
            .with(Authority.create(cluster, NOW).certificate());
    authority.save(own);
    node.save(own);
    trusted.save(own);
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(own)))
        .isEqualTo("rwx------");
    try (var files = Files.list(own)) {
      assertThat(files.toList())
          .hasSize(3)
          .allSatisfy(
              file ->
                  assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                      .isEqualTo("rw-------"));
    }
    assertThat(Authority.load(own).certificate()).isEqualTo(authority.certificate());
    assertThat(Authority.load(own).cluster()).isEqualTo(cluster);
    NodeCertificate read = NodeCertificate.load(own);
    assertThat(read.chain()).isEqualTo(node.chain());
    assertThat(read.key()).isEqualTo(node.key());
    assertThat(read.node()).isEqualTo("alice");
    assertThat(TrustedAuthorities.load(own).certificates()).isEqualTo(trusted.certificates());
    // What the loaded one signs, the saved one's peers trust.
    KeyPair key = NodeCertificate.newKey();
    List<X509Certificate> chain =
        Authority.load(own)
            .issue(NodeCertificate.request(key), "bob", List.of("b"), Duration.ofDays(30), NOW);
    assertThat(NodeCertificate.of(key.getPrivate(), chain).node()).isEqualTo("bob");
  }

  @Test
  void fileThatOthersCouldReadIsClosedToThemWhenItIsRead() throws IOException {
    authority.save(folder);
    Path file = folder.resolve(Authority.FILE);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
    Authority.load(folder);
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
        .isEqualTo("rw-------");
  }

  @Test
  void halfWrittenFileOfACrashNeitherHidesTheOldNorHindersTheNew() throws IOException {
    NodeCertificate first = node();
    first.save(folder);
    Path draft = folder.resolve(NodeCertificate.FILE + ".new");
    Files.writeString(draft, "-----BEGIN PRIVATE KEY-----\nMIGH");
    assertThat(NodeCertificate.load(folder).chain()).isEqualTo(first.chain());
    NodeCertificate second = node();
    second.save(folder);
    assertThat(NodeCertificate.load(folder).chain()).isEqualTo(second.chain());
    assertThat(draft).doesNotExist();
  }

  @Test
  void everyFileThatIsCutShortIsFoundDamaged() throws IOException {
    node().save(folder);
    Path file = folder.resolve(NodeCertificate.FILE);
    String whole = Files.readString(file);
    for (int length = 0; length < whole.length(); length += 7) {
      Files.writeString(file, whole.substring(0, length));
      assertThatThrownBy(() -> NodeCertificate.load(folder))
          .as("%s characters", length)
          .isInstanceOf(IOException.class)
          .hasMessageContaining("is damaged; put a copy back");
    }
  }

  @Test
  void fileThatIsNotThereIsToldFromADamagedOne() {
    assertThatThrownBy(() -> Authority.load(folder)).isInstanceOf(NoSuchFileException.class);
    assertThatThrownBy(() -> NodeCertificate.load(folder)).isInstanceOf(NoSuchFileException.class);
  }

  @Test
  void authoritiesOfTwoClustersAreNotTrustedTogether() {
    X509Certificate other = Authority.create(UUID.randomUUID(), NOW).certificate();
    TrustedAuthorities one = TrustedAuthorities.of(List.of(authority.certificate()));
    assertThatThrownBy(() -> one.with(other)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> one.without(authority.certificate()))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> one.with(node().chain().getFirst()))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
