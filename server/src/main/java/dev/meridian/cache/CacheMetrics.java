package dev.meridian.cache;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/** What a near cache tells about itself. Any thread may report. */
final class CacheMetrics implements AutoCloseable {
  private final MeterRegistry registry;
  private final List<Meter> meters = new ArrayList<>();
  private final LongAdder hits = new LongAdder();
  private final LongAdder misses = new LongAdder();
  private final Timer loads;
  private final Timer waits;
  private final LongAdder unheard = new LongAdder();

  CacheMetrics(MeterRegistry registry) {
    this.registry = registry;
    this.loads =
        keep(
            Timer.builder("meridian.cache.load")
                .description("Looks at the store for what the near cache did not have")
                .register(registry));
    this.waits =
        keep(
            Timer.builder("meridian.cache.through.wait")
                .description("How long writes waited until all nodes showed them")
                .register(registry));
    keep(
        FunctionCounter.builder("meridian.cache.through.unheard", unheard, LongAdder::sum)
            .description("Nodes not heard to show a write, which show nothing older")
            .register(registry));
    count("hit", hits);
    count("miss", misses);
  }

  private void count(String result, LongAdder reads) {
    keep(
        FunctionCounter.builder("meridian.cache.reads", reads, LongAdder::sum)
            .description("Reads of single documents that the near cache was asked for")
            .tag("result", result)
            .register(registry));
  }

  /** Shows numbers of a cache, asked for when somebody looks. */
  void show(Supplier<CacheStatus> status) {
    gauge(status, "size", "bytes", "Bytes of heap that entries take", CacheStatus::bytes);
    gauge(status, "max", "bytes", "Most bytes that entries may take", CacheStatus::maxBytes);
    gauge(status, "entries", null, "Entries in the near cache", CacheStatus::entries);
    gauge(status, "lag", null, "Changes that the near cache does not know", CacheStatus::lag);
    keep(
        FunctionCounter.builder("meridian.cache.evictions", status, s -> s.get().evictions())
            .description("Entries that had to make room")
            .register(registry));
  }

  private void gauge(
      Supplier<CacheStatus> status,
      String name,
      @Nullable String unit,
      String description,
      ToDoubleFunction<CacheStatus> value) {
    keep(
        Gauge.builder("meridian.cache." + name, status, s -> value.applyAsDouble(s.get()))
            .description(description)
            .baseUnit(unit)
            .strongReference(true)
            .register(registry));
  }

  /** Shows how many reads were in doubt. */
  void show(AtomicLong doubts) {
    keep(
        FunctionCounter.builder("meridian.cache.through.doubts", doubts, AtomicLong::get)
            .description("Reads of what is written through that may have been older, and said so")
            .register(registry));
  }

  /** A write waited for all nodes, of which so many were not heard. */
  void waited(long nanos, int unheardNodes) {
    waits.record(nanos, TimeUnit.NANOSECONDS);
    unheard.add(unheardNodes);
  }

  long waits() {
    return waits.count();
  }

  double waitMillis() {
    return waits.mean(TimeUnit.MILLISECONDS);
  }

  long unheard() {
    return unheard.sum();
  }

  void hit() {
    hits.increment();
  }

  void miss() {
    misses.increment();
  }

  void loaded(long nanos) {
    loads.record(nanos, TimeUnit.NANOSECONDS);
  }

  long hits() {
    return hits.sum();
  }

  long misses() {
    return misses.sum();
  }

  long loads() {
    return loads.count();
  }

  double loadMicros() {
    return loads.mean(TimeUnit.MICROSECONDS);
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
