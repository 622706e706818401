package dev.meridian.web;

import dev.meridian.document.Json;
import dev.meridian.document.Patch;
import dev.meridian.handler.Handler;
import dev.meridian.handler.Parameters;
import dev.meridian.handler.Request;
import dev.meridian.handler.Response;
import dev.meridian.handler.Routes;
import dev.meridian.handler.SignedIn;
import dev.meridian.handler.VisitorSession;
import dev.meridian.session.Attributes;
import dev.meridian.session.Claim;
import dev.meridian.session.Lifetimes;
import dev.meridian.session.Session;
import dev.meridian.session.Sessions;
import dev.meridian.site.SessionSettings;
import dev.meridian.site.Site;
import dev.meridian.store.Commit;
import dev.meridian.store.Engine;
import dev.meridian.store.IndexDefinition;
import dev.meridian.store.RocksStore;
import dev.meridian.store.SessionToken;
import dev.meridian.store.Sort;
import dev.meridian.store.Store;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A site's handlers without sockets, for tests: with a real store in a temporary folder, and one
 * visitor, whose session is kept from request to request. What a handler throws, this throws.
 * Pages, files, the data API, access rules and the protection against other sites' forms are not
 * here, and nothing is written behind; a test of those starts a node. For one thread.
 */
public final class TestSite implements AutoCloseable {
  private static final int MAX_FIELDS = 1_000;

  private final Site site;
  private final Routes routes;
  private final Path folder;
  private final Engine engine;
  private final RocksStore store;
  private final Sessions sessions;
  private @Nullable String cookie;
  private Optional<SignedIn> user = Optional.empty();

  private TestSite(Site site, Routes routes, Path folder) {
    this.site = site;
    this.routes = routes;
    this.folder = folder;
    this.engine = new Engine();
    try {
      this.store =
          RocksStore.open(folder.resolve("db"), RocksStore.Options.of(engine), indexes(site));
    } catch (RuntimeException | Error e) {
      engine.close();
      throw e;
    }
    this.sessions = new Sessions(store, InstantSource.system());
  }

