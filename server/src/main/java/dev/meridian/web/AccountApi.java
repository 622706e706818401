package dev.meridian.web;

import dev.meridian.account.AccountCounts;
import dev.meridian.account.AccountException;
import dev.meridian.account.AccountException.Reason;
import dev.meridian.account.Accounts;
import dev.meridian.account.User;
import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Json;
import dev.meridian.session.Session;
import dev.meridian.session.Sessions;
import dev.meridian.site.AccountSettings;
import dev.meridian.site.Site;
import dev.meridian.store.StoreException;
import io.helidon.http.Header;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Status;
import io.helidon.webserver.http.RoutingRequest;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The user's account, where the site has them: {@code GET /account} tells who is signed in, and
 * forms and programs send to {@code /account/sign-up}, {@code /account/sign-in}, {@code
 * /account/sign-out} and {@code /account/password}. Reads of the latter are pages of the site, so
 * that a form can have the address that it is sent to.
 *
 * <p>A form is answered by a redirection: to where its {@code _redirect} leads or, when it is
 * refused, back to its page, with the reason as a message. Programs get an object, or a problem.
 */
final class AccountApi {
  /** The address, and before those below it. */
  static final String PATH = "/account";

  private static final String SIGN_UP = PATH + "/sign-up";
  private static final String SIGN_IN = PATH + "/sign-in";
  private static final String SIGN_OUT = PATH + "/sign-out";
  private static final String PASSWORD = PATH + "/password";
  private static final Set<String> ACTIONS = Set.of(SIGN_UP, SIGN_IN, SIGN_OUT, PASSWORD);
  private static final String HOME = "/";

  /** RFC 9110 wants one with each 401; browsers know nothing of this, and ask nobody. */
  private static final Header CHALLENGE =
      HeaderValues.createCached(HeaderNames.WWW_AUTHENTICATE, "Session realm=\"account\"");

  /** Refusals that a person can mend in the form. */
  private static final Set<String> MENDABLE =
      Set.of(
          "wrong-credentials",
          "account-disabled",
          "name-taken",
          "account-changed",
          "sign-up-closed",
          "not-signed-in",
          "bad-request");

  private static final Logger LOG = LoggerFactory.getLogger(AccountApi.class);

  private final Accounts accounts;
  private final Sessions sessions;
  private final SessionApi session;
  private final SignInLimits limits;
  private final ProviderSignIn providers;

  AccountApi(Access access, SessionApi session) {
    this.accounts = access.accounts();
    this.sessions = access.sessions();
    this.session = session;
    this.limits = new SignInLimits(accounts.counts(), System::nanoTime);
    this.providers = new ProviderSignIn(access, this, session);
  }

  /** Whether a request is for this. */
  static boolean isAccount(RoutingRequest request, String rawPath) {
    return rawPath.startsWith(PATH)
        && (rawPath.length() == PATH.length()
            || ProviderSignIn.isProviders(rawPath)
            || (ACTIONS.contains(rawPath) && request.prologue().method().text().equals("POST")));
  }

  /** Whether no page can have this address. */
  static boolean isTaken(String path) {
    return path.equals(PATH) || ProviderSignIn.isProviders(path);
  }

  /** Answers one request, or throws what {@link Problem#from} understands. */
  void handle(RequestContext context, String rawPath) {
    context.route(Route.ACCOUNT);
    context.session().personal();
    if (ProviderSignIn.isProviders(rawPath)) {
      providers.handle(context, rawPath);
      return;
    }
    QueryParameters.of(context, List.of());
    // The answer to a write needs it, and must not fail.
    Gatekeeper.headerToken(context);
    switch (rawPath) {
      case SIGN_UP -> post(context, this::signUp, HOME);
      case SIGN_IN -> post(context, this::signIn, HOME);
      case SIGN_OUT -> post(context, this::signOut, HOME);
      case PASSWORD -> post(context, this::changePassword, "");
      default -> about(context);
    }
  }

  AccountCounts counts() {
    return accounts.counts();
  }

  private static AccountSettings settings(RequestContext context) {
    return context.site().accounts().orElse(AccountSettings.DEFAULT);
  }

  private void about(RequestContext context) {
    String method = context.request().prologue().method().text();
    switch (method) {
      case "GET", "HEAD" -> answer(context, Status.OK_200);
      case "OPTIONS" -> {
        context.response().status(Status.NO_CONTENT_204);
        context.response().header(HeaderValues.create(HeaderNames.ALLOW, "GET, HEAD, OPTIONS"));
        context.send();
      }
      default ->
          throw new ProblemException(
              Problem.of(
                      Status.METHOD_NOT_ALLOWED_405,
                      "method-not-allowed",
                      "Method not allowed",
                      "This address tells who is signed in; sign in by POST /account/sign-in.")
                  .with(HeaderValues.create(HeaderNames.ALLOW, "GET, HEAD, OPTIONS")));
    }
  }

