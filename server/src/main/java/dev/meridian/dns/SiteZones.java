package dev.meridian.dns;

import dev.meridian.dns.ZoneException.Place;
import dev.meridian.site.Geo;
import dev.meridian.site.Names;
import dev.meridian.site.Site;
import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.xbill.DNS.Name;
import org.xbill.DNS.TextParseException;
import org.xbill.DNS.Type;

/** Makes the zones of a site: what is written, and what can be left unwritten. */
final class SiteZones {
  /** Most records of a site. */
  static final int MAX_RECORDS = 5_000_000;

  /** How long resolvers may keep "there is no such name", in seconds (RFC 2308). */
  private static final int NEGATIVE_TTL = 300;

  /** Seconds after which secondaries give up, if they cannot reach us: two weeks. */
  private static final int EXPIRE = 1_209_600;

  /** The same of signed zones: a week, before signatures that they have can be over. */
  private static final int SIGNED_EXPIRE = 604_800;

  private static final int DAY = 86_400;
  private static final Place SITE = new Place("site.yaml", 0);
  private static final Logger LOG = LoggerFactory.getLogger(SiteZones.class);

  private final Site site;
  private final Optional<InetSocketAddress> web;
  private final Zones before;
  private final InstantSource clock;
  private final boolean copied;
  private final Map<WireName, ZoneContents> zones = new LinkedHashMap<>();
  private final Map<WireName, Revision> revisions = new HashMap<>();
  private final List<ZoneRecord> loose = new ArrayList<>();
  private final Map<WireName, Instant> keysChanged = new HashMap<>();
  private int records;

  /**
   * What a zone whose SOA we make was, to know whether its serial must rise.
   *
   * @param serial its serial
   * @param digest a hash of its records
   */
  record Revision(long serial, long digest) {}

  private SiteZones(
      Site site,
      Optional<InetSocketAddress> web,
      Zones before,
      InstantSource clock,
      boolean copied) {
    this.site = site;
    this.web = web;
    this.before = before;
    this.clock = clock;
    this.copied = copied;
  }

  static Zones read(
      Site site, Optional<InetSocketAddress> web, Zones before, @Nullable Signing signing) {
    InstantSource clock = signing == null ? InstantSource.system() : signing.clock();
    // Secondaries follow one node, as signatures are each node's own.
    boolean copied = signing == null || signing.isOwner();
    SiteZones maker = new SiteZones(site, web, before, clock, copied);
    maker.readFiles();
    maker.makeZones();
    maker.readRecords();
    maker.addLoose();
    maker.addRegions();
    Signing used = site.names().dnssec() ? signing : null;
    if (site.names().dnssec()) {
      maker.zones.values().forEach(SignedZone::check);
    }
    // Before the serials are decided: keys are records like others.
    List<ZoneKeys> keys =
        signing == null
            ? List.of()
            : signing.prepare(used == null ? List.of() : maker.zones.values(), site.names().ttl());
    keys.forEach(zone -> maker.keysChanged.put(zone.apex(), zone.changed()));
    Set<ZoneContents> ours = new HashSet<>();
    for (ZoneContents zone : maker.zones.values()) {
      if (maker.addDefaults(zone)) {
        ours.add(zone);
      }
    }
    for (ZoneContents zone : maker.zones.values()) {
      maker.number(zone, ours.contains(zone));
      zone.complete();
      maker.warnOfUnreachable(zone);
    }
    return new Zones(
        new Zones.Parts(
            maker.zones.values(),
            maker.revisions,
            keys,
            used,
            before.geo().next(site.names().geo()),
            before.serials(),
            copied ? site.names().secondaries() : List.of(),
            maker.day()),
        before);
  }

  /** The day that a clock shows, since 1970. */
  static long today(InstantSource clock) {
    return Math.floorDiv(clock.instant().getEpochSecond(), DAY);
  }

  /** The day whose signatures secondaries get, if they get any. */
  private long day() {
    return site.names().dnssec() && !site.names().secondaries().isEmpty()
        ? today(clock)
        : Long.MIN_VALUE;
  }

  private void readFiles() {
    for (Path file : site.names().zoneFiles()) {
      List<ZoneRecord> read = new ArrayList<>();
      MasterFile.read(
          site.folder(), file, origin(file), site.names().ttl().toSeconds(), counted(read));
      Optional<ZoneRecord> soa = read.stream().filter(r -> r.type() == Type.SOA).findFirst();
      if (soa.isEmpty()) {
        loose.addAll(read);
        continue;
      }
      WireName apex = soa.get().owner();
      ZoneContents zone = new ZoneContents(apex);
      ZoneContents other = zones.putIfAbsent(apex, zone);
      if (other != null) {
        throw new ZoneException(
            soa.get().place(),
            "the zone '" + apex + "' is already at " + other.place() + "; a zone has one SOA.");
      }
      read.forEach(zone::add);
      if (zone.find(apex, Type.NS) == null) {
        throw new ZoneException(
            soa.get().place(),
            "the zone '" + apex + "' names no name server; add '@ NS' and its name.");
      }
    }
  }

