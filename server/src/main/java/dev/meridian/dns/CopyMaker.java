package dev.meridian.dns;

import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Type;

/**
 * Puts the records of a zone together for secondaries. What is answered by region goes with the
 * addresses of all its regions, as a secondary knows neither who asks nor who can serve. A signed
 * zone gets its whole chain of NSEC records and a signature for each RRset (RFC 4035, section 2): a
 * secondary has no key to make them of.
 */
final class CopyMaker {
  private final Map<WireName, ZoneContents> children;
  private final @Nullable ZoneSigner signer;
  private final InstantSource clock;

  /**
   * Creates it.
   *
   * @param children zones of ours below this one, by their apexes: what is in them is theirs
   * @param signer signs the records; null if they are not signed
   * @param clock for the times of signatures
   */
  CopyMaker(
      Map<WireName, ZoneContents> children, @Nullable ZoneSigner signer, InstantSource clock) {
    this.children = children;
    this.signer = signer;
    this.clock = clock;
  }

  /** The zones below a zone. */
  static Map<WireName, ZoneContents> below(WireName apex, Collection<ZoneContents> all) {
    Map<WireName, ZoneContents> below = new HashMap<>();
    for (ZoneContents zone : all) {
      if (!zone.apex().equals(apex) && zone.apex().isWithin(apex)) {
        below.put(zone.apex(), zone);
      }
    }
    return below;
  }

  /**
   * Makes a copy.
   *
   * @param before an earlier one, whose signatures are taken while they are good
   */
  ZoneCopy make(ZoneContents contents, @Nullable ZoneCopy before) {
    Map<WireName, List<RrSet>> all = new HashMap<>(contents.names().size() * 2);
    Set<WireName> cuts = new HashSet<>();
    Set<WireName> glue = new HashSet<>();
    for (WireName child : children.keySet()) {
      RrSet servers = contents.find(child, Type.NS);
      if (servers != null) {
        glue.addAll(servers.targets());
      }
    }
    contents
        .names()
        .forEach(
            (name, sets) -> {
              WireName child = childAbove(name, contents.apex());
              List<RrSet> told =
                  child == null ? sets : ofParent(sets, child.equals(name), glue.contains(name));
              if (!told.isEmpty()) {
                all.put(name, told);
              }
            });
    children.values().stream()
        .filter(child -> childAbove(child.apex().parent(), contents.apex()) == null)
        .filter(child -> contents.cutAbove(child.apex()) == null)
        .forEach(child -> delegate(child, all, cuts));
    List<ZoneCopy.Owner> owners = sorted(all);
    RrSet soa = contents.soa();
    return new ZoneCopy(
        new ZoneRecord(soa.owner(), Type.SOA, soa.ttl(), soa.rdata().getFirst(), soa.place()),
        withoutSoa(signer == null ? owners : signed(contents, owners, cuts, signer, before)),
        signer);
  }

  private @Nullable WireName childAbove(WireName name, WireName apex) {
    if (!children.isEmpty()) {
      for (WireName at = name; !at.equals(apex); at = at.parent()) {
        if (children.containsKey(at)) {
          return at;
        }
      }
    }
    return null;
  }

  /**
   * What a zone says of a name that is another's of ours.
   *
   * @param isCut whether the other begins there
   * @param isGlue whether the other's servers are found there
   */
  private static List<RrSet> ofParent(List<RrSet> sets, boolean isCut, boolean isGlue) {
    return sets.stream()
        .filter(
            set ->
                (isCut && (set.type() == Type.NS || set.type() == Type.DS))
                    || (isGlue && isAddress(set)))
        .toList();
  }

  private static boolean isAddress(RrSet set) {
    return set.type() == Type.A || set.type() == Type.AAAA;
  }

  /** How a zone is found: its servers, and their addresses where they are in it. */
  static List<RrSet> delegation(ZoneContents zone) {
    RrSet servers = zone.find(zone.apex(), Type.NS);
    List<RrSet> sets = new ArrayList<>();
    if (servers != null) {
      sets.add(servers);
      new LinkedHashSet<>(servers.targets())
          .stream()
              .filter(server -> server.isWithin(zone.apex()))
              .flatMap(server -> zone.names().getOrDefault(server, List.of()).stream())
              .filter(CopyMaker::isAddress)
              .forEach(sets::add);
    }
    return sets;
  }

