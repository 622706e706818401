package dev.meridian.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.ToIntFunction;

/**
 * Three processes of Meridian beside three of etcd, both on this machine and disk, both syncing
 * each write to disk on a majority before it is acknowledged.
 *
 * <p>The load comes from this process for both: so many clients, each a virtual thread that asks
 * one thing at a time and waits for the answer. Each server is spoken to as its own clients do:
 * Meridian over HTTP/1.1, a connection a client; etcd over gRPC, clients sharing connections.
 * etcd's JSON gateway, which is HTTP too, would have made etcd pay for a translation inside its
 * process. What gRPC costs more than plain sockets on the clients' side is paid here, from the
 * cores that all share, and is printed with each run. Nodes of Meridian speak TLS to each other,
 * those of etcd do not. Both keep their default election timeouts.
 */
final class ClusterBench {
  private static final int DOCUMENTS = 10_000;
  private static final int MANY = 256;

  private static final Duration PATIENCE = Duration.ofSeconds(10);

  /** How often a client tries after a kill, and how long an attempt may take. */
  private static final Duration TRY_EVERY = Duration.ofMillis(10);

  private static final Duration TRY_LIMIT = Duration.ofSeconds(8);
  private static final int OPEN_TRIES = 512;

  private final List<Trio> trios;
  private final byte[] document;
  private final int runs;
  private final int seconds;
  private final Report report;
  private final PrintStream out;

  /**
   * Prepares.
   *
   * @param trios Meridian's first; the others are its peers
   */
  ClusterBench(
      List<Trio> trios, String document, int runs, int seconds, Report report, PrintStream out) {
    this.trios = trios;
    this.document = document.getBytes(java.nio.charset.StandardCharsets.US_ASCII);
    this.runs = runs;
    this.seconds = seconds;
    this.report = report;
    this.out = out;
  }

  private interface Operation {
    void on(Trio.Client client, int document) throws IOException;
  }

  /** Measures everything; {@code kills} times the primary dies. */
  void run(int kills) {
    Operation put = (client, id) -> client.put(id, document);
    Operation get = Trio.Client::get;
    trios.forEach(this::fill);
    turns("durable write of 256 bytes on 3 nodes, 256 in flight", put, MANY, false, 3);
    turns(
        "durable write of 256 bytes on 3 nodes, 256 in flight, at the primary",
        put,
        MANY,
        true,
        Double.NaN);
    turns("durable write of 256 bytes on 3 nodes, 1 in flight, at the primary", put, 1, true, 1);
    turns("strong read on 3 nodes, 256 in flight", get, MANY, false, 3);
    turns("strong read on 3 nodes, 256 in flight, at the primary", get, MANY, true, Double.NaN);
    failover(kills);
  }

  private void fill(Trio trio) {
    out.printf("cluster: filling %s%n", trio.name());
    AtomicInteger next = new AtomicInteger();
    load(
        trio,
        MANY,
        false,
        _ -> next.getAndIncrement(),
        (client, id) -> client.put(id, document),
        () -> next.get() >= DOCUMENTS);
  }

  private void turns(
      String what, Operation operation, int clients, boolean atPrimary, double target) {
    List<Series> all = trios.stream().map(trio -> new Series(trio.name())).toList();
    for (Trio trio : trios) {
      WarmUp.until(
          () -> {
            out.printf("%s: warming up, ", what);
            return measure(trio, operation, clients, atPrimary).rate();
          });
    }
    for (int run = 0; run < runs; run++) {
      for (int i = 0; i < trios.size(); i++) {
        out.printf(Locale.ROOT, "%s: run %d/%d, ", what, run + 1, runs);
        all.get(i).add(measure(trios.get(i), operation, clients, atPrimary));
      }
    }
    Series own = all.getFirst();
    report.add(new Report.Row(what, own.contender(), Report.figures(own), null, "", null));
    for (Series peer : all.subList(1, all.size())) {
      double ratio = own.ratio(peer, Sample::rate);
      boolean judged = !Double.isNaN(target);
      report.add(
          new Report.Row(
              what,
              peer.contender(),
              Report.figures(peer),
              String.format(Locale.ROOT, "%.2f", ratio),
              judged ? String.format(Locale.ROOT, "at least %.1f", target) : "",
              judged ? (Boolean) (ratio >= target) : null));
    }
  }

  private Sample measure(Trio trio, Operation operation, int clients, boolean atPrimary) {
    long until = System.nanoTime() + Duration.ofSeconds(seconds).toNanos();
    Sample sample =
        load(
            trio,
            clients,
            atPrimary,
            _ -> ThreadLocalRandom.current().nextInt(DOCUMENTS),
            operation,
            () -> System.nanoTime() - until > 0);
    return sample;
  }

