package dev.meridian.geo;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.function.IntBinaryOperator;
import java.util.function.IntUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A small number for each address of one family, and with it the shortest prefix whose addresses
 * all have that number. Immutable; a look-up allocates nothing.
 *
 * <p>It is the coarsest division of the address space into prefixes of one number each: of two
 * halves with the same number only their whole is kept. So prefixes never overlap (RFC 7871,
 * section 7.2.1, wants that of scopes), the longest match is the only one, and how an address was
 * written down, as one network or as a thousand, makes no difference.
 *
 * <p>Addresses are two longs, as {@link Prefix} has them.
 */
public final class PrefixMap {
  /** The largest number an address may have. */
  public static final int MAX_VALUE = (1 << 23) - 1;

  /** Most prefixes in a map: a bound on what a node must carry. */
  public static final int MAX_PREFIXES = 1 << 24;

  private static final int MAX_INDEX_BITS = 16;

  // The prefixes in their order: where each begins, and its number and length in one int. The first
  // bits of an address say between which two places to search; there are few, so that the search
  // ends soon and mostly within one line of the processor's cache.
  // Where 32 bits tell all beginnings apart, as for IPv4, there are only those; where 64 do, as for
  // most of IPv6, only these.
  private final int @Nullable [] words;
  private final long @Nullable [] high;
  private final long @Nullable [] low;
  private final int[] entries;
  private final int[] index;
  private final int shift;

  private PrefixMap(long[] high, long[] low, int[] entries) {
    boolean isLow = Arrays.stream(low).anyMatch(l -> l != 0);
    boolean isLong = isLow || Arrays.stream(high).anyMatch(h -> (int) h != 0);
    this.words = isLong ? null : Arrays.stream(high).mapToInt(h -> (int) (h >>> 32)).toArray();
    this.high = isLong ? high : null;
    this.low = isLow ? low : null;
    this.entries = entries;
    int bits = Math.clamp(32 - Integer.numberOfLeadingZeros(entries.length - 1), 1, MAX_INDEX_BITS);
    this.shift = 64 - bits;
    this.index = new int[(1 << bits) + 1];
    int at = 0;
    for (int slot = 0; slot < 1 << bits; slot++) {
      long first = (long) slot << shift;
      while (at + 1 < entries.length && !isAfter(at + 1, first, 0)) {
        at++;
      }
      index[slot] = at;
    }
    index[1 << bits] = entries.length - 1;
  }

  /** A map that has the same number for all addresses. */
  public static PrefixMap uniform(int value) {
    return new Builder().through(-1L, -1L, value).build();
  }

  /**
   * A map of these prefixes: where they lie within each other, the longest counts.
   *
   * @param otherwise the number of addresses in none of them
   */
  public static PrefixMap of(Map<Prefix, Integer> prefixes, int otherwise) {
    List<Map.Entry<Prefix, Integer>> shortestFirst =
        prefixes.entrySet().stream()
            .sorted(Comparator.comparingInt(entry -> entry.getKey().length()))
            .toList();
    PrefixMap map = uniform(otherwise);
    for (Map.Entry<Prefix, Integer> entry : shortestFirst) {
      int value = entry.getValue();
      map = combine(map, only(entry.getKey()), (before, in) -> in == 1 ? value : before);
    }
    return map;
  }

  private static PrefixMap only(Prefix prefix) {
    Builder builder = new Builder();
    if ((prefix.high() | prefix.low()) != 0) {
      long low = prefix.low() - 1;
      builder.through(prefix.low() == 0 ? prefix.high() - 1 : prefix.high(), low, 0);
    }
    builder.through(prefix.lastHigh(), prefix.lastLow(), 1);
    return (builder.full ? builder : builder.through(-1L, -1L, 0)).build();
  }

