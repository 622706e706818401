package dev.meridian.client;

import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** JSON as this client reads and writes it. */
final class Json {
  static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .build();

  private Json() {}

  /**
   * A value as JSON.
   *
   * @throws IllegalArgumentException if Jackson cannot write it
   */
  static byte[] write(Object value) {
    try {
      return MAPPER.writeValueAsBytes(value);
    } catch (JacksonException e) {
      throw unwritable(e);
    }
  }

  static IllegalArgumentException unwritable(RuntimeException e) {
    return new IllegalArgumentException(
        "the value cannot be written as JSON: " + e.getMessage(), e);
  }

  /**
   * Reads {@code {"items":[{"id":…,"etag":…,"value":…}],"next":…}} without rebuilding the values:
   * their bytes are cut out of {@code body} as they are, so numbers keep their digits.
   *
   * @return the cursor of the next page, if there is one
   */
  static @Nullable String readPage(byte[] body, String collection, Consumer<Document> items) {
    String next = null;
    boolean found = false;
    try (JsonParser in = MAPPER.createParser(body)) {
      expect(in.nextToken(), JsonToken.START_OBJECT);
      JsonToken at = in.nextToken();
      for (; at == JsonToken.PROPERTY_NAME; at = in.nextToken()) {
        String name = in.currentName();
        JsonToken value = in.nextToken();
        if (name.equals("items")) {
          expect(value, JsonToken.START_ARRAY);
          found = true;
          JsonToken item = in.nextToken();
          for (; item == JsonToken.START_OBJECT; item = in.nextToken()) {
            items.accept(readItem(in, body, collection));
          }
          expect(item, JsonToken.END_ARRAY);
        } else if (name.equals("next") && value == JsonToken.VALUE_STRING) {
          next = in.getString();
        } else {
          in.skipChildren();
        }
      }
      expect(at, JsonToken.END_OBJECT);
    }
    if (!found) {
      throw new IllegalStateException("a list has no items, not even none");
    }
    return next;
  }

  private static Document readItem(JsonParser in, byte[] body, String collection) {
    String id = null;
    String etag = null;
    byte[] json = null;
    String expires = null;
    while (in.nextToken() == JsonToken.PROPERTY_NAME) {
      String name = in.currentName();
      in.nextToken();
      switch (name) {
        case "id" -> id = in.getString();
        case "etag" -> etag = unquote(in.getString());
        case "expires" -> expires = in.getString();
        case "value" -> json = slice(in, body);
        default -> in.skipChildren();
      }
    }
    if (id == null || etag == null || json == null) {
      throw new IllegalStateException("an item of a list lacks its id, etag or value");
    }
    return new Document(collection + "/" + id, etag, json, expires);
  }

  /** The bytes of the value the parser stands on; the parser is then at its end. */
  static byte[] slice(JsonParser in, byte[] body) {
    int from = (int) in.currentTokenLocation().getByteOffset();
    in.skipChildren();
    in.finishToken();
    int to = (int) in.currentLocation().getByteOffset();
    return java.util.Arrays.copyOfRange(body, from, to);
  }

  /** An ETag without its quotes and weakness mark (RFC 9110, section 8.8.3). */
  static String unquote(String etag) {
    String opaque = etag.startsWith("W/") ? etag.substring(2) : etag;
    return opaque.length() >= 2 && opaque.startsWith("\"") && opaque.endsWith("\"")
        ? opaque.substring(1, opaque.length() - 1)
        : opaque;
  }

  private static void expect(@Nullable JsonToken found, JsonToken wanted) {
    if (found != wanted) {
      throw new IllegalStateException("a list is not in the form it should be: " + found);
    }
  }
}
