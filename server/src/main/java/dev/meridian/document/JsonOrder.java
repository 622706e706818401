package dev.meridian.document;

import java.util.Comparator;
import org.jspecify.annotations.Nullable;

/**
 * The order of values in sorted lists and indexes: missing and null, then false, true, numbers by
 * their exact value, strings by code point, then arrays and objects, all equal. {@link
 * OrderedBytes} has the same order.
 */
public final class JsonOrder implements Comparator<@Nullable Json> {
  /** The order; null stands for a missing value. */
  public static final JsonOrder INSTANCE = new JsonOrder();

  private JsonOrder() {}

  @Override
  public int compare(@Nullable Json a, @Nullable Json b) {
    if (a instanceof Json.Num x && b instanceof Json.Num y) {
      return compareNumbers(x.text(), y.text());
    }
    if (a instanceof Json.Str x && b instanceof Json.Str y) {
      return compareText(x.value(), y.value());
    }
    return Integer.compare(rank(a), rank(b));
  }

  private static int rank(@Nullable Json value) {
    return switch (value) {
      case null -> 0;
      case Json.Null() -> 0;
      case Json.Bool bool -> bool.value() ? 2 : 1;
      case Json.Num number -> 3;
      case Json.Str string -> 4;
      case Json.Arr array -> 5;
      case Json.Obj object -> 5;
    };
  }

  /** Compares two JSON numbers by their exact value. */
  static int compareNumbers(String a, String b) {
    if (isShortInteger(a) && isShortInteger(b)) {
      return Long.compare(Long.parseLong(a), Long.parseLong(b));
    }
    return new Json.Num(a).decimal().compareTo(new Json.Num(b).decimal());
  }

  private static boolean isShortInteger(String text) {
    if (text.length() > 18) {
      return false;
    }
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c > '9' || c == '.' || c == '+') {
        return false;
      }
    }
    return true;
  }

  /** Compares two texts by code point, which is the order of their bytes in UTF-8. */
  static int compareText(String a, String b) {
    int length = Math.min(a.length(), b.length());
    for (int i = 0; i < length; i++) {
      char x = a.charAt(i);
      char y = b.charAt(i);
      if (x != y) {
        boolean surrogateX = Character.isSurrogate(x);
        if (surrogateX != Character.isSurrogate(y)) {
          // A surrogate is half of a character above U+FFFF, so above every other char.
          return surrogateX ? 1 : -1;
        }
        return Character.compare(x, y);
      }
    }
    return Integer.compare(a.length(), b.length());
  }
}
