package dev.meridian.replica;

import dev.meridian.store.Outcome;
import dev.meridian.store.StoreException.Unavailable;
import dev.meridian.store.proto.Command;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** One command between its caller, who waits for it, and the log. */
final class PendingWrite {
  private enum State {
    /** Nobody but the queue has seen it. */
    QUEUED,
    /** Handed to the log: it will happen, or it may. */
    SUBMITTED,
    /** Its caller gave up while it was queued: it will not happen. */
    ABANDONED
  }

  private final Command command;
  private final Turn.@Nullable Addition addition;
  private final int bytes;
  private final Duration deadline;
  private final long dueNanos;
  private final Thread caller = Thread.currentThread();
  private final AtomicReference<State> state = new AtomicReference<>(State.QUEUED);

  /** The outcome, or why there is none; set once. */
  private final AtomicReference<@Nullable Answer> answer = new AtomicReference<>();

  private sealed interface Answer {
    record Done(Outcome outcome) implements Answer {}

    record Failed(RuntimeException problem) implements Answer {}
  }

  /**
   * A write of the current thread, which will {@link #await} its outcome.
   *
   * @param deadline how long it waits, from now
   */
  PendingWrite(Command command, Duration deadline) {
    this.command = command;
    this.addition = Turn.Addition.of(command);
    this.bytes = command.getSerializedSize();
    this.deadline = deadline;
    this.dueNanos = System.nanoTime() + deadline.toNanos();
  }

  Command command() {
    return command;
  }

  /** How it can be added to others; null if it cannot. */
  Turn.@Nullable Addition addition() {
    return addition;
  }

  int bytes() {
    return bytes;
  }

  /** It waits for its turn again: what it was part of was not done. */
  void again() {
    state.set(State.QUEUED);
  }

  /** Takes it out of its caller's hands; false if the caller has given up. */
  boolean submit() {
    return state.compareAndSet(State.QUEUED, State.SUBMITTED);
  }

  void complete(Outcome result) {
    answer(new Answer.Done(result));
  }

  void fail(RuntimeException problem) {
    answer(new Answer.Failed(problem));
  }

  private void answer(Answer given) {
    if (answer.compareAndSet(null, given)) {
      LockSupport.unpark(caller);
    }
  }

  /** Answers a write whose deadline has passed with what is known about it. */
  void expire(long nowNanos) {
    if (nowNanos - dueNanos >= 0 && answer.get() == null) {
      fail(gaveUp("was not answered within " + deadline.toMillis() + " ms", null));
    }
  }

  /**
   * Waits for the outcome, on the thread that made this. There is no timer here, which would cost
   * more than the rest of the wait: whoever holds the write calls {@link #expire}.
   *
   * @throws Unavailable if none comes in time, or this thread is interrupted; it says what is known
   */
  Outcome await() {
    Answer given;
    while ((given = answer.get()) == null) {
      LockSupport.park(this);
      if (answer.get() == null && Thread.currentThread().isInterrupted()) {
        throw gaveUp("was interrupted", new InterruptedException());
      }
    }
    return switch (given) {
      case Answer.Done(Outcome outcome) -> outcome;
      case Answer.Failed(RuntimeException problem) -> throw problem;
    };
  }

  private Unavailable gaveUp(String what, @Nullable Exception cause) {
    if (state.compareAndSet(State.QUEUED, State.ABANDONED)) {
      return new Unavailable(
          Unavailable.Outcome.NOT_DONE,
          "The write " + what + " while it waited for its turn; it was not done. Try again later.",
          cause);
    }
    return new Unavailable(
        Unavailable.Outcome.UNKNOWN,
        "The write "
            + what
            + "; it may have been done, or may yet be. Read the document again, or"
            + " repeat the write with the same idempotency key.",
        cause);
  }
}
