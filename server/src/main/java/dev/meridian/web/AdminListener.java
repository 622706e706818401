package dev.meridian.web;

import dev.meridian.account.User;
import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Json;
import dev.meridian.session.Sessions;
import dev.meridian.store.Page;
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
import io.helidon.webserver.http2.Http2Config;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The operator's listener: health, metrics, state, keys, backups. All but health and metrics need
 * the operator's key as {@code Authorization: Bearer …}. It is a listener of its own so that no
 * mistake in the public one's rules can open it.
 */
public final class AdminListener implements AutoCloseable {
  private static final String PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";
  private static final int MAX_CONNECTIONS = 200;
  private static final int MAX_KEY_BYTES = 4096;
  private static final int MAX_TOKEN_MINUTES = 30 * 24 * 60;
  private static final int USUAL_NAMES = 20;
  private static final int USUAL_SESSIONS = 100;
  private static final String KEY = "/keys/";
  private static final String NODE = "/nodes/";
  private static final String SESSION = "/sessions/";
  private static final String USER = "/users/";

  private final Access access;
  private final AdminViews views;
  private final AdminUsers users;
  private final OpenConnections connections =
      new OpenConnections(MAX_CONNECTIONS, Duration.ofMinutes(1));
  private final WebServer server;

  private AdminListener(InetSocketAddress address, Access access, AdminViews views) {
    this.access = access;
    this.views = views;
    this.users = new AdminUsers(access);
    DirectHandlers.Builder direct = DirectHandlers.builder();
    for (EventType type : EventType.values()) {
      direct.addHandler(type, new DirectProblems());
    }
    Http2Config http2 = Http2Config.create();
    WebServer server =
        WebServer.builder()
            .address(address.getAddress())
            .port(address.getPort())
            .shutdownHook(false)
            .shutdownGracePeriod(Duration.ofSeconds(2))
            .maxTcpConnections(MAX_CONNECTIONS)
            .connectionOptions(
                connections.watching(SocketOptions.builder().tcpNoDelay(true).build()))
            .idleConnectionTimeout(WebTier.NO_ENGINE_IDLE)
            .protocolsDiscoverServices(false)
            .addConnectionSelector(
                Http1.create(
                    "admin",
                    Http1Config.builder().sendKeepAliveHeader(false).build(),
                    List.of(http2),
                    connections,
                    _ -> true))
            .addProtocol(http2)
            .directHandlers(direct.build())
            .routing(HttpRouting.builder().addFilter(new Door()))
            .build();
    try {
      this.server = Listening.start("admin", address, server);
    } catch (RuntimeException e) {
      connections.close();
      throw e;
    }
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
    connections.close();
  }

  /** Everything comes in here; there are too few addresses to need the engine's routing. */
  private final class Door implements Filter {
    private final Answers answers = new Answers(ErrorPages.NONE);

