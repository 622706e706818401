package dev.meridian.web;

import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Version;
import dev.meridian.site.CacheControl;
import dev.meridian.site.Site;
import dev.meridian.store.Consistency;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.SessionToken;
import dev.meridian.store.Store;
import dev.meridian.store.Write;
import io.helidon.http.Header;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.webserver.http.ServerRequest;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Decides, for each request of the data API, whether it may be done, and reads what all share. */
final class Gatekeeper {
  private final Store store;
  private final Access access;

  Gatekeeper(Store store, Access access) {
    this.store = store;
    this.access = access;
  }

  /**
   * A collection that this caller may perhaps read.
   *
   * @param caller who asks; not looked up when the rule lets everybody in
   */
  record Readers(RequestContext context, Caller caller, SiteRules.Entry entry) {
    /** What lets readers in. */
    Rule rule() {
      return entry.read();
    }

    /** Whether each document must be asked about. */
    boolean perDocument() {
      return (rule().mentionsDocument() || rule().mentionsPath()) && !caller.operator();
    }

    /** Whether the document may be read. Null stands for one that is not there. */
    boolean mayRead(DocumentPath path, byte @Nullable [] json) {
      return allows(path.toString(), json);
    }

    private boolean allows(String path, byte @Nullable [] json) {
      return caller.operator()
          || rule().allows(new Rule.Subject(context, caller, path, false, json, null));
    }

    /**
     * Says what caches may do with an answer, and what it depends on. One that not everybody gets,
     * or that carries what its reader has seen, is for its reader's own cache, which asks before
     * each use; so the rules are judged each time.
     *
     * @param expiresAtMillis when the first of its documents expires; NEVER if none does
     * @param stale whether it may be older than the bound
     */
    void caching(long expiresAtMillis, boolean stale) {
      var headers = context.response().headers();
      boolean everybody = rule().allowsEverybody();
      boolean own = !everybody || saysWhoReads(context.request());
      CacheControl wanted = entry.settings().cacheControl();
      headers.set(
          !everybody
              ? rule().mentionsSession() ? Names.VARY_KEY_COOKIE : Names.VARY_KEY
              : wanted.asks() ? Names.VARY : Names.VARY_SEEN);
      headers.set(
          own
              ? Names.PRIVATE_NO_CACHE
              : stale || wanted.asks()
                  ? Names.NO_CACHE
                  : expiresAtMillis == Document.NEVER
                      ? entry.cacheControl()
                      : HeaderValues.create(
                          HeaderNames.CACHE_CONTROL, wanted.value(left(expiresAtMillis))));
    }

    private static long left(long expiresAtMillis) {
      return Math.max(0, (expiresAtMillis - System.currentTimeMillis()) / 1000);
    }
  }

  /**
   * Lets a reader into a collection.
   *
   * @param segments the path of a document or a collection
   * @throws ProblemException 401 or 403, unless the rule must be asked for each document
   */
  Readers reader(RequestContext context, List<String> segments) {
    return reader(context, context.site(), segments);
  }

  /** The same by the rules of {@code site}, which may be newer than the request. */
  Readers reader(RequestContext context, Site site, List<String> segments) {
    SiteRules.Entry entry = access.rules(site).of(segments);
    Rule rule = entry.read();
    boolean reserved = isReserved(segments);
    // Nothing to find out when everybody may read and nobody claims to be somebody.
    Caller caller =
        !reserved
                && rule.isConstant()
                && !context.request().headers().contains(HeaderNames.AUTHORIZATION)
            ? Caller.ANYBODY
            : access.caller(context);
    if (reserved && !caller.operator()) {
      throw Access.refused(caller, "read '" + segments.getFirst() + "', which is Meridian's own");
    }
    Readers readers = new Readers(context, caller, entry);
    boolean known = !rule.mentionsDocument() && !(rule.mentionsPath() && segments.size() % 2 == 1);
    if (known && !rule.allowsEverybody()) {
      String path = String.join("/", segments);
      if (!readers.allows(path, null)) {
        throw Access.refused(caller, "read '" + path + "'");
      }
    }
    return readers;
  }

  /** A caller who wants to write. */
  final class Writers {
    private final RequestContext context;
    private final Caller caller;

    private Writers(RequestContext context, Caller caller) {
      this.context = context;
      this.caller = caller;
    }

    Caller caller() {
      return caller;
    }

    /** Takes note of what was written, for what the same visitor reads next. */
    void wrote(Version version) {
      if (context.hasCookies()) {
        context.session().wrote(version);
      }
    }

    /** The refusal by a rule, which may not have been told of the session. */
    private ProblemException refused(String what) {
      return (context.hasCookies()
              ? context.session().ignored()
              : Optional.<ProblemException>empty())
          .orElseGet(() -> Access.refused(caller, what));
    }

    /** The collection's settings and rules. */
    SiteRules.Entry rules(DocumentPath path) {
      return access.rules(context.site()).of(path.segments());
    }

    /** Whether the rule of this path depends on the document or on what it would become. */
    boolean dependsOnDocument(DocumentPath path) {
      Rule rule = rules(path).write();
      return !caller.operator() && (rule.mentionsDocument() || rule.mentionsValue());
    }

    /** Whether what the caller may read of this path depends on the document. */
    boolean readingDependsOnDocument(DocumentPath path) {
      return readers(path).perDocument();
    }

    /** Whether the caller may read {@code json} at this path. Null stands for no document. */
    boolean mayRead(DocumentPath path, byte @Nullable [] json) {
      return caller.operator()
          || (!isReserved(path.segments()) && readers(path).mayRead(path, json));
    }

    private Readers readers(DocumentPath path) {
      return new Readers(context, caller, rules(path));
    }

