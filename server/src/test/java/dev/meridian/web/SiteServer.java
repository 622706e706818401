package dev.meridian.web;

import dev.meridian.cache.CachedStore;
import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Version;
import dev.meridian.site.LiveSite;
import dev.meridian.site.Site;
import dev.meridian.store.Batch;
import dev.meridian.store.ChangeFeed;
import dev.meridian.store.ChangeQuery;
import dev.meridian.store.Commit;
import dev.meridian.store.Condition;
import dev.meridian.store.Engine;
import dev.meridian.store.Expiry;
import dev.meridian.store.IndexDefinition;
import dev.meridian.store.Page;
import dev.meridian.store.Position;
import dev.meridian.store.Query;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.RocksStore;
import dev.meridian.store.SessionToken;
import dev.meridian.store.Sort;
import dev.meridian.store.Store;
import dev.meridian.store.StoreException.Unavailable;
import dev.meridian.store.Write;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A site's pages and files on a real socket over a real store. */
final class SiteServer implements AutoCloseable {
  private static final Pattern LENGTH =
      Pattern.compile("content-length: *([0-9]+)", Pattern.CASE_INSENSITIVE);

  private final HttpClient client = HttpClient.newHttpClient();
  private final Engine engine = new Engine();
  private final LiveSite site;
  private final RocksStore store;
  private final CachedStore cached;
  final PageCache kept;
  private final WebTier web;
  final StaticFiles files;

  /** How old what the store has says it is. */
  volatile Duration age = Duration.ZERO;

  /** Lists that were asked of the store. */
  final AtomicInteger lists = new AtomicInteger();

  /** Lists wait for it; those that waited see what there is then. */
  volatile CountDownLatch gate = new CountDownLatch(0);

  /** Whether lists are refused, as by a replica that cannot answer. */
  volatile boolean broken;

  SiteServer(Path folder, Path data, boolean development) throws IOException {
    Files.createDirectories(data);
    site = LiveSite.open(folder);
    store =
        RocksStore.open(data.resolve("db"), RocksStore.Options.of(engine), indexes(site.current()));
    Access access = Access.open(store, data.resolve("operator.key"));
    SimpleMeterRegistry meters = new SimpleMeterRegistry();
    cached = CachedStore.over(new Aged(), 8 << 20, _ -> true, meters);
    kept = PageCache.over(cached, 8 << 20, meters);
    files = StaticFiles.create(site, development);
    Pages pages = Pages.create(site, cached, kept, access.grants(), files, development);
    web =
        WebTier.start(
            WebOptions.http(new InetSocketAddress("127.0.0.1", 0)),
            cached,
            site,
            meters,
            access,
            List.of(pages, files),
            pages,
            null);
  }

  /** The store as a replica that has not heard from its primary for {@link #age}. */
  private final class Aged implements Store {
    @Override
    public Duration age() {
      return age;
    }

    @Override
    public Optional<Document> get(DocumentPath path, ReadOptions options) {
      return store.get(path, options);
    }

    @Override
    public Page list(Query query, ReadOptions options) {
      lists.incrementAndGet();
      try {
        gate.await();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new Unavailable(Unavailable.Outcome.NOT_DONE, "Interrupted.", e);
      }
      if (broken) {
        throw new Unavailable(Unavailable.Outcome.NOT_DONE, "The replica cannot answer.", null);
      }
      return store.list(query, options);
    }

    @Override
    public Commit write(Batch batch) {
      return store.write(batch);
    }

    @Override
    public Optional<Commit> earlier(Batch batch) {
      return store.earlier(batch);
    }

    @Override
    public ChangeFeed changes(ChangeQuery query) {
      return store.changes(query);
    }

    @Override
    public SessionToken seen() {
      return store.seen();
    }

    @Override
    public SessionToken settled() {
      return store.settled();
    }

    @Override
    public long readMillis() {
      return store.readMillis();
    }

    @Override
    public Position position() {
      return store.position();
    }

    /** Does nothing: what it is of is closed with the server. */
    @Override
    public void close() {}
  }

  private static List<IndexDefinition> indexes(Site site) {
    return site.collections().values().stream()
        .flatMap(
            settings ->
                settings.indexes().stream()
                    .map(
                        fields ->
                            new IndexDefinition(
                                settings.pattern(), fields.stream().map(Sort::parse).toList())))
        .toList();
  }

  static void write(Path folder, String name, String text) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(Objects.requireNonNull(file.getParent()));
    Files.writeString(file, text);
  }

  /** Writes, as a client of this node does. */
  void put(String path, String json) {
    write(cached, path, json);
  }

  /** Writes as another node does: this one hears of it from the change feed alone. */
  Version putElsewhere(String path, String json) {
    return write(store, path, json);
  }

  private static Version write(Store to, String path, String json) {
    return to.write(
            Batch.of(
                new Write.Put(
                    DocumentPath.parse(path),
                    json.getBytes(StandardCharsets.UTF_8),
                    Condition.NONE,
                    Expiry.NEVER)))
        .version();
  }

  int port() {
    return web.httpPort().orElseThrow();
  }

  private HttpRequest request(String method, String path, String... headers) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port() + path))
            .version(HttpClient.Version.HTTP_1_1)
            .method(method, HttpRequest.BodyPublishers.noBody());
    if (headers.length > 0) {
      request.headers(headers);
    }
    return request.build();
  }

  HttpResponse<byte[]> bytes(String method, String path, String... headers)
      throws IOException, InterruptedException {
    return client.send(request(method, path, headers), HttpResponse.BodyHandlers.ofByteArray());
  }

  HttpResponse<String> get(String path, String... headers)
      throws IOException, InterruptedException {
    return client.send(request("GET", path, headers), HttpResponse.BodyHandlers.ofString());
  }

  /** Sends bytes as they are, for what no client would send, and reads the one answer. */
  String raw(String request) throws IOException {
    try (Socket socket = new Socket("127.0.0.1", port())) {
      socket.setSoTimeout(20_000);
      socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
      socket.getOutputStream().flush();
      InputStream in = socket.getInputStream();
      StringBuilder answer = new StringBuilder();
      while (answer.indexOf("\r\n\r\n") < 0) {
        int b = in.read();
        if (b < 0) {
          return answer.toString();
        }
        answer.append((char) b);
      }
      Matcher length = LENGTH.matcher(answer);
      byte[] body = length.find() ? in.readNBytes(Integer.parseInt(length.group(1))) : new byte[0];
      return answer + new String(body, StandardCharsets.ISO_8859_1);
    }
  }

  @Override
  public void close() {
    client.close(); // or the listener would wait for what its connections may yet ask
    web.close();
    kept.close();
    cached.close();
    store.close();
    site.close();
    engine.close();
  }
}
