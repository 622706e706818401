package dev.meridian.benchmarks;

/**
 * One measured run.
 *
 * @param rate operations a second
 * @param p50Millis median latency; NaN when the tool does not say
 * @param p99Millis 99th percentile; NaN when the tool does not say
 * @param cpuMicros processor time of the server for one operation
 */
record Sample(double rate, double p50Millis, double p99Millis, double cpuMicros) {}
