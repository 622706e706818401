package dev.meridian.torture;

import dev.meridian.document.Version;
import dev.meridian.torture.Operation.Kind;
import dev.meridian.torture.Operation.Level;
import dev.meridian.torture.Operation.Outcome;
import dev.meridian.torture.Operation.Part;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * A cluster of a primary and two replicas with concurrent clients, in simulated time on one thread:
 * the same seed gives the same history. It keeps all promises, but for the bug that is planted.
 */
final class Simulation {
  /** What is wrong with the cluster. */
  enum Bug {
    NONE,
    /** Writes are acknowledged when the primary has them; a failover loses those not committed. */
    ACKNOWLEDGED_BEFORE_COMMIT,
    /** A primary that was replaced goes on answering strong reads for a while. */
    STALE_LEASE,
    /** A write that is tried again is applied again. */
    RETRY_APPLIED_TWICE,
    /** A failover brings back what was deleted shortly before. */
    LOST_DELETE,
    /** Replicas do not look at the token. */
    TOKEN_IGNORED,
    /** Of some batches only the first half is applied. */
    HALF_A_BATCH,
    /** Some writes are refused as not done, and done. */
    REFUSED_YET_DONE,
    /** Written through, and some reads without a token show what was before. */
    STALE_FOR_OTHERS,
    /** Kept pages are shown whatever their reader has seen. */
    STALE_PAGE,
    /** Written behind, and a flush brings the value before the last one. */
    FLUSH_LOSES_INCREMENT,
    /** Written behind, and a flush adds what is pending once more. */
    FLUSH_COUNTS_TWICE,
    /** Written behind, and some strong reads do not look at what is pending. */
    STRONG_READ_MISSES_PENDING,
    /** Written behind, and of increments that are added up one is forgotten. */
    SUM_FORGETS_ONE;

    /** Where it can be. */
    @Nullable CachePolicy policy() {
      return switch (this) {
        case STALE_FOR_OTHERS -> CachePolicy.WRITE_THROUGH;
        case STALE_PAGE -> CachePolicy.READ_THROUGH;
        case FLUSH_LOSES_INCREMENT,
            FLUSH_COUNTS_TWICE,
            STRONG_READ_MISSES_PENDING,
            SUM_FORGETS_ONE ->
            CachePolicy.WRITE_BEHIND;
        default -> null;
      };
    }
  }

  record Doc(@Nullable String value, long count, String etag) {}

  /** How large. */
  record Size(int clients, int operations, int trees) {}

  private record Event(long time, long order, Runnable action) {}

  /** A request on its way. */
  private static final class Request {
    final Client client;
    final Kind kind;
    final @Nullable Level level;
    final List<Part> parts;
    final @Nullable String expected;
    final long invoked;
    boolean answered;

    /** Has no idempotency key. */
    boolean summed;

    boolean retried;
    @Nullable List<Part> applied;

    Request(
        Client client,
        Kind kind,
        @Nullable Level level,
        List<Part> parts,
        @Nullable String expected,
        long invoked) {
      this.client = client;
      this.kind = kind;
      this.level = level;
      this.parts = parts;
      this.expected = expected;
      this.invoked = invoked;
    }
  }

  private static final class Client {
    final int number;
    final Map<String, String> known = new HashMap<>();
    long seen;
    int values;
    int left;

    Client(int number, int left) {
      this.number = number;
      this.left = left;
    }
  }

  private static final String START = "";
  private final Random random;
  private final Bug bug;
  private final Size size;
  private final @Nullable CachePolicy policy;
  private final String collection;
  private final History history = new History();
  private final PriorityQueue<Event> events =
      new PriorityQueue<>(Comparator.comparingLong(Event::time).thenComparingLong(Event::order));
  private long now;
  private long order;

  /** What is committed, after each entry; replicas are somewhere in it. */
  private final List<Map<String, Doc>> states = new ArrayList<>(List.of(Map.of()));

  private final List<Long> timestamps = new ArrayList<>(List.of(0L));
  private final List<Request> tail = new ArrayList<>();
  private final Map<String, Doc> buried = new HashMap<>();

