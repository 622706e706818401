package dev.meridian.dns;

import dev.meridian.geo.Atlas;
import dev.meridian.geo.Place;
import dev.meridian.geo.Position;
import dev.meridian.geo.Prefix;
import dev.meridian.geo.PrefixMap;
import dev.meridian.site.Geo;
import dev.meridian.site.Region;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * In which order the regions are near to each address: the database and what {@code site.yaml} says
 * before it, in one table. Immutable.
 *
 * <p>What counts, in this order: the client's network, its country, its continent, its distance;
 * and where nothing is known, the declared order. Regions that a network, country or continent does
 * not name come after those that it names, by distance.
 */
final class Geography {
  /** The number of addresses of which nothing is known. */
  static final int UNKNOWN = 0;

  /**
   * The number of addresses that are nobody's on the public network. A resolver that tells such a
   * one is answered by where it is itself (RFC 7871, section 10).
   */
  static final int PRIVATE = 1;

  /** RFC 1918, RFC 4193, RFC 6598, and loopback and link-local addresses. */
  static final List<Prefix> PRIVATE_PREFIXES =
      List.of(
              "10.0.0.0/8",
              "100.64.0.0/10",
              "127.0.0.0/8",
              "169.254.0.0/16",
              "172.16.0.0/12",
              "192.168.0.0/16",
              "::1/128",
              "fc00::/7",
              "fe80::/10")
          .stream()
          .map(text -> Prefix.parse(text).orElseThrow())
          .toList();

  private static final int NO_OVERRIDE = 0;
  private static final int PRIVATE_OVERRIDE = 1;
  private static final int FIRST_OVERRIDE = 2;

  private final Geo geo;
  private final Atlas atlas;
  private final Map<String, Integer> numbers = new HashMap<>();
  private final List<int[]> orders = new ArrayList<>();
  private final PrefixMap v4;
  private final PrefixMap v6;

  Geography(Geo geo, Atlas atlas) {
    this.geo = geo;
    this.atlas = atlas;
    geo.regions().forEach(region -> numbers.put(region.name(), numbers.size()));
    int[] declared = geo.order().stream().mapToInt(this::number).toArray();
    orders.add(declared);
    orders.add(declared);

    List<List<String>> overrides = new ArrayList<>();
    Map<Prefix, Integer> v4Overrides = new LinkedHashMap<>();
    Map<Prefix, Integer> v6Overrides = new LinkedHashMap<>();
    PRIVATE_PREFIXES.forEach(
        prefix -> (prefix.v4() ? v4Overrides : v6Overrides).put(prefix, PRIVATE_OVERRIDE));
    geo.prefixes()
        .forEach(
            (prefix, regions) -> {
              (prefix.v4() ? v4Overrides : v6Overrides)
                  .put(prefix, FIRST_OVERRIDE + overrides.size());
              overrides.add(regions);
            });
    Map<Long, Integer> known = new HashMap<>();
    Map<List<Integer>, Integer> classes = new HashMap<>();
    v4 =
        PrefixMap.combine(
            atlas.v4(),
            PrefixMap.of(v4Overrides, NO_OVERRIDE),
            (place, override) -> orderOf(place, override, overrides, known, classes));
    v6 =
        PrefixMap.combine(
            atlas.v6(),
            PrefixMap.of(v6Overrides, NO_OVERRIDE),
            (place, override) -> orderOf(place, override, overrides, known, classes));
  }

  private int orderOf(
      int place,
      int override,
      List<List<String>> overrides,
      Map<Long, Integer> known,
      Map<List<Integer>, Integer> classes) {
    if (override == PRIVATE_OVERRIDE) {
      return PRIVATE;
    }
    long key = (long) place << 32 | override;
    Integer number = known.get(key);
    if (number == null) {
      List<String> first =
          override == NO_OVERRIDE ? List.of() : overrides.get(override - FIRST_OVERRIDE);
      int[] order = order(atlas.places().get(place), first);
      List<Integer> boxed = Arrays.stream(order).boxed().toList();
      number =
          Arrays.equals(order, orders.getFirst())
              ? Integer.valueOf(UNKNOWN)
              : classes.computeIfAbsent(
                  boxed,
                  _ -> {
                    orders.add(order);
                    return orders.size() - 1;
                  });
      known.put(key, number);
    }
    return number;
  }

  private int[] order(Place place, List<String> preferred) {
    List<String> first = preferred.isEmpty() ? preferred(place) : preferred;
    List<String> rest = new ArrayList<>(geo.order());
    place.position().ifPresent(position -> rest.sort(byDistance(position)));
    List<String> order = new ArrayList<>(first);
    rest.stream().filter(region -> !first.contains(region)).forEach(order::add);
    return order.stream().mapToInt(this::number).toArray();
  }

  /** What {@code site.yaml} says of a place's country or continent. */
  List<String> preferred(Place place) {
    List<String> ofCountry = geo.countries().get(place.country());
    return ofCountry != null
        ? ofCountry
        : geo.continents().getOrDefault(place.continent(), List.of());
  }

  /** Regions of which it is not known where they are come last; equal ones stay as declared. */
  private Comparator<String> byDistance(Position position) {
    return Comparator.comparingDouble(
        name ->
            region(number(name)).location().map(position::kilometresTo).orElse(Double.MAX_VALUE));
  }

  Geo geo() {
    return geo;
  }

  Atlas atlas() {
    return atlas;
  }

  int number(String region) {
    Integer number = numbers.get(region);
    if (number == null) {
      throw new IllegalStateException("a region that was not declared: " + region);
    }
    return number;
  }

  Region region(int number) {
    return geo.regions().get(number);
  }

  /** The regions' numbers in their order, for each number an address can have. */
  List<int[]> orders() {
    return orders;
  }

  PrefixMap v4() {
    return v4;
  }

  PrefixMap v6() {
    return v6;
  }
}
