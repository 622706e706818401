package dev.meridian.document;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Text that comes from outside, and text in error messages. */
final class Texts {
  private static final int MAX_CHARS = 60;

  private static final Pattern DECIMAL =
      Pattern.compile("([-+]?)(?:([0-9]+)(?:\\.([0-9]*))?|\\.([0-9]+))([eE][-+]?[0-9]+)?");

  private Texts() {}

  /** {@code text}, cut when it is too long for a message, without control characters. */
  static String shorten(String text) {
    StringBuilder shown = new StringBuilder();
    for (int i = 0; i < text.length() && i < MAX_CHARS; i++) {
      char c = text.charAt(i);
      shown.append(Character.isISOControl(c) || Character.isSurrogate(c) ? '\ufffd' : c);
    }
    return text.length() > MAX_CHARS ? shown.append('…').toString() : shown.toString();
  }

  /**
   * Decodes UTF-8 strictly, without a byte order mark.
   *
   * @param format the name of what the text is in
   */
  static String utf8(byte[] bytes, String format) {
    try {
      String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
      return text.startsWith("\ufeff") ? text.substring(1) : text;
    } catch (CharacterCodingException e) {
      throw new InvalidInputException(
          "Invalid " + format + ": the text is not UTF-8; send it in UTF-8.", e);
    }
  }

  /**
   * A decimal number as JSON spells it, its digits kept: {@code +01.} becomes {@code 1}. Null when
   * it is none.
   */
  static @Nullable String jsonNumber(String text) {
    Matcher matcher = DECIMAL.matcher(text);
    if (!matcher.matches()) {
      return null;
    }
    String whole = matcher.group(2);
    String fraction = matcher.group(2) == null ? matcher.group(4) : matcher.group(3);
    String exponent = matcher.group(5);
    int zeros = 0;
    while (whole != null && zeros < whole.length() - 1 && whole.charAt(zeros) == '0') {
      zeros++;
    }
    return (matcher.group(1).equals("-") ? "-" : "")
        + (whole == null ? "0" : whole.substring(zeros))
        + (fraction == null || fraction.isEmpty() ? "" : "." + fraction)
        + (exponent == null ? "" : exponent);
  }
}
