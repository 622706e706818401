package dev.meridian.cli;

import java.util.BitSet;

/**
 * Which records are done, when they are done out of order: the longest run from the first record on
 * is what an interrupted import need not send again. Any thread.
 */
final class Acknowledged {
  // All guarded by this. Bit i is record prefix + 1 + i.
  private final BitSet beyond = new BitSet();
  private final BitSet badBeyond = new BitSet();
  private long prefix;
  private long bad;

  /**
   * How far an import has come.
   *
   * @param records all done, from the first on
   * @param bad how many of them were skipped
   */
  record Reached(long records, long bad) {}

  Acknowledged(Reached before) {
    this.prefix = before.records();
    this.bad = before.bad();
  }

  /** Record {@code number} is stored. */
  synchronized void done(long number) {
    settle(number);
  }

  /** Record {@code number} is skipped for good. */
  synchronized void skipped(long number) {
    badBeyond.set(Math.toIntExact(number - prefix - 1));
    settle(number);
  }

  private void settle(long number) {
    beyond.set(Math.toIntExact(number - prefix - 1));
    int run = beyond.nextClearBit(0);
    // Moving the bits costs their number, so it is done now and then.
    if (run >= 4096 || run == beyond.length()) {
      move(run);
    }
  }

  private void move(int run) {
    if (run > 0) {
      bad += badBeyond.get(0, run).cardinality();
      shift(badBeyond, run);
      shift(beyond, run);
      prefix += run;
    }
  }

  private static void shift(BitSet bits, int by) {
    BitSet rest = bits.get(by, Math.max(by, bits.length()));
    bits.clear();
    bits.or(rest);
  }

  /** What another run need not look at again. */
  synchronized Reached reached() {
    move(beyond.nextClearBit(0));
    return new Reached(prefix, bad);
  }
}
