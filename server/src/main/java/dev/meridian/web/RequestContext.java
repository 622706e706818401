package dev.meridian.web;

import dev.meridian.site.Site;
import dev.meridian.site.TrustedProxies;
import dev.meridian.store.ReadBudget;
import io.helidon.http.Header;
import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.webserver.http.RoutingRequest;
import io.helidon.webserver.http.RoutingResponse;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One request on its way: the HTTP messages and what is known besides. Confined to the request's
 * thread.
 */
public final class RequestContext {
  /** The request being handled, for code below the front door. */
  static final ScopedValue<RequestContext> CURRENT = ScopedValue.newInstance();

  /** So much may wait on each connection without being counted. */
  private static final int SMALL_BYTES = 32 << 10;

  private static final AtomicLong NEXT_ID = new AtomicLong();
  private static final String PROCESS =
      Integer.toHexString(ThreadLocalRandom.current().nextInt() | 0x80000000);
  private static final int MAX_ID_CHARS = 128;

  private final RoutingRequest request;
  private final RoutingResponse response;
  private final @Nullable Site site;
  private final @Nullable Access access;
  private final @Nullable SessionApi sessionApi;
  private @Nullable BrowserSession session;
  private final long startNanos;

  /** Whether the listener stops: then each answer is the last of its connection. */
  private final BooleanSupplier draining;

  /** What the answer says besides: what the client has seen, how old it may be. */
  private final List<Header> told = new ArrayList<>(0);

  private @Nullable String id;

  /** Who asks, when it was looked for; empty where the peer has no address. */
  private @Nullable Optional<Forwarded.Origin> origin;

  private final Deadline deadline;
  private Route route = Route.OTHER;

  /** Whether it stands for nobody: it has no headers then, whatever its request had. */
  private final boolean detached;

  RequestContext(
      RoutingRequest request,
      RoutingResponse response,
      @Nullable Site site,
      @Nullable Access access,
      @Nullable SessionApi sessionApi,
      long startNanos,
      BooleanSupplier draining) {
    this(request, response, site, access, sessionApi, startNanos, draining, false);
  }

  private RequestContext(
      RoutingRequest request,
      RoutingResponse response,
      @Nullable Site site,
      @Nullable Access access,
      @Nullable SessionApi sessionApi,
      long startNanos,
      BooleanSupplier draining,
      boolean detached) {
    this.request = request;
    this.response = response;
    this.site = site;
    this.access = access;
    this.sessionApi = sessionApi;
    this.startNanos = startNanos;
    this.draining = draining;
    this.detached = detached;
    this.deadline = new Deadline(this);
    String sent = header(Names.REQUEST_ID);
    this.id = sent != null && isHarmless(sent) ? sent : null;
  }

  /**
   * The request that the current thread handles.
   *
   * @throws java.util.NoSuchElementException outside of a request
   */
  public static RequestContext current() {
    return CURRENT.get();
  }

  /** A request of the operator's listener, which needs no site. */
  static RequestContext admin(RoutingRequest request, RoutingResponse response) {
    RequestContext context =
        new RequestContext(request, response, null, null, null, System.nanoTime(), () -> false);
    context.route(Route.ADMIN);
    return context;
  }

  /**
   * For work that goes on when this request is answered: of the same site, of the current thread,
   * of a visitor who sent no header. It has no answer; nothing may be sent.
   */
  RequestContext detach() {
    RequestContext detached =
        new RequestContext(
            request, response, site, access, sessionApi, System.nanoTime(), draining, true);
    detached.origin = origin();
    return detached;
  }

  private Optional<Forwarded.Origin> origin() {
    Optional<Forwarded.Origin> known = origin;
    if (known == null) {
      known =
          request.remotePeer().address() instanceof InetSocketAddress peer
                  && peer.getAddress() != null
              ? Optional.of(origin(peer.getAddress()))
              : Optional.empty();
      origin = known;
    }
    return known;
  }

  private Forwarded.Origin origin(InetAddress peer) {
    TrustedProxies proxies = site == null ? TrustedProxies.NONE : site.trustedProxies();
    if (proxies.networks().isEmpty()) {
      return new Forwarded.Origin(peer, null);
    }
    return Forwarded.of(
        proxies,
        peer,
        lines(
            proxies.header() == TrustedProxies.Header.FORWARDED
                ? HeaderNames.FORWARDED
                : HeaderNames.X_FORWARDED_FOR),
        lines(HeaderNames.X_FORWARDED_PROTO));
  }

  private List<String> lines(HeaderName name) {
    var headers = request.headers();
    return headers.contains(name) ? headers.get(name).allValues() : List.of();
  }

  /**
   * The visitor's address: the peer's, or what proxies that the site trusts say. Empty where the
   * peer has none.
   */
  Optional<InetAddress> clientAddress() {
    return origin().map(Forwarded.Origin::address);
  }

  /** The visitor's address as text. */
  String clientHost() {
    return clientAddress()
        .filter(address -> !isPeer(address))
        .map(InetAddress::getHostAddress)
        .orElseGet(request.remotePeer()::host);
  }

  private boolean isPeer(InetAddress address) {
    return request.remotePeer().address() instanceof InetSocketAddress peer
        && address.equals(peer.getAddress());
  }

