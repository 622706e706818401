package dev.meridian.store;

import dev.meridian.document.Version;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * What the documents written last look like without their values: a write over one of them need not
 * search the database for what it replaces, which costs more than anything else it does.
 *
 * <p>Holds what the database holds, or nothing, and forgets as it likes: a key may stand in one of
 * two slots, and when both are taken, the one that was set earlier goes. At most {@value
 * #MAX_SLOTS} documents and about 25 MiB, reached by use. Used by the thread that applies the log.
 */
final class RecentHeads {
  private static final int MIN_SLOTS = 1 << 10;
  private static final int MAX_SLOTS = 1 << 18;

  /** Longer keys are not held. */
  private static final int MAX_KEY_BYTES = 128;

  /* A slot's numbers, side by side: timestamp, region, position, expiry. */
  private static final int NUMBERS = 4;

  private byte[] @Nullable [] keys = new byte[MIN_SLOTS][];

  /** Numbers, not objects, so that a write leaves nothing for the garbage collector to move. */
  private long[] numbers = new long[NUMBERS * MIN_SLOTS];

  private int used;

  /** The document's head, or null when it is not known here. */
  Stored.@Nullable Live get(byte[] key) {
    int slot = find(key);
    if (slot < 0) {
      return null;
    }
    int at = NUMBERS * slot;
    return Stored.Live.head(
        new Version(numbers[at], (int) numbers[at + 1]), numbers[at + 2], numbers[at + 3]);
  }

  /** What the database holds from now on; null for anything but a document. */
  void set(byte[] key, Stored.@Nullable Live live) {
    int slot = find(key);
    if (live == null || key.length > MAX_KEY_BYTES) {
      if (slot >= 0) {
        keys[slot] = null;
        used--;
      }
      return;
    }
    if (slot < 0) {
      slot = place(key);
      used++;
    }
    Version version = live.version();
    int at = NUMBERS * slot;
    numbers[at] = version.timestamp();
    numbers[at + 1] = version.region();
    numbers[at + 2] = live.position();
    numbers[at + 3] = live.expiresAtMillis();
  }

  /** Makes a slot the key's. */
  private int place(byte[] key) {
    int first = slot(key, keys.length);
    int second = first ^ 1;
    if (keys[first] != null && keys[second] != null) {
      if (keys.length < MAX_SLOTS && used > keys.length / 2) {
        grow();
        return place(key);
      }
      used--;
    }
    if (keys[first] != null) {
      keys[second] = keys[first];
      System.arraycopy(numbers, NUMBERS * first, numbers, NUMBERS * second, NUMBERS);
    }
    keys[first] = key;
    return first;
  }

  private int find(byte[] key) {
    int first = slot(key, keys.length);
    return Arrays.equals(keys[first], key)
        ? first
        : Arrays.equals(keys[first ^ 1], key) ? first ^ 1 : -1;
  }

  private void grow() {
    byte[] @Nullable [] oldKeys = keys;
    long[] oldNumbers = numbers;
    keys = new byte[oldKeys.length * 2][];
    numbers = new long[oldNumbers.length * 2];
    for (int i = 0; i < oldKeys.length; i++) {
      byte[] key = oldKeys[i];
      if (key != null) {
        // The two that shared a pair of slots have a pair of their own, or share one again.
        int slot = slot(key, keys.length);
        slot = keys[slot] == null ? slot : slot ^ 1;
        keys[slot] = key;
        System.arraycopy(oldNumbers, NUMBERS * i, numbers, NUMBERS * slot, NUMBERS);
      }
    }
  }

  private static int slot(byte[] key, int slots) {
    // Fibonacci hashing (Knuth, TAOCP 3, 6.4): the high bits depend on all of the hash.
    return (Arrays.hashCode(key) * 0x9e3779b9) >>> Integer.numberOfLeadingZeros(slots - 1);
  }
}
