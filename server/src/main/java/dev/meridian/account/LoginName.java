package dev.meridian.account;

import dev.meridian.document.InvalidInputException;
import java.text.Normalizer;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The name that somebody signs in with: an e-mail address, or a name of their choice. Two that look
 * the same but for case or width are the same name, as in PRECIS' UsernameCaseMapped (RFC 8265,
 * section 3.3): compatibility forms are resolved (NFKC), and letters are lower case. What cannot be
 * seen is in no name, nor are the parts of Hangul syllables (RFC 8264, sections 9.13 and 9.9). It
 * is not judged whether letters of different scripts look alike.
 */
public final class LoginName {
  /** Longest name, in characters as people count them (code points). */
  public static final int MAX_CHARS = 100;

  /** Most marks on one letter, after composition. */
  static final int MAX_MARKS = 6;

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
        || !name.codePoints().allMatch(LoginName::mayStand)
        || hasManyMarks(name)) {
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

  /** Marks upon marks run over what is above and below, and look like others of as many. */
  private static boolean hasManyMarks(String name) {
    int marks = 0;
    for (int c : name.codePoints().toArray()) {
      int type = Character.getType(c);
      boolean mark = type == Character.NON_SPACING_MARK || type == Character.COMBINING_SPACING_MARK;
      marks = mark ? marks + 1 : 0;
      if (marks > MAX_MARKS) {
        return true;
      }
    }
    return false;
  }

  /**
   * Whether it is shown as nothing: Default_Ignorable_Code_Point of Unicode's
   * DerivedCoreProperties.txt, with those that are not given out yet.
   */
  private static boolean isInvisible(int c) {
    return c == 0x00AD
        || c == 0x034F
        || c == 0x061C
        || (c >= 0x115F && c <= 0x1160)
        || (c >= 0x17B4 && c <= 0x17B5)
        || (c >= 0x180B && c <= 0x180F)
        || (c >= 0x200B && c <= 0x200F)
        || (c >= 0x202A && c <= 0x202E)
        || (c >= 0x2060 && c <= 0x206F)
        || c == 0x3164
        || (c >= 0xFE00 && c <= 0xFE0F)
        || c == 0xFEFF
        || c == 0xFFA0
        || (c >= 0xFFF0 && c <= 0xFFF8)
        || (c >= 0x1BCA0 && c <= 0x1BCA3)
        || (c >= 0x1D173 && c <= 0x1D17A)
        || (c >= 0xE0000 && c <= 0xE0FFF);
  }

  /** Conjoining Hangul Jamo (RFC 8264, section 9.9), which make what looks like a syllable. */
  private static boolean isOldHangul(int c) {
    return (c >= 0x1100 && c <= 0x11FF)
        || (c >= 0xA960 && c <= 0xA97C)
        || (c >= 0xD7B0 && c <= 0xD7FB);
  }

  private static boolean mayStand(int c) {
    if (isInvisible(c) || isOldHangul(c)) {
      return false;
    }
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
