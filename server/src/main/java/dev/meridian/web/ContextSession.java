package dev.meridian.web;

import dev.meridian.document.Json;
import dev.meridian.document.Patch;
import dev.meridian.session.Attributes;
import dev.meridian.session.Session;
import dev.meridian.session.Sessions;
import java.util.Optional;

/** The visitor's session as handlers see it: the same changes as those of a form. */
final class ContextSession extends StoredSession {
  static final String NONE = "The site has no sessions; write 'sessions: on' in its site.yaml";

  private final RequestContext context;

  ContextSession(RequestContext context) {
    this.context = context;
  }

  @Override
  Optional<Session> find() {
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

  @Override
  void change(Patch patch) {
    try {
      changing().change(context, patch, null);
    } finally {
      context.session().again();
    }
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
  public String csrfToken() {
    return find().map(context.session().sessions()::csrfToken).orElse("");
  }

  @Override
  public void end() {
    changing().end(context);
  }
}
