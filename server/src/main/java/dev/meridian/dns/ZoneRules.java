package dev.meridian.dns;

import dev.meridian.dns.DnsCheck.Level;
import dev.meridian.geo.Prefix;
import java.net.InetAddress;
import java.time.Instant;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Name;
import org.xbill.DNS.SOARecord;
import org.xbill.DNS.Serial;

/** Whether the servers of a zone agree, and are where the world can reach them. */
final class ZoneRules {
  static final String SERIAL = "serial";
  static final String SERVERS = "servers";
  static final String NETWORK = "network";

  /** A serial above this and not above now is taken for the time of the last change. */
  private static final long EARLIEST_TIME = Instant.parse("2015-01-01T00:00:00Z").getEpochSecond();

  private final Findings findings;
  private final Instant now;

  ZoneRules(Findings findings, Instant now) {
    this.findings = findings;
    this.now = now;
  }

  /**
   * Whether all have the same version; the newest by serial arithmetic (RFC 1982) is the right one.
   */
  void serials(List<ServerView> views) {
    SOARecord newest = newest(views);
    if (newest == null) {
      return;
    }
    boolean same = true;
    for (ServerView view : views) {
      SOARecord soa = view.soa();
      if (soa == null || soa.getSerial() == newest.getSerial()) {
        continue;
      }
      same = false;
      long behind = (newest.getSerial() - soa.getSerial()) & 0xffff_ffffL;
      boolean late = isLate(newest);
      String found =
          "serial "
              + soa.getSerial()
              + " is behind the newest, "
              + newest.getSerial()
              + ", by "
              + behind
              + (late ? ", longer than the SOA's refresh and retry" : "");
      String mend =
          "is it told of changes (NOTIFY), and may it transfer the zone? look at its log"
              + (late ? "" : "; if the zone was changed just now, wait");
      if (late) {
        findings.error(SERIAL, view.server().toString(), found, mend);
      } else {
        findings.warning(SERIAL, view.server().toString(), found, mend);
      }
    }
    if (same) {
      findings.ok(
          SERIAL,
          "",
          newest.getSerial()
              + (views.size() == 1
                  ? " at the one address that answers"
                  : " at all " + views.size() + " addresses that answer"));
    }
  }

  static @Nullable SOARecord newest(List<ServerView> views) {
    SOARecord newest = null;
    for (ServerView view : views) {
      SOARecord soa = view.soa();
      if (soa != null
          && (newest == null || Serial.compare(soa.getSerial(), newest.getSerial()) > 0)) {
        newest = soa;
      }
    }
    return newest;
  }

  /** Whether the newest version has been there for so long that all should have it. */
  private boolean isLate(SOARecord newest) {
    long made = newest.getSerial();
    long wait = newest.getRefresh() + newest.getRetry();
    return made > EARLIEST_TIME && made + wait < now.getEpochSecond();
  }

  /** Whether all say the same name servers. */
  void sets(List<ServerView> views) {
    Map<Set<Name>, List<ServerView>> ways =
        views.stream()
            .filter(view -> !view.servers().isEmpty())
            .collect(Collectors.groupingBy(ServerView::servers));
    if (ways.size() > 1) {
      findings.warning(
          SERVERS,
          "",
          "do not agree who they are: "
              + ways.entrySet().stream()
                  .map(
                      way ->
                          way.getValue().getFirst().server()
                              + " says "
                              + DelegationRules.names(way.getKey()))
                  .collect(Collectors.joining("; ")),
          "bring all to the same serial; wait if the zone was changed just now");
    }
  }

  /** Whether there are enough, in more than one place, where they can be reached. */
  void places(Map<Name, NameServers.Found> servers) {
    Set<InetAddress> addresses = new LinkedHashSet<>();
    servers.forEach(
        (name, found) -> {
          addresses.addAll(found.all());
          place(name, found);
        });
    if (servers.size() == 1) {
      findings.inTheWorld(
          Level.WARNING,
          SERVERS,
          "",
          "there is only one name server",
          "let a second one, elsewhere, serve the zone, too (RFC 2182)");
    }
    Set<Prefix> networks = new HashSet<>();
    addresses.forEach(address -> networks.add(NetworkKind.network(address)));
    if (servers.size() > 1 && networks.size() == 1) {
      findings.inTheWorld(
          Level.WARNING,
          NETWORK,
          "",
          "all name servers are in one network, " + networks.iterator().next(),
          "put one elsewhere, or all are gone together (RFC 2182)");
    } else if (servers.size() > 1 && networks.size() > 1) {
      findings.ok(
          NETWORK, "", servers.size() + " name servers in " + networks.size() + " networks");
    }
  }

  private void place(Name name, NameServers.Found found) {
    String where = Findings.text(name);
    if (found.alias()) {
      findings.error(
          SERVERS,
          where,
          "the name of a name server is a CNAME, which resolvers may not follow",
          "give it addresses of its own (RFC 2181, section 10.3)");
    }
    if (found.all().isEmpty()) {
      findings.error(
          SERVERS,
          where,
          found.failure() == null
              ? "has no address, so nobody can ask it"
              : "its address is not known: " + found.failure(),
          "give it A and AAAA records, or take it out of the NS records");
    }
    Set<InetAddress> inner = new LinkedHashSet<>();
    found.all().stream().filter(NetworkKind::isInner).forEach(inner::add);
    if (!inner.isEmpty()) {
      findings.inTheWorld(
          Level.ERROR,
          NETWORK,
          where,
          DelegationRules.addresses(inner) + " is an address that the world cannot reach",
          "give its public address");
    }
  }
}
