package dev.meridian.document;

import java.nio.charset.StandardCharsets;

/**
 * The tokens of a JSON text in bytes: RFC 8259's grammar, well-formed UTF-8 (Unicode 17, table
 * 3-7), no half surrogate pairs, and the {@link JsonLimits}. {@link JsonReader} makes values of
 * them.
 */
class JsonScanner {
  final byte[] in;
  final JsonLimits limits;

  /** The byte to be read next. */
  int pos;

  /** Objects and arrays that are open. */
  int depth;

  // Of the string scanned last: its content's bounds, and whether it holds a backslash.
  int stringStart;
  int stringEnd;
  boolean escaped;

  JsonScanner(byte[] in, JsonLimits limits) {
    this.in = in;
    this.limits = limits;
  }

  // -- structure ------------------------------------------------------------------------------

  /** Enters an object or array; false when it is empty, and left already. */
  final boolean open(char close) {
    pos++;
    if (++depth > limits.depth()) {
      limits.checkDepth(depth, " at " + place());
    }
    whitespace();
    if (peek() != close) {
      return true;
    }
    pos++;
    depth--;
    return false;
  }

  /** After a value: whether another follows, or else {@code close} was left behind. */
  final boolean more(char close) {
    whitespace();
    int c = peek();
    if (c == close) {
      pos++;
      depth--;
      return false;
    }
    if (c != ',') {
      throw unexpected("',' or '" + close + "'");
    }
    pos++;
    whitespace();
    if (peek() == close) {
      throw error("there is a comma before '" + close + "'; remove it");
    }
    return true;
  }

  final void colon() {
    whitespace();
    if (peek() != ':') {
      throw unexpected("':' after the name");
    }
    pos++;
    whitespace();
  }

  /** The next byte, 0 to 255; -1 at the end. */
  final int peek() {
    return pos < in.length ? in[pos] & 0xff : -1;
  }

  final void whitespace() {
    int from = pos;
    while (pos < in.length) {
      byte b = in[pos];
      if (b > ' ' || (b != ' ' && b != '\n' && b != '\r' && b != '\t')) {
        break;
      }
      pos++;
    }
    if (pos > from) {
      skipped(from);
    }
  }

  /** Told of whitespace from there to here. */
  void skipped(int from) {}

  final void literal(String word) {
    for (int i = 0; i < word.length(); i++) {
      if (pos + i >= in.length || in[pos + i] != word.charAt(i)) {
        throw unexpected("a value");
      }
    }
    pos += word.length();
  }

  // -- numbers --------------------------------------------------------------------------------

  final void number() {
    int from = pos;
    if (peek() == '-') {
      pos++;
    }
    if (peek() == '0') {
      pos++;
      if (isDigit(peek())) {
        throw error("a number has a leading zero; remove it, or write a string");
      }
    } else if (isDigit(peek())) {
      digits();
    } else {
      throw unexpected("a value");
    }
    if (peek() == '.') {
      pos++;
      requireDigits("after the decimal point");
    }
    int c = peek();
    if (c == 'e' || c == 'E') {
      pos++;
      c = peek();
      if (c == '+' || c == '-') {
        pos++;
      }
      int exponentStart = pos;
      requireDigits("in the exponent");
      checkExponent(exponentStart);
    }
    if (pos - from > limits.numberChars()) {
      throw error(
          "a number has more than "
              + limits.numberChars()
              + " characters; shorten it, or write a string");
    }
  }

  private void checkExponent(int from) {
    long exponent = 0;
    for (int i = from; i < pos; i++) {
      exponent = Math.min(exponent * 10 + (in[i] - '0'), Integer.MAX_VALUE);
    }
    if (exponent > limits.exponent()) {
      throw error(
          "a number's exponent is beyond " + limits.exponent() + "; scale it, or write a string");
    }
  }

  private void requireDigits(String where) {
    if (!isDigit(peek())) {
      throw unexpected("a digit " + where);
    }
    digits();
  }

  private void digits() {
    while (pos < in.length && isDigit(in[pos])) {
      pos++;
    }
  }

  private static boolean isDigit(int c) {
    return c >= '0' && c <= '9';
  }

  // -- strings --------------------------------------------------------------------------------

  /** Checks a string and leaves it behind, its content between stringStart and stringEnd. */
  final void string() {
    if (peek() != '"') {
      throw unexpected("a name in double quotes");
    }
    stringStart = ++pos;
    escaped = false;
    while (true) {
      if (pos >= in.length) {
        throw error("a string is not closed; add '\"'");
      }
      byte b = in[pos];
      if (b == '"') {
        stringEnd = pos++;
        return;
      } else if (b == '\\') {
        escaped = true;
        escape();
      } else if (b >= 0x20) {
        pos++;
      } else if (b >= 0) {
        throw error("a string holds a control character; write it as " + unicodeEscape(b));
      } else {
        multibyte();
      }
    }
  }

