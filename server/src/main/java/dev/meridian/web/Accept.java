package dev.meridian.web;

import java.util.List;
import java.util.Locale;

/** What a client would like to get (RFC 9110, section 12.5). */
final class Accept {
  /** Most items of a header that are looked at. */
  private static final int MAX_ITEMS = 50;

  private Accept() {}

  /**
   * How much {@code type} ({@code text/html}) is wanted, in thousandths; 0 means not at all.
   * Without a header everything is.
   */
  static int media(List<String> header, String type) {
    if (header.isEmpty()) {
      return 1000;
    }
    String family = type.substring(0, type.indexOf('/')) + "/*";
    int best = 0;
    int bestRank = -1;
    for (String item : items(header)) {
      String range = name(item);
      int rank = range.equals(type) ? 2 : range.equals(family) ? 1 : range.equals("*/*") ? 0 : -1;
      if (rank > bestRank) {
        bestRank = rank;
        best = quality(item);
      }
    }
    return best;
  }

  /** How much a content coding ({@code gzip}) is wanted; without a header none is. */
  static int coding(List<String> header, String coding) {
    int any = 0;
    for (String item : items(header)) {
      String name = name(item);
      if (name.equals(coding)) {
        return quality(item);
      }
      if (name.equals("*")) {
        any = quality(item);
      }
    }
    return any;
  }

  private static List<String> items(List<String> header) {
    String all = header.size() == 1 ? header.getFirst() : String.join(",", header);
    String[] items = all.split(",", MAX_ITEMS + 1);
    return List.of(items).subList(0, Math.min(items.length, MAX_ITEMS));
  }

  private static String name(String item) {
    int end = item.indexOf(';');
    return (end < 0 ? item : item.substring(0, end)).strip().toLowerCase(Locale.ROOT);
  }

  private static int quality(String item) {
    for (int at = item.indexOf(';'); at >= 0; at = item.indexOf(';', at + 1)) {
      int end = item.indexOf(';', at + 1);
      String parameter =
          item.substring(at + 1, end < 0 ? item.length() : end).strip().toLowerCase(Locale.ROOT);
      if (parameter.startsWith("q=")) {
        String q = parameter.substring(2);
        // RFC 9110, section 12.4.2: 0 to 1 with up to three decimals.
        return q.matches("[01](\\.[0-9]{0,3})?")
            ? (int) Math.min(1000, Math.round(Double.parseDouble(q) * 1000))
            : 1000;
      }
    }
    return 1000;
  }
}
