package dev.meridian.site;

import java.util.Collection;
import java.util.Locale;
import java.util.Optional;

/** Guesses what somebody meant to write. */
public final class Suggestions {
  /** Words longer than this are compared by their beginning: the cost grows with the square. */
  private static final int MAX_CHARS = 64;

  private Suggestions() {}

  /** {@code , did you mean 'x'?} for the nearest known word, or a full stop if none is near. */
  public static String didYouMean(String word, Collection<String> known) {
    return nearest(word, known).map(near -> ", did you mean '" + near + "'?").orElse(".");
  }

  /** The known word that a few slips of the finger away from {@code word}, if there is one. */
  static Optional<String> nearest(String word, Collection<String> known) {
    String written = cut(word);
    String best = null;
    int bestDistance = Integer.MAX_VALUE;
    for (String candidate : known) {
      int distance = distance(written, cut(candidate));
      // A third of the word may be wrong: "colections" yes, "cat" for "ttl" no.
      if (distance < bestDistance && distance <= Math.max(1, candidate.length() / 3)) {
        best = candidate;
        bestDistance = distance;
      }
    }
    return Optional.ofNullable(best);
  }

  private static String cut(String word) {
    return word.substring(0, Math.min(word.length(), MAX_CHARS)).toLowerCase(Locale.ROOT);
  }

  /** Edits, swaps of neighbours counting as one (optimal string alignment). */
  static int distance(String a, String b) {
    int[][] d = new int[a.length() + 1][b.length() + 1];
    for (int i = 0; i <= a.length(); i++) {
      for (int j = 0; j <= b.length(); j++) {
        if (i == 0 || j == 0) {
          d[i][j] = i + j;
          continue;
        }
        int change = a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1;
        d[i][j] = Math.min(Math.min(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + change);
        if (i > 1
            && j > 1
            && a.charAt(i - 1) == b.charAt(j - 2)
            && a.charAt(i - 2) == b.charAt(j - 1)) {
          d[i][j] = Math.min(d[i][j], d[i - 2][j - 2] + 1);
        }
      }
    }
    return d[a.length()][b.length()];
  }
}
