package dev.meridian.store;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.DocumentPath;
import dev.meridian.store.StoreException.Unavailable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Wakes the feeds that a write concerns, and only those: a store may have thousands of feeds on
 * single documents, and a write to another one must not cost anything for each of them.
 *
 * <p>A listener is told where the first change in its scope is since it last asked, so that it can
 * skip everything before it without looking.
 */
final class Bell {
  private final ReentrantLock lock = new ReentrantLock();
  // All below, and the fields of listeners, are guarded by the lock.
  private final Map<Object, Set<Listener>> listeners = new HashMap<>();
  private int collections; // how many listeners are on collections

  /** Those on what interests somebody just then. */
  private final List<Listener> interested = new ArrayList<>();

  private long sequence;
  private long timestamp;
  private boolean closed;

  private static final Object EVERYTHING = "everything";

  /** What {@link Listener#caughtUp} says when it has not. */
  private static final long NOT_CAUGHT_UP = -1;

  Bell(long sequence, long timestamp) {
    this.sequence = sequence;
    this.timestamp = timestamp;
  }

  /**
   * Says that all changes up to {@code sequence}, which are those up to {@code timestamp}, are
   * visible, and which paths they were at.
   *
   * @param pended where a value is pending anew: no change yet, but whoever is interested in what
   *     readers see is told
   */
  void ring(
      long sequence, long timestamp, List<Transition.Moved> moved, List<DocumentPath> pended) {
    lock.lock();
    try {
      this.sequence = sequence;
      this.timestamp = timestamp;
      if (listeners.isEmpty()) {
        return;
      }
      for (Transition.Moved change : moved) {
        ring(EVERYTHING, change.position());
        ring(change.path(), change.position());
        if (collections > 0) {
          ring(change.path().collection(), change.position());
        }
        for (Listener listener : interested) {
          if (listener.scope instanceof ChangeScope.Interesting scope
              && scope.contains(change.path())) {
            listener.ring(change.position());
          }
        }
      }
      for (Listener listener : interested) {
        for (DocumentPath path : pended) {
          listener.pend(path);
        }
      }
    } finally {
      lock.unlock();
    }
  }

  private void ring(Object scope, long position) {
    Set<Listener> concerned = listeners.get(scope);
    if (concerned != null) {
      for (Listener listener : concerned) {
        listener.ring(position);
      }
    }
  }

  /** Wakes everybody for good. */
  void close() {
    lock.lock();
    try {
      closed = true;
      for (Set<Listener> all : listeners.values()) {
        for (Listener listener : all) {
          listener.rung.signalAll();
        }
      }
    } finally {
      lock.unlock();
    }
  }

  /** Listens to a scope from now on, until it is closed. */
  Listener listen(ChangeScope scope) {
    Object key =
        switch (scope) {
          case ChangeScope.Everything _ -> EVERYTHING;
          case ChangeScope.Interesting some -> some;
          case ChangeScope.OneDocument(DocumentPath document) -> document;
          case ChangeScope.OneCollection(CollectionPath collection) -> collection;
        };
    lock.lock();
    try {
      Listener listener = new Listener(key, sequence);
      listeners.computeIfAbsent(key, _ -> new LinkedHashSet<>()).add(listener);
      collections += key instanceof CollectionPath ? 1 : 0;
      if (key instanceof ChangeScope.Interesting) {
        interested.add(listener);
      }
      return listener;
    } finally {
      lock.unlock();
    }
  }

  /** What one feed has heard. Used by one thread at a time. */
  final class Listener implements AutoCloseable {
    private static final long NOTHING = Long.MAX_VALUE;

    private final Object scope;
    private final Condition rung = lock.newCondition();
    private final long opened;
    private long first = NOTHING;
    private boolean finished;

    /** Where a value is pending that its reader was not told of. */
    private final Set<DocumentPath> pended = new LinkedHashSet<>();

    /** Whether all that was heard was read, and the reader is done with it. */
    private boolean idle;

    private Listener(Object scope, long opened) {
      this.scope = scope;
      this.opened = opened;
    }

    /** The newest change when this listener began: it has heard all later ones. */
    long opened() {
      return opened;
    }

    /** Where the bell is now, and the first change heard since the last call. */
    Heard take() {
      lock.lock();
      try {
        Heard heard = new Heard(sequence, first, List.copyOf(pended));
        idle &= heard.nothing();
        first = NOTHING;
        pended.clear();
        return heard;
      } finally {
        lock.unlock();
      }
    }

    /** A value is pending here; it is heard by those who follow what interests them. */
    void pend(DocumentPath path) {
      lock.lock();
      try {
        if (scope instanceof ChangeScope.Interesting interest && interest.contains(path)) {
          pended.add(path);
          rung.signalAll();
        }
      } finally {
        lock.unlock();
      }
    }

    private void ring(long position) {
      first = Math.min(first, position);
      rung.signalAll();
    }

    /**
     * When nothing in scope was heard that its reader is not done with: the timestamp up to which
     * that is all there is. Negative otherwise.
     */
    long caughtUp() {
      lock.lock();
      try {
        return idle && first == NOTHING && pended.isEmpty() && !closed && !finished
            ? timestamp
            : NOT_CAUGHT_UP;
      } finally {
        lock.unlock();
      }
    }

    /**
     * Waits until a change in scope is heard. Who waits has read all that was heard, and is done
     * with it.
     *
     * @return false when the time ran out
     * @throws Unavailable if the bell or this listener was closed
     */
    boolean await(long nanos) throws InterruptedException {
      lock.lockInterruptibly();
      try {
        long left = nanos;
        while (true) {
          if (closed || finished) {
            throw new Unavailable(
                Unavailable.Outcome.NOT_DONE,
                closed ? "The store is closed." : "The change feed is closed.",
                null);
          }
          if (first != NOTHING || !pended.isEmpty()) {
            return true;
          }
          idle = true;
          if (left <= 0) {
            return false;
          }
          left = rung.awaitNanos(left);
        }
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void close() {
      lock.lock();
      try {
        Set<Listener> all = listeners.get(scope);
        if (all != null && all.remove(this)) {
          collections -= scope instanceof CollectionPath ? 1 : 0;
          interested.remove(this);
          if (all.isEmpty()) {
            listeners.remove(scope);
          }
        }
        finished = true;
        rung.signalAll();
      } finally {
        lock.unlock();
      }
    }
  }

  /**
   * What a listener heard.
   *
   * @param sequence the newest change of all
   * @param first the first change in scope; {@link Long#MAX_VALUE} for none
   * @param pended where values in scope are pending anew
   */
  record Heard(long sequence, long first, List<DocumentPath> pended) {
    boolean nothing() {
      return first == Listener.NOTHING && pended.isEmpty();
    }
  }
}
