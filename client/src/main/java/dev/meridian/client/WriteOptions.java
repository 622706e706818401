package dev.meridian.client;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * What a write requires and sets besides the value. Immutable; start from {@link #NONE}.
 *
 * @param ifMatch the ETag the document must be at, without quotes, or {@code *} for any; null: no
 *     such condition
 * @param ifNoneMatch the ETag the document must not be at, or {@code *}: it must not exist; null:
 *     no such condition
 * @param expiresAt when the document stops being served; null: unchanged, or the collection's
 *     default
 * @param idempotencyKey 1 to 255 visible ASCII characters that name this write; null: the client
 *     makes one, so that its own retries are safe
 */
public record WriteOptions(
    @Nullable String ifMatch,
    @Nullable String ifNoneMatch,
    @Nullable Instant expiresAt,
    @Nullable String idempotencyKey) {
  private static final int MAX_KEY_CHARS = 255;

  /** Checks the key: HTTP would send any other character as '?', and so make two keys one. */
  public WriteOptions {
    if (idempotencyKey != null
        && (idempotencyKey.isEmpty()
            || idempotencyKey.length() > MAX_KEY_CHARS
            || !idempotencyKey.chars().allMatch(c -> c > 0x20 && c < 0x7f))) {
      throw new IllegalArgumentException(
          "An idempotency key has 1 to " + MAX_KEY_CHARS + " visible ASCII characters.");
    }
  }

  /** No conditions, no expiry. */
  public static final WriteOptions NONE = new WriteOptions(null, null, null, null);

  /** The document must be at this ETag. */
  public static WriteOptions ifMatch(String etag) {
    return new WriteOptions(etag, null, null, null);
  }

  /** The document must not exist yet. */
  public static WriteOptions ifAbsent() {
    return new WriteOptions(null, "*", null, null);
  }

  /** The document must exist. */
  public static WriteOptions ifExists() {
    return new WriteOptions("*", null, null, null);
  }

  /** These options, and the document stops being served then. */
  public WriteOptions withExpiresAt(@Nullable Instant when) {
    return new WriteOptions(ifMatch, ifNoneMatch, when, idempotencyKey);
  }

  /** These options under the caller's own idempotency key. */
  public WriteOptions withIdempotencyKey(String key) {
    return new WriteOptions(ifMatch, ifNoneMatch, expiresAt, key);
  }
}
