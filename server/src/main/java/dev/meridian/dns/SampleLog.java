package dev.meridian.dns;

import dev.meridian.geo.Prefix;
import dev.meridian.site.SampleRate;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.StringJoiner;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.spi.LoggingEventBuilder;
import org.xbill.DNS.Type;

/**
 * Logs some of the queries, a structured line each on logger {@code queries}, at INFO. Of addresses
 * only the network is ever kept: a /24 of IPv4, a /48 of IPv6.
 *
 * <p>Who answers never waits for the log: lines are written on a thread of their own, and those
 * that find no room in its queue, or are more than there may be in a second, are counted and gone.
 */
final class SampleLog implements AutoCloseable {
  /** Samples that wait to be written, at most. */
  static final int QUEUE = 1024;

  private static final Logger queries = LoggerFactory.getLogger("queries");
  private static final int V4_BITS = 24;
  private static final int V6_BITS = 48;
  private static final long SECOND = 1_000_000_000;
  private static final Duration GRACE = Duration.ofSeconds(1);

  private final long began = System.nanoTime();
  private final LongAdder logged = new LongAdder();
  private final LongAdder capped = new LongAdder();
  private final LongAdder dropped = new LongAdder();
  private final ConcurrentLinkedQueue<Sample> queue = new ConcurrentLinkedQueue<>();
  private final AtomicInteger waiting = new AtomicInteger();

  /** A second since {@link #began} in the upper half, how many were taken in it in the lower. */
  private final AtomicLong taken = new AtomicLong();

  private volatile @Nullable SampleRate rate;
  private volatile boolean closed;

  /** Begins with the first rate; guarded by this. */
  private @Nullable Thread writer;

  private volatile @Nullable Thread wakes;

  /**
   * A query that is logged.
   *
   * @param name in wire form, lower case
   * @param client the network it came from, if known
   * @param subnet the network that its resolver told, if it did
   * @param rcode the response's code; negative if there was too much to answer it
   * @param bytes of the response; 0 for none
   */
  @SuppressWarnings("ArrayRecordComponent") // its own copy
  private record Sample(
      String transport,
      byte[] name,
      int type,
      @Nullable Prefix client,
      @Nullable Prefix subnet,
      String regions,
      int rcode,
      int bytes,
      boolean dnssecOk,
      boolean cookie) {}

  SampleLog(MeterRegistry registry) {
    count(registry, "logged", logged);
    count(registry, "capped", capped);
    count(registry, "dropped", dropped);
  }

  private static void count(MeterRegistry registry, String outcome, LongAdder adder) {
    FunctionCounter.builder("meridian.dns.samples", adder, _ -> adder.sum())
        .description(
            "Queries chosen for the sample log: logged, too many in a second (capped), or dropped as"
                + " the log did not keep up")
        .tag("outcome", outcome)
        .register(registry);
  }

  /** Samples at this rate from now on; with nothing, not at all. */
  synchronized void rate(Optional<SampleRate> next) {
    if (next.isPresent() && writer == null && !closed) {
      Thread thread = Thread.ofPlatform().daemon().name("dns-samples").unstarted(this::write);
      writer = thread;
      wakes = thread;
      thread.start();
    }
    rate = next.orElse(null);
  }

  /** Whether the query under way shall be logged. Allocates nothing, never waits; any thread. */
  boolean wants(Client client, long now) {
    SampleRate current = rate;
    if (current == null || (current.oneIn() > 1 && client.below(current.oneIn()) != 0)) {
      return false;
    }
    if (!isWithin(current.perSecond(), now)) {
      capped.increment();
      return false;
    }
    return true;
  }

  private boolean isWithin(int perSecond, long now) {
    long second = Math.max(0, now - began) / SECOND;
    while (true) {
      long seen = taken.get();
      // Threads' times differ a little; the latest second counts.
      long next = second > seen >>> 32 ? second << 32 : seen;
      if ((int) next >= perSecond) {
        return false;
      }
      if (taken.compareAndSet(seen, next + 1)) {
        return true;
      }
    }
  }

  /**
   * Takes a query that {@link #wants} chose; never waits.
   *
   * @param rcode of the response; negative for a query beyond the limit on responses
   * @param bytes of the response
   * @param cookie whether it had one
   */
  void take(
      String transport,
      Question question,
      Client client,
      Roster roster,
      int rcode,
      int bytes,
      boolean dnssecOk,
      boolean cookie) {
    if (waiting.incrementAndGet() > QUEUE) {
      waiting.decrementAndGet();
      dropped.increment();
      return;
    }
    ClientSubnet told = client.subnet();
    queue.add(
        new Sample(
            transport,
            Arrays.copyOf(question.name, question.nameLength),
            question.type,
            client.locate() ? network(client.isV4(), client.high(), client.low(), 128) : null,
            told.hasAddress() ? network(told.isV4(), told.high(), told.low(), told.source()) : null,
            rcode < 0 ? "" : regions(client.regions(), roster),
            rcode,
            bytes,
            dnssecOk,
            cookie));
    LockSupport.unpark(wakes);
  }

  private static Prefix network(boolean v4, long high, long low, int length) {
    int bits = Math.min(length, v4 ? V4_BITS : V6_BITS);
    return new Prefix(v4, high & Prefix.highMask(bits), low & Prefix.lowMask(bits), bits);
  }

  private static String regions(int bits, Roster roster) {
    StringJoiner names = new StringJoiner("+");
    for (int i = 0; i < roster.regions().size(); i++) {
      if ((bits >>> i & 1) == 1) {
        names.add(roster.regions().get(i));
      }
    }
    return names.toString();
  }

  private void write() {
    while (true) {
      Sample sample = queue.poll();
      if (sample != null) {
        waiting.decrementAndGet();
        try {
          write(sample);
          logged.increment();
        } catch (RuntimeException e) {
          dropped.increment(); // whatever the log has, the next line may be fine
        }
      } else if (closed) {
        return;
      } else {
        LockSupport.park(this);
      }
    }
  }

  private static void write(Sample sample) {
    LoggingEventBuilder line = queries.atInfo().addKeyValue("transport", sample.transport);
    if (sample.client != null) {
      line = line.addKeyValue("client", sample.client.toString());
    }
    if (sample.subnet != null) {
      line = line.addKeyValue("subnet", sample.subnet.toString());
    }
    // As zone files have it (RFC 1035, section 5.1): what is no printable character is a number.
    line =
        line.addKeyValue("name", WireName.of(sample.name, 0).toString())
            .addKeyValue("type", Type.string(sample.type))
            .addKeyValue("rcode", sample.rcode < 0 ? "limited" : Tally.rcode(sample.rcode));
    if (!sample.regions.isEmpty()) {
      line = line.addKeyValue("region", sample.regions);
    }
    line.addKeyValue("bytes", sample.bytes)
        .addKeyValue("do", sample.dnssecOk)
        .addKeyValue("cookie", sample.cookie)
        .log("query");
  }

  /** Stops; what waits is written, within a second. Does not throw. */
  @Override
  public void close() {
    Thread thread;
    synchronized (this) {
      rate = null;
      closed = true;
      thread = writer;
    }
    if (thread != null) {
      LockSupport.unpark(thread);
      try {
        thread.join(GRACE);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
