package dev.meridian.site;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What {@code site.yaml} says of a collection.
 *
 * @param pattern its pattern: names, with an asterisk for each id
 * @param indexes each a list of fields, {@code field} or {@code -field} for descending
 * @param rules who may read and write
 * @param expires how long documents stay after their last write, unless the write says otherwise
 * @param cache how caches treat it
 * @param behind how its writes are put off; empty unless {@code cache} is write-behind
 * @param seed a file in the site's folder, NDJSON, JSON array or CSV, perhaps gzipped, imported
 *     when the collection is empty at the first start
 * @param cacheControl for how long caches outside may use answers unasked
 */
public record CollectionSettings(
    String pattern,
    List<List<String>> indexes,
    Rules rules,
    Optional<Duration> expires,
    CachePolicy cache,
    Optional<WriteBehind> behind,
    Optional<Path> seed,
    CacheControl cacheControl) {
  /**
   * How writes are put off.
   *
   * @param age the longest that a write may wait
   * @param bytes above so many pending bytes in its shard, a write does not wait; empty when
   *     nothing is said
   */
  public record WriteBehind(Duration age, OptionalLong bytes) {
    /** When nothing more is said than that a collection is written behind. */
    public static final WriteBehind DEFAULT =
        new WriteBehind(Duration.ofSeconds(1), OptionalLong.empty());
  }

  /** How caches treat a collection. */
  public enum CachePolicy {
    /** Filled by reads, kept fresh by the change feed. */
    READ_THROUGH,
    /** All nodes show a write, and have it in memory, before it is acknowledged. */
    WRITE_THROUGH,
    /** Acknowledged from the log, written to the documents' tables later. */
    WRITE_BEHIND,
    /** Not cached. */
    OFF
  }

  /** A collection that is not written behind, and says nothing of caches outside. */
  public CollectionSettings(
      String pattern,
      List<List<String>> indexes,
      Rules rules,
      Optional<Duration> expires,
      CachePolicy cache,
      Optional<Path> seed) {
    this(pattern, indexes, rules, expires, cache, Optional.empty(), seed, CacheControl.ASK);
  }

  /** Copies. */
  public CollectionSettings {
    indexes = indexes.stream().map(List::copyOf).toList();
  }

  /** A collection that {@code site.yaml} does not mention. */
  public static CollectionSettings defaults(String pattern, Rules rules) {
    return new CollectionSettings(
        pattern, List.of(), rules, Optional.empty(), CachePolicy.READ_THROUGH, Optional.empty());
  }
}
