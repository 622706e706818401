package dev.meridian.torture;

import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Json;
import dev.meridian.torture.Operation.Kind;
import dev.meridian.torture.Operation.Level;
import dev.meridian.torture.Operation.Outcome;
import dev.meridian.torture.Operation.Part;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** An operation as one line of JSON; members that say nothing are left out. */
final class HistoryLine {
  private HistoryLine() {}

  static String of(Operation operation) {
    Map<String, Json> line = new LinkedHashMap<>();
    line.put("id", Json.Num.of(operation.id()));
    line.put("client", Json.Num.of(operation.client()));
    line.put("node", new Json.Str(operation.node()));
    line.put("kind", new Json.Str(operation.kind().name()));
    Level level = operation.level();
    put(line, "level", level == null ? null : level.name());
    List<Json> parts = new ArrayList<>();
    for (Part part : operation.parts()) {
      Map<String, Json> members = new LinkedHashMap<>();
      members.put("doc", new Json.Str(part.document()));
      put(members, "value", part.value());
      if (part.count() != 0) {
        members.put("count", Json.Num.of(part.count()));
      }
      put(members, "etag", part.etag());
      parts.add(new Json.Obj(members));
    }
    line.put("parts", new Json.Arr(parts));
    put(line, "expected", operation.expected());
    put(line, "sent", operation.sent().isEmpty() ? null : operation.sent());
    put(line, "seen", operation.seen().isEmpty() ? null : operation.seen());
    line.put("from", Json.Num.of(operation.invoked()));
    line.put("to", Json.Num.of(operation.responded()));
    line.put("outcome", new Json.Str(operation.outcome().name()));
    put(line, "note", operation.note().isEmpty() ? null : operation.note());
    if (operation.stale()) {
      line.put("stale", new Json.Bool(true));
    }
    return new String(new Json.Obj(line).toBytes(), StandardCharsets.UTF_8);
  }

  /**
   * Reads what {@link #of} wrote.
   *
   * @throws IllegalArgumentException if it is something else
   */
  static Operation parse(String text) {
    try {
      if (!(Json.parse(text.getBytes(StandardCharsets.UTF_8)) instanceof Json.Obj line)) {
        throw new IllegalArgumentException("not an object");
      }
      List<Part> parts = new ArrayList<>();
      if (line.members().get("parts") instanceof Json.Arr array) {
        for (Json item : array.items()) {
          if (!(item instanceof Json.Obj part)) {
            throw new IllegalArgumentException("a part is no object");
          }
          parts.add(
              new Part(
                  text(part, "doc"),
                  optional(part, "value"),
                  part.members().containsKey("count") ? number(part, "count") : 0,
                  optional(part, "etag")));
        }
      }
      String level = optional(line, "level");
      return new Operation(
          number(line, "id"),
          Math.toIntExact(number(line, "client")),
          text(line, "node"),
          Kind.valueOf(text(line, "kind")),
          level == null ? null : Level.valueOf(level),
          parts,
          optional(line, "expected"),
          orEmpty(line, "sent"),
          orEmpty(line, "seen"),
          number(line, "from"),
          number(line, "to"),
          Outcome.valueOf(text(line, "outcome")),
          orEmpty(line, "note"),
          line.members().containsKey("stale"));
    } catch (InvalidInputException | ArithmeticException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
  }

  private static void put(Map<String, Json> members, String name, @Nullable String value) {
    if (value != null) {
      members.put(name, new Json.Str(value));
    }
  }

  private static @Nullable String optional(Json.Obj object, String name) {
    return object.members().get(name) instanceof Json.Str(String value) ? value : null;
  }

  private static String orEmpty(Json.Obj object, String name) {
    String value = optional(object, name);
    return value == null ? "" : value;
  }

  private static String text(Json.Obj object, String name) {
    String value = optional(object, name);
    if (value == null) {
      throw new IllegalArgumentException("'" + name + "' is missing");
    }
    return value;
  }

  private static long number(Json.Obj object, String name) {
    if (!(object.members().get(name) instanceof Json.Num number)) {
      throw new IllegalArgumentException("'" + name + "' is missing");
    }
    return number.decimal().longValueExact();
  }
}
