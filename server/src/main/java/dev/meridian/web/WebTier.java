package dev.meridian.web;

import dev.meridian.site.Certificates;
import dev.meridian.site.Site;
import dev.meridian.store.Store;
import io.helidon.common.socket.SocketOptions;
import io.helidon.common.tls.Tls;
import io.helidon.http.DirectHandler.EventType;
import io.helidon.webserver.WebServer;
import io.helidon.webserver.WebServerConfig;
import io.helidon.webserver.http.DirectHandlers;
import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.http.HttpService;
import io.helidon.webserver.http1.Http1Config;
import io.helidon.webserver.http2.Http2Config;
import io.micrometer.core.instrument.MeterRegistry;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The public side of a node: plain HTTP and HTTP over TLS, each speaking HTTP/1.1 and HTTP/2, with
 * the data API under {@code /data}, the visitor's session at {@code /session} and the user's
 * account at {@code /account}, if the site has them, a description at {@code /openapi.json}, and
 * the services given for everything else. Requests run on virtual threads.
 */
public final class WebTier implements AutoCloseable {
  /** Longest request line in bytes: a path of 1 KiB, all of it escaped, and a long query. */
  static final int MAX_REQUEST_LINE = 16 * 1024;

  /** Most bytes of request headers. */
  static final int MAX_HEADERS = 32 * 1024;

  /** Idle connections are ended by {@link OpenConnections}; the engine's own clock is stopped. */
  static final Duration NO_ENGINE_IDLE = Duration.ofDays(365);

  /** How long the engine takes to stop listening, at most. */
  private static final Duration STOPS_LISTENING = Duration.ofMillis(200);

  private final List<WebServer> running = new ArrayList<>();
  private final List<OpenConnections> connections = new ArrayList<>();
  private final Watchdog watchdog = new Watchdog();
  private final Watches watches;
  private final @Nullable Certificates certificates;
  private final @Nullable WebServer http;
  private final @Nullable WebServer https;

  private WebTier(
      WebOptions options,
      Store store,
      Supplier<Site> site,
      MeterRegistry registry,
      Access access,
      List<? extends HttpService> services,
      ErrorPages errorPages,
      @Nullable Certificates certificates) {
    this.certificates = certificates;
    WebMetrics metrics = new WebMetrics(registry);
    RequestRate rate = new RequestRate(metrics::requests, System::nanoTime);
    Answers answers = new Answers(errorPages);
    this.watches = new Watches(store, new Gatekeeper(store, access), site);
    registry.gauge("meridian.http.watches", watches, Watches::open);
    access.sessions().counts().bindTo(registry);
    DataApi data = new DataApi(store, access, watches);
    access.accounts().counts().bindTo(registry);
    SessionApi session = new SessionApi(access.sessions());
    AccountApi account = new AccountApi(access, session);
    Function<OpenConnections, FrontDoor> doors =
        open ->
            new FrontDoor(
                site, data, access, session, account, answers, metrics, rate, watchdog, open);
    try {
      this.http =
          options
              .http()
              .map(address -> listen("http", address, null, options, doors, services))
              .orElse(null);
      this.https =
          options
              .https()
              .map(address -> listen("https", address, tls(), options, doors, services))
              .orElse(null);
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  /**
   * Listens and serves, until {@link #close}.
   *
   * @param site the site as it now is; asked once a request
   * @param services what answers outside the data API, asked in their order; each may pass a
   *     request on with {@code response.next()}
   * @param certificates for the TLS listener, closed by the caller; null only if that is off
   * @throws java.io.UncheckedIOException if an address cannot be listened on; nothing is left
   *     running
   */
  public static WebTier start(
      WebOptions options,
      Store store,
      Supplier<Site> site,
      MeterRegistry metrics,
      Access access,
      List<? extends HttpService> services,
      ErrorPages errorPages,
      @Nullable Certificates certificates) {
    return new WebTier(options, store, site, metrics, access, services, errorPages, certificates);
  }

  /** The port of the plain listener, or empty when it is off. */
  public OptionalInt httpPort() {
    return http == null ? OptionalInt.empty() : OptionalInt.of(http.port());
  }

  /** The port of the TLS listener, or empty when it is off. */
  public OptionalInt httpsPort() {
    return https == null ? OptionalInt.empty() : OptionalInt.of(https.port());
  }

  private Tls tls() {
    return Tls.builder()
        .sslContext(Objects.requireNonNull(certificates).context())
        .enabledProtocols(List.of("TLSv1.3", "TLSv1.2"))
        .applicationProtocols(List.of("h2", "http/1.1"))
        .build();
  }

  private WebServer listen(
      String name,
      InetSocketAddress address,
      @Nullable Tls tls,
      WebOptions options,
      Function<OpenConnections, FrontDoor> doors,
      List<? extends HttpService> services) {
    OpenConnections open = new OpenConnections(options.maxConnections(), options.idle());
    connections.add(open);
    FrontDoor door = doors.apply(open);
    HttpRouting.Builder routing = HttpRouting.builder();
    routing.addFilter(door);
    routing.error(Throwable.class, door::pageFailed);
    routing.register("/", new OpenApi());
    for (HttpService service : services) {
      routing.register("/", service);
    }
    DirectHandlers.Builder direct = DirectHandlers.builder();
    for (EventType type : EventType.values()) {
      direct.addHandler(type, new DirectProblems());
    }
    Http1Config http1 =
        Http1Config.builder()
            .maxPrologueLength(MAX_REQUEST_LINE)
            .maxHeadersSize(MAX_HEADERS)
            .sendKeepAliveHeader(false)
            .build();
    Http2Config http2 = Http2Config.builder().maxHeaderListSize(MAX_HEADERS).build();
    WebServerConfig.Builder config =
        WebServer.builder()
            .address(address.getAddress())
            .port(address.getPort())
            .shutdownHook(false)
            .shutdownGracePeriod(options.shutdownGrace())
            .maxTcpConnections(options.maxConnections())
            .connectionOptions(open.watching(SocketOptions.builder().tcpNoDelay(true).build()))
            .idleConnectionTimeout(NO_ENGINE_IDLE)
            .protocolsDiscoverServices(false)
            .addConnectionSelector(Http1.create(name, http1, List.of(http2), open, open::drain))
            .addProtocol(http2)
            .directHandlers(direct.build())
            .routing(routing);
    if (tls != null) {
      config.tls(tls);
    }
    WebServer server = Listening.start(name, address, config.build());
    running.add(server);
    return server;
  }

  /**
   * Stops: takes no more connections, answers what comes on those that there are and ends them with
   * that ({@code Connection: close}), lets requests in flight finish for as long as the grace
   * allows, then cuts them off. Does not throw.
   */
  @Override
  public void close() {
    watches.close();
    List<Thread> stopping =
        running.stream()
            .map(server -> Thread.ofVirtual().name("web-stop").start(server::stop))
            .toList();
    try {
      // Not before the engine has stopped listening: clients whose connections are ended come again
      // at once, and would find one that is accepted by the kernel and by nobody else.
      if (!stopping.isEmpty()) {
        stopping.getFirst().join(STOPS_LISTENING);
      }
      connections.forEach(OpenConnections::drain);
      for (Thread thread : stopping) {
        thread.join();
      }
    } catch (InterruptedException e) {
      // Whoever interrupts a shutdown wants it to be over.
      Thread.currentThread().interrupt();
    }
    connections.forEach(OpenConnections::close);
    watchdog.close();
  }
}
