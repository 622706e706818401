package dev.meridian.document;

/**
 * How much of a JSON text is accepted. Every reader of this room keeps to them, whatever the format
 * the text came in.
 *
 * @param bytes longest text in bytes, whitespace included
 * @param depth deepest nesting of objects and arrays; a bare string has depth 0
 * @param numberChars longest number in characters
 * @param exponent greatest exponent of ten a number may carry, up or down. It keeps {@code
 *     1e999999999}, twelve bytes, from becoming a gigabyte in whatever computes with it
 */
public record JsonLimits(int bytes, int depth, int numberChars, int exponent) {
  /** A document: 1 MiB, 64 deep, numbers of 1,000 characters and exponents to 9,999. */
  public static final JsonLimits DEFAULT = new JsonLimits(1 << 20, 64, 1_000, 9_999);

  /** The deepest that may be asked for: readers recurse, and a thread's stack must hold it. */
  public static final int MAX_DEPTH = 512;

  /** Checks the bounds of the bounds. */
  public JsonLimits {
    if (bytes < 1) {
      throw new IllegalArgumentException("bytes must be positive: " + bytes);
    }
    if (depth < 1 || depth > MAX_DEPTH) {
      throw new IllegalArgumentException("depth must be 1 to " + MAX_DEPTH + ": " + depth);
    }
    if (numberChars < 1 || numberChars > 10_000) {
      throw new IllegalArgumentException("numberChars must be 1 to 10,000: " + numberChars);
    }
    if (exponent < 1 || exponent > 100_000) {
      throw new IllegalArgumentException("exponent must be 1 to 100,000: " + exponent);
    }
  }

  /** The same limits for texts of up to {@code bytes}. */
  public JsonLimits withBytes(int bytes) {
    return new JsonLimits(bytes, depth, numberChars, exponent);
  }

  /** The same limits for nesting of up to {@code depth}. */
  public JsonLimits withDepth(int depth) {
    return new JsonLimits(bytes, depth, numberChars, exponent);
  }

  /** Refuses input that is too long. */
  void checkBytes(long length) {
    if (length > bytes) {
      throw new TooLargeException(
          "The value is " + length + " bytes; at most " + bytes + " are accepted. Split it.");
    }
  }

  /** Refuses a nesting that is too deep; {@code where} ends the sentence. */
  void checkDepth(int reached, String where) {
    if (reached > depth) {
      throw new InvalidInputException(
          "The value is nested deeper than " + depth + " levels" + where + "; flatten it.");
    }
  }
}
