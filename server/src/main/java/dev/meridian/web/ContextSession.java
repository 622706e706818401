package dev.meridian.web;

import dev.meridian.document.Json;
import dev.meridian.document.Patch;
import dev.meridian.document.PatchException;
import dev.meridian.handler.VisitorSession;
import dev.meridian.session.Attributes;
import dev.meridian.session.Session;
import dev.meridian.session.Sessions;
import dev.meridian.store.StoreException;
import java.util.Map;
import java.util.Optional;

/** The visitor's session as handlers see it: the same changes as those of a form. */
final class ContextSession implements VisitorSession {
  static final String NONE = "The site has no sessions; write 'sessions: on' in its site.yaml";

  private final RequestContext context;

  ContextSession(RequestContext context) {
    this.context = context;
  }

  private Optional<Session> find() {
    context.session().personal();
    return context.session().find();
  }

  /** Before a change. Of a request with a session's cookie, more was asked already. */
  private SessionApi changing() {
    context.session().personal();
    if (!context.session().isNamed()) {
      context.session().checkOrigin("");
    }
    context.session().checkCookies();
    return context.sessionApi();
  }

  private void change(Patch patch) {
    changing().change(context, patch, null);
    context.session().again();
  }

  @Override
  public String id() {
    return find().map(Session::id).orElse("");
  }

  @Override
  public boolean patch(Patch patch) {
    try {
      change(patch);
      return true;
    } catch (PatchException e) {
      return false;
    } catch (StoreException.Rejected e) {
      context.session().again();
      if (e.reason() != StoreException.Rejected.Reason.PATCH_FAILED) {
        throw e;
      }
      return false;
    }
  }

  @Override
  public boolean exists() {
    return find().isPresent();
  }

  @Override
  public Json.Obj attributes() {
    return find().map(Session::attributes).orElse(new Json.Obj(Map.of()));
  }

  @Override
  public void set(String name, Json value) {
    change(Attributes.set(name, value));
  }

  @Override
  public void remove(String name) {
    Patch patch = Attributes.remove(name);
    if (exists()) {
      change(patch);
    }
  }

  @Override
  public void add(String field, long amount) {
    change(Attributes.add(field, amount));
  }

  @Override
  public void append(String name, Json value) {
    changing().form().append(context, Attributes.checkName(name), value);
    context.session().again();
  }

  @Override
  public void flash(String message) {
    changing().leave(context, Sessions.checkMessage(message));
    context.session().again();
  }

  @Override
  public Optional<String> user() {
    return find().flatMap(Session::user);
  }

  @Override
  public String csrfToken() {
    return find().map(context.session().sessions()::csrfToken).orElse("");
  }

  @Override
  public void end() {
    changing().end(context);
  }
}
