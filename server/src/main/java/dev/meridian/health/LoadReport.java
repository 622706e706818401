package dev.meridian.health;

import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Json;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;

/**
 * How busy a server says it is: the header {@code endpoint-load-metrics} of Open Request Cost
 * Aggregation (ORCA), in its native HTTP form ({@code TEXT rps_fractional=81.5, …}) and in JSON
 * ({@code JSON {"rps_fractional": 81.5}}).
 */
public final class LoadReport {
  /** In a request: which form the client would like. */
  public static final String FORMAT = "endpoint-load-metrics-format";

  /** In a response: the report. */
  public static final String HEADER = "endpoint-load-metrics";

  private static final String TEXT = "TEXT ";
  private static final String JSON = "JSON ";

  /** The newest name first; the last is of whole requests, and deprecated. */
  private static final List<String> RATES = List.of("rps_fractional", "rpsFractional", "rps");

  private LoadReport() {}

  /** The value of the header for so many requests a second. */
  public static String of(double requestsPerSecond) {
    return String.format(Locale.ROOT, "%srps_fractional=%.1f", TEXT, requestsPerSecond);
  }

  /** The requests a second that a value of the header tells; empty if it tells none. */
  static OptionalDouble requestsPerSecond(String value) {
    String report = value.strip();
    for (String name : RATES) {
      OptionalDouble rate =
          report.startsWith(TEXT)
              ? ofText(report.substring(TEXT.length()), name)
              : report.startsWith(JSON)
                  ? ofJson(report.substring(JSON.length()), name)
                  : OptionalDouble.empty();
      if (rate.isPresent()) {
        return rate;
      }
    }
    return OptionalDouble.empty();
  }

  private static OptionalDouble ofText(String report, String name) {
    for (String part : report.split(",", -1)) {
      int is = part.indexOf('=');
      if (is > 0 && part.substring(0, is).strip().equals(name)) {
        return rate(part.substring(is + 1).strip());
      }
    }
    return OptionalDouble.empty();
  }

  private static OptionalDouble ofJson(String report, String name) {
    try {
      return Json.parse(report.getBytes(StandardCharsets.ISO_8859_1)) instanceof Json.Obj read
              && read.members().get(name) instanceof Json.Num number
          ? rate(number.text())
          : OptionalDouble.empty();
    } catch (InvalidInputException e) {
      return OptionalDouble.empty();
    }
  }

  private static OptionalDouble rate(String text) {
    try {
      double rate = Double.parseDouble(text);
      return Double.isFinite(rate) && rate >= 0 ? OptionalDouble.of(rate) : OptionalDouble.empty();
    } catch (NumberFormatException e) {
      return OptionalDouble.empty();
    }
  }
}
