package dev.meridian.site;

import dev.meridian.geo.Prefix;
import java.util.List;

/**
 * How often one network (a /24 of IPv4, a /56 of IPv6) gets one response of the name server over
 * UDP.
 *
 * @param perSecond so often, and as many at once
 * @param slip of so many queries beyond it, one is answered with "ask over TCP" and the others not
 *     at all; 1 for all, 0 for none
 * @param exempt networks without a limit
 */
public record ResponseLimit(int perSecond, int slip, List<Prefix> exempt) {
  /** What no packet from outside can come from. */
  public static final List<Prefix> LOOPBACK =
      List.of(Prefix.parse("127.0.0.0/8").orElseThrow(), Prefix.parse("::1/128").orElseThrow());

  /** What holds unless {@code site.yaml} says otherwise. */
  public static final ResponseLimit DEFAULT = new ResponseLimit(200, 2, LOOPBACK);

  /** Copies. */
  public ResponseLimit {
    exempt = List.copyOf(exempt);
  }
}
