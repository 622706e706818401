package dev.meridian.shard;

import dev.meridian.document.InvalidInputException;
import dev.meridian.peer.Authority;
import dev.meridian.peer.JoinGrant;
import dev.meridian.peer.JoinToken;
import dev.meridian.peer.NodeCertificate;
import dev.meridian.peer.PeerClient;
import dev.meridian.peer.PeerException;
import dev.meridian.peer.PeerService;
import dev.meridian.peer.PeerTls;
import dev.meridian.peer.PeerTransport;
import dev.meridian.peer.RefusalLog;
import dev.meridian.peer.TrustedAuthorities;
import dev.meridian.replica.Group;
import dev.meridian.replica.Identity;
import dev.meridian.replica.Membership;
import dev.meridian.replica.RaftHost;
import dev.meridian.replica.ReplicaEnded;
import dev.meridian.replica.ReplicaStatus;
import dev.meridian.replica.ReplicatedStore;
import dev.meridian.shard.proto.AttachReply;
import dev.meridian.shard.proto.AttachRequest;
import dev.meridian.shard.proto.DetachRequest;
import dev.meridian.shard.proto.NodeInfo;
import dev.meridian.shard.proto.PingReply;
import dev.meridian.store.Consistency;
import dev.meridian.store.IndexDefinition;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.RocksStore;
import dev.meridian.store.SessionToken;
import dev.meridian.store.Store;
import dev.meridian.store.StoreException;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.KeyPair;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * This node's part in its cluster: the groups of which it holds replicas, and what it does for
 * nodes that join. A node alone is a cluster of one; others join it while it serves.
 */
public final class Cluster implements AutoCloseable {
  private static final Duration COOKIE_LIFE = Duration.ofDays(30);

  private static final Logger LOG = LoggerFactory.getLogger(Cluster.class);

  /** How often a node tries to start when Ratis ends a replica for no fault of its own. */
  private static final int STARTS = 3;

  static final String JOIN = "cluster/join";

  private static final String ENDED =
      "A replica of this node was ended by Raft, and so it can do nothing more; see the lines before."
          + " Nothing is lost: start this node again.";

  static final String ATTACH = "cluster/attach";
  static final String DETACH = "cluster/detach";
  static final String PING = "cluster/ping";
  static final String RETURNED = "cluster/returned";

  static final String CATALOG = "catalog";
  static final String SHARD = "shards/0";
  static final ReadOptions EVENTUAL = new ReadOptions(Consistency.EVENTUAL, SessionToken.NONE);
  private static final Duration CALL = Duration.ofSeconds(2);
  private static final Duration ATTACH_LOOK = Duration.ofSeconds(2);
  private static final int ATTACH_LOOKS = 10;
  private static final Duration LOOK_EVERY = Duration.ofMillis(20);
  private static final Duration MEMBERS_EVERY = Duration.ofSeconds(1);

  /** So often is asked whether this node is still a member. */
  private static final int STANDING_ROUNDS = 3;

  /** So often in turn a replica is found ended before that is believed to be an accident. */
  private static final int ENDED_ROUNDS = 2;

  /** The same at the start, where others may yet have to learn that this node was removed. */
  private static final int ENDED_LOOKS = 3;

  private static final Duration STANDING_WAIT = Duration.ofSeconds(5);
  private static final Duration ENDED_LOOK_EVERY = Duration.ofSeconds(1);

  private static final Duration RETIRE_WAIT = Duration.ofSeconds(30);
  private static final Duration RENEW_EVERY = Duration.ofHours(1);

  private final ClusterOptions options;
  private final RocksStore.Options storeOptions;
  private final MeterRegistry meters;
  private final PeerTls tls;
  private final RaftHost host;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition attached = lock.newCondition();

  /** By name; added under the lock, read without. */
  private final Map<String, ReplicatedStore> groups = new ConcurrentHashMap<>();

  /** Indexes of the shard, for a replica that is yet to be attached. */
  private volatile List<IndexDefinition> indexes;

  /** Nodes that were members once and are no more: their certificates count for nothing. */
  private volatile Set<String> removed = Set.of();

  /** Where the other nodes are, as far as was known last. */
  private volatile Set<InetSocketAddress> lastKnown = Set.of();

