package dev.meridian.peer;

import dev.meridian.document.InvalidInputException;
import dev.meridian.files.SecretFile;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequestBuilder;

/**
 * What a node proves its identity with: a private key, and a certificate of the cluster's authority
 * that names the node. Immutable, and safe for any thread.
 *
 * <p>A node gets one so: {@link #newKey}, {@link #request}, the authority's {@link Authority#issue
 * issue}, {@link #of}. It renews it in the same way, with a new key.
 */
public final class NodeCertificate {
  static final String FILE = "node.pem";

  private final PrivateKey key;
  private final List<X509Certificate> chain;
  private final Subject subject;

  private NodeCertificate(PrivateKey key, List<X509Certificate> chain, Subject subject) {
    this.key = key;
    this.chain = chain;
    this.subject = subject;
  }

  /** A new key pair for a node. */
  public static KeyPair newKey() {
    return Keys.create();
  }

  /** A PKCS #10 request (RFC 2986) in binary form for a certificate; it names nobody. */
  public static byte[] request(KeyPair key) {
    try {
      return new JcaPKCS10CertificationRequestBuilder(new X500Name("CN=node"), key.getPublic())
          .build(new JcaContentSignerBuilder(Keys.SIGNATURE).build(key.getPrivate()))
          .getEncoded();
    } catch (OperatorCreationException | IOException e) {
      throw new IllegalStateException("Every Java platform has " + Keys.SIGNATURE, e);
    }
  }

  /**
   * What an authority answered to a request.
   *
   * @param chain the node's certificate, then the authority's
   * @throws InvalidInputException if it is for another key or not a node's
   */
  public static NodeCertificate of(PrivateKey key, List<X509Certificate> chain) {
    if (chain.size() != 2) {
      throw new InvalidInputException(
          "A node's certificate is followed by its authority's and no other");
    }
    X509Certificate leaf = chain.getFirst();
    if (!Keys.belong(key, leaf.getPublicKey())) {
      throw new InvalidInputException("The certificate is for another key");
    }
    try {
      NodeCertificate made =
          new NodeCertificate(key, List.copyOf(chain), Subject.of(leaf.getSubjectX500Principal()));
      TrustedAuthorities authority = TrustedAuthorities.of(List.of(chain.getLast()));
      made.checkFor(authority);
      return made;
    } catch (CertificateException | IllegalArgumentException e) {
      throw new InvalidInputException("Not the certificate of a node: " + e.getMessage(), e);
    }
  }

  /**
   * That peers which trust these authorities take it, at the time it is made for: an expired one
   * can still be loaded, to be renewed.
   */
  void checkFor(TrustedAuthorities authorities) throws CertificateException {
    X509Certificate[] shown = chain.toArray(X509Certificate[]::new);
    Instant valid = expires();
    authorities.check(shown, TrustedAuthorities.Purpose.SERVER, valid);
    authorities.check(shown, TrustedAuthorities.Purpose.CLIENT, valid);
  }

  /** The cluster that the node belongs to. */
  public UUID cluster() {
    return subject.cluster();
  }

  /** The node's id. */
  public String node() {
    return subject.name();
  }

  /** The node's certificate, then the authority's; not secret. */
  public List<X509Certificate> chain() {
    return chain;
  }

  /** The last second in which peers take it. */
  public Instant expires() {
    return chain.getFirst().getNotAfter().toInstant();
  }

  /** Whether two thirds of its life are over. */
  public boolean renewalDue(Instant now) {
    Instant from = chain.getFirst().getNotBefore().toInstant();
    Duration life = Duration.between(from, expires());
    return !now.isBefore(from.plus(life.multipliedBy(2).dividedBy(3)));
  }

  PrivateKey key() {
    return key;
  }

  /** Writes it to a file in {@code folder}, which belongs to this room; all or nothing. */
  public void save(Path folder) throws IOException {
    SecretFile.write(folder, FILE, new Pem.Keyed(key, chain).text());
  }

  /**
   * Reads what {@link #save} wrote.
   *
   * @throws NoSuchFileException if nothing was saved there
   * @throws IOException if the file is damaged; the message says how to mend that
   */
  public static NodeCertificate load(Path folder) throws IOException {
    return SecretFile.read(
        folder,
        FILE,
        text -> {
          Pem.Keyed keyed = Pem.Keyed.parse(text);
          return of(keyed.key(), keyed.certificates());
        });
  }

  /** Tells whose it is and until when, not its key. */
  @Override
  public String toString() {
    return subject + " until " + expires();
  }
}
