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
import java.time.Duration;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Bounds how often passwords are tried on this node: by one network for one name, so that who
 * guesses keeps themselves out and not the user; by it for all names together; and by a browser
 * that a user signed in by before, which others of its network are in no way of. And bounds how
 * many accounts are made, whoever makes them. Safe for any thread.
 */
final class SignInLimits {
  private static final long WINDOW = Duration.ofMinutes(AttemptLimit.MINUTES).toNanos();
  private static final long MINUTE = Duration.ofMinutes(1).toNanos();
  private static final String ALL = "";

  private final AccountCounts counts;

  /** Apart, so that many names push out no network. */
  private final RateTable networks;

  private final RateTable names;
  private final RateTable signUps;

  SignInLimits(AccountCounts counts, LongSupplier nanos) {
    this.counts = counts;
    this.networks = new RateTable(nanos);
    this.names = new RateTable(nanos);
    this.signUps = new RateTable(nanos);
  }

  /**
   * Counts a sign-in by a browser that is not known as that user's.
   *
   * @param name whose password it is to be
   * @return takes it off the network's account again, which is there for what is wrong
   * @throws ProblemException 429 when there were too many
   */
  Runnable stranger(RequestContext context, String name) {
    AttemptLimit limit = limit(context);
    InetAddress address = address(context);
    if (limit == null || address == null) {
      return () -> {};
    }
    refuse(take(limit, address, LoginName.parse(name).orElse("")));
    return () -> giveBack(limit, address);
  }

  /**
   * Counts an attempt of somebody who is known from before, whatever others of their network do.
   *
   * @param who names them: a browser, or a user who is signed in
   * @throws ProblemException 429 when there were too many
   */
  void known(RequestContext context, String who) {
    AttemptLimit limit = limit(context);
    InetAddress address = address(context);
    if (limit != null && address != null && !limit.isExempt(address)) {
      refuse(names.take(' ' + who, WINDOW / limit.attempts(), WINDOW));
    }
  }

  /**
   * Counts an account that is about to be made.
   *
   * @throws ProblemException 429 when there were too many of the network's, or of all visitors'
   */
  void signUp(RequestContext context, String name) {
    AttemptLimit limit = limit(context);
    if (limit == null) {
      return;
    }
    stranger(context, name);
    long wait = takeSignUp(limit);
    if (wait > 0) {
      counts.count(AccountCounts.Result.LIMITED);
      throw tooMany(
          "too-many-sign-ups",
          "Too many new accounts",
          "More accounts are being made here than "
              + limit.signUps()
              + " a minute; wait a while, and try again then. The site's operator changes this by"
              + " accounts.rateLimit.signUps in site.yaml.",
          Duration.ofNanos(wait));
    }
  }

  private static @Nullable AttemptLimit limit(RequestContext context) {
    return context.site().accounts().flatMap(AccountSettings::rateLimit).orElse(null);
  }

  private static @Nullable InetAddress address(RequestContext context) {
    return context.clientAddress().orElse(null);
  }

  private void refuse(long wait) {
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
    long wait = networks.take(network, ofNetwork(limit), WINDOW);
    if (wait > 0) {
      return wait;
    }
    return names.take(network + ' ' + name, WINDOW / limit.attempts(), WINDOW);
  }

  /** Takes one off the network's account. */
  void giveBack(AttemptLimit limit, InetAddress address) {
    if (!limit.isExempt(address)) {
      networks.giveBack(NewSessionLimit.network(address), ofNetwork(limit));
    }
  }

  private static long ofNetwork(AttemptLimit limit) {
    return WINDOW / limit.attempts() / AttemptLimit.PER_NETWORK;
  }

  /** Counts one of all visitors', or says in how many nanoseconds there will be room for it. */
  long takeSignUp(AttemptLimit limit) {
    return signUps.take(ALL, MINUTE / limit.signUps(), MINUTE);
  }

  /** The refusal of an attempt. */
  static ProblemException limited(Duration wait) {
    return tooMany(
        "too-many-attempts",
        "Too many attempts",
        "There were too many attempts to sign in; wait a while, and try again then. The site's"
            + " operator changes this by accounts.rateLimit in site.yaml.",
        wait);
  }

  private static ProblemException tooMany(String type, String title, String detail, Duration wait) {
    return new ProblemException(
        Problem.of(Status.TOO_MANY_REQUESTS_429, type, title, detail)
            .with(
                HeaderValues.create(
                    HeaderNames.RETRY_AFTER, Math.max(1, (wait.toMillis() + 999) / 1000))));
  }
}
