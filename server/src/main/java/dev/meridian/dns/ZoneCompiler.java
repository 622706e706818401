package dev.meridian.dns;

import dev.meridian.site.RegionSet;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Type;

/**
 * Encodes the answer to every question a zone can be asked, so that answering is a look-up and a
 * copy. For one thread.
 */
final class ZoneCompiler {
  /** Longest chain of CNAMEs followed; a longer one is a mistake, and resolvers give up too. */
  static final int MAX_CHAIN = 12;

  /** Most names whose addresses are added to one answer. */
  private static final int MAX_ADDITIONAL_NAMES = 16;

  /** Of more types, there are so many combinations that it does not pay to look for them. */
  private static final int MAX_SHARED = 2;

  private static final Answer[] NO_ANSWERS = {};
  private static final char[] NO_TYPES = {};

  private final AnswerWriter writer = AnswerWriter.forMany();
  private final List<Tailoring> tailorings = new ArrayList<>();
  private final Map<String, char[]> known = new HashMap<>();

  /** What compiling keeps about one zone while it does. */
  private final class Zone {
    private final ZoneContents contents;
    private final Set<WireName> children;
    private final @Nullable ZoneSigner signer;
    private final RrSet soa;
    private final Answer noData;
    private final Answer noName;
    private final Map<WireName, Answer> referrals = new HashMap<>();
    private final Map<List<Integer>, Answer> denials = new HashMap<>();

    Zone(ZoneContents contents, Set<WireName> children, @Nullable ZoneSigner signer) {
      this.contents = contents;
      this.children = children;
      this.signer = signer;
      soa = contents.soa();
      writer.begin(contents.apex(), false);
      addNegative(this);
      noData = writer.finish(Wire.AA);
      Answer none = noData.withFlags(Wire.AA | Wire.NXDOMAIN);
      noName = signer == null ? none : none.denying(Denial.ofName(null));
    }

    /** "There is no such type", for a name with records of these types. */
    Answer noData(List<RrSet> sets) {
      return signer == null
          ? noData
          : denials.computeIfAbsent(types(sets), t -> noData.denying(new Denial(null, t)));
    }

    /** Whether we answer for a name from this zone, and so sign what stands there. */
    boolean isOurs(WireName name) {
      return contents.cutAbove(name) == null && !isWithinAny(name, children, contents.apex());
    }
  }

  private static List<Integer> types(List<RrSet> sets) {
    return sets.stream().map(RrSet::type).sorted().toList();
  }

  /** All that a delegation has on this side of it (RFC 4035, section 2.3). */
  private static List<Integer> typesOfCut(List<RrSet> sets) {
    // A zone we serve may do without name servers in the one above; its proof may not.
    return ZoneContents.find(sets, Type.DS) == null ? List.of(Type.NS) : List.of(Type.NS, Type.DS);
  }

  /**
   * The answers of all zones so far that are chosen by region; each has its place as its number.
   */
  List<Tailoring> tailorings() {
    return tailorings;
  }

  /**
   * Compiles one zone.
   *
   * @param number by which answers know their zone
   * @param children apexes of other zones we serve below this one: their names are theirs
   * @param zoneSigner signs its answers; null if they have no signatures
   * @param delegationSigner answers to DS at this apex on behalf of the zone above (RFC 4035,
   *     section 3.1.4.1), or null if that is not ours
   * @param nodes takes the nodes
   * @return the answers to DS at the children's apexes
   */
  Map<WireName, Answer> compile(
      ZoneContents contents,
      int number,
      Set<WireName> children,
      @Nullable ZoneSigner zoneSigner,
      @Nullable Answer delegationSigner,
      Consumer<Node> nodes) {
    writer.signedBy(zoneSigner);
    writer.ofZone(number);
    Zone zone = new Zone(contents, children, zoneSigner);
    for (Map.Entry<WireName, List<RrSet>> entry : contents.names().entrySet()) {
      WireName name = entry.getKey();
      if (!isWithinAny(name, children, contents.apex())) {
        Answer signer = name.equals(contents.apex()) ? delegationSigner : null;
        nodes.accept(node(zone, name, entry.getValue(), signer));
      }
    }
    Map<WireName, Answer> signers = new HashMap<>();
    for (WireName child : children) {
      WireName cut = contents.cutAbove(child);
      if (cut == null || cut.equals(child)) {
        signers.put(child, delegation(zone, child));
      }
    }
    return signers;
  }

