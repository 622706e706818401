package dev.meridian.account;

import dev.meridian.document.InvalidInputException;
import java.text.Normalizer;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The name that somebody signs in with: an e-mail address, or a name of their choice. Two that look
 * the same but for case or width are the same name, as in PRECIS' UsernameCaseMapped (RFC 8265,
 * section 3.3): compatibility forms are resolved (NFKC), and letters are lower case. It is not
 * judged whether letters of different scripts look alike.
 */
public final class LoginName {
  /** Longest name, in characters as people count them (code points). */
  public static final int MAX_CHARS = 100;

  private static final String SIGNS = "._-+@'";

  /** What ids of users look like: or the operator would mean one and say another. */
  static final Pattern ID = Pattern.compile("[0-9a-f]{32}");

  private LoginName() {}

  /**
   * The name in the one form that is stored and compared.
   *
   * @throws InvalidInputException if it can be nobody's name
   */
  public static String of(String text) {
    return parse(text)
        .orElseThrow(
            () ->
                new InvalidInputException(
                    "A name has 1 to "
                        + MAX_CHARS
                        + " letters, digits and characters of "
                        + SIGNS
                        + " without spaces, and begins with a letter or digit."));
  }

  /** The same; empty if it can be nobody's name. */
  public static Optional<String> parse(String text) {
    // Before it is touched: what is this long is no name in any form.
    if (text.length() > 4 * MAX_CHARS) {
      return Optional.empty();
    }
    // Folding may bring forth what is to be composed anew, and the other way round.
    String name = Normalizer.normalize(fold(text.strip()), Normalizer.Form.NFKC);
    name = Normalizer.normalize(fold(name), Normalizer.Form.NFKC);
    if (name.isEmpty()
        || name.codePointCount(0, name.length()) > MAX_CHARS
        || !name.equals(Normalizer.normalize(fold(name), Normalizer.Form.NFKC))
        || !Character.isLetterOrDigit(name.codePointAt(0))
        || ID.matcher(name).matches()
        || !name.codePoints().allMatch(LoginName::mayStand)) {
      return Optional.empty();
    }
    return Optional.of(name);
  }

  /** By way of upper case, so that ß and ss, σ and ς are one. */
  private static String fold(String text) {
    return Normalizer.normalize(text, Normalizer.Form.NFKC)
        .toUpperCase(Locale.ROOT)
        .toLowerCase(Locale.ROOT);
  }

  private static boolean mayStand(int c) {
    return switch (Character.getType(c)) {
      case Character.LOWERCASE_LETTER,
          Character.OTHER_LETTER,
          Character.MODIFIER_LETTER,
          Character.UPPERCASE_LETTER,
          Character.NON_SPACING_MARK,
          Character.COMBINING_SPACING_MARK,
          Character.DECIMAL_DIGIT_NUMBER ->
          true;
      default -> SIGNS.indexOf(c) >= 0;
    };
  }
}
