package dev.meridian.dns;

import java.net.InetAddress;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.xbill.DNS.DSRecord;
import org.xbill.DNS.Name;

/** Whether the parent leads to the zone, and to the servers that the zone says it has. */
final class DelegationRules {
  static final String PARENT = "parent";
  static final String GLUE = "glue";

  private final Findings findings;
  private final Name zone;
  private final ParentView parent;

  DelegationRules(Findings findings, Name zone, ParentView parent) {
    this.findings = findings;
    this.zone = zone;
    this.parent = parent;
  }

  /**
   * Checks.
   *
   * @param ours the servers that the zone says it has; empty if nobody answers for it
   * @param addresses those of our servers in the zone, as the zone has them
   */
  void check(Set<Name> ours, Map<Name, NameServers.Found> addresses) {
    if (parent.name().equals(Name.root) && NetworkKind.isReserved(zone)) {
      findings.note(
          PARENT,
          "",
          "not delegated: the name is for tests and inner networks, so nobody is led to it from"
              + " outside",
          "");
      return;
    }
    if (parent.failure() != null) {
      findings.warning(
          PARENT,
          "",
          "who the parent's servers are is not known: " + parent.failure(),
          "give a resolver that works with --resolver, or try on another network");
      return;
    }
    servers();
    if (!parent.known()) {
      return;
    }
    if (!parent.delegates()) {
      findings.error(
          PARENT,
          Findings.text(parent.name()),
          "not delegated: the world cannot find the zone",
          "register the name, and give the registrar these name servers: "
              + named(ours, addresses));
      return;
    }
    delegation(ours);
    glue(addresses);
  }

  private void servers() {
    for (ParentView.Said said : parent.said()) {
      if (said.failure() != null && !said.untried()) {
        findings.warning(
            PARENT,
            said.who(),
            "the parent's server says nothing: " + said.failure(),
            "that is for its operator to mend; try again later");
      }
    }
    if (!parent.known() && parent.said().stream().allMatch(ParentView.Said::untried)) {
      findings.warning(
          PARENT,
          Findings.text(parent.name()),
          "this machine has no network for any of the parent's servers",
          "try on another network");
    }
  }

  private void delegation(Set<Name> ours) {
    Set<Set<Name>> ways = new HashSet<>();
    Set<Set<DSRecord>> pointers = new HashSet<>();
    for (ParentView.Said said : parent.said()) {
      if (said.failure() == null) {
        ways.add(said.servers());
        pointers.add(said.ds());
      }
    }
    if (ways.size() > 1 || pointers.size() > 1) {
      findings.warning(
          PARENT,
          Findings.text(parent.name()),
          "the parent's servers do not all say the same "
              + (ways.size() > 1 ? "name servers" : "DS records"),
          "wait if something was changed within the hour; ask the registrar otherwise");
    }
    Set<Name> theirs = parent.servers();
    if (ours.isEmpty() || theirs.equals(ours)) {
      findings.ok(PARENT, Findings.text(parent.name()), "leads to " + names(theirs));
      return;
    }
    Set<Name> more = new TreeSet<>(theirs);
    more.removeAll(ours);
    Set<Name> fewer = new TreeSet<>(ours);
    fewer.removeAll(theirs);
    findings.warning(
        PARENT,
        Findings.text(parent.name()),
        "leads to other servers than the zone says it has"
            + (more.isEmpty() ? "" : "; only the parent has " + names(more))
            + (fewer.isEmpty() ? "" : "; only the zone has " + names(fewer)),
        "make 'nameServers' in site.yaml, or the NS records, and what the registrar has the same");
  }

  private void glue(Map<Name, NameServers.Found> addresses) {
    List<ParentView.Said> referrals =
        parent.said().stream().filter(s -> !s.servers().isEmpty() && !s.child()).toList();
    boolean well = !referrals.isEmpty();
    boolean any = false;
    for (Name server : parent.servers()) {
      if (!server.subdomain(zone)) {
        continue;
      }
      any = true;
      Set<InetAddress> own =
          addresses.containsKey(server)
              ? new LinkedHashSet<>(addresses.get(server).own())
              : Set.of();
      for (ParentView.Said said : referrals) {
        if (said.servers().contains(server)) {
          well &= glue(said, server, said.glue().getOrDefault(server, Set.of()), own);
        }
      }
    }
    if (any && well) {
      findings.ok(
          GLUE, Findings.text(parent.name()), "hands out the addresses that the zone has, too");
    }
  }

  private boolean glue(
      ParentView.Said said, Name server, Set<InetAddress> theirs, Set<InetAddress> own) {
    if (theirs.isEmpty()) {
      findings.error(
          GLUE,
          said.who(),
          "no address comes with "
              + Findings.text(server)
              + ", which is in the zone: nobody can find it",
          "give the registrar the address of that host (glue)"
              + (own.isEmpty() ? "" : ": " + addresses(own)));
      return false;
    }
    Set<InetAddress> wrong = new LinkedHashSet<>(theirs);
    wrong.removeAll(own);
    Set<InetAddress> missing = new LinkedHashSet<>(own);
    missing.removeAll(theirs);
    if (!own.isEmpty() && !wrong.isEmpty()) {
      findings.error(
          GLUE,
          said.who(),
          Findings.text(server)
              + " is at "
              + addresses(theirs)
              + " there, but at "
              + addresses(own)
              + " in the zone",
          "have the registrar change the address of that host, or mend the zone's record");
      return false;
    }
    if (!own.isEmpty() && !missing.isEmpty()) {
      findings.warning(
          GLUE,
          said.who(),
          addresses(missing) + " of " + Findings.text(server) + " is not among its glue",
          "give the registrar that address, too");
      return false;
    }
    return true;
  }

  private static String named(Set<Name> servers, Map<Name, NameServers.Found> addresses) {
    return servers.isEmpty()
        ? "those that serve it"
        : servers.stream()
            .map(
                server ->
                    addresses.containsKey(server) && !addresses.get(server).own().isEmpty()
                        ? Findings.text(server)
                            + " ("
                            + addresses(new LinkedHashSet<>(addresses.get(server).own()))
                            + ")"
                        : Findings.text(server))
            .collect(Collectors.joining(", "));
  }

  static String names(Set<Name> names) {
    return names.stream().map(Findings::text).collect(Collectors.joining(", "));
  }

  static String addresses(Set<InetAddress> addresses) {
    return addresses.stream().map(Asker::text).collect(Collectors.joining(", "));
  }
}
