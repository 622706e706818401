package dev.meridian.dns;

import dev.meridian.site.RegionSet;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Type;

/** The records of one name and type (RFC 2181, section 5). Built by one thread. */
final class RrSet {
  private final WireName owner;
  private final int type;
  private final ZoneException.Place place;
  private final List<byte[]> rdata = new ArrayList<>(1);
  private long ttl;
  private @Nullable RegionSet choice;
  private int[] regions = {};

  RrSet(ZoneRecord first) {
    owner = first.owner();
    type = first.type();
    place = first.place();
    ttl = first.ttl();
    rdata.add(first.rdata());
  }

  /** Adds a record; one that is there already changes nothing (RFC 2181, section 5). */
  void add(ZoneRecord record) {
    // One set has one TTL (RFC 2181, section 5.2): the smallest keeps every promise made.
    ttl = Math.min(ttl, record.ttl());
    for (byte[] known : rdata) {
      if (Arrays.equals(known, record.rdata())) {
        return;
      }
    }
    rdata.add(record.rdata());
  }

  /** Puts other data in the place of all. */
  void replace(byte[] data) {
    rdata.clear();
    rdata.add(data);
  }

  /** Whether the records are the same, down to the case of their owner, in whatever order. */
  boolean isSame(RrSet other) {
    return type == other.type
        && ttl == other.ttl
        && rdata.size() == other.rdata.size()
        && Arrays.equals(owner.wire(), other.owner.wire())
        && rdata.stream()
            .allMatch(one -> other.rdata.stream().anyMatch(two -> Arrays.equals(one, two)));
  }

  /**
   * Makes this a set of addresses of which clients get those of some regions.
   *
   * @param set how to choose
   * @param ofRecords the number of the region of each record
   */
  void chooseBy(RegionSet set, int[] ofRecords) {
    choice = set;
    regions = ofRecords;
  }

  /** How regions are chosen, or null if every client gets all records. */
  @Nullable RegionSet choice() {
    return choice;
  }

  /** The number of the region of each record, where regions are chosen. */
  int[] regions() {
    return regions;
  }

  WireName owner() {
    return owner;
  }

  int type() {
    return type;
  }

  long ttl() {
    return ttl;
  }

  ZoneException.Place place() {
    return place;
  }

  List<byte[]> rdata() {
    return rdata;
  }

  /**
   * The names in the data that a client is likely to ask for next (RFC 1035, section 3.3.9; RFC
   * 2782), and for CNAME and NS the names they stand for.
   */
  List<WireName> targets() {
    int at =
        switch (type) {
          case Type.NS, Type.CNAME, Type.PTR -> 0;
          case Type.MX, Type.SVCB, Type.HTTPS -> 2;
          case Type.SRV -> 6;
          default -> -1;
        };
    if (at < 0) {
      return List.of();
    }
    List<WireName> targets = new ArrayList<>(rdata.size());
    for (byte[] data : rdata) {
      targets.add(WireName.of(data, at));
    }
    return targets;
  }
}