  private static boolean isWithinAny(WireName name, Set<WireName> children, WireName apex) {
    if (children.isEmpty()) {
      return false;
    }
    for (WireName at = name; !at.equals(apex); at = at.parent()) {
      if (children.contains(at)) {
        return true;
      }
    }
    return false;
  }

  private Node node(Zone zone, WireName name, List<RrSet> sets, @Nullable Answer signer) {
    WireName cut = zone.contents.cutAbove(name);
    if (cut != null) {
      return delegated(zone, name, cut, sets);
    }
    Node wildcard = null;
    if (zone.contents.hasWildcards() && name.length() + 2 <= WireName.MAX_LENGTH) {
      WireName star = name.wildcardChild();
      List<RrSet> starSets = zone.contents.names().get(star);
      if (starSets != null) {
        wildcard = own(zone, star, name, starSets, null, null);
      }
    }
    return own(zone, name, name, sets, wildcard, signer);
  }

  /** A name at or below a delegation: whatever is asked, its servers know (RFC 1034, 4.3.2). */
  private Node delegated(Zone zone, WireName name, WireName cut, List<RrSet> sets) {
    Answer referral = zone.referrals.computeIfAbsent(cut, at -> referral(zone, at));
    if (!name.equals(cut)) {
      return new Node(name, NO_TYPES, NO_ANSWERS, referral, referral, null, referral);
    }
    // Only whether the delegation is signed is known on this side (RFC 4035, section 3.1.4.1).
    List<Answer> answers = new ArrayList<>(List.of(delegation(zone, name)));
    if (zone.signer != null) {
      answers.add(zone.noData.denying(new Denial(null, typesOfCut(sets))));
    }
    char[] types = {Type.DS, Type.NSEC};
    return new Node(
        name,
        java.util.Arrays.copyOf(types, answers.size()),
        answers.toArray(NO_ANSWERS),
        referral,
        referral,
        null,
        referral);
  }

  /** The answer to DS at a delegation. */
  private Answer delegation(Zone zone, WireName cut) {
    RrSet signer = zone.contents.find(cut, Type.DS);
    if (signer != null) {
      return positive(zone, cut, false, signer);
    }
    return zone.signer == null
        ? zone.noData
        : zone.noData.denying(new Denial(null, List.of(Type.NS)));
  }

  /**
   * A name we have the data of.
   *
   * @param question the name it answers for: {@code name}, or for a wildcard the name above it
   */
  private Node own(
      Zone zone,
      WireName name,
      WireName question,
      List<RrSet> sets,
      @Nullable Node wildcard,
      @Nullable Answer signer) {
    boolean synthesised = name != question;
    RrSet alias = ZoneContents.find(sets, Type.CNAME);
    if (alias != null) {
      return alias(zone, name, question, alias, wildcard);
    }
    int extra = signer == null ? 0 : 1;
    List<RrSet> served =
        signer == null ? sets : sets.stream().filter(set -> set.type() != Type.DS).toList();
    char[] types = new char[served.size() + extra];
    Answer[] answers = new Answer[types.length];
    Answer noData = zone.noData(served);
    Answer any = noData;
    for (int i = 0; i < served.size(); i++) {
      types[i] = (char) served.get(i).type();
      answers[i] = positive(zone, question, synthesised, served.get(i));
      // RFC 8482, section 4.1: one RRset is answer enough, and the smallest amplifies least.
      if (any == noData || answers[i].length() < any.length()) {
        any = answers[i];
      }
    }
    if (signer != null) {
      types[served.size()] = Type.DS;
      answers[served.size()] = signer;
    }
    return new Node(name, shared(types), answers, noData, any, wildcard, zone.noName);
  }

  /** Names have the same few types, mostly. */
  private char[] shared(char[] types) {
    return types.length > MAX_SHARED ? types : known.computeIfAbsent(new String(types), _ -> types);
  }

