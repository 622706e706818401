package dev.meridian.replica;

import java.time.Duration;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

/** Lets readers wait for the log to be applied. It costs who applies nothing while nobody waits. */
final class AppliedSignal {
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  /** Written under the lock; read without it by who applies. */
  private volatile int waiting;

  /** Something was applied, or the wait may be over for another reason. Any thread. */
  void ring() {
    if (waiting > 0) {
      lock.lock();
      try {
        changed.signalAll();
      } finally {
        lock.unlock();
      }
    }
  }

  /**
   * Waits until {@code done} holds, which is looked at after every {@link #ring}.
   *
   * @return false when the time ran out
   */
  @SuppressWarnings("NonAtomicVolatileUpdate") // under the lock
  boolean await(BooleanSupplier done, Duration limit) throws InterruptedException {
    if (done.getAsBoolean()) {
      return true;
    }
    long nanos = limit.toNanos();
    lock.lock();
    try {
      waiting++;
      try {
        while (!done.getAsBoolean()) {
          if (nanos <= 0) {
            return false;
          }
          nanos = changed.awaitNanos(nanos);
        }
        return true;
      } finally {
        waiting--;
      }
    } finally {
      lock.unlock();
    }
  }
}