  /** Open until this node is told that it is one of them, or that its cluster is no more. */
  private final CountDownLatch member = new CountDownLatch(1);

  /** Why this node takes no part any more; null while it does. */
  private final AtomicReference<@Nullable String> givenUp = new AtomicReference<>();

  private volatile @Nullable Thread retiring;

  private final RefusalLog returnsRefused = new RefusalLog(LOG);

  private volatile boolean closed;
  private @Nullable Steward steward;
  private @Nullable Thread renewing;
  private @Nullable Thread watching;

  private Cluster(
      Path data,
      ClusterOptions options,
      RocksStore.Options storeOptions,
      List<IndexDefinition> indexes,
      MeterRegistry meters)
      throws IOException {
    this.options = options;
    this.storeOptions = storeOptions;
    this.indexes = List.copyOf(indexes);
    this.meters = meters;
    PeerTls[] made = new PeerTls[1];
    this.host =
        RaftHost.open(
            data,
            options.replica(),
            self -> {
              made[0] = trust(data, self, options);
              return PeerTransport.secured(
                  made[0], Set.of(JOIN, RETURNED), id -> removed.contains(id));
            });
    this.tls = Objects.requireNonNull(made[0]);
    tls.onSuccessor(this::succeeded);
  }

  /**
   * Opens this node's part and waits until its data can be used.
   *
   * @param data the node's data folder. A new one joins the cluster that {@code options} name, or
   *     founds one
   * @param indexes of the data
   * @throws IOException if it cannot; the message says what to do
   */
  public static Cluster open(
      Path data,
      ClusterOptions options,
      RocksStore.Options storeOptions,
      List<IndexDefinition> indexes,
      MeterRegistry meters)
      throws IOException {
    if (options.join().isPresent()) {
      join(data, options);
    }
    for (int left = STARTS; ; left--) {
      Cluster cluster = new Cluster(data, options, storeOptions, indexes, meters);
      try {
        cluster.start();
        return cluster;
      } catch (ReplicaEnded e) {
        cluster.close();
        if (left <= 1) {
          throw e;
        }
        LOG.warn("{} It is started again.", e.getMessage());
      } catch (IOException | RuntimeException | Error e) {
        cluster.close();
        throw e;
      }
    }
  }

  /**
   * Makes a new data folder that of a node of the cluster that {@code options} name; one that is a
   * node's already stays as it is.
   *
   * @throws IOException if the cluster cannot be reached or refuses; the message says why
   */
  public static void join(Path data, ClusterOptions options) throws IOException {
    if (!Identity.exists(data)) {
      Joining.join(data, options);
    }
  }

  /** A client for other nodes, in the name of the node whose data folder this is. */
  public static PeerClient client(Path data) throws IOException {
    Path folder = Joining.trust(data);
    PeerTls own =
        new PeerTls(
            NodeCertificate.load(folder), TrustedAuthorities.load(folder), InstantSource.system());
    return PeerClient.secured(builder -> builder.sslContext(own.clientContext()));
  }

  /** What this node shows and trusts; made when it founds its cluster. */
  private static PeerTls trust(Path data, Identity self, ClusterOptions options)
      throws IOException {
    Path folder = Joining.trust(data);
    InstantSource clock = InstantSource.system();
    Authority authority;
    try {
      authority = Authority.load(folder);
    } catch (NoSuchFileException e) {
      if (!self.founder()) {
        throw new IOException(
            "The folder "
                + folder
                + " lacks the cluster's authority, which this node was given when it joined; put a"
                + " copy back, or let the node leave and join again with an empty data folder.",
            e);
      }
      authority = Authority.create(self.cluster(), clock.instant());
      // What is trusted comes first: an authority that is there makes the rest complete.
      TrustedAuthorities.of(List.of(authority.certificate())).save(folder);
      authority.save(folder);
    }
    NodeCertificate certificate;
    try {
      certificate = NodeCertificate.load(folder);
    } catch (NoSuchFileException e) {
      certificate = issue(authority, self.node(), options.replica().reachableAt(), clock.instant());
      certificate.save(folder);
    }
    if (certificate.renewalDue(clock.instant())) {
      certificate = issue(authority, self.node(), options.replica().reachableAt(), clock.instant());
      certificate.save(folder);
    }
    return new PeerTls(certificate, TrustedAuthorities.load(folder), clock);
  }

