package dev.meridian.site;

import dev.meridian.geo.Prefix;
import java.net.InetAddress;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Accounts of users.
 *
 * @param signUp whether visitors may make one; the operator always may
 * @param passwordLength fewest characters of a new password
 * @param hashCost what the hash of a new password costs
 * @param rateLimit how often passwords may be tried; empty: as often as anybody likes
 * @param providers where users may sign in instead, by name, in the order of {@code site.yaml}
 */
public record AccountSettings(
    boolean signUp,
    int passwordLength,
    HashCost hashCost,
    Optional<AttemptLimit> rateLimit,
    Map<String, OidcProvider> providers) {
  /** Fewest characters of a password that a site may ask for, and what holds by default. */
  public static final int LEAST_PASSWORD = 8;

  /** What holds where accounts are on and {@code site.yaml} says no more. */
  public static final AccountSettings DEFAULT =
      new AccountSettings(
          true, LEAST_PASSWORD, HashCost.DEFAULT, Optional.of(AttemptLimit.DEFAULT), Map.of());

  /** Copies. */
  public AccountSettings {
    providers = Collections.unmodifiableMap(new LinkedHashMap<>(providers));
  }

  /**
   * What a hash by Argon2id costs (RFC 9106, section 3.1).
   *
   * @param memoryKiB memory, in KiB
   * @param iterations passes over it
   * @param parallelism lanes
   */
  public record HashCost(int memoryKiB, int iterations, int parallelism) {
    /** The first of OWASP's Password Storage Cheat Sheet that needs less than 20 MiB. */
    public static final HashCost DEFAULT = new HashCost(19_456, 2, 1);
  }

  /**
   * How often passwords may be tried: so many in {@link #MINUTES} for a name from one network (a
   * /24 of IPv4, a /56 of IPv6), {@link #PER_NAME} times as many for a name from all networks, and
   * {@link #PER_NETWORK} times as many from a network for all names.
   *
   * @param attempts so many at once, and as many again in {@link #MINUTES} minutes
   * @param signUps so many accounts a minute that visitors may make on a node, whoever they are
   * @param exempt networks that are not counted, such as a proxy's; none unless it is said, for
   *     what comes from loopback may have come to a proxy there from anywhere
   */
  public record AttemptLimit(int attempts, int signUps, List<Prefix> exempt) {
    /** In which time what was used up is there again. */
    public static final int MINUTES = 10;

    /** Wrong passwords for one name, from all networks together. */
    public static final int PER_NAME = 3;

    /** Attempts from one network, for all names together. */
    public static final int PER_NETWORK = 10;

    /** What holds unless {@code site.yaml} says otherwise. */
    public static final AttemptLimit DEFAULT = new AttemptLimit(10, 60, List.of());

    /** Copies. */
    public AttemptLimit {
      exempt = List.copyOf(exempt);
    }

    /** Whether attempts from this address are counted by name alone. */
    public boolean isExempt(InetAddress address) {
      return NewSessionLimit.isExempt(exempt, address);
    }
  }
}