  /** A CNAME owner: its answer to each type is the chain and what is at its end. */
  private Node alias(
      Zone zone, WireName name, WireName question, RrSet alias, @Nullable Node wildcard) {
    boolean synthesised = name != question;
    List<RrSet> chain = new ArrayList<>();
    List<RrSet> found = List.of();
    Answer end = null;
    Denial denial = null;
    WireName referred = null;
    RrSet link = alias;
    WireName linkOwner = name;
    List<WireName> owners = new ArrayList<>();
    while (link != null) {
      if (chain.size() == MAX_CHAIN) {
        throw new ZoneException(
            alias.place(),
            "the CNAMEs from '"
                + name
                + "' lead in a circle or on for more than "
                + MAX_CHAIN
                + " names; point it at the name that has the data.");
      }
      chain.add(link);
      owners.add(linkOwner);
      WireName target = link.targets().getFirst();
      link = null;
      if (!target.isWithin(zone.contents.apex())
          || isWithinAny(target, zone.children, zone.contents.apex())) {
        break;
      }
      referred = zone.contents.cutAbove(target);
      if (referred != null) {
        break;
      }
      List<RrSet> sets = setsFor(zone, target);
      end = sets == null ? zone.noName : zone.noData;
      found = sets == null ? List.of() : sets;
      denial = sets == null ? Denial.ofName(target) : new Denial(target, types(sets));
      link = ZoneContents.find(found, Type.CNAME);
      linkOwner = target;
      if (link != null) {
        found = List.of();
        end = null;
      }
    }

    List<Answer> answers = new ArrayList<>();
    char[] types = new char[found.size() + (zone.signer == null ? 1 : 2)];
    Answer only = chain(question, synthesised, chain.subList(0, 1), owners);
    types[0] = Type.CNAME;
    answers.add(only);
    for (RrSet set : found) {
      types[answers.size()] = (char) set.type();
      beginChain(question, synthesised, chain, owners);
      if (set.choice() == null) {
        writer.add(Answer.Parts.ANSWER, set, linkOwner, set.ttl());
        addAdditional(zone, set, Set.of());
      }
      // Otherwise the chain ends before what depends on the client: a resolver keeps an answer as a
      // whole for one network, and the chain is for all (RFC 7871, section 7.2.1).
      answers.add(writer.finish(Wire.AA));
    }
    if (zone.signer != null) {
      // Beside a CNAME there can be an NSEC (RFC 4034, section 4).
      types[answers.size()] = Type.NSEC;
      answers.add(zone.noData(List.of(alias)));
    }
    beginChain(question, synthesised, chain, owners);
    int flags = Wire.AA;
    if (end != null) {
      addNegative(zone);
      flags = end.flags();
    } else if (referred != null) {
      addReferral(zone, referred);
      denial = insecure(zone, referred);
    } else {
      denial = null;
    }
    Answer otherwise = writer.finish(flags);
    if (zone.signer != null && denial != null) {
      otherwise = otherwise.denying(denial);
    }
    return new Node(
        name, shared(types), answers.toArray(NO_ANSWERS), otherwise, only, wildcard, zone.noName);
  }

  private Answer chain(
      WireName question, boolean synthesised, List<RrSet> chain, List<WireName> owners) {
    beginChain(question, synthesised, chain, owners);
    return writer.finish(Wire.AA);
  }

  private void beginChain(
      WireName question, boolean synthesised, List<RrSet> chain, List<WireName> owners) {
    writer.begin(question, synthesised);
    for (int i = 0; i < chain.size(); i++) {
      writer.add(Answer.Parts.ANSWER, chain.get(i), owners.get(i), chain.get(i).ttl());
    }
  }

  /** The data at {@code name} or at the wildcard that stands for it; null if there is neither. */
  private static @Nullable List<RrSet> setsFor(Zone zone, WireName name) {
    Map<WireName, List<RrSet>> names = zone.contents.names();
    for (WireName at = name; ; at = at.parent()) {
      List<RrSet> sets = names.get(at);
      if (sets != null) {
        if (at == name) {
          return sets;
        }
        return at.length() + 2 <= WireName.MAX_LENGTH ? names.get(at.wildcardChild()) : null;
      }
    }
  }

