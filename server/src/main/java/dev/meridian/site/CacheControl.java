package dev.meridian.site;

import dev.meridian.site.YamlReader.Field;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * For how long browsers and shared caches may use an answer unasked: the directives of {@code
 * Cache-Control} (RFC 9111, section 5.2.2, and RFC 5861) that a site can set for a page or a
 * collection that everybody may read. One with {@code sharedMaxAge} has none of the last two.
 *
 * @param maxAge for browsers, and for shared caches that are not told otherwise
 * @param sharedMaxAge for shared caches; empty: as for browsers
 * @param staleWhileRevalidate for so long beyond that, while they ask
 * @param staleIfError for so long beyond that, when they cannot ask
 */
public record CacheControl(
    Duration maxAge,
    Optional<Duration> sharedMaxAge,
    Optional<Duration> staleWhileRevalidate,
    Optional<Duration> staleIfError) {
  /** Caches ask before each use. */
  public static final CacheControl ASK =
      new CacheControl(Duration.ZERO, Optional.empty(), Optional.empty(), Optional.empty());

  private static final Duration MOST = Duration.ofDays(365);
  private static final String MAX_AGE = "max-age";
  private static final String SHARED_MAX_AGE = "s-maxage";
  private static final String STALE_WHILE_REVALIDATE = "stale-while-revalidate";
  private static final String STALE_IF_ERROR = "stale-if-error";
  static final List<String> CACHE_CONTROL_KEYS =
      List.of(MAX_AGE, SHARED_MAX_AGE, STALE_WHILE_REVALIDATE, STALE_IF_ERROR);

  /** Reads {@code cacheControl}, reporting what is wrong with it; {@link #ASK} without it. */
  public static CacheControl read(YamlReader yaml, @Nullable Field field) {
    if (field == null) {
      return ASK;
    }
    Map<String, Field> fields = yaml.fields(field, "cacheControl", CACHE_CONTROL_KEYS);
    Optional<Duration> maxAge = duration(yaml, fields, MAX_AGE);
    CacheControl read =
        new CacheControl(
            maxAge.orElse(Duration.ZERO),
            duration(yaml, fields, SHARED_MAX_AGE),
            duration(yaml, fields, STALE_WHILE_REVALIDATE),
            duration(yaml, fields, STALE_IF_ERROR));
    if (!fields.isEmpty() && maxAge.isEmpty() && read.sharedMaxAge.isEmpty()) {
      yaml.problem(
          field.key(), "cacheControl needs max-age or s-maxage; the others say what follows it.");
    }
    if (read.sharedMaxAge.isPresent()
        && (read.staleWhileRevalidate.isPresent() || read.staleIfError.isPresent())) {
      // RFC 9111, 5.2.2.10: s-maxage makes shared caches ask before they use what is older.
      yaml.problem(
          field.key(),
          "s-maxage forbids shared caches to use anything beyond it, so stale-while-revalidate and"
              + " stale-if-error would have no effect there. Write max-age with them, which counts"
              + " for browsers and shared caches: {max-age: 1 min, stale-while-revalidate: 30 s}; or"
              + " s-maxage without them.");
    }
    return read;
  }

  private static Optional<Duration> duration(
      YamlReader yaml, Map<String, Field> fields, String name) {
    Field field = fields.get(name);
    return field == null
        ? Optional.empty()
        : Optional.ofNullable(Quantities.duration(yaml, field.value(), name, Duration.ZERO, MOST));
  }

  /** Whether caches ask before each use. */
  public boolean asks() {
    return maxAge.isZero() && sharedMaxAge.filter(age -> !age.isZero()).isEmpty();
  }

  /**
   * The header's value; {@code no-cache} if nothing may be used unasked.
   *
   * @param leftSeconds so long what is answered lives on; {@link Long#MAX_VALUE} for ever. Nothing
   *     is used beyond it.
   */
  public String value(long leftSeconds) {
    long browsers = Math.min(maxAge.toSeconds(), leftSeconds);
    long shared = Math.min(sharedMaxAge.map(Duration::toSeconds).orElse(browsers), leftSeconds);
    if (browsers <= 0 && shared <= 0) {
      return "no-cache";
    }
    StringBuilder value = new StringBuilder("public, max-age=").append(Math.max(browsers, 0));
    if (sharedMaxAge.isPresent()) {
      value.append(", s-maxage=").append(Math.max(shared, 0));
    }
    if (leftSeconds == Long.MAX_VALUE) {
      append(value, STALE_WHILE_REVALIDATE, staleWhileRevalidate);
      append(value, STALE_IF_ERROR, staleIfError);
    }
    return value.toString();
  }

  private static void append(StringBuilder value, String name, Optional<Duration> duration) {
    duration.ifPresent(
        time -> value.append(", ").append(name).append('=').append(time.toSeconds()));
  }
}
