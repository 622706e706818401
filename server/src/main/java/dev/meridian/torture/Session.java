package dev.meridian.torture;

import dev.meridian.torture.Operation.Kind;
import dev.meridian.torture.Operation.Level;
import dev.meridian.torture.Operation.Outcome;
import dev.meridian.torture.Operation.Part;
import java.net.URI;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/** One client of a {@link Workload}. For one thread. */
final class Session implements Workload.Client {
  private final Workload.Options options;
  private final int client;
  private final DataApi api;
  private final History history;
  private final Random random;

  /** The last ETag seen of each document, for conditional puts. */
  private final Map<String, String> known = new HashMap<>();

  private String token = "";
  private long written;

  Session(Workload.Options options, int client, DataApi api, History history) {
    this.options = options;
    this.client = client;
    this.api = api;
    this.history = history;
    this.random = new Random(options.seed() * 1_000_003 + client);
  }

  /**
   * A client that does nothing but count, in step with others of its kind: the same documents on
   * the same nodes at the same moments, without keys, so that they are added up where that is done.
   *
   * @param trees that are only counted; at least one
   */
  static Workload.Client adder(
      Workload.Options options, int client, List<Integer> trees, DataApi api, History history) {
    Session session = new Session(options, client, api, history);
    Random same = new Random(options.seed());
    return () -> {
      int tree = trees.get(same.nextInt(trees.size()));
      int node = same.nextInt(options.nodes().size());
      String document = Workload.document(options, tree, false);
      return session.perform(
          Kind.INCREMENT, null, List.of(new Part(document, null, 0, null)), null, node, true);
    };
  }

  @Override
  public boolean step() {
    int tree = tree();
    boolean child = random.nextInt(3) == 0;
    Kind kind = pick(options.kinds());
    Level level = pick(options.levels());
    int node = random.nextInt(options.nodes().size());
    boolean behind = Workload.policy(options, tree).flushes();
    if (Workload.isQuiet(options, tree) && random.nextInt(20) > 0) {
      kind = Kind.READ; // or nothing would be long in a cache
      level = random.nextBoolean() ? Level.PAGE : level;
    }
    if (kind != Kind.READ
        && (Workload.isCounted(options, tree) || (behind && random.nextInt(3) == 0))) {
      kind = Kind.INCREMENT;
    }
    if (behind && level == Level.PAGE) {
      level = Level.SESSION; // such a page is not kept, and shows no version
    }
    // Increments without a key are added up. Eventual reads without a token are anybody's.
    boolean bare = random.nextBoolean();
    String document = Workload.document(options, tree, child);
    List<Part> parts = new ArrayList<>();
    if (kind == Kind.BATCH) {
      parts.add(new Part(Workload.document(options, tree, false), value(), 0, null));
      parts.add(new Part(Workload.document(options, tree, true), value(), 0, null));
    } else {
      parts.add(new Part(document, kind.putsValue() ? value() : null, 0, null));
    }
    String expected = kind == Kind.CONDITIONAL_PUT ? known.get(document) : null;
    if (kind == Kind.CONDITIONAL_PUT && expected == null) {
      kind = Kind.PUT;
    }
    return perform(kind, kind == Kind.READ ? level : null, parts, expected, node, bare);
  }

  /** Skewed: half of all go to the first sixth of the trees of each policy. */
  private int tree() {
    int policies = options.policies().size();
    int each = (options.trees() + policies - 1) / policies;
    int tree =
        policies * (int) (each * Math.pow(random.nextDouble(), 2.6)) + random.nextInt(policies);
    return Math.min(tree, options.trees() - 1);
  }

  private String value() {
    return client + "-" + ++written;
  }

  private boolean perform(
      Kind kind,
      @Nullable Level level,
      List<Part> parts,
      @Nullable String expected,
      int first,
      boolean bare) {
    String sent = bare && level == Level.EVENTUAL ? null : token;
    boolean keyless = bare && CachePolicy.of(parts.getFirst().document()).flushes();
    String key = keyless ? null : options.run() + "-" + client + "-" + ++written;
    long invoked = System.nanoTime();
    URI node = options.nodes().get(first);
    DataApi.Answer answer = null;
    boolean maybe = false;
    // Without a key, trying again might do it twice.
    int attempts = level == null && keyless ? 1 : options.attempts();
    for (int attempt = 0; attempt < attempts; attempt++) {
      node = options.nodes().get((first + attempt) % options.nodes().size());
      answer =
          level != null
              ? api.read(node, parts.getFirst().document(), level, sent)
              : api.write(node, kind, parts, expected, token, key);
      if (level != null || answer.outcome() == Outcome.OK) {
        break;
      }
      if (answer.outcome() == Outcome.REFUSED && !maybe) {
        break;
      }
      // From here on a refusal says nothing about the attempt before it, but an answer does: the
      // key makes all attempts one.
      maybe = true;
    }
    if (answer == null) {
      return false;
    }
    Outcome outcome =
        answer.outcome() == Outcome.OK ? Outcome.OK : maybe ? Outcome.UNKNOWN : Outcome.REFUSED;
    long responded = System.nanoTime();
    token = Tokens.merge(token, answer.token());
    for (Part part : answer.parts()) {
      if (outcome == Outcome.OK && part.etag() != null && kind != Kind.DELETE) {
        known.put(part.document(), part.etag());
      }
    }
    return history.add(
            new Operation(
                history.nextId(),
                client,
                node.toString(),
                kind,
                level,
                outcome == Outcome.OK ? answer.parts() : parts,
                expected,
                sent == null ? "" : sent,
                answer.token(),
                invoked,
                responded,
                outcome,
                answer.note(),
                answer.stale()))
        && !Thread.currentThread().isInterrupted();
  }

  private <E extends Enum<E>> E pick(Map<E, Integer> weights) {
    List<E> sorted = weights.keySet().stream().sorted().toList();
    int at = random.nextInt(weights.values().stream().mapToInt(Integer::intValue).sum());
    for (E one : sorted) {
      at -= weights.getOrDefault(one, 0);
      if (at < 0) {
        return one;
      }
    }
    throw new IllegalStateException("weights are positive");
  }
}
