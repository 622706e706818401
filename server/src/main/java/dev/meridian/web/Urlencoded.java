package dev.meridian.web;

import dev.meridian.document.InvalidInputException;
import java.util.ArrayList;
import java.util.List;

/** The names and values of queries and forms (application/x-www-form-urlencoded, WHATWG URL). */
final class Urlencoded {
  private Urlencoded() {}

  /**
   * Names and values in turn, decoded.
   *
   * @throws InvalidInputException if there are more than {@code most}, or an escape is broken
   */
  static List<String> pairs(String raw, int most) {
    String[] parts = raw.split("&", most + 1);
    if (parts.length > most) {
      throw new InvalidInputException(
          "There are more than " + most + " fields or parameters; send at most so many.");
    }
    List<String> pairs = new ArrayList<>(2 * parts.length);
    for (String part : parts) {
      if (!part.isEmpty()) {
        int equals = part.indexOf('=');
        pairs.add(Percent.decode(equals < 0 ? part : part.substring(0, equals), true));
        pairs.add(equals < 0 ? "" : Percent.decode(part.substring(equals + 1), true));
      }
    }
    return pairs;
  }
}
