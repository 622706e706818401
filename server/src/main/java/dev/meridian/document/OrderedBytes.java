package dev.meridian.document;

import java.io.ByteArrayOutputStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Values as bytes whose unsigned lexicographic order is {@link JsonOrder}, or its reverse: keys of
 * an index. Equal values have equal bytes ({@code 1}, {@code 1.0} and {@code 10e-1} are equal), and
 * no value's bytes start another's, so encodings may be strung together and then compared field by
 * field.
 */
public final class OrderedBytes {
  /*
   * The first byte says the kind. Then
   *   number: 0.d1d2d3… × 10^e with d1 > 0: e, then pairs of digits as 1 + 10·d1 + d2 (so 1 to 100),
   *           then 0. A negative number has all of that complemented. e is one byte around 0x80 when
   *           it is small, else 0x00 or 0xff and four bytes.
   *   string: its UTF-8 with 00 as 00 ff, then 00 01.
   * Descending is the complement of everything. As no encoding is the start of another, the first
   * byte in which two differ exists and decides, so complementing turns the order round.
   */
  private static final int MISSING = 0x05;
  private static final int FALSE = 0x10;
  private static final int TRUE = 0x11;
  private static final int NEGATIVE = 0x20;
  private static final int ZERO = 0x21;
  private static final int POSITIVE = 0x22;
  private static final int STRING = 0x30;
  private static final int COMPOSITE = 0x40;
  private static final int SMALL_EXPONENT = 100;

  private OrderedBytes() {}

  /**
   * Encodes a value.
   *
   * @param value null for a missing one
   * @param descending whether greater values get smaller bytes
   */
  public static byte[] encode(@Nullable Json value, boolean descending) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    switch (value) {
      case null -> out.write(MISSING);
      case Json.Null() -> out.write(MISSING);
      case Json.Bool bool -> out.write(bool.value() ? TRUE : FALSE);
      case Json.Num number -> number(out, number.decimal());
      case Json.Str string -> {
        text(out, string.value());
        out.write(0);
        out.write(1);
      }
      case Json.Arr array -> out.write(COMPOSITE);
      case Json.Obj object -> out.write(COMPOSITE);
    }
    return finish(out, descending);
  }

  /**
   * What the encodings of all strings that start with {@code prefix} start with, and no other's.
   */
  public static byte[] encodePrefix(String prefix, boolean descending) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    text(out, prefix);
    return finish(out, descending);
  }

  /** Where the encodings of numbers begin: the least of them is not below this. */
  public static byte[] numbersFrom(boolean descending) {
    return kindBound(descending ? POSITIVE : NEGATIVE, descending);
  }

  /** Where the encodings of numbers end: all of them are below this, and no string's is. */
  public static byte[] numbersTo(boolean descending) {
    return kindBound(descending ? NEGATIVE - 1 : POSITIVE + 1, descending);
  }

  /** Where the encodings of strings begin: the least of them is not below this. */
  public static byte[] stringsFrom(boolean descending) {
    return kindBound(STRING, descending);
  }

  /** Where the encodings of strings end: all of them are below this, and no other kind's is. */
  public static byte[] stringsTo(boolean descending) {
    return kindBound(descending ? STRING - 1 : STRING + 1, descending);
  }

  /**
   * Where the encoding that starts at {@code from} ends.
   *
   * @param descending as it was encoded
   * @throws IllegalArgumentException if no encoding starts there
   */
  public static int end(byte[] bytes, int from, boolean descending) {
    int flip = descending ? 0xff : 0;
    int i = from;
    switch (at(bytes, i++, flip)) {
      case MISSING, FALSE, TRUE, ZERO, COMPOSITE -> {
        return i;
      }
      case NEGATIVE -> {
        return numberEnd(bytes, i, flip ^ 0xff);
      }
      case POSITIVE -> {
        return numberEnd(bytes, i, flip);
      }
      case STRING -> {
        while (at(bytes, i, flip) != 0 || at(bytes, i + 1, flip) != 1) {
          i += at(bytes, i, flip) == 0 ? 2 : 1;
        }
        return i + 2;
      }
      default -> throw new IllegalArgumentException("no value is encoded at " + from);
    }
  }

  private static int numberEnd(byte[] bytes, int from, int flip) {
    int exponent = at(bytes, from, flip);
    int i = from + (exponent == 0 || exponent == 0xff ? 5 : 1);
    while (at(bytes, i, flip) != 0) {
      i++;
    }
    return i + 1;
  }

  private static int at(byte[] bytes, int i, int flip) {
    if (i >= bytes.length) {
      throw new IllegalArgumentException("the encoded value is cut short");
    }
    return (bytes[i] & 0xff) ^ flip;
  }

  private static void number(ByteArrayOutputStream out, BigDecimal value) {
    if (value.signum() == 0) {
      out.write(ZERO);
      return;
    }
    boolean negative = value.signum() < 0;
    int flip = negative ? 0xff : 0;
    out.write(negative ? NEGATIVE : POSITIVE);
    String digits = value.unscaledValue().abs().toString();
    int exponent = digits.length() - value.scale();
    if (Math.abs(exponent) <= SMALL_EXPONENT) {
      out.write((0x80 + exponent) ^ flip);
    } else {
      out.write((exponent < 0 ? 0 : 0xff) ^ flip);
      for (int shift = 24; shift >= 0; shift -= 8) {
        out.write((exponent >>> shift & 0xff) ^ flip);
      }
    }
    int end = digits.length();
    while (digits.charAt(end - 1) == '0') {
      end--;
    }
    for (int i = 0; i < end; i += 2) {
      int high = digits.charAt(i) - '0';
      int low = i + 1 < end ? digits.charAt(i + 1) - '0' : 0;
      out.write((1 + 10 * high + low) ^ flip);
    }
    out.write(flip);
  }

  private static void text(ByteArrayOutputStream out, String text) {
    out.write(STRING);
    for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
      out.write(b);
      if (b == 0) {
        out.write(0xff);
      }
    }
  }

  private static byte[] kindBound(int kind, boolean descending) {
    return new byte[] {(byte) (descending ? ~kind : kind)};
  }

  private static byte[] finish(ByteArrayOutputStream out, boolean descending) {
    byte[] bytes = out.toByteArray();
    if (descending) {
      for (int i = 0; i < bytes.length; i++) {
        bytes[i] = (byte) ~bytes[i];
      }
    }
    return bytes;
  }
}
