package dev.meridian.replica;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;

/** What a replica tells about itself. Any thread may report. */
final class ReplicaMetrics implements AutoCloseable {
  private final MeterRegistry registry;
  private final List<Meter> meters = new ArrayList<>();
  private final Timer commits;
  private final DistributionSummary entryWrites;
  private final DistributionSummary entryBytes;
  private final Counter refused;
  private final Timer snapshots;

  ReplicaMetrics(MeterRegistry registry) {
    this.registry = registry;
    this.commits =
        keep(
            Timer.builder("meridian.replica.commit")
                .description("From handing an entry to the log until it is durable and applied")
                .publishPercentileHistogram()
                .register(registry));
    this.entryWrites =
        keep(
            DistributionSummary.builder("meridian.replica.entry.writes")
                .description("Writes that shared an entry of the log")
                .register(registry));
    this.entryBytes =
        keep(
            DistributionSummary.builder("meridian.replica.entry.size")
                .baseUnit("bytes")
                .description("Size of the entries of the log")
                .register(registry));
    this.refused =
        keep(
            Counter.builder("meridian.replica.writes.refused")
                .description("Writes refused because too many were waiting")
                .register(registry));
    this.snapshots =
        keep(
            Timer.builder("meridian.replica.snapshot")
                .description("Taking a snapshot")
                .register(registry));
  }

  /** Shows a number of {@code source}, asked for when somebody looks. */
  <T> void gauge(String name, String description, T source, ToDoubleFunction<T> value) {
    keep(
        Gauge.builder("meridian.replica." + name, source, value)
            .description(description)
            .strongReference(true)
            .register(registry));
  }

  /** Shows a number of {@code source} that only grows. */
  <T> void counter(String name, String description, T source, ToDoubleFunction<T> value) {
    keep(
        FunctionCounter.builder("meridian.replica." + name, source, value)
            .description(description)
            .register(registry));
  }

  void proposed(int writes, int bytes) {
    entryWrites.record(writes);
    entryBytes.record(bytes);
  }

  void settled(long nanos) {
    commits.record(nanos, TimeUnit.NANOSECONDS);
  }

  void refused() {
    refused.increment();
  }

  void snapshotTaken(long nanos) {
    snapshots.record(nanos, TimeUnit.NANOSECONDS);
  }

  long entries() {
    return entryWrites.count();
  }

  double writesPerEntry() {
    return entryWrites.mean();
  }

  double commitMillis() {
    return commits.mean(TimeUnit.MILLISECONDS);
  }

  private <M extends Meter> M keep(M meter) {
    meters.add(meter);
    return meter;
  }

  @Override
  public void close() {
    meters.forEach(registry::remove);
  }
}
