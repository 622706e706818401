package dev.meridian.cache;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Policy;
import com.github.benmanes.caffeine.cache.RemovalCause;
import dev.meridian.document.DocumentPath;
import dev.meridian.store.Change;
import dev.meridian.store.SessionToken;
import java.time.Duration;
import java.util.HashSet;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Values that were made of what a store holds, such as pages: kept by a key until one of the
 * documents they were made of changes, or any document of a collection they were made of. A value
 * is found only by readers who may have it by the rules of {@link CachedStore}: it has every change
 * that the reader's token covers, and all that was shown or written through that store, and is no
 * older than {@link Level#MAX_AGE}.
 *
 * <p>What this rests on: the store that values are made of and the store whose changes are followed
 * are one and the same replica, in this process. Only then was a change that the feed had brought
 * before a value began to be watched also there to be read by it. With reads that go to another
 * replica than the feed comes from (a replica elsewhere, one of several behind one name), a value
 * could be made of what was before such a change, and would be kept although it changed. Reads that
 * go further than the local replica, to wait for what their reader has seen or to ask the primary,
 * find what is newer, and do no harm.
 *
 * <p>A value may be kept for a while after that, for those who are content with what is old: {@link
 * #find} does not find it any more, but {@link #old} does, and says how old it is.
 *
 * <p>Bounded by bytes; what is asked for often stays. Any thread may use it.
 *
 * @param <V> the values, immutable
 */
public final class Derived<V> {
  /*
   * What a value is made of is watched before it is read. A change that the feed brings marks every
   * making that watches its place, and whoever finds a value looks at the mark. That is all that the
   * feed's thread does: the values are taken away by another, as there may be one for each page of a
   * site, and what the feed brings next waits for its thread. A level covers a change only when the feed is done with it, and is asked for
   * before the value: so a value that a level lets pass, without a mark, has all that the level
   * covers. A change that nobody watched when the feed met it was in the store, and in the near cache,
   * before the watch began, so the read that followed saw it.
   */

  /** About what a value takes beside its own bytes and its key, and each place it depends on. */
  private static final long BYTES = 500;

  private static final long PLACE_BYTES = 300;

  /** With so many marks that nobody has swept up yet, the feed's thread sweeps itself. */
  private static final int MAX_UNSWEPT = 1 << 17;

  /** So many values are taken away before others get their turn. */
  private static final int SWEEP = 64;

  private final CachedStore store;
  private final ToLongFunction<V> bytes;
  private final Cache<String, Made<V>> cache;
  private final ConcurrentMap<String, Made<V>> values;
  private final Policy.Eviction<String, Made<V>> bound;
  private final ConcurrentMap<Place, Set<Making>> watched = new ConcurrentHashMap<>();
  private final LongAdder evictions = new LongAdder();
  private final LongAdder drops = new LongAdder();

  /** Makings that were marked; what became of them is to go. */
  private final Queue<Set<Making>> unswept = new ConcurrentLinkedQueue<>();

  private final AtomicInteger unsweptMakings = new AtomicInteger();
  private final AtomicBoolean sweeping = new AtomicBoolean();

  /**
   * A value and what it was made of.
   *
   * @param oldNanos so long it may be used as what is old
   */
  record Made<V>(String key, V value, Making making, int weight, long oldNanos) {}

  /**
   * A value that something changed since, or may have.
   *
   * @param age so long ago it was known to be as fresh as the store
   * @param replaceable whether one that is made now can be kept in its place: not while this does
   *     not hear of changes
   */
  public record Old<V>(V value, Duration age, boolean replaceable) {}

  Derived(CachedStore store, long maxBytes, ToLongFunction<V> bytes) {
    this.store = store;
    this.bytes = bytes;
    cache =
        Caffeine.newBuilder()
            .maximumWeight(maxBytes)
            .weigher((String key, Made<V> made) -> made.weight())
            .evictionListener((_, _, cause) -> count(cause))
            .removalListener((_, made, _) -> removed(made))
            .executor(Runnable::run)
            .build();
    values = cache.asMap();
    bound = cache.policy().eviction().orElseThrow();
  }

  private void count(RemovalCause cause) {
    if (cause == RemovalCause.SIZE) {
      evictions.increment();
    }
  }

  private void removed(@Nullable Made<V> made) {
    if (made != null) {
      forget(made.making());
      if (made.oldNanos() > 0 && made.making().isChanged()) {
        drops.increment();
      }
    }
  }

  /**
   * The value for a reader with this token; null when there is none that the reader may have.
   *
   * @param token what the reader has seen
   */
  public @Nullable V find(String key, SessionToken token) {
    // The level first: then the value is at least of that level.
    Level level = store.level();
    Made<V> made = cache.getIfPresent(key);
    if (made == null) {
      return null;
    }
    if (made.making().isThrough()) {
      // First of all: then what is read after that has what all nodes are to show.
      if (!store.holds()) {
        return null;
      }
      level = store.level();
      made = cache.getIfPresent(key);
      if (made == null) {
        return null;
      }
    }
    SessionToken seen = store.seenBy(token);
    if (serves(made, level, seen)) {
      return made.value();
    }
    level = store.refresh();
    made = cache.getIfPresent(key);
    return made != null && serves(made, level, seen) ? made.value() : null;
  }

  /**
   * The value for those who are content with one that was fresh not too long ago, whatever they and
   * others have seen since; null when there is none. Nothing in it has expired, and no changes of
   * its places were missed.
   */
  public @Nullable Old<V> old(String key) {
    // The level first: what has no mark then is at least of that level.
    Level level = store.level();
    Made<V> made = cache.getIfPresent(key);
    if (made == null || made.oldNanos() == 0) {
      return null;
    }
    Making making = made.making();
    long now = nowNanos();
    if (making.generation != level.generation()
        || making.policy != store.policy()
        || making.isThrough()
        || making.isOver(store.readMillis(), now)) {
      return null;
    }
    boolean changed = making.isChanged();
    // Compared as differences, as nanoseconds are.
    long freshUntil =
        changed
            ? making.freshUntilNanos()
            : level.asOfNanos() - making.asOfNanos > 0 ? level.asOfNanos() : making.asOfNanos;
    long age = Math.max(0, now - freshUntil);
    if (age > made.oldNanos()) {
      if (changed) {
        values.remove(key, made);
      }
      return null;
    }
    return new Old<>(made.value(), Duration.ofNanos(age), level.isFresh(now));
  }

  /** Takes away a value that could be had as what is old, also before anything changed. */
  public void dropOld(String key) {
    Made<V> made = values.get(key);
    if (made != null && made.oldNanos() > 0) {
      values.remove(key, made);
    }
  }

  private boolean serves(Made<V> made, Level level, SessionToken seen) {
    Making making = made.making();
    long now = nowNanos();
    return making.generation == level.generation()
        && making.policy == store.policy()
        && (level.covered().covers(seen) || making.asOf.covers(seen))
        && level.isFresh(now)
        && !making.isOver(store.readMillis(), now)
        && !making.isChanged();
  }

  /**
   * Whether a reader with this token need not wait for what it has seen; if it need, others are
   * better off without it.
   */
  public boolean isSettled(SessionToken token) {
    return store.settled().covers(store.seenBy(token));
  }

  /**
   * Begins to make a value, for a reader with this token, with whom all of it is then read.
   *
   * @param token what the reader has seen
   */
  public Making begin(SessionToken token) {
    int policy = store.policy();
    int generation = store.level().generation();
    SessionToken seen = store.seenBy(token);
    // Not the store's: what is read may come from the near cache.
    long asOfNanos = store.refresh().asOfNanos();
    // Reads see what their reader has seen, as soon as it is visible at all.
    SessionToken asOf = store.settled().covers(seen) ? seen : SessionToken.NONE;
    return new Making(this, asOf, asOfNanos, generation, policy);
  }

  /**
   * Somebody who reads.
   *
   * @param token what they have seen
   * @param seen the same, and what was shown here
   * @param sinceNanos since when, by {@link System#nanoTime}
   */
  public record Reader(SessionToken token, SessionToken seen, long sinceNanos) {}

  /** A reader with this token, who comes now. */
  public Reader reader(SessionToken token) {
    return new Reader(token, store.seenBy(token), store.nowNanos());
  }

  /**
   * Whether a value that was made may be given to a reader who came while it was, also if it is not
   * kept: it has all that the reader may know of, nothing in it has expired, and it is no older
   * than {@link Level#MAX_AGE}.
   *
   * @param making closed
   * @param marked whether the value says itself that it may be older
   */
  public boolean serves(Making making, Reader reader, boolean marked) {
    return making.asOf.covers(reader.seen())
        && (marked || making.policy == store.policy())
        && (marked || !making.isThrough() || servesThrough(making, reader))
        && (marked || reader.sinceNanos() - making.asOfNanos <= Level.MAX_AGE.toNanos())
        && !making.isOver(store.readMillis(), nowNanos());
  }

  /** Whether it has all that was known when this node made sure last that it shows everything. */
  private boolean servesThrough(Making making, Reader reader) {
    return store.holds() && making.asOf.covers(store.seenBy(reader.token()));
  }

  /**
   * Keeps a value, unless something changed that it was made of, or it is larger than all may be.
   * The making is to be closed in any case.
   */
  public boolean keep(String key, V value, Making making) {
    return keep(key, value, making, Duration.ZERO);
  }

  /**
   * The same for a value that may be used for a while when it is old. So that what changes all the
   * time is there at all, it is kept although something changed while it was made.
   *
   * @param maxOld so long after a change it is found by {@link #old}; not if all nodes are to show
   *     what was written to its places
   * @return whether others find it now, as one that is fresh
   */
  public boolean keep(String key, V value, Making making, Duration maxOld) {
    // What all nodes are to show is for nobody when it is old.
    Duration old = making.isThrough() ? Duration.ZERO : maxOld;
    long weight =
        BYTES + 2L * key.length() + bytes.applyAsLong(value) + PLACE_BYTES * making.size();
    if (making.isRefused()
        || (making.isChanged() && old.isZero())
        || making.generation != store.level().generation()
        || making.policy != store.policy()
        || weight > bound.getMaximum() / 4) {
      // It comes after what is there, which must not be had again.
      dropOld(key);
      return false;
    }
    Made<V> made =
        new Made<>(key, value, making, (int) Math.min(weight, Integer.MAX_VALUE), old.toNanos());
    making.keep(made);
    Made<V> _ = values.merge(key, made, Derived::newer);
    // Whoever sweeps may have been there before it was.
    boolean foreign = making.policy != store.policy();
    if (making.isChanged() || foreign) {
      if (foreign || old.isZero()) {
        values.remove(key, made);
      } else {
        forget(making);
      }
      return false;
    }
    return true;
  }

  /**
   * Which of two stays: the second; or, where something changed since, what was fresh for longer.
   */
  private static <V> Made<V> newer(Made<V> before, Made<V> now) {
    return now.making().isChanged()
            && (!before.making().isChanged()
                || before.making().freshUntilNanos() - now.making().freshUntilNanos() > 0)
        ? before
        : now;
  }

  // What values are made of

  boolean mayKeep(DocumentPath path) {
    return store.isCacheable(path);
  }

  boolean isThrough(DocumentPath path) {
    return store.isThrough(path);
  }

  void watch(Place place, Making making) {
    watched.compute(
        place,
        (_, makings) -> {
          Set<Making> all = makings == null ? new HashSet<>() : makings;
          all.add(making);
          return all;
        });
  }

  void forget(Making making) {
    for (Place place : making.places()) {
      watched.computeIfPresent(
          place,
          (_, makings) -> {
            makings.remove(making);
            return makings.isEmpty() ? null : makings;
          });
    }
  }

  /** Whether a change of the path matters here. Quick, and waits for nobody. */
  boolean concerns(DocumentPath path) {
    return !watched.isEmpty()
        && (watched.containsKey(Place.of(path)) || watched.containsKey(Place.collectionOf(path)));
  }

  /** Takes over a change that the feed brought, and that the near cache has. */
  void apply(Change change) {
    changed(Place.of(change.path()));
    changed(Place.collectionOf(change.path()));
  }

  private void changed(Place place) {
    if (!watched.containsKey(place)) {
      return;
    }
    // Before anything is taken: if this fails, the feed brings the change again.
    long freshUntil = store.storeAsOfNanos();
    // Taken as a whole: whoever watches from here on reads what is there now.
    Set<Making> makings = watched.remove(place);
    if (makings == null) {
      return;
    }
    makings.forEach(making -> making.change(freshUntil));
    int waiting = unsweptMakings.addAndGet(makings.size());
    unswept.add(makings);
    if (waiting > MAX_UNSWEPT) {
      sweep();
    } else if (sweeping.compareAndSet(false, true)) {
      Thread.ofVirtual().name("cache-sweep").start(this::sweepUp);
    }
  }

  private void sweepUp() {
    do {
      try {
        sweep();
      } finally {
        sweeping.set(false);
      }
      // Whoever marked something meanwhile may have found this still at work.
    } while (!unswept.isEmpty() && sweeping.compareAndSet(false, true));
  }

  private void sweep() {
    int swept = 0;
    for (Set<Making> makings = unswept.poll(); makings != null; makings = unswept.poll()) {
      unsweptMakings.addAndGet(-makings.size());
      for (Making making : makings) {
        Made<?> made = making.made();
        if (made != null && made.oldNanos() > 0) {
          // It is marked: what else changes makes no difference to it.
          forget(making);
        } else if (made != null && values.remove(made.key(), made)) {
          drops.increment();
        }
        swept++;
        if (swept % SWEEP == 0) {
          Thread.yield();
        }
      }
    }
  }

  /** Forgets all values. */
  public void clear() {
    cache.invalidateAll();
  }

  /** Bounds it anew; what is too much goes at once. */
  public void limit(long maxBytes) {
    bound.setMaximum(maxBytes);
  }

  /** Most bytes that values may take; with 0 none is kept. */
  public long maxBytes() {
    return bound.getMaximum();
  }

  /** About how many bytes of heap it takes. */
  public long bytes() {
    return bound.weightedSize().orElse(0);
  }

  /** How many values there are. */
  public long size() {
    return cache.estimatedSize();
  }

  /** Values that had to make room. */
  public long evictions() {
    return evictions.sum();
  }

  /** Values that went because something changed that they were made of. */
  public long drops() {
    return drops.sum();
  }

  /** How many places are watched. */
  int watched() {
    return watched.size();
  }

  /** The clock for ages. */
  long nowNanos() {
    return store.nowNanos();
  }
}
