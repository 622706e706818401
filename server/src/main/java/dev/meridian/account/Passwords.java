package dev.meridian.account;

import dev.meridian.document.InvalidInputException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.text.Normalizer;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What a password is, and which are too easy to guess (NIST SP 800-63B, section 3.1.1.2): any
 * characters, a least length, none that everybody tries first, and no rules of composition.
 */
final class Passwords {
  /** Longest password, in characters (code points). */
  static final int MAX_CHARS = 256;

  private static final Set<String> COMMON = common();

  private Passwords() {}

  /**
   * The password in the form that is hashed, as PRECIS' OpaqueString (RFC 8265, section 4.2): all
   * kinds of spaces are one, and composed characters are so in one way (NFC), whatever keyboard
   * they were typed on.
   *
   * @throws InvalidInputException if it is too long, empty or has control characters
   */
  static String prepare(String text) {
    // Before it is touched; a character has at most two units.
    if (text.length() > 4 * MAX_CHARS) {
      throw tooLong();
    }
    StringBuilder spaced = new StringBuilder(text.length());
    text.codePoints()
        .forEach(
            c ->
                spaced.appendCodePoint(
                    Character.getType(c) == Character.SPACE_SEPARATOR ? ' ' : c));
    String password = Normalizer.normalize(spaced, Normalizer.Form.NFC);
    if (length(password) > MAX_CHARS) {
      throw tooLong();
    }
    if (password.isEmpty()) {
      throw new InvalidInputException("The password is missing.");
    }
    if (password
        .codePoints()
        .anyMatch(c -> Character.isISOControl(c) || Character.getType(c) == Character.SURROGATE)) {
      throw new InvalidInputException(
          "A password may have any characters but control characters and broken ones.");
    }
    return password;
  }

  private static InvalidInputException tooLong() {
    return new InvalidInputException("A password has at most " + MAX_CHARS + " characters.");
  }

  /**
   * Checks a new password, and gives it in the form that is hashed.
   *
   * @param least fewest characters
   * @param own words that everybody would try for this user: their name, the site's
   * @throws InvalidInputException if it is none, or too easy to guess
   */
  static String checkNew(String text, int least, Set<String> own) {
    String password = prepare(text);
    if (length(password) < least) {
      throw new InvalidInputException(
          "A password has at least " + least + " characters; a few words make a good one.");
    }
    String folded = password.toLowerCase(Locale.ROOT);
    String core = core(folded);
    boolean easy =
        COMMON.contains(folded)
            || COMMON.contains(core)
            || folded.codePoints().distinct().count() < 3
            || isRun(folded)
            || own.stream().anyMatch(word -> isEasy(folded, core, word));
    if (easy) {
      throw new InvalidInputException(
          "This password is among the first that others would try; choose another, such as a few"
              + " words that do not belong together.");
    }
    return password;
  }

  private static int length(String text) {
    return text.codePointCount(0, text.length());
  }

  /** Without the digits and signs that people put behind a word. */
  private static String core(String text) {
    int end = text.length();
    while (end > 0 && !Character.isLetter(text.charAt(end - 1))) {
      end--;
    }
    return text.substring(0, end);
  }

  private static boolean isEasy(String folded, String core, String word) {
    String own = word.toLowerCase(Locale.ROOT);
    return !own.isEmpty() && (folded.equals(own) || core.equals(own) || folded.equals(own + own));
  }

  /** Whether each character is the one after the one before, or each the one before. */
  private static boolean isRun(String text) {
    int step = text.charAt(1) - text.charAt(0);
    if (step != 1 && step != -1) {
      return false;
    }
    for (int i = 2; i < text.length(); i++) {
      int by = text.charAt(i) - text.charAt(i - 1);
      // 1234567890
      if (by != step && !(text.charAt(i) == '0' && text.charAt(i - 1) == '9' && step == 1)) {
        return false;
      }
    }
    return true;
  }

  private static Set<String> common() {
    try (InputStream in =
        Objects.requireNonNull(Passwords.class.getResourceAsStream("common-passwords.txt"))) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8)
          .lines()
          .filter(line -> !line.isBlank() && !line.startsWith("#"))
          .collect(Collectors.toUnmodifiableSet());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
