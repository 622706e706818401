package dev.meridian.web;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.OptionalDouble;
import java.util.function.LongSupplier;

/**
 * How many requests a second there were lately, from a count that only rises. Nothing is done for a
 * request: whoever asks takes a sample. Any thread may ask.
 */
final class RequestRate {
  /** The rate is that of about so long. */
  static final Duration SPAN = Duration.ofSeconds(10);

  /** Whoever asks sooner than this after another gets the same answer. */
  private static final Duration SHORTEST = Duration.ofSeconds(1);

  /** A sample older than this says nothing of now. */
  private static final Duration LONGEST = Duration.ofMinutes(2);

  private record Sample(long nanos, long count) {}

  private final LongSupplier count;
  private final LongSupplier nanoTime;

  /** Oldest first, a second apart at least: a dozen at most. */
  private final Deque<Sample> samples = new ArrayDeque<>();

  private OptionalDouble known = OptionalDouble.empty();

  /**
   * Begins.
   *
   * @param count of all requests so far; may be slow, as it is not asked more than once a second
   */
  RequestRate(LongSupplier count, LongSupplier nanoTime) {
    this.count = count;
    this.nanoTime = nanoTime;
  }

  /** Requests a second; empty if nobody has asked in the last two minutes. */
  synchronized OptionalDouble perSecond() {
    long now = nanoTime.getAsLong();
    if (!samples.isEmpty() && now - samples.getLast().nanos() < SHORTEST.toNanos()) {
      return known;
    }
    samples.addLast(new Sample(now, count.getAsLong()));
    // The oldest stays until the next is old enough to stand for the whole span.
    while (samples.size() > 2 && now - second().nanos() >= SPAN.toNanos()) {
      samples.removeFirst();
    }
    Sample from = samples.getFirst();
    long nanos = now - from.nanos();
    if (nanos > LONGEST.toNanos()) {
      samples.removeFirst();
    }
    known =
        nanos == 0 || nanos > LONGEST.toNanos()
            ? OptionalDouble.empty()
            : OptionalDouble.of((samples.getLast().count() - from.count()) * 1e9 / nanos);
    return known;
  }

  private Sample second() {
    return samples.stream().skip(1).findFirst().orElseThrow();
  }
}
