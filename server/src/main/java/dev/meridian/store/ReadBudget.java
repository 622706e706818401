package dev.meridian.store;

import dev.meridian.store.StoreException.Unavailable;
import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The memory for what is read and not yet sent: whoever reads much takes a lease before, and gives
 * it back when nothing of it is needed any more. However many clients are slow, what they wait for
 * stays within a part of the heap. Any thread may use it.
 *
 * <p>While there is plenty a page is large; when there is not, pages are small, and when even those
 * do not fit, readers wait a moment and are then refused.
 */
public final class ReadBudget {
  /** The budget of this process: a quarter of its heap. */
  public static final ReadBudget PROCESS = new ReadBudget(Runtime.getRuntime().maxMemory() / 4);

  /** How long a reader waits for others to be done. */
  static final Duration MAX_WAIT = Duration.ofSeconds(2);

  /** About how many bytes of documents are in a page at most. */
  static final int MAX_PAGE_BYTES = 8 << 20;

  /** The same when memory is short. One document more may be in it. */
  static final int SMALL_PAGE_BYTES = 1 << 20;

  /** What is made of a page before it is sent: its text, which grows by doubling, and a copy. */
  private static final int COPIES = 4;

  private static final int UNIT_BITS = 10;

  private final Semaphore units;
  private final int total;

  /**
   * A budget.
   *
   * @param bytes at least room for one small page is made
   */
  public ReadBudget(long bytes) {
    total = units(Math.max(bytes, cost(SMALL_PAGE_BYTES)));
    units = new Semaphore(total, true);
  }

  private static int units(long bytes) {
    return (int) Math.min(Integer.MAX_VALUE, ((bytes - 1) >> UNIT_BITS) + 1);
  }

  private static long cost(int pageBytes) {
    // Beside what is asked for, the document that fills the page and the one after it.
    return (long) COPIES * pageBytes + 2L * Write.MAX_JSON_BYTES;
  }

  /**
   * Room for a page and what is made of it.
   *
   * @param documents most in it
   * @throws Unavailable if there is none within {@link #MAX_WAIT}
   */
  public Lease page(int documents) {
    int wanted = (int) Math.min(MAX_PAGE_BYTES, (long) documents * Write.MAX_JSON_BYTES);
    Lease large = tryTake(cost(wanted), wanted);
    return large != null ? large : take(cost(SMALL_PAGE_BYTES), SMALL_PAGE_BYTES);
  }

  /**
   * Room for one value of such a size and what is made of it.
   *
   * @throws Unavailable if there is none within {@link #MAX_WAIT}
   */
  public Lease value(int bytes) {
    return take((long) COPIES * bytes + 1, bytes);
  }

  /**
   * Room for something that is there already, such as an answer.
   *
   * @throws Unavailable if there is none now
   */
  public Lease answer(int bytes) {
    Lease lease = tryTake(bytes, bytes);
    if (lease == null) {
      throw refused();
    }
    return lease;
  }

  private @Nullable Lease tryTake(long bytes, int pageBytes) {
    int taken = Math.min(units(bytes), total);
    return units.tryAcquire(taken) ? new Lease(taken, pageBytes) : null;
  }

  private Lease take(long bytes, int pageBytes) {
    int taken = Math.min(units(bytes), total);
    try {
      if (units.tryAcquire(taken, MAX_WAIT.toNanos(), TimeUnit.NANOSECONDS)) {
        return new Lease(taken, pageBytes);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    throw refused();
  }

  private static Unavailable refused() {
    return new Unavailable(
        Unavailable.Outcome.NOT_DONE,
        "Too many large answers are being read or sent; try again in a moment, or ask for less.",
        null);
  }

  /** Part of the budget, until it is closed. Used by one thread at a time. */
  public final class Lease implements AutoCloseable {
    private final int pageBytes;
    private int held;

    private Lease(int held, int pageBytes) {
      this.held = held;
      this.pageBytes = pageBytes;
    }

    /** About how many bytes of documents may be read. */
    public int pageBytes() {
      return pageBytes;
    }

    /** Only so many bytes are needed from here on. */
    public void shrink(long bytes) {
      int needed = bytes <= 0 ? 0 : units(bytes);
      if (needed < held) {
        units.release(held - needed);
        held = needed;
      }
    }

    @Override
    public void close() {
      shrink(0);
    }
  }
}
