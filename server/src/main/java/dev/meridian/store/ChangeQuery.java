package dev.meridian.store;

/**
 * Which part of the change feed to follow.
 *
 * @param scope which documents
 * @param since changes after this; {@link Position#START} begins with a full copy
 * @param mayCome whether {@code since} may lie beyond the newest change here, because this replica
 *     lags behind the one that gave it; the feed then waits for it. Otherwise such a position is
 *     lost
 */
public record ChangeQuery(ChangeScope scope, Position since, boolean mayCome) {
  /** A query for a position that this store, or one that it has caught up with, has given. */
  public ChangeQuery(ChangeScope scope, Position since) {
    this(scope, since, false);
  }
}
