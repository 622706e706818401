package dev.meridian.geo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Databases of several makers, and damaged ones. {@code -Dmeridian.fuzz.databases=1000000} damages
 * more of them, {@code -Dmeridian.fuzz.seed} in other ways.
 */
class AtlasTest {
  private static final int FILES = Integer.getInteger("meridian.fuzz.databases", 20_000);
  private static final long SEED = Long.getLong("meridian.fuzz.seed", 20_240_101L);

  @TempDir Path folder;

  private static Place find(Atlas atlas, String address) {
    Prefix prefix = Prefix.parse(address).orElseThrow();
    PrefixMap map = prefix.v4() ? atlas.v4() : atlas.v6();
    return atlas.places().get(PrefixMap.value(map.find(prefix.high(), prefix.low())));
  }

  private static MmdbWriter sample(int bits, boolean v6) {
    MmdbWriter writer =
        new MmdbWriter(bits, v6)
            .put(
                "81.2.69.0/24",
                Map.of(
                    "continent",
                    Map.of("code", "EU"),
                    "country",
                    Map.of("iso_code", "GB", "names", Map.of("en", "United Kingdom"))))
            .put("198.51.100.0/25", Map.of("country_code", "JP"))
            .put("203.0.113.0/24", Map.of("continent_code", "SA"))
            .put(
                "192.0.2.0/26",
                Map.of(
                    "city",
                    Map.of("names", Map.of("en", "Nuuk")),
                    "country",
                    Map.of("iso_code", "GL"),
                    "location",
                    Map.of("latitude", 64.18, "longitude", -51.72)))
            .put(
                "192.0.2.64/26",
                Map.of("country_code", "CA", "latitude", "45.5", "longitude", "-73.6"));
    return v6
        ? writer
            .put("2001:db8::/33", Map.of("country", "DE"))
            .put("2001:db8:ffff::/48", Map.of("country", "FR"))
        : writer;
  }

  @ParameterizedTest
  @CsvSource({"24, true", "28, true", "32, true", "24, false", "28, false", "32, false"})
  void databasesOfEachFormAreRead(int bits, boolean v6) {
    Atlas atlas = Atlas.read(sample(bits, v6).write());

    assertThat(find(atlas, "81.2.69.142").country()).isEqualTo("GB");
    assertThat(find(atlas, "81.2.69.142").continent()).isEqualTo("EU");
    assertThat(find(atlas, "81.2.69.142").position()).isPresent();
    assertThat(find(atlas, "81.2.70.0")).isEqualTo(Place.UNKNOWN);
    assertThat(find(atlas, "198.51.100.127").continent()).isEqualTo("AS");
    assertThat(find(atlas, "198.51.100.128")).isEqualTo(Place.UNKNOWN);
    assertThat(find(atlas, "203.0.113.1").country()).isEmpty();
    assertThat(find(atlas, "203.0.113.1").position()).isPresent();
    assertThat(find(atlas, "192.0.2.63").city()).isEqualTo("Nuuk");
    assertThat(find(atlas, "192.0.2.63").position()).contains(new Position(64.18, -51.72));
    assertThat(find(atlas, "192.0.2.64").position()).contains(new Position(45.5, -73.6));
    assertThat(atlas.type()).isEqualTo("Test-Country");
    assertThat(atlas.built().getEpochSecond()).isEqualTo(1_750_000_000L);
    assertThat(find(atlas, "2001:db8::1").country()).isEqualTo(v6 ? "DE" : "");
    assertThat(find(atlas, "2001:db8:ffff::1").country()).isEqualTo(v6 ? "FR" : "");
    // IPv4 within IPv6 is found as IPv4 only.
    assertThat(find(atlas, "::5102:458e")).isEqualTo(Place.UNKNOWN);
  }

  @Test
  void distancesAreThoseOnTheGlobe() {
    Position london = new Position(51.5074, -0.1278);
    assertThat(london.kilometresTo(new Position(40.7128, -74.006))).isCloseTo(5570, within(10.0));
    assertThat(london.kilometresTo(london)).isZero();
    assertThat(new Position(0, 179).kilometresTo(new Position(0, -179)))
        .isCloseTo(222, within(1.0));
    assertThat(new Position(90, 0).kilometresTo(new Position(-90, 0)))
        .isCloseTo(20_015, within(5.0));
  }

  @Test
  void whatIsNoDatabaseIsRefusedWithReason() throws Exception {
    Path file = folder.resolve("x.mmdb");
    assertThatThrownBy(() -> Atlas.read(file))
        .isInstanceOf(DatabaseException.class)
        .hasMessageContaining("cannot be read");
    Files.writeString(file, "no database");
    assertThatThrownBy(() -> Atlas.read(file)).hasMessageContaining("no MaxMind database");
    Files.write(file, new MmdbWriter(24, false).put("192.0.2.0/24", Map.of("asn", 5)).write());
    assertThatThrownBy(() -> Atlas.read(file)).hasMessageContaining("neither countries");
  }

  @Test
  void everyCutIsRefused() {
    byte[] whole = sample(28, true).write();
    for (int length = 0; length < whole.length; length++) {
      byte[] cut = Arrays.copyOf(whole, length);
      int at = length;
      assertThatThrownBy(() -> Atlas.read(cut))
          .as("cut after %d bytes", at)
          .isInstanceOf(DatabaseException.class);
    }
  }

  /** A tree of 100 nodes whose both sides lead to the next has 2^100 paths, and no data. */
  @Test
  @Timeout(20)
  void treeWithEndlessPathsIsRefused() {
    byte[] file = sample(24, true).write();
    int nodes = 110;
    for (int node = 0; node < nodes; node++) {
      for (int side = 0; side < 2; side++) {
        int at = node * 6 + side * 3;
        file[at] = 0;
        file[at + 1] = 0;
        file[at + 2] = (byte) Math.min(node + 1, nodes - 1);
      }
    }
    assertThatThrownBy(() -> Atlas.read(file))
        .isInstanceOf(DatabaseException.class)
        .hasMessageContaining("circle");
  }

  @Test
  @Timeout(300)
  void damagedDatabasesAreReadOrRefusedButNeverHang() {
    Random random = new Random(SEED);
    int refused = 0;
    for (int i = 0; i < FILES; i++) {
      byte[] file = sample(24 + 4 * random.nextInt(3), random.nextBoolean()).write();
      for (int changes = 1 + random.nextInt(6); changes > 0; changes--) {
        // Half of the damage where it does most: in the records and in what the file says of
        // itself.
        int at =
            random.nextBoolean()
                ? random.nextInt(file.length)
                : file.length - 1 - random.nextInt(Math.min(file.length, 600));
        switch (random.nextInt(4)) {
          case 0 -> file[at] = (byte) random.nextInt(256);
          case 1 -> file[at] ^= (byte) (1 << random.nextInt(8));
          case 2 -> file[at] = (byte) 0xff;
          default -> file = random.nextInt(8) == 0 ? Arrays.copyOf(file, 1 + at) : file;
        }
      }
      try {
        Atlas atlas = Atlas.read(file);
        assertThat(atlas.v4().size() + atlas.v6().size()).isLessThan(100_000);
        find(atlas, "81.2.69.142");
      } catch (DatabaseException e) {
        refused++;
        assertThat(e.getMessage()).isNotBlank();
      } catch (RuntimeException | Error e) {
        throw new AssertionError("seed " + SEED + ", file " + i, e);
      }
    }
    assertThat(refused).as("seed %d", SEED).isBetween(FILES / 10, FILES - FILES / 10);
  }
}
