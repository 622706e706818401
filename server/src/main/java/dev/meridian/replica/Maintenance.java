package dev.meridian.replica;

import dev.meridian.store.StoreException;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a replica does beside its work, on one thread: snapshots, so that the log stays short, and
 * on the primary sweeps of what has expired, and a look at whether it still can write. It wakes
 * once in a while, looks, and sleeps again when there is nothing to do.
 */
final class Maintenance implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Maintenance.class);

  private static final Duration LOOK_EVERY = Duration.ofMillis(500);

  /** The jobs. */
  interface Jobs {
    /** Log since the newest snapshot. */
    long bytesSinceSnapshot();

    /** Entries since the newest snapshot. */
    long entriesSinceSnapshot();

    /** Takes a snapshot and cuts the log. */
    void snapshot() throws InterruptedException;

    /** Lets another member be primary if this one is and can write nothing. */
    void giveWay();

    /** Looks at how the replica is; often. */
    void look();

    /**
     * Removes some of what has expired.
     *
     * @return whether there may be more
     */
    boolean sweep();
  }

  private final ReplicaOptions options;
  private final Jobs jobs;
  private final Thread thread;
  private volatile boolean closed;

  Maintenance(ReplicaOptions options, Jobs jobs) {
    this.options = options;
    this.jobs = jobs;
    this.thread = Thread.ofPlatform().name("meridian-upkeep").daemon().unstarted(this::run);
  }

  void start() {
    thread.start();
  }

  /** Looks soon if the log got long enough. Called after every entry, on any thread. */
  void logGrew(long bytesSinceSnapshot, long entriesSinceSnapshot) {
    if (isSnapshotDue(bytesSinceSnapshot, entriesSinceSnapshot)) {
      LockSupport.unpark(thread);
    }
  }

  private boolean isSnapshotDue(long bytes, long entries) {
    return bytes >= options.snapshotEveryBytes() || entries >= options.snapshotEveryEntries();
  }

  private void run() {
    long nextSweep = System.nanoTime() + options.sweepEvery().toNanos();
    long nextSnapshot = System.nanoTime() + options.snapshotEvery().toNanos();
    while (!closed) {
      try {
        jobs.look();
        long now = System.nanoTime();
        // First: what follows may fail for the very reason that calls for it.
        if (now - nextSweep >= 0) {
          jobs.giveWay();
        }
        if (isSnapshotDue(jobs.bytesSinceSnapshot(), jobs.entriesSinceSnapshot())
            || (now - nextSnapshot >= 0 && jobs.bytesSinceSnapshot() > 0)) {
          jobs.snapshot();
          nextSnapshot = System.nanoTime() + options.snapshotEvery().toNanos();
        }
        if (now - nextSweep >= 0) {
          boolean more = jobs.sweep();
          nextSweep = System.nanoTime() + (more ? 0 : options.sweepEvery().toNanos());
        }
        if (now - nextSnapshot >= 0) {
          nextSnapshot = System.nanoTime() + options.snapshotEvery().toNanos();
        }
        long wait = Math.min(LOOK_EVERY.toNanos(), nextSweep - System.nanoTime());
        if (wait > 0 && !closed) {
          LockSupport.parkNanos(wait);
        }
      } catch (InterruptedException e) {
        return;
      } catch (StoreException e) {
        // Full, closing, or not the primary any more: nothing is lost by trying again later.
        LOG.debug("Upkeep is put off: {}", e.getMessage());
        pause();
      } catch (RuntimeException e) {
        LOG.warn("Upkeep failed and is put off: {}", e.getMessage(), e);
        pause();
      }
    }
  }

  private void pause() {
    long until = System.nanoTime() + Duration.ofSeconds(1).toNanos();
    for (long left; !closed && (left = until - System.nanoTime()) > 0; ) {
      LockSupport.parkNanos(left);
    }
  }

  @Override
  public void close() {
    closed = true;
    LockSupport.unpark(thread);
    if (thread.getState() == Thread.State.NEW) {
      return;
    }
    try {
      thread.join(Duration.ofSeconds(30));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
