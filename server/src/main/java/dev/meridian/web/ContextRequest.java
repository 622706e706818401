package dev.meridian.web;

import dev.meridian.handler.Parameters;
import dev.meridian.handler.Request;
import dev.meridian.handler.SignedIn;
import dev.meridian.handler.VisitorSession;
import dev.meridian.store.Store;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Status;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A request as handlers see it. Confined to the request's thread. */
final class ContextRequest implements Request {
  private static final int MAX_FIELDS = 1_000;

  private final RequestContext context;
  private final Map<String, String> parameters;
  private final VisitorStore store;
  private byte @Nullable [] body;
  private @Nullable RuntimeException broken;
  private @Nullable Parameters query;
  private @Nullable Parameters form;

  ContextRequest(RequestContext context, Map<String, String> parameters, Store store) {
    this.context = context;
    this.parameters = parameters;
    this.store = new VisitorStore(store, context);
  }

  @Override
  public String method() {
    return context.request().prologue().method().text();
  }

  @Override
  public String path() {
    return context.request().prologue().uriPath().rawPath();
  }

  @Override
  public String parameter(String name) {
    return parameter(parameters, name);
  }

  static String parameter(Map<String, String> parameters, String name) {
    String value = parameters.get(name);
    if (value == null) {
      throw new IllegalArgumentException(
          "The route has no parameter '" + name + "'; it has " + parameters.keySet());
    }
    return value;
  }

  @Override
  public Parameters query() {
    Parameters known = query;
    if (known == null) {
      known =
          Parameters.ofPairs(
              Urlencoded.pairs(context.request().prologue().query().rawValue(), MAX_FIELDS));
      query = known;
    }
    return known;
  }

  @Override
  public Parameters form() {
    Parameters known = form;
    if (known == null) {
      known = readForm();
      form = known;
    }
    return known;
  }

  private Parameters readForm() {
    byte[] sent = body();
    if (sent.length == 0) {
      return Parameters.NONE;
    }
    if (!Bodies.mediaType(context).equals(SessionForm.MEDIA_TYPE)) {
      throw new ProblemException(
          Problem.of(
                  Status.UNSUPPORTED_MEDIA_TYPE_415,
                  "unsupported-media-type",
                  "This format is not understood here",
                  "This address takes "
                      + SessionForm.MEDIA_TYPE
                      + ", what an HTML form sends without an enctype.")
              .with(HeaderValues.create(HeaderNames.ACCEPT, SessionForm.MEDIA_TYPE)));
    }
    return Parameters.ofPairs(
        Urlencoded.pairs(new String(sent, StandardCharsets.ISO_8859_1), MAX_FIELDS));
  }

  @Override
  public Optional<String> header(String name) {
    return Optional.ofNullable(context.header(HeaderNames.create(name)));
  }

  @Override
  public byte[] body() {
    byte[] known = body;
    if (broken != null) {
      // Whoever caught it and asks again would get what came after.
      throw broken;
    }
    if (known == null) {
      try {
        known = Bodies.read(context, MAX_BODY);
      } catch (RuntimeException e) {
        broken = e;
        throw e;
      }
      body = known;
    }
    return known;
  }

  @Override
  public VisitorSession session() {
    if (context.site().sessions().isEmpty()) {
      throw new IllegalStateException(ContextSession.NONE);
    }
    return new ContextSession(context);
  }

  @Override
  public Optional<SignedIn> user() {
    if (context.site().accounts().isEmpty()) {
      return Optional.empty();
    }
    context.session().personal();
    return context
        .session()
        .user()
        .map(user -> new SignedIn(user.id(), user.name(), user.roles(), user.claims()));
  }

  @Override
  public Store store() {
    return store;
  }
}
