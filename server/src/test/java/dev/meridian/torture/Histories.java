package dev.meridian.torture;

import dev.meridian.document.Version;
import dev.meridian.torture.Operation.Kind;
import dev.meridian.torture.Operation.Level;
import dev.meridian.torture.Operation.Outcome;
import dev.meridian.torture.Operation.Part;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/** Small histories of one document, and a checker of them that tries everything. */
final class Histories {
  static final String DOCUMENT = "t/0";

  /** One that is flushed now and then. */
  static final String BEHIND = CachePolicy.WRITE_BEHIND.collection() + "/0";

  private static final List<Kind> KINDS =
      List.of(Kind.READ, Kind.PUT, Kind.DELETE, Kind.INCREMENT, Kind.CONDITIONAL_PUT, Kind.CREATE);

  /** The document: no ETag for one that an unknown write left, of which only a bound is known. */
  private record State(
      boolean there, @Nullable String value, long count, String etag, boolean own) {}

  private Histories() {}

  static Operation increment(String document, int version, long from, long to) {
    return operation(Kind.INCREMENT, null, new Part(document, null, 0, etag(version)), from, to);
  }

  static Operation strongRead(String document, long count, int version, long from, long to) {
    return operation(
        Kind.READ, Level.STRONG, new Part(document, null, count, etag(version)), from, to);
  }

  static Operation put(Part part, long from, long to) {
    return operation(Kind.PUT, null, part, from, to);
  }

  static Operation delete(String document, int version, long from, long to) {
    return operation(Kind.DELETE, null, new Part(document, null, 0, etag(version)), from, to);
  }

  /** A page that was asked for by who had seen that version. */
  static Operation page(Part shown, int token, long from) {
    Operation page = operation(Kind.READ, Level.PAGE, shown, from, from + 5);
    return new Operation(
        page.id(),
        page.client(),
        page.node(),
        page.kind(),
        page.level(),
        page.parts(),
        null,
        "0-" + Long.toHexString(1000 + token),
        "",
        page.invoked(),
        page.responded(),
        Outcome.OK,
        "");
  }

  private static Operation operation(
      Kind kind, @Nullable Level level, Part part, long from, long to) {
    return new Operation(
        from, (int) from, "x", kind, level, List.of(part), null, "", "", from, to, Outcome.OK, "");
  }

  static Operation markedStale(Operation operation) {
    return new Operation(
        operation.id(),
        operation.client(),
        operation.node(),
        operation.kind(),
        operation.level(),
        operation.parts(),
        operation.expected(),
        operation.sent(),
        operation.seen(),
        operation.invoked(),
        operation.responded(),
        operation.outcome(),
        operation.note(),
        true);
  }

  static String etag(int version) {
    return new Version(1000 + version, 0).etag();
  }

