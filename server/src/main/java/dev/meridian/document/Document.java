package dev.meridian.document;

/**
 * A JSON value under a path.
 *
 * @param path where it lives
 * @param version the version of the write that made it; its ETag
 * @param expiresAtMillis when it stops being served, in milliseconds since 1970; 0 means never
 * @param json the value as minified JSON in UTF-8, numbers in the writer's own digits. Shared,
 *     never to be changed
 */
@SuppressWarnings("ArrayRecordComponent") // bytes go from the store to the socket uncopied
public record Document(DocumentPath path, Version version, long expiresAtMillis, byte[] json) {
  /** {@link #expiresAtMillis} of a document that stays. */
  public static final long NEVER = 0;

  /** Whether the document may no longer be served at {@code nowMillis}. */
  public boolean isExpiredAt(long nowMillis) {
    return expiresAtMillis != NEVER && expiresAtMillis <= nowMillis;
  }
}
