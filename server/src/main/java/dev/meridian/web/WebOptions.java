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
 * @param idle how long a connection may be open without a whole request: before its first, between
 *     two, and while one's head arrives; a tenth of it when three quarters of the places are taken
 * @param shutdownGrace how long requests in flight may take to finish when the tier stops
 */
public record WebOptions(
    Optional<InetSocketAddress> http,
    Optional<InetSocketAddress> https,
    int maxConnections,
    Duration idle,
    Duration shutdownGrace) {
  /** Checks the bounds. */
  public WebOptions {
    if (maxConnections < 1) {
      throw new IllegalArgumentException("maxConnections must be at least 1: " + maxConnections);
    }
    if (idle.compareTo(Duration.ofMillis(10)) < 0 || idle.compareTo(Duration.ofDays(1)) > 0) {
      throw new IllegalArgumentException("idle must be between 10 ms and a day: " + idle);
    }
  }

  /** How long requests in flight may take to finish when the tier stops, by default. */
  public static final Duration GRACE = Duration.ofSeconds(10);

  /** These listeners, everything else at its default. */
  public static WebOptions of(Optional<InetSocketAddress> http, Optional<InetSocketAddress> https) {
    return new WebOptions(http, https, 20_000, Duration.ofMinutes(1), GRACE);
  }

  /** Plain HTTP at {@code address}, everything else at its default. */
  public static WebOptions http(InetSocketAddress address) {
    return of(Optional.of(address), Optional.empty());
  }

  /** These options with TLS at {@code address} too. */
  public WebOptions withHttps(InetSocketAddress address) {
    return new WebOptions(http, Optional.of(address), maxConnections, idle, shutdownGrace);
  }

  /** These options with other bounds on connections. */
  WebOptions withConnections(int most, Duration idleLimit) {
    return new WebOptions(http, https, most, idleLimit, shutdownGrace);
  }
}
