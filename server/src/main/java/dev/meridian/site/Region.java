package dev.meridian.site;

import dev.meridian.geo.Position;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * A region: one data centre, as clients reach it.
 *
 * @param name what {@code site.yaml} calls it
 * @param location where it is; always known of regions that are answered by distance
 * @param addresses those of its nodes, of IPv4, IPv6 or both; at least one
 * @param health how it is found out which of them can serve; empty if nobody tries
 * @param probed where each of them is tried; nothing without {@code health}
 * @param capacity requests a second that all its addresses together can take; empty if nobody said.
 *     With it, {@code health} asks over HTTP or HTTPS, and its answers tell how many come
 */
public record Region(
    String name,
    Optional<Position> location,
    List<InetAddress> addresses,
    Optional<HealthCheck> health,
    Map<InetAddress, InetSocketAddress> probed,
    OptionalInt capacity) {
  /** Most regions of a site. */
  public static final int MAX_REGIONS = 32;

  /** Most addresses of a region. */
  public static final int MAX_ADDRESSES = 32;

  /** Copies. */
  public Region {
    addresses = List.copyOf(addresses);
    probed = Map.copyOf(probed);
  }
}
