package dev.meridian.site;

import dev.meridian.site.YamlReader.Field;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.nodes.ScalarNode;

/** Reads {@code cache}: how much memory a node's near cache and its pages may take. */
final class CacheReader {
  static final List<String> CACHE_KEYS = List.of("memory", "pages");

  private static final long LEAST = 1L << 20;
  private static final long MOST = 64L << 30;

  private final YamlReader yaml;

  /** Bytes of each, 0 for none; empty where nothing is said. */
  record Sizes(OptionalLong documents, OptionalLong pages) {}

  CacheReader(YamlReader yaml) {
    this.yaml = yaml;
  }

  Sizes sizes(@Nullable Field field) {
    if (field == null) {
      return new Sizes(OptionalLong.empty(), OptionalLong.empty());
    }
    if (isOff(field)) {
      return new Sizes(OptionalLong.of(0), OptionalLong.of(0));
    }
    Map<String, Field> fields = yaml.fields(field, "cache", CACHE_KEYS);
    Field pages = fields.get("pages");
    return new Sizes(
        size(fields.get("memory"), "memory"),
        pages != null && isOff(pages) ? OptionalLong.of(0) : size(pages, "pages"));
  }

  private static boolean isOff(Field field) {
    return field.value() instanceof ScalarNode scalar && scalar.getValue().equals("off");
  }

  private OptionalLong size(@Nullable Field field, String name) {
    Long bytes = field == null ? null : Quantities.size(yaml, field.value(), name, LEAST, MOST);
    return bytes == null ? OptionalLong.empty() : OptionalLong.of(bytes);
  }
}