  private static NodeCertificate issue(
      Authority authority, String node, InetSocketAddress at, Instant now) {
    KeyPair key = NodeCertificate.newKey();
    return NodeCertificate.of(
        key.getPrivate(),
        authority.issue(
            NodeCertificate.request(key),
            node,
            List.of(at.getHostString()),
            Authority.NODE_VALIDITY,
            now));
  }

  private void start() throws IOException {
    host.service().offer(PING, _ -> ping());
    host.service().offerOpenly(JOIN, new Admission(host, options, groups)::join);
    host.service().offer(ATTACH, this::attach);
    host.service().offer(DETACH, this::detach);
    host.service().offerOpenly(RETURNED, this::returned);
    for (String group : List.of(CATALOG, SHARD)) {
      if (host.identity().founder() || host.has(group)) {
        groups.put(group, newStore(group));
      } else {
        host.checkNotLost(group); // or it would wait to be given what it is to have already
      }
    }
    checkOthers();
    String why = givenUp.get(); // the others' certificates may have said so
    if (why != null) {
      throw new IOException(why);
    }
    host.start();
    awaitPrimaries();
    awaitAttached();
    for (ReplicatedStore store : groups.values()) {
      store.awaitServing();
    }
    steward =
        new Steward(
            catalog(),
            group(CATALOG),
            groups,
            host.client(),
            host.identity().node(),
            options.replicas(),
            options.replaceAfter());
    watching = Thread.ofVirtual().name("meridian-members").start(this::watchMembers);
    renewing = Thread.ofVirtual().name("meridian-renewal").start(this::keepCertificate);
  }

  /** Where the other members are, as this node noted it last; known before it has started. */
  private Set<InetSocketAddress> stored() throws IOException {
    Set<InetSocketAddress> others = new HashSet<>();
    for (String group : List.of(CATALOG, SHARD)) {
      host.others(group).stream().map(Member::address).forEach(others::add);
    }
    return others;
  }

  private void checkOthers() throws IOException {
    Set<InetSocketAddress> others = stored();
    options.join().ifPresent(join -> others.add(join.node()));
    Standing standing = Standing.ask(host.client(), others, options.replica().wallMillis());
    checkFormats(standing);
    checkClock(standing);
  }

  private ReplicatedStore newStore(String group) throws IOException {
    return ReplicatedStore.attach(
        host,
        group,
        options.replica(),
        storeOptions,
        group.equals(SHARD) ? indexes : List.of(),
        // One set of numbers is shown: the data's.
        group.equals(SHARD)
            ? meters
            : new io.micrometer.core.instrument.simple.SimpleMeterRegistry());
  }

  /**
   * Waits for a while until it is known who is primary of the groups that this node had a part in.
   *
   * @throws IOException if it has none any more
   */
  private void awaitPrimaries() throws IOException {
    long until = System.nanoTime() + options.replica().startDeadline().toNanos();
    while (!allKnowPrimaries() && System.nanoTime() - until < 0) {
      var unused = checkStanding();
      LockSupport.parkNanos(LOOK_EVERY.toNanos());
    }
    // Nodes that start together could not ask each other before. When the primary is known, others
    // are there, though it may take a moment until a connection that was refused is tried again.
    long answered = System.nanoTime() + STANDING_WAIT.toNanos();
    Standing standing = checkStanding();
    while (!standing.isKnown() && System.nanoTime() - answered < 0) {
      LockSupport.parkNanos(LOOK_EVERY.toNanos());
      standing = checkStanding();
    }
    // Not earlier: while few answer, one whose own clock is wrong would speak for all.
    checkClock(standing);
  }

  /** Ratis ends a member that it finds removed, so others are asked before it is tried again. */
  private boolean allKnowPrimaries() throws IOException {
    try {
      boolean all = true;
      for (ReplicatedStore store : groups.values()) {
        all &= store.knowsPrimary();
      }
      return all;
    } catch (ReplicaEnded e) {
      for (int i = 0; i < ENDED_LOOKS; i++) {
        var unused = checkStanding();
        LockSupport.parkNanos(ENDED_LOOK_EVERY.toNanos());
      }
      throw e;
    }
  }

