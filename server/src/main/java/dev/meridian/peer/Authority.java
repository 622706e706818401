package dev.meridian.peer;

import dev.meridian.document.InvalidInputException;
import dev.meridian.files.SecretFile;
import java.io.IOException;
import java.math.BigInteger;
import java.net.InetAddress;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;
import java.util.regex.Pattern;
import org.bouncycastle.asn1.sec.SECObjectIdentifiers;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x500.X500NameBuilder;
import org.bouncycastle.asn1.x500.style.BCStyle;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.asn1.x9.X9ObjectIdentifiers;
import org.bouncycastle.cert.CertIOException;
import org.bouncycastle.cert.X509v3CertificateBuilder;
import org.bouncycastle.cert.jcajce.JcaX509ExtensionUtils;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaContentVerifierProviderBuilder;
import org.bouncycastle.pkcs.PKCS10CertificationRequest;
import org.bouncycastle.pkcs.PKCSException;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequest;

/**
 * A cluster's own certificate authority: a key on P-256 and a certificate signed by itself. Whoever
 * has its key decides who is a node of the cluster. Immutable, and safe for any thread.
 *
 * <p>Certificates follow RFC 5280. Authorities sign nodes' certificates directly, so a node cannot
 * make another.
 */
public final class Authority {
  /** How long an authority is valid. */
  public static final Duration VALIDITY = Duration.ofDays(3650);

  /** How long a node's certificate is valid, unless there is a reason for less. */
  public static final Duration NODE_VALIDITY = Duration.ofDays(30);

  static final String FILE = "authority.pem";

  /** How far a node's clock may be behind and its new certificate be good already. */
  private static final Duration SKEW = Duration.ofHours(1);

  /** A request with a key on P-256 has 250 bytes. */
  private static final int MAX_REQUEST_BYTES = 8 << 10;

  private static final int MAX_HOSTS = 16;
  private static final int SERIAL_BITS = 127;
  private static final Pattern HOST_NAME =
      Pattern.compile("(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(\\.[A-Za-z0-9_-]{1,63})*");
  private static final SecureRandom RANDOM = new SecureRandom();

  private final UUID cluster;
  private final PrivateKey key;
  private final X509Certificate certificate;

  private Authority(UUID cluster, PrivateKey key, X509Certificate certificate) {
    this.cluster = cluster;
    this.key = key;
    this.certificate = certificate;
  }

  /** A new authority with a new key. */
  public static Authority create(UUID cluster, Instant now) {
    return create(cluster, Keys.create(), now.minus(SKEW), now);
  }

  /**
   * The authority of the cluster that takes the place of this one's. It has the same key and begins
   * later, by which {@link TrustedAuthorities#successor} knows it; to those who trust this one it
   * is another cluster's like any.
   */
  public Authority successor(UUID next, Instant now) {
    Instant from = now.minus(SKEW);
    Instant after = certificate.getNotBefore().toInstant().plusSeconds(1);
    return create(
        next,
        new KeyPair(certificate.getPublicKey(), key),
        from.isBefore(after) ? after : from,
        now);
  }

  private static Authority create(UUID cluster, KeyPair keys, Instant from, Instant now) {
    // A name of its own, so that old and new can be told apart while one follows the other.
    byte[] random = new byte[4];
    RANDOM.nextBytes(random);
    X500Name name = name(cluster, "authority-" + HexFormat.of().formatHex(random));
    X509v3CertificateBuilder builder =
        builder(name, name, keys.getPublic(), from, now.plus(VALIDITY));
    try {
      JcaX509ExtensionUtils ids = new JcaX509ExtensionUtils();
      builder
          .addExtension(Extension.basicConstraints, true, new BasicConstraints(0))
          .addExtension(
              Extension.keyUsage, true, new KeyUsage(KeyUsage.keyCertSign | KeyUsage.cRLSign))
          .addExtension(
              Extension.subjectKeyIdentifier,
              false,
              ids.createSubjectKeyIdentifier(keys.getPublic()));
    } catch (GeneralSecurityException | CertIOException e) {
      throw new IllegalStateException("Every Java platform has SHA-1 for key identifiers", e);
    }
    return new Authority(cluster, keys.getPrivate(), sign(builder, keys.getPrivate()));
  }

