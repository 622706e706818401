package dev.meridian.store;

import dev.meridian.store.StoreException.Unavailable;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.locks.LockSupport;

/**
 * Lets any number of threads in until it is closed, and then waits for those inside. It guards
 * memory outside the heap: a call into a database that was closed meanwhile would take the process
 * down with it.
 */
final class Gate {
  /*
   * Counters are striped so that readers on different cores do not fight over one cache line. A
   * thread leaves by the stripe it entered by; so no stripe is ever below the number of threads
   * inside through it, and once the gate is closed a sum of zero means that nobody is inside.
   */
  private static final int STRIPES = 16;
  private static final int PADDING = 16; // longs: two cache lines

  private final AtomicLongArray inside = new AtomicLongArray((STRIPES + 1) * PADDING);
  private volatile boolean closed;

  /**
   * Enters; the caller must {@link #exit} with the ticket.
   *
   * @throws Unavailable if the gate is closed
   */
  int enter() {
    int ticket = (int) ((Thread.currentThread().threadId() & (STRIPES - 1)) + 1) * PADDING;
    inside.getAndIncrement(ticket);
    if (closed) {
      inside.getAndDecrement(ticket);
      throw closedNow();
    }
    return ticket;
  }

  void exit(int ticket) {
    inside.getAndDecrement(ticket);
  }

  boolean isClosed() {
    return closed;
  }

  /**
   * For loops inside the gate that may run long.
   *
   * @throws Unavailable if somebody waits for them to end
   */
  void check() {
    if (closed) {
      throw closedNow();
    }
  }

  /**
   * Lets nobody in any more and waits for those inside.
   *
   * @return false if some are still inside after {@code bound}
   */
  boolean close(Duration bound) {
    closed = true;
    long deadline = System.nanoTime() + bound.toNanos();
    while (anyInside()) {
      if (System.nanoTime() - deadline > 0) {
        return false;
      }
      LockSupport.parkNanos(100_000);
    }
    return true;
  }

  private boolean anyInside() {
    for (int stripe = 1; stripe <= STRIPES; stripe++) {
      if (inside.get(stripe * PADDING) != 0) {
        return true;
      }
    }
    return false;
  }

  private static Unavailable closedNow() {
    return new Unavailable(Unavailable.Outcome.NOT_DONE, "The store is closed.", null);
  }
}