  /** Whether the visitor asked over TLS: by this connection, or by what trusted proxies say. */
  boolean isSecure() {
    String scheme = origin().map(Forwarded.Origin::scheme).orElse(null);
    return scheme == null ? request.isSecure() : scheme.equals("https");
  }

  /** The site as it was when the request came; the same for the whole request. */
  public Site site() {
    return Objects.requireNonNull(site, "the operator's listener has no site");
  }

  /**
   * Identifies the request in logs and problem documents: what the client sent as {@code
   * X-Request-Id}, when that is 1 to 128 letters, digits and {@code -._~:+/=@}, or else a new one.
   */
  public String id() {
    String known = id;
    if (known == null) {
      known = PROCESS + "-" + Long.toHexString(NEXT_ID.getAndIncrement());
      id = known;
    }
    return known;
  }

  /** The visitor's session, which is looked for when it is asked. */
  BrowserSession session() {
    BrowserSession known = session;
    if (known == null) {
      known =
          new BrowserSession(
              this, Objects.requireNonNull(access, "the operator's listener has no sessions"));
      session = known;
    }
    return known;
  }

  /** What changes sessions. */
  SessionApi sessionApi() {
    return Objects.requireNonNull(sessionApi, "the operator's listener has no sessions");
  }

  /** Whether the site has sessions and the request cookies, so that there may be one. */
  boolean hasCookies() {
    return access != null
        && !detached
        && site().sessions().isPresent()
        && request.headers().contains(HeaderNames.COOKIE);
  }

  /** Says what kind of request it is, for metrics and the access log. */
  public void route(Route route) {
    this.route = route;
  }

  Route route() {
    return route;
  }

  long startNanos() {
    return startNanos;
  }

  RoutingRequest request() {
    return request;
  }

  RoutingResponse response() {
    return response;
  }

  /** Whether this is HTTP/1.1, where a connection carries one request at a time. */
  boolean isHttp1() {
    return request.prologue().protocolVersion().startsWith("1");
  }

  boolean isHead() {
    return request.prologue().method().text().equals("HEAD");
  }

  /** Sends an answer without a body. */
  void send() {
    answering();
    common();
    response.send();
  }

  /** Sends {@code body}; to HEAD, its length alone. */
  void send(byte[] body) {
    answering();
    common();
    if (isHead()) {
      response.headers().set(HeaderValues.create(HeaderNames.CONTENT_LENGTH, body.length));
      response.send();
    } else {
      response.send(body);
    }
  }

  /**
   * {@link #send(byte[])}, counted in the process's budget while the client takes its time.
   *
   * @param alsoHeld bytes that are held beside the body until then
   * @throws dev.meridian.store.StoreException.Unavailable if there is no room for it now
   */
  void sendCounted(byte[] body, int alsoHeld) {
    if (body.length < SMALL_BYTES) {
      send(body);
      return;
    }
    try (ReadBudget.Lease memory = ReadBudget.PROCESS.answer(body.length + alsoHeld)) {
      send(body);
    }
  }

  /** Has the answer say this, whatever becomes of it; the newest of a name counts. */
  void tell(Header header) {
    told.removeIf(before -> before.headerName().equals(header.headerName()));
    told.add(header);
  }

  private void common() {
    var headers = response.headers();
    for (Header header : told) {
      headers.set(header);
    }
    headers.set(Names.NOSNIFF);
    headers.set(HeaderValues.create(Names.REQUEST_ID, id()));
  }

  /** The request's body is about to be read. */
  void reading() {
    deadline.reading();
  }

  /** The request's body has been read. */
  void read() {
    deadline.read();
  }

  /**
   * The answer is about to be sent. If the request's body was not read, the connection ends with
   * it: the engine would read the rest first, for as long as the client cares to send it. So it
   * does when the listener stops, and the client knows that its next request goes elsewhere.
   */
  void answering() {
    if (!deadline.isOfThisThread()) {
      return; // the watchdog answers, with what it says alone
    }
    deadline.answering();
    BrowserSession visitor = session;
    if (visitor != null) {
      visitor.answering();
    }
    if (visitor != null && visitor.isPersonal()) {
      // What a cache keeps of it, cookies and all, others would get.
      response.headers().set(Names.PRIVATE);
    }
    if (isHttp1() && (draining.getAsBoolean() || Bodies.isUnread(request))) {
      response.headers().set(HeaderValues.CONNECTION_CLOSE);
    }
  }

  /** The request's time limit. */
  Deadline deadline() {
    return deadline;
  }

  /** The first value of a request header, or null when it was not sent. */
  @Nullable String header(HeaderName name) {
    var headers = request.headers();
    return !detached && headers.contains(name) ? headers.get(name).get() : null;
  }

  private static boolean isHarmless(String id) {
    if (id.isEmpty() || id.length() > MAX_ID_CHARS) {
      return false;
    }
    for (int i = 0; i < id.length(); i++) {
      char c = id.charAt(i);
      boolean plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
      if (!plain && "-._~:+/=@".indexOf(c) < 0) {
        return false;
      }
    }
    return true;
  }
}
