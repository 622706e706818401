package dev.meridian.dns;

import dev.meridian.dns.DnsCheck.Level;
import java.io.IOException;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.MXRecord;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.SRVRecord;
import org.xbill.DNS.TextParseException;
import org.xbill.DNS.Type;

/** Whether what the zone's names lead to is there: web servers, mail servers, services. */
final class NameRules {
  static final String NAME = "name";
  static final String MAIL = "mail";
  static final String SERVICE = "service";

  private static final int MOST_NAMES = 50;
  private static final int MOST_ADDRESSES = 8;
  private static final int MOST_TARGETS = 16;

  /** Services that are looked for by name, as nobody lists a zone's names. */
  private static final List<String> SERVICES =
      List.of(
          "_submission._tcp",
          "_submissions._tcp",
          "_imap._tcp",
          "_imaps._tcp",
          "_caldavs._tcp",
          "_carddavs._tcp",
          "_sip._tcp",
          "_sips._tcp",
          "_xmpp-client._tcp",
          "_xmpp-server._tcp",
          "_matrix._tcp",
          "_minecraft._tcp");

  private final Findings findings;
  private final Asker asker;
  private final Name zone;
  private final Resolving inZone;
  private final Resolving outside;
  private final Set<Integer> webPorts;

  /**
   * Prepares.
   *
   * @param inZone who answers for the zone
   * @param outside who answers for other names
   * @param webPorts where web servers may be found beside 80 and 443
   */
  NameRules(
      Findings findings,
      Asker asker,
      Name zone,
      Resolving inZone,
      Resolving outside,
      Set<Integer> webPorts) {
    this.findings = findings;
    this.asker = asker;
    this.zone = zone;
    this.inZone = inZone;
    this.outside = outside;
    this.webPorts = webPorts;
  }

  private record Target(Name name, Resolving.Addresses addresses, @Nullable String failure) {}

  /**
   * Checks that web servers answer at the addresses of names.
   *
   * @param needed whether these must have addresses
   */
  void web(Set<Name> names, boolean needed) throws InterruptedException {
    List<Target> targets = look(names, MOST_NAMES);
    Set<InetAddress> all = new LinkedHashSet<>();
    targets.forEach(target -> all.addAll(target.addresses().all()));
    List<Callable<WebView>> tasks = new ArrayList<>();
    all.forEach(address -> tasks.add(() -> WebView.of(asker, address, webPorts)));
    List<WebView> tried = asker.all(tasks);
    for (Target target : targets) {
      String name = Findings.text(target.name());
      if (target.failure() != null) {
        findings.error(NAME, name, "its address is not known: " + target.failure(), "");
      } else if (target.addresses().all().isEmpty()) {
        if (needed) {
          findings.error(
              NAME, name, "has no address: visitors do not find it", "give it A and AAAA records");
        }
      } else {
        reach(needed, name, target.addresses().all(), tried);
      }
    }
    if (names.size() > MOST_NAMES) {
      findings.note(NAME, "", (names.size() - MOST_NAMES) + " more names were not looked at", "");
    }
  }

