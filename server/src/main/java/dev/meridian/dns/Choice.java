package dev.meridian.dns;

import dev.meridian.geo.Prefix;
import dev.meridian.geo.PrefixMap;
import dev.meridian.site.RegionSet;
import dev.meridian.site.RegionSet.Group;
import dev.meridian.site.RegionSet.One;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * One set of regions, worked out for every client: from an address to the regions it is answered
 * with, by one look-up. Immutable.
 *
 * <p>Clients that are answered alike, if by chance, have one <em>outcome</em>; the table divides
 * the addresses as coarsely as outcomes allow, so its scopes are the shortest there can be. What is
 * answered in an outcome is one of a few <em>selections</em> of regions, each a bit set.
 */
final class Choice {
  /** Most selections of a choice: each is an answer of its own in each name that has it. */
  static final int MAX_SELECTIONS = 1024;

  /** In the tables: go by where the query came from. */
  private static final int BY_SOURCE = 0;

  private final PrefixMap v4;
  private final PrefixMap v6;
  private final int[] selections;
  private final int[][] outcomes;
  private final long[][] limits;
  private final int unknown;

  /** More selections than a choice may have. */
  static final class TooManySelections extends RuntimeException {
    private static final long serialVersionUID = 1;
  }

  /**
   * Works a choice out.
   *
   * @param available the regions that have addresses of the type asked for
   * @param silent those of them whose addresses cannot serve
   * @throws TooManySelections if it has too many
   */
  Choice(RegionSet set, int available, int silent, Geography geography, Readiness readiness) {
    Evaluator evaluator = new Evaluator(set, available, silent, geography, readiness);
    Map<Map<Integer, Double>, Integer> numbers = new LinkedHashMap<>();
    int[] byOrder = new int[geography.orders().size()];
    for (int i = 0; i < byOrder.length; i++) {
      Map<Integer, Double> outcome = evaluator.outcome(geography.orders().get(i));
      Integer number = numbers.putIfAbsent(outcome, numbers.size());
      byOrder[i] = 1 + (number == null ? numbers.size() - 1 : number);
    }
    unknown = byOrder[Geography.UNKNOWN];
    if (numbers.size() > 1) {
      byOrder[Geography.PRIVATE] = BY_SOURCE;
    }
    v4 = geography.v4().map(order -> byOrder[order]);
    v6 = geography.v6().map(order -> byOrder[order]);

    Map<Integer, Integer> places = new LinkedHashMap<>();
    outcomes = new int[numbers.size() + 1][];
    limits = new long[numbers.size() + 1][];
    int at = 1;
    for (Map<Integer, Double> outcome : numbers.keySet()) {
      outcomes[at] = new int[outcome.size()];
      limits[at] = new long[outcome.size()];
      double sum = 0;
      int i = 0;
      for (Map.Entry<Integer, Double> part : outcome.entrySet()) {
        int place = places.computeIfAbsent(part.getKey(), _ -> places.size());
        sum += part.getValue();
        outcomes[at][i] = place;
        limits[at][i++] = Math.round(sum * (1L << 32));
      }
      at++;
    }
    selections = places.keySet().stream().mapToInt(Integer::intValue).toArray();
    if (selections.length > MAX_SELECTIONS) {
      throw new TooManySelections();
    }
  }

  /** The selections: bit {@code n} of one is set where it has the region of number {@code n}. */
  int[] selections() {
    return selections;
  }

  /** Which of {@link #selections} this client gets now; tells it the scope of that, and more. */
  int select(Client client) {
    int outcome = outcome(client);
    int[] parts = outcomes[outcome];
    int i = 0;
    if (parts.length > 1) {
      long[] upTo = limits[outcome];
      long chance = client.chance();
      while (i < parts.length - 1 && chance >= upTo[i]) {
        i++;
      }
    }
    client.regions(selections[parts[i]]);
    return parts[i];
  }

