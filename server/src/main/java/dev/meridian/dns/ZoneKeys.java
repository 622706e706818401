package dev.meridian.dns;

import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Json;
import java.security.GeneralSecurityException;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.xbill.DNS.TextParseException;
import org.xbill.DNS.Type;

/**
 * The keys of one zone and how far each is in its life. Immutable: every step makes another one,
 * which is on disk before it is used. There is always exactly one key that signs the zone's data.
 */
final class ZoneKeys {
  /** Seconds resolvers may keep the keys. */
  static final long TTL = 3600;

  private static final int FORMAT = 1;

  private final WireName apex;
  private final long step;
  private final List<Entry> entries;

  /** The life of a key; {@link Rollover} leads it through. */
  enum Stage {
    /**
     * The zone's first: it signs, but parents are not yet told, as answers without signatures live.
     */
    FRESH(true, true),
    /** Made known to resolvers before it is needed. */
    PUBLISHED(false, true),
    /** Known to all resolvers; the parent is asked to point at it. */
    SUBMITTED(false, true),
    /** The parent points at it; resolvers may still have what it said before. */
    SEEN(false, true),
    /** It signs, and parents are told. */
    ACTIVE(true, true),
    /** Its signatures may still be in caches. */
    RETIRED(false, false);

    private final boolean signsZone;
    private final boolean signsKeys;

    Stage(boolean signsZone, boolean signsKeys) {
      this.signsZone = signsZone;
      this.signsKeys = signsKeys;
    }
  }

  /**
   * A key.
   *
   * @param since when it came to its stage
   * @param until when it may go on at the earliest
   */
  record Entry(SigningKey key, Stage stage, Instant since, Instant until) {}

  private ZoneKeys(WireName apex, long step, List<Entry> entries) {
    this.apex = apex;
    this.step = step;
    this.entries = List.copyOf(entries);
    if (entries.stream().filter(entry -> entry.stage().signsZone).count() != 1) {
      throw new IllegalArgumentException("one key signs a zone, not more and not less");
    }
  }

  /** A zone's first. */
  static ZoneKeys first(WireName apex, SigningKey key, Instant now, Instant until) {
    return new ZoneKeys(apex, 1, List.of(new Entry(key, Stage.FRESH, now, until)));
  }

  /** Those that come after these. */
  ZoneKeys next(List<Entry> changed) {
    return new ZoneKeys(apex, step + 1, changed);
  }

  /**
   * Whether these came after the others: they are further, or were begun anew, with none of the
   * others' keys.
   */
  boolean follow(ZoneKeys others) {
    return step > others.step
        || entries.stream().noneMatch(e -> others.entries.stream().anyMatch(o -> isSame(e, o)));
  }

  /** Whether these are from before the others, of the same keys. */
  boolean precede(ZoneKeys others) {
    return step < others.step && !follow(others);
  }

  private static boolean isSame(Entry one, Entry other) {
    return one.key().equals(other.key());
  }

  WireName apex() {
    return apex;
  }

  List<Entry> entries() {
    return entries;
  }

  /** When a key last came to another stage. */
  Instant changed() {
    return entries.stream().map(Entry::since).max(Instant::compareTo).orElseThrow();
  }

  Optional<Entry> at(Stage stage) {
    return entries.stream().filter(entry -> entry.stage() == stage).findFirst();
  }

  /** The key that signs the zone's data. */
  Entry active() {
    return entries.stream().filter(entry -> entry.stage().signsZone).findFirst().orElseThrow();
  }

  /** The keys that sign the keys: those that a parent may point at, in anybody's cache. */
  List<SigningKey> keySigners() {
    return entries.stream().filter(e -> e.stage().signsKeys).map(Entry::key).toList();
  }

  /** The keys that the parent shall point at, and no others (RFC 7344, section 4). */
  List<SigningKey> announced() {
    Optional<Entry> next = at(Stage.SUBMITTED).or(() -> at(Stage.SEEN));
    return next.or(() -> at(Stage.ACTIVE)).map(Entry::key).stream().toList();
  }

