package dev.meridian.site;

import dev.meridian.site.RegionSet.Group;
import dev.meridian.site.RegionSet.One;
import dev.meridian.site.RegionSet.Policy;
import dev.meridian.site.YamlReader.Field;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;

/**
 * Reads choices of regions: {@code answer}, one of four words, and {@code regions}, a list of names
 * or, for weights, a mapping. A name is a region's or that of a choice in {@code names.sets}.
 */
final class RegionSetReader {
  /** What makes a name answer with regions; these stand beside types. */
  static final List<String> ANSWER_KEYS = List.of("answer", "regions", "ttl");

  static final List<String> SET_KEYS = List.of("answer", "regions");
  static final List<String> POLICIES = List.of("nearest", "failover", "weighted", "all");
  static final int MAX_WEIGHT = 10_000;
  static final int MAX_SETS = 100;

  /** Most regions in a choice, counted as often as they stand in choices of choices. */
  private static final int MAX_LEAVES = 256;

  private final YamlReader yaml;
  private final Map<String, Region> regions;
  private final Map<String, Field> sets = new HashMap<>();
  private final Map<String, RegionSet> read = new HashMap<>();
  private final Set<String> underWay = new HashSet<>();

  /**
   * Creates it.
   *
   * @param field {@code names.sets}
   */
  RegionSetReader(YamlReader yaml, Map<String, Region> regions, @Nullable Field field) {
    this.yaml = yaml;
    this.regions = regions;
    Map<String, Field> fields = yaml.fields(field, "names.sets", null);
    if (field != null && fields.size() > MAX_SETS) {
      yaml.problem(field.key(), "a site has at most " + MAX_SETS + " sets of regions.");
      return;
    }
    fields.forEach(
        (name, set) -> {
          if (regions.containsKey(name)) {
            yaml.problem(set.key(), "'" + name + "' is a region; give the set another name.");
          } else if (RegionsReader.isName(yaml, set.key(), name, "set of regions")) {
            sets.put(name, set);
          }
        });
    List.copyOf(sets.keySet()).forEach(this::named);
  }

  private @Nullable RegionSet named(String name) {
    if (read.containsKey(name)) {
      return read.get(name);
    }
    Field field = sets.get(name);
    if (field == null) {
      return null;
    }
    if (!underWay.add(name)) {
      yaml.problem(field.key(), "the set '" + name + "' holds itself; take it out of there.");
      return null;
    }
    Map<String, Field> fields = yaml.fields(field.value(), "set '" + name + "'", SET_KEYS);
    RegionSet set = set(field.key(), fields.get("answer"), fields.get("regions"));
    underWay.remove(name);
    if (set != null) {
      read.put(name, set);
    } else {
      sets.remove(name); // reported once
    }
    return set;
  }

  /**
   * A name that answers with regions, which are its A and AAAA; empty if it does not, or not
   * rightly.
   *
   * @param fields all that stands below the name, types included
   */
  Optional<Geo.Answer> answer(String name, Node owner, Map<String, Field> fields) {
    Field answer = fields.get("answer");
    Field ttl = fields.get("ttl");
    for (String key : List.of("regions", "ttl")) {
      Field field = fields.get(key);
      if (answer == null && field != null) {
        yaml.problem(
            field.key(),
            key.equals("ttl")
                ? "a ttl stands with its record, {value: ..., ttl: 5 min}, or beside 'answer'."
                : "'regions' stands beside 'answer', which says how to choose among them, such as"
                    + " answer: nearest.");
      }
    }
    if (answer == null) {
      return Optional.empty();
    }
    for (String type : List.of("A", "AAAA", "CNAME")) {
      Field other = fields.get(type);
      if (other != null) {
        yaml.problem(
            other.key(),
            "'"
                + name
                + "' answers with regions, which are its addresses; remove the "
                + type
                + " or the 'answer'.");
      }
    }
    RegionSet set = set(owner, answer, fields.get("regions"));
    Optional<Duration> time =
        ttl == null
            ? Optional.empty()
            : Optional.ofNullable(
                Quantities.duration(
                    yaml, ttl.value(), "ttl", Duration.ZERO, RecordsReader.MAX_TTL));
    return set == null
        ? Optional.empty()
        : Optional.of(new Geo.Answer(name, set, time, yaml.line(owner)));
  }