  private java.util.function.Consumer<ZoneRecord> counted(List<ZoneRecord> into) {
    return record -> {
      if (++records > MAX_RECORDS) {
        throw new ZoneException(
            record.place(), "a site has at most " + MAX_RECORDS + " records; write fewer.");
      }
      into.add(record);
    };
  }

  /** A file called like a domain is relative to it, any other to the site's main domain. */
  private Name origin(Path file) {
    String stem = file.getFileName().toString().toLowerCase(Locale.ROOT);
    stem = stem.endsWith(".zone") ? stem.substring(0, stem.length() - 5) : stem;
    if (site.domains().contains(stem)) {
      return name(stem, SITE);
    }
    return site.domains().isEmpty() ? Name.root : name(site.domains().getFirst(), SITE);
  }

  private static Name name(String text, Place place) {
    try {
      return Name.fromString(text, Name.root);
    } catch (TextParseException e) {
      throw new ZoneException(
          place, "'" + text + "' is no domain name; write one like example.org.");
    }
  }

  /** A zone for each domain that no zone holds yet; those of fewer labels first. */
  private void makeZones() {
    site.domains().stream()
        .map(domain -> WireName.of(name(domain, SITE)))
        .sorted((a, b) -> Integer.compare(a.labels(), b.labels()))
        .forEach(
            domain -> {
              if (zoneOf(domain) == null) {
                zones.put(domain, new ZoneContents(domain));
              }
            });
  }

  private @Nullable ZoneContents zoneOf(WireName name) {
    for (WireName at = name; ; at = at.parent()) {
      ZoneContents zone = zones.get(at);
      if (zone != null || at.isRoot()) {
        return zone;
      }
    }
  }

  private void readRecords() {
    for (Names.NameRecord written : site.names().records()) {
      Place place = new Place("site.yaml", written.line());
      Name owner = name(written.name(), place);
      ZoneContents zone = zoneOf(WireName.of(owner));
      Name origin = zone == null ? owner : name(zone.apex().toString(), place);
      counted(loose)
          .accept(
              MasterFile.record(
                  owner,
                  written.type(),
                  written.ttl().orElse(site.names().ttl()).toSeconds(),
                  written.data(),
                  origin,
                  place));
    }
  }

  private void addLoose() {
    for (ZoneRecord record : loose) {
      ZoneContents zone = zoneOf(record.owner());
      if (zone == null) {
        throw new ZoneException(
            record.place(),
            "'"
                + record.owner()
                + "' is out of every zone of this site ("
                + String.join(", ", zones.keySet().stream().map(WireName::toString).toList())
                + "); add its domain to 'domains'.");
      }
      zone.add(record);
    }
  }

  private void addRegions() {
    RegionRecords records = new RegionRecords(site.names());
    for (Geo.Answer answer : site.names().geo().answers()) {
      Place place = new Place("site.yaml", answer.line());
      WireName name = WireName.of(name(answer.name(), place));
      ZoneContents zone = zoneOf(name);
      if (zone == null) {
        throw new ZoneException(place, "'" + name + "' is out of every zone of this site.");
      }
      records.add(zone, name, answer, place);
    }
  }

  /**
   * Adds what a site by its domain name needs and nobody likes to write.
   *
   * @return whether the SOA is ours
   */
  private boolean addDefaults(ZoneContents zone) {
    WireName apex = zone.apex();
    long ttl = site.names().ttl().toSeconds();
    List<InetAddress> addresses = webAddresses();
    for (String domain : site.domains()) {
      WireName name = WireName.of(name(domain, SITE));
      if (zone.equals(zoneOf(name))
          && zone.cutAbove(name) == null
          && zone.find(name, Type.CNAME) == null
          && !zone.hasAddress(name)) {
        addAddresses(zone, name, ttl, addresses);
      }
    }
    if (zone.find(apex, Type.SOA) != null) {
      return false;
    }
    if (zone.find(apex, Type.NS) == null) {
      List<String> servers = site.names().nameServers();
      for (String server : servers.isEmpty() ? List.of("ns." + apex) : servers) {
        WireName name = WireName.of(name(server, SITE));
        zone.add(new ZoneRecord(apex, Type.NS, ttl, name.wire(), SITE));
        if (name.isWithin(apex)
            && zone.cutAbove(name) == null
            && zone.find(name, Type.CNAME) == null
            && !zone.hasAddress(name)) {
          addAddresses(zone, name, ttl, addresses.isEmpty() ? ownAddresses() : addresses);
        }
      }
    }
    zone.add(startOfAuthority(zone, ttl));
    return true;
  }