  /** What is pending, and what the tables have of it, which may be nothing. */
  private final Map<String, Optional<Doc>> tables = new HashMap<>();

  private long clock = Version.timestampAt(1_800_000_000_000L);
  private int term;
  private int frozen;
  private long frozenUntil;

  Simulation(long seed, Bug bug, Size size) {
    this(seed, bug, size, bug.policy());
  }

  /**
   * A cluster whose documents have a cache policy.
   *
   * @param policy null for one that knows neither policies nor pages
   */
  Simulation(long seed, Bug bug, Size size, @Nullable CachePolicy policy) {
    this.random = new Random(seed);
    this.bug = bug;
    this.size = size;
    this.policy = policy;
    this.collection = policy == null ? "t" : policy.collection();
  }

  private boolean flushes() {
    return policy != null && policy.flushes();
  }

  /** Runs it to its end. */
  List<Operation> run() {
    for (int i = 0; i < size.clients; i++) {
      Client client = new Client(i, size.operations / size.clients);
      at(random.nextInt(1000), () -> ask(client));
    }
    at(20_000, this::failOver);
    if (flushes()) {
      at(1_000, this::flush);
    }
    while (!events.isEmpty()) {
      Event next = events.remove();
      now = next.time;
      next.action.run();
    }
    return history.operations();
  }

  /** What all nodes have at the end. */
  FinalState end() {
    Map<String, Part> parts = new HashMap<>();
    states
        .getLast()
        .forEach((path, doc) -> parts.put(path, new Part(path, doc.value, doc.count, doc.etag)));
    return new FinalState(Map.of("a", parts, "b", parts, "c", parts));
  }

  private void at(long delay, Runnable action) {
    events.add(new Event(now + delay, order++, action));
  }

  private long soon(int most) {
    return random.nextInt(1, most + 1);
  }

  private void ask(Client client) {
    if (client.left-- <= 0) {
      return;
    }
    int tree = random.nextInt(size.trees);
    String root = collection + "/" + tree;
    String path = random.nextBoolean() ? root : root + "/p/a";
    boolean counted = tree == 0;
    int dice = random.nextInt(100);
    Kind kind =
        dice < 50
            ? Kind.READ
            : counted || dice < 60
                ? Kind.INCREMENT
                : dice < 75
                    ? Kind.PUT
                    : dice < 82
                        ? Kind.DELETE
                        : dice < 88 ? Kind.CONDITIONAL_PUT : dice < 93 ? Kind.CREATE : Kind.BATCH;
    String expected = kind == Kind.CONDITIONAL_PUT ? client.known.get(path) : null;
    if (kind == Kind.CONDITIONAL_PUT && expected == null) {
      kind = Kind.PUT;
    }
    List<Part> parts = new ArrayList<>();
    for (String each : kind == Kind.BATCH ? List.of(root, root + "/p/a") : List.of(path)) {
      String value = kind.putsValue() ? client.number + "-" + ++client.values : null;
      parts.add(new Part(each, value, 0, null));
    }
    int level = random.nextInt(10);
    Request request =
        new Request(
            client,
            kind,
            kind != Kind.READ
                ? null
                : level < 5
                    ? Level.STRONG
                    : level < (pages() ? 7 : 9)
                        ? Level.SESSION
                        : level < 9 ? Level.PAGE : Level.EVENTUAL,
            parts,
            expected,
            now);
    request.summed = flushes() && kind == Kind.INCREMENT && random.nextBoolean();
    long token = client.seen;
    at(soon(200), () -> arrive(request, token));
  }

  private boolean pages() {
    return policy != null && !policy.flushes();
  }