  /**
   * What is known of an address: {@link #value} and {@link #scope} take it apart. Never fails.
   *
   * @param addressHigh the first 64 bits
   * @param addressLow the last 64 bits; 0 for IPv4
   */
  public int find(long addressHigh, long addressLow) {
    int slot = (int) (addressHigh >>> shift);
    int from = index[slot];
    int to = index[slot + 1];
    int[] short32 = words;
    if (short32 != null) {
      int word = (int) (addressHigh >>> 32) + Integer.MIN_VALUE;
      while (from < to) {
        int middle = (from + to + 1) >>> 1;
        if (short32[middle] + Integer.MIN_VALUE > word) {
          to = middle - 1;
        } else {
          from = middle;
        }
      }
      return entries[from];
    }
    while (from < to) {
      int middle = (from + to + 1) >>> 1;
      if (isAfter(middle, addressHigh, addressLow)) {
        to = middle - 1;
      } else {
        from = middle;
      }
    }
    return entries[from];
  }

  private long high(int entry) {
    return words != null ? (long) words[entry] << 32 : high != null ? high[entry] : 0;
  }

  private long low(int entry) {
    return low != null ? low[entry] : 0;
  }

  private boolean isAfter(int entry, long addressHigh, long addressLow) {
    long start = high(entry);
    if (start != addressHigh) {
      return Long.compareUnsigned(start, addressHigh) > 0;
    }
    return Long.compareUnsigned(low(entry), addressLow) > 0;
  }

  /** The number in what {@link #find} returned. */
  public static int value(int found) {
    return found >>> 8;
  }

  /** The length in bits of the shortest prefix with that number, in what {@link #find} returned. */
  public static int scope(int found) {
    return found & 0xff;
  }

  /** How many prefixes it has. */
  public int size() {
    return entries.length;
  }

  /** The map with other numbers for these: what has the same number then is one again. */
  public PrefixMap map(IntUnaryOperator change) {
    Builder builder = new Builder();
    for (int i = 0; i < entries.length; i++) {
      builder.block(high(i), low(i), scope(entries[i]), change.applyAsInt(value(entries[i])));
    }
    return builder.build();
  }

  /** The map with what {@code join} makes of the numbers that an address has in both. */
  public static PrefixMap combine(PrefixMap a, PrefixMap b, IntBinaryOperator join) {
    Builder builder = new Builder();
    int i = 0;
    int j = 0;
    // Of two prefixes that meet, one holds the other: so each step is the longer one, whole.
    while (i < a.size() && j < b.size()) {
      int value = join.applyAsInt(value(a.entries[i]), value(b.entries[j]));
      int lengthA = scope(a.entries[i]);
      int lengthB = scope(b.entries[j]);
      boolean isA = lengthA >= lengthB;
      builder.block(
          isA ? a.high(i) : b.high(j),
          isA ? a.low(i) : b.low(j),
          Math.max(lengthA, lengthB),
          value);
      boolean endsA = isA || builder.isPast(a.high(i), a.low(i), lengthA);
      boolean endsB = lengthB >= lengthA || builder.isPast(b.high(j), b.low(j), lengthB);
      i += endsA ? 1 : 0;
      j += endsB ? 1 : 0;
    }
    return builder.build();
  }

  private static int compare(long highA, long lowA, long highB, long lowB) {
    int order = Long.compareUnsigned(highA, highB);
    return order != 0 ? order : Long.compareUnsigned(lowA, lowB);
  }

  /** Makes a map from numbers told in the order of the addresses. For one thread. */
  public static final class Builder {
    private long[] high = new long[64];
    private long[] low = {}; // as long as it holds zeros only, it is not there
    private int[] entries = new int[64];
    private int size;
    private long nextHigh;
    private long nextLow;
    private boolean full;

    /**
     * Gives all addresses from the first one without a number up to this one the number.
     *
     * @throws IllegalArgumentException if it has one already, or the number is out of bounds
     * @throws IllegalStateException if that makes more than {@link #MAX_PREFIXES}
     */
    public Builder through(long lastHigh, long lastLow, int value) {
      if (value < 0
          || value > MAX_VALUE
          || full
          || compare(nextHigh, nextLow, lastHigh, lastLow) > 0) {
        throw new IllegalArgumentException("out of order, or no number: " + value);
      }
      while (!full && compare(nextHigh, nextLow, lastHigh, lastLow) <= 0) {
        int bits = Math.min(trailingZeros(), sizeBits(lastHigh, lastLow));
        advance(128 - bits, value);
      }
      return this;
    }

