package dev.meridian.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.function.IntUnaryOperator;
import java.util.function.Supplier;
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
  /** What it measures, by name. */
  static final List<String> PARTS = List.of("cluster", "steady", "failover", "spread");

  private static final int DOCUMENTS = 10_000;
  private static final int MANY = 256;

  /** Of one core, for each of three nodes; the clients need the rest of two. */
  private static final double SHARE = 0.2;

  private static final double MIN_GROWTH = 2.5;
  private static final int AT_EACH = 64;

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

  /** Which node each client asks, counted from 0. */
  private interface Where {
    Where ALL = _ -> client -> client % Trio.NODES;

    Where PRIMARY = trio -> only(trio.primary());

    IntUnaryOperator of(Trio trio);

    private static IntUnaryOperator only(int node) {
      return _ -> node;
    }
  }

  private interface Operation {
    void on(Trio.Client client, int document) throws IOException;
  }

  /**
   * Measures some of {@link #PARTS}; {@code kills} times the primary dies, and for {@code minutes}
   * it must not lose its place.
   */
  void run(Set<String> parts, int kills, int minutes) {
    trios.forEach(this::fill);
    if (parts.contains("cluster")) {
      rates();
    }
    if (parts.contains("steady")) {
      steady(minutes);
    }
    if (parts.contains("failover")) {
      failover(kills);
    }
    if (parts.contains("spread")) {
      spread(); // last: what it does to the processes is not to be undone
    }
  }

  private void rates() {
    Operation put = put();
    Operation get = Trio.Client::get;
    turns("durable write of 256 bytes on 3 nodes, 256 in flight", put, MANY, Where.ALL, 3);
    turns(
        "durable write of 256 bytes on 3 nodes, 256 in flight, at the primary",
        put,
        MANY,
        Where.PRIMARY,
        Double.NaN);
    turns(
        "durable write of 256 bytes on 3 nodes, 1 in flight, at the primary",
        put,
        1,
        Where.PRIMARY,
        1);
    turns("strong read on 3 nodes, 256 in flight", get, MANY, Where.ALL, 3);
    turns(
        "strong read on 3 nodes, 256 in flight, at the primary",
        get,
        MANY,
        Where.PRIMARY,
        Double.NaN);
  }

  // --- Full load ---------------------------------------------------------------------------------

  /**
   * Writes for minutes, as many as go through, without any fault: nobody may stand for election.
   */
  private void steady(int minutes) {
    String what = "elections in " + minutes + " minutes of durable writes, 256 in flight";
    for (int i = 0; i < trios.size(); i++) {
      Trio trio = trios.get(i);
      long before = trio.term();
      long end = System.nanoTime() + Duration.ofMinutes(minutes).toNanos();
      long writes = 0;
      long slowest = 0;
      while (System.nanoTime() - end < 0) {
        out.printf(Locale.ROOT, "%s: %,d writes, ", what, writes);
        Sample sample = measure(trio, put(), MANY, Where.ALL);
        writes += Math.round(sample.rate() * seconds);
        slowest = Math.max(slowest, Math.round(sample.p99Millis()));
      }
      long elections = trio.term() - before;
      report.add(
          new Report.Row(
              what,
              trio.name(),
              String.format(
                  Locale.ROOT,
                  "%d, while %,d were written; worst p99 of %d s: %d ms",
                  elections,
                  writes,
                  seconds,
                  slowest),
              null,
              i == 0 ? "none" : "",
              i == 0 ? (Boolean) (elections == 0) : null));
    }
  }

  private Operation put() {
    return (client, id) -> client.put(id, document);
  }

  private void fill(Trio trio) {
    out.printf("cluster: filling %s%n", trio.name());
    AtomicInteger next = new AtomicInteger();
    load(
        trio,
        MANY,
        Where.ALL,
        _ -> next.getAndIncrement(),
        put(),
        () -> () -> next.get() >= DOCUMENTS);
  }

  private void turns(String what, Operation operation, int clients, Where where, double target) {
    List<Series> all = trios.stream().map(trio -> new Series(trio.name())).toList();
    for (Trio trio : trios) {
      WarmUp.until(
          () -> {
            out.printf("%s: warming up, ", what);
            return measure(trio, operation, clients, where).rate();
          });
    }
    for (int run = 0; run < runs; run++) {
      for (int i = 0; i < trios.size(); i++) {
        out.printf(Locale.ROOT, "%s: run %d/%d, ", what, run + 1, runs);
        all.get(i).add(measure(trios.get(i), operation, clients, where));
      }
    }
    report(what, all, target);
  }

  private void report(String what, List<Series> all, double target) {
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

  private Sample measure(Trio trio, Operation operation, int clients, Where where) {
    return load(
        trio,
        clients,
        where,
        _ -> ThreadLocalRandom.current().nextInt(DOCUMENTS),
        operation,
        () -> {
          long until = System.nanoTime() + Duration.ofSeconds(seconds).toNanos();
          return () -> System.nanoTime() - until > 0;
        });
  }

  /**
   * Lets clients connect, and then runs them until they are told to end; fails when one is not
   * answered as it should be.
   *
   * @param begin is called when they begin, and tells from then on whether they are to end
   */
  private Sample load(
      Trio trio,
      int clients,
      Where where,
      ToIntFunction<Integer> ids,
      Operation operation,
      Supplier<BooleanSupplier> begin) {
    IntUnaryOperator nodes = where.of(trio);
    CountDownLatch connected = new CountDownLatch(clients);
    CompletableFuture<BooleanSupplier> begun = new CompletableFuture<>();
    List<Latencies> all = new ArrayList<>();
    List<Thread> threads = new ArrayList<>();
    AtomicLong failed = new AtomicLong();
    java.util.concurrent.atomic.AtomicReference<String> why =
        new java.util.concurrent.atomic.AtomicReference<>("");
    for (int i = 0; i < clients; i++) {
      int node = nodes.applyAsInt(i);
      Latencies latencies = new Latencies();
      all.add(latencies);
      threads.add(
          Thread.ofVirtual()
              .start(
                  () -> {
                    try (Trio.Client client = trio.client(node, PATIENCE)) {
                      try {
                        connect(client);
                      } finally {
                        connected.countDown();
                      }
                      BooleanSupplier over = begun.join();
                      while (!over.getAsBoolean()) {
                        int id = ids.applyAsInt(0);
                        long asked = System.nanoTime();
                        try {
                          operation.on(client, id);
                          latencies.add(System.nanoTime() - asked);
                        } catch (IOException e) {
                          failed.incrementAndGet();
                          why.set(String.valueOf(e.getMessage()));
                        }
                      }
                    }
                  }));
    }
    Duration before;
    Duration ownBefore;
    long since;
    try {
      connected.await();
      before = cpu(trio);
      ownBefore = own();
      since = System.nanoTime();
      begun.complete(begin.get());
      for (Thread thread : threads) {
        thread.join();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
    double took = (System.nanoTime() - since) / 1e9;
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

  private static void connect(Trio.Client client) {
    try {
      client.getHere(0);
    } catch (IOException e) {
      // If it matters, it comes again.
    }
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

  // --- Reads on more nodes -----------------------------------------------------------------------

  /**
   * What nodes add that answer reads themselves, on a machine with too few cores for them: each may
   * use a part of a core, so that they do not take each other's, as they would not on machines of
   * their own. So three can do about three times what one does; less shows what they do for each
   * other when all are busy. One is each of the three in turn.
   */
  private void spread() {
    String what =
        String.format(
            Locale.ROOT,
            "read as the node asked has it, each node on %.0f %% of a core, %d in flight at each, ",
            SHARE * 100,
            AT_EACH);
    for (Trio trio : trios) {
      WarmUp.until(
          () -> {
            out.printf("%swarming up without the limit, ", what);
            return measure(trio, Trio.Client::getHere, MANY, Where.ALL).rate();
          });
    }
    List<Series> one = trios.stream().map(trio -> new Series(trio.name())).toList();
    List<Series> three = trios.stream().map(trio -> new Series(trio.name())).toList();
    List<CpuShare> shares = new ArrayList<>();
    try {
      for (Trio trio : trios) {
        for (Contender process : trio.processes()) {
          shares.add(CpuShare.limit(process, SHARE));
        }
      }
      trios.forEach(trio -> spread(trio, what, 0)); // does not count
      for (int run = 0; run < runs; run++) {
        for (int i = 0; i < trios.size(); i++) {
          Sample[] both = spread(trios.get(i), what, run);
          one.get(i).add(both[0]);
          three.get(i).add(both[1]);
        }
      }
    } catch (IOException e) {
      report.skip(what + "needs root and control groups: " + e);
      return;
    } finally {
      shares.forEach(CpuShare::close);
    }
    report(what + "1 node", one, Double.NaN);
    report(what + "3 nodes", three, Double.NaN);
    for (int i = 0; i < trios.size(); i++) {
      double growth = three.get(i).ratio(one.get(i), Sample::rate);
      report.add(
          new Report.Row(
              "the same, growth from 1 node to 3",
              trios.get(i).name(),
              String.format(Locale.ROOT, "%.2f times", growth),
              null,
              i == 0 ? String.format(Locale.ROOT, "at least %.1f", MIN_GROWTH) : "",
              i == 0 ? (Boolean) (growth >= MIN_GROWTH) : null));
    }
  }

  /** One node alone and all together, in an order that changes. */
  private Sample[] spread(Trio trio, String what, int run) {
    Sample[] both = new Sample[2];
    for (int turn = 0; turn < 2; turn++) {
      boolean all = (turn + run) % 2 == 1;
      out.printf(Locale.ROOT, "%s%d node(s): run %d, ", what, all ? Trio.NODES : 1, run + 1);
      both[all ? 1 : 0] =
          measure(
              trio,
              Trio.Client::getHere,
              all ? AT_EACH * Trio.NODES : AT_EACH,
              all ? Where.ALL : _ -> Where.only(run % Trio.NODES));
    }
    return both;
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