  /** The cluster whose authority this is. */
  public UUID cluster() {
    return cluster;
  }

  /** Its own certificate, which is not secret. */
  public X509Certificate certificate() {
    return certificate;
  }

  /**
   * Makes a certificate for the key in a request. Of the request only that key counts, and the
   * proof that its sender has its private half: whom the certificate names is decided here.
   *
   * @param request a PKCS #10 request (RFC 2986) in binary form, at most 8 KiB, with a key on P-256
   * @param node the node's id, 1 to 64 letters, digits, {@code .}, {@code _} and {@code -}
   * @param hosts host names and addresses at which the node listens, 1 to 16
   * @param validity how long it is valid; never longer than this authority
   * @return the node's certificate and then the authority's
   * @throws InvalidInputException if the request, the id or a host cannot be used
   */
  public List<X509Certificate> issue(
      byte[] request, String node, List<String> hosts, Duration validity, Instant now) {
    if (!Subject.isName(node)) {
      throw new InvalidInputException(
          "A node's id is 1 to 64 letters, digits, '.', '_' and '-', not '" + node + "'.");
    }
    if (validity.compareTo(Duration.ofMinutes(1)) < 0) {
      throw new IllegalArgumentException("a certificate for less than a minute: " + validity);
    }
    Instant end = now.plus(validity);
    Instant last = certificate.getNotAfter().toInstant();
    if (!now.isBefore(last)) {
      throw new IllegalStateException("The cluster's authority expired on " + last);
    }
    PublicKey nodeKey = key(request);
    X509v3CertificateBuilder builder =
        builder(
            X500Name.getInstance(certificate.getSubjectX500Principal().getEncoded()),
            name(cluster, node),
            nodeKey,
            now.minus(SKEW),
            end.isBefore(last) ? end : last);
    try {
      JcaX509ExtensionUtils ids = new JcaX509ExtensionUtils();
      builder
          .addExtension(Extension.basicConstraints, true, new BasicConstraints(false))
          .addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.digitalSignature))
          .addExtension(
              Extension.extendedKeyUsage,
              false,
              new ExtendedKeyUsage(
                  new KeyPurposeId[] {
                    KeyPurposeId.id_kp_serverAuth, KeyPurposeId.id_kp_clientAuth
                  }))
          .addExtension(Extension.subjectAlternativeName, false, names(hosts))
          .addExtension(
              Extension.subjectKeyIdentifier, false, ids.createSubjectKeyIdentifier(nodeKey))
          .addExtension(
              Extension.authorityKeyIdentifier,
              false,
              ids.createAuthorityKeyIdentifier(certificate.getPublicKey()));
    } catch (GeneralSecurityException | CertIOException e) {
      throw new IllegalStateException("Every Java platform has SHA-1 for key identifiers", e);
    }
    return List.of(sign(builder, key), certificate);
  }

  /** Writes it to a file in {@code folder}, which belongs to this room; all or nothing. */
  public void save(Path folder) throws IOException {
    SecretFile.write(folder, FILE, secretText());
  }

  /** Key and certificate as PEM, for nodes that are to let others join, too. */
  public String secretText() {
    return new Pem.Keyed(key, List.of(certificate)).text();
  }

  /**
   * Reads what {@link #save} wrote.
   *
   * @throws NoSuchFileException if nothing was saved there
   * @throws IOException if the file is damaged; the message says how to mend that
   */
  public static Authority load(Path folder) throws IOException {
    return SecretFile.read(folder, FILE, Authority::parse);
  }

  /**
   * Reads what {@link #secretText} gave.
   *
   * @throws InvalidInputException if it is damaged
   */
  public static Authority parse(String text) {
    Pem.Keyed keyed = Pem.Keyed.parse(text);
    TrustedAuthorities itself = TrustedAuthorities.of(keyed.certificates());
    X509Certificate certificate = keyed.certificates().getFirst();
    if (keyed.certificates().size() != 1 || !Keys.belong(keyed.key(), certificate.getPublicKey())) {
      throw new InvalidInputException("Its key and its certificate do not belong together");
    }
    return new Authority(itself.cluster(), keyed.key(), certificate);
  }

  private static PublicKey key(byte[] request) {
    if (request.length > MAX_REQUEST_BYTES) {
      throw new InvalidInputException(
          "A certificate request has at most "
              + MAX_REQUEST_BYTES
              + " bytes, not "
              + request.length
              + ".");
    }
    try {
      PKCS10CertificationRequest parsed = new PKCS10CertificationRequest(request);
      AlgorithmIdentifier algorithm = parsed.getSubjectPublicKeyInfo().getAlgorithm();
      if (!algorithm.getAlgorithm().equals(X9ObjectIdentifiers.id_ecPublicKey)
          || !SECObjectIdentifiers.secp256r1.equals(algorithm.getParameters())) {
        throw new InvalidInputException("A node's key is on the curve P-256, which this is not.");
      }
      PublicKey key = new JcaPKCS10CertificationRequest(parsed).getPublicKey();
      if (!parsed.isSignatureValid(new JcaContentVerifierProviderBuilder().build(key))) {
        throw new InvalidInputException("The certificate request is not signed by its own key.");
      }
      return key;
    } catch (IOException
        | GeneralSecurityException
        | OperatorCreationException
        | PKCSException
        | IllegalArgumentException
        | IllegalStateException
        | ClassCastException e) {
      // Which of them a damaged request ends in is chance.
      throw new InvalidInputException("The certificate request cannot be read.", e);
    }
  }

  private static GeneralNames names(List<String> hosts) {
    if (hosts.isEmpty() || hosts.size() > MAX_HOSTS) {
      throw new InvalidInputException(
          "A node has 1 to " + MAX_HOSTS + " hosts, not " + hosts.size() + ".");
    }
    return new GeneralNames(hosts.stream().map(Authority::name).toArray(GeneralName[]::new));
  }

  private static GeneralName name(String host) {
    try {
      String address = InetAddress.ofLiteral(host).getHostAddress();
      int scope = address.indexOf('%');
      return new GeneralName(
          GeneralName.iPAddress, scope < 0 ? address : address.substring(0, scope));
    } catch (IllegalArgumentException e) {
      // Then it is a name.
    }
    if (!HOST_NAME.matcher(host).matches()) {
      throw new InvalidInputException("'" + host + "' is neither a host name nor an address.");
    }
    return new GeneralName(GeneralName.dNSName, host);
  }

  private static X500Name name(UUID cluster, String name) {
    return new X500NameBuilder(BCStyle.INSTANCE)
        .addRDN(BCStyle.O, cluster.toString())
        .addRDN(BCStyle.CN, name)
        .build();
  }

  private static X509v3CertificateBuilder builder(
      X500Name issuer, X500Name subject, PublicKey key, Instant from, Instant to) {
    BigInteger serial = new BigInteger(SERIAL_BITS, RANDOM).add(BigInteger.ONE);
    return new JcaX509v3CertificateBuilder(
        issuer, serial, Date.from(from), Date.from(to), subject, key);
  }

  private static X509Certificate sign(X509v3CertificateBuilder builder, PrivateKey key) {
    try {
      return Pem.certificate(
          builder.build(new JcaContentSignerBuilder(Keys.SIGNATURE).build(key)).getEncoded());
    } catch (OperatorCreationException | IOException e) {
      throw new IllegalStateException("Every Java platform has " + Keys.SIGNATURE, e);
    }
  }

  /** Tells what it is, not its key. */
  @Override
  public String toString() {
    try {
      return Subject.of(certificate.getSubjectX500Principal()).toString();
    } catch (CertificateException e) {
      throw new IllegalStateException(e);
    }
  }
}
