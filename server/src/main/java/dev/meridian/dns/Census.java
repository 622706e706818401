package dev.meridian.dns;

import dev.meridian.document.Json;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.MeterRegistry;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What is asked: queries by zone and by name, and answers by region. Each UDP thread counts on a
 * {@link Sheet} of its own, and all TCP connections on one; who looks adds them up.
 *
 * <p>Nothing that a client makes up takes a place of its own: a name that does not exist is counted
 * as one below the deepest name above it that does. Zones and regions have their places for good,
 * so that what was counted is never less than before; what comes after the last place is "other".
 */
final class Census {
  /** Places for zones, two of them for "none" and "other". */
  static final int MAX_ZONES = 256;

  /** Places for regions, two of them for "several" and "other". */
  static final int MAX_REGIONS = 66;

  /** Most names that are shown. */
  static final int MAX_NAMES = 100;

  /** How long one of the two periods is in which names are counted. */
  static final long PERIOD_NANOS = 300_000_000_000L;

  /** Room for 4096 names, about 200 kB. */
  private static final int NAMES_BITS = 8;

  /** And for 512 below which others are asked for that do not exist. */
  private static final int MISSING_BITS = 5;

  private static final int SPECIAL = 0; // "none" of zones, "several" of regions
  private static final int OTHER = 1;
  private static final Set<String> SPECIAL_LABELS = Set.of("none", "several", "other");
  private static final Client.By[] BY = Client.By.values();
  private static final VarHandle COUNT = MethodHandles.arrayElementVarHandle(long[].class);

  private final MeterRegistry registry;
  private final long began = System.nanoTime();
  private final List<Sheet> sheets = new CopyOnWriteArrayList<>();

  // Where each is counted; guarded by this.
  private final Map<String, Integer> zonePlaces = new LinkedHashMap<>();
  private final Map<String, Integer> regionPlaces = new LinkedHashMap<>();
  private Places latest = new Places(Roster.NONE, new int[0], new int[0]);

  /** Where the zones and regions of a roster are counted. */
  @SuppressWarnings("ArrayRecordComponent") // shared, never changed
  private record Places(Roster roster, int[] zones, int[] regions) {}

  /** Creates it; all that it counts is seen in the registry. */
  Census(MeterRegistry registry) {
    this.registry = registry;
    zonePlace("none");
    zonePlace("other");
    regionPlaces.put("several", SPECIAL);
    regionPlaces.put("other", OTHER);
  }

  /**
   * A sheet to count on.
   *
   * @param shared whether many threads count on it, rather than one
   */
  Sheet sheet(boolean shared) {
    Sheet sheet = new Sheet(shared);
    sheets.add(sheet);
    return sheet;
  }

  /** Gives the zones and regions their places, so that they are seen before anybody asks. */
  void expect(Roster roster) {
    places(roster);
  }

  @SuppressWarnings("ReferenceEquality") // a roster is itself alone
  private synchronized Places places(Roster roster) {
    if (latest.roster != roster) {
      latest =
          new Places(
              roster,
              roster.zones().stream().mapToInt(zone -> zonePlace(label(zone))).toArray(),
              roster.regions().stream().mapToInt(region -> regionPlace(label(region))).toArray());
    }
    return latest;
  }

  private static String label(String name) {
    return SPECIAL_LABELS.contains(name) ? name + "." : name;
  }

  private synchronized int zonePlace(String zone) {
    Integer known = zonePlaces.get(zone);
    if (known != null || zonePlaces.size() == MAX_ZONES) {
      return known == null ? OTHER : known;
    }
    int place = zonePlaces.size();
    zonePlaces.put(zone, place);
    for (boolean exists : place == SPECIAL ? new boolean[] {false} : new boolean[] {true, false}) {
      counter(
          "meridian.dns.zone.queries",
          "Queries by zone, and whether there is such a name; of no zone here: none",
          sheet -> sheet.zones,
          2 * place + (exists ? 0 : 1),
          "zone",
          zone,
          "exists",
          String.valueOf(exists));
    }
    return place;
  }

  private synchronized int regionPlace(String region) {
    Integer known = regionPlaces.get(region);
    if (known != null || regionPlaces.size() == MAX_REGIONS) {
      return known == null ? OTHER : known;
    }
    int place = regionPlaces.size();
    if (place == OTHER + 1) { // only a site with regions shows any
      showRegion("several", SPECIAL);
      showRegion("other", OTHER);
    }
    regionPlaces.put(region, place);
    showRegion(region, place);
    return place;
  }

  private void showRegion(String region, int place) {
    for (Client.By by : BY) {
      counter(
          "meridian.dns.answers",
          "Answers chosen by region, and by which address it was looked for where the client is",
          sheet -> sheet.regions,
          place * BY.length + by.ordinal(),
          "region",
          region,
          "client",
          by.name().toLowerCase(Locale.ROOT));
    }
  }

  private void counter(
      String name, String description, Function<Sheet, long[]> counts, int index, String... tags) {
    FunctionCounter.builder(name, this, _ -> sum(counts, index))
        .description(description)
        .tags(tags)
        .register(registry);
  }

  private long sum(Function<Sheet, long[]> counts, int index) {
    long sum = 0;
    for (Sheet sheet : sheets) {
      sum += (long) COUNT.getOpaque(counts.apply(sheet), index);
    }
    return sum;
  }

