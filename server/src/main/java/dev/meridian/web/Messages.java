package dev.meridian.web;

import dev.meridian.document.Json;
import dev.meridian.session.Session;
import dev.meridian.store.Commit;
import dev.meridian.store.StoreException;
import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The session's messages, shown by one page and by no other. A page is made with them first, and
 * then they are taken out of the session at once: so a page that cannot be made loses none (one
 * that cannot be sent does), and of two pages made at the same moment one takes them and the other
 * is made again.
 *
 * <p>A HEAD, and a page that a browser fetches beforehand and may never show, take none.
 */
final class Messages {
  private static final HeaderName PURPOSE = HeaderNames.create("Sec-Purpose");

  /** How often a page is made with messages, before it is made without. */
  private static final int ATTEMPTS = 3;

  private final RequestContext context;
  private boolean shown;
  private int attempts;

  private Messages(RequestContext context, int attempts) {
    this.context = context;
    this.attempts = attempts;
  }

  /** Those of a page. */
  static Messages of(RequestContext context) {
    return new Messages(context, 0);
  }

  /** None, for an error's page, whatever its template asks for: they wait for the next one. */
  static Messages none(RequestContext context) {
    return new Messages(context, ATTEMPTS);
  }

  /** What the page shows, the oldest first. */
  List<String> show() {
    context.session().personal();
    if (attempts == ATTEMPTS || isBeforehand()) {
      return List.of();
    }
    List<String> texts = new ArrayList<>();
    for (Json message : context.session().find().map(Session::flash).orElse(List.of())) {
      if (message instanceof Json.Str(String text)) {
        texts.add(text);
      }
    }
    shown |= !texts.isEmpty();
    return texts;
  }

  private boolean isBeforehand() {
    String purpose = context.header(PURPOSE);
    return purpose != null && purpose.contains("prefetch");
  }

  /**
   * Takes what was shown.
   *
   * @return false if the page must be made again, as what it shows is not in the session any more
   */
  boolean take() {
    Optional<Session> session = shown ? context.session().find() : Optional.empty();
    if (session.isEmpty() || context.isHead()) {
      return true;
    }
    shown = false;
    attempts++;
    try {
      Optional<Commit> taken =
          context.session().sessions().takeMessages(session.get(), context.session().lifetimes());
      taken.ifPresent(commit -> context.session().wrote(commit.version()));
      if (taken.isEmpty()) {
        context.session().again();
      }
      return taken.isPresent();
    } catch (StoreException.Unavailable e) {
      // Better shown twice than never: where it is not known, they may be gone.
      attempts = ATTEMPTS;
      return e.outcome() == StoreException.Unavailable.Outcome.UNKNOWN;
    }
  }
}
