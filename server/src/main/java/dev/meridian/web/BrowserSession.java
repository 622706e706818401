package dev.meridian.web;

import dev.meridian.account.Accounts;
import dev.meridian.account.ProviderSignIns;
import dev.meridian.account.User;
import dev.meridian.document.Json;
import dev.meridian.document.Version;
import dev.meridian.session.Claim;
import dev.meridian.session.Lifetimes;
import dev.meridian.session.Refusal;
import dev.meridian.session.Session;
import dev.meridian.session.Sessions;
import dev.meridian.site.SessionSettings;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.SessionToken;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Status;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The session of one request: its cookies are read, and it is asked of the store, when somebody
 * wants to know, and at most once. Confined to the request's thread.
 *
 * <p>There are two cookies, and one that tells that a user signed in by this browser, which
 * outlives the session. One names the session; it changes when that is rotated. The other, its name
 * followed by {@link #SEEN}, holds the visitor's consistency token and changes with every write.
 * Were they one, the answer to a slow request would put an old name back in the place of a new one.
 * For the same reason a cookie that names no session any more is left where it is: cookies are
 * taken back when their session is ended by the visitor, and then alone.
 */
final class BrowserSession {
  /** After the cookie's name: the name of the cookie of what the visitor has seen. */
  static final String SEEN = "-seen";

  /** The same of the cookie by which a browser is known where a user signed in. */
  static final String DEVICE = "-device";

  /** The same of the cookie of a sign-in at a provider. */
  static final String SIGN_IN = "-sign-in";

  private static final int MAX_SIGN_INS = 4;

  private static final String PURPOSE = "device";
  private static final Duration DEVICE_LIFE = Duration.ofDays(180);

  private final RequestContext context;
  private final Sessions sessions;
  private final Accounts accounts;

  private @Nullable List<Claim> claims;
  private @Nullable SessionToken token;
  private boolean loaded;
  private @Nullable Session session;
  private Optional<User> user = Optional.empty();

  /** Whether the session is of a user who is signed in by it no more. */
  private boolean lapsed;

  private @Nullable Json forRules;
  private @Nullable Json userForRules;

  /** Whether a request that reads is to see what is, as one that writes. */
  private boolean writing;

  private boolean replayed;
  private boolean made;
  private boolean ignored;
  private boolean personal;

  /** What the answer sets, by the cookie's name; an answer that fails has it, too. */
  private final Map<String, String> lines = new LinkedHashMap<>();

  BrowserSession(RequestContext context, Access access) {
    this.context = context;
    this.sessions = access.sessions();
    this.accounts = access.accounts();
  }

  Sessions sessions() {
    return sessions;
  }

  /** How long the site lets this session live. */
  Lifetimes lifetimes() {
    SessionSettings settings = settings();
    Lifetimes lifetimes = new Lifetimes(settings.idle(), settings.absolute());
    // Whether its visitor takes cookies is not known before the next request.
    return made ? lifetimes.first() : lifetimes;
  }

  /** Whether the site has sessions. */
  private boolean isOn() {
    return context.site().sessions().isPresent();
  }

  private SessionSettings settings() {
    return context.site().sessions().orElse(SessionSettings.DEFAULT);
  }

  private List<String> cookies(String name) {
    return context.hasCookies()
        ? CookieHeader.values(context.request().headers().get(HeaderNames.COOKIE).allValues(), name)
        : List.of();
  }

  /** What the good ones of the request's cookies say. */
  private List<Claim> claims() {
    List<Claim> known = claims;
    if (known == null) {
      List<String> values = cookies(settings().cookie());
      known = values.stream().flatMap(value -> sessions.claim(value).stream()).toList();
      claims = known;
    }
    return known;
  }

  /** Whether a cookie of the request names a session of ours, which may have ended. */
  boolean isNamed() {
    return !claims().isEmpty();
  }

  /** Which session the request is of, or may be as long as that was not asked of the store. */
  private Optional<String> id() {
    Session known = session;
    return known != null
        ? Optional.of(known.id())
        : loaded ? Optional.empty() : claims().stream().findFirst().map(Claim::id);
  }

  /** What the visitor has seen, as far as cookies of ours say; costs nothing without cookies. */
  SessionToken token() {
    SessionToken known = token;
    if (known == null) {
      known = SessionToken.NONE;
      for (Claim claim : claims()) {
        for (String value : cookies(settings().cookie() + SEEN)) {
          known = known.seen(sessions.seen(claim.id(), value));
        }
      }
      token = known;
    }
    return known;
  }

  /**
   * The visitor's session, if there is one: the first that is, where several cookies name some.
   *
   * @throws dev.meridian.store.StoreException if that cannot be found out now
   */
  Optional<Session> find() {
    if (!loaded) {
      load();
      loaded = true;
    }
    return Optional.ofNullable(session);
  }

  private void load() {
    session = null;
    user = Optional.empty();
    lapsed = false;
    replayed = false;
    for (Claim claim : claims()) {
      Sessions.Loaded found = sessions.load(claim, token(), lifetimes(), isWrite());
      if (found.session().isPresent()) {
        session = withUser(found.session().get());
        return;
      }
      replayed |= found.refusal().equals(Optional.of(Refusal.REPLAYED));
    }
  }

  /**
   * Finds the user of a session, where the site has accounts. One who is gone, or let in no more,
   * or whose sessions were ended since, is not signed in.
   */
  private Session withUser(Session found) {
    if (context.site().accounts().isEmpty() || found.user().isEmpty()) {
      return found;
    }
    String id = found.user().get();
    if (!isWrite()) {
      user = good(accounts.find(id, ReadOptions.session(token())), found);
    }
    if (user.isEmpty()) {
      // A replica that lags behind must sign nobody out.
      user = good(accounts.find(id, ReadOptions.STRONG), found);
    }
    lapsed = user.isEmpty();
    return lapsed ? found.withoutUser() : found;
  }

  private static Optional<User> good(Optional<User> found, Session of) {
    return found.filter(one -> !one.disabled() && one.epoch() == of.epoch());
  }

  /** Who is signed in; nobody where the site has no accounts. */
  Optional<User> user() {
    return find().isPresent() ? user : Optional.empty();
  }

  /** Whether the session is another's than {@code id}'s, or was: what is in it is not theirs. */
  boolean isOfAnother(String id) {
    return find().isPresent()
        && (lapsed || user.filter(known -> !known.id().equals(id)).isPresent());
  }

  /** What the browser has from a sign-in before, if it has, and whoever that was. */
  Optional<Accounts.Device> device() {
    return cookies(settings().cookie() + DEVICE).stream()
        .flatMap(value -> sessions.readSigned(PURPOSE, value).stream())
        .flatMap(text -> Accounts.Device.parse(text).stream())
        .findFirst();
  }

  /** Lets the browser keep the secret of a sign-in at a provider, from where it comes back. */
  void keepSignIn(String secret) {
    set(settings().cookie() + SIGN_IN, secret, ProviderSignIns.LIFE, SessionSettings.SameSite.LAX);
  }

  /** What it kept; another host of the domain can have set one, too. */
  List<String> keptSignIns() {
    List<String> kept = cookies(settings().cookie() + SIGN_IN);
    return kept.subList(0, Math.min(kept.size(), MAX_SIGN_INS));
  }

  /** Takes note that this user signed in just now, by the session that was issued before. */
  void signedIn(User signedIn) {
    if (device().filter(known -> known.isOf(signedIn)).isEmpty()) {
      String text = Accounts.Device.of(signedIn).text();
      set(settings().cookie() + DEVICE, sessions.signed(PURPOSE, text), DEVICE_LIFE);
    }
    user = Optional.of(signedIn);
    lapsed = false;
    forRules = null;
    userForRules = null;
    wrote(signedIn.version());
  }

  /** Forgets what was read, for it may have changed; the next look reads it anew. */
  void again() {
    loaded = false;
    forRules = null;
    userForRules = null;
  }

  /** Looks again; whether rules see it otherwise now. */
  boolean isChanged() {
    Json before = forRules();
    Json userBefore = userForRules();
    again();
    return !forRules().equals(before) || !userForRules().equals(userBefore);
  }

  /** Takes note that the answer depends on the session, so it is for this visitor alone. */
  void personal() {
    personal |= isOn();
  }

  /** Whether the answer is for this visitor alone, and for no cache. */
  boolean isPersonal() {
    return personal;
  }

  /**
   * For rules: the attributes and {@code user}; an object without members when it does not count.
   */
  Json forRules() {
    Json known = forRules;
    if (known == null) {
      Optional<Session> found = find();
      ignored = found.isPresent() && !isRead() && (isAmbiguous() || !isProven(""));
      known = found.isEmpty() || ignored ? new Json.Obj(Map.of()) : attributes(found.get());
      if (found.filter(one -> one.user().isEmpty()).isPresent()
          && context.site().accounts().isPresent()
          && known instanceof Json.Obj(Map<String, Json> members)) {
        // Nobody is not null, which the owner of a document may be: such a rule does not allow.
        Map<String, Json> rest = new LinkedHashMap<>(members);
        rest.remove("user");
        known = new Json.Obj(rest);
      }
      forRules = known;
    }
    return known;
  }

  /**
   * The user for rules: {@code signedIn} and {@code roles}, and, when somebody is, what else is
   * known of them. Where the session does not count, nobody is.
   */
  Json userForRules() {
    Json known = userForRules;
    if (known == null) {
      // Decides whether the session counts.
      forRules();
      Optional<User> who = ignored ? Optional.empty() : user();
      Map<String, Json> members = new LinkedHashMap<>();
      members.put("signedIn", new Json.Bool(who.isPresent()));
      members.put("roles", new Json.Arr(List.of()));
      who.ifPresent(one -> members.putAll(one.json().members()));
      known = new Json.Obj(members);
      userForRules = known;
    }
    return known;
  }

  /** What templates and rules see. */
  static Json.Obj attributes(Session session) {
    Map<String, Json> members = new LinkedHashMap<>(session.attributes().members());
    members.put("user", session.user().<Json>map(Json.Str::new).orElse(Json.NULL));
    return new Json.Obj(members);
  }

  /** Takes note that the request writes although it does not look so. */
  void writing() {
    writing = true;
    again();
  }

  private boolean isWrite() {
    return writing || !isRead();
  }

  private boolean isRead() {
    String method = context.request().prologue().method().text();
    return method.equals("GET") || method.equals("HEAD") || method.equals("OPTIONS");
  }

  /**
   * Why a rule was told of no session although there is one: another site may have sent the
   * request, or planted a cookie. Empty if that is not so.
   */
  Optional<ProblemException> ignored() {
    return ignored ? Optional.of(isAmbiguous() ? ambiguous() : unproven()) : Optional.empty();
  }

  /** Whether cookies name several sessions: another host of the domain can set one of its own. */
  private boolean isAmbiguous() {
    return claims().stream().map(Claim::id).distinct().count() > 1;
  }

  private static ProblemException ambiguous() {
    return conflict(
        "The request has several cookies of this site's name, of different sessions, so that it is"
            + " not known which is meant. Another host of the domain may have set one: remove the"
            + " cookies of this site, and load the page again.");
  }

  private static ProblemException conflict(String detail) {
    return new ProblemException(
        Problem.of(
            Status.CONFLICT_409,
            "session-conflict",
            "The cookie is not the session's now",
            detail));
  }

  /**
   * Whether the request is known to come from the site's own pages: by what the browser says, or by
   * the session's token, in {@code X-CSRF-Token} or in a form.
   *
   * @param field the token in the form; empty when there is none
   */
  private boolean isProven(String field) {
    SameOrigin origin = SameOrigin.of(context);
    if (origin == SameOrigin.YES) {
      return true;
    }
    String header = context.header(Names.CSRF);
    String sent = header == null ? field : header.strip();
    // Without a session there is nothing to misuse, but browsers are not to be given one by others.
    return find()
        .map(known -> sessions.isCsrfToken(known, sent))
        .orElse(origin == SameOrigin.UNKNOWN);
  }

  /**
   * Refuses a write to the session that another site may have sent, or by a cookie that is not, or
   * no more, the way to it. Without a session and without such a cookie it may be made.
   *
   * @param field the token in the form; empty when there is none
   * @throws ProblemException 403 or 409
   */
  void checkWrite(String field) {
    checkOrigin(field);
    checkCookies();
  }

  /**
   * Refuses a write by cookies that are not, or no more, the way to the session.
   *
   * @throws ProblemException 409
   */
  void checkCookies() {
    checkUnambiguous();
    Optional<Session> found = find();
    boolean outdated = found.filter(one -> one.access() == Session.Access.OUTDATED).isPresent();
    if (outdated || (found.isEmpty() && replayed)) {
      throw replaced();
    }
  }

  /**
   * The same for a sign-in, which needs no session: one by a cookie that was replaced is none.
   *
   * @throws ProblemException 403 or 409
   */
  void checkOrigin(String field) {
    if (!isProven(field)) {
      throw unproven();
    }
    checkUnambiguous();
  }

  /**
   * Refuses cookies of several sessions.
   *
   * @throws ProblemException 409
   */
  void checkUnambiguous() {
    if (isAmbiguous()) {
      throw ambiguous();
    }
  }

  /** The refusal of a cookie that was replaced: its successor was sent with another answer. */
  static ProblemException replaced() {
    return conflict(
        "The session's cookie was replaced meanwhile; try again with the one it has now.");
  }

  /** The refusal of what another site may have sent. */
  private ProblemException unproven() {
    sessions.counts().count(Refusal.CSRF);
    return new ProblemException(
        Problem.of(
            Status.FORBIDDEN_403,
            "csrf",
            "The request may come from another site",
            "A cookie alone does not show that this site's own page sent the request: send the"
                + " session's csrf token (GET /session) in the header X-CSRF-Token, or the field"
                + " _csrf of a form. Browsers of today need no token on pages of the same origin;"
                + " if this was such a page, load it again."));
  }

  /** Takes note of a session that was made for the visitor, and gives them its cookie. */
  void created(Sessions.Issued issued) {
    made = true;
    issued(issued);
  }

  /** Takes note that the visitor's session has another cookie, and gives it to them. */
  void issued(Sessions.Issued issued) {
    session = issued.session();
    claims = List.of(new Claim(issued.session().id(), issued.session().verifier()));
    loaded = true;
    forRules = null;
    userForRules = null;
    Duration left = Duration.between(Instant.now(), issued.session().ends());
    set(settings().cookie(), issued.cookie(), left.isNegative() ? Duration.ZERO : left);
    wrote(issued.commit().version());
  }

  /** Takes note that the visitor wrote {@code version}: their later reads, anywhere, see it. */
  void wrote(Version version) {
    Optional<String> id = context.hasCookies() || session != null ? id() : Optional.empty();
    if (id.isEmpty()) {
      return;
    }
    SessionToken now = token().seen(Gatekeeper.headerToken(context)).seen(version);
    token = now;
    String value = sessions.seenCookie(id.get(), now);
    if (!value.isEmpty()) {
      set(settings().cookie() + SEEN, value, settings().absolute());
    }
  }

  /** Takes note that the session ended before this request, or while it was answered. */
  void gone() {
    session = null;
    user = Optional.empty();
    userForRules = null;
    claims = List.of();
    loaded = true;
    forRules = null;
  }

  /**
   * Takes note that the visitor ended the session, if there was one, and takes its cookies back.
   */
  void ended() {
    boolean ours = !claims().isEmpty();
    gone();
    if (ours) {
      set(settings().cookie(), "", Duration.ZERO);
      set(settings().cookie() + SEEN, "", Duration.ZERO);
    }
  }

  /** Replaces what was set under this name before, in this answer. */
  private void set(String name, String value, Duration life) {
    set(name, value, life, settings().sameSite());
  }

  private void set(String name, String value, Duration life, SessionSettings.SameSite sameSite) {
    SessionSettings settings = settings();
    boolean secure =
        switch (settings.secure()) {
          case AUTO -> context.isSecure();
          case ALWAYS -> true;
          case NEVER -> false;
        };
    lines.put(
        name,
        name
            + "="
            + value
            + "; Path=/; Max-Age="
            + life.toSeconds()
            + "; HttpOnly; SameSite="
            + sameSite.word()
            + (secure ? "; Secure" : ""));
    personal = true;
  }

  /** The answer is about to be sent: gives it the cookies that it sets. */
  void answering() {
    if (!lines.isEmpty()) {
      var headers = context.response().headers();
      // As whole lines: a date in one has a comma.
      Set<String> all = new LinkedHashSet<>(headers.all(HeaderNames.SET_COOKIE, List::of));
      all.addAll(lines.values());
      headers.set(HeaderValues.create(HeaderNames.SET_COOKIE, List.copyOf(all)));
    }
  }
}
