package dev.meridian.web;

import dev.meridian.document.InvalidInputException;
import dev.meridian.site.CollectionSettings;
import dev.meridian.store.Expiry;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import org.jspecify.annotations.Nullable;

/** When documents expire: {@code Expires-At}, {@code Expires-In}, and a collection's default. */
final class Expiries {
  private static final String NEVER = "never";
  private static final Duration LONGEST = Duration.ofDays(365_000);

  private Expiries() {}

  /**
   * What a write does to its document's expiry.
   *
   * @param at an RFC 3339 time, an HTTP date or {@code never}
   * @param in seconds, an ISO 8601 duration or {@code never}
   * @param otherwise when the write says nothing and the collection has no default
   * @throws InvalidInputException if both are given, or one cannot be read
   */
  static Expiry of(
      @Nullable String at,
      @Nullable String in,
      CollectionSettings settings,
      Expiry otherwise,
      long nowMillis) {
    if (at != null && in != null) {
      throw new InvalidInputException("Give either Expires-At or Expires-In, not both.");
    }
    if (at != null) {
      return at.equalsIgnoreCase(NEVER) ? Expiry.NEVER : new Expiry.At(Math.max(1, time(at)));
    }
    if (in != null) {
      return in.equalsIgnoreCase(NEVER)
          ? Expiry.NEVER
          : new Expiry.At(nowMillis + duration(in).toMillis());
    }
    return settings
        .expires()
        .<Expiry>map(after -> new Expiry.At(nowMillis + after.toMillis()))
        .orElse(otherwise);
  }

  /** An expiry as it is sent, RFC 3339. */
  static String format(long millis) {
    return Instant.ofEpochMilli(millis).toString();
  }

  private static long time(String text) {
    for (DateTimeFormatter format :
        new DateTimeFormatter[] {
          DateTimeFormatter.ISO_OFFSET_DATE_TIME, DateTimeFormatter.RFC_1123_DATE_TIME
        }) {
      try {
        Instant instant = format.parse(text.strip(), Instant::from);
        if (instant.getEpochSecond() > 0 && instant.getEpochSecond() < LONGEST.toSeconds()) {
          return instant.toEpochMilli();
        }
      } catch (DateTimeException e) {
        // The next format, or said below.
      }
    }
    throw new InvalidInputException(
        "Expires-At is a time such as 2030-01-31T12:00:00Z or 'Thu, 31 Jan 2030 12:00:00 GMT', or"
            + " never; it was '"
            + clip(text)
            + "'.");
  }

  private static Duration duration(String text) {
    try {
      String stripped = text.strip();
      Duration duration =
          stripped.chars().allMatch(c -> c >= '0' && c <= '9')
              ? Duration.ofSeconds(Long.parseLong(stripped))
              : Duration.parse(stripped);
      if (!duration.isNegative() && !duration.isZero() && duration.compareTo(LONGEST) <= 0) {
        return duration;
      }
    } catch (DateTimeException | ArithmeticException | NumberFormatException e) {
      // Said below.
    }
    throw new InvalidInputException(
        "Expires-In is a number of seconds, a duration such as PT30M or P7D, or never; it was '"
            + clip(text)
            + "'.");
  }

  private static String clip(String text) {
    return text.length() <= 60 ? text : text.substring(0, 60) + "…";
  }
}
