package dev.meridian.peer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.peer.TrustedAuthorities.Purpose;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.PrivateKey;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.UUID;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Certificates that the authority signed and that are not a node's all the same. */
class TrustedAuthoritiesTest {
  private static final Instant NOW = Instant.parse("2026-05-01T12:00:00Z");
  private static final KeyPurposeId CLIENT = KeyPurposeId.id_kp_clientAuth;
  private static final KeyPurposeId SERVER = KeyPurposeId.id_kp_serverAuth;
  private static final int SIGNS = KeyUsage.digitalSignature;

  private final UUID cluster = UUID.randomUUID();
  private final Authority authority = Authority.create(cluster, NOW);
  private final TrustedAuthorities trusted =
      TrustedAuthorities.of(List.of(authority.certificate()));
  private final String good = "O=" + cluster + ",CN=alice";
  private PrivateKey key;

  @BeforeEach
  void takeTheAuthoritysKey(@TempDir Path folder) throws Exception {
    authority.save(folder);
    key = Pem.Keyed.parse(Files.readString(folder.resolve(Authority.FILE))).key();
  }

  private X509Certificate sign(String subject, boolean ca, int usage, KeyPurposeId... purposes)
      throws Exception {
    JcaX509v3CertificateBuilder builder =
        new JcaX509v3CertificateBuilder(
            X500Name.getInstance(authority.certificate().getSubjectX500Principal().getEncoded()),
            BigInteger.TEN,
            Date.from(NOW.minusSeconds(60)),
            Date.from(NOW.plus(Duration.ofDays(20 * 365))),
            new X500Name(subject),
            NodeCertificate.newKey().getPublic());
    builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(ca));
    builder.addExtension(Extension.keyUsage, true, new KeyUsage(usage));
    if (purposes.length > 0) {
      builder.addExtension(Extension.extendedKeyUsage, false, new ExtendedKeyUsage(purposes));
    }
    return Pem.certificate(
        builder.build(new JcaContentSignerBuilder(Keys.SIGNATURE).build(key)).getEncoded());
  }

  private String check(X509Certificate leaf, Purpose purpose, Instant now)
      throws CertificateException {
    return trusted.check(new X509Certificate[] {leaf, authority.certificate()}, purpose, now);
  }

  private void assertRefused(X509Certificate leaf, Purpose purpose, Instant now, String why) {
    assertThatThrownBy(() -> check(leaf, purpose, now))
        .isInstanceOf(CertificateException.class)
        .hasMessageContaining(why);
  }

  @Test
  void certificateServesOnlyThePurposeItIsFor() throws Exception {
    X509Certificate server = sign(good, false, SIGNS, SERVER);
    X509Certificate client = sign(good, false, SIGNS, CLIENT);
    assertThat(check(server, Purpose.SERVER, NOW)).isEqualTo("alice");
    assertThat(check(client, Purpose.CLIENT, NOW)).isEqualTo("alice");
    assertRefused(server, Purpose.CLIENT, NOW, "not one of a node as CLIENT");
    assertRefused(client, Purpose.SERVER, NOW, "not one of a node as SERVER");
    assertRefused(sign(good, false, SIGNS), Purpose.CLIENT, NOW, "not one of a node");
    assertRefused(
        sign(good, false, KeyUsage.keyAgreement, CLIENT), Purpose.CLIENT, NOW, "not one of a node");
  }

  @Test
  void authorityIsNoNode() throws Exception {
    assertRefused(sign(good, true, SIGNS, CLIENT), Purpose.CLIENT, NOW, "not one of a node");
    assertRefused(authority.certificate(), Purpose.CLIENT, NOW, "not one of a node");
  }

  @Test
  void subjectIsOneClusterAndOneName() throws Exception {
    for (String subject :
        List.of(
            "CN=alice",
            "O=" + cluster,
            "O=" + cluster + ",CN=alice,CN=bob",
            "O=" + cluster + ",O=" + UUID.randomUUID() + ",CN=alice",
            "O=" + cluster + "+CN=alice",
            "O=" + cluster + ",OU=alice",
            "O=acme,CN=alice",
            "O=" + cluster + ",CN=alice bob")) {
      assertRefused(
          sign(subject, false, SIGNS, CLIENT), Purpose.CLIENT, NOW, "subject is not one of");
    }
    assertRefused(
        sign("O=" + UUID.randomUUID() + ",CN=alice", false, SIGNS, CLIENT),
        Purpose.CLIENT,
        NOW,
        "of another cluster");
  }

  @Test
  void authorityThatExpiredIsTrustedNoMoreThoughWhatItSignedIsStillValid() throws Exception {
    X509Certificate leaf = sign(good, false, SIGNS, CLIENT);
    Instant last = NOW.plus(Authority.VALIDITY);
    assertThat(check(leaf, Purpose.CLIENT, last)).isEqualTo("alice");
    assertRefused(leaf, Purpose.CLIENT, last.plusSeconds(1), "authority expired on");
  }

  @Test
  void nothingShownIsNobody() {
    assertThatThrownBy(() -> trusted.check(new X509Certificate[0], Purpose.CLIENT, NOW))
        .isInstanceOf(CertificateException.class);
  }
}
