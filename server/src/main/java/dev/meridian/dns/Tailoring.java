package dev.meridian.dns;

import dev.meridian.site.RegionSet;

/**
 * A set of addresses that is answered by region, and the answer that has them all; which of them
 * are answered is chosen for each client.
 *
 * @param owner the name; a wildcard stands for many
 * @param type A or AAAA
 * @param all the answer with all of them, in their order
 * @param set how to choose
 * @param regions the number of the region of each of them
 * @param place where it was written
 */
@SuppressWarnings("ArrayRecordComponent") // shared, never changed
record Tailoring(
    WireName owner, int type, Answer all, RegionSet set, int[] regions, ZoneException.Place place) {
  /** The regions that have addresses in it. */
  int available() {
    int bits = 0;
    for (int region : regions) {
      bits |= 1 << region;
    }
    return bits;
  }

  /** The answer for a selection of regions, as {@link Choice#selections} has it. */
  Answer answer(int selection) {
    int[] kept = new int[regions.length];
    int count = 0;
    for (int i = 0; i < regions.length; i++) {
      if ((selection >>> regions[i] & 1) == 1) {
        kept[count++] = i;
      }
    }
    return all.only(java.util.Arrays.copyOf(kept, count));
  }
}
