package dev.meridian.web;

import io.helidon.http.HeaderValues;
import io.helidon.http.Status;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ends requests that take too long: bodies that do not come, work that does not end, clients that
 * do not read. One thread looks over all requests in flight several times a second, so that a
 * request costs no timer.
 */
final class Watchdog implements AutoCloseable {
  /** An answer of which nothing has been sent for so long is given up. */
  static final Duration STALL = Duration.ofMinutes(1);

  private static final Logger log = LoggerFactory.getLogger(Watchdog.class);
  private static final Duration PERIOD = Duration.ofMillis(200);

  private final Set<Deadline> inFlight = ConcurrentHashMap.newKeySet();
  private final Thread thread;

  Watchdog() {
    thread = Thread.ofPlatform().daemon().name("web-watchdog").start(this::run);
  }

  void enter(RequestContext context) {
    inFlight.add(context.deadline());
  }

  void leave(RequestContext context) {
    inFlight.remove(context.deadline());
  }

  private void run() {
    try {
      while (true) {
        Thread.sleep(PERIOD);
        look();
      }
    } catch (InterruptedException e) {
      // Closed.
    }
  }

  private void look() {
    long now = System.nanoTime();
    for (Deadline deadline : inFlight) {
      try {
        long limit = deadline.context().site().limits().requestTime().toNanos();
        switch (deadline.check(now, limit, STALL.toNanos())) {
          case WAIT -> {}
          case DONE -> inFlight.remove(deadline);
          case ANSWER -> {
            inFlight.remove(deadline);
            // On a thread of its own: a client that does not send may not read either.
            Thread.ofVirtual()
                .name("web-too-late")
                .start(() -> answer(deadline, tooLate(deadline.context())));
          }
          case GIVE_UP -> {
            inFlight.remove(deadline);
            Throwable where = new Throwable("where it is");
            where.setStackTrace(deadline.stack());
            log.atWarn()
                .setCause(where)
                .log(
                    "Request {} goes on after limits.requestTime and an interrupt; its client is"
                        + " answered without it",
                    deadline.context().id());
            Thread.ofVirtual()
                .name("web-given-up")
                .start(
                    () ->
                        answer(
                            deadline,
                            Problem.tookTooLong(deadline.context().site().limits().requestTime())));
          }
        }
      } catch (RuntimeException e) {
        log.warn("Could not end a request that takes too long", e);
        inFlight.remove(deadline);
      }
    }
  }

  private static Problem tooLate(RequestContext context) {
    return Problem.of(
            Status.REQUEST_TIMEOUT_408,
            "request-timeout",
            "The request took too long to arrive",
            "The body did not arrive within "
                + context.site().limits().requestTime().toSeconds()
                + " s; nothing was done. Send it faster, or in parts.")
        .with("outcome", "not-done");
  }

  private static void answer(Deadline deadline, Problem problem) {
    RequestContext context = deadline.context();
    try {
      var response = context.response();
      response.status(problem.status());
      response.header(Names.PROBLEM);
      response.header(Names.NO_STORE);
      response.header(Names.NOSNIFF);
      if (context.isHttp1()) {
        response.header(HeaderValues.CONNECTION_CLOSE);
      }
      response.send(problem.json(context.id()));
    } catch (RuntimeException e) {
      log.debug("Could not tell a client that its request took too long", e);
    } finally {
      deadline.interrupt();
    }
  }

  @Override
  public void close() {
    thread.interrupt();
  }
}
