package dev.meridian.web;

import dev.meridian.cache.Making;
import dev.meridian.document.InvalidInputException;
import dev.meridian.site.CacheControl;
import dev.meridian.site.SessionSettings;
import dev.meridian.site.Site;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.SessionToken;
import dev.meridian.store.Store;
import dev.meridian.store.StoreException;
import io.helidon.http.Header;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Status;
import io.helidon.webserver.http.HttpRules;
import io.helidon.webserver.http.HttpService;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * The site's pages: templates in {@code pages/} that answer the addresses their files are named
 * after, as HTML, or as JSON of the data they declare, by what the client accepts. Edits show at
 * the next request in development and within a second otherwise, where a set of templates with a
 * mistake in it is not taken: the one before stays in use.
 *
 * <p>Safe for any thread.
 */
public final class Pages implements HttpService, ErrorPages {
  private static final Logger log = LoggerFactory.getLogger(Pages.class);

  /** Most parameters of a query, and the longest query, that templates get to see. */
  private static final int MAX_QUERY_PARAMETERS = 100;

  private static final int MAX_QUERY_CHARS = 8192;

  private static final Header JSON =
      HeaderValues.createCached(HeaderNames.CONTENT_TYPE, "application/json");
  private static final Header XML =
      HeaderValues.createCached(HeaderNames.CONTENT_TYPE, "application/xml; charset=utf-8");

  private final Store store;
  private final boolean development;
  private final LivePages templates;
  private final PageCache cache;
  private final UnaryOperator<String> assets;

  private Pages(
      Supplier<Site> site,
      Store store,
      PageCache cache,
      Grants grants,
      StaticFiles files,
      boolean development) {
    this.store = store;
    this.cache = cache;
    this.assets = files::address;
    this.development = development;
    this.templates = new LivePages(site, new TemplateFunctions(grants::mint, assets), development);
  }

  /**
   * The pages of {@code site}.
   *
   * @param cache keeps pages; of this store
   * @param files where {@code asset()} finds the site's static files
   * @param development whether mistakes are shown to whoever asks for a page, with source
   */
  public static Pages create(
      Supplier<Site> site,
      Store store,
      PageCache cache,
      Grants grants,
      StaticFiles files,
      boolean development) {
    Pages pages = new Pages(site, store, cache, grants, files, development);
    pages.templates.current();
    return pages;
  }

  @Override
  public void routing(HttpRules rules) {
    rules.any(this::handle);
  }

  private void handle(ServerRequest request, ServerResponse response) {
    if (!answers(request, response)) {
      response.next();
    }
  }

  /** Whether there is a page at an address. */
  boolean hasPage(SitePath path) {
    return templates.current().routes().match(path.segments()) != null;
  }

  /** Answers, if there is a page at the address. */
  private boolean answers(ServerRequest request, ServerResponse response) {
    String raw = request.prologue().uriPath().rawPath();
    SitePath path = SitePath.parse(raw);
    PageSet set = templates.current();
    PageRoutes.Match match = path == null ? null : set.routes().match(path.segments());
    if (path == null || match == null) {
      return false;
    }
    RequestContext context = RequestContext.current();
    context.route(Route.PAGE);
    String method = request.prologue().method().text();
    if (!method.equals("GET") && !method.equals("HEAD")) {
      throw new ProblemException(
          Problem.of(
                  Status.METHOD_NOT_ALLOWED_405,
                  "method-not-allowed",
                  "A page can only be read",
                  "Pages answer GET and HEAD; data is written under /data.")
              .with(HeaderValues.create(HeaderNames.ALLOW, "GET, HEAD")));
    }
    if (path.folder() && !path.segments().isEmpty()) {
      // One address for one page: relative links and caches depend on it.
      String query = request.prologue().query().rawValue();
      redirect(
          context,
          raw.substring(0, raw.length() - 1) + (query.isEmpty() ? "" : "?" + query),
          Status.PERMANENT_REDIRECT_308);
      return true;
    }
    try {
      answer(context, request, response, set, match, path);
    } catch (TemplateFunctions.Redirect e) {
      redirect(context, e.location(), e.status());
    } catch (PageFailure e) {
      fail(context, request, set, e);
    }
    return true;
  }

