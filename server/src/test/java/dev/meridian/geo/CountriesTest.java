package dev.meridian.geo;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The table of countries, computed again from the gazetteer it was made of. */
class CountriesTest {
  private static final Path CITIES = Path.of("../examples/cities/data/cities.ndjson.gz");

  /** Those without cities: where their land is was written by hand. */
  private static final Set<String> BY_HAND = Set.of("AQ", "BV", "HM", "IO", "UM");

  @Test
  void countriesAreWhereTheirPeopleAre() throws Exception {
    Map<String, double[]> sums = new HashMap<>();
    JsonMapper json = JsonMapper.shared();
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(
                new GZIPInputStream(Files.newInputStream(CITIES)), StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        JsonNode city = json.readTree(line);
        String country = city.path("country").asString();
        double weight = Math.max(1, city.path("population").asDouble(0));
        double latitude = Math.toRadians(city.path("lat").asDouble());
        double longitude = Math.toRadians(city.path("lon").asDouble());
        String continent = Countries.find(country).orElseThrow().continent();
        for (String of : List.of(country, "in " + continent)) {
          double[] sum = sums.computeIfAbsent(of, _ -> new double[3]);
          sum[0] += weight * Math.cos(latitude) * Math.cos(longitude);
          sum[1] += weight * Math.cos(latitude) * Math.sin(longitude);
          sum[2] += weight * Math.sin(latitude);
        }
      }
    }
    for (String code : Countries.codes()) {
      if (!BY_HAND.contains(code)) {
        near(
            code,
            Countries.find(code).orElseThrow().position().orElseThrow(),
            sums.getOrDefault(code, new double[3]));
      }
    }
    for (String continent : Countries.CONTINENTS) {
      if (!continent.equals("AN")) {
        near(
            continent,
            Countries.middle(continent).orElseThrow(),
            sums.getOrDefault("in " + continent, new double[3]));
      }
    }
  }

  private static void near(String what, Position position, double[] sum) {
    Position computed =
        new Position(
            Math.toDegrees(Math.atan2(sum[2], Math.hypot(sum[0], sum[1]))),
            Math.toDegrees(Math.atan2(sum[1], sum[0])));
    assertThat(position.kilometresTo(computed)).as(what).isLessThan(2);
  }
}
