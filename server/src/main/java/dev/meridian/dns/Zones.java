package dev.meridian.dns;

import dev.meridian.site.Region;
import dev.meridian.site.Secondary;
import dev.meridian.site.Site;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The zones a name server answers from: an immutable snapshot, compiled so that every question is
 * one look-up in a hash table and its answer one copy. A changed site makes a new one ({@link
 * #next}), which the server takes at once and whole.
 */
public final class Zones {
  /** Zones of no site: every question is refused. */
  public static final Zones NONE = new Zones(new Parts(List.of(), Map.of(), List.of(), null), null);

  private final @Nullable Node[] table;
  private final int mask;
  private final int largest;
  private final int names;
  private final List<String> apexes;
  private final Map<WireName, ZoneNumbers.Revision> revisions;
  private final SignedAnswers signed;
  private final GeoData geo;
  private final Tailored tailored;
  private final Serials serials;
  private final Transfers transfers;

  /** The day whose signatures secondaries have; {@link ZoneNumbers#NO_DAY} if they need none. */
  private final long signedOn;

  private final Roster roster;

  /**
   * What zones are made of.
   *
   * @param contents checked
   * @param revisions kept for {@link #next}
   * @param keys of the zones that are signed
   * @param signing signs with them; null if there are none
   * @param geo where clients are; kept for {@link #next}
   * @param serials that were served before
   * @param secondaries who may copy them
   * @param day of the signatures that secondaries get
   */
  record Parts(
      Collection<ZoneContents> contents,
      Map<WireName, ZoneNumbers.Revision> revisions,
      List<ZoneKeys> keys,
      @Nullable Signing signing,
      GeoData geo,
      Serials serials,
      List<Secondary> secondaries,
      long day) {
    /** Without regions, nor secondaries. */
    Parts(
        Collection<ZoneContents> contents,
        Map<WireName, ZoneNumbers.Revision> revisions,
        List<ZoneKeys> keys,
        @Nullable Signing signing) {
      this(
          contents,
          revisions,
          keys,
          signing,
          GeoData.NONE,
          Serials.NONE,
          List.of(),
          ZoneNumbers.NO_DAY);
    }
  }

  /**
   * Compiles checked contents.
   *
   * @param before those that they follow, for whoever copies only what has changed
   */
  Zones(Parts parts, @Nullable Zones before) {
    Collection<ZoneContents> contents = parts.contents();
    Signing signing = parts.signing();
    Map<WireName, ZoneKeys> keysOf = new HashMap<>();
    parts.keys().forEach(zone -> keysOf.put(zone.apex(), zone));
    int total = 0;
    for (ZoneContents zone : contents) {
      total += zone.names().size();
    }
    // At most half full, so that a probe ends soon.
    table = new @Nullable Node[Integer.highestOneBit(Math.max(4, total) * 2 - 1) << 1];
    mask = table.length - 1;
    revisions = Map.copyOf(parts.revisions());
    serials = parts.serials();
    signedOn = parts.day();
    signed = new SignedAnswers(signing == null ? InstantSource.system() : signing.clock());
    apexes = contents.stream().map(zone -> zone.apex().toString()).sorted().toList();

    Map<WireName, ZoneSigner> signerOf = new HashMap<>();
    for (ZoneContents zone : contents) {
      ZoneSigner signer = signer(zone, keysOf.get(zone.apex()), signing);
      if (signer != null) {
        signerOf.put(zone.apex(), signer);
      }
    }
    transfers =
        (before == null ? Transfers.NONE : before.transfers)
            .next(
                parts.secondaries(),
                contents,
                zone -> signerOf.get(zone.apex()),
                signing == null ? InstantSource.system() : signing.clock());
    ZoneCompiler compiler = new ZoneCompiler();
    Set<WireName> all = new HashSet<>();
    contents.forEach(zone -> all.add(zone.apex()));
    Map<WireName, Answer> signers = new HashMap<>();
    int[] seen = new int[2];
    List<String> numbered = new ArrayList<>();
    // From the top down, as a zone gives the one below it the answer to DS.
    contents.stream()
        .sorted((a, b) -> Integer.compare(a.apex().labels(), b.apex().labels()))
        .forEach(
            zone -> {
              Set<WireName> children = new HashSet<>();
              for (WireName apex : all) {
                if (!apex.equals(zone.apex()) && apex.isWithin(zone.apex())) {
                  children.add(apex);
                }
              }
              numbered.add(zone.apex().toString());
              signers.putAll(
                  compiler.compile(
                      zone,
                      numbered.size() - 1,
                      children,
                      signerOf.get(zone.apex()),
                      signers.get(zone.apex()),
                      node -> {
                        put(node);
                        seen[0] = Math.max(seen[0], node.largestAnswer());
                        seen[1]++;
                      }));
            });
    largest = seen[0];
    names = seen[1];
    geo = parts.geo();
    tailored =
        new Tailored(compiler.tailorings(), new Geography(geo.site(), geo.atlas()), Readiness.ALL);
    roster = new Roster(numbered, geo.site().regions().stream().map(Region::name).toList());
  }

  /** Zones of no site, whose followers go on from serials that were kept. */
  public static Zones after(Serials serials) {
    return new Zones(
        new Parts(
            List.of(),
            Map.of(),
            List.of(),
            null,
            GeoData.NONE,
            serials,
            List.of(),
            ZoneNumbers.NO_DAY),
        null);
  }

  private Zones(Zones from, Tailored tailored) {
    table = from.table;
    mask = from.mask;
    largest = from.largest;
    names = from.names;
    apexes = from.apexes;
    revisions = from.revisions;
    signed = from.signed;
    geo = from.geo;
    serials = from.serials;
    transfers = from.transfers;
    signedOn = from.signedOn;
    roster = from.roster;
    this.tailored = tailored;
  }

  /**
   * The zones of a site: one for each of its zone files with an SOA, and one for each of its
   * domains that none of them holds. A domain without addresses of its own gets the web listener's.
   *
   * @param web where the web listener is, if it is on
   * @throws ZoneException if a zone cannot be served as written; it names the line
   */
  public static Zones of(Site site, Optional<InetSocketAddress> web) {
    return NONE.next(site, web, null);
  }

  /**
   * The zones of the site as it is now, with serial numbers above these zones' own where anything
   * changed. Blocking; for any thread.
   *
   * @param signing has the keys, or makes them, if the site wants its zones signed; null to have
   *     none signed, for a check
   * @throws ZoneException if a zone cannot be served as written; it names the line
   * @throws java.io.UncheckedIOException if the keys cannot be had; the message says how to mend it
   */
  public Zones next(Site site, Optional<InetSocketAddress> web, @Nullable Signing signing) {
    Zones next = SiteZones.read(site, web, this, signing);
    return tailored.readiness().equals(Readiness.ALL) ? next : next.with(tailored.readiness());
  }

  /** What a zone is, or was served as last; null if that is not known. */
  ZoneNumbers.@Nullable Revision revision(WireName apex) {
    ZoneNumbers.Revision known = revisions.get(apex);
    return known == null ? serials.last(apex) : known;
  }

  GeoData geo() {
    return geo;
  }

  Serials serials() {
    return serials;
  }

  /** Who may copy the zones, and what they get. */
  Transfers transfers() {
    return transfers;
  }

  /** Keeps the serials, so that those after a restart follow them; before they are served. */
  void keepSerials() {
    serials.keep(revisions);
  }

  /**
   * Whether {@link #next} would give the secondaries of signed zones newer signatures, which they
   * need once a day: theirs grow old, and they cannot make others.
   */
  public boolean isOfEarlierDay(InstantSource clock) {
    return signedOn != ZoneNumbers.NO_DAY && ZoneNumbers.today(clock) > signedOn;
  }

  private static @Nullable ZoneSigner signer(
      ZoneContents zone, @Nullable ZoneKeys keys, @Nullable Signing signing) {
    return keys == null || signing == null
        ? null
        : signing.signer(keys, SignedZone.negativeTtl(zone));
  }

  /** As {@link SignedAnswers#get}, of this snapshot's answers. */
  @Nullable Answer signed(
      Answer answer,
      Question question,
      ZoneSigner.Wanted wanted,
      SignedAnswers.Key probe,
      SigningBudget budget) {
    return signed.get(answer, question, wanted, probe, budget);
  }

  /**
   * The same zones with other regions ready. Takes milliseconds: what depends on regions is worked
   * out anew, the rest is shared. For any thread.
   */
  public Zones with(Readiness readiness) {
    return new Zones(this, tailored.with(readiness));
  }

  /** The names of the zones, without the last dot. */
  public List<String> apexes() {
    return apexes;
  }

  /** What its zones and regions are called; the same object while only readiness changes. */
  Roster roster() {
    return roster;
  }

  /** How many names are known, those included that only have names below them. */
  public int names() {
    return names;
  }

  /** Bytes the largest response can have. */
  int largestResponse() {
    return Math.max(Wire.MAX_UDP, Wire.MAX_QUESTION_END + largest + Wire.MAX_OPT_LENGTH);
  }

  /**
   * The answer for this client where answers differ; tells the client its scope.
   *
   * @param answer what {@link #answer} of these same zones found
   */
  Answer tailor(Answer answer, Client client) {
    return answer.tailoring() == Answer.NOT_TAILORED
        ? answer
        : tailored.answer(answer.tailoring(), client);
  }

  /** How clients' places are known, for the operator; empty if no name asks for them. */
  public Optional<GeoStatus> geoStatus() {
    return geo.site().answers().isEmpty()
        ? Optional.empty()
        : Optional.of(geo.status(tailored.networks()));
  }

  /**
   * Why a client gets the answer that it gets, step by step, for people.
   *
   * @param name whose answer; empty for all names that answer with regions
   * @throws dev.meridian.document.InvalidInputException if the name is none of ours, or none at all
   */
  public List<String> where(InetAddress client, Optional<String> name) {
    return new Where(this, client).explain(name);
  }

  /** The answers that depend on the client. */
  Tailored tailored() {
    return tailored;
  }

  /**
   * The answer to a question, or null if its name is in none of the zones; tells the question whose
   * it is.
   */
  @Nullable Answer answer(Question question) {
    Node exact = find(question.name, 0, question.nameLength, question.hash());
    if (exact != null) {
      exact.found(question);
      return exact.answer(question.type);
    }
    question.hashLabels();
    for (int label = 1; label < question.labels; label++) {
      Node encloser =
          find(
              question.name,
              question.labelStarts[label],
              question.nameLength,
              question.hashes[label]);
      if (encloser != null) {
        encloser.foundBelow(question);
        return encloser.answerBelow(question.type);
      }
    }
    // The hash of the root is that of its one zero byte.
    Node root =
        question.labels == 0
            ? null
            : find(question.name, question.nameLength - 1, question.nameLength, 0);
    if (root == null) {
      question.found(Question.ROOT, 0, false);
      return null;
    }
    root.foundBelow(question);
    return root.answerBelow(question.type);
  }

  private @Nullable Node find(byte[] name, int from, int to, int hash) {
    for (int slot = slot(hash); ; slot = (slot + 1) & mask) {
      Node node = table[slot];
      if (node == null) {
        return null;
      }
      if (node.hash() == hash && node.isNamed(name, from, to)) {
        return node;
      }
    }
  }

  private void put(Node node) {
    int slot = slot(node.hash());
    while (table[slot] != null) {
      slot = (slot + 1) & mask;
    }
    table[slot] = node;
  }

  private int slot(int hash) {
    int h = hash * 0x9E3779B1;
    return (h ^ (h >>> 15)) & mask;
  }
}
