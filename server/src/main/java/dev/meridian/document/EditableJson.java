package dev.meridian.document;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A JSON value that is changed in place, at JSON Pointers. Messages of its exceptions are parts of
 * a sentence. Not safe for several threads.
 */
final class EditableJson {
  /*
   * A container becomes editable when something in it is changed: an editable object is a
   * LinkedHashMap, an editable array an ArrayList, and whatever is untouched stays the shared,
   * immutable Json. So an operation costs what it touches, not the size of the document, except
   * that shifting an array's items is a memory move.
   *
   * Copies are the one way in which a small patch makes a large document (each copy of the root into
   * itself doubles it), so what they may copy in all is limited, before anything is copied; so is
   * how many items of arrays they may shift. Nesting is checked when the result
   * is built; until then only pointers, whose length is limited, walk the tree.
   */
  private final JsonLimits limits;

  /** Most items of arrays that all operations of a patch shift. */
  static final long MAX_SHIFTED = 20_000_000;

  private Object root;
  private long copied;
  private long shifted;

  EditableJson(Json value, JsonLimits limits) {
    this.root = value;
    this.limits = limits;
  }

  /** The value as it is now. */
  Json toJson() {
    return freeze(root, 0);
  }

  /** The value there, for {@link #add}. */
  Object get(JsonPointer path) {
    Object node = root;
    for (int i = 0; i < path.tokens().size(); i++) {
      node = child(node, path, i);
    }
    return node;
  }

  /** A copy of the value there. */
  Json copyOf(JsonPointer path) {
    Object value = get(path);
    charge(value, 0);
    return freeze(value, 0);
  }

  void add(JsonPointer path, Object value) {
    if (path.isRoot()) {
      root = value;
      return;
    }
    Object parent = parent(path);
    if (parent instanceof ArrayList<?>) {
      List<Object> items = items(parent);
      String token = path.last();
      int index = token.equals("-") ? items.size() : index(token, path);
      if (index > items.size()) {
        throw new PatchException(
            "index " + index + " is beyond the end; the array has " + items.size() + " items");
      }
      shift(items.size() - index);
      items.add(index, value);
    } else {
      members(parent).put(path.last(), value);
    }
  }

  void replace(JsonPointer path, Json value) {
    if (path.isRoot()) {
      root = value;
      return;
    }
    Object parent = parent(path);
    child(parent, path, path.tokens().size() - 1);
    if (parent instanceof ArrayList<?>) {
      items(parent).set(index(path.last(), path), value);
    } else {
      members(parent).put(path.last(), value);
    }
  }

  /** Removes the value there, and returns it for {@link #add}. */
  Object remove(JsonPointer path) {
    if (path.isRoot()) {
      throw new PatchException("the whole value cannot be removed; delete the document instead");
    }
    Object parent = parent(path);
    Object value = child(parent, path, path.tokens().size() - 1);
    if (parent instanceof ArrayList<?>) {
      int index = index(path.last(), path);
      shift(items(parent).size() - index);
      items(parent).remove(index);
    } else {
      members(parent).remove(path.last());
    }
    return value;
  }

  void test(JsonPointer path, Json expected) {
    if (!same(get(path), expected)) {
      throw new PatchException("the value there is not the one tested for; read it again");
    }
  }

  // -- walking --------------------------------------------------------------------------------

  /** The container of the value at {@code path}, made editable. */
  private Object parent(JsonPointer path) {
    Object node = editable(root, path, 0);
    root = node;
    for (int i = 0; i + 1 < path.tokens().size(); i++) {
      Object child = editable(child(node, path, i), path, i + 1);
      String token = path.tokens().get(i);
      if (node instanceof ArrayList<?>) {
        items(node).set(index(token, path), child);
      } else {
        members(node).put(token, child);
      }
      node = child;
    }
    return node;
  }

  private static Object editable(Object node, JsonPointer path, int depth) {
    return switch (node) {
      case Json.Obj object -> new LinkedHashMap<String, Object>(object.members());
      case Json.Arr array -> new ArrayList<Object>(array.items());
      case Json scalar ->
          throw new PatchException("the value at " + place(path, depth) + " has nothing inside it");
      default -> node;
    };
  }

  /** What the token at {@code position} of {@code path} names in {@code node}. */
  private static Object child(Object node, JsonPointer path, int position) {
    String token = path.tokens().get(position);
    Object child =
        switch (node) {
          case Json.Obj object -> object.members().get(token);
          case Json.Arr array -> item(array.items(), token, path);
          case LinkedHashMap<?, ?> members -> members.get(token);
          case ArrayList<?> items -> item(items, token, path);
          default -> null;
        };
    if (child == null) {
      throw new PatchException("there is no value at " + place(path, position + 1));
    }
    return child;
  }

