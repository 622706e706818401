package dev.meridian.site;

import java.net.InetSocketAddress;
import java.util.Optional;

/**
 * Where a node listens. Empty means the listener is off; the name server and the web tier may be
 * off on a node that has only some roles.
 *
 * @param http plain HTTP for the site
 * @param https HTTP over TLS for the site
 * @param dns the name server, UDP and TCP
 * @param dnsTls the name server over TLS (RFC 7858); only where {@code dns} is
 * @param admin the operator's listener: health, metrics, administration
 * @param peer traffic between nodes
 */
public record Listeners(
    Optional<InetSocketAddress> http,
    Optional<InetSocketAddress> https,
    Optional<InetSocketAddress> dns,
    Optional<InetSocketAddress> dnsTls,
    InetSocketAddress admin,
    InetSocketAddress peer) {
  /** Everything on loopback, TLS off. */
  public static final Listeners DEFAULT =
      new Listeners(
          Optional.of(new InetSocketAddress("127.0.0.1", 8080)),
          Optional.empty(),
          Optional.of(new InetSocketAddress("127.0.0.1", 5353)),
          new InetSocketAddress("127.0.0.1", 8081),
          new InetSocketAddress("127.0.0.1", 7400));

  /** These, and no name server over TLS. */
  public Listeners(
      Optional<InetSocketAddress> http,
      Optional<InetSocketAddress> https,
      Optional<InetSocketAddress> dns,
      InetSocketAddress admin,
      InetSocketAddress peer) {
    this(http, https, dns, Optional.empty(), admin, peer);
  }
}