    @Override
    public void filter(FilterChain chain, RoutingRequest request, RoutingResponse response) {
      RequestContext context = RequestContext.admin(request, response);
      var connection = connections.enter(request);
      try {
        try {
          handle(context);
        } catch (RuntimeException | Error e) {
          answers.failure(context, e);
        }
        Bodies.abandon(context);
      } finally {
        connections.leave(connection);
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
        context.send(views.metrics().getBytes(StandardCharsets.UTF_8));
      }
      case "/status" -> {
        operatorOnly(context);
        only(method, "GET");
        json(context, Status.OK_200, views.status());
      }
      case "/names/asked" -> {
        operatorOnly(context);
        only(method, "GET");
        String most = QueryParameters.of(context, List.of("limit")).get("limit");
        json(context, Status.OK_200, views.namesAsked(most == null ? USUAL_NAMES : count(most)));
      }
      case "/names/keys" -> {
        operatorOnly(context);
        switch (method) {
          case "GET" -> json(context, Status.OK_200, views.zoneKeys());
          case "POST" -> replaceZoneKey(context);
          default -> only(method, "GET, POST");
        }
      }
      case "/regions" -> {
        operatorOnly(context);
        switch (method) {
          case "GET" -> json(context, Status.OK_200, views.regions());
          case "POST" -> drainRegion(context);
          default -> only(method, "GET, POST");
        }
      }
      case "/where" -> {
        operatorOnly(context);
        only(method, "GET");
        QueryParameters asked = QueryParameters.of(context, List.of("address", "name"));
        String address = asked.get("address");
        json(
            context,
            Status.OK_200,
            views.where(address == null ? "" : address, Optional.ofNullable(asked.get("name"))));
      }
      case "/keys" -> {
        operatorOnly(context);
        switch (method) {
          case "GET" -> json(context, Status.OK_200, listKeys());
          case "POST" -> createKey(context);
          default -> only(method, "GET, POST");
        }
      }
      case "/sessions" -> {
        operatorOnly(context);
        switch (method) {
          case "GET" -> listSessions(context);
          case "DELETE" -> revokeSessions(context);
          default -> only(method, "GET, DELETE");
        }
      }
      case "/users" -> {
        operatorOnly(context);
        switch (method) {
          case "GET" -> {
            QueryParameters asked = QueryParameters.of(context, List.of("limit", "after"));
            String most = asked.get("limit");
            int limit = most == null ? USUAL_SESSIONS : count(most);
            json(context, Status.OK_200, users.list(limit, asked.get("after")).toBytes());
          }
          case "POST" -> {
            byte[] body = Bodies.read(context, MAX_KEY_BYTES);
            json(context, Status.CREATED_201, users.create(body, views.site()).toBytes());
          }
          default -> only(method, "GET, POST");
        }
      }
      case "/backup" -> {
        operatorOnly(context);
        only(method, "GET");
        backup(context);
      }
      case "/tokens" -> {
        operatorOnly(context);
        only(method, "POST");
        createToken(context);
      }
      default -> {
        if (path.startsWith(NODE)) {
          operatorOnly(context);
          only(method, "DELETE");
          String query = context.request().prologue().query().rawValue();
          views.removeNode(path.substring(NODE.length()), query.equals("gone"));
          context.response().status(Status.ACCEPTED_202);
          context.send();
          return;
        }
        if (path.startsWith(SESSION)) {
          operatorOnly(context);
          only(method, "DELETE");
          String id = path.substring(SESSION.length());
          if (!access.sessions().revoke(id)) {
            throw new ProblemException(Problem.notFound("There is no session '" + id + "'."));
          }
          context.response().status(Status.NO_CONTENT_204);
          context.send();
          return;
        }
        if (path.startsWith(USER)) {
          operatorOnly(context);
          user(context, method, path.substring(USER.length()));
          return;
        }
        if (path.startsWith(KEY)) {
          operatorOnly(context);
          only(method, "DELETE");
          revokeKey(context, path.substring(KEY.length()));
          return;
        }
        throw new ProblemException(
            Problem.notFound(
                "The operator's listener has /health/live, /health/ready, /metrics, /status,"
                    + " /where, /regions, /names/asked, /names/keys, /keys, /sessions, /users,"
                    + " /tokens, /nodes and /backup."));
      }
    }
  }

  private void user(RequestContext context, String method, String who) {
    switch (method) {
      case "GET" -> json(context, Status.OK_200, users.show(who).toBytes());
      case "PATCH" -> {
        byte[] body = Bodies.read(context, MAX_KEY_BYTES);
        json(context, Status.OK_200, users.change(who, body, views.site()).toBytes());
      }
      case "DELETE" -> {
        users.delete(who);
        context.response().status(Status.NO_CONTENT_204);
        context.send();
      }
      default -> only(method, "GET, PATCH, DELETE");
    }
  }

  private byte[] listKeys() {
    List<Json> keys = access.keys().list().stream().map(ApiKeys.Info::json).toList();
    return new Json.Obj(Map.of("keys", new Json.Arr(keys))).toBytes();
  }

  /** Takes {@code {"role","name","expires"}}, the latter two optional. */
  private void createKey(RequestContext context) {
    Json body = Json.parse(Bodies.read(context, MAX_KEY_BYTES));
    if (!(body instanceof Json.Obj(Map<String, Json> members))
        || !Set.of("role", "name", "expires").containsAll(members.keySet())) {
      throw new InvalidInputException(
          "A key is made of {\"role\":…} and perhaps \"name\" and \"expires\" (RFC 3339).");
    }
    String role = text(members, "role");
    String name = text(members, "name");
    String expires = text(members, "expires");
    ApiKeys.Created created =
        access
            .keys()
            .create(
                role == null ? "" : role,
                name == null ? "" : name,
                Optional.ofNullable(expires).map(AdminListener::time));
    Map<String, Json> answer = new LinkedHashMap<>(((Json.Obj) created.info().json()).members());
    answer.put("key", new Json.Str(created.token()));
    json(context, Status.CREATED_201, new Json.Obj(answer).toBytes());
  }

  /** Takes {@code {"minutes","reusable"}}, both optional. */
  private void createToken(RequestContext context) {
    Json body = Json.parse(Bodies.read(context, MAX_KEY_BYTES));
    if (!(body instanceof Json.Obj(Map<String, Json> members))
        || !Set.of("minutes", "reusable").containsAll(members.keySet())) {
      throw new InvalidInputException("A token is made of {\"minutes\":…,\"reusable\":…}.");
    }
    long minutes =
        members.getOrDefault("minutes", Json.Num.of(60)) instanceof Json.Num number
            ? number.decimal().longValue()
            : 0;
    if (minutes < 1 || minutes > MAX_TOKEN_MINUTES) {
      throw new InvalidInputException("'minutes' is 1 to " + MAX_TOKEN_MINUTES + ".");
    }
    boolean reusable = new Json.Bool(true).equals(members.get("reusable"));
    try {
      String token = views.newToken(Duration.ofMinutes(minutes), reusable);
      json(
          context,
          Status.CREATED_201,
          new Json.Obj(Map.of("token", new Json.Str(token))).toBytes());
    } catch (IOException e) {
      throw new UncheckedIOException("No token could be made", e);
    }
  }

