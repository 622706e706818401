package dev.meridian.site;

import dev.meridian.site.YamlReader.Field;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads {@code limits}. */
final class LimitsReader {
  static final List<String> LIMITS_KEYS =
      List.of(
          "documentSize",
          "bodySize",
          "batchWrites",
          "nestingDepth",
          "listLimit",
          "scanDocuments",
          "requestTime",
          "watchers",
          "pageSize");

  /** The largest values that {@code limits} may ask for. */
  static final Limits MOST =
      new Limits(
          1 << 20, 64 << 20, 500, 128, 1000, 1_000_000, Duration.ofMinutes(10), 100_000, 64 << 20);

  private final YamlReader yaml;

  LimitsReader(YamlReader yaml) {
    this.yaml = yaml;
  }

  /** The limits; those that are not there are the defaults. */
  Limits limits(@Nullable Field field) {
    Limits defaults = Limits.DEFAULT;
    Map<String, Field> fields = yaml.fields(field, "limits", LIMITS_KEYS);
    Field time = fields.get("requestTime");
    Duration requestTime =
        time == null
            ? defaults.requestTime()
            : Quantities.duration(
                yaml, time.value(), "requestTime", Duration.ofMillis(100), MOST.requestTime());
    Limits limits =
        new Limits(
            size(fields, "documentSize", defaults.documentBytes(), MOST.documentBytes()),
            size(fields, "bodySize", defaults.bodyBytes(), MOST.bodyBytes()),
            count(fields, "batchWrites", defaults.batchWrites(), MOST.batchWrites()),
            count(fields, "nestingDepth", defaults.nestingDepth(), MOST.nestingDepth()),
            count(fields, "listLimit", defaults.listLimit(), MOST.listLimit()),
            count(fields, "scanDocuments", defaults.scanDocuments(), MOST.scanDocuments()),
            requestTime == null ? defaults.requestTime() : requestTime,
            count(fields, "watchers", defaults.watchers(), MOST.watchers()),
            size(fields, "pageSize", defaults.pageBytes(), MOST.pageBytes()));
    Field body = fields.get("bodySize");
    if (body != null && limits.bodyBytes() < limits.documentBytes()) {
      yaml.problem(body.value(), "bodySize is smaller than documentSize.");
    }
    return limits;
  }

  private int count(Map<String, Field> fields, String name, int otherwise, int most) {
    Field field = fields.get(name);
    Integer value = field == null ? null : yaml.integer(field.value(), name, 1, most);
    return value == null ? otherwise : value;
  }

  private int size(Map<String, Field> fields, String name, int otherwise, int most) {
    Field field = fields.get(name);
    if (field == null) {
      return otherwise;
    }
    Long size = Quantities.size(yaml, field.value(), name, 1024, most);
    return size == null ? otherwise : size.intValue();
  }
}