  private void arrive(Request request, long token) {
    if (request.level != null) {
      read(request, request.level, token);
      return;
    }
    if (!request.retried && random.nextInt(50) == 0) {
      answer(request, Outcome.REFUSED, request.parts);
      if (bug != Bug.REFUSED_YET_DONE) {
        return;
      }
    }
    tail.add(request);
    int inTerm = term;
    if (bug == Bug.ACKNOWLEDGED_BEFORE_COMMIT && request.kind == Kind.PUT) {
      Part part = request.parts.getFirst();
      answer(request, Outcome.OK, List.of(part));
    }
    at(
        200 + soon(100),
        () -> {
          if (inTerm == term && tail.remove(request)) {
            commit(request);
          }
        });
  }

  private void read(Request request, Level level, long token) {
    int last = states.size() - 1;
    int index = last;
    if (level == Level.STRONG) {
      if (bug == Bug.STALE_LEASE && now < frozenUntil && random.nextBoolean()) {
        index = frozen;
      }
    } else {
      boolean anyReplica =
          policy == null
              || !policy.isRecent()
              || (bug == Bug.STALE_FOR_OTHERS && level == Level.EVENTUAL);
      index = anyReplica ? Math.max(0, last - random.nextInt(6)) : last;
      boolean asks =
          (level == Level.SESSION && bug != Bug.TOKEN_IGNORED)
              || (level == Level.PAGE && bug != Bug.STALE_PAGE);
      while (asks && timestamps.get(index) < token) {
        index++;
      }
    }
    String path = request.parts.getFirst().document();
    Doc doc = states.get(index).get(path);
    Optional<Doc> table = tables.get(path);
    if (bug == Bug.STRONG_READ_MISSES_PENDING
        && level == Level.STRONG
        && table != null
        && random.nextInt(3) == 0) {
      doc = table.orElse(null);
    }
    if (level == Level.PAGE) {
      answer(
          request,
          Outcome.OK,
          List.of(
              new Part(path, doc == null ? null : doc.value, doc == null ? 0 : doc.count, null)));
      return;
    }
    request.client.seen = Math.max(request.client.seen, timestamps.get(index));
    answer(
        request,
        Outcome.OK,
        List.of(
            doc == null
                ? new Part(path, null, 0, null)
                : new Part(path, doc.value, doc.count, doc.etag)));
  }

  private void commit(Request request) {
    if (request.applied != null && bug != Bug.RETRY_APPLIED_TWICE) {
      done(request, request.applied);
      return;
    }
    Map<String, Doc> state = new HashMap<>(states.getLast());
    List<Part> written = new ArrayList<>();
    List<Request> summed = new ArrayList<>();
    boolean half = bug == Bug.HALF_A_BATCH && random.nextInt(3) == 0;
    for (Part part : request.parts) {
      Doc before = state.get(part.document());
      if ((request.kind == Kind.CREATE && before != null)
          || (request.kind == Kind.CONDITIONAL_PUT
              && (before == null || !before.etag.equals(request.expected)))) {
        answer(request, request.retried ? Outcome.UNKNOWN : Outcome.REFUSED, request.parts);
        return;
      }
      String etag = new Version(++clock, 0).etag();
      List<Request> others = flushes() ? others(request) : List.of();
      summed.addAll(others);
      if (flushes()) {
        defer(request.kind, part.document(), before);
      }
      written.add(new Part(part.document(), part.value(), 0, etag));
      if (half && written.size() == 2) {
        continue;
      }
      switch (request.kind) {
        case DELETE -> {
          if (before != null) {
            buried.put(part.document(), before);
          }
          state.remove(part.document());
        }
        case INCREMENT -> {
          boolean forgets = bug == Bug.SUM_FORGETS_ONE && !others.isEmpty();
          int sum = 1 + others.size() - (forgets ? 1 : 0);
          state.put(
              part.document(),
              new Doc(
                  before == null ? null : before.value,
                  before == null ? sum : before.count + sum,
                  etag));
        }
        default -> state.put(part.document(), new Doc(part.value(), 0, etag));
      }
    }
    states.add(state);
    timestamps.add(clock);
    request.applied = written;
    done(request, written);
    summed.forEach(other -> done(other, written));
  }

