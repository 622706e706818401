package dev.meridian.dns;

import dev.meridian.dns.ServerView.Ask;
import dev.meridian.dns.ServerView.Server;
import java.net.InetSocketAddress;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.DSRecord;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Name;
import org.xbill.DNS.SOARecord;
import org.xbill.DNS.TextParseException;

/** The check of one zone: asks all who have to do with it, then judges what they said. */
final class ZoneCheck {
  private final Asker asker;
  private final DnsCheck.Settings settings;
  private final InstantSource clock;
  private final Name zone;
  private final List<Name> zones;
  private final Resolving outside;
  private final Name nothing;

  /**
   * Prepares.
   *
   * @param zones all that are checked, as a name belongs to the lowest of them that it is in
   */
  ZoneCheck(
      Asker asker,
      DnsCheck.Settings settings,
      List<InetSocketAddress> resolvers,
      InstantSource clock,
      Name zone,
      List<Name> zones) {
    this.asker = asker;
    this.settings = settings;
    this.clock = clock;
    this.zone = zone;
    this.zones = zones;
    outside = new Resolving(query -> asker.resolve(resolvers, query));
    nothing =
        child(
            "meridian-check-" + Long.toHexString(ThreadLocalRandom.current().nextLong() >>> 32),
            zone);
  }

  /** A name below a zone; the zone's own where there is no room for one. */
  private static Name child(String label, Name zone) {
    try {
      return Name.fromString(label, zone);
    } catch (TextParseException e) {
      return zone;
    }
  }

  List<DnsCheck.Finding> run() throws InterruptedException {
    List<ServerView> given = ask(given());
    ParentView parent =
        settings.servers().isEmpty() && !zone.equals(Name.root)
            ? ParentView.of(asker, outside, zone, settings.port())
            : null;
    Set<Name> names = NameServers.named(given);
    if (parent != null) {
      names.addAll(parent.servers());
    }
    Resolving inZone = inZone(given);
    Map<Name, NameServers.Found> found =
        new TreeMap<>(NameServers.find(asker, names, zone, inZone, outside, parent));
    List<ServerView> views = given;
    if (parent != null && (parent.delegates() || mayBeDelegated(parent))) {
      views = askAll(given, found, parent);
      inZone = inZone(views);
    }
    return judge(parent, found, views, inZone);
  }

  /** Nobody could be asked, so it is not known. */
  private boolean mayBeDelegated(ParentView parent) {
    return !parent.known() && !NetworkKind.isReserved(zone);
  }

  private List<Server> given() {
    if (!settings.servers().isEmpty()) {
      return settings.servers().stream().map(at -> new Server("", at, true)).toList();
    }
    return settings.own().map(at -> List.of(new Server("listener", at, true))).orElse(List.of());
  }

  private List<ServerView> ask(List<Server> servers) throws InterruptedException {
    List<Callable<ServerView>> tasks = new ArrayList<>();
    for (Server server : servers) {
      tasks.add(() -> ServerView.of(asker, zone, server, nothing));
    }
    return asker.all(tasks);
  }

  /** All that the parent leads to, and then those that these say there are. */
  private List<ServerView> askAll(
      List<ServerView> given, Map<Name, NameServers.Found> found, ParentView parent)
      throws InterruptedException {
    List<ServerView> views = new ArrayList<>(ask(NameServers.servers(found, settings.port())));
    Set<Name> more = NameServers.named(views);
    more.removeAll(found.keySet());
    if (!more.isEmpty()) {
      Map<Name, NameServers.Found> others =
          NameServers.find(asker, more, zone, inZone(views), outside, parent);
      found.putAll(others);
      views.addAll(ask(NameServers.servers(others, settings.port())));
    }
    for (ServerView view : given) {
      // Our own listener may be one of those that the world is led to.
      if (views.stream().noneMatch(v -> v.server().at().equals(view.server().at()))) {
        views.addFirst(view);
      }
    }
    return views;
  }

  /** Asks the server with the newest version, as long as there is one; null if there is none. */
  private @Nullable Resolving inZone(List<ServerView> views) {
    SOARecord newest = ZoneRules.newest(views);
    for (ServerView view : views) {
      if (newest != null && newest.equals(view.soa())) {
        InetSocketAddress at = view.server().at();
        boolean udp = view.answers().containsKey(Ask.UDP);
        return new Resolving(
            query -> {
              query.getHeader().unsetFlag(Flags.RD);
              return udp ? asker.ask(at, query) : asker.tcp(at, query);
            });
      }
    }
    return null;
  }

  private List<DnsCheck.Finding> judge(
      @Nullable ParentView parent,
      Map<Name, NameServers.Found> found,
      List<ServerView> views,
      @Nullable Resolving inZone)
      throws InterruptedException {
    Findings findings = new Findings(!NetworkKind.isReserved(zone));
    List<ServerView> good = views.stream().filter(ServerView::good).toList();
    Set<Name> ours = NameServers.named(good);
    if (parent != null) {
      new DelegationRules(findings, zone, parent).check(ours, found);
    }
    new ServerRules(findings).check(views);
    if (good.isEmpty()) {
      findings.error(
          ServerRules.CHECK,
          "",
          "nobody that could be asked answers for the zone",
          "is the server running, with the zone? name it with --server HOST:PORT");
      return findings.all();
    }
    ZoneRules rules = new ZoneRules(findings, clock.instant());
    rules.serials(good);
    rules.sets(good);
    rules.places(found);
    Set<DSRecord> ds = parent != null && parent.delegates() ? parent.ds() : null;
    new DnssecRules(findings, zone, good, ds, clock.instant()).check(nothing);
    if (inZone != null) {
      NameRules names = new NameRules(findings, asker, zone, inZone, outside, settings.webPorts());
      names.web(webNames(), !settings.domains().isEmpty());
      names.targets();
    }
    return findings.all();
  }

  /** The site's names in this zone, or those that most zones have. */
  private Set<Name> webNames() {
    Set<Name> names = new LinkedHashSet<>();
    if (settings.domains().isEmpty()) {
      names.add(zone);
      names.add(child("www", zone));
      return names;
    }
    for (String domain : settings.domains()) {
      Name name = child(domain, Name.root);
      if (zone.equals(lowestZone(name))) {
        names.add(name);
      }
    }
    return names;
  }

  private @Nullable Name lowestZone(Name name) {
    Set<Name> above = new TreeSet<>();
    zones.stream().filter(name::subdomain).forEach(above::add);
    return above.stream().max((a, b) -> Integer.compare(a.labels(), b.labels())).orElse(null);
  }
}
