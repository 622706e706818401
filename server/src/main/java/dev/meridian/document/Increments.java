package dev.meridian.document;

import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Increments of number fields: an object from field path to the number to add, at most {@link
 * #MAX_FIELDS} of them. Sums are exact decimals. Missing fields count from 0, and missing objects
 * around them are made.
 */
final class Increments {
  /** Most fields in one patch. */
  static final int MAX_FIELDS = 100;

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

  byte[] apply(byte[] current, JsonLimits limits) {
    byte[] json = current;
    for (Map.Entry<FieldPath, String> entry : amounts.entrySet()) {
      json = add(json, entry.getKey(), entry.getValue(), limits);
    }
    return json;
  }

  /**
   * The counter that is there, the usual case, is replaced in the bytes: no tree is built, and the
   * rest of the document is copied as it is.
   */
  private static byte[] add(byte[] json, FieldPath field, String amount, JsonLimits limits) {
    StoredJson.Span at = new StoredJson(json).find(field);
    if (at == null) {
      return with(Patches.stored(json), field.names(), new Json.Num(amount), field).toBytes();
    }
    int first = json[at.from()];
    if (first != '-' && (first < '0' || first > '9')) {
      throw new PatchException(
          "The field \""
              + Texts.shorten(field.toString())
              + "\" is no number, so nothing can be added to it; replace it first.");
    }
    String old = new String(json, at.from(), at.to() - at.from(), StandardCharsets.ISO_8859_1);
    byte[] sum = sum(old, amount, field, limits).getBytes(StandardCharsets.ISO_8859_1);
    byte[] result = new byte[json.length - old.length() + sum.length];
    System.arraycopy(json, 0, result, 0, at.from());
    System.arraycopy(sum, 0, result, at.from(), sum.length);
    System.arraycopy(json, at.to(), result, at.from() + sum.length, json.length - at.to());
    return result;
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

  private static Json with(@Nullable Json value, List<String> names, Json.Num amount, FieldPath f) {
    if (names.isEmpty()) {
      return amount;
    }
    Map<String, Json> members = new LinkedHashMap<>();
    if (value instanceof Json.Obj object) {
      members.putAll(object.members());
    } else if (value != null) {
      throw new PatchException(
          "The field \""
              + Texts.shorten(f.toString())
              + "\" cannot be made: what is around it is no object.");
    }
    String name = names.getFirst();
    members.put(name, with(members.get(name), names.subList(1, names.size()), amount, f));
    return new Json.Obj(members);
  }
}