  private long period(long now) {
    return Math.max(0, now - began) / PERIOD_NANOS + 1;
  }

  /** What one UDP thread counts on, or all TCP connections. */
  final class Sheet {
    private final boolean shared;
    private final long[] zones = new long[2 * MAX_ZONES];
    private final long[] regions = new long[BY.length * MAX_REGIONS];
    private final HeavyHitters names = new HeavyHitters(NAMES_BITS);
    private final HeavyHitters missing = new HeavyHitters(MISSING_BITS);

    /** Of the roster that was last counted for; immutable, so one thread may take another's. */
    private Places known = new Places(Roster.NONE, new int[0], new int[0]);

    private Sheet(boolean shared) {
      this.shared = shared;
    }

    /**
     * A question was looked up.
     *
     * @param answer what was found, before it is signed; null for a name of no zone here
     * @param now a time of {@link System#nanoTime}
     */
    void asked(Roster roster, Question question, @Nullable Answer answer, long now) {
      int place = answer == null ? SPECIAL : placesOf(roster).zones[answer.zone()];
      count(zones, 2 * place + (question.exists ? 0 : 1));
      HeavyHitters of = question.exists ? names : missing;
      long period = period(now);
      if (shared) {
        synchronized (of) {
          of.add(question.owner, question.ownerHash, period);
        }
      } else {
        of.add(question.owner, question.ownerHash, period);
      }
    }

    /** An answer chosen by region was given. */
    void answered(Roster roster, Client client) {
      int bits = client.regions();
      int place =
          Integer.bitCount(bits) == 1
              ? placesOf(roster).regions[Integer.numberOfTrailingZeros(bits)]
              : SPECIAL;
      count(regions, place * BY.length + client.by().ordinal());
    }

    @SuppressWarnings("ReferenceEquality") // a roster is itself alone
    private Places placesOf(Roster roster) {
      Places places = known;
      if (places.roster != roster) {
        places = places(roster);
        known = places;
      }
      return places;
    }

    private void count(long[] counts, int index) {
      if (shared) {
        COUNT.getAndAdd(counts, index, 1L);
      } else {
        COUNT.setOpaque(counts, index, counts[index] + 1);
      }
    }
  }

  /** A row of what is shown. */
  private record Row(HeavyHitters.Entry entry, boolean exists) {}

  /**
   * How much was asked lately, and how the answers by region were shared out since the start; and
   * the names that were asked for most lately.
   *
   * @param most names at most, up to {@link #MAX_NAMES}; with 0 there are none
   */
  Json report(int most) {
    long now = System.nanoTime();
    long period = period(now);
    HeavyHitters.Sum found =
        HeavyHitters.sum(sheets.stream().map(sheet -> sheet.names).toList(), period);
    HeavyHitters.Sum missing =
        HeavyHitters.sum(sheets.stream().map(sheet -> sheet.missing).toList(), period);
    long total = found.total() + missing.total();
    Map<String, Json> report = new LinkedHashMap<>();
    long nanos = now - began - Math.max(0, period - 2) * PERIOD_NANOS;
    report.put("seconds", Json.Num.of(Math.max(1, nanos / 1_000_000_000)));
    report.put("queries", Json.Num.of(total));
    Map<String, Json> regions = regions();
    if (!regions.isEmpty()) {
      report.put("regions", new Json.Obj(regions));
    }
    if (most > 0) {
      boolean servesRoot = latest().roster.zones().contains(".");
      List<Json> rows =
          Stream.concat(
                  found.entries().stream().map(entry -> new Row(entry, true)),
                  missing.entries().stream().map(entry -> new Row(entry, false)))
              .sorted(
                  Comparator.comparingLong((Row row) -> -row.entry.atLeast())
                      .thenComparing(row -> row.entry.name().toString()))
              .limit(Math.min(most, MAX_NAMES))
              .map(row -> json(row, total, !row.exists && row.entry.name().isRoot() && !servesRoot))
              .toList();
      report.put("names", new Json.Arr(rows));
    }
    return new Json.Obj(report);
  }

  private synchronized Places latest() {
    return latest;
  }

  private static Json json(Row row, long total, boolean foreign) {
    Map<String, Json> members = new LinkedHashMap<>();
    members.put("name", new Json.Str(row.entry.name().toString()));
    members.put("exists", new Json.Bool(row.exists));
    if (foreign) {
      members.put("ofNoZone", new Json.Bool(true));
    }
    members.put("queries", Json.Num.of(row.entry.atLeast()));
    members.put("atMost", Json.Num.of(row.entry.atMost()));
    double share = (double) row.entry.atLeast() / Math.max(1, total);
    members.put("share", new Json.Num(String.format(Locale.ROOT, "%.4f", share)));
    return new Json.Obj(members);
  }

  private Map<String, Json> regions() {
    Map<String, Integer> places;
    synchronized (this) {
      places = new HashMap<>(regionPlaces);
    }
    Map<String, Json> regions = new LinkedHashMap<>();
    places.entrySet().stream()
        .sorted(Map.Entry.comparingByKey())
        .forEach(
            region -> {
              long answers = 0;
              for (int i = 0; i < BY.length; i++) {
                answers += sum(sheet -> sheet.regions, region.getValue() * BY.length + i);
              }
              if (answers > 0) {
                regions.put(region.getKey(), Json.Num.of(answers));
              }
            });
    return regions;
  }
}
