package dev.meridian.cache;

import dev.meridian.store.StoreException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whether this node may answer for collections that are written through from what it has: for a
 * while after it asked the primary for all that was acknowledged, and got it. So a write need wait
 * for no longer than that for a node that does not answer. Readers renew it: where nobody reads,
 * nothing is asked. Any thread may use it.
 */
final class ReadLease {
  /*
   * The time counts from before the question is sent, by this node's clocks. What a node was last
   * sent says less: a process that was stopped finds in its sockets what was sent to it long ago,
   * and takes it for news. And it is the primary that is asked, when it is sure that it is one, so
   * it makes no difference who hears whom.
   */

  /** For how long it holds. */
  static final Duration LENGTH = Duration.ofSeconds(2);

  /** How long a reader waits for it. */
  static final Duration WAIT = Duration.ofSeconds(1);

  /** With less than this part left it is renewed. */
  private static final double RENEW_AT = 0.5;

  /** How soon the primary is asked again after that failed at once. */
  private static final Duration AGAIN_AFTER = Duration.ofMillis(100);

  private static final Logger LOG = LoggerFactory.getLogger(ReadLease.class);

  /** A moment by two clocks: one that nobody sets, and one that goes on while a machine sleeps. */
  private record Moment(long nanos, long millis) {}

  /** The primary is being asked. */
  private record Asking(Moment since, CountDownLatch done) {}

  private final long lengthNanos;
  private final long waitNanos;
  private final Runnable fence;
  private final LongSupplier nanos;
  private final LongSupplier wallMillis;
  private final AtomicReference<@Nullable Asking> asking = new AtomicReference<>();

  /** Everything that was acknowledged before that is shown here. */
  private volatile @Nullable Moment asOf;

  /** When it was asked first; null until then. */
  private volatile @Nullable Moment first;

  /** When asking failed last. */
  private volatile @Nullable Moment failed;

  /**
   * One that does not hold yet.
   *
   * @param length for how long it holds
   * @param wait how long a reader waits for it
   * @param fence on return, all that was acknowledged before it was called is shown to every reader
   *     here; throws {@link StoreException} where that cannot be had
   */
  ReadLease(
      Duration length, Duration wait, Runnable fence, LongSupplier nanos, LongSupplier wallMillis) {
    this.lengthNanos = length.toNanos();
    this.waitNanos = wait.toNanos();
    this.fence = fence;
    this.nanos = nanos;
    this.wallMillis = wallMillis;
  }

  private Moment now() {
    return new Moment(nanos.getAsLong(), wallMillis.getAsLong());
  }

  /** How long ago it was, by the clock that says more; without end if they were set back. */
  private long ageNanos(Moment moment) {
    long wall = wallMillis.getAsLong() - moment.millis;
    long age = nanos.getAsLong() - moment.nanos;
    return wall < 0 || age < 0
        ? Long.MAX_VALUE
        : Math.max(age, TimeUnit.MILLISECONDS.toNanos(wall));
  }

  private double left() {
    Moment known = asOf;
    return known == null ? 0 : 1 - (double) ageNanos(known) / lengthNanos;
  }

  /**
   * For how long it is not known that everything is shown here: since it was last, or else since
   * that was asked first. What is older than that is for the store to say.
   */
  Duration age() {
    Moment known = asOf;
    Moment since = known == null ? first : known;
    if (since == null) {
      return Duration.ZERO;
    }
    // Where a clock was set back, the other one has to do.
    long wall = TimeUnit.MILLISECONDS.toNanos(wallMillis.getAsLong() - since.millis);
    return Duration.ofNanos(Math.max(0, Math.max(wall, nanos.getAsLong() - since.nanos)));
  }

  /**
   * Whether it holds, after trying to have it for a while: if so, what is read after this returned
   * has every write that all nodes are to show.
   */
  boolean holds() {
    double left = left();
    if (left > RENEW_AT) {
      return true;
    }
    Asking running = asked();
    if (left > 0) {
      return true;
    }
    // Twice: the first may have been asked too long ago to be good for anything.
    for (int i = 0; i < 2 && running != null; i++) {
      await(running);
      if (left() > 0) {
        return true;
      }
      running = asked();
    }
    return false;
  }

  /** The question under way, or a new one; null if it is too soon for that. */
  private @Nullable Asking asked() {
    Asking running = asking.get();
    Moment refused = failed;
    return running != null
        ? running
        : refused == null || ageNanos(refused) > AGAIN_AFTER.toNanos() ? ask() : null;
  }

  private Asking ask() {
    Asking own = new Asking(now(), new CountDownLatch(1));
    Asking other = asking.compareAndExchange(null, own);
    if (other != null) {
      return other;
    }
    if (first == null) {
      first = own.since;
    }
    try {
      Thread.ofVirtual().name("read-lease").start(() -> ask(own));
    } catch (RuntimeException | Error e) {
      failed(own, e);
    }
    return own;
  }

  private void ask(Asking own) {
    try {
      fence.run();
      asOf = own.since;
      failed = null;
      over(own);
    } catch (StoreException e) {
      LOG.debug("Whether everything is shown here is not known", e);
      failed = now();
      over(own);
    } catch (RuntimeException | Error e) {
      failed(own, e);
    }
  }

  /** Whatever it was: nobody asks while this seems to. */
  private void failed(Asking own, Throwable e) {
    failed = now();
    over(own);
    LOG.warn("The primary cannot be asked whether everything is shown here", e);
  }

  private void over(Asking own) {
    asking.set(null);
    own.done.countDown();
  }

  /** Who comes while the primary is silent does not wait as long again. */
  private void await(Asking running) {
    try {
      long left = waitNanos - ageNanos(running.since);
      // Whether it was done is seen by what holds then.
      var unused = running.done.await(left, TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
