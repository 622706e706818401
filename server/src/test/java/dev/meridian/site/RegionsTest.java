package dev.meridian.site;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.site.RegionSet.Group;
import dev.meridian.site.RegionSet.One;
import dev.meridian.site.RegionSet.Policy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Regions and the names that answer with them, as written in site.yaml. */
class RegionsTest {
  private static final String HEAD =
      """
      domains: a.test
      regions:
        eu: {location: [50.11, 8.68], addresses: [192.0.2.1, "2001:db8::1"]}
        us: {location: [39, -77.5], addresses: 198.51.100.1}
        lab: {addresses: 203.0.113.1}
      """;

  @TempDir Path folder;

  private Site read(String rest) throws IOException {
    Files.writeString(folder.resolve("site.yaml"), HEAD + rest);
    return SiteLoader.load(folder);
  }

  @Test
  void setsAreResolvedAndOrderIsCompleted() throws IOException {
    Geo geo =
        read("""
                names:
                  sets:
                    split: {answer: weighted, regions: {eu: 3, us: 1}}
                  geo: {default: us}
                  records:
                    "@": {answer: failover, regions: [split, lab], MX: 10 mail.b.test.}
                    www: {answer: nearest, regions: [us, eu], ttl: 30 s}
                    all: {answer: all}
                """)
            .names()
            .geo();
    assertThat(geo.order()).containsExactly("us", "eu", "lab");
    assertThat(geo.answers())
        .extracting(Geo.Answer::name)
        .containsExactly("a.test", "www.a.test", "all.a.test");
    assertThat(geo.answers().getFirst().set())
        .isEqualTo(
            new Group(
                Policy.FAILOVER,
                List.of(
                    new Group(
                        Policy.WEIGHTED, List.of(new One("eu"), new One("us")), List.of(3, 1)),
                    new One("lab")),
                List.of()));
    assertThat(geo.database()).isEqualTo(folder.resolve("geo/country.mmdb"));
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          records: {www: {answer: nearest, regions: [eu, su]}} | did you mean 'eu'?
          records: {www: {answer: nearst}} | did you mean 'nearest'?
          records: {www: {answer: nearest}} | where region 'lab' is; give it location
          records: {www: {answer: all, regions: {eu: 1}}} | weights are for 'weighted' only
          records: {www: {answer: weighted, regions: [eu]}} | such as {eu: 3, us: 1}
          records: {www: {answer: weighted}} | it has the weights
          records: {www: {answer: all, A: 192.0.2.9}} | remove the A or the 'answer'
          records: {www: {regions: [eu]}} | stands beside 'answer'
          records: {www: {ttl: 5 s, A: 192.0.2.9}} | beside 'answer'
          sets: {a: {answer: all, regions: b}, b: {answer: all, regions: a}} | holds itself
          sets: {eu: {answer: all}} | is a region; give the set another name
          geo: {prefixes: {10.0.0.1/8: eu}} | no bits after its length
          geo: {prefixes: {10.0.0.0/8: ue}} | did you mean 'eu'?
          geo: {countries: {UK: eu}} | two capital letters
          geo: {default: []} | name one
          geo: {database: public/geo.mmdb} | published
          """)
  void mistakesAreSaidWithTheirMend(String names, String message) {
    assertThatThrownBy(() -> read("names: {" + names + "}\n"))
        .isInstanceOf(SiteException.class)
        .hasMessageContaining(message);
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {addresses: 192.0.2.300} | is no address
          {addresses: []} | 1 to 32 addresses
          {addresses: [192.0.2.1, 192.0.2.1]} | stands twice
          {location: [1, 2]} | has no addresses
          {location: [100, 8], addresses: 192.0.2.1} | latitude (the first of the two) is -90 to 90
          {location: [8, north], addresses: 192.0.2.1} | must be a number
          {addresses: 192.0.2.1, capacity: 5000} | such as 5000/s
          {addresses: 192.0.2.1, capacity: many} | such as 5000/s
          {addresses: 192.0.2.1, capacity: 0/s} | such as 5000/s
          {addresses: 192.0.2.1, capacity: 9/s} | add health: {probe: https}
          {addresses: 192.0.2.1, capacity: 9/s, health: {probe: tcp, port: 1}} | add health: {probe: https}
          {adresses: 192.0.2.1} | did you mean 'addresses'?
          """)
  void mistakesInRegionsAreSaidWithTheirMend(String region, String message) throws IOException {
    Files.writeString(
        folder.resolve("site.yaml"), "domains: a.test\nregions: {eu: " + region + "}\n");
    assertThatThrownBy(() -> SiteLoader.load(folder)).hasMessageContaining(message);
  }

  @Test
  void addressesAreInOneRegionOnly() {
    assertThatThrownBy(() -> read("  x: {addresses: 192.0.2.1}\n"))
        .hasMessageContaining("is an address of region 'eu' already");
  }
}
