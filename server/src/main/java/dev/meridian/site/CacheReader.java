package dev.meridian.site;

import dev.meridian.site.YamlReader.Field;
import java.util.List;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.nodes.ScalarNode;

/** Reads {@code cache}: how much memory a node's near cache may take. */
final class CacheReader {
  static final List<String> CACHE_KEYS = List.of("memory");

  private static final long LEAST = 1L << 20;
  private static final long MOST = 64L << 30;

  private final YamlReader yaml;

  CacheReader(YamlReader yaml) {
    this.yaml = yaml;
  }

  /** In bytes, 0 for none; empty when nothing is said. */
  OptionalLong bytes(@Nullable Field field) {
    if (field == null) {
      return OptionalLong.empty();
    }
    if (field.value() instanceof ScalarNode scalar && scalar.getValue().equals("off")) {
      return OptionalLong.of(0);
    }
    Field memory = yaml.fields(field, "cache", CACHE_KEYS).get("memory");
    Long bytes =
        memory == null ? null : Quantities.size(yaml, memory.value(), "memory", LEAST, MOST);
    return bytes == null ? OptionalLong.empty() : OptionalLong.of(bytes);
  }
}