  /** Tells who is signed in. */
  private void answer(RequestContext context, Status status) {
    Representation form = Representation.accepted(context);
    BrowserSession visitor = context.session();
    Map<String, Json> members = new LinkedHashMap<>();
    members.put("user", visitor.user().<Json>map(User::json).orElse(Json.NULL));
    members.put(
        "csrf", visitor.find().map(sessions::csrfToken).<Json>map(Json.Str::new).orElse(Json.NULL));
    members.put("signUp", new Json.Bool(settings(context).signUp()));
    members.put(
        "providers",
        new Json.Arr(
            settings(context).providers().keySet().stream()
                .map(name -> (Json) new Json.Str(name))
                .toList()));
    context.response().status(status);
    context.response().header(Names.VARY_COOKIE);
    context.response().header(form.contentType());
    context.send(form.write(new Json.Obj(members).toBytes()));
  }

  /** What is asked for, done; the status of the answer to a program. */
  private interface Action {
    Status run(RequestContext context, AccountFields fields);
  }

  /**
   * Does what a form or a program asks for.
   *
   * @param otherwise where a form leads that does not say; empty: back to its page
   */
  private void post(RequestContext context, Action action, String otherwise) {
    AccountFields fields = AccountFields.read(context);
    if (!fields.form()) {
      // Before anything is done: an answer that cannot be given must not come after.
      Representation.accepted(context);
      Status status = run(context, action, fields);
      if (status == Status.NO_CONTENT_204) {
        context.response().status(status);
        context.send();
      } else {
        answer(context, status);
      }
      return;
    }
    String back = SessionForm.cameFrom(context);
    String to = fields.redirect().orElse(otherwise.isEmpty() ? back : otherwise);
    try {
      run(context, action, fields);
    } catch (ProblemException e) {
      if (!MENDABLE.contains(e.problem().type())) {
        throw e;
      }
      session.leave(context, e.problem().detail());
      to = back;
    }
    context.response().status(Status.SEE_OTHER_303);
    context.response().header(HeaderValues.create(HeaderNames.LOCATION, to));
    context.send();
  }

  private static Status run(RequestContext context, Action action, AccountFields fields) {
    try {
      return action.run(context, fields);
    } catch (AccountException e) {
      throw refused(e);
    } catch (InvalidInputException e) {
      throw new ProblemException(Problem.badRequest(String.valueOf(e.getMessage())));
    }
  }

  private Status signUp(RequestContext context, AccountFields fields) {
    context.session().checkOrigin(fields.get(AccountFields.CSRF));
    String name = fields.required(AccountFields.NAME);
    String password = fields.required(AccountFields.PASSWORD);
    if (!settings(context).signUp()) {
      throw closed();
    }
    checkNewSession(context);
    limits.signUp(context, name);
    User user = accounts.signUp(name, password, words(context.site()), settings(context));
    establish(context, user);
    return Status.CREATED_201;
  }

  /** What everybody would try as a password here. */
  static Set<String> words(Site site) {
    Set<String> words = new HashSet<>(site.domains());
    words.add(site.name());
    site.domains().forEach(domain -> words.add(domain.substring(0, (domain + ".").indexOf('.'))));
    return words;
  }

  private Status signIn(RequestContext context, AccountFields fields) {
    context.session().checkOrigin(fields.get(AccountFields.CSRF));
    String name = fields.required(AccountFields.NAME);
    String password = fields.required(AccountFields.PASSWORD);
    checkNewSession(context);
    Optional<Accounts.Device> device = accounts.own(name, context.session().device());
    device.ifPresent(own -> limits.known(context, "device " + own.id()));
    Runnable giveBack = device.isPresent() ? () -> {} : limits.stranger(context, name);
    boolean guessed = false;
    User user;
    try {
      user = accounts.signIn(name, password, context.session().device(), settings(context));
    } catch (AccountException e) {
      guessed = e.reason() == Reason.WRONG || e.reason() == Reason.LIMITED;
      throw e;
    } finally {
      if (!guessed) {
        giveBack.run();
      }
    }
    establish(context, user);
    return Status.OK_200;
  }

  /**
   * Counts the session that a sign-in is about to make, if it does: before anything is done.
   *
   * @throws ProblemException 429 when the visitor's network made too many
   */
  void checkNewSession(RequestContext context) {
    if (context.session().find().filter(one -> !one.replaced()).isEmpty()) {
      session.checkRate(context);
    }
  }