  /**
   * Checks that this node may still take part.
   *
   * @return what the others said
   * @throws IOException if not; the message says why and what to do
   */
  private Standing checkStanding() throws IOException {
    String why = givenUp.get();
    if (why != null) {
      throw new IOException(why);
    }
    Standing standing = standing();
    if (standing.isRemoved()) {
      throw new IOException(removal());
    }
    checkFormats(standing);
    return standing;
  }

  private void checkFormats(Standing standing) throws IOException {
    String unfit = standing.unfit(options.version(), options.formats());
    if (unfit != null) {
      throw new IOException(unfit);
    }
  }

  private void checkClock(Standing standing) throws IOException {
    String wrong = standing.clockRefusal();
    if (wrong != null && !options.replica().acceptClock()) {
      throw new IOException(wrong);
    }
  }

  private Standing standing() {
    Set<InetSocketAddress> others = known();
    if (!others.isEmpty()) {
      lastKnown = others;
    }
    return Standing.ask(host.client(), lastKnown, options.replica().wallMillis());
  }

  private String removal() {
    return "This node was removed from the cluster: it left, or another node took its place while it"
        + " was away. What it held is on the others. To bring this machine back, let it join with an"
        + " empty data folder: move "
        + host.data()
        + " away, and start it with --join and a token from './meridian token'.";
  }

  /**
   * Waits until this node is removed from the cluster, the cluster went on without it, or it can do
   * nothing more.
   *
   * @return what that means, and what to do
   */
  public String awaitRemoval() throws InterruptedException {
    member.await();
    String why = givenUp.get();
    return why != null ? why : removal();
  }

  /** The cluster was recovered from another node's replica: what is here is of the past. */
  private void succeeded(UUID successor) {
    String why =
        "This node was given up: its cluster was recovered on another node and goes on as cluster "
            + successor
            + ". What it has is of no use there; to take part, let it join with an empty data"
            + " folder.";
    if (givenUp.compareAndSet(null, why)) {
      LOG.error("{}", why);
      groups.values().forEach(store -> store.giveUp(why));
      // Not within a handshake.
      retiring = Thread.ofPlatform().daemon().name("meridian-retiring").start(this::retire);
    }
  }

  /** Without this node's votes, others that were given up are no majority either. */
  private void retire() {
    Set<InetSocketAddress> others;
    try {
      // On disk: it may not have started yet.
      others = stored();
    } catch (IOException e) {
      LOG.warn("The others are not told that this node came back: {}", e.getMessage());
      others = Set.of();
    }
    host.retire();
    byte[] self = Joining.info(self(), options).toByteArray();
    try (PeerClient toSuccessor =
        PeerClient.secured(builder -> builder.sslContext(tls.successorContext()))) {
      for (InetSocketAddress other : others) {
        try {
          toSuccessor.call(other, RETURNED, self, CALL);
        } catch (PeerException e) {
          LOG.debug("{} is not told that this node came back", other, e);
        }
      }
    } finally {
      member.countDown();
    }
  }

  /**
   * Where the other members of the groups are, as their logs have it: after a crash the catalog is
   * empty until its log is applied, for which it needs them.
   */
  private Set<InetSocketAddress> known() {
    Membership members = new Membership(Map.of(), Map.of());
    for (ReplicatedStore store : groups.values()) {
      Membership its = store.members();
      for (Map<String, String> some : List.of(its.replicas(), its.spares())) {
        for (Map.Entry<String, String> member : some.entrySet()) {
          members = members.withReplica(member.getKey(), member.getValue());
        }
      }
    }
    return members.without(self()).replicas().values().stream()
        .map(Member::address)
        .collect(Collectors.toSet());
  }

  /** A node that was given up says that it came back. It has no certificate that counts here. */
  private byte[] returned(byte[] request) throws IOException {
    NodeInfo node = NodeInfo.parseFrom(request);
    returnsRefused.say(
        "A node was refused of the cluster that this one was recovered from: it was started with its"
            + " old data, and has stopped. Delete that data; to take part, let it join with an empty"
            + " data folder. It says it is %s at %s"
                .formatted(RefusalLog.field(node.getId()), RefusalLog.field(node.getAddress())));
    return new byte[0];
  }