  private static void addAddresses(
      ZoneContents zone, WireName name, long ttl, List<InetAddress> addresses) {
    for (InetAddress address : addresses) {
      int type = address instanceof Inet4Address ? Type.A : Type.AAAA;
      zone.add(new ZoneRecord(name, type, ttl, address.getAddress(), SITE));
    }
  }

  private List<InetAddress> webAddresses() {
    if (web.isEmpty()) {
      return List.of();
    }
    InetAddress address = web.get().getAddress();
    return address == null || address.isAnyLocalAddress() ? ownAddresses() : List.of(address);
  }

  /** For a listener on all addresses: the first of this machine that others can reach. */
  private static List<InetAddress> ownAddresses() {
    try {
      return NetworkInterface.networkInterfaces()
          .filter(SiteZones::isUp)
          .flatMap(NetworkInterface::inetAddresses)
          .filter(a -> a instanceof Inet4Address && !a.isLoopbackAddress())
          .filter(a -> !a.isLinkLocalAddress() && !a.isMulticastAddress())
          .findFirst()
          .map(List::of)
          .orElse(List.of(InetAddress.ofLiteral("127.0.0.1")));
    } catch (SocketException e) {
      return List.of(InetAddress.ofLiteral("127.0.0.1"));
    }
  }

  private static boolean isUp(NetworkInterface card) {
    try {
      return card.isUp();
    } catch (SocketException e) {
      return false;
    }
  }

  private ZoneRecord startOfAuthority(ZoneContents zone, long ttl) {
    WireName apex = zone.apex();
    RrSet servers = zone.find(apex, Type.NS);
    if (servers == null) {
      throw new IllegalStateException("the name servers come first");
    }
    WireName main = servers.targets().getFirst();
    WireName mailbox = mailbox(site.names().hostmaster().orElse("hostmaster@" + apex));
    byte[] data = new byte[main.length() + mailbox.length() + 20];
    System.arraycopy(main.wire(), 0, data, 0, main.length());
    System.arraycopy(mailbox.wire(), 0, data, main.length(), mailbox.length());
    int numbers = main.length() + mailbox.length();
    Wire.putInt(data, numbers + 4, 3600); // refresh
    Wire.putInt(data, numbers + 8, 600); // retry
    Wire.putInt(data, numbers + 12, site.names().dnssec() ? SIGNED_EXPIRE : EXPIRE);
    Wire.putInt(data, numbers + 16, NEGATIVE_TTL);
    return new ZoneRecord(apex, Type.SOA, ttl, data, SITE);
  }

  /**
   * Numbers a zone: always above what it was served as before when the records differ. Ours are the
   * time at which the site was changed, so that all nodes come to the same. Those that somebody has
   * written are kept, unless secondaries are to follow: they would miss a change whose number is
   * not above the one before.
   */
  private void number(ZoneContents zone, boolean ours) {
    RrSet soa = zone.soa();
    if (!ours && site.names().secondaries().isEmpty()) {
      return;
    }
    byte[] data = soa.rdata().getFirst().clone();
    long written = ZoneContents.serial(data);
    Wire.putInt(data, data.length - 20, 0);
    long digest = digest(zone, data);
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
    if (day() != Long.MIN_VALUE && expire > SIGNED_EXPIRE) {
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
    changed = day() == Long.MIN_VALUE ? changed : Math.max(changed, day() * DAY);
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
  private long digest(ZoneContents zone, byte[] soa) {
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
      for (ZoneContents child : CopyMaker.below(zone.apex(), zones.values()).values()) {
        digest += CopyMaker.delegation(child).stream().mapToLong(set -> digest(hash, set)).sum();
      }
    }
    if (day() != Long.MIN_VALUE) {
      digest += day() * 31;
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

  /** RFC 1035, section 8: the first label is the user, whose dots are part of it. */
  private static WireName mailbox(String address) {
    int at = address.lastIndexOf('@');
    String user = address.substring(0, Math.max(at, 0)).replace("\\", "\\\\").replace(".", "\\.");
    return WireName.of(
        name(user.isEmpty() ? address : user + "." + address.substring(at + 1), SITE));
  }

  private void warnOfUnreachable(ZoneContents zone) {
    for (Map.Entry<WireName, List<RrSet>> entry : zone.names().entrySet()) {
      WireName cut = zone.cutAbove(entry.getKey());
      if (cut == null) {
        continue;
      }
      for (RrSet set : entry.getValue()) {
        boolean ofCut =
            entry.getKey().equals(cut) && (set.type() == Type.NS || set.type() == Type.DS);
        boolean glue = set.type() == Type.A || set.type() == Type.AAAA;
        if (!ofCut && !glue) {
          LOG.warn(
              "{}: '{}' is never answered, as '{}' is delegated to other name servers; remove it"
                  + " or the delegation.",
              set.place(),
              entry.getKey(),
              cut);
        }
      }
    }
  }
}
