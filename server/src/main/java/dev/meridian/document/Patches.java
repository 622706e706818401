package dev.meridian.document;

/**
 * Applies patches to documents. The result depends on nothing but the arguments, so every replica
 * that applies a patch gets the same bytes, or the same refusal.
 */
public final class Patches {
  private static final byte[] EMPTY = {'{', '}'};

  private Patches() {}

  /** What a missing document is patched as, if it is to be created: {@code {}}. */
  public static byte[] empty() {
    return EMPTY.clone();
  }

  /**
   * The value after the patch.
   *
   * @param current the value before, as it is stored
   * @param limits what the patch and the result must keep to
   * @return minified JSON in UTF-8
   * @throws PatchException if the patch does not fit the value; {@link TooLargeException} if the
   *     result is too long; {@link InvalidInputException} if the patch is none
   */
  public static byte[] apply(byte[] current, Patch patch, JsonLimits limits) {
    byte[] result =
        switch (patch.kind()) {
          case MERGE -> merge(current, patch.json(), limits);
          case JSON_PATCH -> JsonPatch.parse(patch.json(), limits).apply(stored(current), limits);
          case INCREMENT -> Increments.parse(patch.json(), limits).apply(current, limits);
        };
    if (result.length > limits.bytes()) {
      throw new TooLargeException(
          "The patch makes the document "
              + result.length
              + " bytes; at most "
              + limits.bytes()
              + " are accepted. Split the document.");
    }
    return result;
  }

  /**
   * Checks what can be checked without the document.
   *
   * @throws InvalidInputException if the patch is none; the message says where
   */
  public static void check(Patch patch, JsonLimits limits) {
    switch (patch.kind()) {
      case MERGE -> Json.minify(patch.json(), limits);
      case JSON_PATCH -> JsonPatch.parse(patch.json(), limits);
      case INCREMENT -> Increments.parse(patch.json(), limits).checkNames();
    }
  }

  private static byte[] merge(byte[] current, byte[] patch, JsonLimits limits) {
    return MergePatch.apply(stored(current), Json.parse(patch, limits)).toBytes();
  }

  /** Stored values were within limits when they were stored; those may have been wider. */
  static Json stored(byte[] json) {
    return new StoredJson(json).read();
  }
}
