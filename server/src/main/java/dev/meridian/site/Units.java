package dev.meridian.site;

import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Durations and sizes as people write them: a whole number and a unit. */
public final class Units {
  private static final Pattern QUANTITY = Pattern.compile("([0-9]{1,9}) ?([A-Za-z]+)");

  private static final Map<String, Duration> DURATIONS =
      Map.of(
          "ms", Duration.ofMillis(1),
          "s", Duration.ofSeconds(1),
          "min", Duration.ofMinutes(1),
          "h", Duration.ofHours(1),
          "d", Duration.ofDays(1),
          "w", Duration.ofDays(7));

  private static final Map<String, Long> SIZES =
      Map.of("B", 1L, "KiB", 1L << 10, "MiB", 1L << 20, "GiB", 1L << 30);

  /** What people write instead, in lower case. */
  private static final Map<String, String> DURATION_SLIPS =
      Map.ofEntries(
          Map.entry("m", "min"),
          Map.entry("mins", "min"),
          Map.entry("minute", "min"),
          Map.entry("minutes", "min"),
          Map.entry("sec", "s"),
          Map.entry("secs", "s"),
          Map.entry("second", "s"),
          Map.entry("seconds", "s"),
          Map.entry("hr", "h"),
          Map.entry("hour", "h"),
          Map.entry("hours", "h"),
          Map.entry("day", "d"),
          Map.entry("days", "d"),
          Map.entry("week", "w"),
          Map.entry("weeks", "w"));

  private static final Map<String, String> SIZE_SLIPS =
      Map.of(
          "b", "B", "k", "KiB", "kb", "KiB", "kib", "KiB", "m", "MiB", "mb", "MiB", "mib", "MiB",
          "gb", "GiB", "gib", "GiB");

  private Units() {}

  /** The duration, or empty when it is written otherwise; {@link #durationHint} then helps. */
  public static Optional<Duration> duration(String text) {
    Matcher matcher = QUANTITY.matcher(text);
    if (!matcher.matches()) {
      return Optional.empty();
    }
    return Optional.ofNullable(DURATIONS.get(matcher.group(2)))
        .map(unit -> unit.multipliedBy(Long.parseLong(matcher.group(1))));
  }

  static String durationHint(String text) {
    return hint(text, DURATION_SLIPS, "30 s", List.of("ms", "s", "min", "h", "d", "w"));
  }

  /** The size in bytes, or empty when it is written otherwise; {@link #sizeHint} then helps. */
  static Optional<Long> size(String text) {
    Matcher matcher = QUANTITY.matcher(text);
    if (!matcher.matches()) {
      return Optional.empty();
    }
    return Optional.ofNullable(SIZES.get(matcher.group(2)))
        .map(unit -> unit * Long.parseLong(matcher.group(1)));
  }

  static String sizeHint(String text) {
    return hint(text, SIZE_SLIPS, "1 MiB", List.of("B", "KiB", "MiB", "GiB"));
  }

  private static String hint(
      String text, Map<String, String> slips, String example, List<String> units) {
    Matcher matcher = QUANTITY.matcher(text);
    String meant = matcher.matches() ? slips.get(matcher.group(2).toLowerCase(Locale.ROOT)) : null;
    return meant != null
        ? ", did you mean '" + matcher.group(1) + " " + meant + "'?"
        : "; write a whole number and a unit ("
            + String.join(", ", units)
            + "), such as '"
            + example
            + "'.";
  }

  /** The duration in the largest unit that fits. */
  static String format(Duration duration) {
    for (String unit : List.of("w", "d", "h", "min", "s")) {
      Duration one = DURATIONS.getOrDefault(unit, Duration.ofMillis(1));
      if (!duration.isZero() && duration.toMillis() % one.toMillis() == 0) {
        return duration.dividedBy(one) + " " + unit;
      }
    }
    return duration.toMillis() + " ms";
  }
}