  private int outcome(Client client) {
    ClientSubnet subnet = client.subnet();
    if (subnet.hasAddress()) {
      int found = (subnet.isV4() ? v4 : v6).find(subnet.high(), subnet.low());
      client.scope(PrefixMap.scope(found));
      if (PrefixMap.value(found) != BY_SOURCE) {
        client.by(Client.By.SUBNET);
        return PrefixMap.value(found);
      }
    }
    client.by(Client.By.UNKNOWN);
    if (!client.locate()) {
      return unknown;
    }
    int found = PrefixMap.value((client.isV4() ? v4 : v6).find(client.high(), client.low()));
    if (found == BY_SOURCE) {
      return unknown;
    }
    client.by(Client.By.SOURCE);
    return found;
  }

  /**
   * What clients with an address are answered with, for people.
   *
   * @param scope how many bits of the address that depends on
   * @param bySource whether a resolver that tells this address is answered by its own
   * @param shares what each of {@link #selections} comes up with, 1 for always
   */
  record Explained(int scope, boolean bySource, Map<Integer, Double> shares) {}

  /** Explains the answer for an address. */
  Explained explain(Prefix address) {
    int found = (address.v4() ? v4 : v6).find(address.high(), address.low());
    boolean bySource = PrefixMap.value(found) == BY_SOURCE;
    int outcome = bySource ? unknown : PrefixMap.value(found);
    Map<Integer, Double> shares = new LinkedHashMap<>();
    double before = 0;
    for (int i = 0; i < outcomes[outcome].length; i++) {
      double upTo = limits[outcome][i] / (double) (1L << 32);
      shares.put(selections[outcomes[outcome][i]], upTo - before);
      before = upTo;
    }
    return new Explained(PrefixMap.scope(found), bySource, shares);
  }

  /** How many networks it tells apart. */
  int networks() {
    return v4.size() + v6.size();
  }

  /** What a set comes to for one order of the regions. For one thread. */
  private static final class Evaluator {
    /** Of so many crowded regions all cases are counted; the others are full or have room. */
    private static final int MOST_DRAWN = 6;

    private final RegionSet set;
    private final Geography geography;
    private final int all;

    /** What is tried after those that have room: as soon as it yields something, that is it. */
    private final List<Integer> otherwise;

    /** Which regions have room, with the probability of that: each has by a draw of its own. */
    private final Map<Integer, Double> roomy;

    private final Map<List<Integer>, Map<Integer, Double>> known = new HashMap<>();
    private int usable;
    private int[] rank = {};

    Evaluator(RegionSet set, int available, int silent, Geography geography, Readiness readiness) {
      this.set = set;
      this.geography = geography;
      this.all = leaves(set) & available;
      int live = all & ~silent & ~bits(readiness.down());
      int open = live & ~bits(readiness.drained());
      this.otherwise = List.of(open, live);
      this.roomy = roomy(open, readiness.crowded());
    }

    private Map<Integer, Double> roomy(int open, Map<String, Double> crowded) {
      Map<Integer, Double> draws = new TreeMap<>(Map.of(open, 1.0));
      int drawn = 0;
      for (Map.Entry<String, Double> region : new TreeMap<>(crowded).entrySet()) {
        int bit = bits(List.of(region.getKey())) & open;
        double share = region.getValue();
        if (bit != 0 && share > 0 && share < 1 && ++drawn > MOST_DRAWN) {
          share = Math.round(share);
        }
        if (bit != 0 && share < 1) {
          Map<Integer, Double> next = new TreeMap<>();
          for (Map.Entry<Integer, Double> draw : draws.entrySet()) {
            next.merge(draw.getKey() & ~bit, draw.getValue() * (1 - share), Double::sum);
            if (share > 0) {
              next.merge(draw.getKey(), draw.getValue() * share, Double::sum);
            }
          }
          draws = next;
        }
      }
      return draws;
    }

    private int bits(Iterable<String> regions) {
      int bits = 0;
      for (String region : regions) {
        boolean declared =
            geography.geo().regions().stream().anyMatch(r -> r.name().equals(region));
        bits |= declared ? 1 << geography.number(region) : 0;
      }
      return bits;
    }

