package dev.meridian.web;

import dev.meridian.site.NewSessionLimit;
import dev.meridian.site.SessionSettings;
import dev.meridian.site.TrustedProxies;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Status;
import java.net.InetAddress;
import java.util.function.LongSupplier;

/**
 * Bounds how often one network makes a session, which anybody may and which is a write that stays.
 * Safe for any thread.
 */
final class NewSessions {
  private static final long SECOND_NANOS = 1_000_000_000;

  private final RateTable networks;

  NewSessions(LongSupplier nanos) {
    this.networks = new RateTable(nanos);
  }

  /**
   * Counts a session that is about to be made for a request.
   *
   * @throws ProblemException 429 when its network made too many
   */
  void check(RequestContext context) {
    NewSessionLimit limit =
        context.site().sessions().flatMap(SessionSettings::rateLimit).orElse(null);
    InetAddress address = context.clientAddress().orElse(null);
    if (limit == null || address == null) {
      return;
    }
    long wait = take(limit, context.site().trustedProxies(), address);
    if (wait > 0) {
      throw new ProblemException(
          Problem.of(
                  Status.TOO_MANY_REQUESTS_429,
                  "too-many-sessions",
                  "Too many new sessions",
                  "Your network made more sessions than "
                      + limit.perSecond()
                      + " a second and "
                      + limit.perSecond() * NewSessionLimit.AT_ONCE
                      + " at once; keep the cookie, and send it with the next request. The site's"
                      + " operator changes this by sessions.rateLimit in site.yaml.")
              .with(
                  HeaderValues.create(
                      HeaderNames.RETRY_AFTER, (wait + SECOND_NANOS - 1) / SECOND_NANOS)));
    }
  }

  /** Counts one, or says in how many nanoseconds there will be room for it. */
  long take(NewSessionLimit limit, TrustedProxies proxies, InetAddress address) {
    return limit.isExempt(address, proxies)
        ? 0
        : networks.take(
            NewSessionLimit.network(address),
            SECOND_NANOS / limit.perSecond(),
            NewSessionLimit.AT_ONCE * SECOND_NANOS);
  }
}
