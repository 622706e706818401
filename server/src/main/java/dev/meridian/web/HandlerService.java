package dev.meridian.web;

import dev.meridian.handler.Request;
import dev.meridian.handler.Response;
import dev.meridian.handler.Routes;
import dev.meridian.store.Store;
import dev.meridian.store.StoreException;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Status;
import io.helidon.webserver.http.HttpRules;
import io.helidon.webserver.http.HttpService;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.nio.channels.ClosedByInterruptException;
import java.util.List;
import java.util.Optional;
import java.util.SortedSet;
import java.util.function.Predicate;

/**
 * Requests that the team's own Java answers. What changes something must come from the site's own
 * pages when a session's cookie came with it. Safe for any thread.
 */
public final class HandlerService implements HttpService {
  private final Routes routes;
  private final Store store;
  private final Predicate<SitePath> hasPage;

  /** Answers what {@code routes} has handlers for, who see {@code store}, before pages do. */
  public HandlerService(Routes routes, Store store, Pages pages) {
    this.routes = routes;
    this.store = store;
    this.hasPage = pages::hasPage;
  }

  @Override
  public void routing(HttpRules rules) {
    if (!routes.isEmpty()) {
      rules.any(this::handle);
    }
  }

  private void handle(ServerRequest request, ServerResponse response) {
    SitePath path = SitePath.parse(request.prologue().uriPath().rawPath());
    RequestContext context = RequestContext.current();
    if (path == null
        || (path.folder() && !path.segments().isEmpty())
        || isMeridians(context, path.segments())) {
      response.next();
      return;
    }
    String method = request.prologue().method().text();
    Optional<Routes.Match> match = routes.match(method, path.segments());
    if (match.isPresent()) {
      context.route(Route.HANDLER);
      answer(context, match.get());
      return;
    }
    SortedSet<String> methods = routes.methods(path.segments());
    // A page may answer the address where no handler does.
    if (methods.isEmpty() || method.equals("GET") || method.equals("HEAD")) {
      response.next();
      return;
    }
    context.route(Route.HANDLER);
    if (hasPage.test(path)) {
      methods.addAll(List.of("GET", "HEAD"));
    }
    String allowed = String.join(", ", methods) + ", OPTIONS";
    if (method.equals("OPTIONS")) {
      response.status(Status.NO_CONTENT_204);
      response.header(HeaderValues.create(HeaderNames.ALLOW, allowed));
      context.send();
      return;
    }
    throw new ProblemException(
        Problem.of(
                Status.METHOD_NOT_ALLOWED_405,
                "method-not-allowed",
                "Method not allowed",
                "This address takes " + allowed + ".")
            .with(HeaderValues.create(HeaderNames.ALLOW, allowed)));
  }

  /** Whether an address is of the session or the account, whose pages are the site's. */
  private static boolean isMeridians(RequestContext context, List<String> segments) {
    return !segments.isEmpty()
        && switch (segments.getFirst()) {
          case "session" -> context.site().sessions().isPresent();
          case "account" -> context.site().accounts().isPresent();
          default -> false;
        };
  }

  private void answer(RequestContext context, Routes.Match match) {
    // The answer to a write needs it, and must not fail.
    Gatekeeper.headerToken(context);
    ContextRequest request = new ContextRequest(context, match.parameters(), store);
    if (changes(request.method()) && context.hasCookies() && context.session().isNamed()) {
      context.session().checkWrite(csrf(context, request));
    }
    Response answer;
    try {
      answer = match.handler().handle(request);
    } catch (Exception e) {
      if (context.deadline().wasInterrupted() && isInterrupt(e)) {
        throw tooLong(context);
      }
      throw e instanceof RuntimeException unchecked ? unchecked : new HandlerFailure(e);
    }
    if (answer == null) {
      throw new HandlerFailure(
          new NullPointerException("The handler of " + request.path() + " returned no response"));
    }
    send(context, answer);
  }

  private static boolean isInterrupt(Exception e) {
    int depth = 0;
    for (Throwable at = e; at != null && depth < 10; at = at.getCause()) {
      if (at instanceof InterruptedException
          || at instanceof ClosedByInterruptException
          || at instanceof StoreException.Unavailable) {
        return true;
      }
      depth++;
    }
    return false;
  }

  private static ProblemException tooLong(RequestContext context) {
    return new ProblemException(Problem.tookTooLong(context.site().limits().requestTime()));
  }

  private static boolean changes(String method) {
    return !method.equals("GET") && !method.equals("HEAD");
  }

  private static String csrf(RequestContext context, Request request) {
    return Bodies.mediaType(context).equals(SessionForm.MEDIA_TYPE)
        ? request.form().get("_csrf").orElse("")
        : "";
  }

  private static void send(RequestContext context, Response answer) {
    Status status = Status.create(answer.status());
    if (answer.problem().isPresent()) {
      throw new ProblemException(problem(status, answer));
    }
    // From here on the response is this thread's.
    context.answering();
    var response = context.response();
    response.status(status);
    response.headers().set(Names.PRIVATE_NO_CACHE);
    for (Response.Header header : answer.headers()) {
      if (header.name().equalsIgnoreCase("Cache-Control")) {
        // What has one reader's token is not for others.
        if (!Gatekeeper.saysWhoReads(context.request())) {
          response.headers().set(HeaderValues.create(HeaderNames.CACHE_CONTROL, header.value()));
        }
        response.headers().add(Names.VARY_SEEN);
      } else {
        response.headers().add(HeaderValues.create(header.name(), header.value()));
      }
    }
    if (answer.status() == 204 || answer.status() == 304) {
      context.send();
    } else {
      context.sendCounted(answer.body(), 0);
    }
  }

  private static Problem problem(Status status, Response answer) {
    Problem problem = Problem.fromHttp(status, answer.problem().orElseThrow());
    problem =
        new Problem(
            problem.status(),
            problem.type(),
            problem.title(),
            answer.problem().orElseThrow(),
            problem.extra(),
            problem.headers());
    for (Response.Header header : answer.headers()) {
      if (!header.name().equalsIgnoreCase("Content-Type")) {
        problem = problem.with(HeaderValues.create(header.name(), header.value()));
      }
    }
    return problem;
  }

  /** What a handler threw that no caller is told of. */
  private static final class HandlerFailure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    HandlerFailure(Exception cause) {
      super("A handler failed: " + cause, cause);
    }
  }
}