  private Answer positive(Zone zone, WireName question, boolean synthesised, RrSet set) {
    writer.begin(question, synthesised);
    writer.add(Answer.Parts.ANSWER, set);
    addAdditional(zone, set, Set.of());
    Answer answer = writer.finish(Wire.AA);
    RegionSet choice = set.choice();
    if (choice == null) {
      return answer;
    }
    tailorings.add(
        new Tailoring(
            set.owner(),
            set.type(),
            answer,
            choice,
            set.regions(),
            set.rdata().stream().map(ZoneCompiler::address).toList(),
            set.place()));
    return answer.tailored(tailorings.size() - 1);
  }

  private static InetAddress address(byte[] data) {
    try {
      return InetAddress.getByAddress(data);
    } catch (UnknownHostException e) {
      throw new IllegalStateException("records of addresses have 4 bytes or 16", e);
    }
  }

  private Answer referral(Zone zone, WireName cut) {
    writer.begin(cut, false);
    addReferral(zone, cut);
    Answer referral = writer.finish(0);
    Denial denial = insecure(zone, cut);
    return zone.signer == null || denial == null ? referral : referral.denying(denial);
  }

  /** What proves that a delegation is not signed (RFC 4035, section 3.1.4), if it is not. */
  private static @Nullable Denial insecure(Zone zone, WireName cut) {
    return zone.contents.find(cut, Type.DS) == null ? new Denial(cut, List.of(Type.NS)) : null;
  }

  private void addReferral(Zone zone, WireName cut) {
    RrSet servers = zone.contents.find(cut, Type.NS);
    if (servers == null) {
      throw new IllegalStateException("a delegation without name servers");
    }
    writer.addUnsigned(Answer.Parts.AUTHORITY, servers);
    RrSet signer = zone.contents.find(cut, Type.DS);
    if (signer != null) {
      writer.add(Answer.Parts.AUTHORITY, signer);
    }
    // Glue below the cut must not be missing without TC (RFC 9471); other addresses may.
    Set<WireName> glue = new LinkedHashSet<>();
    for (WireName server : servers.targets()) {
      if (server.isWithin(cut) && glue.size() < MAX_ADDITIONAL_NAMES) {
        glue.add(server);
      }
    }
    for (WireName server : glue) {
      addAddresses(zone, server);
    }
    addAdditional(zone, servers, glue);
  }

  /** RFC 2308, sections 3 and 5: the SOA, with the time a negative answer may be kept. */
  private void addNegative(Zone zone) {
    byte[] data = zone.soa.rdata().getFirst();
    long minimum = Wire.getInt(data, data.length - 4) & 0xffff_ffffL;
    writer.add(
        Answer.Parts.AUTHORITY, zone.soa, zone.soa.owner(), Math.min(zone.soa.ttl(), minimum));
  }

  private void addAdditional(Zone zone, RrSet from, Set<WireName> already) {
    writer.usefulFromHere();
    List<WireName> targets = from.targets();
    if (targets.isEmpty() || from.type() == Type.CNAME || from.type() == Type.PTR) {
      return;
    }
    Set<WireName> names = new LinkedHashSet<>();
    for (WireName target : targets) {
      if (names.size() < MAX_ADDITIONAL_NAMES && !already.contains(target)) {
        names.add(target);
      }
    }
    for (WireName name : names) {
      if (name.isWithin(zone.contents.apex())) {
        addAddresses(zone, name);
      }
    }
  }

  private void addAddresses(Zone zone, WireName name) {
    List<RrSet> sets = zone.contents.names().getOrDefault(name, List.of());
    sets.stream()
        .filter(set -> set.type() == Type.A || set.type() == Type.AAAA)
        // What depends on the client is no by-product (RFC 7871, section 7.4).
        .filter(set -> set.choice() == null)
        .sorted(Comparator.comparingInt(RrSet::type))
        .filter(_ -> writer.hasRoomFor(1))
        .forEach(
            set -> {
              if (zone.isOurs(name)) {
                writer.add(Answer.Parts.ADDITIONAL, set);
              } else {
                writer.addUnsigned(Answer.Parts.ADDITIONAL, set);
              }
            });
  }
}
