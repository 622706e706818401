package dev.meridian.dns;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How often each of the most frequent names came in this period and the one before, in memory of a
 * fixed size. One thread counts, and allocates nothing; any thread reads meanwhile.
 *
 * <p>It is Space-Saving (Metwally, Agrawal and El Abbadi, 2005), with a bound of its own for each
 * count: a name that has no place takes that of the least frequent one, and its count, which is
 * then its error. So a count is never too low, it is too high by the error at most, and it is exact
 * while there are fewer names than places.
 */
final class HeavyHitters {
  /*
   * Names are spread by a hash over sets, and each set is a Space-Saving of its own with few places.
   * So counting looks at one line of the processor's cache, and finding the least frequent at two
   * more, where the one structure for all of the paper follows pointers. Whatever comes more often
   * than a sixteenth of its set's rest has a place for sure.
   *
   * A set has two halves, one for each of two periods, and is turned over when a query first comes
   * to it in a new period: so there is no moment at which all of it is cleared.
   *
   * Whoever reads takes a set again if its version changed meanwhile or is odd (a sequence lock);
   * counts alone change without that.
   */
  private static final int WAYS = 16;

  private static final int MAX_READS = 1000;
  private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);

  /** The same for all, as they are added up set by set; nobody outside knows who shares a set. */
  private static final int SEED = new SecureRandom().nextInt();

  private final int shift;
  private final int[] tags;
  private final byte[] @Nullable [] names;
  private final long[] counts;
  private final long[] errors;

  /** Of each set its period and its version, which change together. */
  private final long[] states;

  /**
   * Creates it.
   *
   * @param setBits it has room for 16 times two to this power names; 1 to 16
   */
  HeavyHitters(int setBits) {
    int sets = 1 << setBits;
    shift = Integer.SIZE - setBits;
    tags = new int[2 * WAYS * sets];
    names = new byte[tags.length][];
    counts = new long[tags.length];
    errors = new long[tags.length];
    states = new long[2 * sets];
  }

  /**
   * Counts a name; for one thread at a time.
   *
   * @param name in wire form, lower case; it is kept and must never change
   * @param hash its hash
   * @param period from 1; an earlier one than before counts as the same
   */
  void add(byte[] name, int hash, long period) {
    int mixed = (hash ^ SEED) * 0x9E3779B1;
    mixed = (mixed ^ (mixed >>> 15)) * 0x85EBCA6B;
    int set = mixed >>> shift;
    int tag = mixed | 1; // 0 is a free place
    if (period > states[2 * set]) {
      turn(set, period);
    }
    int from = half(set, states[2 * set]);
    int end = from + WAYS;
    for (int i = from; i < end; i++) {
      if (tags[i] == 0) {
        put(set, i, tag, name, 0);
        return;
      }
      if (tags[i] == tag && isSame(i, name)) {
        WORD.setOpaque(counts, i, counts[i] + 1);
        return;
      }
    }
    int least = from;
    for (int i = from + 1; i < end; i++) {
      least = counts[i] < counts[least] ? i : least;
    }
    put(set, least, tag, name, counts[least]);
  }

  private static int half(int set, long period) {
    return (2 * set + (int) (period & 1)) * WAYS;
  }

  @SuppressWarnings("ReferenceEquality") // the same array is quickly known to be equal
  private boolean isSame(int place, byte[] name) {
    byte[] kept = names[place];
    if (kept == name) {
      return true;
    }
    if (!Arrays.equals(kept, name)) {
      return false;
    }
    names[place] = name; // of a newer snapshot, whose array comes from now on
    return true;
  }

  private void put(int set, int place, int tag, byte[] name, long error) {
    begin(set);
    tags[place] = tag;
    names[place] = name;
    errors[place] = error;
    WORD.setOpaque(counts, place, error + 1);
    end(set);
  }

  private void turn(int set, long period) {
    begin(set);
    if (period - states[2 * set] > 1) {
      clear(half(set, period + 1));
    }
    clear(half(set, period));
    states[2 * set] = period;
    end(set);
  }

  private void clear(int from) {
    Arrays.fill(tags, from, from + WAYS, 0);
    Arrays.fill(names, from, from + WAYS, null);
    Arrays.fill(counts, from, from + WAYS, 0);
    Arrays.fill(errors, from, from + WAYS, 0);
  }

  private void begin(int set) {
    WORD.setOpaque(states, 2 * set + 1, states[2 * set + 1] + 1);
    VarHandle.storeStoreFence();
  }

  private void end(int set) {
    WORD.setRelease(states, 2 * set + 1, states[2 * set + 1] + 1);
  }

  /**
   * A name and how often it came.
   *
   * @param atLeast this often
   * @param atMost and no more than this
   */
  record Entry(WireName name, long atLeast, long atMost) {}

  /**
   * What many threads have counted.
   *
   * @param total all that came, whether it has an entry or not
   * @param entries in no order
   */
  record Sum(long total, List<Entry> entries) {}

  /**
   * Adds up what all of these have counted in a period and in the one before. Any thread.
   *
   * @param parts of one size
   */
  static Sum sum(List<HeavyHitters> parts, long period) {
    long total = 0;
    List<Entry> entries = new ArrayList<>();
    int sets = parts.isEmpty() ? 0 : parts.getFirst().states.length / 2;
    Copy copy = new Copy();
    for (int set = 0; set < sets; set++) {
      // Where a name has no place, it came as often as the least frequent that has one, at most.
      Map<WireName, long[]> found = new HashMap<>();
      long floors = 0;
      for (HeavyHitters part : parts) {
        if (!part.read(set, copy)) {
          continue;
        }
        for (long of = Math.max(period - 1, copy.period - 1); of <= copy.period; of++) {
          int from = half(0, of);
          boolean full = copy.names[from + WAYS - 1] != null;
          long floor = full ? copy.least(from) : 0;
          floors += floor;
          for (int i = from; i < from + WAYS && copy.names[i] != null; i++) {
            total += copy.counts[i];
            long[] sums = found.computeIfAbsent(WireName.of(copy.names[i], 0), _ -> new long[2]);
            sums[0] += copy.counts[i] - copy.errors[i];
            sums[1] += copy.counts[i] - floor;
          }
        }
      }
      for (Map.Entry<WireName, long[]> one : found.entrySet()) {
        entries.add(new Entry(one.getKey(), one.getValue()[0], floors + one.getValue()[1]));
      }
    }
    return new Sum(total, entries);
  }

  /** A set as it was at one moment. */
  private static final class Copy {
    private final byte[] @Nullable [] names = new byte[2 * WAYS][];
    private final long[] counts = new long[2 * WAYS];
    private final long[] errors = new long[2 * WAYS];
    private long period;

    long least(int from) {
      return Arrays.stream(counts, from, from + WAYS).min().orElse(0);
    }
  }

  /** Copies a set; false if that fails, as its thread was held up while it changed it. */
  private boolean read(int set, Copy into) {
    int from = 2 * set * WAYS;
    for (int reads = 0; reads < MAX_READS; reads++) {
      long version = (long) WORD.getAcquire(states, 2 * set + 1);
      if ((version & 1) == 0) {
        into.period = states[2 * set];
        System.arraycopy(names, from, into.names, 0, 2 * WAYS);
        System.arraycopy(errors, from, into.errors, 0, 2 * WAYS);
        for (int i = 0; i < 2 * WAYS; i++) {
          into.counts[i] = (long) WORD.getOpaque(counts, from + i);
        }
        VarHandle.acquireFence();
        if ((long) WORD.getOpaque(states, 2 * set + 1) == version) {
          return true;
        }
      }
      Thread.yield();
    }
    return false;
  }
}
