package dev.meridian.dns;

import dev.meridian.dns.ZoneException.Place;
import dev.meridian.site.Geo;
import dev.meridian.site.Names;
import dev.meridian.site.Site;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
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

  private static final Place SITE = new Place("site.yaml", 0);
  private static final Logger LOG = LoggerFactory.getLogger(SiteZones.class);

  private final Site site;
  private final Optional<InetSocketAddress> web;
  private final Map<WireName, ZoneContents> zones = new LinkedHashMap<>();
  private final List<ZoneRecord> loose = new ArrayList<>();
  private int records;

  private SiteZones(Site site, Optional<InetSocketAddress> web) {
    this.site = site;
    this.web = web;
  }

  static Zones read(
      Site site, Optional<InetSocketAddress> web, Zones before, @Nullable Signing signing) {
    SiteZones maker = new SiteZones(site, web);
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
    // Secondaries follow one node, as signatures are each node's own.
    boolean copied = signing == null || signing.isOwner();
    InstantSource clock = signing == null ? InstantSource.system() : signing.clock();
    ZoneNumbers numbers = new ZoneNumbers(site, before, clock, copied, keys);
    Set<ZoneContents> ours = new HashSet<>();
    for (ZoneContents zone : maker.zones.values()) {
      if (maker.addDefaults(zone)) {
        ours.add(zone);
      }
    }
    for (ZoneContents zone : maker.zones.values()) {
      numbers.give(zone, ours.contains(zone), maker.zones.values());
      zone.complete();
      maker.warnOfUnreachable(zone);
    }
    return new Zones(
        new Zones.Parts(
            maker.zones.values(),
            numbers.revisions(),
            keys,
            used,
            before.geo().next(site.names().geo()),
            before.serials(),
            copied ? site.names().secondaries() : List.of(),
            numbers.day()),
        before);
  }

  private void readFiles() {
    for (Path file : site.names().zoneFiles()) {
      FileRecords read = new FileRecords();
      MasterFile.read(
          site.folder(), file, origin(file), site.names().ttl().toSeconds(), counted(read));
      read.end();
    }
  }

  /**
   * Takes the records of a file: from its SOA on straight to its zone, as there may be millions.
   */
  private final class FileRecords implements Consumer<ZoneRecord> {
    private final List<ZoneRecord> before = new ArrayList<>();

    /** Looked at last: of a file that includes itself, it shall be said that it does. */
    private final List<ZoneRecord> otherSoas = new ArrayList<>();

    private @Nullable ZoneContents zone;

    @Override
    public void accept(ZoneRecord record) {
      if (zone != null && record.type() == Type.SOA) {
        otherSoas.add(record);
        return;
      } else if (zone != null) {
        zone.add(record);
        return;
      }
      before.add(record);
      if (record.type() == Type.SOA) {
        ZoneContents begun = begin(record);
        before.forEach(begun::add);
        before.clear();
        zone = begun;
      }
    }

    private ZoneContents begin(ZoneRecord soa) {
      ZoneContents begun = new ZoneContents(soa.owner());
      ZoneContents other = zones.putIfAbsent(soa.owner(), begun);
      if (other != null) {
        throw new ZoneException(
            soa.place(),
            "the zone '"
                + soa.owner()
                + "' is already at "
                + other.place()
                + "; a zone has one SOA.");
      }
      return begun;
    }

    void end() {
      if (zone == null) {
        loose.addAll(before);
        return;
      }
      otherSoas.forEach(zone::add);
      if (zone.find(zone.apex(), Type.NS) == null) {
        throw new ZoneException(
            zone.place(),
            "the zone '" + zone.apex() + "' names no name server; add '@ NS' and its name.");
      }
    }
  }

  private Consumer<ZoneRecord> counted(Consumer<ZoneRecord> into) {
    return record -> {
      if (++records > MAX_RECORDS) {
        throw new ZoneException(
            record.place(), "a site has at most " + MAX_RECORDS + " records; write fewer.");
      }
      into.accept(record);
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
      WireName wire = WireName.of(owner);
      ZoneContents zone = zoneOf(wire);
      Name origin = zone == null ? owner : name(zone.apex().toString(), place);
      counted(loose::add)
          .accept(
              MasterFile.record(
                  wire,
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
    Wire.putInt(data, numbers + 12, site.names().dnssec() ? ZoneNumbers.SIGNED_EXPIRE : EXPIRE);
    Wire.putInt(data, numbers + 16, NEGATIVE_TTL);
    return new ZoneRecord(apex, Type.SOA, ttl, data, SITE);
  }

  /** RFC 1035, section 8: the first label is the user, whose dots are part of it. */
  private static WireName mailbox(String address) {
    int at = address.lastIndexOf('@');
    String user = address.substring(0, Math.max(at, 0)).replace("\\", "\\\\").replace(".", "\\.");
    return WireName.of(
        name(user.isEmpty() ? address : user + "." + address.substring(at + 1), SITE));
  }

  private void warnOfUnreachable(ZoneContents zone) {
    if (!zone.hasCuts()) {
      return;
    }
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
