package dev.meridian.client;

import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * A document as a read found it.
 *
 * @param path {@code collection/id[/…]}
 * @param etag its version, without quotes; for {@link WriteOptions#ifMatch}
 * @param json its value in UTF-8 exactly as stored, numbers in their writer's digits; not to be
 *     changed
 * @param expires when it expires (RFC 3339); null when it does not
 */
@SuppressWarnings("ArrayRecordComponent") // shared, never changed
public record Document(String path, String etag, byte[] json, @Nullable String expires) {
  /** A document that does not expire. */
  public Document(String path, String etag, byte[] json) {
    this(path, etag, json, null);
  }

  /** The last segment of the path. */
  public String id() {
    return path.substring(path.lastIndexOf('/') + 1);
  }

  /** The value as a tree. */
  public JsonNode value() {
    return Json.MAPPER.readTree(json);
  }

  /** The value bound to a class, by Jackson's rules. */
  public <T> T as(Class<T> type) {
    return Json.MAPPER.readValue(json, type);
  }

  /** The value's JSON text. */
  @Override
  public String toString() {
    return path + " " + new String(json, StandardCharsets.UTF_8);
  }
}
