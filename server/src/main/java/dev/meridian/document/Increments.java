package dev.meridian.document;

import java.io.ByteArrayOutputStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Increments of number fields: an object from field path to the number to add, at most {@link
 * #MAX_FIELDS} of them. Sums are exact decimals. Missing fields count from 0, and missing objects
 * around them are made.
 */
final class Increments {
  /** Most fields in one patch. */
  static final int MAX_FIELDS = 100;

  /** Longest field in characters, its dots included. */
  static final int MAX_FIELD_CHARS = 1_024;

  private final Map<FieldPath, String> amounts;

  private Increments(Map<FieldPath, String> amounts) {
    this.amounts = amounts;
  }

  static Increments parse(byte[] json, JsonLimits limits) {
    if (!(Json.parse(json, limits) instanceof Json.Obj object)) {
      throw new InvalidInputException(
          "An increment is an object from field to the number to add, as in {\"visits\":1}.");
    }
    if (object.members().isEmpty() || object.members().size() > MAX_FIELDS) {
      throw new InvalidInputException(
          "An increment names 1 to " + MAX_FIELDS + " fields, as in {\"visits\":1}.");
    }
    Map<FieldPath, String> amounts = new LinkedHashMap<>();
    object
        .members()
        .forEach(
            (field, amount) -> {
              if (!(amount instanceof Json.Num number)) {
                throw new InvalidInputException(
                    "The increment of \"" + Texts.shorten(field) + "\" must be a number.");
              }
              FieldPath path = FieldPath.parse(field);
              if (path.names().size() > limits.depth()) {
                throw new InvalidInputException(
                    "The field \""
                        + Texts.shorten(field)
                        + "\" is nested deeper than "
                        + limits.depth()
                        + " levels.");
              }
              amounts.put(path, number.text());
            });
    return new Increments(amounts);
  }

  /**
   * Refuses names that no field needs, before the log: applying takes them, so that what an older
   * version let into a log means the same for ever.
   */
  void checkNames() {
    for (FieldPath field : amounts.keySet()) {
      if (field.toString().length() > MAX_FIELD_CHARS) {
        throw new InvalidInputException(
            "The field \""
                + Texts.shorten(field.toString())
                + "\" has more than "
                + MAX_FIELD_CHARS
                + " characters.");
      }
    }
  }

  /** One pass over the document, or one reading and one writing, however many fields there are. */
  byte[] apply(byte[] current, JsonLimits limits) {
    List<FieldPath> fields = List.copyOf(amounts.keySet());
    StoredJson.@Nullable Span[] spans = new StoredJson(current).find(fields);
    for (StoredJson.Span span : spans) {
      if (span == null || !isNumber(current, span)) {
        Sum root = new Sum();
        amounts.forEach(root::add);
        return root.apply(Patches.stored(current), limits).toBytes();
      }
    }
    return replace(current, fields, spans, limits);
  }

  private static boolean isNumber(byte[] json, StoredJson.Span at) {
    byte first = json[at.from()];
    return first == '-' || (first >= '0' && first <= '9');
  }

  /**
   * The counters that are there, the usual case, are replaced in the bytes: no tree is built, and
   * the rest of the document is copied as it is.
   */
  private byte[] replace(
      byte[] json, List<FieldPath> fields, StoredJson.@Nullable Span[] spans, JsonLimits limits) {
    SortedMap<Integer, Integer> inOrder = new TreeMap<>();
    for (int i = 0; i < spans.length; i++) {
      inOrder.put(Objects.requireNonNull(spans[i]).from(), i);
    }
    ByteArrayOutputStream result = new ByteArrayOutputStream(json.length + 32 * spans.length);
    int copied = 0;
    for (int i : inOrder.values()) {
      StoredJson.Span at = Objects.requireNonNull(spans[i]);
      FieldPath field = fields.get(i);
      String old = new String(json, at.from(), at.to() - at.from(), StandardCharsets.ISO_8859_1);
      String sum = sum(old, Objects.requireNonNull(amounts.get(field)), field, limits);
      result.write(json, copied, at.from() - copied);
      result.writeBytes(sum.getBytes(StandardCharsets.ISO_8859_1));
      copied = at.to();
    }
    result.write(json, copied, json.length - copied);
    return result.toByteArray();
  }

  private static String sum(String a, String b, FieldPath field, JsonLimits limits) {
    if (isShort(a) && isShort(b)) {
      return Long.toString(Long.parseLong(a) + Long.parseLong(b)); // 18 digits each: no overflow
    }
    // Bounded: exponents are, so the sum of the farthest apart has some ten thousand digits.
    String sum = new BigDecimal(a).add(new BigDecimal(b)).toString();
    try {
      Json.minify(sum.getBytes(StandardCharsets.ISO_8859_1), limits);
    } catch (InvalidInputException e) {
      throw new PatchException(
          "The field \""
              + Texts.shorten(field.toString())
              + "\" would get a number with too many digits (at most "
              + limits.numberChars()
              + " characters and exponents to "
              + limits.exponent()
              + "); scale it.");
    }
    return sum;
  }

  private static boolean isShort(String number) {
    if (number.length() > 18 || number.equals("-0")) {
      return false;
    }
    for (int i = 0; i < number.length(); i++) {
      char c = number.charAt(i);
      if (c != '-' && (c < '0' || c > '9')) {
        return false;
      }
    }
    return true;
  }

  /** What is added at one place of the document and below it. Each object is copied once. */
  private static final class Sum {
    private final Map<String, Sum> members = new LinkedHashMap<>();
    private @Nullable FieldPath field;
    private @Nullable String amount;

    void add(FieldPath path, String added) {
      Sum at = this;
      for (String name : path.names()) {
        at = at.members.computeIfAbsent(name, _ -> new Sum());
      }
      at.field = path;
      at.amount = added;
    }

    Json apply(@Nullable Json value, JsonLimits limits) {
      String added = amount;
      FieldPath here = field;
      if (added != null && here != null) {
        if (!members.isEmpty()) {
          throw new PatchException(
              "The field \""
                  + Texts.shorten(here.toString())
                  + "\" cannot be both a number and an object; add to one of them.");
        }
        return switch (value) {
          case null -> new Json.Num(added);
          case Json.Num number -> new Json.Num(sum(number.text(), added, here, limits));
          default ->
              throw new PatchException(
                  "The field \""
                      + Texts.shorten(here.toString())
                      + "\" is no number, so nothing can be added to it; replace it first.");
        };
      }
      Map<String, Json> result = new LinkedHashMap<>();
      if (value instanceof Json.Obj object) {
        result.putAll(object.members());
      } else if (value != null) {
        throw new PatchException(
            "The field \""
                + Texts.shorten(first().toString())
                + "\" cannot be made: what is around it is no object.");
      }
      members.forEach((name, sum) -> result.put(name, sum.apply(result.get(name), limits)));
      return new Json.Obj(result);
    }

    private FieldPath first() {
      FieldPath here = field;
      return here != null ? here : members.values().iterator().next().first();
    }
  }
}
