package dev.meridian.benchmarks;

import java.io.PrintStream;
import java.util.List;
import java.util.Locale;
import java.util.function.IntFunction;
import java.util.function.ToDoubleFunction;

/**
 * Runs contenders in turns, so that all of them meet the machine as it is at each time.
 *
 * @param runs counted runs of each
 * @param seconds length of one
 * @param out is told each run's rate
 */
record Turns(int runs, int seconds, PrintStream out) {
  /** Warms each contender up, then runs them in turns. */
  void run(String what, List<Series> series, List<IntFunction<Sample>> contenders) {
    run(what, series, contenders, Sample::rate);
  }

  /**
   * The same, where not the rate tells when a contender is warm.
   *
   * @param warmth rises until it is
   */
  void run(
      String what,
      List<Series> series,
      List<IntFunction<Sample>> contenders,
      ToDoubleFunction<Sample> warmth) {
    for (int i = 0; i < contenders.size(); i++) {
      String name = series.get(i).contender();
      IntFunction<Sample> contender = contenders.get(i);
      WarmUp.until(
          () -> {
            Sample sample = contender.apply(seconds);
            out.printf(Locale.ROOT, "%s: warming up %s: %s%n", what, name, line(sample));
            return warmth.applyAsDouble(sample);
          });
    }
    for (int run = 0; run < runs; run++) {
      for (int i = 0; i < contenders.size(); i++) {
        Sample sample = contenders.get(i).apply(seconds);
        series.get(i).add(sample);
        out.printf(
            Locale.ROOT,
            "%s: run %d/%d, %s: %s%n",
            what,
            run + 1,
            runs,
            series.get(i).contender(),
            line(sample));
      }
    }
  }

  private static String line(Sample sample) {
    return String.format(Locale.ROOT, "%,.0f/s", sample.rate())
        + (Double.isNaN(sample.cpuMicros())
            ? ""
            : String.format(Locale.ROOT, ", CPU %.1f µs", sample.cpuMicros()));
  }
}
