package dev.meridian.node;

import dev.meridian.dns.NameServer;
import dev.meridian.dns.Readiness;
import dev.meridian.dns.Serials;
import dev.meridian.dns.Signing;
import dev.meridian.dns.Zones;
import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Json;
import dev.meridian.geo.Prefix;
import dev.meridian.peer.PeerClient;
import dev.meridian.replica.ReplicaOptions;
import dev.meridian.replica.ReplicatedStore;
import dev.meridian.session.Sessions;
import dev.meridian.shard.Cluster;
import dev.meridian.shard.ClusterOptions;
import dev.meridian.shard.Formats;
import dev.meridian.shard.SharedSecret;
import dev.meridian.site.Certificates;
import dev.meridian.site.CollectionSettings;
import dev.meridian.site.Listeners;
import dev.meridian.site.LiveSite;
import dev.meridian.site.Problem;
import dev.meridian.site.Site;
import dev.meridian.site.SiteException;
import dev.meridian.store.Engine;
import dev.meridian.store.IndexDefinition;
import dev.meridian.store.RocksStore;
import dev.meridian.store.Sort;
import dev.meridian.store.Store;
import dev.meridian.web.Access;
import dev.meridian.web.AdminListener;
import dev.meridian.web.AdminViews;
import dev.meridian.web.HandlerService;
import dev.meridian.web.Pages;
import dev.meridian.web.StaticFiles;
import dev.meridian.web.WebOptions;
import dev.meridian.web.WebTier;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.FileDescriptorMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One process of Meridian: a site's name server, web tier and data, put together, started in the
 * order in which they need each other and stopped in the opposite one.
 *
 * <p>Starting fails as a whole: what was opened is closed again and the exception says in one line
 * what to do. Stopping lets requests in flight finish, within {@link WebOptions#GRACE}.
 */
public final class Node implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Node.class);
  private static final int MAX_OPEN_FILES = 512;

  /** How often it is looked whether keys of zones have come to their next step. */
  private static final Duration KEYS_EVERY = Duration.ofMinutes(1);

  private final NodeOptions options;
  private final Instant started = Instant.now();
  private final PrometheusMeterRegistry metrics =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final LiveSite site;
  private final Listeners listeners;
  private final Cluster cluster;
  private final ReplicatedStore store;
  private final NodeCache cache;
  private final Access access;
  private final Seeding seeding;

  /** Of the listeners with TLS; empty when there are none. */
  private final Optional<Certificates> certificates;

  private final Optional<WebTier> web;
  private final Signing signing;
  private final KeyShare keys;
  private final Optional<NameServer> names;
  private final RegionWatch regions;
  private final AdminListener admin;

  /**
   * What is open, newest first; closed in this order. Confined to the starting thread, then to
   * close.
   */
  private final Deque<AutoCloseable> open = new ArrayDeque<>();

  private volatile boolean stopping;

  /** Held while zones are compiled until they are served: what comes later wins. */
  private final Object namesLock = new Object();

  /** Why the zones in use are not those of the files as they stand, or null. */
  private volatile @Nullable String namesProblem;

  /**
   * Starts a node; on return it serves.
   *
   * @throws NodeException if it cannot; nothing is left running
   * @throws dev.meridian.site.SiteException if the site is not usable; it lists every problem
   */
  public static Node start(NodeOptions options) throws NodeException {
    return new Node(options);
  }

  private Node(NodeOptions options) throws NodeException {
    this.options = options;
    try {
      bindMetrics();
      fetchSite();
      this.site = opened(LiveSite.open(options.site()));
      this.listeners = options.listeners().apply(site.current().listeners());
      Engine engine = opened(new Engine());
      ReplicaOptions replica =
          logs()
              .edit()
              .peer(listeners.peer())
              .advertised(options.membership().advertised().orElse(null))
              .acceptClock(options.acceptClock())
              .build();
      this.cluster =
          opened(
              Cluster.open(
                  options.data(),
                  clusterOptions(replica),
                  new RocksStore.Options(
                      engine, replica.region(), System::currentTimeMillis, MAX_OPEN_FILES),
                  indexes(site.current()),
                  metrics));
      this.store = cluster.store();
      ThroughShare through = opened(new ThroughShare(cluster));
      this.cache = opened(new NodeCache(store, site.current(), metrics, through));
      through.offer(cache.store());
      // A recovered node begins its cluster with the copy it has: from now on it is edited there.
      opened(new SiteShare(cluster, site.current().folder(), isSitesHome()));
      this.access = Access.open(store, options.data().resolve("operator.key"));
      site.current()
          .accounts()
          .flatMap(access.accounts()::tooDear)
          .ifPresent(
              why -> {
                throw new SiteException(
                    List.of(new Problem("site.yaml", 1, 1, "accounts: " + why + ".")));
              });
      this.seeding = opened(Seeding.start(cache.store(), site.current(), cluster.isFounder()));
      this.certificates = certificates();
      this.web = startWeb();
      this.signing = Signing.in(options.data().resolve("dnssec"), isSitesHome());
      this.keys = opened(new KeyShare(cluster, signing));
      this.names = startNames();
      this.regions =
          opened(
              new RegionWatch(
                  cluster,
                  site.current().names().geo().regions(),
                  names.isPresent(),
                  metrics,
                  this::serveReady));
      names.ifPresent(
          server -> {
            Thread tending = Thread.ofVirtual().name("names-keys").start(() -> tendKeys(server));
            open.push(tending::interrupt);
          });
      this.admin = opened(AdminListener.start(listeners.admin(), access, new Views()));
      open.push(site.onChange(this::siteChanged)::run);
    } catch (IOException | UncheckedIOException e) {
      closeAll();
      throw new NodeException(message(e), e);
    } catch (RuntimeException | Error e) {
      closeAll();
      throw e;
    }
  }

  private ReplicaOptions logs() {
    return options.shortLogs()
        ? ReplicaOptions.DEFAULT
            .edit()
            .snapshots(1 << 20, 300, Duration.ofMinutes(1))
            .entriesKept(100)
            .segmentBytes(32 << 10)
            .build()
        : ReplicaOptions.DEFAULT;
  }

  private ClusterOptions clusterOptions(ReplicaOptions replica) {
    NodeOptions.Membership membership = options.membership();
    return new ClusterOptions(
        replica,
        membership.zone(),
        options.version(),
        Formats.OURS,
        listeners.http().map(StatusReport::text).orElse(""),
        membership.join(),
        membership.replicas(),
        membership.replaceAfter());
  }

  /** The mark in a site's folder that it is the copy of another node's. */
  private Path fetchedMark() {
    return options.data().resolve("site-is-fetched");
  }

  /** Whether this is the node that the site is edited on. */
  private boolean isSitesHome() {
    return cluster.isFounder() || !Files.exists(fetchedMark());
  }

  /** A node that joins without a site of its own serves the cluster's. */
  private void fetchSite() throws IOException {
    SiteShare.recover(options.site());
    if (options.membership().join().isEmpty()) {
      return;
    }
    boolean node = Cluster.isNode(options.data());
    if (Files.exists(options.site())) {
      if (node) {
        return;
      }
      throw new IOException(
          "The folder "
              + options.site()
              + " is there already, and a node that joins serves the cluster's site. Name a folder"
              + " that does not exist, or none.");
    }
    // Only nodes of the cluster are given its site; so this one becomes one first.
    Listeners wanted = options.listeners().apply(Listeners.DEFAULT);
    Cluster.join(
        options.data(),
        new ClusterOptions(
            ReplicaOptions.DEFAULT
                .edit()
                .peer(wanted.peer())
                .advertised(options.membership().advertised().orElse(null))
                .build(),
            options.membership().zone(),
            options.version(),
            Formats.OURS,
            wanted.http().map(StatusReport::text).orElse(""),
            options.membership().join(),
            options.membership().replicas(),
            options.membership().replaceAfter()));
    // First: a copy that is not known as one would be published as an edit.
    Files.writeString(fetchedMark(), "The site's folder is a copy of the cluster's.\n");
    try (PeerClient client = Cluster.client(options.data())) {
      SiteShare.fetchInto(client, options.membership().join().orElseThrow().node(), options.site());
    }
  }

  private void bindMetrics() {
    new JvmMemoryMetrics().bindTo(metrics);
    opened(new JvmGcMetrics()).bindTo(metrics);
    new JvmThreadMetrics().bindTo(metrics);
    new ProcessorMetrics().bindTo(metrics);
    new FileDescriptorMetrics().bindTo(metrics);
    new UptimeMetrics().bindTo(metrics);
  }

  private <T extends AutoCloseable> T opened(T part) {
    open.push(part);
    return part;
  }

  private Optional<Certificates> certificates() {
    if (listeners.https().isPresent()) {
      return Optional.of(opened(new Certificates(site, "https")));
    }
    return listeners.dnsTls().map(_ -> opened(new Certificates(site, "dns-tls")));
  }

  private Optional<WebTier> startWeb() {
    if (listeners.http().isEmpty() && listeners.https().isEmpty()) {
      return Optional.empty();
    }
    WebOptions web = WebOptions.of(listeners.http(), listeners.https());
    boolean development = options.development().test(listeners);
    StaticFiles files = StaticFiles.create(site, development);
    Pages pages =
        Pages.create(site, cache.store(), cache.pages(), access.grants(), files, development);
    return Optional.of(
        opened(
            WebTier.start(
                web,
                cache.store(),
                site,
                metrics,
                access,
                List.of(new HandlerService(options.handlers(), cache.store(), pages), pages, files),
                pages,
                certificates.orElse(null))));
  }

  private Optional<NameServer> startNames() {
    if (listeners.dns().isPresent() && site.current().names().dnssec()) {
      keys.await();
    }
    Optional<NameServer> started =
        listeners
            .dns()
            .map(
                address ->
                    opened(
                        NameServer.start(
                            address,
                            HeapRoom.load(
                                () ->
                                    Zones.after(Serials.in(options.data().resolve("names")))
                                        .next(site.current(), listeners.http(), signing)),
                            metrics)));
    started.ifPresent(server -> conduct(server, site.current()));
    listeners.dnsTls().ifPresent(address -> listenTls(started, address));
    return started;
  }

  private void listenTls(Optional<NameServer> server, InetSocketAddress address) {
    server
        .orElseThrow(
            () ->
                new UncheckedIOException(
                    new IOException(
                        "dns-tls needs the name server; give --dns an address, or turn dns-tls"
                            + " off")))
        .listenTls(address, certificates.orElseThrow().context());
  }

  /** The site as it now is. */
  public Site site() {
    return site.current();
  }

  /** The data, as the site's own pages see it. */
  public Store store() {
    return cache.store();
  }

  /** Where the node really listens: ports that were asked for as 0 are filled in. */
  public Listeners listeners() {
    return new Listeners(
        listeners.http().map(a -> at(a, web.orElseThrow().httpPort().orElseThrow())),
        listeners.https().map(a -> at(a, web.orElseThrow().httpsPort().orElseThrow())),
        listeners.dns().map(_ -> names.orElseThrow().address()),
        names.flatMap(NameServer::tlsAddress),
        at(listeners.admin(), admin.port()),
        listeners.peer());
  }

  private static InetSocketAddress at(InetSocketAddress address, int port) {
    return new InetSocketAddress(address.getAddress(), port);
  }

  /** How far the import of the site's seed files is, or empty when there is none under way. */
  public Optional<SeedProgress> seedProgress() {
    Seeding.Progress now = seeding.progress();
    return now.isRunning()
        ? Optional.of(
            new SeedProgress(now.collection(), now.documents(), now.bytesRead(), now.bytesTotal()))
        : Optional.empty();
  }

  /**
   * Waits until this node is removed from its cluster.
   *
   * @return what that means, and what to do
   */
  public String awaitRemoval() throws InterruptedException {
    return cluster.awaitRemoval();
  }

  /** Waits until the site's seed files are imported or have failed, at most so long. */
  public boolean awaitSeeds(Duration limit) throws InterruptedException {
    return seeding.await(limit);
  }

  /**
   * How far an import is.
   *
   * @param collection what is being imported
   * @param documents stored so far
   * @param bytesRead of the file
   * @param bytesTotal of the file
   */
  public record SeedProgress(String collection, long documents, long bytesRead, long bytesTotal) {}

  private void conduct(NameServer server, Site now) {
    server.limit(now.names().limit());
    server.identity(now.names().identity() ? Optional.of(cluster.self()) : Optional.empty());
    server.sample(now.names().sampleLog());
  }

  private void siteChanged(Site now) {
    cache.siteChanged(now); // first: pages are made by the new site already
    cluster.defineIndexes(indexes(now));
    names.ifPresent(
        server -> {
          serveNames(server, now);
          conduct(server, now);
        });
    regions.regions(now.names().geo().regions(), names.isPresent());
    now.accounts()
        .flatMap(access.accounts()::tooDear)
        .ifPresent(why -> LOG.error("No password can be checked: {}.", why));
    Listeners wanted = options.listeners().apply(now.listeners());
    if (!wanted.equals(listeners)) {
      LOG.warn("The site's listeners changed; they take effect when the node is started again");
    }
    LOG.info("The site's new settings are in use");
  }

  /** Zones that cannot be served as written leave the last good ones in place. */
  private void serveNames(NameServer server, Site now) {
    synchronized (namesLock) {
      try {
        // A site has many names perhaps, and queries are answered meanwhile.
        serve(
            server,
            Background.run(
                "names-load",
                () -> HeapRoom.load(() -> server.zones().next(now, listeners.http(), signing))));
      } catch (InvalidInputException | UncheckedIOException e) {
        namesProblem = e.getMessage();
        LOG.error("The old zones stay in use: {}", e.getMessage());
      }
    }
  }

  private void serveReady(Readiness readiness) {
    names.ifPresent(
        server -> {
          synchronized (namesLock) {
            server.serve(readiness);
          }
        });
  }

  /** Lets keys grow old and be replaced, for as long as the node lives. */
  private void tendKeys(NameServer server) {
    try {
      while (true) {
        shareCookies(server);
        Thread.sleep(KEYS_EVERY);
        try {
          signing.look();
          if (site.current().names().dnssec()) {
            keys.follow(this::serveFetched);
          }
          synchronized (namesLock) {
            signing.advance(() -> nextZones(server)).ifPresent(next -> serve(server, next));
          }
        } catch (RuntimeException e) {
          // Whatever it is, it may be over in a minute; without this thread no key would be
          // replaced.
          LOG.warn("The keys of zones stay as they are for now: {}", e.getMessage());
        }
        renewSignatures(server);
      }
    } catch (InterruptedException e) {
      // Closed.
    }
  }

  /** Of what secondaries have; they cannot make others. */
  private void renewSignatures(NameServer server) {
    synchronized (namesLock) {
      if (!server.zones().isOfEarlierDay(InstantSource.system())) {
        return;
      }
      try {
        serve(server, nextZones(server));
      } catch (RuntimeException e) {
        namesProblem = e.getMessage();
        LOG.error(
            "Secondaries get no new signatures, and theirs will be over in a week, as the names of the"
                + " site cannot be read: {}",
            e.getMessage());
      }
    }
  }

  /** Without a secret there are no cookies yet, which nobody needs. */
  private void shareCookies(NameServer server) {
    try {
      SharedSecret secret = cluster.cookieSecret();
      server.cookies(secret.current(), secret.before());
    } catch (RuntimeException e) {
      LOG.debug("The secret of cookies is not known yet", e);
    }
  }

  /** Serves with keys that came from another node, where they are new. */
  private void serveFetched(byte[] exported) {
    NameServer server = names.orElseThrow();
    synchronized (namesLock) {
      signing.take(exported, () -> nextZones(server)).ifPresent(next -> serve(server, next));
    }
  }

  /** With {@link #namesLock}: what was compiled of the site as it is has no problem. */
  private void serve(NameServer server, Zones next) {
    server.serve(next);
    namesProblem = null;
  }

  private Zones nextZones(NameServer server) {
    return HeapRoom.load(() -> server.zones().next(site.current(), listeners.http(), signing));
  }

  private static List<IndexDefinition> indexes(Site site) {
    return Stream.concat(
            site.collections().values().stream().flatMap(Node::indexes), Stream.of(Sessions.INDEX))
        .toList();
  }

  private static Stream<IndexDefinition> indexes(CollectionSettings settings) {
    return settings.indexes().stream()
        .map(
            fields ->
                new IndexDefinition(settings.pattern(), fields.stream().map(Sort::parse).toList()));
  }

  /**
   * Stops: new requests are refused, those in flight finish. Does not throw; may be called twice.
   */
  @Override
  public void close() {
    stopping = true;
    closeAll();
  }

  private synchronized void closeAll() {
    while (!open.isEmpty()) {
      AutoCloseable part = open.pop();
      try {
        part.close();
      } catch (Exception e) {
        LOG.warn("{} did not stop cleanly", part.getClass().getSimpleName(), e);
      }
    }
  }

  private static String message(Exception e) {
    Throwable cause = e instanceof UncheckedIOException ? e.getCause() : e;
    String message = cause == null ? null : cause.getMessage();
    return message != null ? message : e.toString();
  }

  /** What the operator's listener shows. */
  private final class Views implements AdminViews {
    @Override
    public Optional<String> notReady() {
      if (stopping) {
        return Optional.of("The node is stopping.");
      }
      if (!store.status().ready()) {
        String problem = store.status().problem();
        return Optional.of(problem != null ? problem : "The replica is not ready.");
      }
      return seedProgress()
          .map(seed -> "The seed of '" + seed.collection() + "' is being imported.");
    }

    @Override
    public Site site() {
      return site.current();
    }

    @Override
    public byte[] status() {
      return StatusReport.of(
          options,
          started,
          site,
          namesProblem,
          names.map(server -> server.zones().apexes()).orElse(List.of()),
          names.flatMap(server -> server.zones().geoStatus()),
          names.map(server -> server.asked(0)),
          regions.json(),
          listeners(),
          cluster.status(),
          cache.json(),
          seeding.progress(),
          access.sessions().counts().json(),
          access.accounts().counts().json(),
          notReady());
    }

    @Override
    public byte[] where(String address, Optional<String> name) {
      Optional<Prefix> client = Prefix.parse(address);
      if (client.isEmpty() || address.contains("/")) {
        throw new InvalidInputException(
            "'" + address + "' is no address; give one such as 81.2.69.142 or 2001:db8::1.");
      }
      NameServer server =
          names.orElseThrow(
              () ->
                  new InvalidInputException(
                      "the name server of this node is off; ask a node that has one."));
      List<Json> lines =
          server.zones().where(client.get().first(), name).stream()
              .map(line -> (Json) new Json.Str(line))
              .toList();
      return new Json.Obj(Map.of("steps", new Json.Arr(lines))).toBytes();
    }

    @Override
    public byte[] namesAsked(int most) {
      return names
          .map(server -> server.asked(most))
          .orElseThrow(
              () ->
                  new InvalidInputException(
                      "the name server of this node is off; ask a node that has one."))
          .toBytes();
    }

    @Override
    public byte[] regions() {
      return new Json.Obj(Map.of("regions", regions.json())).toBytes();
    }

    @Override
    public void drainRegion(String region, boolean drained, String reason) {
      regions.drain(region, drained, reason);
    }

    @Override
    public String metrics() {
      return metrics.scrape();
    }

    @Override
    public String newToken(Duration validity, boolean reusable) throws IOException {
      return cluster.newToken(validity, reusable);
    }

    @Override
    public byte[] zoneKeys() {
      return signing.report();
    }

    @Override
    public void replaceZoneKey(String zone, boolean parentHasIt) {
      NameServer server =
          names.orElseThrow(() -> new InvalidInputException("This node has no name server."));
      synchronized (namesLock) {
        serve(
            server,
            parentHasIt
                ? signing.confirm(zone, () -> nextZones(server))
                : signing.roll(zone, () -> nextZones(server)));
      }
    }

    @Override
    public void removeNode(String id, boolean gone) {
      cluster.remove(id.equals("self") ? cluster.self() : id, gone);
    }

    @Override
    public void backup(OutputStream to) throws IOException {
      store.backup(to, (done, total) -> {});
    }
  }
}
