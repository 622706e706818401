package dev.meridian.document;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;

/** Writes minified JSON in UTF-8, with the fewest escapes that RFC 8259 allows. */
final class JsonWriter {
  private static final byte[] HEX = "0123456789abcdef".getBytes(StandardCharsets.US_ASCII);

  private byte[] out = new byte[256];
  private int length;

  private JsonWriter() {}

  static byte[] write(Json value) {
    JsonWriter writer = new JsonWriter();
    writer.value(value);
    return Arrays.copyOf(writer.out, writer.length);
  }

  private void value(Json value) {
    switch (value) {
      case Json.Obj object -> {
        put('{');
        boolean first = true;
        for (Map.Entry<String, Json> member : object.members().entrySet()) {
          if (!first) {
            put(',');
          }
          first = false;
          string(member.getKey());
          put(':');
          value(member.getValue());
        }
        put('}');
      }
      case Json.Arr array -> {
        put('[');
        boolean first = true;
        for (Json item : array.items()) {
          if (!first) {
            put(',');
          }
          first = false;
          value(item);
        }
        put(']');
      }
      case Json.Str string -> string(string.value());
      case Json.Num number -> ascii(number.text());
      case Json.Bool bool -> ascii(bool.value() ? "true" : "false");
      case Json.Null() -> ascii("null");
    }
  }

  private void string(String text) {
    put('"');
    int length = text.length();
    for (int i = 0; i < length; i++) {
      char c = text.charAt(i);
      if (c < 0x80) {
        character(c);
      } else if (c < 0x800) {
        put(0xc0 | c >> 6);
        put(0x80 | c & 0x3f);
      } else if (!Character.isSurrogate(c)) {
        put(0xe0 | c >> 12);
        put(0x80 | c >> 6 & 0x3f);
        put(0x80 | c & 0x3f);
      } else {
        int point = text.codePointAt(i++);
        if (point < Character.MIN_SUPPLEMENTARY_CODE_POINT) {
          throw new InvalidInputException(
              "A string holds half of a surrogate pair, which no Unicode text may; mend the text.");
        }
        put(0xf0 | point >> 18);
        put(0x80 | point >> 12 & 0x3f);
        put(0x80 | point >> 6 & 0x3f);
        put(0x80 | point & 0x3f);
      }
    }
    put('"');
  }

  private void character(char c) {
    switch (c) {
      case '"', '\\' -> escape(c);
      case '\b' -> escape('b');
      case '\f' -> escape('f');
      case '\n' -> escape('n');
      case '\r' -> escape('r');
      case '\t' -> escape('t');
      default -> {
        if (c >= 0x20) {
          put(c);
        } else {
          ascii("\\u00");
          put(HEX[c >> 4]);
          put(HEX[c & 0xf]);
        }
      }
    }
  }

  private void escape(char c) {
    put('\\');
    put(c);
  }

  @SuppressWarnings("deprecation") // exactly the low bytes of an ASCII text are wanted
  private void ascii(String text) {
    int size = text.length();
    reserve(size);
    text.getBytes(0, size, out, length);
    length += size;
  }

  private void put(int b) {
    reserve(1);
    out[length++] = (byte) b;
  }

  private void reserve(int more) {
    if (out.length - length < more) {
      out = Arrays.copyOf(out, Math.max(out.length * 2, length + more));
    }
  }
}
