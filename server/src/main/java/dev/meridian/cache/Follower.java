package dev.meridian.cache;

import dev.meridian.document.DocumentPath;
import dev.meridian.document.Version;
import dev.meridian.store.Change;
import dev.meridian.store.ChangeFeed;
import dev.meridian.store.ChangeQuery;
import dev.meridian.store.ChangeScope;
import dev.meridian.store.Position;
import dev.meridian.store.SessionToken;
import dev.meridian.store.Store;
import dev.meridian.store.StoreException;
import dev.meridian.store.StoreException.PositionLost;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Follows a store's change feed on a thread of its own, until it is closed, and knows how far it
 * is. A feed that breaks is opened again where it was; where that cannot be, everything before is
 * void.
 */
final class Follower implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Follower.class);

  /** Few: memory for so many large documents is set aside each time. */
  private static final int MAX_CHANGES = 8;

  /** So often it is noted how far the feed is, while nothing of interest changes. */
  private static final Duration POLL = Duration.ofSeconds(1);

  /** How long after a feed broke it is opened again. */
  private static final Duration AGAIN_AFTER = Duration.ofMillis(50);

  /** Who waits for a version looks so often, at first and later. */
  private static final Duration LEAST_PAUSE = Duration.ofNanos(100_000);

  private static final Duration MOST_PAUSE = Duration.ofMillis(5);

  /** How long closing waits for the thread. */
  private static final Duration CLOSE_WAIT = Duration.ofSeconds(2);

  private final Store store;
  private final LongSupplier nanos;
  private final Predicate<DocumentPath> interest;
  private final Consumer<Change> changes;
  private final Runnable onLoss;
  private final AtomicReference<Level> level;
  private final Thread thread;

  /** Everything up to here was given to {@link #changes}; null when nothing was. */
  private volatile @Nullable Position done;

  /**
   * Begins to follow.
   *
   * @param nanos the clock for ages
   * @param interest see {@link ChangeScope.Interesting}
   * @param changes given each change in order, on this follower's thread; must not fail
   * @param onLoss called when a new generation has begun
   */
  Follower(
      Store store,
      LongSupplier nanos,
      Predicate<DocumentPath> interest,
      Consumer<Change> changes,
      Runnable onLoss) {
    this.store = store;
    this.nanos = nanos;
    this.interest = interest;
    this.changes = changes;
    this.onLoss = onLoss;
    this.level = new AtomicReference<>(new Level(0, SessionToken.NONE, nanos.getAsLong(), null));
    this.thread = Thread.ofVirtual().name("cache-feed").unstarted(this::run);
  }

  /** Starts; once. */
  void start() {
    thread.start();
  }

  /** How fresh entries are at least that are looked up after this. */
  Level level() {
    return level.get();
  }

  /** The same, as of now if the feed has nothing left to do. */
  Level refresh() {
    Level known = level.get();
    ChangeFeed feed = known.feed();
    if (feed == null) {
      return known;
    }
    long asOf = asOfNanos();
    Optional<SessionToken> caughtUp = feed.caughtUp();
    if (caughtUp.isEmpty()) {
      return known;
    }
    Level now =
        new Level(known.generation(), known.covered().seen(caughtUp.get()), asOf, known.feed());
    level.compareAndSet(known, now);
    return now;
  }

  /**
   * Waits until all is covered up to a version.
   *
   * @return false when the time ran out
   */
  boolean await(Version version, Duration limit) throws InterruptedException {
    long until = System.nanoTime() + limit.toNanos();
    long pause = LEAST_PAUSE.toNanos();
    while (!refresh().covered().covers(version)) {
      long left = until - System.nanoTime();
      if (left <= 0) {
        return false;
      }
      Thread.sleep(Duration.ofNanos(Math.min(left, pause)));
      pause = Math.min(2 * pause, MOST_PAUSE.toNanos());
    }
    return true;
  }

  /** All that was acknowledged before that is in the store. */
  long asOfNanos() {
    return nanos.getAsLong() - store.age().toNanos();
  }

  /**
   * About how many changes the store has that the feed did not bring yet; 0 also of one that is
   * closed.
   */
  long lag() {
    ChangeFeed feed = level.get().feed();
    Position known = done;
    if ((feed != null && feed.caughtUp().isPresent()) || known == null) {
      return 0;
    }
    try {
      return Math.max(0, store.position().sequence() - known.sequence());
    } catch (StoreException e) {
      return 0;
    }
  }

  private void run() {
    boolean broken = false;
    while (!Thread.currentThread().isInterrupted()) {
      try (ChangeFeed feed = open()) {
        if (broken) {
          LOG.info("The near cache follows the store again");
          broken = false;
        }
        follow(feed);
      } catch (PositionLost e) {
        LOG.warn("The near cache begins anew: {}", e.getMessage());
        begin(null);
      } catch (InterruptedException e) {
        return;
      } catch (StoreException e) {
        if (!broken) {
          LOG.warn("The near cache does not follow the store for now: {}", e.getMessage());
        }
        broken = true;
      } catch (RuntimeException | Error e) {
        // Whatever it is, it may be over; without this thread there would be no cache.
        LOG.warn("The near cache does not follow the store", e);
        broken = true;
      }
      detach();
      try {
        Thread.sleep(AGAIN_AFTER);
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  private ChangeFeed open() {
    ChangeScope scope = new ChangeScope.Interesting(interest);
    Position since = done;
    if (since != null) {
      ChangeFeed feed = store.changes(new ChangeQuery(scope, since));
      level.updateAndGet(
          before -> new Level(before.generation(), before.covered(), before.asOfNanos(), feed));
      return feed;
    }
    Position here = store.position();
    ChangeFeed feed = store.changes(new ChangeQuery(scope, here));
    // What was loaded before may have changed before the feed began; what is loaded from now on, in
    // this generation, changes afterwards.
    begin(feed);
    done = here;
    return feed;
  }

  /** Begins a generation. */
  private void begin(@Nullable ChangeFeed feed) {
    done = null;
    level.updateAndGet(
        before -> new Level(before.generation() + 1, SessionToken.NONE, before.asOfNanos(), feed));
    onLoss.run();
  }

  private void follow(ChangeFeed feed) throws InterruptedException {
    while (true) {
      feed.poll(MAX_CHANGES, POLL).forEach(changes);
      done = feed.position();
    }
  }

  private void detach() {
    level.updateAndGet(
        before -> new Level(before.generation(), before.covered(), before.asOfNanos(), null));
  }

  @Override
  public void close() {
    thread.interrupt();
    try {
      thread.join(CLOSE_WAIT);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
