package dev.meridian.site;

import dev.meridian.geo.Prefix;
import java.net.InetSocketAddress;
import java.util.Optional;

/**
 * A name server that follows this one: it may copy the site's zones, and is told when they change.
 *
 * @param network where it asks from; a single address is a network of one
 * @param key what it signs its requests with; empty if its address is enough
 * @param told where it is told of changes (RFC 1996); empty if it is not
 */
public record Secondary(
    Prefix network, Optional<TransferKey> key, Optional<InetSocketAddress> told) {
  @Override
  public String toString() {
    boolean single = network.length() == (network.v4() ? 32 : 128);
    return single ? network.first().getHostAddress() : network.toString();
  }
}
