package dev.meridian.geo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

/** Against an oracle that looks at every prefix, one by one. */
class PrefixMapTest {
  private static final BigInteger ALL = BigInteger.ONE.shiftLeft(128);

  /** Few different bits, at the ends and where the longs meet, so that prefixes meet often. */
  @Provide
  Arbitrary<Map<Prefix, Integer>> prefixes() {
    Arbitrary<Integer> lengths =
        Arbitraries.oneOf(
            Arbitraries.integers().between(0, 6),
            Arbitraries.integers().between(60, 68),
            Arbitraries.integers().between(122, 128));
    Arbitrary<Long> longs =
        Arbitraries.of(0L, 1L, 2L, 3L, -1L, -2L, 1L << 63, 3L << 62, 1L << 62, 5L << 60, 1L << 59);
    return Combinators.combine(longs, longs, lengths)
        .as(
            (high, low, length) ->
                new Prefix(
                    false, high & Prefix.highMask(length), low & Prefix.lowMask(length), length))
        .list()
        .ofMaxSize(24)
        .flatMap(
            list ->
                Arbitraries.integers()
                    .between(1, 3)
                    .list()
                    .ofSize(list.size())
                    .map(
                        values -> {
                          Map<Prefix, Integer> map = new LinkedHashMap<>();
                          for (int i = 0; i < list.size(); i++) {
                            map.put(list.get(i), values.get(i));
                          }
                          return map;
                        }));
  }

  private static BigInteger number(long high, long low) {
    return unsigned(high).shiftLeft(64).add(unsigned(low));
  }

  private static BigInteger unsigned(long l) {
    return new BigInteger(Long.toUnsignedString(l));
  }

  private static BigInteger size(int length) {
    return BigInteger.ONE.shiftLeft(128 - length);
  }

  private static int longestMatch(Map<Prefix, Integer> prefixes, BigInteger address) {
    int best = -1;
    int value = 0;
    for (Map.Entry<Prefix, Integer> entry : prefixes.entrySet()) {
      Prefix prefix = entry.getKey();
      BigInteger first = number(prefix.high(), prefix.low());
      boolean in =
          address.compareTo(first) >= 0 && address.compareTo(first.add(size(prefix.length()))) < 0;
      if (in && prefix.length() > best) {
        best = prefix.length();
        value = entry.getValue();
      }
    }
    return value;
  }

  /** Where the answer may change: at the beginnings of prefixes and right after their ends. */
  private static List<BigInteger> edges(Map<Prefix, Integer> prefixes) {
    List<BigInteger> edges = new ArrayList<>(List.of(BigInteger.ZERO));
    for (Prefix prefix : prefixes.keySet()) {
      BigInteger first = number(prefix.high(), prefix.low());
      edges.add(first);
      edges.add(first.add(size(prefix.length())).mod(ALL));
    }
    return edges.stream().distinct().sorted().toList();
  }

  /** Whether all addresses of a block have the value: between edges nothing changes. */
  private static boolean isUniform(
      Map<Prefix, Integer> prefixes, List<BigInteger> edges, BigInteger first, int length) {
    BigInteger end = first.add(size(length));
    int value = longestMatch(prefixes, first);
    return edges.stream()
        .filter(edge -> edge.compareTo(first) > 0 && edge.compareTo(end) < 0)
        .allMatch(edge -> longestMatch(prefixes, edge) == value);
  }

  private static int find(PrefixMap map, BigInteger address) {
    return map.find(address.shiftRight(64).longValue(), address.longValue());
  }

