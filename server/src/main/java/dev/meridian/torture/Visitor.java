package dev.meridian.torture;

import dev.meridian.torture.Operation.Kind;
import dev.meridian.torture.Operation.Level;
import dev.meridian.torture.Operation.Outcome;
import dev.meridian.torture.Operation.Part;
import java.net.URI;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * One tab of a visitor's browser: it changes and reads attributes of the visitor's session, each
 * time at another node. Tabs of a visitor share their cookies. For one thread.
 */
final class Visitor implements Workload.Client {
  /** Clients that are no tabs have lower numbers. */
  private static final int FIRST = 10_000;

  private static final int TABS = 2;
  private static final List<String> SET = List.of("a", "b");
  private static final String COUNTED = "n";

  private final Workload.Options options;
  private final int number;
  private final int visitor;
  private final CookieJar jar;
  private final DataApi api;
  private final History history;
  private final Random random;
  private long written;

  /**
   * A tab.
   *
   * @param number counts all tabs
   * @param jars of all visitors
   */
  Visitor(
      Workload.Options options, int number, List<CookieJar> jars, DataApi api, History history) {
    this.options = options;
    this.number = number;
    this.visitor = number / TABS;
    this.jar = jars.get(visitor);
    this.api = api;
    this.history = history;
    this.random = new Random(options.seed() * 1_000_003 + FIRST + number);
  }

  static int tabs(Workload.Options options) {
    return options.visitors() * TABS;
  }

  /** The paths by which histories know a visitor's attributes. */
  static List<String> attributes(Workload.Options options, int visitor) {
    return List.of(
        attribute(options, visitor, SET.get(0)),
        attribute(options, visitor, SET.get(1)),
        attribute(options, visitor, COUNTED));
  }

  private static String attribute(Workload.Options options, int visitor, String name) {
    return VisitorChecker.PREFIX + options.run() + "-" + visitor + "/" + name;
  }

  @Override
  public boolean step() {
    URI node = options.nodes().get(random.nextInt(options.nodes().size()));
    if (jar.sent().cookies().isEmpty()) {
      return begin(node);
    }
    String name = random.nextBoolean() ? COUNTED : SET.get(random.nextInt(SET.size()));
    String document = attribute(options, visitor, name);
    if (random.nextBoolean()) {
      return look(node, document);
    }
    boolean counted = name.equals(COUNTED);
    String value = counted ? null : number + "-" + ++written;
    return change(
        node,
        counted ? Kind.INCREMENT : Kind.PUT,
        new Part(document, value, 0, null),
        random.nextBoolean() ? options.run() + "-v" + number + "-" + ++written : null);
  }

  /** Makes the session: the first tab does, the others wait. It is in no history. */
  private boolean begin(URI node) {
    if (number % TABS == 0) {
      api.change(node, Kind.PUT, new Part("made", "1", 0, null), jar, null);
    }
    return !Thread.currentThread().isInterrupted();
  }

  private boolean look(URI node, String document) {
    CookieJar.Sent sent = jar.sent();
    long invoked = System.nanoTime();
    DataApi.Answer answer = api.look(node, document, sent, null);
    List<Part> parts =
        answer.parts().isEmpty() ? List.of(new Part(document, null, 0, null)) : answer.parts();
    return record(node, Kind.READ, parts, sent.token(), invoked, answer.outcome(), answer);
  }

  private boolean change(URI first, Kind kind, Part part, @Nullable String key) {
    String sent = jar.sent().token();
    long invoked = System.nanoTime();
    URI node = first;
    boolean maybe = false;
    DataApi.Answer answer = api.change(node, kind, part, jar, key);
    for (int attempt = 1;
        answer.outcome() == Outcome.UNKNOWN && key != null && attempt < options.attempts();
        attempt++) {
      maybe = true;
      node = options.nodes().get(random.nextInt(options.nodes().size()));
      answer = api.change(node, kind, part, jar, key);
    }
    Outcome outcome =
        answer.outcome() == Outcome.REFUSED && maybe ? Outcome.UNKNOWN : answer.outcome();
    List<Part> parts = outcome == Outcome.OK ? answer.parts() : List.of(part);
    return record(node, kind, parts, sent, invoked, outcome, answer);
  }

  private boolean record(
      URI node,
      Kind kind,
      List<Part> parts,
      String sent,
      long invoked,
      Outcome outcome,
      DataApi.Answer answer) {
    return history.add(
            new Operation(
                history.nextId(),
                FIRST + number,
                node.toString(),
                kind,
                kind == Kind.READ ? Level.SESSION : null,
                parts,
                null,
                sent,
                answer.token(),
                invoked,
                System.nanoTime(),
                outcome,
                answer.note(),
                answer.stale()))
        && !Thread.currentThread().isInterrupted();
  }
}
