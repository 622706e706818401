package dev.meridian.web;

import dev.meridian.account.AccountCounts;
import dev.meridian.account.LoginName;
import dev.meridian.site.AccountSettings;
import dev.meridian.site.AccountSettings.AttemptLimit;
import dev.meridian.site.NewSessionLimit;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Status;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * Bounds how often one network tries passwords on this node: for one name, so that who guesses
 * keeps themselves out and not the user, and for all names together. Safe for any thread.
 */
final class SignInLimits {
  private static final long WINDOW = Duration.ofMinutes(AttemptLimit.MINUTES).toNanos();

  private final AccountCounts counts;

  /** Apart, so that many names push out no network. */
  private final RateTable networks;

  private final RateTable names;

  SignInLimits(AccountCounts counts, LongSupplier nanos) {
    this.counts = counts;
    this.networks = new RateTable(nanos);
    this.names = new RateTable(nanos);
  }

  /**
   * Counts an attempt.
   *
   * @param name whose password it is to be
   * @throws ProblemException 429 when there were too many
   */
  void check(RequestContext context, String name) {
    AttemptLimit limit = context.site().accounts().flatMap(AccountSettings::rateLimit).orElse(null);
    if (limit == null
        || !(context.request().remotePeer().address() instanceof InetSocketAddress peer)
        || peer.getAddress() == null) {
      return;
    }
    // A browser by which somebody signed in before has an account of its own, so that others of its
    // network do not use it up; it gets no more by that, for all names that are tried by it.
    String who =
        context
            .session()
            .device()
            .map(device -> ' ' + device.id())
            .orElseGet(() -> LoginName.parse(name).orElse(""));
    long wait = take(limit, peer.getAddress(), who);
    if (wait > 0) {
      counts.count(AccountCounts.Result.LIMITED);
      throw limited(Duration.ofNanos(wait));
    }
  }

  /** Counts one, or says in how many nanoseconds there will be room for it. */
  long take(AttemptLimit limit, InetAddress address, String name) {
    if (limit.isExempt(address)) {
      return 0;
    }
    String network = NewSessionLimit.network(address);
    long one = WINDOW / limit.attempts();
    long wait = networks.take(network, one / AttemptLimit.PER_NETWORK, WINDOW);
    return wait > 0 ? wait : names.take(network + ' ' + name, one, WINDOW);
  }

  /** The refusal of an attempt. */
  static ProblemException limited(Duration wait) {
    return new ProblemException(
        Problem.of(
                Status.TOO_MANY_REQUESTS_429,
                "too-many-attempts",
                "Too many attempts",
                "There were too many attempts to sign in; wait a while, and try again then. The"
                    + " site's operator changes this by accounts.rateLimit in site.yaml.")
            .with(
                HeaderValues.create(
                    HeaderNames.RETRY_AFTER, Math.max(1, (wait.toMillis() + 999) / 1000))));
  }
}
