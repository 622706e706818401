package dev.meridian.torture;

import dev.meridian.torture.Component.Step;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Looks for an order of one component's operations that respects real time and explains every
 * answer. For one thread and one use.
 */
final class LinearSearch {
  // The model is, for each document, four numbers: its value (or absent), the increments since,
  // the rank of the last known version, and whether that is its own version or only one below it.
  // A document that is written behind may come to a higher version, by a flush, at any time.
  //
  // The search is Wing and Gong's, as improved by Lowe and built in Porcupine: calls and returns
  // are a linked list in the order of time; an operation that is called before the first return may
  // come next, and is lifted out of the list; a configuration (which operations, which state) that
  // was met before is not entered again. Three things keep it close to linear here:
  //
  //  * A read that fits the state now may always come now: it changes nothing.
  //  * Versions grow along the log, so writes of known versions have one possible order.
  //  * Which operations have happened is kept as a prefix and the bits after it, so a configuration
  //    takes some ten words however long the history.

  /** How a search ended. */
  enum Result {
    FOUND,
    IMPOSSIBLE,
    LIMIT
  }

  /** What may be spent; shared by all searches of a check. */
  static final class Budget {
    private final long deadlineNanos;
    private long configurations;

    Budget(long deadlineNanos, long configurations) {
      this.deadlineNanos = deadlineNanos;
      this.configurations = configurations;
    }

    boolean spend() {
      return --configurations >= 0
          && ((configurations & 0xff) != 0 || System.nanoTime() < deadlineNanos);
    }

    boolean exhausted() {
      return configurations < 0 || System.nanoTime() >= deadlineNanos;
    }
  }

  private static final int CELLS = 4;
  private static final int VALUE = 0;
  private static final int COUNT = 1;
  private static final int RANK = 2;
  private static final int EXACT = 3;

  /** A call or a return in the list. */
  private static final class Event {
    final @Nullable Step call;
    final long time;
    @Nullable Event match;
    @Nullable Event before;
    @Nullable Event next;

    Event(@Nullable Step call, long time) {
      this.call = call;
      this.time = time;
    }
  }

  /**
   * A choice that was made.
   *
   * @param call the operation that was put next; null for one with an unknown end
   * @param loose which of those
   * @param forced whether no other choice could do better
   */
  @SuppressWarnings("ArrayRecordComponent") // shared, never changed
  private record Choice(@Nullable Event call, int loose, int[] before, boolean forced) {}

  /** A configuration; equal to another when neither can reach more than the other. */
  @SuppressWarnings("ArrayRecordComponent") // compared below, never changed
  private record Configuration(long[] words, int hash) {
    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Configuration that && Arrays.equals(words, that.words);
    }

