package dev.meridian.web;

import dev.meridian.document.Document;
import dev.meridian.document.Json;
import dev.meridian.store.Page;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** Documents as templates see them: maps, lists, text, numbers and booleans, and nothing else. */
final class TemplateValues {
  private static final JsonMapper JSON =
      JsonMapper.builder().enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS).build();

  private TemplateValues() {}

  /** A document's value, only {@code fields} of it if any are given. */
  static @Nullable Object value(Document document, List<String> fields) {
    Object value = JSON.readValue(document.json(), Object.class);
    if (fields.isEmpty() || !(value instanceof Map<?, ?> map)) {
      return value;
    }
    Map<String, Object> kept = new LinkedHashMap<>();
    for (String field : fields) {
      if (map.containsKey(field)) {
        kept.put(field, map.get(field));
      }
    }
    return kept;
  }

  /** The members of an object. */
  static Map<String, @Nullable Object> members(Json.Obj object) {
    Map<String, @Nullable Object> members = new LinkedHashMap<>();
    if (JSON.readValue(object.toBytes(), Object.class) instanceof Map<?, ?> map) {
      map.forEach((name, value) -> members.put(String.valueOf(name), value));
    }
    return members;
  }

  /** A page of a list, in the shape of the data API: items of id, etag and value, and next. */
  static Map<String, Object> list(Page page, List<String> fields) {
    List<Object> items = new ArrayList<>();
    for (Document document : page.documents()) {
      Map<String, Object> item = new LinkedHashMap<>();
      item.put("id", document.path().id());
      item.put("etag", document.version().etag());
      item.put("value", value(document, fields));
      items.add(item);
    }
    Map<String, Object> list = new LinkedHashMap<>();
    list.put("items", items);
    String next = page.next();
    if (next != null) {
      list.put("next", next);
    }
    return list;
  }

  /** Any of these values as JSON. */
  static byte[] json(@Nullable Object value) {
    return JSON.writeValueAsBytes(value);
  }

  /** The same as text. */
  static String jsonText(@Nullable Object value) {
    return JSON.writeValueAsString(value);
  }
}
