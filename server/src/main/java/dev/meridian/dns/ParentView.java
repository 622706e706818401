package dev.meridian.dns;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.AAAARecord;
import org.xbill.DNS.ARecord;
import org.xbill.DNS.DSRecord;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.NSRecord;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/**
 * What the servers of the zone above say of a zone.
 *
 * @param name the zone above; the root if it is not known
 * @param said by each address of each server
 * @param failure why it is not known who they are; null if it is
 */
record ParentView(Name name, List<Said> said, @Nullable String failure) {
  private static final int MOST_SERVERS = 16;
  private static final int MOST_ADDRESSES = 4;

  /**
   * What one of them says.
   *
   * @param who for people
   * @param failure why it says nothing; null if it does
   * @param untried whether this machine has no way to it
   * @param servers of the zone; empty if it is not delegated
   * @param glue the addresses that are handed out with them
   * @param child whether the server has the zone itself, too, so its delegation is not to be seen
   * @param ds the DS records
   */
  record Said(
      String who,
      @Nullable String failure,
      boolean untried,
      Set<Name> servers,
      Map<Name, Set<InetAddress>> glue,
      boolean child,
      Set<DSRecord> ds) {
    static Said nothing(String who, String failure, boolean untried) {
      return new Said(who, failure, untried, Set.of(), Map.of(), false, Set.of());
    }
  }

  /**
   * Asks them all.
   *
   * @param zone not the root
   * @param port where they listen
   */
  static ParentView of(Asker asker, Resolving resolving, Name zone, int port)
      throws InterruptedException {
    Resolving.Zone above;
    try {
      above = resolving.zoneOf(new Name(zone, 1));
    } catch (IOException e) {
      return new ParentView(Name.root, List.of(), String.valueOf(e.getMessage()));
    }
    if (above.name().equals(Name.root) && NetworkKind.isReserved(zone)) {
      return new ParentView(Name.root, List.of(), null);
    }
    List<Callable<List<Said>>> tasks = new ArrayList<>();
    for (Name server : above.servers().stream().limit(MOST_SERVERS).toList()) {
      tasks.add(() -> ask(asker, resolving, server, zone, port));
    }
    return new ParentView(
        above.name(), asker.all(tasks).stream().flatMap(List::stream).toList(), null);
  }

  /** Whether somebody says that the zone is delegated. */
  boolean delegates() {
    return said.stream().anyMatch(one -> !one.servers().isEmpty());
  }

  /** Whether somebody says anything. */
  boolean known() {
    return said.stream().anyMatch(one -> one.failure() == null);
  }

  /** All servers that are said to be the zone's. */
  Set<Name> servers() {
    Set<Name> all = new TreeSet<>();
    said.forEach(one -> all.addAll(one.servers()));
    return all;
  }

  /** All addresses that are handed out with a server's name. */
  Set<InetAddress> glue(Name server) {
    Set<InetAddress> all = new java.util.LinkedHashSet<>();
    said.forEach(one -> all.addAll(one.glue().getOrDefault(server, Set.of())));
    return all;
  }

  Set<DSRecord> ds() {
    Set<DSRecord> all = new TreeSet<>();
    said.forEach(one -> all.addAll(one.ds()));
    return all;
  }

  private static List<Said> ask(Asker asker, Resolving resolving, Name server, Name zone, int port)
      throws InterruptedException {
    List<InetAddress> addresses;
    try {
      addresses = resolving.addresses(server, MOST_ADDRESSES).all();
    } catch (IOException e) {
      return List.of(
          Said.nothing(
              Findings.text(server), "its address is not known: " + e.getMessage(), false));
    }
    if (addresses.isEmpty()) {
      return List.of(Said.nothing(Findings.text(server), "it has no address", false));
    }
    List<Callable<Said>> tasks = new ArrayList<>();
    for (InetAddress address : addresses) {
      String who = Findings.text(server) + " " + Asker.text(address);
      tasks.add(() -> ask(asker, who, new InetSocketAddress(address, port), zone));
    }
    return asker.all(tasks);
  }

  private static Said ask(Asker asker, String who, InetSocketAddress at, Name zone) {
    try {
      // Over TCP, so that no glue is left out for want of room, and nobody answers for them.
      Message referral = asker.askTcp(at, Asker.query(zone, Type.NS));
      Message ds = asker.askTcp(at, Asker.query(zone, Type.DS));
      boolean known = known(referral) && (known(ds) && ds.getHeader().getFlag(Flags.AA));
      return known
          ? said(who, referral, ds, zone)
          : Said.nothing(
              who,
              "it does not answer for the zone above: "
                  + Rcode.string((known(referral) ? ds : referral).getRcode()),
              false);
    } catch (Asker.NoNetwork e) {
      return Said.nothing(who, String.valueOf(e.getMessage()), true);
    } catch (IOException e) {
      return Said.nothing(who, String.valueOf(e.getMessage()), false);
    }
  }

  private static boolean known(Message answer) {
    return answer.getRcode() == Rcode.NOERROR || answer.getRcode() == Rcode.NXDOMAIN;
  }

  private static Said said(String who, Message referral, Message ds, Name zone) {
    Set<Name> servers = new TreeSet<>();
    boolean child = false;
    for (int section : new int[] {Section.ANSWER, Section.AUTHORITY}) {
      for (Record record : referral.getSection(section)) {
        if (record instanceof NSRecord ns && record.getName().equals(zone)) {
          servers.add(ns.getTarget());
          child |= section == Section.ANSWER && referral.getHeader().getFlag(Flags.AA);
        }
      }
    }
    Map<Name, Set<InetAddress>> glue = new HashMap<>();
    for (Record record : referral.getSection(Section.ADDITIONAL)) {
      InetAddress address =
          switch (record) {
            case ARecord a -> a.getAddress();
            case AAAARecord a -> a.getAddress();
            default -> null;
          };
      if (address != null && servers.contains(record.getName())) {
        glue.computeIfAbsent(record.getName(), _ -> new java.util.LinkedHashSet<>()).add(address);
      }
    }
    Set<DSRecord> pointers = new TreeSet<>();
    for (Record record : ds.getSection(Section.ANSWER)) {
      if (record instanceof DSRecord pointer && record.getName().equals(zone)) {
        pointers.add(pointer);
      }
    }
    return new Said(who, null, false, servers, new TreeMap<>(glue), child, pointers);
  }
}
