package dev.meridian.peer;

import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.time.InstantSource;
import java.util.UUID;
import java.util.function.Consumer;
import org.apache.ratis.thirdparty.io.netty.handler.ssl.SslContext;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;

/**
 * TLS between the nodes of a cluster. A peer is trusted if its certificate is of one of the
 * cluster's authorities, names the cluster, is valid now and is a node's; at what address it is
 * found does not matter.
 *
 * <p>What {@link #use} and {@link #trust} change holds for handshakes from then on, of contexts
 * made earlier, too. Connections that are open go on with what they began with. Safe for any
 * thread.
 */
public final class PeerTls {
  private static final RefusalLog REFUSALS = new RefusalLog(LoggerFactory.getLogger(PeerTls.class));

  private final InstantSource clock;
  private final PeerKeyManager keys;
  private volatile TrustedAuthorities trusted;
  private volatile Consumer<UUID> onSuccessor = _ -> {};

  /**
   * TLS with this certificate; it may have expired, to be renewed.
   *
   * @throws IllegalArgumentException if peers that trust these authorities would refuse it
   */
  public PeerTls(NodeCertificate own, TrustedAuthorities trusted, InstantSource clock) {
    checkFits(own, trusted);
    this.clock = clock;
    this.keys = new PeerKeyManager(own);
    this.trusted = trusted;
  }

  /**
   * Shows another certificate in new handshakes.
   *
   * @throws IllegalArgumentException if it is another node's, or not of a trusted authority
   */
  public synchronized void use(NodeCertificate renewed) {
    if (!renewed.node().equals(node())) {
      throw new IllegalArgumentException(
          "The certificate is " + renewed.node() + "'s, this node is " + node());
    }
    checkFits(renewed, trusted);
    keys.use(renewed);
  }

  /**
   * Trusts these authorities, and no others, in new handshakes.
   *
   * @throws IllegalArgumentException if the authority of the own certificate is not among them
   */
  public synchronized void trust(TrustedAuthorities authorities) {
    checkFits(certificate(), authorities);
    trusted = authorities;
  }

  /**
   * Has {@code listener} told, maybe more than once, when a peer turns out to be of the cluster
   * that took this one's place ({@link TrustedAuthorities#successor}). It is called within
   * handshakes, so it must not wait.
   */
  public void onSuccessor(Consumer<UUID> listener) {
    onSuccessor = listener;
  }

  private static void checkFits(NodeCertificate own, TrustedAuthorities trusted) {
    try {
      own.checkFor(trusted);
    } catch (CertificateException e) {
      throw new IllegalArgumentException("Peers would refuse this node. " + e.getMessage(), e);
    }
  }

  /** The certificate that is shown now. */
  public NodeCertificate certificate() {
    return keys.current();
  }

  /** The authorities that are trusted now. */
  public TrustedAuthorities trusted() {
    return trusted;
  }

  /** This node's id. */
  public String node() {
    return certificate().node();
  }

  /** The cluster's id. */
  public UUID cluster() {
    return certificate().cluster();
  }

  /**
   * For a gRPC server on which nodes may also join, and so may come without a certificate: {@link
   * PeerAuthentication} decides what they may call. One that is shown must be good.
   */
  public SslContext serverContext() {
    return Tls.server(keys, new Manager(null));
  }

  /** For gRPC clients that talk to any node of the cluster. */
  public SslContext clientContext() {
    return Tls.client(keys, new Manager(null));
  }

  /** For gRPC clients that talk to one node and to no other, whatever answers at its address. */
  public SslContext clientContext(String expectedNode) {
    return Tls.client(keys, new Manager(expectedNode));
  }

  /**
   * For gRPC clients that talk to nodes of the cluster that took this one's place, and to no
   * others; they show no certificate.
   */
  public SslContext successorContext() {
    return Tls.client(
        null,
        new ChainTrustManager() {
          @Override
          void check(X509Certificate[] chain, TrustedAuthorities.Purpose purpose)
              throws CertificateException {
            if (trusted.successor(chain).isEmpty()) {
              throw new CertificateException("The peer is not of a cluster that followed this one");
            }
          }
        });
  }

  private final class Manager extends ChainTrustManager {
    private final @Nullable String expected;

    Manager(@Nullable String expected) {
      this.expected = expected;
    }

    @Override
    void check(X509Certificate[] chain, TrustedAuthorities.Purpose purpose)
        throws CertificateException {
      TrustedAuthorities authorities = trusted;
      authorities.successor(chain).ifPresent(onSuccessor);
      String node;
      try {
        node = authorities.check(chain, purpose, clock.instant());
      } catch (CertificateException e) {
        if (purpose == TrustedAuthorities.Purpose.CLIENT) { // otherwise this node's call says it
          REFUSALS.say("A peer's connection was refused. " + e.getMessage());
        }
        throw e;
      }
      if (expected != null && !node.equals(expected)) {
        throw new CertificateException(
            "The peer is " + node + ", where " + expected + " was to be");
      }
    }
  }
}