  /** Waits to be given replicas. A node that is one too many waits until it is needed. */
  private void awaitAttached() throws IOException {
    for (int look = 1; !isAttached(); look++) {
      // Or one was ended meanwhile, and is to be started again; or this node was removed.
      var unusedPrimaries = allKnowPrimaries();
      var unusedStanding = checkStanding();
      if (look % ATTACH_LOOKS == 0) {
        LOG.info(
            "This node waits to be given a copy of the data; a majority of the cluster may be away."
                + " See ./meridian status on another node.");
      }
    }
  }

  /** Waits for a while. */
  private boolean isAttached() throws IOException {
    lock.lock();
    try {
      long left = ATTACH_LOOK.toNanos();
      while (groups.size() < 2 && left > 0) {
        if (closed) {
          throw new IOException("this node was stopped while it waited for a replica");
        }
        left = attached.awaitNanos(left);
      }
      return groups.size() == 2;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    } finally {
      lock.unlock();
    }
  }

  /** Tells the catalog where this node now is. */
  private void announce() {
    NodeInfo info = Joining.info(host.identity().node(), options);
    Member known = catalog().node(info.getId(), ReadOptions.STRONG).orElse(null);
    Member now = Member.of(info, known == null ? System.currentTimeMillis() : known.joinedMillis());
    if (known != null && !known.address().equals(now.address())) {
      LOG.warn(
          "The cluster knows this node at {}, where it is no more; let it leave and join again, with"
              + " an empty data folder",
          known.address());
      return;
    }
    if (!now.equals(known)) {
      catalog().put(known == null ? now : now.with(known.state()));
    }
  }

  private ReplicatedStore group(String name) {
    return Objects.requireNonNull(groups.get(name));
  }

  private Catalog catalog() {
    return new Catalog(group(CATALOG));
  }

  /** The data. */
  public ReplicatedStore store() {
    return group(SHARD);
  }

  /** This node's id. */
  public String self() {
    return host.identity().node();
  }

  /** Whether this node began the cluster. */
  public boolean isFounder() {
    return host.identity().founder();
  }

  /** Replaces the secondary indexes of the data. */
  public void defineIndexes(List<IndexDefinition> definitions) {
    indexes = List.copyOf(definitions);
    store().defineIndexes(definitions);
  }

  /**
   * A token with which another node may join.
   *
   * @param validity how long
   * @param reusable whether more than one node may use it
   */
  public String newToken(Duration validity, boolean reusable) throws IOException {
    JoinToken token = JoinToken.create(Authority.load(Joining.trust(host.data())).certificate());
    catalog().grant(JoinGrant.of(token, Instant.now().plus(validity), reusable));
    return token.text();
  }

  /**
   * Lets a node go: others take over what it holds, and then it is forgotten.
   *
   * @param id of the node
   * @param gone whether it is gone for good, so that nobody waits for it
   * @throws InvalidInputException if there is no such node, or it is the only one
   */
  public void remove(String id, boolean gone) {
    List<Member> nodes = catalog().nodes(ReadOptions.STRONG);
    Member node =
        nodes.stream()
            .filter(n -> n.id().equals(id))
            .findFirst()
            .orElseThrow(
                () ->
                    new InvalidInputException(
                        "There is no node '"
                            + id
                            + "'; ./meridian status lists those that there are."));
    if (nodes.stream().filter(n -> n.state() == Member.State.IN).count() < 2) {
      throw new InvalidInputException(
          "'" + id + "' is the only node of the cluster; stop it instead.");
    }
    catalog().put(node.with(gone ? Member.State.GONE : Member.State.LEAVING));
  }

  /**
   * The cluster as it is.
   *
   * @param id the cluster's
   * @param self this node's id
   * @param nodes all nodes
   * @param replica of the data on this node
   * @param group the data's group as its primary sees it, or null while there is none
   * @param members of the data's group
   */
  public record Status(
      String id,
      String self,
      List<Member> nodes,
      ReplicaStatus replica,
      @Nullable Group group,
      Membership members) {}

