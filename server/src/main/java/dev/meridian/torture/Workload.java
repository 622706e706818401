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
import java.util.Objects;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Concurrent clients that ask a cluster's data API for a random mixture of things, and write down
 * what they asked and were told. What each client tries, in which order, follows from the seed.
 *
 * <p>Documents come in pairs of one tree, {@code COLLECTION/RUN-0007} and {@code
 * COLLECTION/RUN-0007/parts/a}, so that batches can be tried. Trees take turns in the collections
 * of the policies; of each collection every fifth is only counted, and every fifth hardly changes.
 * The first trees are asked for most. Beside the clients there are visitors, who change and read
 * attributes of their sessions, and, where documents are written behind, some who count together.
 */
public final class Workload {
  private static final int EVERY = 5;
  private static final int ADDERS = 4;

  /** Who asks one thing after another. */
  interface Client {
    /** One operation; false if it could not be recorded or the thread was interrupted. */
    boolean step();
  }

  /**
   * What to do.
   *
   * @param nodes base addresses, such as {@code http://127.0.0.1:8080}; at least one
   * @param key an API key or the operator's, for writing; null: none
   * @param policies of the collections where the documents go; see {@link TortureSite}
   * @param run in the names of this run's documents and keys; never used before on this data, since
   *     documents start absent; lower-case letters and digits
   * @param seed of everything random
   * @param clients concurrent sessions, 1 to 1000
   * @param visitors with sessions of their own, of two tabs each, 0 to 100
   * @param trees pairs of documents, 1 to 100,000
   * @param operationsPerSecond of all clients and visitors together, at most
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
      List<CachePolicy> policies,
      String run,
      long seed,
      int clients,
      int visitors,
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

    /** More than half of it may come from a cache. */
    public static final Map<Level, Integer> DEFAULT_LEVELS =
        Map.of(Level.STRONG, 8, Level.SESSION, 6, Level.EVENTUAL, 3, Level.PAGE, 3);

