package dev.meridian.dns;

import dev.meridian.dns.ZoneException.Place;
import dev.meridian.site.Geo;
import dev.meridian.site.Names;
import dev.meridian.site.Region;
import dev.meridian.site.RegionSet;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.xbill.DNS.Type;

/**
 * Makes the records of names that answer with regions: the addresses of all they may answer with.
 */
final class RegionRecords {
  private final Names names;

  RegionRecords(Names names) {
    this.names = names;
  }

  /**
   * Adds the addresses of a name.
   *
   * @throws ZoneException if it cannot have them; it names the line
   */
  void add(ZoneContents zone, WireName name, Geo.Answer answer, Place place) {
    if (zone.cutAbove(name) != null) {
      throw new ZoneException(
          place,
          "'"
              + name
              + "' is delegated to other name servers, so it cannot answer with regions here;"
              + " remove it or the delegation.");
    }
    for (int type : new int[] {Type.A, Type.AAAA}) {
      RrSet other = zone.find(name, type);
      if (other != null) {
        throw new ZoneException(
            place,
            "'"
                + name
                + "' answers with regions, but has addresses of its own at "
                + other.place()
                + "; remove one of the two.");
      }
    }
    Set<String> wanted = new HashSet<>();
    collect(answer.set(), wanted);
    add(zone, name, answer, wanted, Type.A, place);
    add(zone, name, answer, wanted, Type.AAAA, place);
  }

  private void add(
      ZoneContents zone,
      WireName name,
      Geo.Answer answer,
      Set<String> wanted,
      int type,
      Place place) {
    long ttl = answer.ttl().orElse(names.ttl()).toSeconds();
    List<Region> regions = names.geo().regions();
    List<Integer> ofRecords = new ArrayList<>();
    for (int i = 0; i < regions.size(); i++) {
      for (InetAddress address : regions.get(i).addresses()) {
        boolean v4 = address instanceof Inet4Address;
        if (v4 == (type == Type.A) && wanted.contains(regions.get(i).name())) {
          zone.add(new ZoneRecord(name, type, ttl, address.getAddress(), place));
          ofRecords.add(i);
        }
      }
    }
    RrSet set = zone.find(name, type);
    if (set != null) {
      set.chooseBy(answer.set(), ofRecords.stream().mapToInt(Integer::intValue).toArray());
    }
  }

  private static void collect(RegionSet set, Set<String> into) {
    switch (set) {
      case RegionSet.One(String region) -> into.add(region);
      case RegionSet.Group group -> group.members().forEach(member -> collect(member, into));
    }
  }
}
