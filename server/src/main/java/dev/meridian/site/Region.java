package dev.meridian.site;

import dev.meridian.geo.Position;
import java.net.InetAddress;
import java.util.List;
import java.util.Optional;

/**
 * A region: one data centre, as clients reach it.
 *
 * @param name what {@code site.yaml} calls it
 * @param location where it is; always known of regions that are answered by distance
 * @param addresses those of its nodes, of IPv4, IPv6 or both; at least one
 */
public record Region(String name, Optional<Position> location, List<InetAddress> addresses) {
  /** Most regions of a site. */
  public static final int MAX_REGIONS = 32;

  /** Most addresses of a region. */
  public static final int MAX_ADDRESSES = 32;

  /** Copies. */
  public Region {
    addresses = List.copyOf(addresses);
  }
}
