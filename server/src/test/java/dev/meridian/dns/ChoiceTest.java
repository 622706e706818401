package dev.meridian.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.meridian.geo.Prefix;
import dev.meridian.site.RegionSet;
import dev.meridian.site.RegionSet.Group;
import dev.meridian.site.RegionSet.One;
import dev.meridian.site.RegionSet.Policy;
import dev.meridian.site.SiteLoader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Choices among crowded regions, against a count of all cases. */
class ChoiceTest {
  private static final List<String> REGIONS = List.of("a", "b", "c", "d", "e");
  private static final Prefix CLIENT = Prefix.parse("192.0.2.1/32").orElseThrow();

  @TempDir Path folder;

  /**
   * Each region has room for its share of clients, by a draw of its own: so the answers of a
   * crowded choice are those of choices in which each region has room or is full, weighed by how
   * likely each of these is.
   */
  @Test
  void crowdedChoiceIsTheMeanOfAllDraws() throws IOException {
    Files.writeString(
        folder.resolve("site.yaml"),
        """
        domains: a.test
        regions:
          a: {addresses: 192.0.2.1}
          b: {addresses: 192.0.2.2}
          c: {addresses: 192.0.2.3}
          d: {addresses: 192.0.2.4}
          e: {addresses: 192.0.2.5}
        names: {geo: {default: [c, a, e, b, d]}}
        """);
    Geography geography =
        Zones.of(SiteLoader.load(folder), java.util.Optional.of(Sites.WEB)).tailored().geography();
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int round = 0; round < 300; round++) {
      List<String> regions = new ArrayList<>(REGIONS);
      Collections.shuffle(regions, random);
      RegionSet set = group(regions, random);
      Map<String, Double> shares = new HashMap<>();
      for (String region : REGIONS) {
        if (random.nextBoolean()) {
          shares.put(region, random.nextInt(16) / 16.0);
        }
      }
      Set<String> drained = random.nextInt(3) == 0 ? Set.of("b") : Set.of();
      Map<Integer, Double> expected = new TreeMap<>();
      for (int draw = 0; draw < 1 << REGIONS.size(); draw++) {
        double chance = 1;
        Map<String, Double> full = new HashMap<>();
        for (int i = 0; i < REGIONS.size(); i++) {
          double share = shares.getOrDefault(REGIONS.get(i), 1.0);
          boolean room = (draw >>> i & 1) == 1;
          chance *= room ? share : 1 - share;
          if (!room) {
            full.put(REGIONS.get(i), 0.0);
          }
        }
        if (chance > 0) {
          double of = chance;
          answers(set, geography, full, drained)
              .forEach((regionBits, p) -> expected.merge(regionBits, p * of, Double::sum));
        }
      }
      Map<Integer, Double> found = answers(set, geography, shares, drained);
      String what = "seed " + seed + ", round " + round + ": " + set + " " + shares;
      assertThat(found.keySet()).as(what).isEqualTo(expected.keySet());
      expected.forEach(
          (bits, p) -> assertThat(found.get(bits)).as(what).isCloseTo(p, within(1e-6)));
    }
  }

  @Test
  void manyCrowdedRegionsAreManyCasesButNotTooMany() throws IOException {
    StringBuilder yaml = new StringBuilder("domains: a.test\nregions:\n");
    Map<String, Double> shares = new HashMap<>();
    List<RegionSet> regions = new ArrayList<>();
    for (int i = 1; i <= 32; i++) {
      yaml.append("  r%d: {addresses: 192.0.2.%d}\n".formatted(i, i));
      shares.put("r" + i, i % 2 == 0 ? 0.25 : 0.75);
      regions.add(new One("r" + i));
    }
    Files.writeString(folder.resolve("site.yaml"), yaml);
    Geography geography =
        Zones.of(SiteLoader.load(folder), java.util.Optional.of(Sites.WEB)).tailored().geography();
    Readiness readiness = new Readiness(Set.of(), shares, Set.of(), Set.of());
    RegionSet all = new Group(Policy.FAILOVER, regions, regions.stream().map(_ -> 1).toList());
    Map<Integer, Double> found =
        new Choice(all, -1, 0, geography, readiness).explain(CLIENT).shares();
    assertThat(found.values().stream().mapToDouble(p -> p).sum()).isCloseTo(1, within(1e-6));
    // The first is among those that are drawn.
    assertThat(found.get(1)).isCloseTo(0.75, within(1e-6));
    assertThat(found.size()).isBetween(2, 8);
  }

  private static Map<Integer, Double> answers(
      RegionSet set, Geography geography, Map<String, Double> crowded, Set<String> drained) {
    Readiness readiness = new Readiness(Set.of(), crowded, drained, Set.of());
    return new Choice(set, 31, 0, geography, readiness).explain(CLIENT).shares();
  }

  /** Each region stands in it once. */
  private static RegionSet group(List<String> regions, Random random) {
    List<RegionSet> members = new ArrayList<>();
    for (int at = 0; at < regions.size(); ) {
      int size = 1 + random.nextInt(Math.min(3, regions.size() - at));
      List<String> part = regions.subList(at, at + size);
      members.add(
          size == 1 || size == regions.size() ? new One(part.getFirst()) : group(part, random));
      at += size == regions.size() ? 1 : size;
    }
    Policy policy = Policy.values()[random.nextInt(Policy.values().length)];
    return new Group(policy, members, members.stream().map(_ -> 1 + random.nextInt(9)).toList());
  }
}