  private Status signOut(RequestContext context, AccountFields fields) {
    BrowserSession visitor = context.session();
    visitor.checkOrigin(fields.get(AccountFields.CSRF));
    visitor.find().filter(one -> one.access() != Session.Access.OUTDATED).ifPresent(sessions::end);
    visitor.ended();
    return Status.NO_CONTENT_204;
  }

  private Status changePassword(RequestContext context, AccountFields fields) {
    BrowserSession visitor = context.session();
    visitor.checkWrite(fields.get(AccountFields.CSRF));
    User user =
        visitor
            .user()
            .orElseThrow(
                () ->
                    problem(
                        Status.UNAUTHORIZED_401,
                        "not-signed-in",
                        "Nobody is signed in",
                        "Sign in first; then the password can be changed."));
    String old = fields.required(AccountFields.PASSWORD);
    String password = fields.required(AccountFields.NEW_PASSWORD);
    limits.known(context, "user " + user.id());
    User changed =
        accounts.changePassword(user, old, password, words(context.site()), settings(context));
    establish(context, changed);
    endOthers(context, changed);
    return Status.OK_200;
  }

  /** They count no more by now; this is to clear away. */
  private void endOthers(RequestContext context, User user) {
    try {
      String kept = context.session().find().map(Session::id).orElse("");
      sessions.revokeAll(user.id(), kept);
    } catch (StoreException e) {
      LOG.debug("Sessions of {} that count no more are left to expire", user, e);
    }
  }

  /**
   * Makes the visitor's session the user's, with another cookie: who knew the one before gets
   * nowhere by it. What a visitor put into it before they signed in stays; what another user did
   * does not.
   */
  void establish(RequestContext context, User user) {
    BrowserSession visitor = context.session();
    Optional<Session> found = visitor.find().filter(one -> !one.replaced());
    if (found.isPresent() && visitor.isOfAnother(user.id())) {
      sessions.end(found.get());
      found = Optional.empty();
    }
    Optional<Sessions.Issued> issued = Optional.empty();
    if (found.isPresent()) {
      try {
        issued = sessions.signIn(found.get(), user.id(), user.epoch(), visitor.lifetimes());
      } catch (StoreException.Rejected e) {
        SessionApi.endedMeanwhile(context, e);
      }
    }
    // Also where another request of this browser was first: either answer's cookie is good.
    if (issued.isPresent()) {
      visitor.issued(issued.get());
    } else {
      visitor.created(sessions.createFor(user.id(), user.epoch(), visitor.lifetimes()));
    }
    visitor.signedIn(user);
  }

  /** The answer to why somebody is not let in. */
  static ProblemException refused(AccountException e) {
    return switch (e.reason()) {
      case WRONG ->
          problem(
              Status.UNAUTHORIZED_401,
              "wrong-credentials",
              "Wrong name or password",
              "The name or the password is wrong; check both, and try again.");
      case DISABLED ->
          problem(
              Status.FORBIDDEN_403,
              "account-disabled",
              "The account is disabled",
              "This account was disabled by the site's operator.");
      case TAKEN ->
          problem(
              Status.CONFLICT_409,
              "name-taken",
              "The name is taken",
              "Somebody has this name; choose another or, if it is yours, sign in.");
      case CHANGED ->
          problem(
              Status.CONFLICT_409,
              "account-changed",
              "The account was changed meanwhile",
              "The account was changed by another request at this moment, and not by this one; try"
                  + " again.");
      case OTHER_ISSUER ->
          problem(
              Status.CONFLICT_409,
              "other-issuer",
              "The provider is another than before",
              "The name that you would have here is that of somebody who came when this provider's"
                  + " issuer was another. The site's operator can give the provider another name in"
                  + " site.yaml, or delete that account.");
      case CLOSED -> closed();
      case LIMITED -> SignInLimits.limited(e.retryAfter());
      case BUSY ->
          new ProblemException(
              Problem.of(
                      Status.SERVICE_UNAVAILABLE_503,
                      "busy",
                      "Too many sign-ins at once",
                      "More passwords are being checked than this server can at once; try again in"
                          + " a moment.")
                  .with(
                      HeaderValues.create(
                          HeaderNames.RETRY_AFTER, Math.max(1, e.retryAfter().toSeconds()))));
    };
  }

  private static ProblemException closed() {
    return problem(
        Status.FORBIDDEN_403,
        "sign-up-closed",
        "Not open to everybody",
        "Accounts of this site are made by its operator.");
  }

  private static ProblemException problem(Status status, String type, String title, String detail) {
    Problem problem = Problem.of(status, type, title, detail);
    return new ProblemException(
        status == Status.UNAUTHORIZED_401 ? problem.with(CHALLENGE) : problem);
  }
}