  private static void check(PrefixMap map, Map<Prefix, Integer> prefixes) {
    List<BigInteger> edges = edges(prefixes);
    for (BigInteger edge : edges) {
      for (BigInteger address :
          List.of(
              edge,
              edge.add(BigInteger.ONE).mod(ALL),
              edge.add(ALL).subtract(BigInteger.ONE).mod(ALL))) {
        int found = find(map, address);
        assertThat(PrefixMap.value(found)).isEqualTo(longestMatch(prefixes, address));
        int scope = PrefixMap.scope(found);
        BigInteger first = address.divide(size(scope)).multiply(size(scope));
        assertThat(isUniform(prefixes, edges, first, scope)).as("all in the scope").isTrue();
        if (scope > 0) {
          BigInteger wider = address.divide(size(scope - 1)).multiply(size(scope - 1));
          assertThat(isUniform(prefixes, edges, wider, scope - 1)).as("a shorter one").isFalse();
        }
      }
    }
  }

  @Property(tries = 400)
  void longestPrefixCountsAndScopeIsTheShortestWithThatAnswer(
      @ForAll("prefixes") Map<Prefix, Integer> prefixes) {
    check(PrefixMap.of(prefixes, 0), prefixes);
  }

  @Property(tries = 200)
  void joiningTwoMapsJoinsWhatEachAddressHas(
      @ForAll("prefixes") Map<Prefix, Integer> first,
      @ForAll("prefixes") Map<Prefix, Integer> second) {
    PrefixMap a = PrefixMap.of(first, 0);
    PrefixMap b = PrefixMap.of(second, 0);
    PrefixMap joined = PrefixMap.combine(a, b, (x, y) -> Math.min(x, y));
    List<BigInteger> edges = new ArrayList<>(edges(first));
    edges.addAll(edges(second));
    for (BigInteger edge : edges) {
      int both = Math.min(PrefixMap.value(find(a, edge)), PrefixMap.value(find(b, edge)));
      assertThat(PrefixMap.value(find(joined, edge))).isEqualTo(both);
    }
    // What is one in the result is as short as it can be: joining again changes nothing.
    assertThat(joined.map(v -> v).size()).isEqualTo(joined.size());
    assertThat(joined.map(_ -> 7).size()).isOne();
  }

  @Property(tries = 200)
  void otherNumbersMergeWhatIsTheSameThen(@ForAll("prefixes") Map<Prefix, Integer> prefixes) {
    Map<Prefix, Integer> halved = new LinkedHashMap<>();
    prefixes.forEach((prefix, value) -> halved.put(prefix, value / 2));
    check(PrefixMap.of(prefixes, 0).map(value -> value / 2), halved);
  }

  @Test
  void neighboursAreOneNetwork() {
    PrefixMap map =
        PrefixMap.of(
            Map.of(
                Prefix.parse("192.0.2.0/25").orElseThrow(), 1,
                Prefix.parse("192.0.2.128/25").orElseThrow(), 1),
            0);
    Prefix client = Prefix.parse("192.0.2.200").orElseThrow();
    int found = map.find(client.high(), client.low());
    assertThat(PrefixMap.value(found)).isOne();
    assertThat(PrefixMap.scope(found)).isEqualTo(24);
    assertThat(PrefixMap.scope(PrefixMap.uniform(5).find(client.high(), 0))).isZero();
  }

  @Test
  void prefixesAreReadAsPeopleWriteThem() {
    assertThat(Prefix.parse("10.0.0.0/8")).hasToString("Optional[10.0.0.0/8]");
    assertThat(Prefix.parse("2001:db8::/32").orElseThrow().v4()).isFalse();
    assertThat(Prefix.parse("192.0.2.7").orElseThrow().length()).isEqualTo(32);
    for (String wrong :
        List.of(
            "10.0.0.1/8",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10/8",
            "::/129",
            "::1/64",
            "x",
            "/8",
            "::ffff:1.2.3.4",
            "1.2.3.256",
            "")) {
      assertThat(Prefix.parse(wrong)).as(wrong).isEmpty();
    }
  }

  @Test
  void numbersOutOfOrderAreRefused() {
    PrefixMap.Builder builder = new PrefixMap.Builder().through(5, 0, 1);
    assertThatThrownBy(() -> builder.through(4, 0, 1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(builder::build).isInstanceOf(IllegalStateException.class);
  }
}
