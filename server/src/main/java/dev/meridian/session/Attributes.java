package dev.meridian.session;

import dev.meridian.document.FieldPath;
import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Json;
import dev.meridian.document.JsonLimits;
import dev.meridian.document.Patch;
import dev.meridian.document.PatchException;
import dev.meridian.document.Patches;
import dev.meridian.document.TooLargeException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Changes of a session's attributes: patches as the data API has them, with the attributes for the
 * document. Attributes can be changed by whoever has the session, so nothing that visitors may not
 * say of themselves belongs there; names that begin with {@code _}, and {@code user}, are the
 * server's.
 */
public final class Attributes {
  /** Most bytes of all attributes of a session, as minified JSON. */
  public static final int MAX_BYTES = 64 << 10;

  /** Most attributes of a session. */
  public static final int MAX_COUNT = 100;

  /** Longest name of an attribute. */
  public static final int MAX_NAME_CHARS = 64;

  /** How deep a member may be that a form, or {@link #add}, names. */
  private static final int MAX_DEPTH = 16;

  /** Of a patch and of what becomes of it. */
  public static final JsonLimits LIMITS = JsonLimits.DEFAULT.withBytes(MAX_BYTES).withDepth(32);

  private Attributes() {}

  /**
   * The name of an attribute, as it is.
   *
   * @throws InvalidInputException if an attribute cannot have it
   */
  public static String checkName(String name) {
    if (name.equals(Session.USER)) {
      throw new InvalidInputException(
          "'user' is who signed in, which no attribute can say; choose another name.");
    }
    boolean good = !name.isEmpty() && name.length() <= MAX_NAME_CHARS && isLetter(name.charAt(0));
    for (int i = 1; good && i < name.length(); i++) {
      char c = name.charAt(i);
      good = isLetter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
    }
    if (!good) {
      throw new InvalidInputException(
          "An attribute's name has 1 to "
              + MAX_NAME_CHARS
              + " letters a-z and A-Z, digits, '_' and '-', and begins with a letter.");
    }
    return name;
  }

  private static boolean isLetter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  }

  /**
   * An attribute, or a member of one, such as {@code cart.tea}.
   *
   * @throws InvalidInputException if there can be none of this name
   */
  public static FieldPath checkField(String field) {
    FieldPath path = FieldPath.parse(field);
    if (path.names().size() > MAX_DEPTH) {
      throw new InvalidInputException(
          "The field '" + path.names().getFirst() + "…' is nested deeper than " + MAX_DEPTH + ".");
    }
    checkName(path.names().getFirst());
    return path;
  }

  /** Adds to a number, from 0 where there is none. */
  public static Patch add(String field, long amount) {
    Json members = new Json.Obj(Map.of(checkField(field).toString(), Json.Num.of(amount)));
    return new Patch(Patch.Kind.INCREMENT, members.toBytes(), false);
  }

  /** Sets one attribute to {@code value}, whatever it was. */
  public static Patch set(String name, Json value) {
    return operations(operation("add", "/" + checkName(name), value));
  }

  /** Removes one attribute, if it is there. */
  public static Patch remove(String name) {
    return new Patch(
        Patch.Kind.MERGE, new Json.Obj(Map.of(checkName(name), Json.NULL)).toBytes(), false);
  }

  /** Appends to an attribute that is a list. */
  static Patch append(String name, Json value) {
    return operations(operation("add", "/" + checkName(name) + "/-", value));
  }

  static Json operation(String op, String path, Json value) {
    Map<String, Json> members = new LinkedHashMap<>();
    members.put("op", new Json.Str(op));
    members.put("path", new Json.Str(path));
    members.put("value", value);
    return new Json.Obj(members);
  }

  static Patch operations(Json... operations) {
    return new Patch(Patch.Kind.JSON_PATCH, new Json.Arr(List.of(operations)).toBytes(), false);
  }

  /**
   * Checks a patch, and what would come of it if the attributes are now {@code attributes}.
   *
   * @throws InvalidInputException if it is no patch, or one of names that attributes cannot have;
   *     {@link TooLargeException} if they would be more than a session may hold
   */
  static void check(Json.Obj attributes, Patch patch) {
    try {
      exactlyAfter(attributes, patch);
    } catch (PatchException e) {
      // They may be others where the patch is applied; that decides.
    }
  }

  /**
   * The attributes after {@code patch}.
   *
   * @throws InvalidInputException as {@link #check}; {@link PatchException} if it does not fit
   */
  static Json.Obj exactlyAfter(Json.Obj attributes, Patch patch) {
    Patches.check(patch, LIMITS);
    touched(patch).forEach(Attributes::checkName);
    byte[] json = Patches.apply(attributes.toBytes(), patch, LIMITS);
    if (!(Json.parse(json) instanceof Json.Obj after)) {
      throw new InvalidInputException("A session's attributes are an object.");
    }
    if (after.members().size() > MAX_COUNT
        && after.members().size() > attributes.members().size()) {
      throw new TooLargeException(
          "The session would have "
              + after.members().size()
              + " attributes; it may have "
              + MAX_COUNT
              + ". Put what belongs together into one.");
    }
    return after;
  }

  /** The names of attributes that it changes. */
  private static List<String> touched(Patch patch) {
    Json json = Json.parse(patch.json(), LIMITS);
    List<String> names = new ArrayList<>();
    switch (json) {
      case Json.Obj(Map<String, Json> members) when patch.kind() == Patch.Kind.MERGE ->
          names.addAll(members.keySet());
      case Json.Obj(Map<String, Json> members) ->
          members
              .keySet()
              .forEach(field -> names.add(field.substring(0, (field + ".").indexOf('.'))));
      case Json.Arr(List<Json> items) ->
          items.forEach(
              item -> {
                Map<String, Json> members = ((Json.Obj) item).members();
                names.add(first(members.get("path")));
                if (members.containsKey("from")) {
                  names.add(first(members.get("from")));
                }
              });
      default ->
          throw new InvalidInputException("A merge patch of a session is an object of attributes.");
    }
    return names;
  }

  private static String first(@Nullable Json pointer) {
    String text = pointer instanceof Json.Str(String value) ? value : "";
    if (text.isEmpty()) {
      throw new InvalidInputException(
          "A JSON Patch of a session names attributes, as in /cart; it cannot be of all at once.");
    }
    return text.substring(1, (text + "/").indexOf('/', 1));
  }

  /** The same patch of the whole document. */
  static Patch within(Patch patch) {
    byte[] json =
        switch (patch.kind()) {
          case MERGE ->
              new Json.Obj(Map.of(Session.ATTRIBUTES, Json.parse(patch.json(), LIMITS))).toBytes();
          case INCREMENT -> {
            Map<String, Json> fields = new LinkedHashMap<>();
            ((Json.Obj) Json.parse(patch.json(), LIMITS))
                .members()
                .forEach((field, by) -> fields.put(Session.ATTRIBUTES + "." + field, by));
            yield new Json.Obj(fields).toBytes();
          }
          case JSON_PATCH -> {
            List<Json> operations = new ArrayList<>();
            for (Json item : ((Json.Arr) Json.parse(patch.json(), LIMITS)).items()) {
              Map<String, Json> members = new LinkedHashMap<>(((Json.Obj) item).members());
              for (String pointer : List.of("path", "from")) {
                if (members.get(pointer) instanceof Json.Str(String at)) {
                  members.put(pointer, new Json.Str("/" + Session.ATTRIBUTES + at));
                }
              }
              operations.add(new Json.Obj(members));
            }
            yield new Json.Arr(operations).toBytes();
          }
        };
    return new Patch(patch.kind(), json, false);
  }
}
