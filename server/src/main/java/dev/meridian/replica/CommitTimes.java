package dev.meridian.replica;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.TimeUnit;

/**
 * When the entries of a log became safe, a sample now and then, so that how far a replica is behind
 * can be told in time, too. Any thread may use it.
 */
final class CommitTimes {
  private static final long EVERY_NANOS = TimeUnit.MILLISECONDS.toNanos(20);
  private static final int MOST_SAMPLES = 3_000;

  private record Sample(long index, long nanos) {}

  private final Deque<Sample> samples = new ArrayDeque<>();

  /** The entry {@code index} is safe. */
  synchronized void committed(long index, long nanos) {
    Sample last = samples.peekLast();
    if (last != null && nanos - last.nanos < EVERY_NANOS) {
      return;
    }
    if (samples.size() == MOST_SAMPLES) {
      samples.removeFirst();
    }
    samples.addLast(new Sample(index, nanos));
  }

  /**
   * For how long about, in milliseconds, a replica that has the entries up to {@code index} has
   * lacked the next one; the log's newest is {@code newest}. At least so long when that is more
   * than is remembered.
   */
  synchronized long millisBehind(long index, long newest, long nowNanos) {
    if (index >= newest) {
      return 0;
    }
    for (Sample sample : samples) {
      if (sample.index > index) {
        return TimeUnit.NANOSECONDS.toMillis(nowNanos - sample.nanos);
      }
    }
    return 0;
  }
}
