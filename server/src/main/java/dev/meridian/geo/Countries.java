package dev.meridian.geo;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/** The countries, where their people live, and their continents. */
public final class Countries {
  /** The codes of continents. */
  public static final Set<String> CONTINENTS = Set.of("AF", "AN", "AS", "EU", "NA", "OC", "SA");

  private static final Map<String, Place> COUNTRIES = new HashMap<>();
  private static final Map<String, Position> MIDDLES = new HashMap<>();

  static {
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(
                Objects.requireNonNull(Countries.class.getResourceAsStream("countries.csv")),
                StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (!line.startsWith("#")) {
          String[] fields = line.split(",", 4);
          Position middle =
              new Position(Double.parseDouble(fields[2]), Double.parseDouble(fields[3]));
          if (fields[0].isEmpty()) {
            MIDDLES.put(fields[1], middle);
          } else {
            COUNTRIES.put(fields[0], new Place(fields[0], fields[1], "", Optional.of(middle)));
          }
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Countries() {}

  /** The codes of all countries (ISO 3166-1, two letters). */
  public static Set<String> codes() {
    return Set.copyOf(COUNTRIES.keySet());
  }

  /** A country by its code in upper case. */
  public static Optional<Place> find(String code) {
    return Optional.ofNullable(COUNTRIES.get(code));
  }

  /** Where the people of a continent live, in the middle. */
  public static Optional<Position> middle(String continent) {
    return Optional.ofNullable(MIDDLES.get(continent));
  }
}