    /** Copies and checks the bounds. */
    public Options {
      nodes = List.copyOf(nodes);
      policies = List.copyOf(policies);
      kinds = Map.copyOf(kinds);
      levels = Map.copyOf(levels);
      if (nodes.isEmpty()
          || policies.isEmpty()
          || visitors < 0
          || visitors > 100
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

    /**
     * 10 clients, 3 visitors, 25 trees, 500 operations a second, answers within 5 s, 3 attempts.
     */
    public static Options of(
        List<URI> nodes, @Nullable String key, List<CachePolicy> policies, String run, long seed) {
      return new Options(
          nodes,
          key,
          policies,
          run,
          seed,
          10,
          3,
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
          policies,
          run,
          seed,
          newClients,
          visitors,
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
  private final List<CookieJar> jars = new ArrayList<>();
  private volatile boolean stopping;

  /** A workload that writes down what happens in {@code history}. */
  public Workload(Options options, History history) {
    this.options = options;
    this.history = history;
    for (int i = 0; i < options.visitors(); i++) {
      jars.add(new CookieJar());
    }
  }

  /**
   * Runs until the time or the operations are used up, the history is full or {@link #stop} is
   * called, and then until every client has its last answer. Once only.
   */
  public void run() throws InterruptedException {
    long start = System.nanoTime();
    List<Thread> threads = new ArrayList<>();
    try (DataApi api = new DataApi(options.key(), options.timeout())) {
      List<Client> clients = new ArrayList<>();
      for (int i = 0; i < options.clients(); i++) {
        clients.add(new Session(options, i, api, history));
      }
      for (int i = 0; i < Visitor.tabs(options); i++) {
        clients.add(new Visitor(options, i, jars, api, history));
      }
      List<Integer> counted = countedBehind();
      for (int i = 0; !counted.isEmpty() && i < ADDERS; i++) {
        clients.add(Session.adder(options, options.clients() + i, counted, api, history));
      }
      for (int i = 0; i < clients.size(); i++) {
        Client client = clients.get(i);
        long share =
            options.maxOperations() / clients.size()
                + (i < options.maxOperations() % clients.size() ? 1 : 0);
        double every = 1e9 * clients.size() / options.operationsPerSecond();
        threads.add(Thread.ofVirtual().start(() -> run(client, share, every, start)));
      }
      for (Thread thread : threads) {
        thread.join();
      }
    } finally {
      stop();
    }
  }

  private void run(Client client, long most, double every, long start) {
    long end = start + options.duration().toNanos();
    for (long done = 0; done < most && !stopping; done++) {
      // A client that was held up does not catch up: it would only make a burst.
      long due = Math.max(System.nanoTime(), start + (long) (done * every));
      if (due >= end || !sleepUntil(due) || !client.step()) {
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

  private List<Integer> countedBehind() {
    return IntStream.range(0, options.trees())
        .filter(tree -> isCounted(options, tree) && policy(options, tree).flushes())
        .boxed()
        .toList();
  }

  static CachePolicy policy(Options options, int tree) {
    return options.policies().get(tree % options.policies().size());
  }

  static String document(Options options, int tree, boolean child) {
    String root =
        String.format("%s/%s-%04d", policy(options, tree).collection(), options.run(), tree);
    return child ? root + "/parts/a" : root;
  }

  static boolean isCounted(Options options, int tree) {
    return tree / options.policies().size() % EVERY == 2;
  }

  static boolean isQuiet(Options options, int tree) {
    return tree / options.policies().size() % EVERY == 1;
  }

  /**
   * Reads all documents from every node, strongly, and all attributes, as visitors who have seen
   * all; those that cannot be read are asked for again, and so are attributes of which nodes
   * differ: what nobody was told of is in no cookie, and may be late on a node.
   *
   * @param patience for all of it; what nodes then still say is taken
   * @throws IllegalStateException if a node does not answer for one in that time
   */
  public FinalState readFinal(Duration patience) throws InterruptedException {
    return readFinal(options.nodes(), patience);
  }

  /** The same of nodes that were perhaps not asked before. */
  FinalState readFinal(List<URI> from, Duration patience) throws InterruptedException {
    long end = System.nanoTime() + patience.toNanos();
    Map<String, Map<String, Part>> nodes = new LinkedHashMap<>();
    try (DataApi api = new DataApi(options.key(), options.timeout())) {
      for (URI node : from) {
        Map<String, Part> parts = new LinkedHashMap<>();
        for (String document : documents()) {
          parts.put(
              document, patiently(() -> api.read(node, document, Level.STRONG, ""), node, end));
        }
        for (int visitor = 0; visitor < options.visitors(); visitor++) {
          for (String path : Visitor.attributes(options, visitor)) {
            parts.put(path, look(api, node, visitor, path, end));
          }
        }
        nodes.put(node.toString(), parts);
      }
      for (int visitor = 0; visitor < options.visitors(); visitor++) {
        for (String path : Visitor.attributes(options, visitor)) {
          while (differ(nodes, path) && System.nanoTime() - end < 0) {
            Thread.sleep(50);
            for (URI node : from) {
              Part part = look(api, node, visitor, path, end);
              Objects.requireNonNull(nodes.get(node.toString())).put(path, part);
            }
          }
        }
      }
    }
    return new FinalState(nodes);
  }

  private static boolean differ(Map<String, Map<String, Part>> nodes, String path) {
    return nodes.values().stream().map(parts -> parts.get(path)).distinct().count() > 1;
  }

  private Part look(DataApi api, URI node, int visitor, String path, long end)
      throws InterruptedException {
    CookieJar jar = jars.get(visitor);
    return patiently(() -> api.look(node, path, jar.sent(), jar.all()), node, end);
  }

  private static Part patiently(Supplier<DataApi.Answer> read, URI node, long end)
      throws InterruptedException {
    while (true) {
      DataApi.Answer answer = read.get();
      if (answer.outcome() == Operation.Outcome.OK) {
        return answer.parts().getFirst();
      }
      if (System.nanoTime() - end > 0) {
        throw new IllegalStateException(node + " does not answer at the end: " + answer.note());
      }
      Thread.sleep(50);
    }
  }
}