  /** The key whose DS belongs at the parent, whether resolvers may be told yet or not. */
  SigningKey wanted() {
    List<SigningKey> announced = announced();
    return announced.isEmpty() ? active().key() : announced.getFirst();
  }

  /** The records that tell of the keys: DNSKEY, and CDS and CDNSKEY for the parent (RFC 7344). */
  List<ZoneRecord> records(ZoneException.Place place) {
    List<ZoneRecord> records = new ArrayList<>();
    for (Entry entry : entries) {
      records.add(new ZoneRecord(apex, Type.DNSKEY, TTL, entry.key().dnskey(), place));
    }
    for (SigningKey key : announced()) {
      records.add(new ZoneRecord(apex, Type.CDNSKEY, TTL, key.dnskey(), place));
      records.add(new ZoneRecord(apex, Type.CDS, TTL, key.ds(apex), place));
    }
    return records;
  }

  Json toJson() {
    List<Json> keys = new ArrayList<>();
    for (Entry entry : entries) {
      Map<String, Json> members = new LinkedHashMap<>();
      members.put("stage", new Json.Str(entry.stage().name()));
      members.put("since", new Json.Str(entry.since().toString()));
      members.put("until", new Json.Str(entry.until().toString()));
      members.put("public", base64(entry.key().point()));
      members.put("private", base64(entry.key().pkcs8()));
      keys.add(new Json.Obj(members));
    }
    Map<String, Json> members = new LinkedHashMap<>();
    members.put("format", Json.Num.of(FORMAT));
    members.put("zone", new Json.Str(apex.toString()));
    members.put("step", Json.Num.of(step));
    members.put("keys", new Json.Arr(keys));
    return new Json.Obj(members);
  }

  /** Such as {@code 4711 active, 815 published}; never the secrets. */
  @Override
  public String toString() {
    return entries.stream()
        .map(e -> e.key().tag() + " " + e.stage().name().toLowerCase(Locale.ROOT))
        .collect(Collectors.joining(", "));
  }

  private static Json base64(byte[] bytes) {
    return new Json.Str(Base64.getEncoder().encodeToString(bytes));
  }

  /**
   * Reads {@link #toJson}.
   *
   * @throws GeneralSecurityException if it is damaged
   */
  static ZoneKeys parse(byte[] json) throws GeneralSecurityException {
    try {
      return parse(Json.parse(json));
    } catch (InvalidInputException e) {
      throw new GeneralSecurityException("it is not whole", e);
    }
  }

  static ZoneKeys parse(Json json) throws GeneralSecurityException {
    try {
      Map<String, Json> members = ((Json.Obj) json).members();
      if (!Json.Num.of(FORMAT).equals(members.get("format"))) {
        throw new GeneralSecurityException("it was written by another version of Meridian");
      }
      List<Entry> entries = new ArrayList<>();
      for (Json key : ((Json.Arr) present(members, "keys")).items()) {
        Map<String, Json> parts = ((Json.Obj) key).members();
        entries.add(
            new Entry(
                SigningKey.of(
                    Base64.getDecoder().decode(text(parts, "private")),
                    Base64.getDecoder().decode(text(parts, "public"))),
                Stage.valueOf(text(parts, "stage")),
                Instant.parse(text(parts, "since")),
                Instant.parse(text(parts, "until"))));
      }
      long step = ((Json.Num) present(members, "step")).decimal().longValueExact();
      return new ZoneKeys(WireName.parse(text(members, "zone")), step, entries);
    } catch (ClassCastException
        | TextParseException
        | DateTimeException
        | ArithmeticException
        | IllegalArgumentException e) {
      throw new GeneralSecurityException("it is not whole", e);
    }
  }

  private static Json present(Map<String, Json> members, String name) {
    Json value = members.get(name);
    if (value == null) {
      throw new IllegalArgumentException("'" + name + "' is missing");
    }
    return value;
  }

  private static String text(Map<String, Json> members, String name) {
    return ((Json.Str) present(members, name)).value();
  }
}