    @Override
    public int hashCode() {
      return hash;
    }
  }

  private final Component component;
  private final Budget budget;
  private final Event head = new Event(null, 0);
  private final BitSet done = new BitSet();
  private final Set<Configuration> met = new HashSet<>();
  private final Deque<Choice> choices = new ArrayDeque<>();

  /** For each document, how many of its ordered steps are done. */
  private final int[] reached;

  /** For each document, how many deletes and increments with an unknown end have happened. */
  private final int[] used;

  private int[] state;
  private int prefix;

  LinearSearch(Component component, Budget budget) {
    this.component = component;
    this.budget = budget;
    int documents = component.documents.size();
    this.reached = new int[documents];
    this.used = new int[2 * documents];
    this.state = new int[CELLS * documents];
    link();
  }

  private void link() {
    List<Event> events = new ArrayList<>(2 * component.steps.size());
    for (Step step : component.steps) {
      Event call = new Event(step, step.invoked);
      Event end = new Event(null, step.ends);
      call.match = end;
      events.add(call);
      events.add(end);
    }
    // At the same instant calls come first: then they are concurrent, which accuses nobody.
    events.sort(
        Comparator.<Event>comparingLong(event -> event.time)
            .thenComparingInt(event -> event.call == null ? 1 : 0));
    Event last = head;
    for (Event event : events) {
      last.next = event;
      event.before = last;
      last = event;
    }
  }

  /** Searches until it is decided or the budget is spent. */
  Result run() {
    boolean fresh = true;
    Event from = head.next;
    int loose = 0;
    while (head.next != null) {
      if (budget.exhausted()) {
        return Result.LIMIT;
      }
      if (fresh) {
        Event read = fittingRead();
        if (read != null && take(read, state, true)) {
          from = head.next;
          continue;
        }
        // A read that fits but leads where we were before, in vain: nothing is better here.
        from = read == null ? head.next : null;
        loose = read == null ? 0 : used.length;
      }
      fresh = takeCall(from) || takeLoose(loose);
      if (!fresh) {
        Choice undone = undo();
        if (undone == null) {
          return Result.IMPOSSIBLE;
        }
        from = undone.call == null ? null : undone.call.next;
        loose = undone.call == null ? undone.loose + 1 : 0;
      }
    }
    return Result.FOUND;
  }

  /** A read that may come next and sees exactly the state as it is; null if there is none. */
  @SuppressWarnings("ReferenceEquality") // the state itself is how "nothing changes" is said
  private @Nullable Event fittingRead() {
    for (Event e = head.next; e != null && e.call != null; e = e.next) {
      Step step = e.call;
      if (step.operation.isRead() && apply(step) == state) {
        return e;
      }
    }
    return null;
  }

  private boolean takeCall(@Nullable Event from) {
    for (Event e = from; e != null && e.call != null; e = e.next) {
      int[] after = mayComeNext(e.call) ? apply(e.call) : null;
      if (after != null && take(e, after, false)) {
        return true;
      }
    }
    return false;
  }

  /** Lets one with an unknown end happen now, if it was sent before the first return. */
  private boolean takeLoose(int from) {
    if (from >= used.length) {
      return false;
    }
    Event end = head.next;
    while (end != null && end.call != null) {
      end = end.next;
    }
    for (int i = from; end != null && i < used.length; i++) {
      int document = i / 2;
      int cell = CELLS * document;
      boolean delete = i % 2 == 0;
      long[] sent = (delete ? component.deletes : component.increments).get(document);
      if (used[i] == sent.length
          || sent[used[i]] > end.time
          || (delete && state[cell + VALUE] == Component.ABSENT)) {
        continue;
      }
      int[] after = state.clone();
      write(after, cell, delete ? Component.ABSENT : -1, 1, 0);
      int[] before = state;
      used[i]++;
      state = after;
      if (enter()) {
        choices.push(new Choice(null, i, before, false));
        return true;
      }
      state = before;
      used[i]--;
    }
    return false;
  }

  /** Whether no write of a lower version of the same document is still to come. */
  private boolean mayComeNext(Step step) {
    if (step.operation.isRead()) {
      return true;
    }
    for (int p = 0; p < step.documents.length; p++) {
      int document = step.documents[p];
      if (step.ranks[p] > 0 && component.ordered.get(document).get(reached[document]) != step) {
        return false;
      }
    }
    return true;
  }

  /** The state after the step, {@link #state} itself if nothing changes, null if it cannot be. */
  private int @Nullable [] apply(Step step) {
    int first = CELLS * step.documents[0];
    switch (step.kind()) {
      case READ -> {
        return read(step, first);
      }
      case CREATE -> {
        if (state[first + VALUE] != Component.ABSENT) {
          return null;
        }
      }
      case CONDITIONAL_PUT -> {
        boolean fits = isAt(first, step.expected);
        if (state[first + VALUE] == Component.ABSENT || !fits) {
          return null;
        }
      }
      case PUT, DELETE, INCREMENT, BATCH -> {}
    }
    int[] after = state.clone();
    for (int p = 0; p < step.documents.length; p++) {
      int cell = CELLS * step.documents[p];
      int floor =
          step.kind() == Operation.Kind.CONDITIONAL_PUT ? step.expected : after[cell + RANK];
      if (step.ranks[p] > 0 && step.ranks[p] <= floor) {
        return null;
      }
      after[cell + RANK] = floor;
      int value =
          switch (step.kind()) {
            case DELETE -> Component.ABSENT;
            case INCREMENT -> -1;
            default -> step.values[p];
          };
      write(after, cell, value, step.times, step.ranks[p]);
    }
    return after;
  }

  private int @Nullable [] read(Step step, int cell) {
    if (state[cell + VALUE] != step.values[0] || state[cell + COUNT] != step.counts[0]) {
      return null;
    }
    if (step.values[0] == Component.ABSENT) {
      return state;
    }
    int rank = step.ranks[0];
    if (!isAt(cell, rank)) {
      return null;
    }
    if (state[cell + EXACT] == 1 && state[cell + RANK] == rank) {
      return state;
    }
    int[] after = state.clone();
    after[cell + RANK] = rank;
    after[cell + EXACT] = 1;
    return after;
  }

  /** Whether the document may be at the version of this rank, a flush's included. */
  private boolean isAt(int cell, int rank) {
    int known = state[cell + RANK];
    return state[cell + EXACT] == 1
        ? rank == known || (rank > known && component.flushes[cell / CELLS])
        : rank > known;
  }

  /**
   * A write.
   *
   * @param value -1 for an increment
   * @param times how many increments
   * @param rank of the version it makes; 0 for one that is not known
   */
  private static void write(int[] cells, int cell, int value, int times, int rank) {
    if (value == -1) {
      cells[cell + VALUE] = Math.max(cells[cell + VALUE], Component.NO_VALUE);
      cells[cell + COUNT] += times;
    } else {
      cells[cell + VALUE] = value;
      cells[cell + COUNT] = 0;
    }
    if (rank > 0) {
      cells[cell + RANK] = rank;
    }
    cells[cell + EXACT] = rank > 0 ? 1 : 0;
  }

  /** Puts the operation next, unless that leads to where the search was before. */
  private boolean take(Event event, int[] after, boolean forced) {
    int[] before = state;
    state = after;
    mark(event, true);
    if (enter()) {
      lift(event);
      choices.push(new Choice(event, 0, before, forced));
      return true;
    }
    mark(event, false);
    state = before;
    return false;
  }

  /** Takes back the last choice that had an alternative; null if there is none. */
  private @Nullable Choice undo() {
    while (!choices.isEmpty()) {
      Choice choice = choices.pop();
      if (choice.call == null) {
        used[choice.loose]--;
      } else {
        unlift(choice.call);
        mark(choice.call, false);
      }
      state = choice.before;
      if (!choice.forced) {
        return choice;
      }
    }
    return null;
  }

  private void mark(Event event, boolean isDone) {
    Step step = Objects.requireNonNull(event.call);
    done.set(step.index, isDone);
    prefix = isDone ? done.nextClearBit(prefix) : Math.min(prefix, step.index);
    if (!step.operation.isRead()) {
      for (int p = 0; p < step.documents.length; p++) {
        if (step.ranks[p] > 0) {
          reached[step.documents[p]] += isDone ? 1 : -1;
        }
      }
    }
  }

  private boolean enter() {
    long[] window =
        prefix >= done.length() ? new long[0] : done.get(prefix, done.length()).toLongArray();
    long[] words = new long[1 + (used.length + state.length) / 2 + window.length];
    int at = 0;
    words[at++] = prefix;
    for (int i = 0; i < used.length; i += 2) {
      words[at++] = pair(used[i], used[i + 1]);
    }
    for (int i = 0; i < state.length; i += 2) {
      words[at++] = pair(state[i], state[i + 1]);
    }
    System.arraycopy(window, 0, words, at, window.length);
    return met.add(new Configuration(words, Arrays.hashCode(words))) && budget.spend();
  }

  private static long pair(int high, int low) {
    return ((long) high << 32) | (low & 0xffffffffL);
  }

  private static void lift(Event call) {
    remove(call);
    remove(Objects.requireNonNull(call.match));
  }

  private static void unlift(Event call) {
    restore(Objects.requireNonNull(call.match));
    restore(call);
  }

  private static void remove(Event event) {
    Objects.requireNonNull(event.before).next = event.next;
    if (event.next != null) {
      event.next.before = event.before;
    }
  }

  private static void restore(Event event) {
    Objects.requireNonNull(event.before).next = event;
    if (event.next != null) {
      event.next.before = event;
    }
  }
}
