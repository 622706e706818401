package dev.meridian.store;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** A place in the change feed that moves forward. Used by one thread at a time. */
public interface ChangeFeed extends AutoCloseable {
  /**
   * The next changes in scope: at once if there are any, otherwise after waiting at most {@code
   * wait}. What the poll before returned should be let go by then: the memory it counts for is
   * given back. A path that changed several times meanwhile is reported once, at its newest
   * version.
   *
   * @param max most changes to return, at least 1
   * @return empty when the time ran out
   * @throws StoreException.PositionLost if this feed fell behind what is remembered of deletes
   * @throws StoreException.Unavailable if the store was closed
   */
  List<Change> poll(int max, Duration wait) throws InterruptedException;

  /** Everything up to here has been returned or was out of scope. */
  Position position();

  /**
   * When every change in scope so far was returned, and the reader has come back for more, so that
   * it is done with them: what that covers. Empty otherwise, and when the feed has ended. Any
   * thread may ask.
   */
  Optional<SessionToken> caughtUp();

  @Override
  void close();
}