  /** Opens one with an empty store. The caller closes it. */
  public static TestSite open(Site site, Routes routes) {
    try {
      return new TestSite(site, routes, Files.createTempDirectory("meridian-test"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<IndexDefinition> indexes(Site site) {
    List<IndexDefinition> indexes = new ArrayList<>(List.of(Sessions.INDEX));
    site.collections()
        .values()
        .forEach(
            settings ->
                settings
                    .indexes()
                    .forEach(
                        fields ->
                            indexes.add(
                                new IndexDefinition(
                                    settings.pattern(),
                                    fields.stream().map(Sort::parse).toList()))));
    return indexes;
  }

  /** The data; what a test writes here, handlers see. */
  public Store store() {
    return store;
  }

  /** GET of a path, which may have a query. */
  public Response get(String path) throws Exception {
    return send("GET", path, Map.of(), new byte[0]);
  }

  /** POST of a form. */
  public Response post(String path, Map<String, String> fields) throws Exception {
    StringBuilder form = new StringBuilder();
    fields.forEach(
        (name, value) ->
            form.append(form.isEmpty() ? "" : "&")
                .append(Percent.encodePath(name).replace("/", "%2F"))
                .append('=')
                .append(Percent.encodePath(value).replace("/", "%2F")));
    return send(
        "POST",
        path,
        Map.of("Content-Type", SessionForm.MEDIA_TYPE),
        form.toString().getBytes(StandardCharsets.US_ASCII));
  }

  /**
   * Any request.
   *
   * @return the handler's answer, or 404 or 405 where there is none
   * @throws Exception what the handler threw
   */
  public Response send(String method, String target, Map<String, String> headers, byte[] body)
      throws Exception {
    int query = target.indexOf('?');
    String raw = query < 0 ? target : target.substring(0, query);
    SitePath path = SitePath.parse(raw);
    if (path == null) {
      throw new IllegalArgumentException("'" + raw + "' is no path of a site; begin with a slash");
    }
    Optional<Routes.Match> match = routes.match(method, path.segments());
    if (match.isEmpty()) {
      return routes.methods(path.segments()).isEmpty()
          ? Response.notFound()
          : Response.problem(405, "This address takes " + routes.methods(path.segments()) + ".");
    }
    Handler handler = match.get().handler();
    return handler.handle(
        new TestRequest(
            method,
            raw,
            match.get().parameters(),
            query < 0 ? "" : target.substring(query + 1),
            headers,
            body));
  }

  /** The visitor's session. */
  public VisitorSession session() {
    if (site.sessions().isEmpty()) {
      throw new IllegalStateException(ContextSession.NONE);
    }
    return new TestSession();
  }

  /** Has the visitor signed in, as far as {@link Request#user} tells. */
  public void signIn(SignedIn who) {
    user = Optional.of(who);
  }

  /** Another visitor from here on, who has no session and is not signed in. */
  public void newVisitor() {
    cookie = null;
    user = Optional.empty();
  }

  /** Stops, and deletes the store. */
  @Override
  public void close() {
    store.close();
    engine.close();
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private final class TestRequest implements Request {
    private final String method;
    private final String path;
    private final Map<String, String> parameters;
    private final String query;
    private final Map<String, String> headers;
    private final byte[] body;

    TestRequest(
        String method,
        String path,
        Map<String, String> parameters,
        String query,
        Map<String, String> headers,
        byte[] body) {
      this.method = method;
      this.path = path;
      this.parameters = parameters;
      this.query = query;
      this.headers = headers;
      this.body = body;
    }

    @Override
    public String method() {
      return method;
    }

    @Override
    public String path() {
      return path;
    }

    @Override
    public String parameter(String name) {
      return ContextRequest.parameter(parameters, name);
    }

    @Override
    public Parameters query() {
      return Parameters.ofPairs(Urlencoded.pairs(query, MAX_FIELDS));
    }

    @Override
    public Parameters form() {
      return Parameters.ofPairs(
          Urlencoded.pairs(new String(body, StandardCharsets.ISO_8859_1), MAX_FIELDS));
    }

    @Override
    public Optional<String> header(String name) {
      return headers.entrySet().stream()
          .filter(header -> header.getKey().equalsIgnoreCase(name))
          .map(Map.Entry::getValue)
          .findFirst();
    }

    @Override
    public byte[] body() {
      return body;
    }

    @Override
    public VisitorSession session() {
      return TestSite.this.session();
    }

    @Override
    public Optional<SignedIn> user() {
      return user;
    }

    @Override
    public Store store() {
      return store;
    }
  }

  private final class TestSession extends StoredSession {
    private final Lifetimes lifetimes;

    TestSession() {
      SessionSettings settings = site.sessions().orElseThrow();
      lifetimes = new Lifetimes(settings.idle(), settings.absolute());
    }

    @Override
    Optional<Session> find() {
      if (cookie == null) {
        return Optional.empty();
      }
      Optional<Claim> claim = sessions.claim(cookie);
      return claim.flatMap(
          known -> sessions.load(known, SessionToken.NONE, lifetimes, true).session());
    }

    @Override
    void change(Patch patch) {
      Optional<Session> known = find();
      if (known.isPresent()) {
        Commit _ = sessions.change(known.get(), patch, null, lifetimes);
      } else {
        sessions.create(patch, lifetimes).ifPresent(made -> cookie = made.cookie());
      }
    }

    @Override
    public void append(String name, Json value) {
      Optional<Session> known = find();
      if (known.isPresent()) {
        Commit _ = sessions.append(known.get(), Attributes.checkName(name), value, lifetimes);
      } else {
        set(name, new Json.Arr(List.of(value)));
      }
    }

    @Override
    public void flash(String message) {
      Optional<Session> known = find();
      if (known.isPresent()) {
        Commit _ = sessions.message(known.get(), message, lifetimes);
      } else {
        cookie = sessions.createWithMessage(message, lifetimes).cookie();
      }
    }

    @Override
    public String csrfToken() {
      return find().map(sessions::csrfToken).orElse("");
    }

    @Override
    public void end() {
      find().ifPresent(sessions::end);
      cookie = null;
    }
  }
}
