package dev.meridian.replica;

import dev.meridian.store.Outcome;
import dev.meridian.store.StoreException.Unavailable;
import dev.meridian.store.proto.Command;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;

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
  private final int bytes;
  private final AtomicReference<State> state = new AtomicReference<>(State.QUEUED);
  private final CompletableFuture<Outcome> outcome = new CompletableFuture<>();

  PendingWrite(Command command) {
    this.command = command;
    this.bytes = command.getSerializedSize();
  }

  Command command() {
    return command;
  }

  int bytes() {
    return bytes;
  }

  /** Takes it out of its caller's hands; false if the caller has given up. */
  boolean submit() {
    return state.compareAndSet(State.QUEUED, State.SUBMITTED);
  }

  void complete(Outcome result) {
    outcome.complete(result);
  }

  void fail(RuntimeException problem) {
    outcome.completeExceptionally(problem);
  }

  /**
   * Waits for the outcome.
   *
   * @throws Unavailable if none comes in time, or this thread is interrupted; it says what is known
   */
  Outcome await(Duration deadline) {
    try {
      return outcome.get(deadline.toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      throw gaveUp("was not answered within " + deadline.toMillis() + " ms", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw gaveUp("was interrupted", e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException problem) {
        throw problem;
      }
      throw new IllegalStateException(e.getCause());
    }
  }

  private Unavailable gaveUp(String what, Exception cause) {
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