    private int leaves(RegionSet of) {
      return switch (of) {
        case One(String region) -> 1 << geography.number(region);
        case Group group ->
            group.members().stream().mapToInt(this::leaves).reduce(0, (a, b) -> a | b);
      };
    }

    /** Selections with their probabilities, for clients with this order; never none. */
    Map<Integer, Double> outcome(int[] order) {
      // Most orders differ in regions that the set does not have.
      List<Integer> own =
          Arrays.stream(order).filter(region -> (all >>> region & 1) == 1).boxed().toList();
      return known.computeIfAbsent(
          own,
          _ -> {
            rank = new int[order.length];
            for (int i = 0; i < order.length; i++) {
              rank[order[i]] = i;
            }
            Map<Integer, Double> sum = new TreeMap<>();
            roomy.forEach(
                (regions, chance) ->
                    outcome(regions)
                        .forEach((found, p) -> sum.merge(found, p * chance, Double::sum)));
            return sum;
          });
    }

    private Map<Integer, Double> outcome(int roomy) {
      usable = roomy;
      Map<Integer, Double> found = evaluate(set);
      for (int i = 0; i < otherwise.size() && found.isEmpty(); i++) {
        usable = otherwise.get(i);
        found = evaluate(set);
      }
      // All are down: whoever can reach one shall.
      return found.isEmpty() ? Map.of(all, 1.0) : found;
    }

    private Map<Integer, Double> evaluate(RegionSet of) {
      return switch (of) {
        case One(String region) -> {
          int bit = 1 << geography.number(region) & usable;
          yield bit == 0 ? Map.of() : Map.of(bit, 1.0);
        }
        case Group group ->
            switch (group.policy()) {
              case NEAREST ->
                  first(
                      group.members().stream()
                          .sorted(Comparator.comparingInt(this::distance))
                          .toList());
              case FAILOVER -> first(group.members());
              case WEIGHTED -> weighted(group);
              case ALL -> union(group.members());
            };
      };
    }

    /** A choice within a choice is as near as the nearest of its regions that can be used. */
    private int distance(RegionSet member) {
      int regions = leaves(member) & usable;
      int nearest = Integer.MAX_VALUE;
      for (int i = 0; i < rank.length; i++) {
        nearest = (regions >>> i & 1) == 1 ? Math.min(nearest, rank[i]) : nearest;
      }
      return nearest;
    }

    private Map<Integer, Double> first(List<RegionSet> members) {
      for (RegionSet member : members) {
        Map<Integer, Double> found = evaluate(member);
        if (!found.isEmpty()) {
          return found;
        }
      }
      return Map.of();
    }

    private Map<Integer, Double> weighted(Group group) {
      Map<Integer, Double> sum = new TreeMap<>();
      List<Map<Integer, Double>> found = new ArrayList<>();
      double total = 0;
      for (int i = 0; i < group.members().size(); i++) {
        found.add(evaluate(group.members().get(i)));
        total += found.get(i).isEmpty() ? 0 : group.weights().get(i);
      }
      for (int i = 0; i < found.size(); i++) {
        double weight = group.weights().get(i) / total;
        found.get(i).forEach((regions, p) -> sum.merge(regions, p * weight, Double::sum));
      }
      return sum;
    }

    private Map<Integer, Double> union(List<RegionSet> members) {
      Map<Integer, Double> joined = new TreeMap<>(Map.of(0, 1.0));
      for (RegionSet member : members) {
        Map<Integer, Double> found = evaluate(member);
        if (!found.isEmpty()) {
          Map<Integer, Double> next = new TreeMap<>();
          joined.forEach((a, p) -> found.forEach((b, q) -> next.merge(a | b, p * q, Double::sum)));
          if (next.size() > MAX_SELECTIONS) {
            throw new TooManySelections();
          }
          joined = next;
        }
      }
      return joined.containsKey(0) ? Map.of() : joined;
    }
  }
}
