package dev.meridian.dns;

import dev.meridian.site.RegionSet;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Type;

/**
 * The records of one name and type (RFC 2181, section 5). A zone may have millions, of which nearly
 * all have one record, so what others have besides is apart. Built by one thread.
 */
final class RrSet {
  private static final int[] NO_REGIONS = {};

  private final WireName owner;
  private final char type;
  private final String file;
  private final int line;
  private int ttl;
  private byte[] first;
  private @Nullable More more;
  private @Nullable RrSet next;

  /** What few sets have. */
  private static final class More {
    /** All records, if there are others than the first. */
    private @Nullable List<byte[]> rdata;

    private @Nullable RegionSet choice;
    private int[] regions = NO_REGIONS;
  }

  RrSet(ZoneRecord first) {
    owner = first.owner();
    type = (char) first.type();
    file = first.place().file();
    line = first.place().line();
    ttl = (int) first.ttl();
    this.first = first.rdata();
  }

  /** The next set of the same name in a {@link NameTable}, or null. */
  @Nullable RrSet next() {
    return next;
  }

  /** For {@link NameTable}. */
  void next(RrSet set) {
    next = set;
  }

  private More more() {
    if (more == null) {
      more = new More();
    }
    return more;
  }

  /** Adds a record; one that is there already changes nothing (RFC 2181, section 5). */
  void add(ZoneRecord record) {
    // One set has one TTL (RFC 2181, section 5.2): the smallest keeps every promise made.
    ttl = (int) Math.min(ttl, record.ttl());
    List<byte[]> known = rdata();
    for (byte[] data : known) {
      if (Arrays.equals(data, record.rdata())) {
        return;
      }
    }
    if (known.size() == 1) {
      known = new ArrayList<>(known);
      more().rdata = known;
    }
    known.add(record.rdata());
  }

  /** Puts other data in the place of all. */
  void replace(byte[] data) {
    first = data;
    if (more != null) {
      more.rdata = null;
    }
  }

  /** Whether the records are the same, down to the case of their owner, in whatever order. */
  boolean isSame(RrSet other) {
    List<byte[]> others = other.rdata();
    return type == other.type
        && ttl == other.ttl
        && rdata().size() == others.size()
        && Arrays.equals(owner.wire(), other.owner.wire())
        && rdata().stream()
            .allMatch(one -> others.stream().anyMatch(two -> Arrays.equals(one, two)));
  }

  /**
   * Makes this a set of addresses of which clients get those of some regions.
   *
   * @param set how to choose
   * @param ofRecords the number of the region of each record
   */
  void chooseBy(RegionSet set, int[] ofRecords) {
    more().choice = set;
    more().regions = ofRecords;
  }

  /** How regions are chosen, or null if every client gets all records. */
  @Nullable RegionSet choice() {
    return more == null ? null : more.choice;
  }

  /** The number of the region of each record, where regions are chosen. */
  int[] regions() {
    return more == null ? NO_REGIONS : more.regions;
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
    return new ZoneException.Place(file, line);
  }

  List<byte[]> rdata() {
    return more == null || more.rdata == null ? List.of(first) : more.rdata;
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
    List<byte[]> rdata = rdata();
    List<WireName> targets = new ArrayList<>(rdata.size());
    for (byte[] data : rdata) {
      targets.add(WireName.of(data, at));
    }
    return targets;
  }
}
