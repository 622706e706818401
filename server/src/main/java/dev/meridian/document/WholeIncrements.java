package dev.meridian.document;

import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * An increment patch of whole numbers, of which several can be added up before they are applied:
 * that of all of them does to any document what they do one after another, if it can be applied.
 *
 * <p>Only the plain and common is taken for one: short integers, all of one sign, so that no sum on
 * the way is longer than the first or the last.
 *
 * @param shape the patch without its numbers; only those of equal shape are added up
 * @param amounts the numbers, in the order in which they stand
 */
@SuppressWarnings("ArrayRecordComponent") // never changed
public record WholeIncrements(String shape, long[] amounts) {
  /** Most patches that may be added up: the sum of so many is a {@code long}. */
  public static final int MAX_SUMMANDS = 50_000;

  /** Longer patches are rare, and each that waits to be added up would keep its text twice. */
  private static final int MAX_LENGTH = 512;

  private static final int MAX_DIGITS = 14;
  private static final int MAX_FIELDS = 8;
  private static final char NUMBER = '\u0001';

  /**
   * Reads a patch.
   *
   * @param json an increment patch as minified JSON; anything may be in it
   * @return null when it is not one of those that are added up here
   */
  public static @Nullable WholeIncrements parse(byte[] json) {
    if (json.length > MAX_LENGTH) {
      return null;
    }
    byte[] shape = new byte[json.length];
    long[] amounts = new long[MAX_FIELDS];
    int fields = 0;
    int length = 0;
    int at = 0;
    boolean positive = false;
    boolean negative = false;
    while (at < json.length && json[at] == (fields == 0 ? '{' : ',')) {
      shape[length++] = json[at++];
      int name = at;
      at = afterString(json, at);
      if (at < 0 || at >= json.length || json[at] != ':' || fields == MAX_FIELDS) {
        return null;
      }
      at++;
      System.arraycopy(json, name, shape, length, at - name);
      length += at - name;
      shape[length++] = NUMBER;
      boolean minus = at < json.length && json[at] == '-';
      int first = minus ? at + 1 : at;
      long amount = 0;
      for (at = first; at < json.length && json[at] >= '0' && json[at] <= '9'; at++) {
        if (at - first == MAX_DIGITS) {
          return null;
        }
        amount = 10 * amount + json[at] - '0';
      }
      // Zero with a sign, or before other digits, is not what it would be written as.
      if (at == first || (json[first] == '0' && (minus || at > first + 1))) {
        return null;
      }
      positive |= !minus && amount > 0;
      negative |= minus;
      amounts[fields++] = minus ? -amount : amount;
    }
    if (fields == 0 || at != json.length - 1 || json[at] != '}' || (positive && negative)) {
      return null;
    }
    shape[length++] = '}';
    return new WholeIncrements(
        (negative ? "-" : "+") + new String(shape, 0, length, StandardCharsets.UTF_8),
        java.util.Arrays.copyOf(amounts, fields));
  }

  /** Behind a string without escapes that begins here; -1 if there is none. */
  private static int afterString(byte[] json, int from) {
    if (from >= json.length || json[from] != '"') {
      return -1;
    }
    for (int at = from + 1; at < json.length; at++) {
      if (json[at] == '"') {
        return at + 1;
      }
      if (json[at] == '\\' || (json[at] >= 0 && json[at] < ' ')) {
        return -1;
      }
    }
    return -1;
  }

  /** The patch of this shape with other numbers, as minified JSON in UTF-8. */
  public byte[] with(long[] sums) {
    StringBuilder json = new StringBuilder(shape.length() + 16 * sums.length);
    int field = 0;
    for (int i = 1; i < shape.length(); i++) {
      char c = shape.charAt(i);
      if (c == NUMBER) {
        json.append(sums[field++]);
      } else {
        json.append(c);
      }
    }
    return json.toString().getBytes(StandardCharsets.UTF_8);
  }
}
