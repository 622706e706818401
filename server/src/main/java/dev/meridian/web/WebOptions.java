package dev.meridian.web;

import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Optional;

/**
 * How the web tier runs on this node; what the site wants is in {@code site.yaml}.
 *
 * @param http where to listen for plain HTTP/1.1 and HTTP/2; port 0 takes a free one
 * @param https where to listen for HTTP over TLS, with the certificate files {@code Site.tls} names
 * @param maxConnections most open connections on a listener; further ones wait in the backlog
 * @param shutdownGrace how long requests in flight may take to finish when the tier stops
 */
public record WebOptions(
    Optional<InetSocketAddress> http,
    Optional<InetSocketAddress> https,
    int maxConnections,
    Duration shutdownGrace) {
  /** Checks the bounds. */
  public WebOptions {
    if (maxConnections < 1) {
      throw new IllegalArgumentException("maxConnections must be at least 1: " + maxConnections);
    }
  }

  /** Plain HTTP at {@code address}, everything else at its default. */
  public static WebOptions http(InetSocketAddress address) {
    return new WebOptions(Optional.of(address), Optional.empty(), 20_000, Duration.ofSeconds(10));
  }

  /** These options with TLS at {@code address} too. */
  public WebOptions withHttps(InetSocketAddress address) {
    return new WebOptions(http, Optional.of(address), maxConnections, shutdownGrace);
  }
}
