package dev.meridian.peer;

import dev.meridian.files.SecretFile;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXCertPathValidatorResult;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Date;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;

/**
 * The certificates of a cluster's authorities: one, or two while one takes over from the other.
 * They are not secret, but whoever can change them can join. Immutable.
 *
 * <p>To change authorities without an interruption: every node trusts the new one besides the old
 * one; then every node gets a certificate of the new one; then every node ceases to trust the old.
 */
public final class TrustedAuthorities {
  static final String FILE = "authorities.pem";

  private static final int MAX_AUTHORITIES = 8;

  /** Where in a certificate's key usage (RFC 5280, 4.2.1.3) these two are. */
  private static final int DIGITAL_SIGNATURE = 0;

  private static final int KEY_CERT_SIGN = 5;

  private final UUID cluster;
  private final List<X509Certificate> certificates;
  private final Set<TrustAnchor> anchors;

  private TrustedAuthorities(UUID cluster, List<X509Certificate> certificates) {
    this.cluster = cluster;
    this.certificates = certificates;
    this.anchors =
        certificates.stream()
            .map(certificate -> new TrustAnchor(certificate, null))
            .collect(Collectors.toUnmodifiableSet());
  }

  /**
   * These authorities; one named twice counts once.
   *
   * @throws IllegalArgumentException if there are none or more than 8, if one is no authority, or
   *     if they are of different clusters
   */
  public static TrustedAuthorities of(Collection<X509Certificate> certificates) {
    List<X509Certificate> distinct = List.copyOf(new LinkedHashSet<>(certificates));
    if (distinct.isEmpty() || distinct.size() > MAX_AUTHORITIES) {
      throw new IllegalArgumentException(
          "A cluster has 1 to " + MAX_AUTHORITIES + " authorities, not " + distinct.size());
    }
    Set<UUID> clusters = new LinkedHashSet<>();
    for (X509Certificate certificate : distinct) {
      boolean[] usage = certificate.getKeyUsage();
      if (certificate.getBasicConstraints() < 0 || usage == null || !usage[KEY_CERT_SIGN]) {
        throw new IllegalArgumentException(
            "Not an authority's certificate: " + certificate.getSubjectX500Principal());
      }
      try {
        clusters.add(Subject.of(certificate.getSubjectX500Principal()).cluster());
      } catch (CertificateException e) {
        throw new IllegalArgumentException(e.getMessage(), e);
      }
    }
    if (clusters.size() != 1) {
      throw new IllegalArgumentException("Authorities of different clusters: " + clusters);
    }
    return new TrustedAuthorities(clusters.iterator().next(), distinct);
  }

  /** The cluster they are of. */
  public UUID cluster() {
    return cluster;
  }

  /** Their certificates, in the order in which they were added. */
  public List<X509Certificate> certificates() {
    return certificates;
  }

  /** These and another one. */
  public TrustedAuthorities with(X509Certificate authority) {
    List<X509Certificate> all = new ArrayList<>(certificates);
    all.add(authority);
    return of(all);
  }

  /** These but one. */
  public TrustedAuthorities without(X509Certificate authority) {
    return of(certificates.stream().filter(c -> !c.equals(authority)).toList());
  }

  /** Writes them to a file in {@code folder}, which belongs to this room; all or nothing. */
  public void save(Path folder) throws IOException {
    SecretFile.write(folder, FILE, Pem.text(certificates));
  }

  /**
   * Reads what {@link #save} wrote.
   *
   * @throws NoSuchFileException if nothing was saved there
   * @throws IOException if the file is damaged; the message says how to mend that
   */
  public static TrustedAuthorities load(Path folder) throws IOException {
    return SecretFile.read(folder, FILE, text -> of(Pem.certificates(text)));
  }

  /** In which part of a handshake a node shows its certificate. */
  enum Purpose {
    SERVER("1.3.6.1.5.5.7.3.1"),
    CLIENT("1.3.6.1.5.5.7.3.2");

