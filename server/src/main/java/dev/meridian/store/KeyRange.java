package dev.meridian.store;

import dev.meridian.document.Comparison;
import dev.meridian.document.Json;
import dev.meridian.document.OrderedBytes;
import java.util.Arrays;

/**
 * A run of encoded values, or of keys that begin with them.
 *
 * @param from inclusive
 * @param to exclusive
 */
record KeyRange(byte[] from, byte[] to) {
  /** Everything that begins with {@code prefix}. */
  static KeyRange startingWith(byte[] prefix) {
    return new KeyRange(prefix, Keys.afterPrefix(prefix));
  }

  /**
   * The values for which a comparison may hold: all of those, and perhaps a few more, where a long
   * string was cut.
   */
  static KeyRange of(Comparison comparison, boolean descending) {
    Json value = comparison.value();
    KeyRange equal = startingWith(IndexKeys.field(value, descending));
    boolean cut = IndexKeys.isShortened(value);
    return switch (comparison.op()) {
      case EQ -> equal;
      case IN -> throw new IllegalArgumentException("several ranges");
      case PREFIX ->
          cut || !(value instanceof Json.Str(String prefix))
              ? equal
              : startingWith(OrderedBytes.encodePrefix(prefix, descending));
      case LT, LE, GT, GE -> {
        boolean inclusive =
            cut || comparison.op() == Comparison.Op.LE || comparison.op() == Comparison.Op.GE;
        boolean below = comparison.op() == Comparison.Op.LT || comparison.op() == Comparison.Op.LE;
        KeyRange kind = kind(value, descending);
        // Downwards, what is below a value stands after it.
        yield below != descending
            ? new KeyRange(kind.from, inclusive ? equal.to : equal.from)
            : new KeyRange(inclusive ? equal.from : equal.to, kind.to);
      }
    };
  }

  /** The values that can be less or greater than {@code value}: those of its kind. */
  private static KeyRange kind(Json value, boolean descending) {
    return switch (value) {
      case Json.Num _ ->
          new KeyRange(OrderedBytes.numbersFrom(descending), OrderedBytes.numbersTo(descending));
      case Json.Str _ ->
          new KeyRange(OrderedBytes.stringsFrom(descending), OrderedBytes.stringsTo(descending));
      case Json.Bool _ -> {
        byte[] no = OrderedBytes.encode(new Json.Bool(false), descending);
        byte[] yes = OrderedBytes.encode(new Json.Bool(true), descending);
        yield new KeyRange(descending ? yes : no, Keys.afterPrefix(descending ? no : yes));
      }
      case Json.Null _, Json.Arr _, Json.Obj _ -> new KeyRange(new byte[0], new byte[0]);
    };
  }

  KeyRange intersect(KeyRange other) {
    return new KeyRange(
        Arrays.compareUnsigned(from, other.from) >= 0 ? from : other.from,
        Arrays.compareUnsigned(to, other.to) <= 0 ? to : other.to);
  }

  KeyRange after(byte[] prefix) {
    return new KeyRange(Keys.concat(prefix, from), Keys.concat(prefix, to));
  }

  boolean isEmpty() {
    return Arrays.compareUnsigned(from, to) >= 0;
  }
}
