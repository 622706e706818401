package dev.meridian.web;

import dev.meridian.cache.CachedStore;
import dev.meridian.session.Sessions;
import dev.meridian.site.AccountSettings;
import dev.meridian.site.Certificates;
import dev.meridian.site.CollectionSettings;
import dev.meridian.site.Limits;
import dev.meridian.site.Listeners;
import dev.meridian.site.Names;
import dev.meridian.site.Rules;
import dev.meridian.site.SessionSettings;
import dev.meridian.site.Site;
import dev.meridian.store.Engine;
import dev.meridian.store.RocksStore;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** A real web tier on a real store, on a free port of loopback. */
final class TestServer implements AutoCloseable {
  final Path folder;
  final Engine engine = new Engine();
  final RocksStore store;
  private final CachedStore cached;
  final Access access;
  final WebTier web;
  private final @Nullable Certificates certificates;
  final PrometheusMeterRegistry metrics = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  final HttpClient client = HttpClient.newHttpClient();
  volatile Site site;

  TestServer(Path folder, Rules rules, Limits limits, Map<String, CollectionSettings> collections)
      throws IOException {
    this(
        folder,
        site(folder, rules, limits, collections),
        WebOptions.http(new InetSocketAddress("127.0.0.1", 0)));
  }

  TestServer(Path folder, Site site, WebOptions options) throws IOException {
    this.folder = folder;
    this.store =
        RocksStore.open(
            folder.resolve("db"), RocksStore.Options.of(engine), List.of(Sessions.INDEX));
    this.cached = CachedStore.over(store, 8 << 20, _ -> true, metrics);
    this.access = Access.open(store, folder.resolve("operator.key"));
    this.site = site;
    Certificates opened = null;
    try {
      opened = options.https().isPresent() ? new Certificates(() -> this.site, "https") : null;
      this.certificates = opened;
      this.web =
          WebTier.start(
              options,
              cached,
              () -> this.site,
              metrics,
              access,
              List.of(),
              ErrorPages.NONE,
              certificates);
    } catch (RuntimeException e) {
      if (opened != null) {
        opened.close();
      }
      client.close();
      cached.close();
      store.close();
      engine.close();
      throw e;
    }
  }

  /** A server that lets everybody do everything. */
  static TestServer open(Path folder) throws IOException {
    return new TestServer(folder, new Rules("true", "true"), Limits.DEFAULT, Map.of());
  }

  static Site site(
      Path folder, Rules rules, Limits limits, Map<String, CollectionSettings> collections) {
    return new Site(
        folder,
        "test",
        List.of("localhost"),
        Listeners.DEFAULT,
        Optional.empty(),
        rules,
        collections,
        new Names(Duration.ofMinutes(1), List.of(), Optional.empty(), false, List.of(), List.of()),
        limits,
        Optional.of(SessionSettings.DEFAULT),
        OptionalLong.empty());
  }

  /** The same site with accounts. */
  static Site withAccounts(Site site, AccountSettings accounts) {
    return new Site(
        site.folder(),
        site.name(),
        site.domains(),
        site.listeners(),
        site.tls(),
        site.rules(),
        site.collections(),
        site.names(),
        site.limits(),
        site.sessions(),
        Optional.of(accounts),
        site.cacheBytes(),
        OptionalLong.empty());
  }

  int port() {
    return web.httpPort().getAsInt();
  }

  String operatorKey() throws IOException {
    return Files.readString(folder.resolve("operator.key")).strip();
  }

  HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port() + path))
        .timeout(Duration.ofSeconds(60));
  }

  /** Sends; headers are names and values in turn. */
  HttpResponse<String> send(String method, String path, String body, String... headers)
      throws IOException, InterruptedException {
    HttpRequest.Builder request =
        request(path)
            .method(
                method, body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(body));
    if (headers.length > 0) {
      request.headers(headers);
    }
    return client.send(request.build(), BodyHandlers.ofString());
  }

  /** Sends JSON. */
  HttpResponse<String> json(String method, String path, String body, String... headers)
      throws IOException, InterruptedException {
    String[] all = new String[headers.length + 2];
    System.arraycopy(headers, 0, all, 2, headers.length);
    all[0] = "Content-Type";
    all[1] = "application/json";
    return send(method, path, body, all);
  }

  static String header(HttpResponse<?> response, String name) {
    return response.headers().firstValue(name).orElse("");
  }

  @Override
  public void close() {
    client.close();
    web.close();
    if (certificates != null) {
      certificates.close();
    }
    cached.close();
    store.close();
    engine.close();
  }
}
