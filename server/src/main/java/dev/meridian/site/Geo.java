package dev.meridian.site;

import dev.meridian.geo.Prefix;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Which names answer with regions, and which region is for whom.
 *
 * @param regions those of the site
 * @param order of all regions, for clients of whom nothing is known
 * @param database of countries or cities; it need not exist
 * @param databaseNamed whether {@code site.yaml} names it
 * @param prefixes regions for clients of these networks, before what the database says
 * @param countries regions for clients of these countries, by ISO 3166-1 code
 * @param continents regions for clients of these continents
 * @param answers the names
 */
public record Geo(
    List<Region> regions,
    List<String> order,
    Path database,
    boolean databaseNamed,
    Map<Prefix, List<String>> prefixes,
    Map<String, List<String>> countries,
    Map<String, List<String>> continents,
    List<Answer> answers) {
  /** Where the database is unless {@code site.yaml} names another, from the site's folder. */
  public static final Path DATABASE = Path.of("geo", "country.mmdb");

  /** No regions. */
  public static final Geo NONE =
      new Geo(List.of(), List.of(), DATABASE, false, Map.of(), Map.of(), Map.of(), List.of());

  /** Copies. */
  public Geo {
    regions = List.copyOf(regions);
    order = List.copyOf(order);
    prefixes = Map.copyOf(prefixes);
    countries = Map.copyOf(countries);
    continents = Map.copyOf(continents);
    answers = List.copyOf(answers);
  }

  /**
   * A name that answers with regions.
   *
   * @param name absolute, lower case, without the last dot
   * @param ttl its own, or empty for {@link Names#ttl}
   * @param line where it stands in {@code site.yaml}, for error messages
   */
  public record Answer(String name, RegionSet set, Optional<Duration> ttl, int line) {}
}