  /** How the cluster is doing, as far as this node can tell now. */
  public Status status() {
    Group seen = null;
    try {
      seen = store().group(CALL);
    } catch (IOException | StoreException e) {
      LOG.debug("No primary tells how its group is", e);
    }
    List<Member> nodes;
    try {
      nodes = catalog().nodes(EVENTUAL);
    } catch (StoreException e) {
      nodes = List.of();
    }
    return new Status(
        host.identity().cluster().toString(),
        self(),
        nodes,
        store().status(),
        seen,
        store().members());
  }

  /** What this node offers its peers; for what it shares with them besides. */
  public PeerService service() {
    return host.service();
  }

  /** Calls other nodes. */
  public PeerClient client() {
    return host.client();
  }

  /** The addresses of the other nodes, the named one first. */
  public List<InetSocketAddress> others(String first) {
    return catalog().nodes(EVENTUAL).stream()
        .filter(node -> !node.id().equals(self()))
        .sorted(Comparator.comparing(node -> !node.id().equals(first)))
        .map(Member::socketAddress)
        .toList();
  }

  /** The ids of the other nodes that have a copy of the data; quick. */
  public Set<String> peers() {
    Membership members = store().members().without(self());
    Set<String> peers = new HashSet<>(members.replicas().keySet());
    peers.addAll(members.spares().keySet());
    return peers;
  }

  /** Where one of the {@link #peers} is; empty if it is none. May wait for a name server. */
  public Optional<InetSocketAddress> peer(String node) {
    Membership members = store().members().without(self());
    String address = members.replicas().get(node);
    return Optional.ofNullable(address == null ? members.spares().get(node) : address)
        .map(Member::address);
  }

  /** The site that the cluster serves, as far as this node knows; or empty. */
  public Optional<SiteVersion> site() {
    return catalog().site(EVENTUAL);
  }

  /** The regions that operators keep clients from, as far as this node knows. */
  public Map<String, Drain> drained() {
    return catalog().drained(EVENTUAL);
  }

  /** Keeps clients from a region, on all nodes, until {@link #undrain}. */
  public void drain(String region, String reason) {
    catalog().drain(region, new Drain(Instant.now(), reason));
  }

  /** Lets clients go to a region again. */
  public void undrain(String region) {
    catalog().undrain(region);
  }

  /** The secret with which all name servers make cookies, for a month. May wait for the primary. */
  public SharedSecret cookieSecret() {
    return catalog().cookies(EVENTUAL, Instant.now(), COOKIE_LIFE);
  }

  /**
   * Which nodes the primary hears.
   *
   * @param silent those it has not heard of for a while
   * @param others all others, of some of which it may know nothing
   */
  public record Hearing(List<Member> silent, List<Member> others) {}

  /**
   * Asks the primary which nodes it has heard of lately; waits for it for a while.
   *
   * @param silence how long ago counts as lately
   * @throws IOException if no primary answers, or one that hears too few to be sure that it is not
   *     itself the one who is cut off
   */
  public Hearing hearing(Duration silence) throws IOException {
    Group group = store().group(CALL);
    long voters = 1 + group.followers().stream().filter(follower -> !follower.spare()).count();
    long heard =
        1
            + group.followers().stream()
                .filter(follower -> !follower.spare())
                .filter(follower -> follower.silentMillis() < silence.toMillis())
                .count();
    if (2 * heard <= voters) {
      throw new IOException("the primary hears " + heard + " of " + voters + " members");
    }
    Set<String> silent =
        group.followers().stream()
            .filter(follower -> !follower.isForgotten())
            .filter(follower -> follower.silentMillis() >= silence.toMillis())
            .map(Group.Follower::node)
            .collect(Collectors.toSet());
    Map<Boolean, List<Member>> nodes =
        catalog().nodes(EVENTUAL).stream()
            .collect(Collectors.partitioningBy(node -> silent.contains(node.id())));
    return new Hearing(nodes.getOrDefault(true, List.of()), nodes.getOrDefault(false, List.of()));
  }

  /** Makes a site the one that all nodes serve. */
  public void publish(SiteVersion site) {
    catalog().publish(site);
  }

  // --- What other nodes ask
  // -----------------------------------------------------------------------

  private byte[] ping() {
    return PingReply.newBuilder()
        .setVersion(options.version())
        .setFormats(options.formats().encode())
        .setCallerState(callerState())
        .setWallMillis(options.replica().wallMillis().getAsLong())
        .build()
        .toByteArray();
  }

