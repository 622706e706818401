package dev.meridian.dns;

import java.util.List;

/**
 * What makes one version of a zone of another (RFC 1995, section 4); neither list has the SOA.
 *
 * @param from the SOA of the version before
 * @param removed records that are gone
 * @param to the SOA of the version after
 * @param added records that are new
 */
record ZoneDiff(ZoneRecord from, List<ZoneRecord> removed, ZoneRecord to, List<ZoneRecord> added) {
  /** Copies. */
  ZoneDiff {
    removed = List.copyOf(removed);
    added = List.copyOf(added);
  }

  /** Records it takes to tell it. */
  int size() {
    return 2 + removed.size() + added.size();
  }
}
