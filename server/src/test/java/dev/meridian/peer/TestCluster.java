package dev.meridian.peer;

import java.security.KeyPair;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;

/** A cluster's authority, and the nodes it makes. */
final class TestCluster {
  final UUID id;
  final Authority authority;

  private TestCluster(UUID id, Instant since) {
    this.id = id;
    this.authority = Authority.create(id, since);
  }

  static TestCluster create() {
    return of(UUID.randomUUID());
  }

  /** One of the same name as another, but with an authority of its own. */
  static TestCluster of(UUID id) {
    return new TestCluster(id, Instant.now().minus(Duration.ofDays(100)));
  }

  TrustedAuthorities trusted() {
    return TrustedAuthorities.of(List.of(authority.certificate()));
  }

  NodeCertificate node(String node) {
    return node(node, Instant.now(), Authority.NODE_VALIDITY);
  }

  NodeCertificate node(String node, Instant from, Duration validity) {
    KeyPair key = NodeCertificate.newKey();
    List<X509Certificate> chain =
        authority.issue(NodeCertificate.request(key), node, List.of("127.0.0.1"), validity, from);
    return NodeCertificate.of(key.getPrivate(), chain);
  }

  PeerTls tls(String node) {
    return tls(node(node));
  }

  PeerTls tls(NodeCertificate certificate) {
    return new PeerTls(certificate, trusted(), Clock.systemUTC());
  }
}
