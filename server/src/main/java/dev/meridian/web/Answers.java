package dev.meridian.web;

import io.helidon.http.Header;
import io.helidon.http.HeaderNames;
import io.helidon.webserver.CloseConnectionException;
import io.helidon.webserver.ServerConnectionException;
import io.helidon.webserver.http.RoutingResponse;
import java.io.UncheckedIOException;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Turns whatever ends a request badly into its answer. */
final class Answers {
  private static final Logger log = LoggerFactory.getLogger(Answers.class);

  private final ErrorPages pages;

  Answers(ErrorPages pages) {
    this.pages = pages;
  }

  /**
   * Answers with the problem that {@code thrown} stands for.
   *
   * @throws RuntimeException {@code thrown} itself, or another that makes the engine close the
   *     connection, when no answer can be sent any more
   */
  void failure(RequestContext context, Throwable thrown) {
    if (thrown instanceof CloseConnectionException
        || thrown instanceof ServerConnectionException
        || thrown instanceof UncheckedIOException) {
      throw (RuntimeException) thrown;
    }
    Problem problem = Problem.from(thrown);
    if (problem.status().code() == 500) {
      log.atError()
          .setCause(thrown)
          .addKeyValue("request", context.id())
          .log("Request {} failed unforeseen", context.id());
    }
    RoutingResponse response = context.response();
    if (response.isSent() || !response.reset()) {
      throw new CloseConnectionException("Failed after the answer had begun", thrown);
    }
    problem(context, problem);
  }

  /** Answers with {@code problem}, as a page when a person asks and the site has one. */
  void problem(RequestContext context, Problem problem) {
    RoutingResponse response = context.response();
    response.status(problem.status());
    for (Header header : problem.headers()) {
      if (header.headerName().equals(HeaderNames.SET_COOKIE)) {
        response.headers().add(header);
      } else {
        response.header(header);
      }
    }
    response.header(Names.NO_STORE);
    byte[] body = null;
    if (!Target.isData(context.request().prologue().uriPath().rawPath()) && prefersHtml(context)) {
      Optional<byte[]> page = pages.html(context.request(), problem);
      if (page.isPresent()) {
        response.header(Names.HTML);
        body = page.get();
      }
    }
    if (body == null) {
      response.header(Names.PROBLEM);
      body = problem.json(context.id());
    }
    context.send(body);
  }

  private static boolean prefersHtml(RequestContext context) {
    String accept = context.header(HeaderNames.ACCEPT);
    return accept != null && accept.contains("text/html");
  }
}
