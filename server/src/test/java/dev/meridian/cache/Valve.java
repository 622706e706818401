package dev.meridian.cache;

import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.store.Batch;
import dev.meridian.store.Change;
import dev.meridian.store.ChangeFeed;
import dev.meridian.store.ChangeQuery;
import dev.meridian.store.Commit;
import dev.meridian.store.Page;
import dev.meridian.store.Position;
import dev.meridian.store.Query;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.SessionToken;
import dev.meridian.store.Store;
import dev.meridian.store.StoreException.PositionLost;
import dev.meridian.store.StoreException.Unavailable;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;

/** A real store whose reads can be held up, and whose feeds can be held back, cut and lost. */
final class Valve implements Store {
  /** Between what a read found and its return. */
  interface Hook {
    void found(DocumentPath path, Optional<Document> found) throws InterruptedException;
  }

  volatile Store store;
  volatile Hook hook = (_, _) -> {};
  final AtomicInteger gets = new AtomicInteger();

  /** Beside these, the questions whether everything is shown. */
  final AtomicInteger fences = new AtomicInteger();

  /** Those that are read from: whoever opened them has made ready for what they bring. */
  final AtomicInteger feeds = new AtomicInteger();

  private final Object lock = new Object();
  // Guarded by the lock.
  private boolean held;
  private boolean cut;
  private boolean lost;
  private int cuts;

  Valve(Store store) {
    this.store = store;
  }

  /** What feeds bring from here on stays here until {@link #flow}. */
  void hold() {
    synchronized (lock) {
      held = true;
    }
  }

  /** Feeds break, and cannot be opened until {@link #flow}. */
  void cut() {
    synchronized (lock) {
      cut = true;
      cuts++;
      lock.notifyAll();
    }
  }

  /** The next feed that goes on from somewhere is told that this cannot be. */
  void lose() {
    synchronized (lock) {
      lost = true;
    }
  }

  void flow() {
    synchronized (lock) {
      held = false;
      cut = false;
      lock.notifyAll();
    }
  }

  private static Unavailable broken() {
    return new Unavailable(Unavailable.Outcome.NOT_DONE, "The feed is cut.", null);
  }

  @Override
  public Optional<Document> get(DocumentPath path, ReadOptions options) {
    (path.isReserved() && path.id().equals("fence") ? fences : gets).incrementAndGet();
    Optional<Document> found = store.get(path, options);
    try {
      hook.found(path, found);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new Unavailable(Unavailable.Outcome.NOT_DONE, "Interrupted.", e);
    }
    return found;
  }

  @Override
  public ChangeFeed changes(ChangeQuery query) {
    int opened;
    synchronized (lock) {
      if (cut) {
        throw broken();
      }
      if (lost) {
        lost = false;
        throw new PositionLost("The position is lost.");
      }
      opened = cuts;
    }
    return new Valved(store.changes(query), opened);
  }

  private final class Valved implements ChangeFeed {
    private final ChangeFeed feed;
    private final int opened;
    private boolean read;

    Valved(ChangeFeed feed, int opened) {
      this.feed = feed;
      this.opened = opened;
    }

    @Override
    public List<Change> poll(int max, Duration wait) throws InterruptedException {
      long until = System.nanoTime() + wait.toNanos();
      if (!read) {
        read = true;
        feeds.incrementAndGet();
      }
      while (true) {
        check();
        // In short steps, so that a cut is noticed.
        List<Change> changes = feed.poll(max, Duration.ofMillis(2));
        synchronized (lock) {
          while (held && cuts == opened && !changes.isEmpty()) {
            lock.wait();
          }
        }
        check();
        if (!changes.isEmpty() || System.nanoTime() - until > 0) {
          return changes;
        }
      }
    }

    private void check() {
      synchronized (lock) {
        if (cuts != opened) {
          throw broken();
        }
      }
    }

    @Override
    public Position position() {
      return feed.position();
    }

    @Override
    public Optional<SessionToken> caughtUp() {
      synchronized (lock) {
        return cuts == opened ? feed.caughtUp() : Optional.empty();
      }
    }

    @Override
    public void close() {
      feed.close();
    }
  }

  @Override
  public Page list(Query query, ReadOptions options) {
    return store.list(query, options);
  }

  @Override
  public Commit write(Batch batch) {
    return store.write(batch);
  }

  @Override
  public Optional<Commit> earlier(Batch batch) {
    return store.earlier(batch);
  }

  @Override
  public SessionToken seen() {
    return store.seen();
  }

  @Override
  public SessionToken settled() {
    return store.settled();
  }

  @Override
  public long readMillis() {
    return store.readMillis();
  }

  @Override
  public Position position() {
    return store.position();
  }

  @Override
  public void close() {
    store.close();
  }
}
