package dev.meridian.web;

import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Json;
import dev.meridian.document.Patch;
import dev.meridian.session.Attributes;
import dev.meridian.session.Session;
import dev.meridian.session.Sessions;
import dev.meridian.store.StoreException;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Status;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * {@code POST /session}: a plain HTML form that writes the session and goes back to a page, so that
 * a cart needs no script. Each field is a change:
 *
 * <ul>
 *   <li>{@code name=text} sets an attribute, {@code cart.IS-1=text} a member of one;
 *   <li>{@code name-=} removes it;
 *   <li>{@code name+=2} adds a number, from 0 where there is none;
 *   <li>{@code name[]=text} appends to a list, which is made if there is none;
 *   <li>{@code _flash=text} leaves a message, {@code _end=1} ends the session, {@code _csrf} is its
 *       token, and {@code _redirect=/cart} says where to go then: otherwise back to the page of the
 *       form, or home.
 * </ul>
 *
 * <p>All that sets and removes is one atomic change, and so is all that adds; each append and the
 * message are further ones, in this order. Everything is checked before the first that can be
 * without knowing the session; where a later one fails, those before it are done.
 */
final class SessionForm {
  static final String MEDIA_TYPE = "application/x-www-form-urlencoded";
  private static final int MAX_FIELDS = 200;
  private static final int MAX_REDIRECT_CHARS = 2_000;

  private final Sessions sessions;
  private final SessionApi api;

  SessionForm(Sessions sessions, SessionApi api) {
    this.sessions = sessions;
    this.api = api;
  }

  /** One value to append. */
  private record Append(String name, Json value) {}

  /** What a form asks for. */
  private static final class Changes {
    private final Map<String, Json> sets = new LinkedHashMap<>();
    private final Map<String, Json> adds = new LinkedHashMap<>();
    private final List<Append> appends = new ArrayList<>();
    private Optional<String> message = Optional.empty();
    private Optional<String> redirect = Optional.empty();
    private String csrf = "";
    private boolean end;

    private boolean isEmpty() {
      return sets.isEmpty() && adds.isEmpty() && appends.isEmpty() && message.isEmpty();
    }
  }

  void post(RequestContext context) {
    String type = Bodies.mediaType(context);
    if (!type.equals(MEDIA_TYPE)) {
      throw new ProblemException(
          Problem.of(
                  Status.UNSUPPORTED_MEDIA_TYPE_415,
                  "unsupported-media-type",
                  "This format is not understood here",
                  "POST /session takes "
                      + MEDIA_TYPE
                      + ", what an HTML form sends without an enctype. Programs change attributes by"
                      + " PATCH /session, or PUT /session/NAME.")
              .with(HeaderValues.create(HeaderNames.ACCEPT, MEDIA_TYPE)));
    }
    byte[] body = Bodies.read(context, 2 * Attributes.MAX_BYTES);
    Changes changes = parse(new String(body, StandardCharsets.ISO_8859_1));
    // Before anything is written: an answer that cannot be given must not come after.
    String to = changes.redirect.orElseGet(() -> cameFrom(context));
    context.session().checkWrite(changes.csrf);
    if (changes.end) {
      if (!changes.isEmpty()) {
        throw new InvalidInputException("A form with _end ends the session and changes nothing.");
      }
      api.end(context);
    } else {
      write(context, changes);
    }
    context.response().status(Status.SEE_OTHER_303);
    context.response().header(HeaderValues.create(HeaderNames.LOCATION, to));
    context.send();
  }

  private void write(RequestContext context, Changes changes) {
    List<Runnable> steps = new ArrayList<>();
    if (!changes.sets.isEmpty()) {
      steps.add(() -> change(context, Patch.Kind.MERGE, changes.sets));
    }
    if (!changes.adds.isEmpty()) {
      steps.add(() -> change(context, Patch.Kind.INCREMENT, changes.adds));
    }
    changes.appends.forEach(append -> steps.add(() -> append(context, append.name, append.value)));
    changes.message.ifPresent(message -> steps.add(() -> api.leave(context, message)));
    for (int i = 0; i < steps.size(); i++) {
      try {
        if (i > 0) {
          // The next one is judged by what the one before made of it.
          context.session().again();
        }
        steps.get(i).run();
      } catch (StoreException.Unavailable e) {
        throw i == 0 ? e : inPart(e);
      }
    }
  }

  /** The failure of a later step: something was done, so not all can be said not to be. */
  private static StoreException.Unavailable inPart(StoreException.Unavailable e) {
    return new StoreException.Unavailable(
        StoreException.Unavailable.Outcome.UNKNOWN,
        "The form was done in part: " + e.getMessage(),
        e);
  }