  /**
   * A choice.
   *
   * @param at where it stands, for problems
   * @param members {@code regions}; all of the site if null
   * @return null if a problem was reported
   */
  @Nullable RegionSet set(Node at, @Nullable Field answer, @Nullable Field members) {
    Policy policy = answer == null ? null : policy(answer.value());
    if (answer == null) {
      yaml.problem(at, "'answer' is missing; it is one of " + String.join(", ", POLICIES) + ".");
    }
    if (policy == null) {
      return null;
    }
    if (regions.isEmpty()) {
      yaml.problem(
          at,
          "the site has no regions to answer with; add them as regions: {eu: {location: [50.11,"
              + " 8.68], addresses: [192.0.2.1]}}.");
      return null;
    }
    List<RegionSet> found = new ArrayList<>();
    List<Integer> weights = new ArrayList<>();
    if (members == null) {
      if (policy == Policy.WEIGHTED) {
        yaml.problem(at, "'regions' is missing; it has the weights, such as {eu: 3, us: 1}.");
        return null;
      }
      regions.keySet().forEach(name -> found.add(new One(name)));
    } else if (policy == Policy.WEIGHTED) {
      weighted(members.value(), found, weights);
    } else {
      listed(members.value(), found);
    }
    Group group = new Group(policy, found, weights);
    if (found.isEmpty() || !isComplete(at, group, false)) {
      return null;
    }
    if (leaves(group) > MAX_LEAVES) {
      yaml.problem(at, "the set holds more than " + MAX_LEAVES + " regions; take fewer.");
      return null;
    }
    return group;
  }

  private @Nullable Policy policy(Node node) {
    String text = yaml.string(node, "answer");
    if (text != null && !POLICIES.contains(text)) {
      yaml.problem(
          node,
          "'"
              + YamlReader.shorten(text)
              + "' is no way to answer; there are "
              + String.join(", ", POLICIES)
              + Suggestions.didYouMean(text, POLICIES));
      return null;
    }
    return text == null ? null : Policy.valueOf(text.toUpperCase(Locale.ROOT));
  }

  private void weighted(Node node, List<RegionSet> members, List<Integer> weights) {
    if (!(node instanceof MappingNode)) {
      yaml.problem(node, "for 'weighted', give each region its weight, such as {eu: 3, us: 1}.");
      return;
    }
    yaml.fields(node, "regions", null)
        .forEach(
            (name, weight) -> {
              RegionSet member = member(weight.key(), name);
              Integer value = yaml.integer(weight.value(), "a weight", 1, MAX_WEIGHT);
              if (member != null && value != null) {
                members.add(member);
                weights.add(value);
              }
            });
  }

  private void listed(Node node, List<RegionSet> members) {
    if (node instanceof MappingNode) {
      yaml.problem(node, "weights are for 'weighted' only; list the names, such as [eu, us].");
      return;
    }
    List<Node> items = yaml.oneOrMore(node, "regions");
    if (items != null && items.isEmpty()) {
      yaml.problem(node, "the list of regions is empty; leave it out for all of them.");
    }
    for (Node item : items == null ? List.<Node>of() : items) {
      String name = yaml.string(item, "a region");
      RegionSet member = name == null ? null : member(item, name);
      if (member != null && members.contains(member)) {
        yaml.problem(item, "'" + name + "' stands twice.");
      } else if (member != null) {
        members.add(member);
      }
    }
  }

  private @Nullable RegionSet member(Node node, String name) {
    if (regions.containsKey(name)) {
      return new One(name);
    }
    if (sets.containsKey(name)) {
      return named(name);
    }
    List<String> known = new ArrayList<>(regions.keySet());
    known.addAll(sets.keySet());
    yaml.problem(
        node,
        "there is no region and no set of regions '"
            + YamlReader.shorten(name)
            + "'"
            + Suggestions.didYouMean(name, known));
    return null;
  }

  /** Whether all is known that answering takes: of 'nearest', where every region is. */
  private boolean isComplete(Node at, RegionSet set, boolean byDistance) {
    return switch (set) {
      case One(String name) -> {
        Region region = regions.get(name);
        if (byDistance && region != null && region.location().isEmpty()) {
          yaml.problem(
              at,
              "'nearest' must know where region '"
                  + name
                  + "' is; give it location: [latitude, longitude].");
          yield false;
        }
        yield true;
      }
      case Group group -> {
        boolean distance = byDistance || group.policy() == Policy.NEAREST;
        yield group.members().stream().allMatch(member -> isComplete(at, member, distance));
      }
    };
  }

  private static int leaves(RegionSet set) {
    return switch (set) {
      case One _ -> 1;
      case Group group -> group.members().stream().mapToInt(RegionSetReader::leaves).sum();
    };
  }
}
