package dev.meridian.web;

import dev.meridian.site.NewSessionLimit;
import dev.meridian.site.SessionSettings;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Status;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Bounds how often one network makes a session, which anybody may and which is a write that stays.
 *
 * <p>Each network has an account that holds when it would be empty again if its sessions were
 * spread evenly (the generic cell rate algorithm). There are two places where it may be, beside
 * each other; if both are taken, the one that is empty sooner makes room, so a flood from many
 * networks costs only a little memory and at worst forgets accounts. Safe for any thread.
 */
final class NewSessions {
  private static final int SLOT_BITS = 14;

  /** A name and a long each: 1.5 MiB when all are taken. */
  private static final int SLOTS = 1 << SLOT_BITS;

  /** Networks differ in the upper bits of their hashes (Fibonacci hashing). */
  private static final int SPREAD = 0x9E3779B9;

  private static final long SECOND_NANOS = 1_000_000_000;

  private final LongSupplier nanos;
  private final long began;

  /** Guarded by this. */
  private final @Nullable String[] networks = new @Nullable String[SLOTS];

  /** When each is empty, in nanoseconds since {@code began}. Guarded by this. */
  private final long[] empty = new long[SLOTS];

  NewSessions(LongSupplier nanos) {
    this.nanos = nanos;
    this.began = nanos.getAsLong();
  }

  /**
   * Counts a session that is about to be made for a request.
   *
   * @throws ProblemException 429 when its network made too many
   */
  void check(RequestContext context) {
    NewSessionLimit limit =
        context.site().sessions().flatMap(SessionSettings::rateLimit).orElse(null);
    if (limit == null
        || !(context.request().remotePeer().address() instanceof InetSocketAddress peer)
        || peer.getAddress() == null) {
      return;
    }
    long wait = take(limit, peer.getAddress());
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
  long take(NewSessionLimit limit, InetAddress address) {
    return limit.isExempt(address) ? 0 : take(NewSessionLimit.network(address), limit.perSecond());
  }

  private synchronized long take(String network, int perSecond) {
    long now = nanos.getAsLong() - began;
    int at = (network.hashCode() * SPREAD) >>> (Integer.SIZE - SLOT_BITS);
    if (!network.equals(networks[at])
        && (network.equals(networks[at ^ 1]) || empty[at ^ 1] < empty[at])) {
      at ^= 1;
    }
    long from = network.equals(networks[at]) ? Math.max(now, empty[at]) : now;
    long interval = SECOND_NANOS / perSecond;
    long beyond = from + interval - now - NewSessionLimit.AT_ONCE * SECOND_NANOS;
    if (beyond > 0) {
      return beyond;
    }
    networks[at] = network;
    empty[at] = from + interval;
    return 0;
  }
}
