package dev.meridian.web;

import dev.meridian.document.InvalidInputException;
import io.helidon.common.socket.SocketOptions;
import io.helidon.http.DirectHandler.EventType;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Status;
import io.helidon.webserver.WebServer;
import io.helidon.webserver.http.DirectHandlers;
import io.helidon.webserver.http.Filter;
import io.helidon.webserver.http.FilterChain;
import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.http.RoutingRequest;
import io.helidon.webserver.http.RoutingResponse;
import io.helidon.webserver.http1.Http1Config;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;

/**
 * The operator's listener: health, metrics, state, keys, backups. All but health and metrics need
 * the operator's key as {@code Authorization: Bearer …}. It is a listener of its own so that no
 * mistake in the public one's rules can open it.
 */
public final class AdminListener implements AutoCloseable {
  private static final String PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";
  private static final int MAX_CONNECTIONS = 200;

  private final Access access;
  private final AdminViews views;
  private final WebServer server;

  private AdminListener(InetSocketAddress address, Access access, AdminViews views) {
    this.access = access;
    this.views = views;
    DirectHandlers.Builder direct = DirectHandlers.builder();
    for (EventType type : EventType.values()) {
      direct.addHandler(type, new DirectProblems());
    }
    this.server =
        WebServer.builder()
            .address(address.getAddress())
            .port(address.getPort())
            .shutdownHook(false)
            .shutdownGracePeriod(Duration.ofSeconds(2))
            .maxTcpConnections(MAX_CONNECTIONS)
            .connectionOptions(SocketOptions.builder().tcpNoDelay(true).build())
            .addProtocol(Http1Config.builder().sendKeepAliveHeader(false).build())
            .directHandlers(direct.build())
            .routing(HttpRouting.builder().addFilter(new Door()))
            .build()
            .start();
  }

  /**
   * Listens at {@code address} until {@link #close}.
   *
   * @throws java.io.UncheckedIOException if the address cannot be listened on
   */
  public static AdminListener start(InetSocketAddress address, Access access, AdminViews views) {
    return new AdminListener(address, access, views);
  }

  /** The port it listens on. */
  public int port() {
    return server.port();
  }

  /** Stops; requests in flight may finish for two seconds. Does not throw. */
  @Override
  public void close() {
    server.stop();
  }

  /** Everything comes in here; there are too few addresses to need the engine's routing. */
  private final class Door implements Filter {
    private final Answers answers = new Answers(ErrorPages.NONE);

    @Override
    public void filter(FilterChain chain, RoutingRequest request, RoutingResponse response) {
      RequestContext context = RequestContext.admin(request, response);
      try {
        handle(context);
      } catch (RuntimeException | Error e) {
        answers.failure(context, e);
      }
    }
  }

  private void handle(RequestContext context) {
    String method = context.request().prologue().method().text();
    String path = context.request().prologue().uriPath().path();
    switch (path) {
      case "/health/live" -> {
        only(method, "GET");
        json(context, Status.OK_200, "{\"status\":\"up\"}".getBytes(StandardCharsets.UTF_8));
      }
      case "/health/ready" -> {
        only(method, "GET");
        Optional<String> why = views.notReady();
        if (why.isPresent()) {
          throw new ProblemException(
              Problem.of(
                  Status.SERVICE_UNAVAILABLE_503, "not-ready", "The node is not ready", why.get()));
        }
        json(context, Status.OK_200, "{\"status\":\"ready\"}".getBytes(StandardCharsets.UTF_8));
      }
      case "/metrics" -> {
        only(method, "GET");
        context.response().header(HeaderValues.create(HeaderNames.CONTENT_TYPE, PROMETHEUS));
        Answers.send(context, views.metrics().getBytes(StandardCharsets.UTF_8));
      }
      case "/status" -> {
        operatorOnly(context);
        only(method, "GET");
        json(context, Status.OK_200, views.status());
      }
      case "/backup" -> {
        operatorOnly(context);
        only(method, "GET");
        backup(context);
      }
      default ->
          throw new ProblemException(
              Problem.notFound(
                  "The operator's listener has /health/live, /health/ready, /metrics, /status,"
                      + " /keys and /backup."));
    }
  }

  private void backup(RequestContext context) {
    context
        .response()
        .header(HeaderValues.create(HeaderNames.CONTENT_TYPE, "application/octet-stream"));
    // When the backup breaks off, the stream is left open and the connection is cut instead, so
    // that nobody takes what came for a whole backup.
    OutputStream body = context.response().outputStream();
    try {
      views.backup(body);
      body.close();
    } catch (IOException e) {
      throw new UncheckedIOException("The backup could not be completed", e);
    }
  }

  private void operatorOnly(RequestContext context) {
    String sent = context.header(HeaderNames.AUTHORIZATION);
    String bearer = "Bearer ";
    if (sent != null && sent.regionMatches(true, 0, bearer, 0, bearer.length())) {
      try {
        if (access.operatorKey().matches(KeyToken.parse(sent.substring(bearer.length()).strip()))) {
          return;
        }
      } catch (InvalidInputException e) {
        // Answered below like any other wrong key.
      }
    }
    throw new ProblemException(
        Problem.of(
                Status.UNAUTHORIZED_401,
                "unauthorized",
                "A key is needed",
                "This needs the operator's key: send 'Authorization: Bearer ' and what the file"
                    + " operator.key in the data folder holds.")
            .with(HeaderValues.create(HeaderNames.WWW_AUTHENTICATE, "Bearer realm=\"operator\"")));
  }

  private static void only(String method, String allowed) {
    if (!method.equals(allowed)) {
      throw new ProblemException(
          Problem.of(
                  Status.METHOD_NOT_ALLOWED_405,
                  "method-not-allowed",
                  "Method not allowed",
                  "This address takes " + allowed + " only.")
              .with(HeaderValues.create(HeaderNames.ALLOW, allowed)));
    }
  }

  private static void json(RequestContext context, Status status, byte[] body) {
    context.response().status(status);
    context.response().header(HeaderValues.CONTENT_TYPE_JSON);
    context.response().header(Names.NO_STORE);
    Answers.send(context, body);
  }
}