  private void escape() {
    pos++;
    int c = peek();
    switch (c) {
      case '"', '\\', '/', 'b', 'f', 'n', 'r', 't' -> pos++;
      case 'u' -> {
        int unit = hex4(pos + 1);
        if (Character.isSurrogate((char) unit)) {
          boolean pair =
              Character.isHighSurrogate((char) unit)
                  && pos + 6 < in.length
                  && in[pos + 5] == '\\'
                  && in[pos + 6] == 'u'
                  && Character.isLowSurrogate((char) hex4(pos + 7));
          if (!pair) {
            throw error("a string holds half of a surrogate pair; write both halves or neither");
          }
          pos += 6;
        }
        pos += 5;
      }
      default -> throw unexpected("one of \" \\ / b f n r t u after a backslash");
    }
  }

  private int hex4(int from) {
    int unit = 0;
    for (int i = from; i < from + 4; i++) {
      int digit = i < in.length ? Character.digit(in[i], 16) : -1;
      if (digit < 0) {
        throw error("\\u needs four hexadecimal digits");
      }
      unit = unit << 4 | digit;
    }
    return unit;
  }

  /** Checks one character of two to four bytes. */
  private void multibyte() {
    int b = in[pos] & 0xff;
    int length;
    int low = 0x80;
    int high = 0xbf;
    if (b >= 0xc2 && b <= 0xdf) {
      length = 2;
    } else if (b >= 0xe0 && b <= 0xef) {
      length = 3;
      low = b == 0xe0 ? 0xa0 : low; // no longer than needed
      high = b == 0xed ? 0x9f : high; // no surrogates
    } else if (b >= 0xf0 && b <= 0xf4) {
      length = 4;
      low = b == 0xf0 ? 0x90 : low;
      high = b == 0xf4 ? 0x8f : high; // nothing above U+10FFFF
    } else {
      throw notUtf8();
    }
    for (int i = 1; i < length; i++) {
      int next = pos + i < in.length ? in[pos + i] & 0xff : 0;
      if (next < low || next > high) {
        throw notUtf8();
      }
      low = 0x80;
      high = 0xbf;
    }
    pos += length;
  }

  /** The string scanned last. */
  final String text() {
    if (!escaped) {
      return new String(in, stringStart, stringEnd - stringStart, StandardCharsets.UTF_8);
    }
    StringBuilder text = new StringBuilder(stringEnd - stringStart);
    int from = stringStart;
    for (int i = from; i < stringEnd; ) {
      if (in[i] != '\\') {
        i++;
        continue;
      }
      text.append(new String(in, from, i - from, StandardCharsets.UTF_8));
      byte c = in[i + 1];
      i += 2;
      switch (c) {
        case 'b' -> text.append('\b');
        case 'f' -> text.append('\f');
        case 'n' -> text.append('\n');
        case 'r' -> text.append('\r');
        case 't' -> text.append('\t');
        case 'u' -> {
          text.append((char) hex4(i));
          i += 4;
        }
        default -> text.append((char) c);
      }
      from = i;
    }
    return text.append(new String(in, from, stringEnd - from, StandardCharsets.UTF_8)).toString();
  }

  // -- errors ---------------------------------------------------------------------------------

  private InvalidInputException notUtf8() {
    return error("a string is not UTF-8; send the text in UTF-8");
  }

  final InvalidInputException unexpected(String wanted) {
    int c = peek();
    if (c < 0) {
      return error("the text ends where " + wanted + " should be");
    }
    String found = c > 0x20 && c < 0x7f ? "'" + (char) c + "'" : String.format("byte 0x%02x", c);
    String mend =
        switch (c) {
          case '\'' -> "; use double quotes";
          case '/', '#' -> "; JSON has no comments";
          case 'N', 'I' -> "; NaN and Infinity are no JSON numbers";
          case '+', '.' -> "; a number starts with '-' or a digit";
          default -> "";
        };
    return error("found " + found + " where " + wanted + " should be" + mend);
  }

  final InvalidInputException error(String what) {
    return new InvalidInputException("Invalid JSON at " + place() + ": " + what + ".");
  }

  final String place() {
    int line = 1;
    int lineStart = 0;
    int end = Math.min(pos, in.length);
    for (int i = 0; i < end; i++) {
      if (in[i] == '\n') {
        line++;
        lineStart = i + 1;
      }
    }
    return "line " + line + ", column " + (end - lineStart + 1);
  }

  private static String unicodeEscape(int c) {
    return String.format("\\u%04x", c);
  }
}
