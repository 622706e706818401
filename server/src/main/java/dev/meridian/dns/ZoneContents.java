package dev.meridian.dns;

import dev.meridian.dns.ZoneException.Place;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Type;

/** The records of one zone, by name, and the rules they must keep. Built by one thread. */
final class ZoneContents {
  private final WireName apex;
  private final NameTable names = new NameTable();
  private final Set<WireName> cuts = new HashSet<>();
  private boolean wildcards;

  ZoneContents(WireName apex) {
    this.apex = apex;
  }

  WireName apex() {
    return apex;
  }

  /**
   * Every name with records, and after {@link #complete} also every empty one above such a name.
   */
  Map<WireName, List<RrSet>> names() {
    return names;
  }

  /**
   * Adds a record of this zone.
   *
   * @throws ZoneException if it is out of the zone or a second SOA
   */
  void add(ZoneRecord record) {
    if (!record.owner().isWithin(apex)) {
      throw new ZoneException(
          record.place(),
          "'"
              + record.owner()
              + "' is out of the zone '"
              + apex
              + "'; a name that does not end in a dot is relative to $ORIGIN.");
    }
    RrSet set = find(record.owner(), record.type());
    if (set == null) {
      boolean known = names.add(new RrSet(record));
      wildcards |= !known && record.owner().isWildcard();
    } else if (record.type() == Type.SOA) {
      throw new ZoneException(
          record.place(),
          "a zone has one SOA, and its first is at " + set.place() + "; remove one.");
    } else {
      set.add(record);
    }
    if (record.type() == Type.NS && !record.owner().equals(apex)) {
      cuts.add(record.owner());
    }
  }

  /** Whether any name is a wildcard, also one that only has names below it. */
  boolean hasWildcards() {
    return wildcards;
  }

  /** The zone's SOA. */
  RrSet soa() {
    RrSet soa = find(apex, Type.SOA);
    if (soa == null) {
      throw new IllegalStateException("a zone without SOA was not refused");
    }
    return soa;
  }

  /** The zone's serial number. */
  long serial() {
    return serial(soa().rdata().getFirst());
  }

  /** The serial number in the data of an SOA (RFC 1035, section 3.3.13). */
  static long serial(byte[] soa) {
    return serialBefore(soa, soa.length);
  }

  /** The serial number in the data of an SOA that ends there. */
  static long serialBefore(byte[] bytes, int end) {
    return Wire.getInt(bytes, end - 20) & 0xffff_ffffL;
  }

  @Nullable RrSet find(WireName name, int type) {
    for (RrSet set = names.first(name); set != null; set = set.next()) {
      if (set.type() == type) {
        return set;
      }
    }
    return null;
  }

  static @Nullable RrSet find(List<RrSet> sets, int type) {
    for (RrSet set : sets) {
      if (set.type() == type) {
        return set;
      }
    }
    return null;
  }

  /** Whether any name below the apex is delegated. */
  boolean hasCuts() {
    return !cuts.isEmpty();
  }

  /** The delegation that {@code name} is at or below, or null. */
  @Nullable WireName cutAbove(WireName name) {
    if (cuts.isEmpty()) {
      return null;
    }
    // The highest cut decides: what is below it is not ours.
    WireName highest = null;
    for (WireName at = name; !at.equals(apex); at = at.parent()) {
      if (cuts.contains(at)) {
        highest = at;
      }
    }
    return highest;
  }

  boolean hasAddress(WireName name) {
    return find(name, Type.A) != null || find(name, Type.AAAA) != null;
  }

  /**
   * Adds the empty names between the apex and those with records (RFC 4592, section 2.2.2) and
   * checks the whole.
   *
   * @throws ZoneException for what no client could be answered rightly from
   */
  void complete() {
    Set<WireName> empty = new HashSet<>();
    for (WireName name : names.keySet()) {
      // Of most names the one above is the apex, which is there.
      for (WireName above = name; above.length() - above.wire()[0] - 1 > apex.length(); ) {
        above = above.parent();
        if (names.containsKey(above) || !empty.add(above)) {
          break;
        }
        wildcards |= above.isWildcard();
      }
    }
    empty.forEach(names::addEmpty);
    names.addEmpty(apex);
    for (Map.Entry<WireName, List<RrSet>> entry : names.entrySet()) {
      check(entry.getKey(), entry.getValue());
    }
  }

  private void check(WireName name, List<RrSet> sets) {
    RrSet alias = find(sets, Type.CNAME);
    if (alias != null && sets.size() > 1) {
      RrSet other = sets.getFirst() == alias ? sets.getLast() : sets.getFirst();
      throw new ZoneException(
          alias.place(),
          "'"
              + name
              + "' has a CNAME, and beside one there can be no other data (RFC 1034, section 3.6.2);"
              + " remove it or the "
              + Type.string(other.type())
              + " at "
              + other.place()
              + ".");
    }
    if (alias != null && alias.rdata().size() > 1) {
      throw new ZoneException(alias.place(), "'" + name + "' has more than one CNAME; keep one.");
    }
    RrSet servers = find(sets, Type.NS);
    if (servers != null) {
      checkServers(name, servers);
    }
    RrSet soa = find(sets, Type.SOA);
    if (soa != null && !name.equals(apex)) {
      throw new ZoneException(
          soa.place(),
          "the zone '" + apex + "' has its SOA at its own name only; give '" + name + "' a file.");
    }
  }

  private void checkServers(WireName name, RrSet servers) {
    if (name.isWildcard()) {
      throw new ZoneException(
          servers.place(),
          "a wildcard cannot be delegated (RFC 4592, section 4.2); name each zone.");
    }
    boolean atApex = name.equals(apex);
    for (WireName server : servers.targets()) {
      RrSet alias = find(server, Type.CNAME);
      if (alias != null) {
        throw new ZoneException(
            servers.place(),
            "the name server '"
                + server
                + "' is a CNAME (at "
                + alias.place()
                + "), which resolvers refuse (RFC 2181, section 10.3); name it by its address.");
      }
      RrSet address = find(server, Type.A) != null ? find(server, Type.A) : find(server, Type.AAAA);
      if (address != null && address.choice() != null) {
        throw new ZoneException(
            servers.place(),
            "the name server '"
                + server
                + "' answers with regions (at "
                + address.place()
                + "), but a name server's addresses are the same for everybody; give it A and AAAA"
                + " of its own.");
      }
      boolean needed =
          atApex ? server.isWithin(apex) && cutAbove(server) == null : server.isWithin(name);
      if (needed && !hasAddress(server)) {
        throw new ZoneException(
            servers.place(),
            "the name server '"
                + server
                + "' has no address here, so nobody could reach it (missing glue); add '"
                + server
                + ". A' with its address.");
      }
    }
  }

  /** For error messages about the zone as a whole. */
  Place place() {
    RrSet soa = find(apex, Type.SOA);
    return soa == null ? new Place("site.yaml", 0) : soa.place();
  }
}
