package dev.meridian.dns;

import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Type;

/** What signing adds to the contents of zones, and what may not stand there already. */
final class SignedZone {
  private static final Set<Integer> MADE =
      Set.of(
          Type.DNSKEY,
          Type.CDNSKEY,
          Type.CDS,
          Type.RRSIG,
          Type.NSEC,
          Type.NSEC3,
          Type.NSEC3PARAM,
          Denial.NXNAME);

  private SignedZone() {}

  /**
   * Refuses records that are made here.
   *
   * @throws ZoneException if there is one; it names the line
   */
  static void check(ZoneContents zone) {
    for (List<RrSet> sets : zone.names().values()) {
      for (RrSet set : sets) {
        if (MADE.contains(set.type())) {
          throw new ZoneException(
              set.place(),
              "the zone '"
                  + zone.apex()
                  + "' is signed here (names: dnssec in site.yaml), so its "
                  + Type.string(set.type())
                  + " records are made by the server; remove this one.");
        }
      }
    }
  }

  /** Adds a zone's keys. */
  static void addKeys(ZoneContents zone, ZoneKeys keys) {
    keys.records(zone.place()).forEach(zone::add);
  }

  /**
   * Lets the zone above, if it is one of ours, point at a zone's keys, unless somebody wrote down
   * what it shall say.
   *
   * @param ttl seconds
   */
  static void addToParent(
      ZoneContents child, ZoneKeys keys, Collection<ZoneContents> all, long ttl) {
    ZoneContents parent = parent(child, all);
    if (parent == null || parent.find(child.apex(), Type.DS) != null) {
      return;
    }
    WireName cut = parent.cutAbove(child.apex());
    if (cut == null || cut.equals(child.apex())) {
      byte[] data = keys.wanted().ds(child.apex());
      parent.add(new ZoneRecord(child.apex(), Type.DS, ttl, data, child.place()));
    }
  }

  private static @Nullable ZoneContents parent(ZoneContents child, Collection<ZoneContents> all) {
    ZoneContents deepest = null;
    for (ZoneContents zone : all) {
      boolean above = !zone.apex().equals(child.apex()) && child.apex().isWithin(zone.apex());
      if (above && (deepest == null || zone.apex().labels() > deepest.apex().labels())) {
        deepest = zone;
      }
    }
    return deepest;
  }

  /** How long anything of a zone may be in a cache, at most. */
  static Duration longestTtl(ZoneContents zone, Duration defaultTtl) {
    long longest = Math.max(ZoneKeys.TTL, defaultTtl.toSeconds());
    for (List<RrSet> sets : zone.names().values()) {
      for (RrSet set : sets) {
        longest = Math.max(longest, set.ttl());
      }
    }
    // What is signed is not kept for longer than its signature is valid (RFC 4035, section 5.3.3).
    return Duration.ofSeconds(Math.min(longest, RrSignature.VALIDITY.toSeconds()));
  }

  /** The TTL of negative answers (RFC 2308, section 5). */
  static long negativeTtl(ZoneContents zone) {
    RrSet soa = zone.soa();
    byte[] data = soa.rdata().getFirst();
    return Math.min(soa.ttl(), Wire.getInt(data, data.length - 4) & 0xffff_ffffL);
  }
}
