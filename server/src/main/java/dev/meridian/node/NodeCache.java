package dev.meridian.node;

import dev.meridian.cache.CacheStatus;
import dev.meridian.cache.CachedStore;
import dev.meridian.cache.Peers;
import dev.meridian.cache.ThroughStatus;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Json;
import dev.meridian.site.CollectionSettings;
import dev.meridian.site.CollectionSettings.CachePolicy;
import dev.meridian.site.CollectionSettings.WriteBehind;
import dev.meridian.site.Site;
import dev.meridian.store.Deferral;
import dev.meridian.store.Store;
import dev.meridian.web.PageCache;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The near cache of a node, as its site wants it. Sites come from one thread, the rest from any.
 */
final class NodeCache implements AutoCloseable {
  private final CachedStore store;
  private final PageCache pages;
  private volatile Settings settings;

  /**
   * What a site says of caching.
   *
   * @param off patterns of collections that are not cached
   * @param through patterns of those that are written through
   * @param behind how the writes of those that are written behind are put off
   */
  private record Settings(
      long bytes,
      long pageBytes,
      Set<String> off,
      Set<String> through,
      Map<String, Optional<Deferral>> behind,
      Map<String, Json> collections) {
    static Settings of(Site site) {
      Map<String, Json> collections = new LinkedHashMap<>();
      site.collections()
          .forEach(
              (pattern, collection) -> collections.put(pattern, new Json.Str(name(collection))));
      return new Settings(
          site.cacheBytes().orElse(CachedStore.defaultMaxBytes()),
          site.pageCacheBytes().orElse(CachedStore.defaultMaxBytes()),
          site.collections().values().stream()
              .filter(
                  collection ->
                      collection.cache() == CachePolicy.OFF
                          || collection.cache() == CachePolicy.WRITE_BEHIND)
              .map(CollectionSettings::pattern)
              .collect(Collectors.toUnmodifiableSet()),
          site.collections().values().stream()
              .filter(collection -> collection.cache() == CachePolicy.WRITE_THROUGH)
              .map(CollectionSettings::pattern)
              .collect(Collectors.toUnmodifiableSet()),
          site.collections().values().stream()
              .filter(collection -> collection.behind().isPresent())
              .collect(
                  Collectors.toUnmodifiableMap(
                      CollectionSettings::pattern,
                      collection -> collection.behind().map(Settings::deferral))),
          collections);
    }

    private static String name(CollectionSettings collection) {
      return collection.cache().name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    private static Deferral deferral(WriteBehind behind) {
      return new Deferral(behind.age(), behind.bytes().orElse(Deferral.DEFAULT_BYTES));
    }

    Function<DocumentPath, Optional<Deferral>> deferrals() {
      return behind.isEmpty()
          ? _ -> Optional.empty()
          : path -> behind.getOrDefault(path.collection().pattern(), Optional.empty());
    }

    /** Null when nothing is written through. */
    @Nullable Predicate<DocumentPath> writtenThrough() {
      if (through.isEmpty()) {
        return null;
      }
      List<List<String>> patterns =
          through.stream().map(pattern -> List.of(pattern.split("/"))).toList();
      return path -> {
        List<String> segments = path.segments();
        for (List<String> pattern : patterns) {
          if (isIn(segments, pattern)) {
            return true;
          }
        }
        return false;
      };
    }

    /** Whether a document is in a collection of a pattern; makes no text, as every read asks. */
    private static boolean isIn(List<String> segments, List<String> pattern) {
      if (segments.size() != pattern.size() + 1) {
        return false;
      }
      for (int i = 0; i < pattern.size(); i += 2) {
        if (!pattern.get(i).equals(segments.get(i))) {
          return false;
        }
      }
      return true;
    }

    Predicate<DocumentPath> cacheable() {
      if (bytes == 0) {
        return _ -> false;
      }
      // To find out the pattern costs more than all the rest of a hit.
      return off.isEmpty() ? _ -> true : path -> !off.contains(path.collection().pattern());
    }
  }

  NodeCache(Store below, Site site, MeterRegistry meters, Peers peers) {
    this.settings = Settings.of(site);
    this.store = CachedStore.over(below, settings.bytes(), settings.cacheable(), meters);
    this.pages = PageCache.over(store, settings.pageBytes(), meters);
    store.join(peers);
    store.writeBehind(settings.deferrals());
    store.writeThrough(settings.writtenThrough());
  }

  /** The store with the cache before it. */
  CachedStore store() {
    return store;
  }

  /** The pages that were made of it. */
  PageCache pages() {
    return pages;
  }

  void siteChanged(Site now) {
    Settings wanted = Settings.of(now);
    Settings before = settings;
    settings = wanted;
    if (!wanted.behind().equals(before.behind())) {
      store.writeBehind(wanted.deferrals());
    }
    if (!wanted.through().equals(before.through())) {
      store.writeThrough(wanted.writtenThrough());
    }
    if (wanted.bytes() != before.bytes() || !wanted.off().equals(before.off())) {
      store.configure(wanted.bytes(), wanted.cacheable());
    }
    if (wanted.pageBytes() != before.pageBytes()) {
      pages.limit(wanted.pageBytes());
    }
  }

  /** For {@code /status}. */
  Json json() {
    CacheStatus now = store.status();
    Map<String, Json> about = new LinkedHashMap<>();
    about.put("bytes", number(now.bytes()));
    about.put("maxBytes", number(now.maxBytes()));
    about.put("entries", number(now.entries()));
    about.put("hits", number(now.hits()));
    about.put("misses", number(now.misses()));
    about.put("hitRate", decimal(now.hitRate()));
    about.put("loads", number(now.loads()));
    about.put("loadMicros", decimal(now.loadMicros()));
    about.put("evictions", number(now.evictions()));
    about.put("lag", number(now.lag()));
    about.put("collections", new Json.Obj(settings.collections()));
    store.throughStatus().ifPresent(through -> about.put("through", json(through)));
    PageCache.Status page = pages.status();
    Map<String, Json> made = new LinkedHashMap<>();
    made.put("bytes", number(page.bytes()));
    made.put("maxBytes", number(page.maxBytes()));
    made.put("entries", number(page.entries()));
    made.put("hits", number(page.hits()));
    made.put("misses", number(page.misses()));
    made.put("shared", number(page.shared()));
    made.put("stale", number(page.stale()));
    made.put("passed", number(page.passed()));
    made.put("evictions", number(page.evictions()));
    made.put("drops", number(page.drops()));
    about.put("pages", new Json.Obj(made));
    return new Json.Obj(about);
  }

  private static Json json(ThroughStatus through) {
    Map<String, Json> about = new LinkedHashMap<>();
    about.put("waits", number(through.waits()));
    about.put("waitMillis", decimal(through.waitMillis()));
    about.put("waiting", number(through.waiting()));
    about.put("unheard", number(through.unheard()));
    about.put("doubts", number(through.doubts()));
    about.put(
        "silent",
        new Json.Arr(through.silent().stream().sorted().<Json>map(Json.Str::new).toList()));
    return new Json.Obj(about);
  }

  private static Json number(long value) {
    return new Json.Num(Long.toString(value));
  }

  private static Json decimal(double value) {
    return new Json.Num(String.format(Locale.ROOT, "%.3f", value));
  }

  @Override
  public void close() {
    pages.close();
    store.close();
  }
}
