package dev.meridian.benchmarks;

/**
 * One measured run.
 *
 * @param rate operations a second
 * @param p50Millis median latency; NaN when the tool does not say
 * @param p99Millis 99th percentile; NaN when the tool does not say
 * @param cpuMicros processor time of the server for one operation
 * @param kernelMicros the part of it that the kernel spent on the server's behalf; NaN when it was
 *     not looked at
 */
record Sample(
    double rate, double p50Millis, double p99Millis, double cpuMicros, double kernelMicros) {
  Sample(double rate, double p50Millis, double p99Millis, double cpuMicros) {
    this(rate, p50Millis, p99Millis, cpuMicros, Double.NaN);
  }

  /** A figure alone, which is no rate. */
  static Sample of(double figure) {
    return new Sample(figure, Double.NaN, Double.NaN, Double.NaN);
  }
}
