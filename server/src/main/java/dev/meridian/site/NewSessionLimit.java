package dev.meridian.site;

import dev.meridian.geo.Prefix;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;

/**
 * How often one network (a /24 of IPv4, a /56 of IPv6) gets a new session.
 *
 * @param perSecond so often, and {@link #AT_ONCE} times as many at once
 * @param exempt networks without a limit
 */
public record NewSessionLimit(int perSecond, List<Prefix> exempt) {
  /** So many seconds' worth are there for who needed none for a while. */
  public static final int AT_ONCE = 60;

  /** What holds unless {@code site.yaml} says otherwise. */
  public static final NewSessionLimit DEFAULT = new NewSessionLimit(1, ResponseLimit.LOOPBACK);

  private static final int V4_BITS = 24;
  private static final int V6_BITS = 56;

  /** Copies. */
  public NewSessionLimit {
    exempt = List.copyOf(exempt);
  }

  /**
   * Whether there is no limit for this address. That loopback has none unless it is said does not
   * hold for proxies there: they count as who asks when they do not say who did.
   */
  public boolean isExempt(InetAddress address, TrustedProxies proxies) {
    List<Prefix> said = exempt;
    if (proxies.trusts(address)) {
      said = new ArrayList<>(exempt);
      // One of each: who names the same network gets it.
      for (Prefix loopback : ResponseLimit.LOOPBACK) {
        said.remove(loopback);
      }
    }
    return isExempt(said, address);
  }

  static boolean isExempt(List<Prefix> exempt, InetAddress address) {
    byte[] bytes = address.getAddress();
    return exempt.stream()
        .anyMatch(prefix -> prefix.holds(bytes.length == 4, Prefix.high(bytes), Prefix.low(bytes)));
  }

  /** The name of the network of this address, which shares one limit. */
  public static String network(InetAddress address) {
    return Prefix.of(address, address.getAddress().length == 4 ? V4_BITS : V6_BITS).toString();
  }
}
