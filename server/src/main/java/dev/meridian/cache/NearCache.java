package dev.meridian.cache;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Policy;
import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.store.Change;
import dev.meridian.store.SessionToken;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The entries, bounded by bytes, and the loads that will be entries. What is read often stays
 * (W-TinyLFU), so a scan or a flood of made-up paths pushes nothing out that is in use. Any thread
 * may use it; {@link #apply} is for one at a time.
 */
final class NearCache {
  /*
   * A load reads an old value, the feed brings a newer one, and only then does the load end: then
   * its value must not stay. So a load is in the table from before it reads until after its entry is
   * there, the feed leaves word in it, and only then looks for the entry; and both do the last step
   * within compute(), which is one after the other for a path. A change that finds neither load nor
   * entry is in the store already, and whoever loads later sees it.
   */
  private final Cache<DocumentPath, Entry> cache;
  private final ConcurrentMap<DocumentPath, Entry> entries;
  private final ConcurrentMap<DocumentPath, Load> loads = new ConcurrentHashMap<>();
  private final Policy.Eviction<DocumentPath, Entry> bound;
  private final LongAdder evictions = new LongAdder();
  private final IntSupplier generation;

  /**
   * An empty one.
   *
   * @param generation the current {@link Level#generation}
   */
  NearCache(long maxBytes, IntSupplier generation) {
    this.generation = generation;
    cache =
        Caffeine.newBuilder()
            .maximumWeight(maxBytes)
            .weigher((DocumentPath path, Entry entry) -> entry.weight(path))
            .evictionListener((_, _, _) -> evictions.increment())
            .executor(Runnable::run)
            .build();
    entries = cache.asMap();
    bound = cache.policy().eviction().orElseThrow();
  }

  @Nullable Entry get(DocumentPath path) {
    return cache.getIfPresent(path);
  }

  /** Begins a load, unless one is under way. It must be ended by {@link #end}. */
  @Nullable Load begin(DocumentPath path, Load load) {
    return loads.putIfAbsent(path, load);
  }

  /** Keeps what was loaded, if it still is the newest that is known. */
  void put(DocumentPath path, Load load, Entry loaded) {
    entries.compute(
        path,
        (_, kept) ->
            loaded.generation() == generation.getAsInt() && load.isNewest(loaded) ? loaded : kept);
  }

  /** The load is over. */
  void end(DocumentPath path, Load load) {
    loads.remove(path, load);
  }

  /** Whether a change of the path matters here. Quick, and waits for nobody. */
  boolean concerns(DocumentPath path) {
    // In this order: a load that is over has left its entry.
    return loads.containsKey(path) || entries.containsKey(path);
  }

  /** Takes over a change that the feed brought. */
  void apply(Change change) {
    Load load = loads.get(change.path());
    if (load != null) {
      load.changed(change);
    }
    if (load != null || entries.containsKey(change.path())) {
      entries.compute(
          change.path(), (path, entry) -> entry == null ? null : entry.after(with(path, change)));
    }
  }

  /**
   * The same of a path that is kept whether anybody reads it or not.
   *
   * @param asOfNanos all that was acknowledged before that ({@link System#nanoTime}) is in what the
   *     feed has brought by then
   */
  void fill(Change change, long asOfNanos) {
    Load load = loads.get(change.path());
    if (load != null) {
      load.changed(change);
    }
    int now = generation.getAsInt();
    entries.compute(
        change.path(),
        (path, entry) -> {
          Change with = with(path, change);
          return entry != null && entry.generation() == now
              ? entry.after(with)
              : new Entry(with.document(), SessionToken.NONE, asOfNanos, now);
        });
  }

  /** The change with the very path that is the key already: one is enough. */
  private static Change with(DocumentPath path, Change change) {
    Document document = change.document();
    return document == null
        ? change
        : new Change(
            path,
            change.version(),
            change.position(),
            new Document(path, document.version(), document.expiresAtMillis(), document.json()));
  }

  /** Forgets all entries. */
  void clear() {
    cache.invalidateAll();
  }

  /** Bounds it anew; what is too much goes at once. */
  void limit(long maxBytes) {
    bound.setMaximum(maxBytes);
  }

  long maxBytes() {
    return bound.getMaximum();
  }

  /** About how many bytes of heap it takes. */
  long bytes() {
    return bound.weightedSize().orElse(0);
  }

  long entries() {
    return cache.estimatedSize();
  }

  long evictions() {
    return evictions.sum();
  }
}
