package dev.meridian.document;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * JSON Patch (RFC 6902): at most {@link #MAX_OPERATIONS} operations, applied in order, all or none.
 * Errors name the operation by its place in the patch, counted from 0.
 */
final class JsonPatch {
  /** Most operations in a patch. */
  static final int MAX_OPERATIONS = 1_000;

  private final List<Operation> operations;

  private JsonPatch(List<Operation> operations) {
    this.operations = operations;
  }

  private enum Op {
    ADD,
    REMOVE,
    REPLACE,
    MOVE,
    COPY,
    TEST;

    private final String word = name().toLowerCase(Locale.ROOT);
  }

  /**
   * One operation.
   *
   * @param from only of move and copy
   * @param value only of add, replace and test
   */
  private record Operation(
      Op op, JsonPointer path, @Nullable JsonPointer from, @Nullable Json value) {}

  static JsonPatch parse(byte[] json, JsonLimits limits) {
    if (!(Json.parse(json, limits) instanceof Json.Arr array)) {
      throw new InvalidInputException(
          "A JSON Patch is an array of operations, as in"
              + " [{\"op\":\"replace\",\"path\":\"/name\",\"value\":\"Ada\"}].");
    }
    if (array.items().size() > MAX_OPERATIONS) {
      throw new InvalidInputException(
          "A JSON Patch has at most "
              + MAX_OPERATIONS
              + " operations; this one has "
              + array.items().size()
              + ". Split it.");
    }
    List<Operation> operations = new ArrayList<>();
    for (Json item : array.items()) {
      int index = operations.size();
      try {
        operations.add(operation(item, limits));
      } catch (InvalidInputException e) {
        throw new InvalidInputException(
            "JSON Patch operation " + index + ": " + e.getMessage() + ".", e);
      }
    }
    return new JsonPatch(operations);
  }

  private static Operation operation(Json item, JsonLimits limits) {
    if (!(item instanceof Json.Obj object)) {
      throw new InvalidInputException("it must be an object with \"op\" and \"path\"");
    }
    String word = text(object, "op");
    Op op = null;
    for (Op candidate : Op.values()) {
      if (candidate.word.equals(word)) {
        op = candidate;
      }
    }
    if (op == null) {
      throw new InvalidInputException(
          "\"op\" is \""
              + Texts.shorten(word)
              + "\"; it must be add, remove, replace, move, copy or test");
    }
    JsonPointer path = JsonPointer.parse(text(object, "path"), limits.depth());
    JsonPointer from = null;
    Json value = null;
    switch (op) {
      case ADD, REPLACE, TEST -> {
        value = object.members().get("value");
        if (value == null) {
          throw new InvalidInputException("\"" + word + "\" needs a \"value\"");
        }
      }
      case MOVE, COPY -> {
        from = JsonPointer.parse(text(object, "from"), limits.depth());
        if (op == Op.MOVE && from.isAbove(path)) {
          throw new InvalidInputException("a value cannot be moved into itself");
        }
      }
      case REMOVE -> {}
    }
    return new Operation(op, path, from, value);
  }

  private static String text(Json.Obj operation, String name) {
    if (operation.members().get(name) instanceof Json.Str text) {
      return text.value();
    }
    throw new InvalidInputException("it needs a string \"" + name + "\"");
  }

  /**
   * @return the patched value as minified JSON
   * @throws PatchException if an operation cannot be done, or a test fails
   */
  byte[] apply(Json current, JsonLimits limits) {
    EditableJson document = new EditableJson(current, limits);
    for (int i = 0; i < operations.size(); i++) {
      Operation operation = operations.get(i);
      try {
        apply(operation, document);
      } catch (PatchException e) {
        throw new PatchException(
            "JSON Patch operation "
                + i
                + " ("
                + operation.op().word
                + " \""
                + Texts.shorten(operation.path().toString())
                + "\"): "
                + e.getMessage()
                + ".");
      }
    }
    try {
      return document.toJson().toBytes();
    } catch (PatchException e) {
      throw new PatchException("The JSON Patch does not fit: " + e.getMessage() + ".");
    }
  }

  private static void apply(Operation operation, EditableJson document) {
    switch (operation) {
      case Operation(Op op, JsonPointer path, JsonPointer from, _) when from != null -> {
        if (op == Op.COPY) {
          document.add(path, document.copyOf(from));
        } else if (from.equals(path)) {
          document.get(path); // moving a value to where it is only needs it to be there
        } else {
          document.add(path, document.remove(from));
        }
      }
      case Operation(Op op, JsonPointer path, _, Json value) when value != null -> {
        switch (op) {
          case ADD -> document.add(path, value);
          case REPLACE -> document.replace(path, value);
          default -> document.test(path, value);
        }
      }
      default -> document.remove(operation.path());
    }
  }
}
