package dev.meridian.web;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The Range header in bytes (RFC 9110, section 14). */
final class ByteRanges {
  /** More ranges than this are taken for an attack, and the whole is sent (section 14.2). */
  static final int MAX_RANGES = 16;

  private ByteRanges() {}

  /** From the first to the last byte, both included. */
  record Range(long first, long last) {
    long length() {
      return last - first + 1;
    }
  }

  /**
   * What a header asks for of {@code size} bytes: null to send the whole, because the header is
   * malformed, of another unit or excessive; empty when nothing of it can be sent.
   */
  static @Nullable List<Range> parse(String header, long size) {
    if (!header.regionMatches(true, 0, "bytes=", 0, 6)) {
      return null;
    }
    String[] specs = header.substring(6).split(",", MAX_RANGES + 2);
    List<Range> ranges = new ArrayList<>();
    long total = 0;
    int asked = 0;
    for (String spec : specs) {
      String text = spec.strip();
      if (text.isEmpty()) {
        continue;
      }
      if (!text.matches("[0-9]{1,18}-[0-9]{0,18}|-[0-9]{1,18}")) {
        return null;
      }
      asked++;
      int dash = text.indexOf('-');
      String end = text.substring(dash + 1);
      long first;
      long last;
      if (dash == 0) {
        long suffix = Long.parseLong(end);
        first = Math.max(0, size - suffix);
        last = suffix == 0 ? -1 : size - 1;
      } else {
        first = Long.parseLong(text.substring(0, dash));
        last = end.isEmpty() ? size - 1 : Math.min(Long.parseLong(end), size - 1);
        if (!end.isEmpty() && Long.parseLong(end) < first) {
          return null;
        }
      }
      if (first <= last && first < size) {
        ranges.add(new Range(first, last));
        total += last - first + 1;
      }
    }
    if (asked == 0 || asked > MAX_RANGES || (ranges.size() > 1 && total > size)) {
      return null;
    }
    return ranges;
  }
}
