package dev.meridian.store;

import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * The whole data path as one interface, implemented at every level, each level wrapping the next:
 * cache, router, replicated shard, RocksDB.
 *
 * <p>All methods may be called on any thread, at best a virtual one: they block. All of them throw
 * {@link StoreException} and nothing else for what can go wrong at run time.
 */
public interface Store extends AutoCloseable {
  /** How old what is read may be without being marked: the bound of {@code EVENTUAL} reads. */
  Duration MAX_AGE = Duration.ofSeconds(5);

  /**
   * The document at {@code path}, or empty when there is none or it has expired.
   *
   * @throws StoreException.Unavailable if the consistency asked for cannot be had now
   */
  Optional<Document> get(DocumentPath path, ReadOptions options);

  /**
   * One page of a collection. Documents in collections below it are not part of it.
   *
   * @throws StoreException.NoIndex if no index serves the query and it allows no scan
   * @throws StoreException.Unavailable if the consistency asked for cannot be had now
   */
  Page list(Query query, ReadOptions options);

  /**
   * Applies the batch, all of it or nothing. On return it is durable and visible to every later
   * {@link Consistency#STRONG} read.
   *
   * @throws StoreException.PreconditionFailed if a write's condition does not hold
   * @throws StoreException.Rejected if the batch can never be applied as it stands
   * @throws StoreException.Unavailable if it was not, or may not have been, applied
   */
  Commit write(Batch batch);

  /**
   * What the batch did when it was applied before under its idempotency key; empty if it was not,
   * or has no key. Writes nothing.
   *
   * @throws StoreException.Rejected if the key was used for another batch
   * @throws StoreException.Unavailable if the newest state cannot be read now
   */
  Optional<Commit> earlier(Batch batch);

  /**
   * The changes after {@code query.since()}, oldest first, only the newest for each path; then
   * those to come. The caller closes the feed.
   *
   * @throws StoreException.PositionLost if deletes after that position have been forgotten
   */
  ChangeFeed changes(ChangeQuery query);

  /**
   * Where {@link #get} finds a value that the change feed and lists do not have yet, here and now;
   * in no order. What is missing was in the feed before this returned.
   */
  default List<DocumentPath> unflushed() {
    return List.of();
  }

  /**
   * A token that covers all that a read which has returned may have seen, also that something was
   * not there: what was read tells its version, what was deleted does not.
   */
  SessionToken seen();

  /**
   * A token that covers only what every read that begins now finds, or something later. {@link
   * #seen} may be ahead of it for a moment: while what it covers becomes visible.
   */
  SessionToken settled();

  /**
   * How old what is read here may be, when that is more than {@link #MAX_AGE}: this replica has not
   * heard from the primary for so long, or has not caught up. Empty as a rule. Strong reads, and
   * what session reads promise, are not affected.
   */
  default Optional<Duration> stale() {
    Duration age = age();
    return age.compareTo(MAX_AGE) > 0 ? Optional.of(age) : Optional.empty();
  }

  /**
   * How many reads of this thread were answered here with what may be older than their collection
   * allows, though this replica is not {@link #stale} by itself. Whoever finds the number changed
   * by a read asks {@link #stale(long)} how old its answer may be, on the same thread.
   */
  default long doubts() {
    return 0;
  }

  /**
   * How old an answer may be, when that must be said: also where a read of this thread since then
   * was in doubt.
   *
   * @param doubts what {@link #doubts} was before the read, on this thread
   */
  default Optional<Duration> stale(long doubts) {
    return stale();
  }

  /** How old what is read here may be: all that was acknowledged before that can be read here. */
  default Duration age() {
    return Duration.ZERO;
  }

  /**
   * The time by which reads judge expiry, in milliseconds since 1970: what a write saw as expired,
   * no later read sees.
   */
  long readMillis();

  /** Where the change feed is now: a feed opened from here sees only later changes. */
  Position position();

  /** Stops; calls under way fail with {@link StoreException.Unavailable}. Does not throw. */
  @Override
  void close();
}
