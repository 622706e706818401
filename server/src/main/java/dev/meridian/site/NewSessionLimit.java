package dev.meridian.site;

import dev.meridian.geo.Prefix;
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

  /** Copies. */
  public NewSessionLimit {
    exempt = List.copyOf(exempt);
  }
}
