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
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
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

  private static final Place SITE = new Place("site.yaml", 0);
  private static final Logger LOG = LoggerFactory.getLogger(SiteZones.class);

  private final Site site;
  private final Optional<InetSocketAddress> web;
  private final Map<WireName, Revision> before;
  private final Map<WireName, ZoneContents> zones = new LinkedHashMap<>();
  private final Map<WireName, Revision> revisions = new HashMap<>();
  private final List<ZoneRecord> loose = new ArrayList<>();
  private int records;

  /**
   * What a zone whose SOA we make was, to know whether its serial must rise.
   *
   * @param serial its serial
   * @param digest a hash of its records
   */
  record Revision(long serial, long digest) {}

  private SiteZones(Site site, Optional<InetSocketAddress> web, Map<WireName, Revision> before) {
    this.site = site;
    this.web = web;
    this.before = before;
  }

  static Zones read(
      Site site,
      Optional<InetSocketAddress> web,
      Map<WireName, Revision> before,
      @Nullable Signing signing,
      GeoData geo) {
    SiteZones maker = new SiteZones(site, web, before);
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
    for (ZoneContents zone : maker.zones.values()) {
      maker.addDefaults(zone);
      zone.complete();
      maker.warnOfUnreachable(zone);
    }
    return new Zones(
        maker.zones.values(), maker.revisions, keys, used, geo.next(site.names().geo()));
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

  /** What a site by its domain name needs and nobody likes to write. */
  private void addDefaults(ZoneContents zone) {
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
      return;
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
    long digest = digest(zone) * 31 + Arrays.hashCode(data);
    Revision revision = revision(apex, digest);
    revisions.put(apex, revision);
    Wire.putInt(data, numbers, (int) revision.serial());
    Wire.putInt(data, numbers + 4, 3600); // refresh
    Wire.putInt(data, numbers + 8, 600); // retry
    Wire.putInt(data, numbers + 12, 1_209_600); // expire: two weeks
    Wire.putInt(data, numbers + 16, NEGATIVE_TTL);
    return new ZoneRecord(apex, Type.SOA, ttl, data, SITE);
  }

  /**
   * The serial: when the files were last changed, so that it survives a restart, and always above
   * the last one when the records differ.
   */
  private Revision revision(WireName apex, long digest) {
    Revision last = before.get(apex);
    if (last != null && last.digest() == digest) {
      return last;
    }
    long changed = lastModified(site.folder().resolve("site.yaml"));
    for (Path file : site.names().zoneFiles()) {
      changed = Math.max(changed, lastModified(site.folder().resolve(file)));
    }
    return new Revision(last == null ? changed : Math.max(changed, last.serial() + 1), digest);
  }

  private static long lastModified(Path file) {
    try {
      return Math.max(1, Files.getLastModifiedTime(file).toMillis() / 1000);
    } catch (IOException e) {
      return 1;
    }
  }

  private static long digest(ZoneContents zone) {
    long digest = 0;
    for (List<RrSet> sets : zone.names().values()) {
      for (RrSet set : sets) {
        long head = (set.owner().hashCode() * 31L + set.type()) * 31 + set.ttl();
        head = head * 31 + (set.choice() == null ? 0 : set.choice().toString().hashCode());
        for (byte[] data : set.rdata()) {
          long one = (head * 31 + Arrays.hashCode(data)) * 0x9E3779B97F4A7C15L;
          digest += one ^ (one >>> 29); // a sum, as the order means nothing
        }
      }
    }
    return digest;
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
