package dev.meridian.cli;

import java.util.BitSet;

/**
 * Which records are done, when they are done out of order: the longest run from the first record on
 * is what an interrupted import need not send again. Any thread.
 */
final class Acknowledged {
  // Guarded by this. Bit i is record prefix + 1 + i.
  private final BitSet beyond = new BitSet();
  private long prefix;

  Acknowledged(long prefix) {
    this.prefix = prefix;
  }

  /** Record {@code number} is stored, or is skipped for good. */
  synchronized void done(long number) {
    beyond.set(Math.toIntExact(number - prefix - 1));
    int run = beyond.nextClearBit(0);
    // Moving the bits costs their number, so it is done now and then.
    if (run >= 4096 || run == beyond.length()) {
      settle(run);
    }
  }

  private void settle(int run) {
    if (run > 0) {
      BitSet rest = beyond.get(run, Math.max(run, beyond.length()));
      beyond.clear();
      beyond.or(rest);
      prefix += run;
    }
  }

  /** Every record up to this one is done. */
  synchronized long prefix() {
    settle(beyond.nextClearBit(0));
    return prefix;
  }
}
