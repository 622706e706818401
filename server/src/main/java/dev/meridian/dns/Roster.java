package dev.meridian.dns;

import java.util.List;

/**
 * The zones and regions of a snapshot by the numbers that its answers know them by. It outlives its
 * snapshot where somebody counts, so it holds nothing but names.
 *
 * @param zones without the last dot, by {@link Answer#zone}
 * @param regions by the bits of {@link Client#regions}
 */
record Roster(List<String> zones, List<String> regions) {
  static final Roster NONE = new Roster(List.of(), List.of());

  /** Copies. */
  Roster {
    zones = List.copyOf(zones);
    regions = List.copyOf(regions);
  }
}