  private void answer(
      RequestContext context,
      ServerRequest request,
      ServerResponse response,
      PageSet set,
      PageRoutes.Match match,
      SitePath path) {
    String template = match.template();
    FrontMatter matter = set.matter(template);
    boolean xml = template.endsWith(".xml");
    List<String> accept = request.headers().values(HeaderNames.ACCEPT);
    int markup = Accept.media(accept, xml ? "application/xml" : "text/html");
    int json = matter.data().isEmpty() ? 0 : Accept.media(accept, "application/json");
    if (markup == 0 && json == 0 && !xml) {
      throw new ProblemException(
          Problem.of(
              Status.NOT_ACCEPTABLE_406,
              "not-acceptable",
              "The page does not come in that form",
              matter.data().isEmpty()
                  ? "This page is HTML only: it declares no data. Accept text/html."
                  : "This page comes as text/html and as application/json."));
    }
    // Browsers' */* after text/html is no wish for JSON; a tie goes to the page.
    boolean data = json > markup;
    Map<String, Object> query = query(request.prologue().query().rawValue());
    ReadOptions options = readOptions(context);
    try (PageCache.Visit visit =
        cache.visit(
            set,
            context.site(),
            template,
            (data ? "json" : "page") + (context.isSecure() ? "s" : ""),
            address(path, request.prologue().uriPath().rawPath()),
            query,
            isAnonymous(context),
            context.startNanos() + context.site().limits().requestTime().toNanos(),
            options.token(),
            isContent(context, options))) {
      PageAnswer page = visit.find();
      if (page != null && visit.isOwing()) {
        makeBeside(
            context.site().limits().requestTime(),
            visit.beside(),
            again -> {
              RequestContext nobody = context.detach();
              ScopedValue.where(RequestContext.CURRENT, nobody)
                  .run(
                      () -> {
                        PageAnswer _ =
                            make(
                                nobody,
                                request,
                                response,
                                set,
                                match,
                                path,
                                data,
                                query,
                                ReadOptions.SESSION,
                                again);
                      });
            });
      }
      if (page == null) {
        long doubts = store.doubts();
        Optional<Header> before = Gatekeeper.stale(store, options, doubts);
        try {
          page =
              makeOrFind(context, request, response, set, match, path, data, query, options, visit);
        } catch (ProblemException | TemplateFunctions.Redirect | PageFailure e) {
          // What led to it, or was not there, may be old as well.
          before.or(() -> Gatekeeper.stale(store, options, doubts)).ifPresent(context::tell);
          throw e;
        }
      }
      Duration age = visit.age();
      if (page != null && age != null) {
        page.sendOld(context, request, response, age);
      } else if (page != null) {
        page.send(context, request, response);
      }
    }
  }

  /**
   * Whether nothing says what the visitor has seen, so that they may be given a page that something
   * changed since, where that allows it.
   */
  private static boolean isContent(RequestContext context, ReadOptions options) {
    return options.token().equals(SessionToken.NONE)
        && !Gatekeeper.saysWhoReads(context.request())
        && isAnonymous(context)
        && !reloads(context.request());
  }

  /** Whether the visitor wants nothing that was kept, as browsers say when one reloads. */
  private static boolean reloads(ServerRequest request) {
    if (!request.headers().contains(HeaderNames.CACHE_CONTROL)) {
      return request.headers().contains(HeaderNames.PRAGMA);
    }
    for (String line : request.headers().get(HeaderNames.CACHE_CONTROL).allValues()) {
      String lower = line.toLowerCase(java.util.Locale.ROOT);
      if (lower.contains("no-cache") || lower.contains("no-store") || lower.contains("max-age=0")) {
        return true;
      }
    }
    return false;
  }

  /** Makes a page for others, on a thread of its own, in as much time as a request has. */
  private static void makeBeside(
      Duration time, PageCache.Visit visit, Consumer<PageCache.Visit> maker) {
    Thread making =
        Thread.ofVirtual()
            .name("page-beside")
            .unstarted(
                () -> {
                  try (visit) {
                    try {
                      maker.accept(visit);
                    } catch (TemplateFunctions.Redirect e) {
                      visit.gone();
                    } catch (ProblemException e) {
                      goneIfSo(visit, e);
                    } catch (RuntimeException e) {
                      // Whoever asks next makes it for themselves, and is told what is wrong.
                      log.debug("A page could not be made anew", e);
                    }
                  }
                });
    Thread.ofVirtual()
        .name("page-beside-time")
        .start(
            () -> {
              making.start();
              try {
                if (!making.join(time)) {
                  making.interrupt();
                }
              } catch (InterruptedException e) {
                making.interrupt();
              }
            });
  }

  private static void goneIfSo(PageCache.Visit visit, ProblemException e) {
    int status = e.problem().status().code();
    if (status == Status.NOT_FOUND_404.code() || status == Status.GONE_410.code()) {
      visit.gone();
    }
  }

