package dev.meridian.web;

import dev.meridian.document.InvalidInputException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A request's query, checked: only parameters that exist, each once. */
final class QueryParameters {
  private static final QueryParameters NONE = new QueryParameters(Map.of());
  private static final int MAX_PARAMETERS = 20;

  private final Map<String, String> values;

  private QueryParameters(Map<String, String> values) {
    this.values = values;
  }

  /**
   * Reads the request's query.
   *
   * @param known the parameters that exist here
   * @throws InvalidInputException if it has another parameter, or one twice
   */
  static QueryParameters of(RequestContext context, List<String> known) {
    var prologue = context.request().prologue();
    return prologue.hasQuery() ? parse(prologue.query().rawValue(), known) : NONE;
  }

  static QueryParameters parse(String raw, List<String> known) {
    Map<String, String> values = new LinkedHashMap<>();
    for (String pair : raw.split("&", MAX_PARAMETERS + 1)) {
      if (pair.isEmpty()) {
        continue;
      }
      if (values.size() == MAX_PARAMETERS) {
        throw new InvalidInputException("The query has more than 20 parameters.");
      }
      int equals = pair.indexOf('=');
      String name = Percent.decode(equals < 0 ? pair : pair.substring(0, equals), true);
      String value = equals < 0 ? "" : Percent.decode(pair.substring(equals + 1), true);
      if (!known.contains(name)) {
        throw new InvalidInputException(unknown(name, known));
      }
      if (values.put(name, value) != null) {
        throw new InvalidInputException("The parameter '" + name + "' is there twice; keep one.");
      }
    }
    return new QueryParameters(values);
  }

  private static String unknown(String name, List<String> known) {
    if (known.isEmpty()) {
      return "There is no parameter '" + name + "' here; this request takes none.";
    }
    String closest = null;
    int least = 3;
    for (String candidate : known) {
      int distance = distance(name, candidate);
      if (distance < least) {
        least = distance;
        closest = candidate;
      }
    }
    return "There is no parameter '"
        + name
        + "' here; "
        + (closest == null ? "" : "did you mean '" + closest + "'? ")
        + "This request takes "
        + String.join(", ", known)
        + ".";
  }

  /** How many insertions, deletions and replacements lead from one to the other (Levenshtein). */
  private static int distance(String from, String to) {
    if (from.length() > 32) {
      return Integer.MAX_VALUE;
    }
    int[] row = new int[to.length() + 1];
    for (int j = 0; j <= to.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= from.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= to.length(); j++) {
        int replaced = diagonal + (from.charAt(i - 1) == to.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replaced, Math.min(row[j], row[j - 1]) + 1);
      }
    }
    return row[to.length()];
  }

  boolean has(String name) {
    return values.containsKey(name);
  }

  /** The value, or null when the parameter is not there. */
  @Nullable String get(String name) {
    return values.get(name);
  }

  /** A switch: there without a value, or {@code true} or {@code false}. */
  boolean flag(String name, boolean absent) {
    String value = values.get(name);
    return switch (value) {
      case null -> absent;
      case "", "true" -> true;
      case "false" -> false;
      default ->
          throw new InvalidInputException(
              "The parameter '" + name + "' is true or false; it was '" + value + "'.");
    };
  }

  /** A whole number from {@code least} to {@code most}. */
  int number(String name, int absent, int least, int most) {
    String value = values.get(name);
    if (value == null) {
      return absent;
    }
    try {
      int number = Integer.parseInt(value);
      if (number >= least && number <= most) {
        return number;
      }
    } catch (NumberFormatException e) {
      // Said below.
    }
    throw new InvalidInputException(
        "The parameter '"
            + name
            + "' is a whole number from "
            + least
            + " to "
            + most
            + "; it was '"
            + value
            + "'.");
  }
}