  /** Runs clients until they are told to end; fails when one is not answered as it should be. */
  private Sample load(
      Trio trio,
      int clients,
      boolean atPrimary,
      ToIntFunction<Integer> ids,
      Operation operation,
      java.util.function.BooleanSupplier over) {
    int primary = atPrimary ? trio.primary() : -1;
    Duration before = cpu(trio);
    Duration ownBefore = own();
    long begun = System.nanoTime();
    List<Latencies> all = new ArrayList<>();
    List<Thread> threads = new ArrayList<>();
    AtomicLong failed = new AtomicLong();
    java.util.concurrent.atomic.AtomicReference<String> why =
        new java.util.concurrent.atomic.AtomicReference<>("");
    for (int i = 0; i < clients; i++) {
      int node = primary >= 0 ? primary : i % Trio.NODES;
      Latencies latencies = new Latencies();
      all.add(latencies);
      threads.add(
          Thread.ofVirtual()
              .start(
                  () -> {
                    try (Trio.Client client = trio.client(node, PATIENCE)) {
                      while (!over.getAsBoolean()) {
                        int id = ids.applyAsInt(0);
                        long since = System.nanoTime();
                        try {
                          operation.on(client, id);
                          latencies.add(System.nanoTime() - since);
                        } catch (IOException e) {
                          failed.incrementAndGet();
                          why.set(String.valueOf(e.getMessage()));
                        }
                      }
                    }
                  }));
    }
    try {
      for (Thread thread : threads) {
        thread.join();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
    double took = (System.nanoTime() - begun) / 1e9;
    long[] sorted = Latencies.sorted(all);
    if (failed.get() > 0 || sorted.length == 0) {
      throw new IllegalStateException(
          trio.name() + " failed " + failed + " of " + sorted.length + " requests: " + why.get());
    }
    double serverMicros = cpu(trio).minus(before).toNanos() / 1000.0 / sorted.length;
    double clientMicros = own().minus(ownBefore).toNanos() / 1000.0 / sorted.length;
    Sample sample =
        new Sample(
            sorted.length / took,
            sorted[sorted.length / 2] / 1e6,
            sorted[(int) (sorted.length * 0.99)] / 1e6,
            serverMicros);
    out.printf(
        Locale.ROOT,
        "%s: %,.0f/s, p50 %.2f ms, p99 %.2f ms, CPU of its nodes %.0f µs, of the clients %.0f µs%n",
        trio.name(),
        sample.rate(),
        sample.p50Millis(),
        sample.p99Millis(),
        serverMicros,
        clientMicros);
    return sample;
  }

  private static Duration cpu(Trio trio) {
    return trio.processes().stream().map(Contender::cpu).reduce(Duration.ZERO, Duration::plus);
  }

  private static Duration own() {
    return ProcessHandle.current().info().totalCpuDuration().orElse(Duration.ZERO);
  }

  /** What each operation of one client took; for one thread. */
  private static final class Latencies {
    private long[] nanos = new long[1024];
    private int size;

    void add(long value) {
      if (size == nanos.length) {
        nanos = Arrays.copyOf(nanos, size * 2);
      }
      nanos[size++] = value;
    }

    static long[] sorted(List<Latencies> all) {
      long[] sorted = new long[all.stream().mapToInt(one -> one.size).sum()];
      int at = 0;
      for (Latencies one : all) {
        System.arraycopy(one.nanos, 0, sorted, at, one.size);
        at += one.size;
      }
      Arrays.sort(sorted);
      return sorted;
    }
  }

  // --- Failover ----------------------------------------------------------------------------------

  private void failover(int kills) {
    String what = "kill -9 of the primary to the next acknowledged write, " + kills + " kills";
    List<double[]> all = trios.stream().map(_ -> new double[kills]).toList();
    for (int kill = 0; kill < kills; kill++) {
      for (int i = 0; i < trios.size(); i++) {
        double took = failover(trios.get(i));
        all.get(i)[kill] = took;
        out.printf(
            Locale.ROOT,
            "failover: kill %d/%d, %s: %.2f s%n",
            kill + 1,
            kills,
            trios.get(i).name(),
            took);
      }
    }
    for (int i = 0; i < trios.size(); i++) {
      double[] sorted = all.get(i);
      Arrays.sort(sorted);
      double median = (sorted[(kills - 1) / 2] + sorted[kills / 2]) / 2;
      double worst = sorted[kills - 1];
      report.add(
          new Report.Row(
              what,
              trios.get(i).name(),
              String.format(Locale.ROOT, "median %.2f s, worst %.2f s", median, worst),
              null,
              i == 0 ? "median 1 s, worst 2 s" : "",
              i == 0 ? (Boolean) (median <= 1 && worst < 2) : null));
    }
  }

  /**
   * Kills the primary while clients write. A new attempt begins every {@link #TRY_EVERY} at one of
   * the nodes that are left, in turns, and none waits for another; what counts is the first
   * acknowledgement of one that began after the kill. Then the node comes back.
   *
   * @return seconds
   */
  private double failover(Trio trio) {
    int primary = awaitPrimary(trio);
    AtomicLong first = new AtomicLong();
    AtomicInteger open = new AtomicInteger();
    trio.kill(primary);
    long killed = System.nanoTime();
    long due = killed;
    for (int n = 0; first.get() == 0; n++) {
      if (System.nanoTime() - killed > Duration.ofSeconds(60).toNanos()) {
        throw new IllegalStateException(trio.name() + " took no write for 60 s after a kill");
      }
      int node = (primary + 1 + n % (Trio.NODES - 1)) % Trio.NODES;
      if (open.get() < OPEN_TRIES) {
        open.incrementAndGet();
        Thread.ofVirtual()
            .start(
                () -> {
                  try (Trio.Client client = trio.client(node, TRY_LIMIT)) {
                    client.put(0, document);
                    first.compareAndSet(0, System.nanoTime());
                  } catch (IOException e) {
                    // The next one may have more luck.
                  } finally {
                    open.decrementAndGet();
                  }
                });
      }
      due += TRY_EVERY.toNanos();
      try {
        Thread.sleep(Duration.ofNanos(Math.max(0, due - System.nanoTime())));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException("interrupted", e);
      }
    }
    Tools.await("the end of all attempts", Duration.ofSeconds(30), () -> open.get() == 0);
    trio.restart(primary);
    return (first.get() - killed) / 1e9;
  }

  private static int awaitPrimary(Trio trio) {
    int[] primary = {-1};
    Tools.await(
        "a primary of " + trio.name(),
        Duration.ofSeconds(30),
        () -> (primary[0] = trio.primary()) >= 0);
    return primary[0];
  }
}