    private final String oid;

    Purpose(String oid) {
      this.oid = oid;
    }
  }

  /**
   * Who shows this chain.
   *
   * @return the node's id
   * @throws CertificateException if it is no node of this cluster, or its certificate is not valid
   *     now or not for this purpose; the message says which
   */
  String check(X509Certificate[] chain, Purpose purpose, Instant now) throws CertificateException {
    if (chain.length == 0) {
      throw new CertificateException("The peer shows no certificate");
    }
    X509Certificate leaf = chain[0];
    Subject subject = Subject.of(leaf.getSubjectX500Principal());
    if (!subject.cluster().equals(cluster)) {
      throw new CertificateException(
          "The peer " + subject.name() + " is of another cluster, " + subject.cluster());
    }
    checkTime("The peer " + subject.name() + "'s certificate", leaf, now);
    boolean[] usage = leaf.getKeyUsage();
    List<String> extendedUsage = leaf.getExtendedKeyUsage();
    if (leaf.getBasicConstraints() >= 0
        || usage == null
        || !usage[DIGITAL_SIGNATURE]
        || extendedUsage == null
        || !extendedUsage.contains(purpose.oid)) {
      throw new CertificateException(
          "The peer " + subject.name() + "'s certificate is not one of a node as " + purpose);
    }
    X509Certificate authority = signer(leaf, subject.name(), now);
    checkTime("The certificate of the cluster's authority", authority, now);
    return subject.name();
  }

  /**
   * The cluster that took this one's place, if a peer shows that it is a node of it: its authority
   * has the key of one of these, for another cluster, and began later ({@link
   * Authority#successor}).
   */
  Optional<UUID> successor(X509Certificate[] chain) {
    if (chain.length < 2) {
      return Optional.empty();
    }
    X509Certificate leaf = chain[0];
    X509Certificate authority = chain[1];
    try {
      UUID other = Subject.of(authority.getSubjectX500Principal()).cluster();
      if (other.equals(cluster)
          || !other.equals(Subject.of(leaf.getSubjectX500Principal()).cluster())) {
        return Optional.empty();
      }
      for (X509Certificate own : certificates) {
        if (own.getPublicKey().equals(authority.getPublicKey())
            && own.getNotBefore().before(authority.getNotBefore())) {
          authority.verify(own.getPublicKey());
          leaf.verify(own.getPublicKey());
          return Optional.of(other);
        }
      }
    } catch (GeneralSecurityException e) {
      // It only claims to be one.
    }
    return Optional.empty();
  }

  /** Authorities sign nodes' certificates themselves: what else a peer shows is not looked at. */
  private X509Certificate signer(X509Certificate leaf, String name, Instant now)
      throws CertificateException {
    try {
      PKIXParameters parameters = new PKIXParameters(anchors);
      // Members that were removed are refused at each call.
      parameters.setRevocationEnabled(false);
      parameters.setDate(Date.from(now));
      PKIXCertPathValidatorResult result =
          (PKIXCertPathValidatorResult)
              CertPathValidator.getInstance("PKIX")
                  .validate(
                      CertificateFactory.getInstance("X.509").generateCertPath(List.of(leaf)),
                      parameters);
      return result.getTrustAnchor().getTrustedCert();
    } catch (CertPathValidatorException e) {
      throw new CertificateException(
          "The peer "
              + name
              + "'s certificate is not one of this cluster's authority: "
              + e.getMessage(),
          e);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("Every Java platform has PKIX", e);
    }
  }

  private static void checkTime(String what, X509Certificate certificate, Instant now)
      throws CertificateException {
    Instant from = certificate.getNotBefore().toInstant();
    Instant to = certificate.getNotAfter().toInstant();
    if (now.isBefore(from)) {
      throw new CertificateException(
          what + " is not valid before " + from + ", and it is " + now + " here; see the clocks");
    }
    if (now.isAfter(to)) {
      throw new CertificateException(what + " expired on " + to);
    }
  }
}
