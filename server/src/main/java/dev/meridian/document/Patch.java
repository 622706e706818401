package dev.meridian.document;

/**
 * A change to a document's value, given as JSON.
 *
 * @param kind which language {@code json} is in
 * @param json the patch as minified JSON in UTF-8
 * @param create whether a missing document is patched as if it were {@code {}}; otherwise it is an
 *     error
 */
@SuppressWarnings("ArrayRecordComponent") // shared, never changed
public record Patch(Kind kind, byte[] json, boolean create) {
  /** The patch languages. */
  public enum Kind {
    /** JSON Merge Patch, RFC 7396. */
    MERGE,
    /** JSON Patch, RFC 6902. */
    JSON_PATCH,
    /**
     * Atomic increments: an object from field path ({@code visits}, {@code stats.views}) to the
     * number to add. A missing field counts from 0.
     */
    INCREMENT
  }
}
