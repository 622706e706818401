package dev.meridian.store;

/**
 * How a read is to be done.
 *
 * @param consistency what it promises
 * @param token what the reader has seen; used by {@link Consistency#SESSION}
 */
public record ReadOptions(Consistency consistency, SessionToken token) {
  /** Linearizable. */
  public static final ReadOptions STRONG = new ReadOptions(Consistency.STRONG, SessionToken.NONE);

  /** Session consistency for a reader that has seen nothing yet. */
  public static final ReadOptions SESSION = new ReadOptions(Consistency.SESSION, SessionToken.NONE);

  /** Session consistency for a reader with this token. */
  public static ReadOptions session(SessionToken token) {
    return new ReadOptions(Consistency.SESSION, token);
  }
}