  /** Takes what waits to add to the same document: increments without keys, never tried again. */
  private List<Request> others(Request request) {
    if (request.kind != Kind.INCREMENT || !request.summed) {
      return List.of();
    }
    String path = request.parts.getFirst().document();
    List<Request> others =
        tail.stream()
            .filter(o -> o.summed && o.kind == Kind.INCREMENT)
            .filter(o -> o.parts.getFirst().document().equals(path))
            .toList();
    tail.removeAll(others);
    return others;
  }

  private void defer(Kind kind, String path, @Nullable Doc before) {
    if (kind == Kind.PUT || kind == Kind.INCREMENT) {
      tables.putIfAbsent(path, Optional.ofNullable(before));
    } else {
      tables.remove(path);
    }
  }

  /** Whether anything is to come but the other of failovers and flushes. */
  private boolean goesOn() {
    return events.size() > (flushes() ? 1 : 0);
  }

  private void flush() {
    if (!tables.isEmpty()) {
      Map<String, Doc> state = new HashMap<>(states.getLast());
      tables.forEach(
          (path, table) -> {
            Doc doc = state.get(path);
            if (doc != null) {
              long pending = doc.count - table.map(Doc::count).orElse(0L);
              boolean wrong = pending > 0 && random.nextInt(3) == 0;
              long count =
                  wrong && bug == Bug.FLUSH_LOSES_INCREMENT
                      ? doc.count - 1
                      : wrong && bug == Bug.FLUSH_COUNTS_TWICE ? doc.count + pending : doc.count;
              state.put(path, new Doc(doc.value, count, new Version(++clock, 0).etag()));
            }
          });
      tables.clear();
      states.add(state);
      timestamps.add(clock);
    }
    if (goesOn()) {
      at(500 + soon(2_000), this::flush);
    }
  }

  private void done(Request request, List<Part> written) {
    // Some answers are lost; half of those clients try again, with the same key.
    if (!request.answered && random.nextInt(25) == 0) {
      if (!request.summed && !request.retried && random.nextBoolean()) {
        request.retried = true;
        at(soon(500), () -> arrive(request, 0));
      } else {
        answer(request, Outcome.UNKNOWN, request.parts);
      }
      return;
    }
    answer(request, Outcome.OK, written);
  }

  private void failOver() {
    term++;
    frozen = states.size() - 1;
    frozenUntil = now + 5_000;
    List<Request> pending = new ArrayList<>(tail);
    tail.clear();
    int kept = pending.isEmpty() ? 0 : random.nextInt(pending.size() + 1);
    for (int i = 0; i < pending.size(); i++) {
      Request request = pending.get(i);
      answer(request, Outcome.UNKNOWN, request.parts);
      if (i < kept) {
        commit(request);
      }
    }
    if (bug == Bug.LOST_DELETE && !buried.isEmpty()) {
      Map<String, Doc> state = new HashMap<>(states.getLast());
      buried.forEach(state::putIfAbsent);
      states.add(state);
      timestamps.add(clock);
    }
    buried.clear();
    if (goesOn()) {
      at(5_000 + soon(20_000), this::failOver);
    }
  }

  private void answer(Request request, Outcome outcome, List<Part> parts) {
    if (request.answered) {
      return;
    }
    request.answered = true;
    Client client = request.client;
    String sent = token(client.seen);
    if (outcome == Outcome.OK) {
      for (Part part : parts) {
        if (part.etag() != null) {
          client.seen = Math.max(client.seen, Version.parse(part.etag()).timestamp());
          if (request.kind != Kind.DELETE) {
            client.known.put(part.document(), part.etag());
          }
        }
      }
    }
    at(
        soon(200),
        () -> {
          history.add(
              new Operation(
                  history.nextId(),
                  client.number,
                  "sim",
                  request.kind,
                  request.level,
                  parts,
                  request.expected,
                  request.level == Level.SESSION || request.level == Level.PAGE ? sent : START,
                  token(client.seen),
                  request.invoked,
                  now,
                  outcome,
                  ""));
          at(soon(300), () -> ask(client));
        });
  }

  private static String token(long timestamp) {
    return timestamp == 0 ? "" : "0-" + Long.toHexString(timestamp);
  }
}
