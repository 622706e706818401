package dev.meridian.web;

import dev.meridian.document.InvalidInputException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** Percent-encoding (RFC 3986, section 2.1), strict: what is not exactly UTF-8 is refused. */
final class Percent {
  private static final String UNRESERVED =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

  private Percent() {}

  /**
   * Decodes.
   *
   * @param plusIsSpace whether {@code +} stands for a space, as in queries made by forms
   * @throws InvalidInputException if an escape is broken or the bytes are not UTF-8
   */
  static String decode(String text, boolean plusIsSpace) {
    if (text.indexOf('%') < 0) {
      return plusIsSpace ? text.replace('+', ' ') : text;
    }
    ByteBuffer bytes = ByteBuffer.allocate(text.length() * 3);
    int i = 0;
    while (i < text.length()) {
      char c = text.charAt(i);
      if (c == '%') {
        int high = i + 2 < text.length() ? Character.digit(text.charAt(i + 1), 16) : -1;
        int low = i + 2 < text.length() ? Character.digit(text.charAt(i + 2), 16) : -1;
        if (high < 0 || low < 0) {
          throw new InvalidInputException(
              "The address has a broken escape at '"
                  + text.substring(i, Math.min(i + 3, text.length()))
                  + "'; write % and two hexadecimal digits, and a percent sign itself as %25.");
        }
        bytes.put((byte) (high << 4 | low));
        i += 3;
      } else {
        bytes.put(
            (c == '+' && plusIsSpace ? " " : String.valueOf(c)).getBytes(StandardCharsets.UTF_8));
        i++;
      }
    }
    try {
      CharBuffer decoded = StandardCharsets.UTF_8.newDecoder().decode(bytes.flip());
      return decoded.toString();
    } catch (CharacterCodingException e) {
      throw new InvalidInputException(
          "The escapes in the address do not make valid UTF-8; encode the text as UTF-8 first.", e);
    }
  }

  /** Encodes everything but letters, digits and {@code -._~}; slashes stay. */
  static String encodePath(String path) {
    StringBuilder encoded = new StringBuilder(path.length() + 16);
    for (byte b : path.getBytes(StandardCharsets.UTF_8)) {
      if (b == '/' || UNRESERVED.indexOf(b) >= 0) {
        encoded.append((char) b);
      } else {
        encoded
            .append('%')
            .append(Character.toUpperCase(Character.forDigit(b >> 4 & 15, 16)))
            .append(Character.toUpperCase(Character.forDigit(b & 15, 16)));
      }
    }
    return encoded.toString();
  }
}
