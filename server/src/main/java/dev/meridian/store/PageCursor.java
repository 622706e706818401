package dev.meridian.store;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.meridian.document.InvalidInputException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Base64;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The opaque text from which a list goes on: where in the order it stopped, and a checksum over
 * that and the query, so that garbage, or the cursor of another query, is refused. It keeps nothing
 * on the server. It is no secret: it is never the place of a document that its reader may not see.
 * And it grants nothing: what it leads to is read under the same rules as the first page.
 */
final class PageCursor {
  /** Longest cursor: an index's longest key, generously, in base 64. */
  private static final int MAX_CHARS = 32 << 10;

  private static final int TAG_BYTES = 8;

  private PageCursor() {}

  /**
   * The cursor after a place.
   *
   * @param order {@link Walk#order} of the place
   */
  static String encode(Query query, Plan plan, byte[] order) {
    byte[] tag = tag(query, plan, order);
    return Base64.getUrlEncoder().withoutPadding().encodeToString(Keys.concat(tag, order));
  }

  /** The place {@code cursor} stands for, if it is of this query and plan; else null. */
  static byte @Nullable [] decode(Query query, Plan plan, String cursor) {
    if (cursor.length() > MAX_CHARS) {
      return null;
    }
    byte[] bytes;
    try {
      bytes = Base64.getUrlDecoder().decode(cursor);
    } catch (IllegalArgumentException e) {
      return null;
    }
    if (bytes.length <= TAG_BYTES) {
      return null;
    }
    byte[] order = Arrays.copyOfRange(bytes, TAG_BYTES, bytes.length);
    byte[] tag = tag(query, plan, order);
    return Arrays.equals(tag, 0, TAG_BYTES, bytes, 0, TAG_BYTES) ? order : null;
  }

  static InvalidInputException refused() {
    return new InvalidInputException(
        "'after' is not a cursor of this query (or the index it went by has been dropped); send"
            + " back 'next' of the page before, with the same where and sort, or start anew.");
  }

  private static byte[] tag(Query query, Plan plan, byte[] order) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      add(digest, query.collection());
      add(digest, query.where());
      add(digest, query.sort());
      add(digest, plan.by());
      // Only then does the order depend on which index it is.
      add(digest, plan.by() == Plan.OrderKey.INDEX ? signature(plan) : null);
      digest.update(order);
      return Arrays.copyOf(digest.digest(), TAG_BYTES);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  private static String signature(Plan plan) {
    return new String(Index.metaKey(Objects.requireNonNull(plan.index()).definition()), UTF_8);
  }

  private static void add(MessageDigest digest, @Nullable Object part) {
    digest.update((part == null ? "" : part.toString()).getBytes(UTF_8));
    digest.update((byte) (part == null ? 1 : 0));
  }
}
