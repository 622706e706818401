package dev.meridian.dns;

import dev.meridian.geo.Prefix;
import dev.meridian.site.ResponseLimit;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.security.SecureRandom;

/**
 * Bounds how often one network gets one response over UDP, so that nobody is flooded by our answers
 * to queries with a forged source: each account is one network (a /24 or a /56) and one response.
 * For any thread; it allocates nothing and never waits.
 *
 * <p>An account holds when it would be empty again if all of its responses were spread evenly (the
 * generic cell rate algorithm). There are two places where it may be, beside each other; if both
 * are taken, the one of less use makes room, so that a flood costs only a little memory and at
 * worst forgets accounts.
 */
final class RateLimit {
  /** A long each: 2 MiB. */
  private static final int SLOTS = 1 << 18;

  /** The upper bits of a slot tell accounts apart, the lower are microseconds. */
  private static final int TIME_BITS = 44;

  private static final long TIME_MASK = (1L << TIME_BITS) - 1;
  private static final int TRIES = 4;
  private static final long SECOND = 1_000_000;
  private static final VarHandle SLOT = MethodHandles.arrayElementVarHandle(long[].class);

  /** So that nobody knows which accounts share a place. */
  private static final long SEED = new SecureRandom().nextLong();

  private final int slip;

  /** An array, since walking through a list makes an iterator. */
  private final Prefix[] exempt;

  private final long[] slots = new long[SLOTS];
  private final long began = System.nanoTime();
  private final long interval;

  RateLimit(ResponseLimit settings) {
    this.slip = settings.slip();
    this.exempt = settings.exempt().toArray(Prefix[]::new);
    this.interval = Math.max(1, SECOND / settings.perSecond());
  }

  /**
   * Whether a response may be given now; if so, that counts.
   *
   * @param response tells this response from others
   * @param client located
   * @param now a time of {@link System#nanoTime}
   */
  boolean allows(int response, Client client, long now) {
    long network = client.isV4() ? client.high() >>> 40 : client.high() | 0xffL;
    return take(hash(network, response), (now - began) / 1000 + SECOND) || isExempt(client);
  }

  /** Whether a client that gets no response shall hear that it can ask over TCP. */
  boolean slips(Client client) {
    return slip > 0 && client.below(slip) == 0;
  }

  private static long hash(long network, int response) {
    long hash = (network ^ SEED) * 0x9E3779B97F4A7C15L;
    hash = (hash ^ (hash >>> 32) ^ response) * 0xD6E8FEB86659FD93L;
    return hash ^ (hash >>> 32);
  }

  private boolean take(long hash, long micros) {
    int first = (int) hash & (SLOTS - 1);
    long tag = hash >>> TIME_BITS << TIME_BITS;
    for (int tries = 0; tries < TRIES; tries++) {
      int at = first;
      long seen = (long) SLOT.getOpaque(slots, at);
      if ((seen & ~TIME_MASK) != tag) {
        long other = (long) SLOT.getOpaque(slots, first ^ 1);
        if ((other & ~TIME_MASK) == tag || ahead(other, micros) < ahead(seen, micros)) {
          at = first ^ 1;
          seen = other;
        }
      }
      long ahead = (seen & ~TIME_MASK) == tag ? ahead(seen, micros) : 0;
      // A second's worth at once, and then at the rate.
      if (ahead + interval > SECOND) {
        return false;
      }
      if (SLOT.compareAndSet(slots, at, seen, tag | ((micros + ahead + interval) & TIME_MASK))) {
        return true;
      }
    }
    return true; // others count on it just now
  }

  /** How long an account takes to be empty; times are cut, so one of long ago may seem to come. */
  private static long ahead(long slot, long micros) {
    int rest = Long.SIZE - TIME_BITS;
    long ahead = (slot - micros) << rest >> rest;
    return ahead < 0 || ahead > SECOND ? 0 : ahead;
  }

  private boolean isExempt(Client client) {
    for (Prefix prefix : exempt) {
      if (prefix.holds(client.isV4(), client.high(), client.low())) {
        return true;
      }
    }
    return false;
  }
}
