package dev.meridian.site;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.FieldPath;
import dev.meridian.document.InvalidInputException;
import dev.meridian.site.CollectionSettings.CachePolicy;
import dev.meridian.site.CollectionSettings.WriteBehind;
import dev.meridian.site.YamlReader.Field;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.Tag;

/** Reads {@code collections}: indexes, rules, expiry, cache policy and seed of each. */
final class CollectionsReader {
  static final List<String> COLLECTION_KEYS =
      List.of("indexes", "rules", "expires", "cache", "cacheControl", "seed");

  static final List<String> CACHE_KEYS = List.of("policy", "age", "bytes");

  private static final Duration LEAST_AGE = Duration.ofMillis(10);
  private static final Duration MOST_AGE = Duration.ofMinutes(10);
  private static final long LEAST_BYTES = 64L << 10;
  private static final long MOST_BYTES = 64L << 20;

  /** How {@code cache} is written. */
  static final Map<String, CachePolicy> CACHE_POLICIES =
      Map.of(
          "read-through", CachePolicy.READ_THROUGH,
          "write-through", CachePolicy.WRITE_THROUGH,
          "write-behind", CachePolicy.WRITE_BEHIND,
          "off", CachePolicy.OFF);

  /** Endings of files that can be imported. */
  static final List<String> SEED_ENDINGS =
      List.of(".ndjson", ".json", ".csv", ".ndjson.gz", ".json.gz", ".csv.gz");

  /** Most collections and indexes: a bound on what a node must carry. */
  static final int MAX_COLLECTIONS = 1000;

  static final int MAX_INDEXES = 32;
  static final int MAX_INDEX_FIELDS = 8;

  private final YamlReader yaml;
  private final FilesReader files;
  private final RulesReader rules;

  /** Whether there is memory for documents. */
  private final boolean keeps;

  /**
   * Creates it.
   *
   * @param keeps whether nodes have memory for a near cache
   */
  CollectionsReader(YamlReader yaml, FilesReader files, RulesReader rules, boolean keeps) {
    this.yaml = yaml;
    this.files = files;
    this.rules = rules;
    this.keeps = keeps;
  }

  /**
   * Settings by pattern.
   *
   * @param rules for collections that have none of their own
   */
  Map<String, CollectionSettings> collections(@Nullable Field field, Rules rules) {
    Map<String, CollectionSettings> collections = new LinkedHashMap<>();
    if (field == null) {
      return collections;
    }
    Map<String, Field> fields = yaml.fields(field, "collections", null);
    if (fields.size() > MAX_COLLECTIONS) {
      yaml.problem(field.key(), "a site declares at most " + MAX_COLLECTIONS + " collections.");
      return collections;
    }
    fields.forEach(
        (pattern, collection) -> {
          if (checkPattern(collection.key(), pattern)) {
            collections.put(pattern, CollectionSettings.defaults(pattern, rules));
          }
        });
    // From above to below, for what a collection leaves open it has from the nearest one above it.
    collections.keySet().stream()
        .sorted(Comparator.comparingInt(String::length))
        .forEach(
            pattern -> {
              Field collection = Objects.requireNonNull(fields.get(pattern));
              Rules above = Site.rulesAbove(pattern, collections, rules);
              collections.put(pattern, collection(pattern, collection, above));
            });
    return collections;
  }

  private boolean checkPattern(Node key, String pattern) {
    try {
      CollectionPath path = CollectionPath.parse(pattern);
      if (!path.pattern().equals(pattern)) {
        yaml.problem(
            key,
            "settings are for all documents alike; write '*' for each id: '"
                + path.pattern()
                + "'.");
        return false;
      }
      if (path.isReserved()) {
        yaml.problem(key, "collections that start with '_' are Meridian's own.");
        return false;
      }
      return true;
    } catch (InvalidInputException e) {
      yaml.problem(
          key,
          YamlReader.shorten(pattern).equals(pattern)
              ? String.valueOf(e.getMessage())
              : "this is no collection's name.");
      return false;
    }
  }

  private CollectionSettings collection(String pattern, Field field, Rules rules) {
    if (field.value() instanceof ScalarNode && field.value().getTag().equals(Tag.NULL)) {
      // "notes:" alone declares a collection without settings; people write that.
      return CollectionSettings.defaults(pattern, rules);
    }
    Map<String, Field> fields = yaml.fields(field, "collections." + pattern, COLLECTION_KEYS);
    Field expires = fields.get("expires");
    Field seed = fields.get("seed");
    Field cache = fields.get("cache");
    Caching caching = caching(cache);
    if (cache != null && caching.policy() == CachePolicy.WRITE_THROUGH && !keeps) {
      yaml.problem(
          cache.key(),
          "what is written through is kept in memory on all nodes, and the site's 'cache: off' leaves"
              + " none; give it some, such as cache: {memory: 64 MiB}, or say nothing of it.");
    }
    return new CollectionSettings(
        pattern,
        indexes(fields.get("indexes")),
        this.rules.rules(fields.get("rules"), rules),
        expires == null
            ? Optional.empty()
            : Optional.ofNullable(
                Quantities.duration(
                    yaml,
                    expires.value(),
                    "expires",
                    Duration.ofSeconds(1),
                    Duration.ofDays(36_500))),
        caching.policy(),
        caching.behind(),
        seed == null ? Optional.empty() : seed(seed.value()),
        CacheControl.read(yaml, fields.get("cacheControl")));
  }

