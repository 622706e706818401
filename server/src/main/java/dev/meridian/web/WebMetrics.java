package dev.meridian.web;

import io.helidon.http.Method;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Counts and times requests, and writes the access log: one structured line a request on logger
 * {@code access}, at INFO.
 *
 * <p>Timers are found by indexing an array, for a lookup by name and tags in the registry costs as
 * much as a small GET. The tags are bounded: routes and methods are enumerated here, and statuses
 * are ours.
 */
final class WebMetrics {
  private static final Logger access = LoggerFactory.getLogger("access");
  private static final List<String> METHODS =
      List.of("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "other");
  private static final int STATUSES = 600;

  private final MeterRegistry registry;
  private final AtomicReferenceArray<Timer> timers =
      new AtomicReferenceArray<>(Route.values().length * METHODS.size() * STATUSES);

  WebMetrics(MeterRegistry registry) {
    this.registry = registry;
  }

  /** Counts and logs a request that is done. */
  void record(RequestContext context) {
    long nanos = System.nanoTime() - context.startNanos();
    int status = context.response().status().code();
    timer(context.route(), context.request().prologue().method(), status)
        .record(nanos, TimeUnit.NANOSECONDS);
    if (access.isInfoEnabled()) {
      var prologue = context.request().prologue();
      access
          .atInfo()
          .addKeyValue("request", context.id())
          .addKeyValue("method", prologue.method().text())
          .addKeyValue("path", prologue.uriPath().rawPath())
          .addKeyValue("route", context.route().label())
          .addKeyValue("status", status)
          .addKeyValue("bytes", context.response().bytesWritten())
          .addKeyValue("micros", nanos / 1000)
          .addKeyValue("peer", context.clientHost())
          .addKeyValue("protocol", prologue.rawProtocol())
          .log("request");
    }
  }

  /** Requests so far. */
  long requests() {
    long sum = 0;
    for (int i = 0; i < timers.length(); i++) {
      Timer timer = timers.get(i);
      sum += timer == null ? 0 : timer.count();
    }
    return sum;
  }

  private Timer timer(Route route, Method method, int status) {
    int index =
        (route.ordinal() * METHODS.size() + methodIndex(method)) * STATUSES
            + Math.clamp(status, 0, STATUSES - 1);
    Timer known = timers.get(index);
    if (known == null) {
      // Two threads may come here at once; the registry gives both the same timer.
      known =
          Timer.builder("meridian.http.requests")
              .description("HTTP requests, from their headers to the end of their answer")
              .tag("route", route.label())
              .tag("method", METHODS.get(methodIndex(method)))
              .tag("status", Integer.toString(status))
              .register(registry);
      timers.set(index, known);
    }
    return known;
  }

  private static int methodIndex(Method method) {
    // The engine has one instance for each of these, so the comparison is by identity, mostly.
    if (method == Method.GET) {
      return 0;
    }
    int index = METHODS.indexOf(method.text());
    return index < 0 ? METHODS.size() - 1 : index;
  }
}
