package dev.meridian.web;

import io.helidon.webserver.CloseConnectionException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The time limit of one request, shared between the request's thread and the {@link Watchdog}.
 *
 * <p>It says who may touch the response. While the request's thread reads a body it cannot answer,
 * so the watchdog answers 408 in its place; while it works, the watchdog may only interrupt it;
 * once it answers, the watchdog may only cut it off when nothing moves any more.
 */
final class Deadline {
  private static final int WORKING = 0;
  private static final int READING = 1;
  private static final int ANSWERING = 2;
  private static final int INTERRUPTED = 3;
  private static final int TAKEN = 4;

  /** How long after the interrupt a request may take to end by itself. */
  private static final Duration GRACE = Duration.ofSeconds(5);

  private final AtomicInteger state = new AtomicInteger(WORKING);
  private final RequestContext context;
  private final Thread thread = Thread.currentThread();

  /**
   * Whether the interrupt of {@link #INTERRUPTED} has been sent: a moment after the state says so.
   */
  private volatile boolean interruptArrived;

  // Of the watchdog alone: what had been sent when it last looked.
  private long progress = -1;
  private long progressNanos;

  Deadline(RequestContext context) {
    this.context = context;
  }

  void reading() {
    state.compareAndSet(WORKING, READING);
  }

  void read() {
    if (state.get() == INTERRUPTED) {
      throw new ProblemException(Problem.tookTooLong(context.site().limits().requestTime()));
    }
    if (!state.compareAndSet(READING, WORKING)) {
      throw new CloseConnectionException("The request's body came too late");
    }
  }

  /** The request's thread takes the response. */
  void answering() {
    if (state.compareAndSet(WORKING, ANSWERING) || state.compareAndSet(READING, ANSWERING)) {
      return;
    }
    if (state.compareAndSet(INTERRUPTED, ANSWERING)) {
      // It must not hit the socket. Whoever was interrupted may have taken it already, or not.
      while (!interruptArrived) {
        Thread.onSpinWait();
      }
      boolean _ = Thread.interrupted();
    } else if (state.get() == TAKEN) {
      throw new CloseConnectionException("The watchdog has answered this request");
    }
  }

  /** What the watchdog should do. */
  enum Verdict {
    /** Nothing: it is in time. */
    WAIT,
    /** Answer 408 and end the connection: the response is the watchdog's now. */
    ANSWER,
    /** Answer 503 and end the connection: the request's thread does not end. */
    GIVE_UP,
    /** Nothing more: the thread has been interrupted and will answer, or the connection ends. */
    DONE
  }

  /** Asked by the watchdog, every now and then. */
  Verdict check(long nowNanos, long requestNanos, long stallNanos) {
    switch (state.get()) {
      case READING -> {
        if (nowNanos - context.startNanos() > requestNanos && state.compareAndSet(READING, TAKEN)) {
          return Verdict.ANSWER;
        }
      }
      case WORKING -> {
        if (nowNanos - context.startNanos() > requestNanos
            && state.compareAndSet(WORKING, INTERRUPTED)) {
          thread.interrupt();
          interruptArrived = true;
        }
      }
      case INTERRUPTED -> {
        // Whoever was told does not care, and the client must not wait for ever.
        if (nowNanos - context.startNanos() > requestNanos + GRACE.toNanos()
            && state.compareAndSet(INTERRUPTED, TAKEN)) {
          return Verdict.GIVE_UP;
        }
      }
      case ANSWERING -> {
        long sent = context.response().bytesWritten();
        if (sent != progress) {
          progress = sent;
          progressNanos = nowNanos;
        } else if (nowNanos - progressNanos > stallNanos) {
          // Closes the channel under the write that does not get through.
          thread.interrupt();
          return Verdict.DONE;
        }
      }
      default -> {
        // The thread has been told.
      }
    }
    return Verdict.WAIT;
  }

  RequestContext context() {
    return context;
  }

  /** Whether the current thread is the request's, and not the watchdog's. */
  boolean isOfThisThread() {
    return Thread.currentThread() == thread;
  }

  /** Where the request's thread is now. */
  StackTraceElement[] stack() {
    return thread.getStackTrace();
  }

  /** Ends what the request's thread waits for. */
  void interrupt() {
    thread.interrupt();
  }

  /** Whether the request's time ran out while it was worked on. */
  boolean wasInterrupted() {
    return state.get() == INTERRUPTED;
  }
}