  /** Makes a page; or finds what there was, where it cannot be made and that allows it. */
  private @Nullable PageAnswer makeOrFind(
      RequestContext context,
      ServerRequest request,
      ServerResponse response,
      PageSet set,
      PageRoutes.Match match,
      SitePath path,
      boolean json,
      Map<String, Object> query,
      ReadOptions options,
      PageCache.Visit visit) {
    try {
      return make(context, request, response, set, match, path, json, query, options, visit);
    } catch (TemplateFunctions.Redirect e) {
      visit.gone();
      throw e;
    } catch (ProblemException e) {
      goneIfSo(visit, e);
      throw e;
    } catch (StoreException.Unavailable | PageFailure e) {
      // Whoever writes the template is to see what is wrong with it.
      PageAnswer old = development && e instanceof PageFailure ? null : visit.findFailed();
      if (old == null) {
        throw e;
      }
      // Each visitor comes here: what is wrong with the store is said elsewhere, once.
      log.atLevel(e instanceof PageFailure ? Level.WARN : Level.DEBUG)
          .log("A page is shown as it was, as it cannot be made: {}", e.getMessage());
      return old;
    }
  }

  /** Makes a page; null if it is its visitor's alone, and sent. */
  private @Nullable PageAnswer make(
      RequestContext context,
      ServerRequest request,
      ServerResponse response,
      PageSet set,
      PageRoutes.Match match,
      SitePath path,
      boolean json,
      Map<String, Object> query,
      ReadOptions options,
      PageCache.Visit visit) {
    String template = match.template();
    FrontMatter matter = set.matter(template);
    long doubts = store.doubts();
    Optional<Header> staleBefore = Gatekeeper.stale(store, options, doubts);
    Making making = visit.begin();
    RequestViews views = new RequestViews(making);
    Map<String, Object> variables =
        variables(
            context,
            request,
            address(path, request.prologue().uriPath().rawPath()),
            match.parameters(),
            matter,
            views,
            query);
    PageReads reads = new PageReads(store, context.site(), options, making);
    Map<String, Object> known = new HashMap<>(variables);
    known.putAll(match.parameters());
    PageData data = PageData.read(template, matter, known, reads);
    Header type = JSON;
    byte[] body;
    boolean compress = true;
    Map<String, String> leadsTo = Map.of();
    if (json) {
      body = data.json();
    } else {
      variables.putAll(data.variables());
      Rendering rendering = render(context, set, template, variables, reads);
      type = template.endsWith(".xml") ? XML : Names.HTML;
      body = rendering.bytes();
      compress = !rendering.isGranted();
      leadsTo = rendering.assets();
      if (rendering.isGranted()) {
        making.atMost(PageCache.GRANT_LIFE);
      }
    }
    // It may have caught up, or fallen behind, while the page was made.
    Optional<Header> stale = staleBefore.or(() -> Gatekeeper.stale(store, options, doubts));
    boolean personal = context.session().isPersonal();
    if (personal && (!isAnonymous(context) || context.session().find().isPresent())) {
      visit.close();
      PageAnswer.sendPersonal(context, request, response, body, type, !json, compress, stale);
      return null;
    }
    PageAnswer page =
        new PageAnswer(
            visit.era(),
            type,
            !json,
            personal,
            body,
            compress,
            // A grant is good for an hour; nobody is to get an old one.
            compress ? matter.cacheControl() : CacheControl.ASK,
            leadsTo,
            assets,
            making,
            stale);
    visit.made(page, views.parameters());
    return page;
  }

  /**
   * Renders, and takes the messages that the page shows out of the session. Where another page was
   * first, this one is made again without them.
   */
  private Rendering render(
      RequestContext context,
      PageSet set,
      String template,
      Map<String, Object> variables,
      PageReads reads) {
    Messages messages = Messages.of(context);
    PageReads more = reads;
    while (true) {
      Rendering rendering = new Rendering(template, more, messages);
      set.engine().render(template, variables, rendering);
      rendering.bytes();
      if (messages.take()) {
        return rendering;
      }
      more = reads.again(readOptions(context));
    }
  }

  /**
   * Whether the request has no cookie of a session, of what its visitor has seen, of a browser
   * where a user signed in, or of a sign-in: then what pages see of the session is the same for
   * all. All of these begin with the session cookie's name, so a header without that text has none.
   */
  private static boolean isAnonymous(RequestContext context) {
    if (!context.hasCookies()) {
      return true;
    }
    String name = context.site().sessions().orElse(SessionSettings.DEFAULT).cookie();
    for (String line : context.request().headers().get(HeaderNames.COOKIE).allValues()) {
      if (line.contains(name)) {
        return false;
      }
    }
    return true;
  }

  /** The path as {@code url()} spells it, however it was sent. */
  private static String address(SitePath path, String raw) {
    if (raw.indexOf('%') < 0) {
      return raw;
    }
    StringBuilder address = new StringBuilder(raw.length());
    for (String segment : path.segments()) {
      address.append('/').append(SitePath.encode(segment));
    }
    return address.toString();
  }

  private static ReadOptions readOptions(RequestContext context) {
    SessionToken token = Gatekeeper.token(context);
    return token.equals(SessionToken.NONE) ? ReadOptions.SESSION : ReadOptions.session(token);
  }