  /** Whoever has only the zone above must be able to find the one below. */
  private static void delegate(
      ZoneContents child, Map<WireName, List<RrSet>> all, Set<WireName> cuts) {
    cuts.add(child.apex());
    for (RrSet set : delegation(child)) {
      all.compute(
          set.owner(),
          (_, known) -> {
            List<RrSet> sets = new ArrayList<>(known == null ? List.of() : known);
            sets.add(set);
            return sets;
          });
    }
  }

  private static List<ZoneCopy.Owner> sorted(Map<WireName, List<RrSet>> all) {
    record Keyed(byte[] key, ZoneCopy.Owner owner) {}
    Keyed[] keyed = new Keyed[all.size()];
    int count = 0;
    for (Map.Entry<WireName, List<RrSet>> entry : all.entrySet()) {
      WireName name = entry.getKey();
      keyed[count++] = new Keyed(name.sortKey(), new ZoneCopy.Owner(name, entry.getValue()));
    }
    Arrays.sort(keyed, (a, b) -> Arrays.compareUnsigned(a.key(), b.key()));
    return Arrays.stream(keyed).map(Keyed::owner).toList();
  }

  private static List<ZoneCopy.Owner> withoutSoa(List<ZoneCopy.Owner> owners) {
    List<ZoneCopy.Owner> rest = new ArrayList<>(owners);
    ZoneCopy.Owner apex = rest.getFirst();
    rest.set(
        0,
        new ZoneCopy.Owner(
            apex.name(), apex.sets().stream().filter(set -> set.type() != Type.SOA).toList()));
    return rest;
  }

  private List<ZoneCopy.Owner> signed(
      ZoneContents contents,
      List<ZoneCopy.Owner> owners,
      Set<WireName> moreCuts,
      ZoneSigner by,
      @Nullable ZoneCopy before) {
    Map<WireName, List<RrSet>> old = before == null ? Map.of() : before.signedFor(by);
    long now = clock.instant().getEpochSecond();
    // A name has an NSEC if the zone has anything of its own to say there.
    List<ZoneCopy.Owner> ours = new ArrayList<>();
    for (ZoneCopy.Owner owner : owners) {
      WireName cut = cut(contents, owner.name(), moreCuts);
      if (cut == null || cut.equals(owner.name())) {
        ours.add(owner);
      }
    }
    List<ZoneCopy.Owner> signed = new ArrayList<>(owners.size());
    int next = 0;
    for (ZoneCopy.Owner owner : owners) {
      if (next == ours.size() || owner != ours.get(next)) {
        signed.add(owner);
        continue;
      }
      next++;
      WireName following = ours.get(next == ours.size() ? 0 : next).name();
      boolean isCut = cut(contents, owner.name(), moreCuts) != null;
      List<RrSet> known = old.getOrDefault(owner.name(), List.of());
      List<RrSet> sets = new ArrayList<>();
      List<Integer> types = new ArrayList<>();
      for (RrSet set : owner.sets()) {
        // Of a delegation only its DS is ours; its servers, and glue, are not (section 2.2).
        boolean signs = !isCut || set.type() == Type.DS;
        sets.add(set);
        if (signs || set.type() == Type.NS) {
          types.add(set.type());
        }
        if (signs) {
          sets.add(signatures(set, known, by, now));
        }
      }
      RrSet nsec = by.nsec(owner.name(), Denial.rdata(following, types));
      sets.add(nsec);
      sets.add(signatures(nsec, known, by, now));
      signed.add(new ZoneCopy.Owner(owner.name(), sets));
    }
    return signed;
  }

  /** Those of the same set before, while they are good, else new ones. */
  private static RrSet signatures(RrSet set, List<RrSet> known, ZoneSigner by, long now) {
    for (int i = 0; i + 1 < known.size(); i++) {
      RrSet signatures = known.get(i + 1);
      if (signatures.type() == Type.RRSIG
          && known.get(i).isSame(set)
          && signatures.rdata().stream().allMatch(data -> RrSignature.isCopied(data, now))) {
        return signatures;
      }
    }
    return by.signatures(set, now);
  }

  private static @Nullable WireName cut(
      ZoneContents contents, WireName name, Set<WireName> moreCuts) {
    WireName cut = contents.cutAbove(name);
    if (cut == null && !moreCuts.isEmpty()) {
      for (WireName at = name; !at.equals(contents.apex()); at = at.parent()) {
        cut = moreCuts.contains(at) ? at : cut;
      }
    }
    return cut;
  }
}
