package dev.meridian.site;

import java.time.Duration;
import java.util.Optional;

/**
 * How sessions of visitors live and how their cookies travel.
 *
 * @param idle a session that nobody used for so long ends
 * @param absolute so long after it was made a session ends in any case
 * @param cookie the cookie's name
 * @param sameSite which requests of other sites carry it
 * @param secure whether browsers send it over TLS alone
 * @param rateLimit how often a network gets a new one; empty: as often as it asks
 */
public record SessionSettings(
    Duration idle,
    Duration absolute,
    String cookie,
    SameSite sameSite,
    Secure secure,
    Optional<NewSessionLimit> rateLimit) {
  /**
   * Begins the name of a cookie that browsers take from this host alone, over TLS, for all paths.
   */
  public static final String HOST_PREFIX = "__Host-";

  /** What holds where sessions are on and {@code site.yaml} says no more. */
  public static final SessionSettings DEFAULT =
      new SessionSettings(
          Duration.ofDays(7),
          Duration.ofDays(30),
          "meridian-session",
          SameSite.LAX,
          Secure.AUTO,
          Optional.of(NewSessionLimit.DEFAULT));

  /** Which requests that other sites cause carry the cookie. */
  public enum SameSite {
    /** None. */
    STRICT("Strict"),
    /** Those by which somebody comes to the site. */
    LAX("Lax");

    private final String word;

    SameSite(String word) {
      this.word = word;
    }

    /** The word for it in a cookie. */
    public String word() {
      return word;
    }
  }

  /** Whether the cookie is for TLS alone. */
  public enum Secure {
    /** When the request that it answers came over TLS. */
    AUTO,
    /** Always: something in front of the site does TLS. */
    ALWAYS,
    /** Never. */
    NEVER
  }
}
