package dev.meridian.dns;

import dev.meridian.site.Site;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.xbill.DNS.Type;

/** Gives zones the serial numbers by which secondaries see that they have changed (RFC 1982). */
final class ZoneNumbers {
  /** No secondary has signatures of ours, so there is no day that they are of. */
  static final long NO_DAY = Long.MIN_VALUE;

  /**
   * Seconds after which secondaries of a signed zone give up, if they cannot reach us: a week,
   * before signatures that they have can be over.
   */
  static final int SIGNED_EXPIRE = 604_800;

  private static final int DAY = 86_400;
  private static final Logger LOG = LoggerFactory.getLogger(ZoneNumbers.class);

  private final Site site;
  private final Zones before;
  private final boolean copied;
  private final long day;
  private final Map<WireName, Instant> keysChanged = new HashMap<>();
  private final Map<WireName, Revision> revisions = new HashMap<>();

  /**
   * What a zone was, to know whether its serial must rise.
   *
   * @param serial its serial
   * @param digest a hash of its records
   */
  record Revision(long serial, long digest) {}

  /**
   * Prepares.
   *
   * @param before the zones that were served
   * @param copied whether this node gives copies to secondaries
   * @param keys of the zones that are signed
   */
  ZoneNumbers(Site site, Zones before, InstantSource clock, boolean copied, List<ZoneKeys> keys) {
    this.site = site;
    this.before = before;
    this.copied = copied;
    day = site.names().dnssec() && !site.names().secondaries().isEmpty() ? today(clock) : NO_DAY;
    keys.forEach(zone -> keysChanged.put(zone.apex(), zone.changed()));
  }

  /** The day that a clock shows, since 1970. */
  static long today(InstantSource clock) {
    return Math.floorDiv(clock.instant().getEpochSecond(), DAY);
  }

  /** The day whose signatures secondaries get, or {@link #NO_DAY}. */
  long day() {
    return day;
  }

  /** What all zones with a number are now. */
  Map<WireName, Revision> revisions() {
    return revisions;
  }

  /**
   * Numbers a zone: always above what it was served as before when the records differ. Ours are the
   * time at which the site was changed, so that all nodes come to the same. Those that somebody has
   * written are kept, unless secondaries are to follow: they would miss a change whose number is
   * not above the one before.
   *
   * @param ours whether nobody has written its SOA
   * @param all zones of the site, with all their records
   */
  void give(ZoneContents zone, boolean ours, Collection<ZoneContents> all) {
    RrSet soa = zone.soa();
    if (!ours && site.names().secondaries().isEmpty()) {
      return;
    }
    byte[] data = soa.rdata().getFirst().clone();
    long written = ZoneContents.serial(data);
    Wire.putInt(data, data.length - 20, 0);
    long digest = digest(zone, data, all);
    Revision last = before.revision(zone.apex());
    long own = ours ? changed(zone.apex()) : written;
    long serial;
    if (last == null || isAfter(own, last.serial())) {
      serial = own;
    } else if (last.digest() == digest) {
      serial = last.serial();
    } else {
      serial = (last.serial() + 1) & 0xffff_ffffL;
    }
    if (!ours && serial != written && (last == null || serial != last.serial())) {
      LOG.info(
          "{}: the zone '{}' is served with the serial {}, as it has changed since it had {}.",
          soa.place(),
          zone.apex(),
          serial,
          last == null ? written : last.serial());
    }
    long expire = Wire.getInt(data, data.length - 8) & 0xffff_ffffL;
    if (day != NO_DAY && expire > SIGNED_EXPIRE) {
      LOG.warn(
          "{}: secondaries of the signed zone '{}' that cannot reach this server for {} s may answer"
              + " with signatures that are over; make the expire time of its SOA {} s at most.",
          soa.place(),
          zone.apex(),
          expire,
          SIGNED_EXPIRE);
    }
    revisions.put(zone.apex(), new Revision(serial, digest));
    Wire.putInt(data, data.length - 20, (int) serial);
    soa.replace(data);
  }

  /** RFC 1982. */
  private static boolean isAfter(long serial, long other) {
    return (int) (serial - other) > 0;
  }

  /** Seconds since 1970; even, as copies of files on other nodes have even times. */
  private long changed(WireName apex) {
    long changed = lastModified(site.folder().resolve("site.yaml"));
    for (Path file : site.names().zoneFiles()) {
      changed = Math.max(changed, lastModified(site.folder().resolve(file)));
    }
    Instant keys = keysChanged.get(apex);
    changed = keys == null ? changed : Math.max(changed, keys.getEpochSecond());
    changed = day == NO_DAY ? changed : Math.max(changed, day * DAY);
    return changed & 0xffff_fffeL;
  }

  private static long lastModified(Path file) {
    try {
      return Math.max(2, Files.getLastModifiedTime(file).toMillis() / 1000);
    } catch (IOException e) {
      return 2;
    }
  }

  /**
   * Stands for all that a secondary gets of a zone.
   *
   * @param soa the data of the zone's SOA without its serial
   */
  private long digest(ZoneContents zone, byte[] soa, Collection<ZoneContents> all) {
    MessageDigest hash = SigningKey.sha256();
    long digest = first(hash.digest(soa));
    for (List<RrSet> sets : zone.names().values()) {
      for (RrSet set : sets) {
        if (set.type() != Type.SOA) {
          digest += digest(hash, set);
        }
      }
    }
    if (!site.names().secondaries().isEmpty()) {
      // A copy tells where the zones of ours below it are.
      for (ZoneContents child : CopyMaker.below(zone.apex(), all).values()) {
        digest += CopyMaker.delegation(child).stream().mapToLong(set -> digest(hash, set)).sum();
      }
    }
    if (day != NO_DAY) {
      digest += day * 31;
      // Another process makes other signatures, and one serial must not stand for both.
      digest += copied ? before.serials().process() : 0;
    }
    return digest;
  }

  /** A sum of these does not depend on the order. */
  private static long digest(MessageDigest hash, RrSet set) {
    byte[] head = new byte[6];
    Wire.putShort(head, 0, set.type());
    Wire.putInt(head, 2, (int) set.ttl());
    String choice = set.choice() == null ? "" : set.choice().toString();
    long digest = 0;
    for (byte[] data : set.rdata()) {
      hash.update(set.owner().wire());
      hash.update(head);
      hash.update(choice.getBytes(StandardCharsets.UTF_8));
      digest += first(hash.digest(data));
    }
    return digest;
  }

  private static long first(byte[] digest) {
    return ByteBuffer.wrap(digest).getLong();
  }
}
