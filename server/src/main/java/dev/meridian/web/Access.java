package dev.meridian.web;

import dev.meridian.account.Accounts;
import dev.meridian.account.ProviderSignIns;
import dev.meridian.document.InvalidInputException;
import dev.meridian.session.Sessions;
import dev.meridian.site.Site;
import dev.meridian.store.Store;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Status;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Who may do what: the operator's key, API keys, grants, and the rules of {@code site.yaml}. Shared
 * by the public listeners, the pages and the operator's listener. Safe for any thread.
 */
public final class Access {
  private static final String BEARER = "Bearer ";

  private final OperatorKey operatorKey;
  private final ApiKeys keys;
  private final Grants grants;
  private final Sessions sessions;
  private final Accounts accounts;
  private final ProviderSignIns providers;
  private volatile @Nullable SiteRules rules;

  private Access(
      OperatorKey operatorKey,
      ApiKeys keys,
      Grants grants,
      Sessions sessions,
      Accounts accounts,
      ProviderSignIns providers) {
    this.operatorKey = operatorKey;
    this.keys = keys;
    this.grants = grants;
    this.sessions = sessions;
    this.accounts = accounts;
    this.providers = providers;
  }

  /**
   * Opens it.
   *
   * @param operatorKey the file of the operator's key, such as {@code DATA/operator.key}; made,
   *     with mode 0600, if there is none
   * @throws java.io.UncheckedIOException if the file can be neither read nor made
   */
  public static Access open(Store store, Path operatorKey) {
    Clock clock = Clock.systemUTC();
    Accounts accounts = new Accounts(store, clock);
    return new Access(
        OperatorKey.open(operatorKey),
        new ApiKeys(store, clock),
        new Grants(store, clock),
        new Sessions(store, clock),
        accounts,
        new ProviderSignIns(store, clock, accounts));
  }

  /** What pages give their visitors. */
  public Grants grants() {
    return grants;
  }

  /** The visitors' sessions. */
  public Sessions sessions() {
    return sessions;
  }

  /** The users' accounts. */
  public Accounts accounts() {
    return accounts;
  }

  /** Sign-ins elsewhere. */
  ProviderSignIns providers() {
    return providers;
  }

  /** Keys for programs. */
  public ApiKeys keys() {
    return keys;
  }

  /** The rules of {@code site}, compiled. */
  SiteRules rules(Site site) {
    SiteRules known = rules;
    if (known == null || known.site() != site) {
      known = SiteRules.compile(site);
      rules = known;
    }
    return known;
  }

  /**
   * Who sends this request.
   *
   * @throws ProblemException 401 if it carries a key that is not valid: better told than ignored
   */
  Caller caller(RequestContext context) {
    String sent = context.header(HeaderNames.AUTHORIZATION);
    return sent == null ? Caller.ANYBODY : authenticate(sent);
  }

  /** {@link #caller} for the header's value. */
  Caller authenticate(String authorization) {
    if (authorization.regionMatches(true, 0, BEARER, 0, BEARER.length())) {
      try {
        KeyToken token = KeyToken.parse(authorization.substring(BEARER.length()).strip());
        if (operatorKey.matches(token)) {
          return Caller.OPERATOR;
        }
        Optional<Caller> caller = keys.authenticate(token);
        if (caller.isPresent()) {
          return caller.get();
        }
      } catch (InvalidInputException e) {
        // Answered like any other wrong key.
      }
    }
    throw unauthorized(
        "The key in the Authorization header is not valid: it is mistyped, has expired or was"
            + " revoked. Send 'Authorization: Bearer mk_…' with a valid key, or no such header.",
        "Bearer realm=\"meridian\", error=\"invalid_token\"");
  }

  /** The refusal of something that {@code caller} may not do. */
  static ProblemException refused(Caller caller, String what) {
    if (caller.key()) {
      return new ProblemException(
          Problem.of(
              Status.FORBIDDEN_403,
              "forbidden",
              "Not allowed",
              "A key of role '"
                  + caller.role()
                  + "' may not "
                  + what
                  + (caller.reader()
                      ? ": such a key reads what the site's access rules let it, and no more."
                      : ": the site's access rules do not allow it.")));
    }
    return unauthorized(
        "The site's access rules do not let everybody "
            + what
            + ": send 'Authorization: Bearer ' and a key, or come from one of the site's pages.",
        "Bearer realm=\"meridian\"");
  }

  private static ProblemException unauthorized(String detail, String challenge) {
    return new ProblemException(
        Problem.of(Status.UNAUTHORIZED_401, "unauthorized", "A key is needed", detail)
            .with(HeaderValues.create(HeaderNames.WWW_AUTHENTICATE, challenge)));
  }
}
