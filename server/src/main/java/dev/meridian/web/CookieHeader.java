package dev.meridian.web;

import java.util.ArrayList;
import java.util.List;

/**
 * The cookies of a request, read as leniently as browsers write them (RFC 6265, section 5.4) and
 * within bounds: what cannot be read is passed over, and never an error.
 */
final class CookieHeader {
  /**
   * Most cookies that are looked at. A browser keeps 50 a domain, or 180 (RFC 6265, section 6.1).
   */
  static final int MAX_COOKIES = 500;

  /** Most cookies of one name that are returned: domains and paths can set them side by side. */
  static final int MAX_SAME = 4;

  private CookieHeader() {}

  /**
   * The values of the cookies called {@code name}, in the browser's order: more exact paths first.
   *
   * @param lines the values of the header, which HTTP/2 may split
   */
  static List<String> values(List<String> lines, String name) {
    List<String> found = new ArrayList<>(1);
    int looked = 0;
    for (String line : lines) {
      int from = 0;
      while (from < line.length() && looked < MAX_COOKIES && found.size() < MAX_SAME) {
        int end = line.indexOf(';', from);
        end = end < 0 ? line.length() : end;
        int equals = line.indexOf('=', from);
        if (equals >= 0 && equals < end && line.substring(from, equals).strip().equals(name)) {
          String value = line.substring(equals + 1, end).strip();
          if (value.length() >= 2 && value.startsWith("\"") && value.endsWith("\"")) {
            value = value.substring(1, value.length() - 1);
          }
          found.add(value);
        }
        looked++;
        from = end + 1;
      }
    }
    return found;
  }
}
