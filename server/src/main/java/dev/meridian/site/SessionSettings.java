package dev.meridian.site;

import java.time.Duration;

/**
 * How sessions of visitors live and how their cookies travel.
 *
 * @param idle a session that nobody used for so long ends
 * @param absolute so long after it was made a session ends in any case
 * @param cookie the cookie's name
 * @param sameSite which requests of other sites carry it
 * @param secure whether browsers send it over TLS alone
 */
public record SessionSettings(
    Duration idle, Duration absolute, String cookie, SameSite sameSite, Secure secure) {
  /** Used unless {@code site.yaml} says otherwise. */
  public static final SessionSettings DEFAULT =
      new SessionSettings(
          Duration.ofDays(7), Duration.ofDays(30), "session", SameSite.LAX, Secure.AUTO);

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
