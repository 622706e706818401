package dev.meridian.replica;

import dev.meridian.store.Outcome;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import org.apache.ratis.protocol.Message;
import org.apache.ratis.thirdparty.com.google.protobuf.ByteString;
import org.apache.ratis.thirdparty.com.google.protobuf.UnsafeByteOperations;

/**
 * The writes that share an entry, on their way through Ratis on the primary: as a message in, and
 * back as the very object, so that outcomes need no encoding. A replica elsewhere sees the bytes
 * only.
 */
final class LogGroup implements Message {
  /** So few callers are woken by the thread that has their outcomes. */
  private static final int WAKE_DIRECTLY = 2;

  private final long term;
  private final List<Turn> turns;
  private final ByteString content;
  private final Listener listener;
  private final AtomicReference<State> state = new AtomicReference<>(State.NEW);

  /** Told once when it is settled, by whoever settles it. */
  interface Listener {
    /** Whether its writes are safe and done, or something went wrong. */
    void settled(boolean applied);

    /** A write that shared a turn is to have one of its own. */
    default void alone(PendingWrite write) {
      throw new IllegalStateException("nothing shares a turn here");
    }
  }

  /** What is known of the entry; it goes forward only. */
  private enum State {
    /** The log does not have it. */
    NEW,
    /** The log has it: nobody can tell whether it survives, until it is applied. */
    APPENDED,
    /** Its writes have been answered. */
    SETTLED
  }

  /**
   * A group not yet handed to the log.
   *
   * @param term Raft's, when the entry got its timestamp; in another one, that may be of the past
   */
  LogGroup(long term, List<Turn> turns, ByteBuffer entry, Listener listener) {
    this.term = term;
    this.turns = turns;
    this.content = UnsafeByteOperations.unsafeWrap(entry);
    this.listener = listener;
  }

  @Override
  public ByteString getContent() {
    return content;
  }

  /** Raft's, in which it is proposed. */
  long term() {
    return term;
  }

  /** Whether the log took it, and nobody knows yet whether it survives. */
  boolean isInDoubt() {
    return state.get() == State.APPENDED;
  }

  List<Turn> turns() {
    return turns;
  }

  /** All those that its turns stand for. */
  List<PendingWrite> writes() {
    return turns.stream().flatMap(turn -> turn.writes().stream()).toList();
  }

  /**
   * The log is about to take it.
   *
   * @return false if it must not be taken: its writes were told before that they are not done, or
   *     another primary may have written since it got its timestamp
   */
  boolean appending(long termNow) {
    return term == termNow && state.compareAndSet(State.NEW, State.APPENDED);
  }

  /** Answers the writes with what they did. */
  void applied(List<Outcome> outcomes) {
    if (outcomes.size() != turns.size()) {
      throw new IllegalStateException(
          outcomes.size() + " outcomes for " + turns.size() + " commands of one entry");
    }
    if (state.getAndSet(State.SETTLED) != State.SETTLED) {
      // First, so that the next entry is on its way while these callers wake up.
      listener.settled(true);
      if (callers() <= WAKE_DIRECTLY) {
        complete(outcomes);
      } else {
        // Callers are virtual threads. One of their own kind wakes them at a fraction of what it
        // costs from here, and this thread, which applies the log, goes on with the next entry.
        Thread.startVirtualThread(() -> complete(outcomes));
      }
    }
  }

  private int callers() {
    int callers = 0;
    for (Turn turn : turns) {
      callers += turn.writes().size();
    }
    return callers;
  }

  private void complete(List<Outcome> outcomes) {
    for (int i = 0; i < outcomes.size(); i++) {
      turns.get(i).complete(outcomes.get(i), listener::alone);
    }
  }

  /**
   * Answers the writes with what went wrong, unless they have been answered.
   *
   * @param problem told whether the log had the entry
   */
  void failed(Function<Boolean, ? extends RuntimeException> problem) {
    State before = state.getAndSet(State.SETTLED);
    if (before != State.SETTLED) {
      listener.settled(false);
      RuntimeException e = problem.apply(before == State.APPENDED);
      for (Turn turn : turns) {
        turn.fail(e);
      }
    }
  }
}
