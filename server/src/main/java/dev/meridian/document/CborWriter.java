package dev.meridian.document;

import java.io.ByteArrayOutputStream;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;

/**
 * Writes CBOR (RFC 8949). Integers are integers of any size; other numbers are 64-bit floats where
 * the float's shortest decimal is exactly the number, and decimal fractions (tag 4) where not.
 */
final class CborWriter {
  private static final BigInteger LARGEST = BigInteger.ONE.shiftLeft(64).subtract(BigInteger.ONE);

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  private CborWriter() {}

  static byte[] write(Json value) {
    CborWriter writer = new CborWriter();
    writer.value(value);
    return writer.out.toByteArray();
  }

  private void value(Json value) {
    switch (value) {
      case Json.Obj object -> {
        head(5, object.members().size());
        object
            .members()
            .forEach(
                (name, member) -> {
                  text(name);
                  value(member);
                });
      }
      case Json.Arr array -> {
        head(4, array.items().size());
        array.items().forEach(this::value);
      }
      case Json.Str string -> text(string.value());
      case Json.Num number -> number(number.text());
      case Json.Bool bool -> out.write(bool.value() ? 0xf5 : 0xf4);
      case Json.Null() -> out.write(0xf6);
    }
  }

  private void number(String text) {
    boolean integer = text.chars().allMatch(c -> c == '-' || (c >= '0' && c <= '9'));
    if (integer && !text.equals("-0")) {
      integer(new BigInteger(text));
      return;
    }
    BigDecimal exact = new BigDecimal(text);
    double near = Double.parseDouble(text);
    if (Double.isFinite(near) && new BigDecimal(Double.toString(near)).compareTo(exact) == 0) {
      out.write(0xfb);
      bytes(Double.doubleToRawLongBits(near), 8);
    } else {
      head(6, 4);
      head(4, 2);
      integer(BigInteger.valueOf(-(long) exact.scale()));
      integer(exact.unscaledValue());
    }
  }

  private void integer(BigInteger value) {
    boolean negative = value.signum() < 0;
    BigInteger argument = negative ? value.not() : value;
    if (argument.compareTo(LARGEST) <= 0) {
      head(negative ? 1 : 0, argument.longValue());
      return;
    }
    byte[] magnitude = argument.toByteArray();
    int skip = magnitude[0] == 0 ? 1 : 0;
    head(6, negative ? 3 : 2);
    head(2, magnitude.length - skip);
    out.write(magnitude, skip, magnitude.length - skip);
  }

  private void text(String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    head(3, utf8.length);
    out.writeBytes(utf8);
  }

  /** A major type with its argument, an unsigned number, in the fewest bytes. */
  private void head(int major, long argument) {
    if (argument >= 0 && argument < 24) {
      out.write(major << 5 | (int) argument);
      return;
    }
    int size = argument >>> 8 == 0 ? 0 : argument >>> 16 == 0 ? 1 : argument >>> 32 == 0 ? 2 : 3;
    out.write(major << 5 | 24 + size);
    bytes(argument, 1 << size);
  }

  private void bytes(long value, int count) {
    for (int shift = 8 * (count - 1); shift >= 0; shift -= 8) {
      out.write((int) (value >>> shift));
    }
  }
}
