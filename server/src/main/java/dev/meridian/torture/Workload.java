package dev.meridian.torture;

import dev.meridian.torture.Operation.Kind;
import dev.meridian.torture.Operation.Level;
import dev.meridian.torture.Operation.Part;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Concurrent clients that ask a cluster's data API for a random mixture of things, and write down
 * what they asked and were told. What each client tries, in which order, follows from the seed.
 *
 * <p>Documents come in pairs of one tree, {@code COLLECTION/RUN-0007} and {@code
 * COLLECTION/RUN-0007/parts/a}, so that batches can be tried; every fifth tree is only counted. The
 * first trees are asked for most.
 */
public final class Workload {
  private static final int COUNTED_EVERY = 5;

  /**
   * What to do.
   *
   * @param nodes base addresses, such as {@code http://127.0.0.1:8080}; at least one
   * @param key an API key or the operator's, for writing; null: none
   * @param collection where the documents go
   * @param run in the names of this run's documents and keys; never used before on this data, since
   *     documents start absent; lower-case letters and digits
   * @param seed of everything random
   * @param clients concurrent sessions, 1 to 1000
   * @param trees pairs of documents, 1 to 100,000
   * @param operationsPerSecond of all clients together, at most
   * @param maxOperations after which they stop
   * @param duration after which they stop
   * @param timeout longest wait for one answer
   * @param attempts most attempts at a write whose outcome is unknown, under one idempotency key
   * @param kinds how often each kind is tried, relative to the others
   * @param levels how often each level is read at, relative to the others
   */
  public record Options(
      List<URI> nodes,
      @Nullable String key,
      String collection,
      String run,
      long seed,
      int clients,
      int trees,
      double operationsPerSecond,
      long maxOperations,
      Duration duration,
      Duration timeout,
      int attempts,
      Map<Kind, Integer> kinds,
      Map<Level, Integer> levels) {
    /** A mixture that finds much. */
    public static final Map<Kind, Integer> DEFAULT_KINDS =
        Map.of(
            Kind.READ, 50,
            Kind.PUT, 14,
            Kind.DELETE, 5,
            Kind.INCREMENT, 12,
            Kind.CONDITIONAL_PUT, 8,
            Kind.CREATE, 5,
            Kind.BATCH, 6);

    /** Mostly what promises most. */
    public static final Map<Level, Integer> DEFAULT_LEVELS =
        Map.of(Level.STRONG, 5, Level.SESSION, 4, Level.EVENTUAL, 1);

    /** Copies and checks the bounds. */
    public Options {
      nodes = List.copyOf(nodes);
      kinds = Map.copyOf(kinds);
      levels = Map.copyOf(levels);
      if (nodes.isEmpty()
          || clients < 1
          || clients > 1000
          || trees < 1
          || trees > 100_000
          || !(operationsPerSecond > 0)
          || maxOperations < 1
          || maxOperations > History.MAX_OPERATIONS
          || attempts < 1
          || !run.matches("[a-z0-9]{1,20}")) {
        throw new IllegalArgumentException("a workload's options are out of their bounds");
      }
    }

    /** 10 clients, 25 trees, 500 operations a second, answers within 5 s, 3 attempts. */
    public static Options of(List<URI> nodes, @Nullable String key, String run, long seed) {
      return new Options(
          nodes,
          key,
          "torture",
          run,
          seed,
          10,
          25,
          500,
          History.MAX_OPERATIONS,
          Duration.ofMinutes(1),
          Duration.ofSeconds(5),
          3,
          DEFAULT_KINDS,
          DEFAULT_LEVELS);
    }

    /** These options with other sizes. */
    public Options sized(
        int newClients, int newTrees, double perSecond, long most, Duration longest) {
      return new Options(
          nodes,
          key,
          collection,
          run,
          seed,
          newClients,
          newTrees,
          perSecond,
          most,
          longest,
          timeout,
          attempts,
          kinds,
          levels);
    }
  }

  private final Options options;
  private final History history;
  private volatile boolean stopping;

  /** A workload that writes down what happens in {@code history}. */
  public Workload(Options options, History history) {
    this.options = options;
    this.history = history;
  }

  /**
   * Runs until the time or the operations are used up, the history is full or {@link #stop} is
   * called, and then until every client has its last answer. Once only.
   */
  public void run() throws InterruptedException {
    long start = System.nanoTime();
    List<Thread> threads = new ArrayList<>();
    try (DataApi api = new DataApi(options.key(), options.timeout())) {
      for (int i = 0; i < options.clients(); i++) {
        Session session = new Session(options, i, api, history);
        long share =
            options.maxOperations() / options.clients()
                + (i < options.maxOperations() % options.clients() ? 1 : 0);
        threads.add(Thread.ofVirtual().start(() -> run(session, share, start)));
      }
      for (Thread thread : threads) {
        thread.join();
      }
    } finally {
      stop();
    }
  }

  private void run(Session session, long most, long start) {
    long end = start + options.duration().toNanos();
    double every = 1e9 * options.clients() / options.operationsPerSecond();
    for (long done = 0; done < most && !stopping; done++) {
      // A client that was held up does not catch up: it would only make a burst.
      long due = Math.max(System.nanoTime(), start + (long) (done * every));
      if (due >= end || !sleepUntil(due) || !session.step()) {
        return;
      }
    }
  }

  private boolean sleepUntil(long due) {
    try {
      for (long left = due - System.nanoTime(); left > 0; left = due - System.nanoTime()) {
        Thread.sleep(Duration.ofNanos(Math.min(left, 100_000_000)));
        if (stopping) {
          return false;
        }
      }
      return true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** Ends it early; clients finish what they are at. Any thread. */
  public void stop() {
    stopping = true;
  }

  /** Every document that may be asked for. */
  public List<String> documents() {
    List<String> all = new ArrayList<>();
    for (int tree = 0; tree < options.trees(); tree++) {
      all.add(document(options, tree, false));
      all.add(document(options, tree, true));
    }
    return all;
  }

  static String document(Options options, int tree, boolean child) {
    String root = String.format("%s/%s-%04d", options.collection(), options.run(), tree);
    return child ? root + "/parts/a" : root;
  }

  static boolean isCounted(int tree) {
    return tree % COUNTED_EVERY == COUNTED_EVERY - 1;
  }

  /**
   * Reads all documents from every node, strongly; those that cannot be read are asked for again.
   *
   * @param patience for all of it
   * @throws IllegalStateException if a node does not answer for a document in that time
   */
  public FinalState readFinal(Duration patience) throws InterruptedException {
    long end = System.nanoTime() + patience.toNanos();
    Map<String, Map<String, Part>> nodes = new LinkedHashMap<>();
    try (DataApi api = new DataApi(options.key(), options.timeout())) {
      for (URI node : options.nodes()) {
        Map<String, Part> documents = new LinkedHashMap<>();
        for (String document : documents()) {
          documents.put(document, finalRead(api, node, document, end));
        }
        nodes.put(node.toString(), documents);
      }
    }
    return new FinalState(nodes);
  }

  private static Part finalRead(DataApi api, URI node, String document, long end)
      throws InterruptedException {
    while (true) {
      DataApi.Answer answer = api.read(node, document, Level.STRONG, "");
      if (answer.outcome() == Operation.Outcome.OK) {
        return answer.parts().getFirst();
      }
      if (System.nanoTime() > end) {
        throw new IllegalStateException(
            node + " does not answer for " + document + " at the end: " + answer.note());
      }
      Thread.sleep(50);
    }
  }
}