  private void change(RequestContext context, Patch.Kind kind, Map<String, Json> members) {
    api.change(context, new Patch(kind, new Json.Obj(members).toBytes(), false), null);
  }

  /** Appends to a list of the session, and makes either. */
  void append(RequestContext context, String name, Json value) {
    BrowserSession visitor = context.session();
    Optional<Session> session = visitor.find();
    if (session.isPresent()) {
      try {
        visitor.wrote(sessions.append(session.get(), name, value, visitor.lifetimes()).version());
        return;
      } catch (StoreException.Rejected e) {
        SessionApi.endedMeanwhile(context, e);
      }
    }
    api.change(context, Attributes.set(name, new Json.Arr(List.of(value))), null);
  }

  private static Changes parse(String body) {
    Changes changes = new Changes();
    List<String> pairs = Urlencoded.pairs(body, MAX_FIELDS);
    for (int i = 0; i < pairs.size(); i += 2) {
      String name = pairs.get(i);
      // A plus sign that a form's author, or curl, did not escape.
      read(changes, name.endsWith(" ") ? name.strip() + "+" : name, pairs.get(i + 1));
    }
    return changes;
  }

  private static void read(Changes changes, String name, String value) {
    switch (name) {
      case "_csrf" -> changes.csrf = value;
      case "_flash" -> {
        if (!value.isEmpty()) {
          changes.message = Optional.of(Sessions.checkMessage(value));
        }
      }
      case "_end" -> changes.end = true;
      case "_redirect" -> {
        if (!isOwnPath(value)) {
          throw new InvalidInputException(
              "_redirect is a path of this site, such as /cart, with what is not ASCII escaped.");
        }
        changes.redirect = Optional.of(value);
      }
      default -> {
        if (name.startsWith("_")) {
          throw new InvalidInputException(
              "There is no field '"
                  + name
                  + "'; a form has _csrf, _redirect, _flash and _end besides its attributes.");
        }
        attribute(changes, name, value);
      }
    }
  }

  private static void attribute(Changes changes, String name, String value) {
    if (name.endsWith("[]")) {
      String list = Attributes.checkName(name.substring(0, name.length() - 2));
      changes.appends.add(new Append(list, new Json.Str(value)));
    } else if (name.endsWith("+")) {
      String field = Attributes.checkField(name.substring(0, name.length() - 1)).toString();
      Json number;
      try {
        number = Json.parse(value.strip().getBytes(StandardCharsets.UTF_8));
      } catch (InvalidInputException e) {
        number = Json.NULL;
      }
      if (!(number instanceof Json.Num)) {
        throw new InvalidInputException("The field '" + name + "' adds a number, such as 1.");
      }
      if (changes.adds.put(field, number) != null) {
        throw new InvalidInputException("The field '" + name + "' is there twice; keep one.");
      }
    } else if (name.endsWith("-")) {
      set(
          changes.sets,
          Attributes.checkField(name.substring(0, name.length() - 1)).names(),
          Json.NULL);
    } else {
      set(changes.sets, Attributes.checkField(name).names(), new Json.Str(value));
    }
  }

  /** Where a field stands twice, the last counts, as with a hidden field before a checkbox. */
  private static void set(Map<String, Json> members, List<String> names, Json value) {
    String first = names.getFirst();
    if (names.size() == 1) {
      members.put(first, value);
      return;
    }
    Map<String, Json> inner =
        members.get(first) instanceof Json.Obj(Map<String, Json> known)
            ? new LinkedHashMap<>(known)
            : new LinkedHashMap<>();
    set(inner, names.subList(1, names.size()), value);
    members.put(first, new Json.Obj(inner));
  }

  /** The page of the form, as the browser says, or home. */
  static String cameFrom(RequestContext context) {
    String referer = context.header(HeaderNames.REFERER);
    int scheme = referer == null ? -1 : referer.indexOf("://");
    int path = scheme < 0 || referer == null ? -1 : referer.indexOf('/', scheme + 3);
    if (referer == null || path < 0 || !SameOrigin.isOwn(context, referer.substring(0, path))) {
      return "/";
    }
    String own = referer.substring(path);
    return isOwnPath(own) ? own : "/";
  }

  /** Whether browsers stay on this site with it: {@code //host} and {@code /\host} lead away. */
  static boolean isOwnPath(String path) {
    return path.startsWith("/")
        && !path.startsWith("//")
        && path.length() <= MAX_REDIRECT_CHARS
        && path.chars().allMatch(c -> c > 0x20 && c < 0x7f && c != '\\');
  }
}