  private String callerState() {
    String caller = PeerService.caller();
    try {
      return caller == null || !groups.containsKey(CATALOG)
          ? ""
          : catalog().node(caller, EVENTUAL).map(node -> node.state().name()).orElse("");
    } catch (StoreException e) {
      return ""; // not known now
    }
  }

  private byte[] attach(byte[] request) throws IOException {
    String group = AttachRequest.parseFrom(request).getGroup();
    if (!group.equals(CATALOG) && !group.equals(SHARD)) {
      throw new IOException("This version knows no group '" + group + "'");
    }
    lock.lock();
    try {
      String why = closed ? "This node is stopping" : givenUp.get();
      if (why != null) {
        throw new IOException(why);
      }
      if (!groups.containsKey(group)) {
        groups.put(group, newStore(group));
        attached.signalAll();
      }
    } finally {
      lock.unlock();
    }
    return AttachReply.getDefaultInstance().toByteArray();
  }

  private byte[] detach(byte[] request) throws IOException {
    LOG.info("This node leaves {}", DetachRequest.parseFrom(request).getGroup());
    return AttachReply.getDefaultInstance().toByteArray();
  }

  /** Notes who comes and goes, and whether this node still belongs. */
  private void watchMembers() {
    boolean announced = false;
    int ended = 0;
    try {
      for (int round = 0; !closed; round++) {
        try {
          if (!announced) {
            announce();
            announced = true;
          }
          removed = catalog().removed(EVENTUAL);
        } catch (RuntimeException e) {
          LOG.debug("Members are looked at again later", e);
        }
        try {
          if (round % STANDING_ROUNDS == 0) {
            Standing standing = standing();
            // Whoever leaves is ended in one group while it is needed in another.
            boolean accident =
                groups.values().stream().anyMatch(ReplicatedStore::isEnded) && standing.isIn();
            ended = accident ? ended + 1 : 0;
            if (standing.isRemoved() || ended > ENDED_ROUNDS) {
              String why = standing.isRemoved() ? removal() : ENDED;
              givenUp.compareAndSet(null, why);
              LOG.error("{}", why);
              member.countDown();
              return;
            }
          }
        } catch (RuntimeException e) {
          LOG.debug("Whether this node is still a member is asked again later", e);
        }
        Thread.sleep(MEMBERS_EVERY);
      }
    } catch (InterruptedException e) {
      // Closed.
    }
  }

  /**
   * Renews this node's certificate in time. Every node has the authority, so none need be asked.
   */
  private void keepCertificate() {
    try {
      while (!closed) {
        Thread.sleep(RENEW_EVERY);
        renewCertificate();
      }
    } catch (InterruptedException e) {
      // Closed.
    }
  }

  private void renewCertificate() {
    try {
      if (tls.certificate().renewalDue(Instant.now())) {
        NodeCertificate next =
            issue(
                Authority.load(Joining.trust(host.data())),
                self(),
                options.replica().reachableAt(),
                Instant.now());
        next.save(Joining.trust(host.data()));
        tls.use(next);
        LOG.info("This node's certificate was renewed; it is valid until {}", next.expires());
      }
    } catch (IOException | RuntimeException e) {
      LOG.warn("This node's certificate is to be renewed again in an hour: {}", e.getMessage());
    }
  }

  private void awaitRetired() {
    Thread thread = retiring;
    try {
      if (thread != null && !thread.join(RETIRE_WAIT)) {
        LOG.warn("Not every node could be told that this one came back");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Whether the data folder is a node's already: then nothing is joined or founded. */
  public static boolean isNode(Path data) {
    return Identity.exists(data) && Files.isDirectory(Joining.trust(data));
  }

  /** Stops; another node becomes primary of what this one was. Does not throw. */
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      attached.signalAll();
    } finally {
      lock.unlock();
    }
    Steward acting = steward;
    if (acting != null) {
      acting.close();
    }
    for (Thread thread : new Thread[] {renewing, watching}) {
      if (thread != null) {
        thread.interrupt();
      }
    }
    awaitRetired();
    groups.values().forEach(ReplicatedStore::quiesce);
    host.close();
    groups.values().forEach(Store::close);
  }
}
