package dev.meridian.web;

import java.text.Normalizer;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;

/** Names as people type them on any keyboard: for finding them whatever their accents. */
final class NameFolding {
  private static final Pattern MARKS = Pattern.compile("\\p{M}+");
  private static final Pattern SIGNS = Pattern.compile("[^a-z0-9]+");

  /** Letters that Unicode does not decompose. */
  private static final Map<Integer, String> LETTERS =
      Map.ofEntries(
          Map.entry((int) 'ß', "ss"),
          Map.entry((int) 'æ', "ae"),
          Map.entry((int) 'œ', "oe"),
          Map.entry((int) 'ø', "o"),
          Map.entry((int) 'đ', "d"),
          Map.entry((int) 'ð', "d"),
          Map.entry((int) 'þ', "th"),
          Map.entry((int) 'ł', "l"),
          Map.entry((int) 'ħ', "h"),
          Map.entry((int) 'ı', "i"),
          Map.entry((int) 'ə', "a"),
          Map.entry((int) 'ŋ', "ng"),
          Map.entry((int) 'ŧ', "t"),
          Map.entry((int) 'ƙ', "k"),
          Map.entry((int) 'ɓ', "b"),
          Map.entry((int) 'ɗ', "d"));

  private NameFolding() {}

  /**
   * Lower case, ASCII, one space between words: "Łódź" becomes "lodz". Letters without a likeness
   * in ASCII, such as Greek ones, are left out.
   */
  static String fold(String text) {
    String lower = text.toLowerCase(Locale.ROOT);
    String plain = MARKS.matcher(Normalizer.normalize(lower, Normalizer.Form.NFKD)).replaceAll("");
    StringBuilder ascii = new StringBuilder(plain.length());
    plain
        .codePoints()
        .forEach(
            c -> {
              if (c == '\'' || c == '`') {
                return;
              }
              if (c < 0x80) {
                ascii.append((char) c);
              } else {
                ascii.append(LETTERS.getOrDefault(c, ""));
              }
            });
    return SIGNS.matcher(ascii).replaceAll(" ").strip();
  }
}
