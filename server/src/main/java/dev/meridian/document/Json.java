package dev.meridian.document;

import java.math.BigDecimal;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A JSON value (RFC 8259) whose numbers keep their text, so that nothing is lost between the writer
 * and the reader. Objects keep the order of their members. Values are immutable.
 *
 * <p>{@code equals} compares numbers by their text; {@link JsonOrder} compares them by value.
 */
public sealed interface Json {
  /** {@code null}. */
  Json NULL = new Null();

  /** An object; members in the writer's order, each name once. */
  record Obj(Map<String, Json> members) implements Json {
    /** Copies, and keeps the order. */
    public Obj {
      members = Collections.unmodifiableMap(new LinkedHashMap<>(members));
    }
  }

  /** An array. */
  record Arr(List<Json> items) implements Json {
    /** Copies. */
    public Arr {
      items = List.copyOf(items);
    }
  }

  /** A string. */
  record Str(String value) implements Json {}

  /** A number, as its JSON text: {@code 1.0} and {@code 1e2} stay so. */
  record Num(String text) implements Json {
    /** An integer. */
    public static Num of(long value) {
      return new Num(Long.toString(value));
    }

    /** The exact value. */
    public BigDecimal decimal() {
      return new BigDecimal(text);
    }
  }

  /** {@code true} or {@code false}. */
  record Bool(boolean value) implements Json {}

  /** {@code null}; use {@link Json#NULL}. */
  record Null() implements Json {}

  /**
   * Reads one JSON text in UTF-8, a byte order mark allowed.
   *
   * @throws InvalidInputException if it is not strictly JSON in strictly UTF-8, names a member
   *     twice, or exceeds a limit; the message gives line and column. {@link TooLargeException} if
   *     it is too long
   */
  static Json parse(byte[] json, JsonLimits limits) {
    return new JsonReader(json, limits).read();
  }

  /** {@link #parse(byte[], JsonLimits)} with {@link JsonLimits#DEFAULT}. */
  static Json parse(byte[] json) {
    return parse(json, JsonLimits.DEFAULT);
  }

  /**
   * Checks a JSON text as {@link #parse} does and drops the whitespace between its tokens; strings
   * and numbers keep the writer's characters. One pass, no tree.
   *
   * @return {@code json} itself when there was nothing to drop
   * @throws InvalidInputException as {@link #parse}
   */
  static byte[] minify(byte[] json, JsonLimits limits) {
    return new JsonReader(json, limits).minify();
  }

  /** This value as minified JSON in UTF-8. */
  default byte[] toBytes() {
    return JsonWriter.write(this);
  }

  /** The value at {@code path} inside this one, or null when there is none. */
  default @Nullable Json at(FieldPath path) {
    Json value = this;
    for (String name : path.names()) {
      if (!(value instanceof Obj object)) {
        return null;
      }
      Json member = object.members().get(name);
      if (member == null) {
        return null;
      }
      value = member;
    }
    return value;
  }
}