  private static @Nullable Object item(List<?> items, String token, JsonPointer path) {
    int index = index(token, path);
    return index < items.size() ? items.get(index) : null;
  }

  private static int index(String token, JsonPointer path) {
    boolean digits = !token.isEmpty() && token.chars().allMatch(c -> c >= '0' && c <= '9');
    if (!digits || token.length() > 9 || (token.length() > 1 && token.charAt(0) == '0')) {
      throw new PatchException(
          "\""
              + Texts.shorten(token)
              + "\" in \""
              + Texts.shorten(path.toString())
              + "\" is no index of an array");
    }
    return Integer.parseInt(token);
  }

  private static String place(JsonPointer path, int depth) {
    return "\"" + Texts.shorten(new JsonPointer(path.tokens().subList(0, depth)).toString()) + "\"";
  }

  @SuppressWarnings("unchecked") // editable nodes are made in `editable` alone
  private static List<Object> items(Object node) {
    return (ArrayList<Object>) node;
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> members(Object node) {
    return (LinkedHashMap<String, Object>) node;
  }

  // -- values ---------------------------------------------------------------------------------

  private void checkDepth(int depth) {
    if (depth > limits.depth()) {
      throw new PatchException("the result would be nested deeper than " + limits.depth());
    }
  }

  private Json freeze(Object node, int depth) {
    checkDepth(depth);
    return switch (node) {
      case LinkedHashMap<?, ?> editable -> {
        Map<String, Json> members = new LinkedHashMap<>();
        members(editable).forEach((name, child) -> members.put(name, freeze(child, depth + 1)));
        yield new Json.Obj(members);
      }
      case ArrayList<?> editable -> {
        List<Json> items = new ArrayList<>(editable.size());
        editable.forEach(child -> items.add(freeze(child, depth + 1)));
        yield new Json.Arr(items);
      }
      case Json.Obj object -> {
        object.members().values().forEach(child -> checkDepth(child, depth + 1));
        yield object;
      }
      case Json.Arr array -> {
        array.items().forEach(child -> checkDepth(child, depth + 1));
        yield array;
      }
      default -> (Json) node;
    };
  }

  private void checkDepth(Json value, int depth) {
    if (value instanceof Json.Obj || value instanceof Json.Arr) {
      freeze(value, depth);
    }
  }

  private void shift(long items) {
    shifted += items;
    if (shifted > MAX_SHIFTED) {
      throw new PatchException(
          "the patch shifts more than " + MAX_SHIFTED + " items of arrays in all; change less");
    }
  }

  /** Counts what is about to be copied, in bytes or a little less. */
  private void charge(@Nullable Object value, int depth) {
    checkDepth(depth);
    copied += 2;
    switch (value) {
      case Json.Obj object -> chargeMembers(object.members(), depth + 1);
      case Json.Arr array -> array.items().forEach(item -> charge(item, depth + 1));
      case Json.Str string -> copied += string.value().length();
      case Json.Num number -> copied += number.text().length();
      case LinkedHashMap<?, ?> members -> chargeMembers(members, depth + 1);
      case ArrayList<?> items -> items.forEach(item -> charge(item, depth + 1));
      case null, default -> {}
    }
    if (copied > limits.bytes()) {
      throw new PatchException(
          "the patch copies more than " + limits.bytes() + " bytes in all; copy less");
    }
  }

  private void chargeMembers(Map<?, ?> members, int depth) {
    members.forEach(
        (name, child) -> {
          copied += name.toString().length();
          charge(child, depth);
        });
  }

  /** Whether two values are equal as RFC 6902, section 4.6 has it: numbers by their value. */
  private static boolean same(@Nullable Object node, Json expected) {
    return switch (expected) {
      case Json.Obj object -> {
        Map<?, ?> members =
            switch (node) {
              case Json.Obj actual -> actual.members();
              case LinkedHashMap<?, ?> actual -> actual;
              case null, default -> null;
            };
        yield members != null
            && members.size() == object.members().size()
            && object.members().entrySet().stream()
                .allMatch(member -> same(members.get(member.getKey()), member.getValue()));
      }
      case Json.Arr array -> {
        List<?> items =
            switch (node) {
              case Json.Arr actual -> actual.items();
              case ArrayList<?> actual -> actual;
              case null, default -> null;
            };
        if (items == null || items.size() != array.items().size()) {
          yield false;
        }
        for (int i = 0; i < items.size(); i++) {
          if (!same(items.get(i), array.items().get(i))) {
            yield false;
          }
        }
        yield true;
      }
      case Json.Num number ->
          node instanceof Json.Num actual
              && JsonOrder.compareNumbers(actual.text(), number.text()) == 0;
      default -> expected.equals(node);
    };
  }
}
