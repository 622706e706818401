package dev.meridian.replica;

/**
 * How long an entry waits for more writes, where that pays. An entry costs about as much as dozens
 * of writes, on every member. So when the last one served several writers, who may be back in a
 * moment, the next waits for them as long as many come and until all are there; at most as long as
 * an entry takes, and never for a writer who is alone. Guarded by its user.
 */
final class Gathering {
  /** Fewer writers are not waited for. */
  static final int COMPANY = 4;

  /** How long they are waited for, at most. */
  static final long PATIENCE_NANOS = 20_000_000;

  /** How often in that time it is looked how many have come, at least. */
  static final int LOOKS = 4;

  /** The longest time between two looks. */
  static final long LOOK_NANOS = 2_500_000;

  /** An entry that took longer says nothing of the next one. */
  private static final long MAX_ENTRY_NANOS = 4 * PATIENCE_NANOS;

  /** It is waited for more when at least this part of what waits came since the last look. */
  static final int WORTH = 8;

  /** How much of an entry's time goes into what an entry takes: a moving average. */
  private static final int SMOOTH = 8;

  private int company;
  private int everybody;
  private long answeredNanos;
  private long entryNanos;

  /**
   * An entry was applied and its writers answered.
   *
   * @param writes how many shared it
   * @param waiting writes that wait already
   * @param tookNanos since it was proposed
   * @param nowNanos {@link System#nanoTime}
   */
  void answered(int writes, int waiting, long tookNanos, long nowNanos) {
    company = writes;
    everybody = writes + waiting;
    answeredNanos = nowNanos;
    entryNanos += (Math.min(tookNanos, MAX_ENTRY_NANOS) - entryNanos) / SMOOTH;
  }

  /** When so many wait, all are there who wrote lately. */
  int everybody() {
    return everybody;
  }

  /**
   * How long to wait before the next look, in nanoseconds; 0 to propose what waits.
   *
   * @param waiting writes that wait
   * @param came those of them that came since the last look; all, at the first
   * @param nowNanos {@link System#nanoTime}
   */
  long pause(int waiting, int came, long nowNanos) {
    long patience = Math.min(entryNanos, PATIENCE_NANOS);
    boolean pays = company >= COMPANY && waiting < everybody && (long) came * WORTH >= waiting;
    return pays && nowNanos - answeredNanos < patience ? Math.min(patience / LOOKS, LOOK_NANOS) : 0;
  }
}
