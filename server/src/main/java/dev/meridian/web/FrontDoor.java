package dev.meridian.web;

import dev.meridian.site.Site;
import io.helidon.webserver.http.Filter;
import io.helidon.webserver.http.FilterChain;
import io.helidon.webserver.http.RoutingRequest;
import io.helidon.webserver.http.RoutingResponse;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.util.function.Supplier;

/**
 * Where every request of the public listeners comes in: gives it its {@link RequestContext}, sends
 * it to the data API or to the site's pages and files, and counts and logs it when it is done.
 *
 * <p>The data API is called from here and not through the engine's routing, which would match every
 * path against every route: that is a third of the cost of a small GET.
 */
final class FrontDoor implements Filter {
  private final Supplier<Site> site;
  private final DataApi data;
  private final Answers answers;
  private final WebMetrics metrics;
  private final Watchdog watchdog;
  private final OpenConnections connections;

  FrontDoor(
      Supplier<Site> site,
      DataApi data,
      Answers answers,
      WebMetrics metrics,
      Watchdog watchdog,
      OpenConnections connections) {
    this.site = site;
    this.data = data;
    this.answers = answers;
    this.metrics = metrics;
    this.watchdog = watchdog;
    this.connections = connections;
  }

  @Override
  public void filter(FilterChain chain, RoutingRequest request, RoutingResponse response) {
    RequestContext context = new RequestContext(request, response, site.get(), System.nanoTime());
    var connection = connections.enter(request);
    watchdog.enter(context);
    try {
      String path = request.prologue().uriPath().rawPath();
      if (Target.isData(path)) {
        try {
          data.handle(context, path);
        } catch (RuntimeException | Error e) {
          answers.failure(context, e);
        }
      } else {
        response.header(Names.NOSNIFF);
        response.beforeSend(context::answering);
        ScopedValue.where(RequestContext.CURRENT, context).run(chain::proceed);
      }
      Bodies.abandon(context);
    } finally {
      watchdog.leave(context);
      connections.leave(connection);
      metrics.record(context);
    }
  }

  /** Handles what pages and files throw; the engine calls it below {@link #filter}. */
  void pageFailed(ServerRequest request, ServerResponse response, Throwable thrown) {
    answers.failure(RequestContext.current(), thrown);
  }
}
