package dev.meridian.web;

import dev.meridian.document.Json;
import dev.meridian.document.Patch;
import dev.meridian.session.Attributes;
import dev.meridian.session.Session;
import dev.meridian.session.Sessions;
import dev.meridian.store.Commit;
import dev.meridian.store.IdempotencyKey;
import dev.meridian.store.StoreException;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Status;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The visitor's session, where the site has them: {@code /session} as a whole, {@code
 * /session/NAME} for one attribute, and {@code /session/rotate}. Reading makes no session; the
 * first write does. Every write is atomic, where the session is stored, and must come from the
 * site's own pages when it has a cookie.
 */
final class SessionApi {
  /** The address, and the first segment of those of attributes. */
  static final String PATH = "/session";

  private static final String ROTATE = "rotate";
  private static final String ON_SESSION = "GET, HEAD, PATCH, POST, DELETE, OPTIONS";
  private static final String ON_ATTRIBUTE = "GET, HEAD, PUT, DELETE, OPTIONS";

  /** Of a body, with the spaces that its JSON may hold. */
  private static final int MAX_BODY = 2 * Attributes.MAX_BYTES;

  private final Sessions sessions;
  private final NewSessions limit;
  private final SessionForm form;

  SessionApi(Sessions sessions) {
    this.sessions = sessions;
    this.limit = new NewSessions(System::nanoTime);
    this.form = new SessionForm(sessions, this);
  }

  Sessions sessions() {
    return sessions;
  }

  SessionForm form() {
    return form;
  }

  /** Whether a raw path is one of these. */
  static boolean isSession(String rawPath) {
    return rawPath.startsWith(PATH)
        && (rawPath.length() == PATH.length() || rawPath.charAt(PATH.length()) == '/');
  }

  /** Answers one request, or throws what {@link Problem#from} understands. */
  void handle(RequestContext context, String rawPath) {
    context.route(Route.SESSION);
    context.session().personal();
    QueryParameters.of(context, List.of());
    // The answer to a write needs it, and must not fail.
    Gatekeeper.headerToken(context);
    if (rawPath.length() <= PATH.length() + 1) {
      onSession(context);
    } else {
      onAttribute(context, Percent.decode(rawPath.substring(PATH.length() + 1), false));
    }
  }

  private void onSession(RequestContext context) {
    String method = context.request().prologue().method().text();
    switch (method) {
      case "GET", "HEAD" -> get(context);
      case "PATCH" -> patch(context);
      case "POST" -> form.post(context);
      case "DELETE" -> {
        context.session().checkWrite("");
        end(context);
        context.response().status(Status.NO_CONTENT_204);
        context.send();
      }
      default -> otherwise(context, method, ON_SESSION, "the visitor's session");
    }
  }

  private void onAttribute(RequestContext context, String name) {
    String method = context.request().prologue().method().text();
    if (method.equals("POST") && name.equals(ROTATE)) {
      rotate(context);
      return;
    }
    switch (method) {
      case "GET", "HEAD" -> getAttribute(context, name);
      case "PUT" -> {
        context.session().checkWrite("");
        Attributes.checkName(name);
        byte[] body = Bodies.read(context, MAX_BODY);
        Json value = Json.parse(Representation.ofBody(context, body), Attributes.LIMITS);
        written(context, change(context, Attributes.set(name, value), body));
      }
      case "DELETE" -> {
        context.session().checkWrite("");
        written(context, change(context, Attributes.remove(name), new byte[0]));
      }
      default -> otherwise(context, method, ON_ATTRIBUTE, "an attribute of the visitor's session");
    }
  }

  private void get(RequestContext context) {
    Representation representation = Representation.accepted(context);
    Map<String, Json> members = new LinkedHashMap<>();
    Optional<Session> found = context.session().find();
    members.put("attributes", found.map(Session::attributes).orElse(new Json.Obj(Map.of())));
    members.put("user", found.flatMap(Session::user).<Json>map(Json.Str::new).orElse(Json.NULL));
    members.put("created", time(found.map(session -> session.created().toString())));
    members.put("expires", time(found.map(session -> session.expires().toString())));
    members.put("ends", time(found.map(session -> session.ends().toString())));
    members.put("csrf", time(found.map(sessions::csrfToken)));
    answer(context, representation, new Json.Obj(members));
  }

  private static Json time(Optional<String> text) {
    return text.<Json>map(Json.Str::new).orElse(Json.NULL);
  }

  private static void getAttribute(RequestContext context, String name) {
    Representation representation = Representation.accepted(context);
    Json value =
        context
            .session()
            .find()
            .map(session -> session.attributes().members().get(name))
            .orElseThrow(
                () ->
                    new ProblemException(
                        Problem.notFound("The session has no attribute '" + name + "'.")));
    answer(context, representation, value);
  }

  private static void answer(RequestContext context, Representation form, Json value) {
    context.response().header(Names.VARY_COOKIE);
    context.response().header(form.contentType());
    context.send(form.write(value.toBytes()));
  }