  private static void redirect(RequestContext context, String location, Status status) {
    var response = context.response();
    response.status(status);
    response.header(HeaderValues.create(HeaderNames.LOCATION, location));
    response.header(Names.NO_CACHE);
    context.send();
  }

  private void fail(
      RequestContext context, ServerRequest request, PageSet set, PageFailure failure) {
    boolean html = Accept.media(request.headers().values(HeaderNames.ACCEPT), "text/html") > 0;
    boolean slow = failure instanceof PageFailure.TooSlow;
    if (slow && !(development && html)) {
      log.warn("{}", failure.getMessage());
      throw new ProblemException(
          Problem.of(
              Status.SERVICE_UNAVAILABLE_503,
              "page-too-slow",
              "The page took too long",
              "The page was not done in time; the server's log says where it was."));
    }
    if (!development || !html) {
      // The web tier logs it and answers with the 500 page, or with a problem document.
      throw failure;
    }
    log.warn("{}", failure.getMessage());
    context
        .response()
        .status(slow ? Status.SERVICE_UNAVAILABLE_503 : Status.INTERNAL_SERVER_ERROR_500);
    context.response().header(Names.HTML);
    context.response().header(Names.NO_STORE);
    context.send(PlainPages.failure(failure, set.text(failure.template())));
  }

  // What templates see

  private static Map<String, Object> variables(
      RequestContext context,
      ServerRequest request,
      String address,
      Map<String, Object> parameters,
      FrontMatter matter,
      RequestViews views,
      Map<String, Object> query) {
    Map<String, Object> variables = new LinkedHashMap<>();
    variables.put("params", parameters);
    variables.put("query", views.query(query));
    variables.put(
        "request",
        views.request(
            Map.of(
                "path", address,
                "method", request.prologue().method().text(),
                "secure", context.isSecure())));
    variables.put("site", site(context.site()));
    variables.put("session", new SessionView(context.session()));
    if (context.site().accounts().isPresent()) {
      variables.put("user", new UserView(context.session()));
    }
    variables.put("page", Map.of("title", matter.title(), "description", matter.description()));
    return variables;
  }

  private static Map<String, Object> site(Site site) {
    return Map.of(
        "name", site.name(),
        "domain", site.domains().getFirst(),
        "domains", site.domains());
  }

  /** The first value of each parameter; what cannot be decoded is left out. */
  private static Map<String, Object> query(String raw) {
    if (raw.isEmpty()) {
      return Map.of();
    }
    Map<String, Object> query = new LinkedHashMap<>();
    if (raw.length() > MAX_QUERY_CHARS) {
      return query;
    }
    for (String pair : raw.split("&", MAX_QUERY_PARAMETERS + 1)) {
      int equals = pair.indexOf('=');
      try {
        String name = Percent.decode(equals < 0 ? pair : pair.substring(0, equals), true);
        String value = equals < 0 ? "" : Percent.decode(pair.substring(equals + 1), true);
        if (query.size() < MAX_QUERY_PARAMETERS) {
          query.putIfAbsent(name, value);
        }
      } catch (InvalidInputException e) {
        // A page is better shown without a parameter than not shown.
      }
    }
    return query;
  }

  // Error pages

  @Override
  public Optional<byte[]> html(ServerRequest request, Problem problem) {
    int status = problem.status().code();
    String own = status == 404 ? "404.html" : status >= 500 ? "500.html" : "";
    String title = status >= 500 ? "Something went wrong here" : problem.title();
    String detail =
        status == 404
            ? "There is no page at this address."
            : status >= 500 ? "It is not your fault. Please try again later." : problem.detail();
    PageSet set = templates.current();
    if (set.has(own)) {
      RequestContext context = RequestContext.current();
      long doubts = store.doubts();
      try {
        Map<String, Object> variables =
            variables(
                context,
                request,
                request.prologue().uriPath().rawPath(),
                Map.of(),
                set.matter(own),
                new RequestViews(null),
                query(request.prologue().query().rawValue()));
        variables.put(
            "problem", Map.of("status", (long) status, "title", problem.title(), "detail", detail));
        Rendering rendering =
            new Rendering(
                own,
                new PageReads(store, context.site(), ReadOptions.SESSION, null),
                Messages.none(context));
        set.engine().render(own, variables, rendering);
        return Optional.of(rendering.bytes());
      } catch (PageFailure e) {
        log.warn("The error page is broken itself: {}", e.getMessage());
        if (development) {
          return Optional.of(PlainPages.failure(e, set.text(e.template())));
        }
      } catch (RuntimeException e) {
        log.warn("The error page pages/{} could not be made.", own, e);
      } finally {
        Gatekeeper.stale(store, ReadOptions.SESSION, doubts).ifPresent(context::tell);
      }
    }
    return Optional.of(PlainPages.error(status, title, detail));
  }
}
