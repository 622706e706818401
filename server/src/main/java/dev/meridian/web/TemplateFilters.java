package dev.meridian.web;

import io.pebbletemplates.pebble.extension.Filter;
import io.pebbletemplates.pebble.extension.escaper.SafeString;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.text.DecimalFormat;
import java.text.DecimalFormatSymbols;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Filters of templates, besides Pebble's: how values are shown. */
final class TemplateFilters {
  private TemplateFilters() {}

  /** All of them by their names. */
  static Map<String, Filter> all() {
    return Map.of(
        "number", TemplateCall.filter(List.of("decimals"), TemplateFilters::number),
        "date", TemplateCall.filter(List.of("format", "zone"), TemplateFilters::date),
        "fold", TemplateCall.filter(List.of(), (input, _) -> fold(input)),
        "json", TemplateCall.filter(List.of(), (input, _) -> json(input)));
  }

  private static @Nullable Object fold(@Nullable Object input) {
    return input == null ? null : NameFolding.fold(TemplateCall.plain(input));
  }

  private static @Nullable Object number(@Nullable Object input, TemplateCall call) {
    if (input == null) {
      return null;
    }
    BigDecimal value;
    try {
      value = new BigDecimal(String.valueOf(input));
    } catch (NumberFormatException e) {
      throw call.failure("'number' takes a number, but this is '" + brief(input) + "'.");
    }
    int decimals = call.number("decimals", -1, 0, 20);
    DecimalFormat format =
        new DecimalFormat("#,##0", DecimalFormatSymbols.getInstance(Locale.ENGLISH));
    format.setMaximumFractionDigits(decimals < 0 ? 3 : decimals);
    format.setMinimumFractionDigits(Math.max(decimals, 0));
    format.setRoundingMode(RoundingMode.HALF_UP);
    if (Math.abs((long) value.precision() - value.scale()) > 100) {
      return value.toString();
    }
    return format.format(value);
  }

  /** Takes ISO 8601 text or milliseconds since 1970. */
  private static @Nullable Object date(@Nullable Object input, TemplateCall call) {
    if (input == null || input.equals("")) {
      return null;
    }
    try {
      String zone = call.optional("zone");
      ZoneId place = zone == null ? ZoneOffset.UTC : ZoneId.of(zone);
      String pattern = call.optional("format");
      DateTimeFormatter format =
          DateTimeFormatter.ofPattern(pattern == null ? "d MMMM yyyy" : pattern, Locale.ENGLISH);
      ZonedDateTime time =
          switch (input) {
            case Number number -> Instant.ofEpochMilli(number.longValue()).atZone(place);
            case String text when text.length() == 10 -> LocalDate.parse(text).atStartOfDay(place);
            case String text when text.endsWith("]") -> ZonedDateTime.parse(text);
            case String text ->
                DateTimeFormatter.ISO_OFFSET_DATE_TIME.parse(text, Instant::from).atZone(place);
            default -> throw new DateTimeException("not a time");
          };
      return time.format(format);
    } catch (DateTimeException | IllegalArgumentException e) {
      throw call.failure(
          "'"
              + brief(input)
              + "' with this format or zone is no date; a date is ISO 8601 text"
              + " (2026-01-31T12:00:00Z) or milliseconds since 1970: "
              + e.getMessage());
    }
  }

  /** JSON that may stand in a script element: no {@code </script>}, no line separators. */
  private static Object json(@Nullable Object input) {
    return new SafeString(
        TemplateValues.jsonText(input)
            .replace("<", "\\u003c")
            .replace(">", "\\u003e")
            .replace("&", "\\u0026")
            .replace("\u2028", "\\u2028")
            .replace("\u2029", "\\u2029"));
  }

  private static String brief(Object input) {
    String text = String.valueOf(input);
    return text.length() > 40 ? text.substring(0, 40) + "…" : text;
  }
}