    /**
     * Checks a write.
     *
     * @param document the value before, when {@link #dependsOnDocument}
     * @param value the value after, when {@link #dependsOnDocument}
     * @throws ProblemException 401 or 403
     */
    void check(GuardedWrites.Guarded guarded, byte @Nullable [] document, byte @Nullable [] value) {
      DocumentPath path = guarded.write().path();
      Grants.Terms terms = check(path, guarded.kind(), guarded.granted(), document, value);
      if (terms == null) {
        return;
      }
      String beyond =
          guarded.setsExpiry() && !terms.expiry()
              ? "set the expiry of '" + path + "' by a page's grant that does not say so"
              : guarded.kind() == Grants.Kind.INCREMENT
                      && guarded.write() instanceof Write.Patch patch
                      && !terms.admits(patch.patch())
                  ? "add to other fields of '" + path + "', or more, than the page's grant says"
                  : null;
      if (beyond != null
          && !rules(path)
              .write()
              .allows(new Rule.Subject(context, caller, path.toString(), false, document, value))) {
        throw refused(beyond);
      }
    }

    /**
     * Checks what can be checked before the write is known: the path and its rule.
     *
     * @param granted the path a grant must name, which for new documents is their collection
     * @return the terms of a grant that came with the write and may be why it is allowed
     * @throws ProblemException 401 or 403
     */
    Grants.@Nullable Terms check(
        DocumentPath path,
        Grants.Kind kind,
        String granted,
        byte @Nullable [] document,
        byte @Nullable [] value) {
      if (caller.operator()) {
        return null;
      }
      if (isReserved(path.segments())) {
        throw Access.refused(
            caller, "write '" + path.segments().getFirst() + "', which is Meridian's own");
      }
      if (caller.reader()) {
        throw Access.refused(caller, "write '" + path + "'");
      }
      Rule rule = rules(path).write();
      if (rule.allowsEverybody()) {
        return null;
      }
      Grants.Terms terms = access.grants().terms(context.header(Names.GRANT), kind, granted);
      if (!rule.allows(
          new Rule.Subject(context, caller, path.toString(), terms != null, document, value))) {
        throw refused("write '" + path + "'");
      }
      return terms;
    }
  }

  /**
   * Finds out who wants to write.
   *
   * @throws InvalidInputException if the request does not say well what the client has seen, which
   *     the answer needs; after the write would be too late
   */
  Writers writer(RequestContext context) {
    headerToken(context);
    return new Writers(context, access.caller(context));
  }

  /** The document as the primary has it. */
  Optional<Document> current(DocumentPath path) {
    return store.get(path, ReadOptions.STRONG);
  }

  /** How the request wants to read. */
  static ReadOptions readOptions(RequestContext context) {
    var headers = context.request().headers();
    if (!headers.contains(Names.CONSISTENCY)
        && !headers.contains(Names.SESSION)
        && !context.hasCookies()) {
      return ReadOptions.SESSION;
    }
    String wanted = context.header(Names.CONSISTENCY);
    return switch (wanted == null ? "session" : wanted.strip().toLowerCase(Locale.ROOT)) {
      case "session" -> ReadOptions.session(token(context));
      case "strong" -> ReadOptions.STRONG;
      case "eventual" -> new ReadOptions(Consistency.EVENTUAL, SessionToken.NONE);
      default ->
          throw new InvalidInputException(
              "Meridian-Consistency is strong, session or eventual; it was '" + wanted + "'.");
    };
  }

  /**
   * Whether a request says who reads, or what they must be shown: then its answer is for its own
   * cache, which asks before each use, as a shared one would give it to others.
   */
  static boolean saysWhoReads(ServerRequest request) {
    var headers = request.headers();
    return headers.contains(Names.SESSION)
        || headers.contains(Names.CONSISTENCY)
        || headers.contains(HeaderNames.AUTHORIZATION);
  }

  /** What the client has seen, as far as it says, by the header and by a session's cookie. */
  static SessionToken token(RequestContext context) {
    SessionToken said = headerToken(context);
    return context.hasCookies() ? said.seen(context.session().token()) : said;
  }

  /** What the client has seen, as far as the header says. */
  static SessionToken headerToken(RequestContext context) {
    String sent = context.header(Names.SESSION);
    return sent == null ? SessionToken.NONE : SessionToken.parse(sent.strip());
  }

  /**
   * For an answer: what the client has seen, now that it sees {@code seen}, if it wants to know.
   */
  static Optional<Header> session(RequestContext context, Version seen) {
    return wantsSession(context)
        ? Optional.of(session(token(context).seen(seen)))
        : Optional.empty();
  }

  /** The same when it sees all that {@code seen} covers. */
  static Optional<Header> session(RequestContext context, SessionToken seen) {
    return wantsSession(context)
        ? Optional.of(session(token(context).seen(seen)))
        : Optional.empty();
  }

  /**
   * For an answer that was read with {@code options}: whether it may be older than the bound.
   *
   * @param doubts what {@link Store#doubts} was before it was read
   */
  static Optional<Header> stale(Store store, ReadOptions options, long doubts) {
    return options.consistency() == Consistency.STRONG
        ? Optional.empty()
        : store.stale(doubts).map(Gatekeeper::stale);
  }

  /** Says that an answer may be so old. */
  static Header stale(Duration age) {
    return HeaderValues.create(Names.STALE, Long.toString(age.toSeconds()));
  }

  private static boolean wantsSession(RequestContext context) {
    return context.request().headers().contains(Names.SESSION);
  }

  private static Header session(SessionToken token) {
    return HeaderValues.create(Names.SESSION, token.toString());
  }

  private static boolean isReserved(List<String> segments) {
    for (int i = 0; i < segments.size(); i += 2) {
      if (segments.get(i).startsWith("_")) {
        return true;
      }
    }
    return false;
  }
}
