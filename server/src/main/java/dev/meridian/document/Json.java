package dev.meridian.document;

import java.util.List;
import java.util.Map;

/**
 * A JSON value (RFC 8259) whose numbers keep their text, so that nothing is lost between the writer
 * and the reader. Objects keep the order of their members.
 */
public sealed interface Json {
  /** An object; members in the writer's order. */
  record Obj(Map<String, Json> members) implements Json {}

  /** An array. */
  record Arr(List<Json> items) implements Json {}

  /** A string. */
  record Str(String value) implements Json {}

  /** A number, as its JSON text: {@code 1.0} and {@code 1e2} stay so. */
  record Num(String text) implements Json {}

  /** {@code true} or {@code false}. */
  record Bool(boolean value) implements Json {}

  /** {@code null}. */
  record Null() implements Json {}
}
