package dev.meridian.replica;

import dev.meridian.store.StoreException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has pending values flushed when they are due, on the primary, by entries of the log: so all
 * replicas flush the same at the same place of the log. An entry that cannot be had is tried again,
 * later each time; meanwhile what is pending stays where it is, in every replica's database, and
 * writes that find no room are not put off.
 */
final class Flusher implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Flusher.class);

  /** How often it looks whether anything is pending. */
  private static final Duration LOOK_EVERY = Duration.ofMillis(100);

  private static final Duration FIRST_PAUSE = Duration.ofMillis(100);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(1);

  /** What it flushes. */
  interface Source {
    /** How long until something is due; empty when nothing is pending, or this is no primary. */
    Optional<Duration> due();

    /**
     * Flushes some of what is due.
     *
     * @return whether anything was
     */
    boolean flush();
  }

  private final Source source;
  private final Thread thread;
  private volatile boolean closed;

  /** Whether to end a pause. */
  private volatile boolean hurried;

  Flusher(Source source) {
    this.source = source;
    this.thread = Thread.ofVirtual().name("flush").unstarted(this::run);
  }

  void start() {
    thread.start();
  }

  /**
   * Much is pending: flush now, also if that failed a moment ago. Any thread, once when it becomes
   * much.
   */
  void hurry() {
    hurried = true;
    LockSupport.unpark(thread);
  }

  private void run() {
    Duration pause = FIRST_PAUSE;
    while (!closed) {
      // Nobody ends this thread so. Whatever left the mark, with it no pause would be one.
      boolean _ = Thread.interrupted();
      // Once: what follows may fail, and is not to be tried again without a pause for ever.
      hurried = false;
      try {
        Duration wait =
            source.due().filter(due -> due.compareTo(LOOK_EVERY) < 0).orElse(LOOK_EVERY);
        if (wait.isPositive()) {
          LockSupport.parkNanos(wait.toNanos());
        } else {
          pause = source.flush() ? FIRST_PAUSE : pause(FIRST_PAUSE);
        }
      } catch (StoreException e) {
        LOG.debug("Pending values are flushed later: {}", e.getMessage());
        pause = pause(pause);
      } catch (RuntimeException | Error e) {
        // Whatever it is, it may be over; without this thread nothing would be flushed.
        LOG.warn("Pending values could not be flushed: {}", e.getMessage(), e);
        pause = pause(pause);
      }
    }
  }

  private Duration pause(Duration pause) {
    boolean _ = Thread.interrupted();
    long until = System.nanoTime() + pause.toNanos();
    for (long left; !closed && !hurried && (left = until - System.nanoTime()) > 0; ) {
      LockSupport.parkNanos(left);
    }
    Duration next = pause.multipliedBy(2);
    return next.compareTo(LONGEST_PAUSE) < 0 ? next : LONGEST_PAUSE;
  }

  @Override
  public void close() {
    closed = true;
    if (thread.getState() == Thread.State.NEW) {
      return;
    }
    try {
      do {
        LockSupport.unpark(thread);
      } while (!thread.join(LOOK_EVERY));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
