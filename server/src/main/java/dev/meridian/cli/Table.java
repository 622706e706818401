package dev.meridian.cli;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Text in aligned columns, with a heading that is faint on terminals. */
final class Table {
  private static final char ESCAPE = 0x1b;

  private final Console console;
  private final List<String> headings;
  private final List<List<String>> rows = new ArrayList<>();

  Table(Console console, String... headings) {
    this.console = console;
    this.headings = List.of(headings);
  }

  /** Adds a row; cells are shown on one line each. */
  void row(Object... cells) {
    rows.add(Arrays.stream(cells).map(c -> Failures.oneLine(String.valueOf(c))).toList());
  }

  /** Writes it to standard output. */
  void print() {
    int[] widths = new int[headings.size()];
    measure(headings, widths);
    rows.forEach(row -> measure(row, widths));
    if (headings.stream().anyMatch(h -> !h.isEmpty())) {
      console.out().println(paint(console, "2", line(headings, widths)));
    }
    rows.forEach(row -> console.out().println(line(row, widths)));
  }

  private static void measure(List<String> row, int[] widths) {
    for (int i = 0; i < row.size(); i++) {
      widths[i] = Math.max(widths[i], row.get(i).codePointCount(0, row.get(i).length()));
    }
  }

  private static String line(List<String> row, int[] widths) {
    StringBuilder line = new StringBuilder();
    for (int i = 0; i < row.size(); i++) {
      String cell = row.get(i);
      line.append(cell);
      if (i + 1 < row.size()) {
        line.repeat(" ", widths[i] - cell.codePointCount(0, cell.length()) + 2);
      }
    }
    return line.toString().stripTrailing();
  }

  /**
   * The text in a colour where colours are shown.
   *
   * @param sgr the parameters of ECMA-48's SGR, such as {@code 32} for green
   */
  static String paint(Console console, String sgr, String text) {
    return console.colours() ? ESCAPE + "[" + sgr + "m" + text + ESCAPE + "[0m" : text;
  }

  /** The first {@code chars} characters, not cutting one in two. */
  static String start(String text, int chars) {
    int end = Math.min(chars, text.length());
    if (end > 0 && end < text.length() && Character.isHighSurrogate(text.charAt(end - 1))) {
      end--;
    }
    return text.substring(0, end);
  }
}