    /**
     * Gives all addresses of a prefix, which begins with the first one without a number, the
     * number.
     *
     * @throws IllegalArgumentException if it begins elsewhere, or the number is out of bounds
     */
    void block(long startHigh, long startLow, int length, int value) {
      if (full || startHigh != nextHigh || startLow != nextLow || value < 0 || value > MAX_VALUE) {
        throw new IllegalArgumentException("out of order, or no number: " + value);
      }
      advance(length, value);
    }

    private void advance(int length, int value) {
      add(nextHigh, nextLow, (value << 8) | length);
      // To the first address after the block; past the last of all, the map is full.
      long endHigh = nextHigh | ~Prefix.highMask(length);
      long endLow = nextLow | ~Prefix.lowMask(length);
      nextLow = endLow + 1;
      nextHigh = endHigh + (nextLow == 0 ? 1 : 0);
      full = (nextHigh | nextLow) == 0;
    }

    /** Whether all addresses of a prefix have a number. */
    private boolean isPast(long startHigh, long startLow, int length) {
      return has(startHigh | ~Prefix.highMask(length), startLow | ~Prefix.lowMask(length));
    }

    /** Whether an address has a number already. */
    boolean has(long addressHigh, long addressLow) {
      return full || compare(addressHigh, addressLow, nextHigh, nextLow) < 0;
    }

    /** Gives all addresses before this one that have none the number. */
    void before(long addressHigh, long addressLow, int value) {
      if (!has(addressHigh, addressLow) && (addressHigh != nextHigh || addressLow != nextLow)) {
        through(addressLow == 0 ? addressHigh - 1 : addressHigh, addressLow - 1, value);
      }
    }

    /** Gives all addresses that have none the number. */
    void rest(int value) {
      if (!full) {
        through(-1L, -1L, value);
      }
    }

    private int trailingZeros() {
      return nextLow != 0
          ? Long.numberOfTrailingZeros(nextLow)
          : nextHigh != 0 ? 64 + Long.numberOfTrailingZeros(nextHigh) : 128;
    }

    /** The largest power of two of addresses from the next one to the last one. */
    private int sizeBits(long lastHigh, long lastLow) {
      long spanLow = lastLow - nextLow;
      long spanHigh = lastHigh - nextHigh - (Long.compareUnsigned(lastLow, nextLow) < 0 ? 1 : 0);
      spanLow++;
      if (spanLow == 0 && ++spanHigh == 0) {
        return 128;
      }
      return spanHigh != 0
          ? 127 - Long.numberOfLeadingZeros(spanHigh)
          : 63 - Long.numberOfLeadingZeros(spanLow);
    }

    /** Adds a prefix; it and its sister become one where they have the same number, and so on. */
    private void add(long startHigh, long startLow, int entry) {
      long atHigh = startHigh;
      long atLow = startLow;
      int added = entry;
      while (size > 0 && entries[size - 1] == added && isRight(atHigh, atLow, scope(added))) {
        size--;
        atHigh = high[size];
        atLow = low.length == 0 ? 0 : low[size];
        added--; // one bit less
      }
      if (size == entries.length) {
        if (size == MAX_PREFIXES) {
          throw new IllegalStateException("more than " + MAX_PREFIXES + " networks");
        }
        int room = size + (size >> 1);
        high = Arrays.copyOf(high, room);
        low = low.length == 0 ? low : Arrays.copyOf(low, room);
        entries = Arrays.copyOf(entries, room);
      }
      if (low.length == 0 && atLow != 0) {
        low = new long[high.length];
      }
      high[size] = atHigh;
      if (low.length > 0) {
        low[size] = atLow;
      }
      entries[size++] = added;
    }

    /** Whether a prefix is the second half of the one that is a bit shorter. */
    private static boolean isRight(long high, long low, int length) {
      return length > 64
          ? ((low >>> (128 - length)) & 1) == 1
          : length > 0 && ((high >>> (64 - length)) & 1) == 1;
    }

    /**
     * The map.
     *
     * @throws IllegalStateException if an address has no number
     */
    public PrefixMap build() {
      if (!full) {
        throw new IllegalStateException("not all addresses have a number");
      }
      return new PrefixMap(
          Arrays.copyOf(high, size),
          low.length == 0 ? low : Arrays.copyOf(low, size),
          Arrays.copyOf(entries, size));
    }
  }
}
