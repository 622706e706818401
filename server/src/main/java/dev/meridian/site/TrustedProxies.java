package dev.meridian.site;

import dev.meridian.geo.Prefix;
import java.net.InetAddress;
import java.util.List;

/**
 * The proxies before this site, such as a load balancer's or a CDN's: what they say of where a
 * request came from is believed, and nobody else is.
 *
 * @param networks where they are; with none, nobody is believed
 * @param header where they say it. It is one alone: a proxy passes on what it does not write
 *     itself, and a visitor can write anything there
 */
public record TrustedProxies(List<Prefix> networks, Header header) {
  /** Nobody is believed. */
  public static final TrustedProxies NONE = new TrustedProxies(List.of(), Header.X_FORWARDED_FOR);

  /** A header in which proxies say where a request came from. */
  public enum Header {
    /** {@code X-Forwarded-For} and {@code X-Forwarded-Proto}, which most proxies write. */
    X_FORWARDED_FOR("x-forwarded-for"),

    /** {@code Forwarded} (RFC 7239). */
    FORWARDED("forwarded");

    private final String word;

    Header(String word) {
      this.word = word;
    }

    /** As {@code site.yaml} says it. */
    public String word() {
      return word;
    }
  }

  /** Copies. */
  public TrustedProxies {
    networks = List.copyOf(networks);
  }

  /** Whether an address is a proxy's. */
  public boolean trusts(InetAddress address) {
    return !networks.isEmpty() && NewSessionLimit.isExempt(networks, address);
  }
}
