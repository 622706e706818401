package dev.meridian.benchmarks;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Rows of figures, as a table for a terminal and as one for a page. */
final class Report {
  /**
   * One row.
   *
   * @param what the benchmark
   * @param who the contender
   * @param figures its figures
   * @param ratio Meridian's ratio to this contender; null on Meridian's own row
   * @param target what the ratio or figure ought to be; empty when none was set
   * @param met whether it is; null when there is no target
   */
  record Row(
      String what,
      String who,
      String figures,
      @Nullable String ratio,
      String target,
      @Nullable Boolean met) {}

  private final List<Row> rows = new ArrayList<>();
  private final List<String> skipped = new ArrayList<>();

  void add(Row row) {
    rows.add(row);
  }

  /** Meridian's own figures. */
  void own(String what, Series own) {
    add(new Row(what, own.contender(), figures(own), null, "", null));
  }

  /**
   * A peer's figures, and Meridian's ratio to them.
   *
   * @param figure of which the ratio is
   * @param target what the ratio must be at least; NaN for none
   */
  void peer(String what, Series own, Series other, ToDoubleFunction<Sample> figure, double target) {
    double ratio = own.ratio(other, figure);
    add(
        new Row(
            what,
            other.contender(),
            figures(other),
            String.format(Locale.ROOT, "%.2f", ratio),
            Double.isNaN(target) ? "" : String.format(Locale.ROOT, "at least %.1f", target),
            Double.isNaN(target) ? null : (Boolean) (ratio >= target)));
  }

  /** Meridian's figures that are no rates, of which the median is to be under a target. */
  void range(String what, Series series, String unit, double target) {
    double median = series.median(Sample::rate);
    figure(
        what,
        series.contender(),
        String.format(
            Locale.ROOT,
            unit + " (" + unit + " - " + unit + ")",
            median,
            series.min(Sample::rate),
            series.max(Sample::rate)),
        String.format(Locale.ROOT, "under " + unit, target),
        median < target);
  }

  /**
   * One figure.
   *
   * @param met null where there is no target
   */
  void figure(String what, String who, String figure, String target, @Nullable Boolean met) {
    add(new Row(what, who, figure, null, target, met));
  }

  void skip(String what) {
    skipped.add(what);
  }

  /** "12,345/s (11,900-12,800), p50 1.20 ms, p99 3.40 ms, 12.3 µs CPU". */
  static String figures(Series series) {
    StringBuilder text =
        new StringBuilder(
            String.format(
                Locale.ROOT,
                "%,.0f/s (%,.0f-%,.0f)",
                series.median(Sample::rate),
                series.min(Sample::rate),
                series.max(Sample::rate)));
    append(text, ", p50 %.2f ms", series.median(Sample::p50Millis));
    append(text, ", p99 %.2f ms", series.median(Sample::p99Millis));
    append(text, ", CPU %.1f µs", series.median(Sample::cpuMicros));
    append(text, " (%.1f in the kernel)", series.median(Sample::kernelMicros));
    return text.toString();
  }

  private static void append(StringBuilder text, String format, double value) {
    if (!Double.isNaN(value)) {
      text.append(String.format(Locale.ROOT, format, value));
    }
  }

  String markdown() {
    StringBuilder text =
        new StringBuilder("| benchmark | server | median (min-max) of the runs | Meridian / it |")
            .append(" target | met |\n| --- | --- | --- | --- | --- | --- |\n");
    for (Row row : rows) {
      text.append(
          "| %s | %s | %s | %s | %s | %s |%n"
              .formatted(
                  row.what,
                  row.who,
                  row.figures,
                  row.ratio == null ? "" : row.ratio,
                  row.target,
                  row.met == null ? "" : row.met ? "yes" : "**no**"));
    }
    for (String what : skipped) {
      text.append("\nSkipped: ").append(what).append('\n');
    }
    return text.toString();
  }

  String plain() {
    List<List<String>> cells = new ArrayList<>();
    cells.add(List.of("benchmark", "server", "median (min-max)", "ratio", "target", "met"));
    String last = "";
    for (Row row : rows) {
      cells.add(
          List.of(
              row.what.equals(last) ? "" : row.what,
              row.who,
              row.figures,
              row.ratio == null ? "" : row.ratio,
              row.target,
              row.met == null ? "" : row.met ? "yes" : "NO"));
      last = row.what;
    }
    int[] widths = new int[6];
    for (List<String> row : cells) {
      for (int i = 0; i < 6; i++) {
        widths[i] = Math.max(widths[i], row.get(i).length());
      }
    }
    String table =
        cells.stream()
            .map(
                row -> {
                  StringBuilder line = new StringBuilder();
                  for (int i = 0; i < 6; i++) {
                    line.append(row.get(i)).repeat(' ', widths[i] - row.get(i).length() + 2);
                  }
                  return line.toString().stripTrailing();
                })
            .collect(Collectors.joining("\n"));
    return table
        + skipped.stream().map(s -> "\nskipped: " + s).collect(Collectors.joining())
        + "\n";
  }
}