  /**
   * Up to seven operations. They take effect in some order, and then the times at which they seem
   * to begin and end are moved, and some answers are changed, so that about half are not
   * linearizable.
   */
  static List<Operation> small(long seed, String document) {
    Random random = new Random(seed);
    boolean flushes = CachePolicy.of(document).flushes();
    List<Operation> history = new ArrayList<>();
    State state = new State(false, null, 0, "", true);
    List<String> told = new ArrayList<>();
    int version = 0;
    int size = 2 + random.nextInt(6);
    for (int i = 0; i < size; i++) {
      long moment = 10L * i;
      if (flushes && state.there && random.nextBoolean()) {
        state = new State(true, state.value, state.count, etag(++version), true);
      }
      Kind kind = KINDS.get(random.nextInt(KINDS.size()));
      if (kind == Kind.CONDITIONAL_PUT && told.isEmpty()) {
        kind = Kind.PUT;
      }
      String value = kind.putsValue() ? "v" + i : null;
      String expected = null;
      Outcome outcome = kind != Kind.READ && random.nextInt(3) == 0 ? Outcome.UNKNOWN : Outcome.OK;
      if (kind == Kind.CONDITIONAL_PUT) {
        // Clients know no version but those they were told.
        boolean current = random.nextInt(4) > 0 && told.contains(state.etag);
        expected = current ? state.etag : told.get(random.nextInt(told.size()));
      }
      Part part = new Part(document, value, 0, null);
      boolean happens = outcome == Outcome.OK || random.nextBoolean();
      if (kind == Kind.READ) {
        part = new Part(document, state.value, state.count, state.there ? state.etag : null);
      } else if (happens) {
        String etag = etag(++version);
        boolean knows = outcome == Outcome.OK;
        part = new Part(document, value, 0, knows ? etag : null);
        state =
            switch (kind) {
              case DELETE -> new State(false, null, 0, etag, true);
              case INCREMENT -> new State(true, state.value, state.count + 1, etag, true);
              default -> new State(true, value, 0, etag, true);
            };
      }
      if (part.etag() != null && kind != Kind.DELETE) {
        told.add(part.etag());
      }
      history.add(
          new Operation(
              i + 1,
              i,
              "x",
              kind,
              kind == Kind.READ ? Level.STRONG : null,
              List.of(part),
              expected,
              "",
              "",
              moment - random.nextInt(25),
              moment + random.nextInt(25),
              outcome,
              ""));
    }
    if (random.nextInt(3) == 0) {
      // One is told a moment later than it was.
      int at = random.nextInt(size);
      Operation o = history.get(at);
      history.set(
          at,
          new Operation(
              o.id(),
              o.client(),
              "x",
              o.kind(),
              o.level(),
              o.parts(),
              o.expected(),
              "",
              "",
              o.invoked() + 30,
              o.responded() + 30,
              o.outcome(),
              ""));
    }
    return history;
  }

  /** Tries every order of every choice of the unknown ones. */
  static boolean isLinearizable(List<Operation> history) {
    return explains(history, new boolean[history.size()], new State(false, null, 0, "", true));
  }

  private static boolean explains(List<Operation> history, boolean[] done, State state) {
    long firstEnd = Long.MAX_VALUE;
    boolean all = true;
    for (int i = 0; i < done.length; i++) {
      if (!done[i] && history.get(i).outcome() == Outcome.OK) {
        all = false;
        firstEnd = Math.min(firstEnd, history.get(i).responded());
      }
    }
    if (all) {
      return true;
    }
    for (int i = 0; i < done.length; i++) {
      Operation operation = history.get(i);
      if (done[i] || operation.invoked() > firstEnd) {
        continue;
      }
      State after = after(operation, state);
      if (after != null) {
        done[i] = true;
        if (explains(history, done, after)) {
          return true;
        }
        done[i] = false;
      }
    }
    return false;
  }

  private static @Nullable State after(Operation operation, State state) {
    Part part = operation.part();
    String etag = part.etag();
    boolean flushes = CachePolicy.of(part.document()).flushes();
    if (operation.kind() == Kind.READ) {
      if (etag == null) {
        return state.there ? null : state;
      }
      boolean same =
          state.there
              && Objects.equals(state.value, part.value())
              && state.count == part.count()
              && isAt(state, etag, flushes);
      return same ? new State(true, state.value, state.count, etag, true) : null;
    }
    String floor = state.etag;
    if (operation.kind() == Kind.CREATE && state.there) {
      return null;
    }
    String expected = operation.expected();
    if (expected != null) {
      if (!state.there || !isAt(state, expected, flushes)) {
        return null;
      }
      floor = expected;
    }
    if (etag != null && etag.compareTo(floor) <= 0) {
      return null;
    }
    String version = etag == null ? floor : etag;
    return switch (operation.kind()) {
      case DELETE -> new State(false, null, 0, version, etag != null);
      case INCREMENT ->
          new State(true, state.there ? state.value : null, state.count + 1, version, etag != null);
      default -> new State(true, part.value(), 0, version, etag != null);
    };
  }

  private static boolean isAt(State state, String etag, boolean flushes) {
    int above = etag.compareTo(state.etag);
    return state.own ? above == 0 || (flushes && above > 0) : above > 0;
  }
}
