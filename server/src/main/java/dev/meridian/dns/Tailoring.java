package dev.meridian.dns;

import dev.meridian.site.RegionSet;
import java.net.InetAddress;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/**
 * A set of addresses that is answered by region, and the answer that has them all; which of them
 * are answered is chosen for each client.
 *
 * @param owner the name; a wildcard stands for many
 * @param type A or AAAA
 * @param all the answer with all of them, in their order
 * @param set how to choose
 * @param regions the number of the region of each of them
 * @param addresses each of them
 * @param place where it was written
 */
@SuppressWarnings("ArrayRecordComponent") // shared, never changed
record Tailoring(
    WireName owner,
    int type,
    Answer all,
    RegionSet set,
    int[] regions,
    List<InetAddress> addresses,
    ZoneException.Place place) {
  /** The regions that have addresses in it. */
  int available() {
    int bits = 0;
    for (int region : regions) {
      bits |= 1 << region;
    }
    return bits;
  }

  /** The regions all of whose addresses in it are silent. */
  int silent(Set<InetAddress> silent) {
    int heard = 0;
    for (int i = 0; i < regions.length; i++) {
      heard |= silent.contains(addresses.get(i)) ? 0 : 1 << regions[i];
    }
    return available() & ~heard;
  }

  /**
   * The answer for a selection of regions, as {@link Choice#selections} has it: of each region the
   * addresses that are not silent, or all if they all are.
   */
  Answer answer(int selection, Set<InetAddress> silent) {
    int mute = silent(silent);
    int[] kept = new int[regions.length];
    int count = 0;
    for (int i = 0; i < regions.length; i++) {
      if ((selection >>> regions[i] & 1) == 1
          && ((mute >>> regions[i] & 1) == 1 || !silent.contains(addresses.get(i)))) {
        kept[count++] = i;
      }
    }
    return all.only(Arrays.copyOf(kept, count));
  }
}
