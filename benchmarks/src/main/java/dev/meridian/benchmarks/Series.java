package dev.meridian.benchmarks;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.ToDoubleFunction;

/** The runs of one contender in one benchmark. */
final class Series {
  private final String contender;
  private final List<Sample> samples = new ArrayList<>();

  Series(String contender) {
    this.contender = contender;
  }

  String contender() {
    return contender;
  }

  void add(Sample sample) {
    samples.add(sample);
  }

  int runs() {
    return samples.size();
  }

  double median(ToDoubleFunction<Sample> figure) {
    return median(samples.stream().mapToDouble(figure).toArray());
  }

  double min(ToDoubleFunction<Sample> figure) {
    return samples.stream().mapToDouble(figure).min().orElse(Double.NaN);
  }

  double max(ToDoubleFunction<Sample> figure) {
    return samples.stream().mapToDouble(figure).max().orElse(Double.NaN);
  }

  /**
   * Median of this series' figure over the other's, run by run: robust against a drifting machine.
   */
  double ratio(Series other, ToDoubleFunction<Sample> figure) {
    int runs = Math.min(samples.size(), other.samples.size());
    double[] ratios = new double[runs];
    for (int i = 0; i < runs; i++) {
      ratios[i] = figure.applyAsDouble(samples.get(i)) / figure.applyAsDouble(other.samples.get(i));
    }
    return median(ratios);
  }

  private static double median(double[] values) {
    if (values.length == 0) {
      return Double.NaN;
    }
    Arrays.sort(values);
    int middle = values.length / 2;
    return values.length % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  }
}
