package dev.meridian.dns;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.xbill.DNS.TextParseException;

/** Counts of frequent names: what they promise, against exact ones. */
class HeavyHittersTest {
  private static final int SETS = 4;
  private static final int PLACES = 16 << SETS;

  private record Asked(byte[] name, int hash) {
    static Asked of(String name) {
      try {
        WireName wire = WireName.parse(name);
        return new Asked(wire.lowerCased(), wire.hashCode());
      } catch (TextParseException e) {
        throw new IllegalArgumentException(e);
      }
    }
  }

  private static void add(HeavyHitters to, String name, long period) {
    Asked asked = Asked.of(name);
    to.add(asked.name(), asked.hash(), period);
  }

  private static Map<String, HeavyHitters.Entry> byName(HeavyHitters.Sum sum) {
    Map<String, HeavyHitters.Entry> entries = new HashMap<>();
    sum.entries().forEach(entry -> entries.put(entry.name().toString(), entry));
    return entries;
  }

  private static long atLeast(HeavyHitters.Sum sum, String name) {
    HeavyHitters.Entry entry = byName(sum).get(name);
    return entry == null ? 0 : entry.atLeast();
  }

  @Test
  void fewNamesAreCountedExactlyWhateverArrayTheyCameIn() {
    HeavyHitters one = new HeavyHitters(SETS);
    HeavyHitters two = new HeavyHitters(SETS);
    for (int i = 0; i < 3000; i++) {
      add(one, "n" + i % 30 + ".test", 1);
      add(two, "N" + i % 15 + ".Test", 1);
    }
    HeavyHitters.Sum sum = HeavyHitters.sum(List.of(one, two), 1);
    assertThat(sum.total()).isEqualTo(6000);
    assertThat(sum.entries()).hasSize(30);
    byName(sum)
        .forEach(
            (name, entry) -> {
              int number = Integer.parseInt(name.substring(1, name.indexOf('.')));
              assertThat(entry.atLeast()).isEqualTo(number < 15 ? 300 : 100);
              assertThat(entry.atMost()).isEqualTo(entry.atLeast());
            });
  }

  @Test
  void boundsHoldWhateverIsAskedAndFrequentNamesStay() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    List<HeavyHitters> parts = List.of(new HeavyHitters(SETS), new HeavyHitters(SETS));
    List<Asked> names = new ArrayList<>();
    for (int i = 0; i < 20_000; i++) {
      names.add(Asked.of("n" + i + ".test"));
    }
    Map<String, Long> exact = new HashMap<>();
    int queries = 400_000;
    for (int i = 0; i < queries; i++) {
      // Zipf's law, nearly: a few names get most, and there is no end of rare ones.
      int number =
          (int) Math.min(names.size() - 1, Math.pow(names.size(), random.nextDouble()) - 1);
      Asked asked = names.get(number);
      parts.get(random.nextInt(2)).add(asked.name(), asked.hash(), 1);
      exact.merge("n" + number + ".test", 1L, Long::sum);
    }
    HeavyHitters.Sum sum = HeavyHitters.sum(parts, 1);
    assertThat(sum.total()).as("seed %s", seed).isEqualTo(queries);
    assertThat(sum.entries()).hasSizeLessThanOrEqualTo(2 * PLACES);
    Map<String, HeavyHitters.Entry> entries = byName(sum);
    entries.forEach(
        (name, entry) ->
            assertThat(exact.getOrDefault(name, 0L))
                .as("%s, seed %s", name, seed)
                .isBetween(entry.atLeast(), entry.atMost()));
    for (int i = 0; i < 10; i++) {
      String name = "n" + i + ".test";
      assertThat(atLeast(sum, name))
          .as("%s, seed %s", name, seed)
          .isGreaterThan(exact.getOrDefault(name, 0L) * 9 / 10);
    }
  }

  @Test
  void thePeriodBeforeCountsTooAndNoneBeforeThat() {
    HeavyHitters hitters = new HeavyHitters(SETS);
    add(hitters, "old.test", 1);
    add(hitters, "a.test", 2);
    add(hitters, "a.test", 3);
    add(hitters, "a.test", 2); // late, so of the third
    for (int i = 0; i < 200; i++) {
      add(hitters, "n" + i + ".test", 3);
    }
    assertThat(atLeast(HeavyHitters.sum(List.of(hitters), 3), "a.test")).isEqualTo(3);
    assertThat(byName(HeavyHitters.sum(List.of(hitters), 3))).doesNotContainKey("old.test");
    assertThat(atLeast(HeavyHitters.sum(List.of(hitters), 4), "a.test")).isEqualTo(2);
    assertThat(HeavyHitters.sum(List.of(hitters), 5).total()).isZero();
    // After a long silence nothing of before comes back.
    for (int i = 0; i < 200; i++) {
      add(hitters, "m" + i + ".test", 9);
    }
    assertThat(HeavyHitters.sum(List.of(hitters), 9).total()).isEqualTo(200);
    assertThat(HeavyHitters.sum(List.of(hitters), 10).total()).isEqualTo(200);
  }

  @Test
  void whoReadsMeanwhileSeesNoCountUnderAnotherName() throws InterruptedException {
    HeavyHitters hitters = new HeavyHitters(1);
    // What is told of a name is its own, or it would be seen with thousands it never had.
    List<Asked> rare = new ArrayList<>();
    for (int i = 0; i < 5000; i++) {
      rare.add(Asked.of("rare" + i + ".test"));
    }
    Asked frequent = Asked.of("frequent.test");
    AtomicBoolean done = new AtomicBoolean();
    Thread counting =
        Thread.ofPlatform()
            .start(
                () -> {
                  for (int i = 0; !done.get(); i++) {
                    Asked asked = rare.get(i % rare.size());
                    hitters.add(asked.name(), asked.hash(), 1);
                    hitters.add(frequent.name(), frequent.hash(), 1);
                  }
                });
    try {
      long last = 0;
      for (int reads = 0; reads < 2000; reads++) {
        HeavyHitters.Sum sum = HeavyHitters.sum(List.of(hitters), 1);
        assertThat(sum.total()).isGreaterThanOrEqualTo(last);
        last = sum.total();
        Map<String, HeavyHitters.Entry> entries = byName(sum);
        assertThat(entries).hasSize(sum.entries().size());
        entries.forEach(
            (name, entry) -> {
              assertThat(entry.atLeast()).isBetween(0L, entry.atMost());
              if (name.startsWith("rare")) {
                // Each comes once in 5000, so it is put out long before it comes again.
                assertThat(entry.atLeast()).as(name).isLessThan(100);
              }
            });
      }
    } finally {
      done.set(true);
      counting.join();
    }
  }
}