  private void reach(
      boolean needed, String name, List<InetAddress> addresses, List<WebView> tried) {
    Set<InetAddress> good = new LinkedHashSet<>();
    Set<InetAddress> inner = new LinkedHashSet<>();
    Set<Integer> ports = new TreeSet<>();
    for (WebView web : tried) {
      if (!addresses.contains(web.address()) || web.untried()) {
        continue;
      }
      if (NetworkKind.isInner(web.address())) {
        inner.add(web.address());
      }
      if (web.open().isEmpty()) {
        String found = Asker.text(web.address()) + " cannot be reached: " + web.failure();
        String mend =
            "start the web server there and open ports 80 and 443, or take the address out";
        if (needed) {
          findings.error(NAME, name, found, mend);
        } else {
          findings.warning(NAME, name, found, mend); // perhaps no website is meant to be there
        }
      } else {
        good.add(web.address());
        ports.addAll(web.open());
      }
    }
    if (!inner.isEmpty()) {
      findings.inTheWorld(
          Level.WARNING,
          NAME,
          name,
          "leads to " + DelegationRules.addresses(inner) + ", which the world cannot reach",
          "give its public address in site.yaml");
    }
    if (good.isEmpty()) {
      return;
    }
    String found =
        DelegationRules.addresses(good)
            + (good.size() == 1 ? " takes connections on " : " take connections on ")
            + WebView.ports(ports);
    if (tried.stream().anyMatch(web -> good.contains(web.address()) && web.isPublic())) {
      findings.ok(NAME, name, found);
    } else {
      findings.note(
          NAME, name, found + " only, while browsers try 443 and 80", "serve at 443 and 80");
    }
  }

  /** Checks that hosts that take mail, and those of services, have addresses. */
  void targets() throws InterruptedException {
    Set<Name> mail = new LinkedHashSet<>();
    for (Record record : records(zone, Type.MX)) {
      mail.add(((MXRecord) record).getTarget());
    }
    resolve(MAIL, "mail is sent to", mail);
    Set<Name> services = new LinkedHashSet<>();
    List<Callable<List<Record>>> tasks = new ArrayList<>();
    for (String service : SERVICES) {
      tasks.add(() -> services(service));
    }
    for (List<Record> found : asker.all(tasks)) {
      found.forEach(record -> services.add(((SRVRecord) record).getTarget()));
    }
    resolve(SERVICE, "services are at", services);
  }

  private List<Record> services(String service) {
    try {
      return records(Name.fromString(service, zone), Type.SRV);
    } catch (TextParseException e) {
      return List.of(); // no room for such a name
    }
  }

  private List<Record> records(Name name, int type) {
    try {
      return inZone.records(name, type);
    } catch (IOException e) {
      return List.of(); // what does not answer has been told of before
    }
  }

  private void resolve(String check, String what, Set<Name> names) throws InterruptedException {
    names.remove(Name.root); // there is none, on purpose (RFC 7505; RFC 2782)
    Set<Name> good = new TreeSet<>();
    for (Target target : look(names, MOST_TARGETS)) {
      String name = Findings.text(target.name());
      if (target.failure() != null) {
        findings.warning(check, name, "its address is not known: " + target.failure(), "");
      } else if (target.addresses().all().isEmpty()) {
        findings.error(
            check,
            name,
            what + " it, but it has no address",
            "give it A and AAAA records, or take it out of the zone");
      } else if (target.addresses().alias() != null) {
        findings.warning(
            check,
            name,
            what + " it, but it is a CNAME, which some do not follow",
            "name " + Findings.text(target.addresses().alias()) + " instead");
      } else {
        good.add(target.name());
      }
    }
    if (!good.isEmpty()) {
      findings.ok(check, "", what + " " + DelegationRules.names(good) + ": found");
    }
  }

  private List<Target> look(Set<Name> names, int most) throws InterruptedException {
    List<Callable<Target>> tasks = new ArrayList<>();
    for (Name name : names.stream().limit(most).toList()) {
      tasks.add(() -> look(name));
    }
    return asker.all(tasks);
  }

  private Target look(Name name) {
    try {
      Resolving.Addresses found = source(name).addresses(name, MOST_ADDRESSES);
      Name alias = found.alias();
      if (found.all().isEmpty() && alias != null) {
        found =
            new Resolving.Addresses(source(alias).addresses(alias, MOST_ADDRESSES).all(), alias);
      }
      return new Target(name, found, null);
    } catch (IOException e) {
      return new Target(
          name, new Resolving.Addresses(List.of(), null), String.valueOf(e.getMessage()));
    }
  }

  private Resolving source(Name name) {
    return name.subdomain(zone) ? inZone : outside;
  }
}
