package dev.meridian.dns;

import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.ThreadLocalRandom;

/**
 * The data of an RRSIG record and its times, in seconds since 1970. It is taken for new answers
 * while it {@link #isFresh}, which ends long before it expires: what a resolver may keep must not
 * expire with it.
 *
 * @param rdata RFC 4034, section 3.1; never changed
 * @param from when it begins to be valid
 * @param renew when another one should be made
 * @param to when it expires
 */
@SuppressWarnings("ArrayRecordComponent") // shared, never changed
record RrSignature(byte[] rdata, long from, long renew, long to) {
  /** How far the clock of a validator may be behind. */
  static final Duration BACKDATED = Duration.ofHours(3);

  /** How long a signature is valid from now on. */
  static final Duration VALIDITY = Duration.ofDays(14);

  /** How long it is taken for new answers at the most; half of the validity is left then. */
  private static final Duration FRESH = Duration.ofDays(7);

  /** How long a secondary is given it at the most. It may keep it for as long as a zone lives. */
  private static final Duration COPIED = Duration.ofDays(5);

  /** Renewals are spread, so that what was signed in one moment is not signed anew in one. */
  private static final Duration SPREAD = Duration.ofDays(2);

  /** One that begins now: {@code rdata} says {@code from} and {@code to}. */
  static RrSignature of(byte[] rdata, long now) {
    long spread = ThreadLocalRandom.current().nextLong(SPREAD.toSeconds());
    return new RrSignature(rdata, from(now), now + FRESH.toSeconds() - spread, to(now));
  }

  /** As {@link #isFresh(long)}, of one in a copy for secondaries, known by its data alone. */
  static boolean isCopied(byte[] rdata, long now) {
    long to = Wire.getInt(rdata, 8) & 0xffff_ffffL;
    long from = Wire.getInt(rdata, 12) & 0xffff_ffffL;
    long spread = Math.floorMod(Arrays.hashCode(rdata), SPREAD.toSeconds());
    return now >= from && now < to - VALIDITY.toSeconds() + COPIED.toSeconds() - spread;
  }

  static long from(long now) {
    return now - BACKDATED.toSeconds();
  }

  static long to(long now) {
    return now + VALIDITY.toSeconds();
  }

  /** Whether it may go into new answers; not when the clock went back before its beginning. */
  boolean isFresh(long now) {
    return now >= from && now < renew;
  }
}
