package dev.meridian.cache;

import dev.meridian.store.Change;
import dev.meridian.store.SessionToken;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A look at the store for one path, which all who miss it meanwhile may share. */
final class Load {
  private final SessionToken seen;
  private final boolean waits;
  private final CountDownLatch ended = new CountDownLatch(1);

  private volatile @Nullable Entry loaded;

  /** The newest change of the path that the feed brought since this load began. */
  private volatile @Nullable Change changed;

  /**
   * A load that is about to begin.
   *
   * @param seen what its reader has seen
   * @param waits whether the store lacks some of that, so that it waits for it
   */
  Load(SessionToken seen, boolean waits) {
    this.seen = seen;
    this.waits = waits;
  }

  /** Whether who has seen so much would wait as long for a load of its own. */
  boolean asksNoMoreThan(SessionToken other) {
    return !waits || other.covers(seen);
  }

  /** Called by the feed, on one thread. */
  void changed(Change change) {
    // Pending values do not come in the order of changes.
    Change known = changed;
    if (known == null || known.version().compareTo(change.version()) < 0) {
      changed = change;
    }
  }

  /** Whether what was loaded holds all that the feed brought meanwhile. */
  boolean isNewest(Entry entry) {
    Change newest = changed;
    return newest == null || entry.contains(newest);
  }

  /**
   * Lets those go who wait.
   *
   * @param entry what was loaded; null if that failed
   */
  void end(@Nullable Entry entry) {
    loaded = entry;
    ended.countDown();
  }

  /** What was loaded; null if it failed or takes longer than that. */
  @Nullable Entry await(Duration limit) throws InterruptedException {
    return ended.await(limit.toNanos(), TimeUnit.NANOSECONDS) ? loaded : null;
  }
}