  private List<List<String>> indexes(@Nullable Field field) {
    List<Node> items = field == null ? null : yaml.sequence(field.value(), "indexes");
    if (items == null) {
      return List.of();
    }
    List<List<String>> indexes = new ArrayList<>();
    if (items.size() > MAX_INDEXES) {
      yaml.problem(items.get(MAX_INDEXES), "a collection has at most " + MAX_INDEXES + " indexes.");
      return indexes;
    }
    for (Node item : items) {
      List<Node> fields = yaml.oneOrMore(item, "an index");
      if (fields == null) {
        continue;
      }
      if (fields.isEmpty() || fields.size() > MAX_INDEX_FIELDS) {
        yaml.problem(item, "an index has 1 to " + MAX_INDEX_FIELDS + " fields.");
        continue;
      }
      List<String> index = new ArrayList<>();
      Set<String> seen = new HashSet<>();
      for (Node node : fields) {
        String name = indexField(node);
        if (name != null && !seen.add(name.replaceFirst("^-", ""))) {
          yaml.problem(node, "'" + name + "' stands twice in this index.");
        } else if (name != null) {
          index.add(name);
        }
      }
      if (index.size() == fields.size()) {
        if (indexes.contains(index)) {
          yaml.problem(item, "this index is declared twice.");
        }
        indexes.add(List.copyOf(index));
      }
    }
    return indexes;
  }

  private @Nullable String indexField(Node node) {
    String text = yaml.string(node, "a field of an index");
    if (text == null) {
      return null;
    }
    String problem = null;
    if (text.isBlank() || !text.equals(text.strip()) || text.length() > 256) {
      problem = "'" + YamlReader.shorten(text) + "' is no field name.";
    } else if (text.contains(",")) {
      problem = "write the fields of an index as a list: [" + YamlReader.shorten(text) + "].";
    } else {
      try {
        FieldPath.parse(text.startsWith("-") ? text.substring(1) : text);
      } catch (InvalidInputException e) {
        problem = "'" + YamlReader.shorten(text) + "': " + e.getMessage();
      }
    }
    if (problem != null) {
      yaml.problem(node, problem);
      return null;
    }
    return text;
  }

  /** How a collection is cached. */
  private record Caching(CachePolicy policy, Optional<WriteBehind> behind) {
    static Caching of(CachePolicy policy) {
      return new Caching(
          policy,
          policy == CachePolicy.WRITE_BEHIND ? Optional.of(WriteBehind.DEFAULT) : Optional.empty());
    }
  }

  private Caching caching(@Nullable Field cache) {
    if (cache == null) {
      return Caching.of(CachePolicy.READ_THROUGH);
    }
    if (!(cache.value() instanceof MappingNode)) {
      return Caching.of(policy(cache.value()));
    }
    Map<String, Field> fields =
        yaml.fields(
            cache, "cache", Stream.concat(CACHE_KEYS.stream(), Stream.of("copies")).toList());
    Field named = fields.get("policy");
    Field age = fields.get("age");
    Field bytes = fields.get("bytes");
    Field copies = fields.get("copies");
    CachePolicy policy = named == null ? CachePolicy.READ_THROUGH : policy(named.value());
    if (copies != null) {
      yaml.problem(
          copies.key(),
          "there is nothing to set: a write is acknowledged when a majority of its shard's replicas"
              + " has it in memory and in the log, which is 2 of 3 nodes, and 1 of 1.");
    }
    for (Field field : Stream.of(age, bytes).filter(Objects::nonNull).toList()) {
      if (policy != CachePolicy.WRITE_BEHIND) {
        yaml.problem(field.key(), "this is for policy: write-behind alone.");
      }
    }
    if (policy != CachePolicy.WRITE_BEHIND) {
      return Caching.of(policy);
    }
    Duration longest =
        age == null ? null : Quantities.duration(yaml, age.value(), "age", LEAST_AGE, MOST_AGE);
    Long most =
        bytes == null
            ? null
            : Quantities.size(yaml, bytes.value(), "bytes", LEAST_BYTES, MOST_BYTES);
    return new Caching(
        policy,
        Optional.of(
            new WriteBehind(
                longest == null ? WriteBehind.DEFAULT.age() : longest,
                most == null ? OptionalLong.empty() : OptionalLong.of(most))));
  }

  private CachePolicy policy(Node node) {
    String text = yaml.string(node, "cache");
    CachePolicy policy = text == null ? null : CACHE_POLICIES.get(text);
    if (text != null && policy == null) {
      yaml.problem(
          node,
          "'"
              + YamlReader.shorten(text)
              + "' is no cache policy; write read-through, write-through, write-behind or off"
              + Suggestions.didYouMean(text, CACHE_POLICIES.keySet()));
    }
    return policy == null ? CachePolicy.READ_THROUGH : policy;
  }

  private Optional<Path> seed(Node node) {
    Path file = files.file(node, "seed", false);
    if (file != null && SEED_ENDINGS.stream().noneMatch(file.toString()::endsWith)) {
      yaml.problem(node, "a seed's name ends in " + String.join(", ", SEED_ENDINGS) + ".");
    }
    return Optional.ofNullable(file);
  }
}