  /** Takes {@code {"zone","parentHasIt"}}, the latter optional. */
  private void replaceZoneKey(RequestContext context) {
    Json body = Json.parse(Bodies.read(context, MAX_KEY_BYTES));
    if (!(body instanceof Json.Obj(Map<String, Json> members))
        || !Set.of("zone", "parentHasIt").containsAll(members.keySet())
        || !(members.get("zone") instanceof Json.Str(String zone))) {
      throw new InvalidInputException(
          "The key of {\"zone\":…} is replaced, and \"parentHasIt\" is true or false.");
    }
    views.replaceZoneKey(zone, new Json.Bool(true).equals(members.get("parentHasIt")));
    json(context, Status.OK_200, views.zoneKeys());
  }

  /** Takes {@code {"region","drained","reason"}}, the last optional. */
  private void drainRegion(RequestContext context) {
    Json body = Json.parse(Bodies.read(context, MAX_KEY_BYTES));
    if (!(body instanceof Json.Obj(Map<String, Json> members))
        || !Set.of("region", "drained", "reason").containsAll(members.keySet())
        || !(members.get("region") instanceof Json.Str(String region))
        || !(members.get("drained") instanceof Json.Bool(boolean drained))) {
      throw new InvalidInputException(
          "A region is drained with {\"region\":…,\"drained\":true} and perhaps \"reason\".");
    }
    String reason = text(members, "reason");
    views.drainRegion(region, drained, reason == null ? "" : reason);
    json(context, Status.OK_200, views.regions());
  }

  /** A page of sessions, all or a user's, without what is in them. */
  private void listSessions(RequestContext context) {
    QueryParameters asked = QueryParameters.of(context, List.of("user", "limit", "after"));
    String most = asked.get("limit");
    Page page =
        access
            .sessions()
            .list(
                Optional.ofNullable(asked.get("user")).map(this::userId),
                most == null ? USUAL_SESSIONS : count(most),
                asked.get("after"));
    Map<String, Json> answer = new LinkedHashMap<>();
    answer.put("sessions", new Json.Arr(Sessions.about(page)));
    String next = page.next();
    answer.put("next", next == null ? Json.NULL : new Json.Str(next));
    json(context, Status.OK_200, new Json.Obj(answer).toBytes());
  }

  /** What sessions call a user: the id, where there is an account of this id or name. */
  private String userId(String idOrName) {
    return access.accounts().findByIdOrName(idOrName).map(User::id).orElse(idOrName);
  }

  /** Of one user. All at once are ended by deleting the document {@code _secrets/sessions}. */
  private void revokeSessions(RequestContext context) {
    String user = QueryParameters.of(context, List.of("user")).get("user");
    if (user == null || user.isEmpty()) {
      throw new InvalidInputException(
          "Say whose sessions are to end (DELETE /sessions?user=…), or which (/sessions/ID).");
    }
    Json ended = Json.Num.of(access.sessions().revokeAll(userId(user)));
    json(context, Status.OK_200, new Json.Obj(Map.of("ended", ended)).toBytes());
  }

  private void revokeKey(RequestContext context, String id) {
    if (!access.keys().revoke(id)) {
      throw new ProblemException(Problem.notFound("There is no key '" + id + "'."));
    }
    context.response().status(Status.NO_CONTENT_204);
    context.send();
  }

  private static @Nullable String text(Map<String, Json> members, String name) {
    return switch (members.get(name)) {
      case null -> null;
      case Json.Null _ -> null;
      case Json.Str(String value) -> value;
      default -> throw new InvalidInputException("'" + name + "' is a string.");
    };
  }

  private static Instant time(String text) {
    try {
      return DateTimeFormatter.ISO_OFFSET_DATE_TIME.parse(text, Instant::from);
    } catch (DateTimeException e) {
      throw new InvalidInputException(
          "'expires' is a time such as 2030-01-31T12:00:00Z; it was '" + text + "'.", e);
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
      context.response().commit(); // Helidon ends a stream itself only for its own handlers
    } catch (IOException e) {
      throw new UncheckedIOException("The backup could not be completed", e);
    }
  }

  /** Keys of role operator open this listener too, so that each operator can have their own. */
  private void operatorOnly(RequestContext context) {
    Caller caller = access.caller(context);
    if (!caller.operator()) {
      throw Access.refused(caller, "use the operator's listener");
    }
  }

  private static int count(String text) {
    if (!text.matches("[1-9][0-9]?|100")) {
      throw new InvalidInputException("'limit' is 1 to 100; it was '" + text + "'.");
    }
    return Integer.parseInt(text);
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
    context.send(body);
  }
}