  private void patch(RequestContext context) {
    Patch.Kind kind = DocumentWriter.patchKind(context);
    context.session().checkWrite("");
    byte[] body = Bodies.read(context, MAX_BODY);
    Patch patch = new Patch(kind, Json.minify(body, Attributes.LIMITS), false);
    written(context, change(context, patch, body));
  }

  /**
   * Changes the session's attributes; the first change of all makes the session.
   *
   * @param body the request's, by which a retry with the same idempotency key is known; null where
   *     a request makes several changes, which keys are not for
   * @return what did it; empty when there was no session, and nothing to put into one
   */
  Optional<Commit> change(RequestContext context, Patch patch, byte @Nullable [] body) {
    BrowserSession visitor = context.session();
    Optional<Session> found = visitor.find();
    if (found.isPresent()) {
      try {
        Commit commit =
            sessions.change(
                found.get(), patch, key(context, found.get(), body), visitor.lifetimes());
        visitor.wrote(commit.version());
        return Optional.of(commit);
      } catch (StoreException.Rejected e) {
        endedMeanwhile(context, e);
      }
    }
    limit.check(context);
    Optional<Sessions.Issued> made = sessions.create(patch, visitor.lifetimes());
    made.ifPresent(visitor::created);
    return made.map(Sessions.Issued::commit);
  }

  /** Leaves a message in the visitor's session, which is made for it if there is none. */
  void leave(RequestContext context, String message) {
    BrowserSession visitor = context.session();
    Optional<Session> session = visitor.find();
    if (session.isPresent()) {
      try {
        visitor.wrote(sessions.message(session.get(), message, visitor.lifetimes()).version());
        return;
      } catch (StoreException.Rejected e) {
        endedMeanwhile(context, e);
      }
    }
    create(context, message);
  }

  /**
   * Counts what is as good as a new session: a write that anybody can cause.
   *
   * @throws ProblemException 429 when the visitor's network caused too many
   */
  void checkRate(RequestContext context) {
    limit.check(context);
  }

  /** Makes a session that holds a message and nothing else. */
  private void create(RequestContext context, String message) {
    limit.check(context);
    BrowserSession visitor = context.session();
    visitor.created(sessions.createWithMessage(message, visitor.lifetimes()));
  }

  /** Keys of two visitors never meet. */
  private static @Nullable IdempotencyKey key(
      RequestContext context, Session session, byte @Nullable [] body) {
    return body == null
        ? null
        : IdempotencyKeys.of(context, new Caller(false, "session:" + session.id(), ""), body);
  }

  /**
   * Goes on as without a session, if it has ended since the request came: as if that had come a
   * moment later.
   *
   * @throws StoreException.Rejected {@code rejected} itself, if that is not why
   */
  static void endedMeanwhile(RequestContext context, StoreException.Rejected rejected) {
    if (rejected.reason() != StoreException.Rejected.Reason.NOT_FOUND) {
      throw rejected;
    }
    context.session().gone();
  }

  /** Ends the visitor's session, if there is one. */
  void end(RequestContext context) {
    context.session().find().ifPresent(sessions::end);
    context.session().ended();
  }

  private void rotate(RequestContext context) {
    context.session().checkWrite("");
    BrowserSession visitor = context.session();
    Session session = visitor.find().orElseThrow(SessionApi::nothingToRotate);
    Optional<Sessions.Issued> issued;
    try {
      issued = sessions.rotate(session, session.user(), visitor.lifetimes());
    } catch (StoreException.Rejected e) {
      endedMeanwhile(context, e);
      throw nothingToRotate();
    }
    // That of another request was first; its answer has the cookie, which is nobody else's.
    visitor.issued(issued.orElseThrow(BrowserSession::replaced));
    written(context, issued.map(Sessions.Issued::commit));
  }

  private static ProblemException nothingToRotate() {
    return new ProblemException(Problem.notFound("There is no session to rotate."));
  }

  private static void written(RequestContext context, Optional<Commit> commit) {
    var headers = context.response().headers();
    if (commit.isPresent()) {
      headers.set(
          HeaderValues.create(
              Names.SESSION, Gatekeeper.token(context).seen(commit.get().version()).toString()));
      if (commit.get().replayed()) {
        headers.set(Names.REPLAYED);
      }
    }
    context.response().status(Status.NO_CONTENT_204);
    context.send();
  }

  private static void otherwise(
      RequestContext context, String method, String allowed, String what) {
    if (method.equals("OPTIONS")) {
      context.response().status(Status.NO_CONTENT_204);
      context.response().header(HeaderValues.create(HeaderNames.ALLOW, allowed));
      if (allowed.contains("PATCH")) {
        context.response().header(Names.PATCHES);
      }
      context.send();
      return;
    }
    throw new ProblemException(
        Problem.of(
                Status.METHOD_NOT_ALLOWED_405,
                "method-not-allowed",
                "Method not allowed",
                "This address is " + what + ", which takes " + allowed + ".")
            .with(HeaderValues.create(HeaderNames.ALLOW, allowed)));
  }
}
