package dev.meridian.web;

import dev.meridian.health.LoadReport;
import dev.meridian.site.Site;
import io.helidon.common.uri.UriPath;
import io.helidon.http.Header;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Status;
import io.helidon.webserver.http.Filter;
import io.helidon.webserver.http.FilterChain;
import io.helidon.webserver.http.RoutingRequest;
import io.helidon.webserver.http.RoutingResponse;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where every request of the public listeners comes in: gives it its {@link RequestContext}, sends
 * it to the data API, to the session or the account, or to the team's handlers and the site's pages
 * and files, and counts and logs it when it is done.
 *
 * <p>The data API is called from here and not through the engine's routing, which would match every
 * path against every route: that is a third of the cost of a small GET.
 */
final class FrontDoor implements Filter {
  private static final Pattern ORIGIN = Pattern.compile("(?i)https?://[^/]+(?=/|$)");
  private static final Header METHODS =
      HeaderValues.createCached(HeaderNames.ALLOW, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

  private final Supplier<Site> site;
  private final DataApi data;
  private final SessionApi session;
  private final AccountApi account;
  private final Access access;
  private final Answers answers;
  private final WebMetrics metrics;
  private final RequestRate rate;
  private final Watchdog watchdog;
  private final OpenConnections connections;

  FrontDoor(
      Supplier<Site> site,
      DataApi data,
      Access access,
      SessionApi session,
      AccountApi account,
      Answers answers,
      WebMetrics metrics,
      RequestRate rate,
      Watchdog watchdog,
      OpenConnections connections) {
    this.site = site;
    this.data = data;
    this.access = access;
    this.session = session;
    this.account = account;
    this.answers = answers;
    this.metrics = metrics;
    this.rate = rate;
    this.watchdog = watchdog;
    this.connections = connections;
  }

  @Override
  public void filter(FilterChain chain, RoutingRequest request, RoutingResponse response) {
    RequestContext context =
        new RequestContext(
            request,
            response,
            site.get(),
            access,
            session,
            System.nanoTime(),
            connections::isDraining);
    var connection = connections.enter(request);
    watchdog.enter(context);
    try {
      if (request.headers().contains(Names.LOAD_FORMAT)) {
        tellLoad(context);
      }
      String target = request.prologue().uriPath().rawPath();
      String path;
      try {
        if (isOfTheServer(context, target)) {
          return;
        }
        path = target.startsWith("/") ? target : toOriginForm(request, target);
      } catch (RuntimeException e) {
        answers.failure(context, e);
        return;
      }
      if (Target.isData(path)) {
        try {
          data.handle(context, path);
        } catch (RuntimeException | Error e) {
          answers.failure(context, e);
        }
      } else if (context.site().sessions().isPresent() && SessionApi.isSession(path)) {
        ScopedValue.where(RequestContext.CURRENT, context)
            .run(
                () -> {
                  try {
                    session.handle(context, path);
                  } catch (RuntimeException | Error e) {
                    answers.failure(context, e);
                  }
                });
      } else if (context.site().accounts().isPresent() && AccountApi.isAccount(request, path)) {
        ScopedValue.where(RequestContext.CURRENT, context)
            .run(
                () -> {
                  try {
                    account.handle(context, path);
                  } catch (RuntimeException | Error e) {
                    answers.failure(context, e);
                  }
                });
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

  /** Only where somebody's name server needs it: it is nobody else's business. */
  private void tellLoad(RequestContext context) {
    if (context.site().names().geo().regions().stream().anyMatch(r -> r.capacity().isPresent())) {
      rate.perSecond()
          .ifPresent(perSecond -> context.response().header(Names.LOAD, LoadReport.of(perSecond)));
    }
  }

  /** Answers {@code OPTIONS *}, which asks about the server and not about an address of it. */
  private static boolean isOfTheServer(RequestContext context, String target) {
    if (!target.equals("*") || !context.request().prologue().method().text().equals("OPTIONS")) {
      return false;
    }
    context.response().status(Status.NO_CONTENT_204);
    context.response().header(METHODS);
    context.send();
    return true;
  }

  /**
   * Takes the path out of a target in absolute form, which clients use when they speak to a proxy
   * and every server must understand (RFC 9112, section 3.2.2).
   */
  private static String toOriginForm(RoutingRequest request, String target) {
    Matcher origin = ORIGIN.matcher(target);
    if (!origin.lookingAt()) {
      throw new ProblemException(
          Problem.badRequest("The request's target is no address; it begins with a slash."));
    }
    String path = origin.end() == target.length() ? "/" : target.substring(origin.end());
    request.prologue(request.prologue().withUriPath(UriPath.create(path)));
    return path;
  }

  /** Handles what pages and files throw; the engine calls it below {@link #filter}. */
  void pageFailed(ServerRequest request, ServerResponse response, Throwable thrown) {
    answers.failure(RequestContext.current(), thrown);
  }
}
