package dev.meridian.web;

import dev.meridian.account.AccountCounts.Result;
import dev.meridian.account.AccountException;
import dev.meridian.account.OidcException;
import dev.meridian.account.ProviderSignIns;
import dev.meridian.account.User;
import dev.meridian.document.InvalidInputException;
import dev.meridian.site.AccountSettings;
import dev.meridian.site.OidcProvider;
import dev.meridian.site.SessionSettings;
import io.helidon.http.Header;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Status;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Signing in at a provider: {@code GET /account/sign-in/NAME} leads there, with {@code ?_redirect=}
 * where to go in the end, and the provider leads back to {@code /account/sign-in/NAME/callback}. A
 * link, not a form: the pages' policy keeps forms from leading to other sites.
 */
final class ProviderSignIn {
  private static final String PREFIX = "/account/sign-in/";
  private static final String CALLBACK = "/callback";
  private static final int MAX_PARAMETERS = 50;
  private static final String ERROR = "[a-z_]{1,50}";
  private static final Logger LOG = LoggerFactory.getLogger(ProviderSignIn.class);

  /** The address has a code in it, which is nobody else's business. */
  private static final Header NO_REFERRER =
      HeaderValues.createCached("Referrer-Policy", "no-referrer");

  private final ProviderSignIns providers;
  private final AccountApi account;
  private final SessionApi session;

  ProviderSignIn(Access access, AccountApi account, SessionApi session) {
    this.providers = access.providers();
    this.account = account;
    this.session = session;
  }

  /** Whether a raw path is one of these. */
  static boolean isProviders(String rawPath) {
    return rawPath.startsWith(PREFIX);
  }

  void handle(RequestContext context, String rawPath) {
    String rest = rawPath.substring(PREFIX.length());
    boolean back = rest.endsWith(CALLBACK);
    String name = back ? rest.substring(0, rest.length() - CALLBACK.length()) : rest;
    OidcProvider provider =
        context
            .site()
            .accounts()
            .map(settings -> settings.providers().get(name))
            .orElseThrow(
                () -> new ProblemException(Problem.notFound("There is no provider of this name.")));
    String method = context.request().prologue().method().text();
    if (!method.equals("GET")) {
      throw new ProblemException(
          Problem.of(
                  Status.METHOD_NOT_ALLOWED_405,
                  "method-not-allowed",
                  "Method not allowed",
                  "A browser comes here by GET.")
              .with(HeaderValues.create(HeaderNames.ALLOW, "GET")));
    }
    try {
      if (back) {
        end(context, provider);
      } else {
        begin(context, provider);
      }
    } catch (OidcException e) {
      LOG.warn("Sign-in at '{}' failed: {}", provider.name(), e.getMessage());
      throw e.reason() == OidcException.Reason.UNAVAILABLE
          ? unavailable(provider)
          : refused("What '" + provider.name() + "' answered is not good.");
    } catch (AccountException e) {
      throw AccountApi.refused(e);
    }
  }

  private void begin(RequestContext context, OidcProvider provider) throws OidcException {
    String next =
        QueryParameters.of(context, List.of(AccountFields.REDIRECT)).get(AccountFields.REDIRECT);
    if (next != null && !next.isEmpty() && !SessionForm.isOwnPath(next)) {
      throw new InvalidInputException(
          "_redirect is a path of this site, such as /cart, with what is not ASCII escaped.");
    }
    if (SameOrigin.of(context) == SameOrigin.NO) {
      throw new ProblemException(
          Problem.of(
              Status.FORBIDDEN_403,
              "csrf",
              "The request may come from another site",
              "A sign-in begins on a page of this site; go there, and try again."));
    }
    // It is a write, which anybody may cause.
    session.checkRate(context);
    ProviderSignIns.Begun begun =
        providers.begin(
            provider,
            origin(context) + PREFIX + provider.name() + CALLBACK,
            next == null || next.isEmpty() ? "/" : next,
            context.session().keptSignIns());
    context.session().keepSignIn(begun.secret());
    redirect(context, begun.to().toString());
  }

  /** This site, as the visitor's browser knows it. */
  private static String origin(RequestContext context) {
    boolean secure =
        context.isSecure()
            || context
                .site()
                .sessions()
                .filter(settings -> settings.secure() == SessionSettings.Secure.ALWAYS)
                .isPresent();
    return (secure ? "https://" : "http://")
        + context.request().authority().toLowerCase(Locale.ROOT);
  }

  private void end(RequestContext context, OidcProvider provider) throws OidcException {
    Map<String, String> sent = parameters(context);
    BrowserSession visitor = context.session();
    visitor.writing();
    visitor.checkUnambiguous();
    account.checkNewSession(context);
    Optional<ProviderSignIns.Returned> returned = Optional.empty();
    for (String secret : visitor.keptSignIns()) {
      if (returned.isEmpty()) {
        returned = providers.take(provider, sent.getOrDefault("state", ""), secret);
      }
    }
    if (returned.isEmpty()) {
      throw refused("It did not begin in this browser, is too old, or was ended already.");
    }
    String error = sent.get("error");
    if (error != null) {
      throw refused(
          "'"
              + provider.name()
              + "' says "
              + (error.matches(ERROR) ? error : "that it failed")
              + ".");
    }
    User user =
        providers.end(
            provider,
            returned.get(),
            sent.getOrDefault("code", ""),
            Optional.ofNullable(sent.get("iss")),
            context.site().accounts().orElse(AccountSettings.DEFAULT));
    account.establish(context, user);
    redirect(context, returned.get().next());
  }

  /** Providers add some of their own; none may be there twice (RFC 6749, section 3.1). */
  private static Map<String, String> parameters(RequestContext context) {
    var prologue = context.request().prologue();
    Map<String, String> sent = new HashMap<>();
    String raw = prologue.hasQuery() ? prologue.query().rawValue() : "";
    List<String> pairs = Urlencoded.pairs(raw, MAX_PARAMETERS);
    for (int i = 0; i < pairs.size(); i += 2) {
      if (sent.put(pairs.get(i), pairs.get(i + 1)) != null) {
        throw new InvalidInputException("A parameter of the query is there twice.");
      }
    }
    return sent;
  }

  private ProblemException refused(String why) {
    account.counts().count(Result.WRONG);
    return new ProblemException(
        Problem.of(
                Status.BAD_REQUEST_400,
                "sign-in-failed",
                "The sign-in came to nothing",
                why + " Go back to the page where it began, and try again.")
            .with(NO_REFERRER));
  }

  private static ProblemException unavailable(OidcProvider provider) {
    return new ProblemException(
        Problem.of(
                Status.SERVICE_UNAVAILABLE_503,
                "provider-unavailable",
                "The provider cannot be reached",
                "'"
                    + provider.name()
                    + "' does not answer as it should; try again in a while, or sign in otherwise."
                    + " The server's log says more.")
            .with(HeaderValues.create(HeaderNames.RETRY_AFTER, "10"))
            .with(NO_REFERRER));
  }

  private static void redirect(RequestContext context, String to) {
    context.response().status(Status.SEE_OTHER_303);
    context.response().header(HeaderValues.create(HeaderNames.LOCATION, to));
    context.response().header(NO_REFERRER);
    context.send();
  }
}
