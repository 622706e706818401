package dev.meridian.replica;

import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.peer.PeerTransport;
import dev.meridian.replica.proto.NotPrimary;
import dev.meridian.replica.proto.WriteReply;
import dev.meridian.replica.proto.WriteRequest;
import dev.meridian.store.Batch;
import dev.meridian.store.ChangeFeed;
import dev.meridian.store.ChangeQuery;
import dev.meridian.store.Commit;
import dev.meridian.store.IndexDefinition;
import dev.meridian.store.LogCodec;
import dev.meridian.store.LogException;
import dev.meridian.store.Outcome;
import dev.meridian.store.Page;
import dev.meridian.store.PendingStatus;
import dev.meridian.store.Position;
import dev.meridian.store.Query;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.RocksStore;
import dev.meridian.store.SessionToken;
import dev.meridian.store.Store;
import dev.meridian.store.StoreException;
import dev.meridian.store.StoreException.Unavailable;
import dev.meridian.store.Verification;
import dev.meridian.store.proto.Command;
import dev.meridian.store.proto.WriteCommand;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A store whose every write goes through the log of a Raft group before it is answered: synced to
 * disk on a majority of the group's members, applied to the database. Each member's node has one of
 * these. Writes may be given to any of them and are done by the primary; reads are answered here.
 *
 * <p>Writes that arrive together share an entry of the log and its fsync. {@code STRONG} reads see
 * what the primary, knowing that it still is one, has applied; {@code SESSION} reads what their
 * token has seen, and {@code EVENTUAL} ones what is here.
 *
 * <p>Whatever goes wrong, a write is answered: with its result, or with what is known about it. A
 * replica that cannot apply an entry or write its log stops, and says so to every caller.
 */
public final class ReplicatedStore implements Store {
  private static final Logger LOG = LoggerFactory.getLogger(ReplicatedStore.class);

  /** How long closing waits for writes under way, and for another member to become primary. */
  private static final Duration CLOSE_WAIT = Duration.ofSeconds(10);

  /** Part of the lease below which a read has it renewed. */
  private static final double RENEW_AT = 0.5;

  private static final Duration TRANSFER_WAIT = Duration.ofMillis(1500);

  /** How long a primary that hands over waits for the entries under way. */
  private static final Duration IDLE_WAIT = Duration.ofSeconds(2);

  /** How long a member may take to say whether it could be primary. */
  private static final Duration FIT_WAIT = Duration.ofSeconds(1);

  /** How often a primary that cannot write looks for another; where none can, none is better. */
  private static final Duration GIVE_WAY_EVERY = Duration.ofSeconds(5);

  /** How long a new member may take to catch up. */
  private static final Duration MEMBERS_WAIT = Duration.ofMinutes(10);

  /** How long a write waits for an election. One takes about a second. */
  private static final Duration ELECTION_PATIENCE = Duration.ofSeconds(4);

  /** A replica that waits for no longer than this for all that was written keeps up. */
  private static final Duration KEEPS_UP = Duration.ofMillis(100);

  /** How long a reader waits for this replica to catch up by itself before it asks the primary. */
  private static final Duration CATCH_UP = Duration.ofMillis(5);

  /** And how long for a heartbeat that was asked for, before it is asked for again. */
  private static final Duration HURRY = Duration.ofMillis(50);

  private final ReplicaOptions options;
  private final String group;
  private final RaftHost host;

  /** Whether the host is this store's alone, to be closed with it. */
  private final boolean ownsHost;

  private final DiskGuard disk;
  private final ClockGuard clock;
  private final ReplicaMetrics metrics;
  private final AppliedSignal applied = new AppliedSignal();
  private final CommitTimes times = new CommitTimes();
  private final SnapshotsSent sent = new SnapshotsSent();
  private final Fences fences = new Fences();
  private final Freshness freshness = new Freshness(System.nanoTime());
  private final SnapshotFetch fetch;
  private final Primary primary;
  private final RaftReplica raft;
  private final GroupCommit commits;
  private final Maintenance maintenance;
  private final Flusher flusher;
  private final MemberService service;

  /** As defined last; also for a database that another member's snapshot brings. */
  private volatile List<IndexDefinition> indexes;

  /** The newest write that went from here to the primary. */
  private final AtomicLong forwarded = new AtomicLong();

  /** Why this replica can go no further; null while it can. */
  private final AtomicReference<@Nullable String> failure = new AtomicReference<>();

  private final AtomicBoolean toldOfDamage = new AtomicBoolean();

  private volatile boolean closed;

  /** Whether so much was pending after the last entry that it is flushed before it is due. */
  private volatile boolean hurried;

  /** Whether an entry is under way for the lease alone. */
  private final AtomicBoolean renewing = new AtomicBoolean();

  /** When it last tried to give way ({@link System#nanoTime}); of the upkeep's thread. */
  private long gaveWay = System.nanoTime() - GIVE_WAY_EVERY.toNanos();

  /** What {@link RaftReplica#forgetsMembers} said last; of the upkeep's thread. */
  private boolean wasForgetful;

  /** Whether {@link #quiesce} was called; guarded by this. */
  private boolean quiet;

  /**
   * Opens the first shard's replica in a data folder of its own and waits until it can serve: for a
   * node that has no other group, which talks to others without encryption.
   *
   * @param data the node's data folder; held by this store alone until it is closed
   * @param storeOptions for the database; its clock is not used: reads judge expiry by the clock of
   *     {@code options} as far as writes trust it
   * @param indexes the secondary indexes
   * @param meters where it shows its numbers
   * @throws IOException if the folder is in use, damaged, half restored or cannot be written; the
   *     message says what to do
   */
  public static ReplicatedStore open(
      Path data,
      ReplicaOptions options,
      RocksStore.Options storeOptions,
      List<IndexDefinition> indexes,
      MeterRegistry meters)
      throws IOException {
    RaftHost host = RaftHost.open(data, options, self -> PeerTransport.plainText());
    @Nullable ReplicatedStore store = null;
    try {
      store =
          new ReplicatedStore(
              host, true, Layout.FIRST_SHARD, options, storeOptions, indexes, meters);
      host.start();
      store.awaitServing();
      return store;
    } catch (IOException | RuntimeException | Error e) {
      if (store != null) {
        store.close();
      } else {
        host.close();
      }
      throw e;
    }
  }

  /**
   * Opens a replica of a group of {@code host}'s. It serves when the host has started and {@link
   * #awaitServing} has returned.
   *
   * @param group the group's name, such as {@code shards/0}; also its folder's
   * @throws IOException if its folder is damaged or cannot be written
   */
  public static ReplicatedStore attach(
      RaftHost host,
      String group,
      ReplicaOptions options,
      RocksStore.Options storeOptions,
      List<IndexDefinition> indexes,
      MeterRegistry meters)
      throws IOException {
    return new ReplicatedStore(host, false, group, options, storeOptions, indexes, meters);
  }

  private ReplicatedStore(
      RaftHost host,
      boolean ownsHost,
      String group,
      ReplicaOptions options,
      RocksStore.Options storeOptions,
      List<IndexDefinition> indexes,
      MeterRegistry meters)
      throws IOException {
    this.host = host;
    this.ownsHost = ownsHost;
    this.group = group;
    this.options = options;
    this.indexes = List.copyOf(indexes);
    this.disk = new DiskGuard(host.data(), options.diskReserve());
    String exhaustion = disk.exhaustion();
    if (exhaustion != null) {
      throw new IOException(exhaustion + ". Make room, then start this node again.");
    }
    this.clock = new ClockGuard(options.wallMillis(), options.uptimeMillis());
    this.metrics = new ReplicaMetrics(meters);
    this.fetch = new SnapshotFetch(host.client(), group, options.snapshotBytesPerSecond());
    this.primary =
        new Primary(host.client(), group, this::primaryAddress, this::term, options.readDeadline());
    // Both are at rest until the replica is there; but it may need them while it starts.
    this.commits = new GroupCommit(options, new Proposals(), metrics);
    this.maintenance = new Maintenance(options, new Upkeep());
    this.flusher = new Flusher(new Pendings());
    try {
      Backup.removeUnfinished(Layout.group(host.data(), group));
      this.raft =
          RaftReplica.attach(
              host,
              group,
              options,
              folder ->
                  RocksStore.open(folder, storeOptions.withClock(clock::wallMillis), this.indexes),
              fetch,
              this::fail,
              this::damaged,
              this::applied,
              metrics);
    } catch (IOException | RuntimeException | Error e) {
      commits.close();
      metrics.close();
      throw e;
    }
    this.service = new MemberService(host.service(), group, new Member(), sent, fences);
    showGauges();
  }

  private long term() {
    return raft.term();
  }

  /** As {@link Primary} asks for it. */
  private @Nullable String primaryAddress() {
    if (closed || !raft.isFound()) {
      return null;
    }
    try {
      RaftPeer at = raft.primary();
      return at == null ? null : at.getAddress();
    } catch (RuntimeException e) {
      LOG.debug("Ratis does not know its members now", e);
      return null;
    }
  }

  /** On Ratis' thread, after each entry. */
  private void applied(ShardStateMachine machine) {
    maintenance.logGrew(machine.bytesSinceSnapshot(), machine.entriesSinceSnapshot());
    times.committed(machine.getLastAppliedTermIndex().getIndex(), System.nanoTime());
    applied.ring();
    boolean hurries = machine.store().hurriesFlush();
    boolean before = hurried;
    hurried = hurries;
    if (hurries && !before && raft.isReady()) {
      flusher.hurry();
    }
  }

  /**
   * Waits until this replica can serve: as the primary, or as one that knows the primary. A member
   * of a larger group goes on without: it serves what it may, and the rest when a majority is back.
   *
   * @throws IOException if it stopped, or is the only member and cannot become primary
   */
  public void awaitServing() throws IOException {
    String wrong = clock.startRefusal(store().lastTimestamp());
    if (wrong != null && !options.acceptClock()) {
      throw new IOException(wrong);
    }
    boolean found = raft.awaitPrimary(options.startDeadline(), () -> failure.get() != null);
    String failed = failure.get();
    if (failed != null) {
      throw new IOException(failed);
    }
    if (!found) {
      if (raft.members() <= 1) {
        throw new IOException(
            "The replica in "
                + raft.folder()
                + " was not ready after "
                + options.startDeadline().toSeconds()
                + " s; it is "
                + raft.role()
                + ".");
      }
      LOG.warn("No primary of {} is known yet; a majority of its members may be away", group);
    } else if (!raft.isReady()) {
      catchUp();
    }
    maintenance.start();
    flusher.start();
  }

  /**
   * Whether it is known who is primary: this node, or another.
   *
   * @throws ReplicaEnded if this replica was ended meanwhile, so that it will never know
   */
  public boolean knowsPrimary() throws ReplicaEnded {
    if (failure.get() == null) { // otherwise whoever waits for it to serve is told
      raft.checkRuns();
    }
    RaftPeer at = raft.primary();
    return raft.isReady() || (at != null && !at.getId().equals(host.self()));
  }

  /**
   * A member that was away has what it missed before it is asked for it, and keeps up: while others
   * write, having caught up once says little.
   */
  private void catchUp() {
    long until = System.nanoTime() + options.startDeadline().toNanos();
    while (true) {
      long since = System.nanoTime();
      try {
        awaitEverything();
        if (System.nanoTime() - since < KEEPS_UP.toNanos() || left(until).isZero()) {
          return;
        }
      } catch (Unavailable e) {
        if (left(until).isZero()) {
          LOG.warn("{} has not caught up with its primary yet: {}", group, e.getMessage());
          return;
        }
      }
    }
  }

  private void showGauges() {
    metrics.gauge("queue.writes", "Writes waiting for their turn", this, s -> s.commits.queued());
    metrics.gauge(
        "inflight.entries",
        "Entries handed to the log and not yet applied",
        this,
        s -> s.commits.inFlight());
    metrics.gauge(
        "applied.index", "Newest log entry in the database", this, s -> s.raft.appliedIndex());
    metrics.gauge(
        "committed.index", "Newest log entry that is safe", this, s -> s.raft.committedIndex());
    metrics.gauge("term", "Raft term", this, s -> s.raft.term());
    metrics.gauge(
        "log.size",
        "Bytes of log since the newest snapshot",
        this,
        s -> s.raft.machine().bytesSinceSnapshot());
    metrics.gauge(
        "pending.documents",
        "Documents with a value that write-behind has not flushed",
        this,
        s -> s.pending().documents());
    metrics.gauge("pending.size", "Bytes of values not flushed", this, s -> s.pending().bytes());
    metrics.gauge(
        "pending.age",
        "Seconds for which the oldest value waits to be flushed",
        this,
        s -> s.pending().ageMillis(s.readMillis()) / 1e3);
    metrics.gauge(
        "pending.coalescing",
        "Writes put off for each document flushed",
        this,
        s -> s.pending().coalescing());
    metrics.counter(
        "pending.writes", "Writes put off by write-behind", this, s -> s.pending().writes());
    metrics.counter(
        "pending.flushed", "Documents flushed for them", this, s -> s.pending().flushed());
    metrics.counter(
        "pending.passed",
        "Writes not put off, since too much was pending",
        this,
        s -> s.pending().passed());
    metrics.gauge("disk.free", "Free bytes on the data folder's disk", this, s -> s.disk.free());
    metrics.gauge("ready", "1 when it takes writes", this, s -> s.raft.isReady() ? 1 : 0);
  }

  @Override
  public Optional<Document> get(DocumentPath path, ReadOptions read) {
    return reading(read, store -> store.get(path, read));
  }

  @Override
  public Page list(Query query, ReadOptions read) {
    return reading(read, store -> store.list(query, read));
  }

  /** Reads from the database, once it is fresh enough for such a read. */
  private <T> T reading(ReadOptions read, Function<RocksStore, T> reader) {
    while (true) {
      RocksStore fresh = readable(read);
      try {
        return reader.apply(fresh);
      } catch (Unavailable e) {
        // Another member's snapshot takes this database's place: the next one has the answer.
        if (fresh == store() && !raft.machine().isReplacing()) {
          throw e;
        }
        await(() -> !raft.machine().isReplacing(), options.readDeadline(), e.getMessage());
        checkOpen();
      }
    }
  }

  private RocksStore readable(ReadOptions read) {
    checkOpen();
    switch (read.consistency()) {
      case STRONG -> awaitEverything();
      case SESSION -> {
        SessionToken token = read.token();
        // Who has none expects at least what was written through this node to be there.
        long seen =
            token.timestamps().isEmpty()
                ? forwarded.get()
                : token.timestamps().getOrDefault(options.region(), 0L);
        if (seen > store().lastTimestamp()) {
          awaitSeen(seen);
        }
      }
      case EVENTUAL -> {}
    }
    return store();
  }

  /** The primary has everything that was ever acknowledged; a replica may yet get it. */
  private void awaitSeen(long seen) {
    if (!raft.isReady() && awaits(() -> store().lastTimestamp() >= seen, CATCH_UP)) {
      return;
    }
    awaitEverything();
    // A token that is ahead even of the primary is from a history that a backup replaced, or made
    // up. What it claims to have seen is not there; what is written next is above it, unless it is
    // so far ahead that anybody's token could drive the clock.
    clock.observe(seen);
  }

  /**
   * The entry up to which a database must be for a read of it to be linearizable, as this primary
   * knows. Where the lease does not say that this is the primary still, an entry of the log does
   * that is committed after this was called.
   *
   * <p>It is the newest one that is committed, not the newest applied here: another member may have
   * applied more, and shown it.
   *
   * @throws Unavailable if that is not known within the deadline, or this is not the primary
   */
  private long strongIndex(Duration deadline) {
    if (!leases()) {
      if (!raft.isReady()) {
        throw notDone(raft.notReady());
      }
      commitNothing(deadline);
    }
    return raft.committedIndex();
  }

  /** Whether the lease says that this is the primary. Sees to it that it goes on saying so. */
  private boolean leases() {
    double lease = raft.lease();
    if (lease > 0 && lease < RENEW_AT) {
      renewLease();
    }
    return lease > 0;
  }

  /** Has an entry committed meanwhile, where no write does it: so readers need not wait for one. */
  private void renewLease() {
    if (renewing.compareAndSet(false, true)) {
      Thread.ofVirtual()
          .name("lease")
          .start(
              () -> {
                try {
                  commitNothing(options.readDeadline());
                } catch (StoreException e) {
                  LOG.debug("The lease of {} is not renewed", group, e);
                } finally {
                  renewing.set(false);
                }
              });
    }
  }

  /** Removes nothing; it is an entry. */
  private void commitNothing(Duration deadline) {
    commits.commit(LogCodec.sweep(0, 0, 0, 0), deadline);
  }

  /** Waits until all that was acknowledged before this call is applied here. */
  private void awaitEverything() {
    long until = System.nanoTime() + options.readDeadline().toNanos();
    while (true) {
      String why;
      RaftPeer at = raft.primary();
      if (raft.isReady()) {
        try {
          long index = strongIndex(left(until));
          await(
              () -> raft.appliedIndex() >= index,
              left(until),
              "The primary does not apply what is committed.");
          return;
        } catch (Unavailable e) {
          // Another becomes primary just now: that one tells.
          why = e.getMessage();
        }
      } else if (at != null && !at.getId().equals(host.self())) {
        try {
          long index = primary.fence(at, false, left(until));
          if (awaits(() -> raft.appliedIndex() >= index, CATCH_UP)) {
            return;
          }
          // A replica learns what is committed with the next entry or heartbeat. So there is one
          // now. An entry would be one more that the next readers need to have here.
          // It may be lost, if one is just being sent, and is asked for again then.
          do {
            primary.fence(at, true, left(until));
            Duration wait = left(until).compareTo(HURRY) < 0 ? left(until) : HURRY;
            if (awaits(() -> raft.appliedIndex() >= index, wait)) {
              return;
            }
          } while (!left(until).isZero());
          throw notDone("This replica does not catch up with the primary.");
        } catch (Primary.NotThere e) {
          why = e.getMessage();
        }
      } else {
        why = raft.notReady();
      }
      if (left(until).isZero()) {
        throw notDone("A read of this consistency needs the primary. " + why);
      }
      pause();
    }
  }

  /**
   * Which nodes asked the primary lately up to where they must read, for a {@code STRONG} read or
   * one whose token was ahead of them. Whoever asks it later is told of all that was acknowledged
   * before this was called; so a node that did not ask lately, and reads without asking, reads what
   * it was told long ago. Has the replicas told what is committed.
   *
   * @throws Unavailable if no primary answers in time that is sure to be one
   */
  public Fenced fenced(Duration deadline) {
    checkOpen();
    if (raft.isReady()) {
      return fencedHere(deadline);
    }
    try {
      return primary.fenced(elsewhere(), deadline);
    } catch (Primary.NotThere e) {
      throw notDone(String.valueOf(e.getMessage()));
    }
  }

  private Fenced fencedHere(Duration deadline) {
    long term = raft.term();
    if (!raft.isReady()) {
      throw notDone("Another member was primary meanwhile.");
    }
    // It is primary in that term or a later one: never before it was, else its office is too long.
    fences.primaryIn(term);
    Fenced known = fences.known(host.identity().node());
    // In this order: no other was primary when that was looked up, nor between.
    strongIndex(deadline);
    if (raft.term() != term) {
      throw notDone("Another member was primary meanwhile.");
    }
    raft.announce();
    return known;
  }

  private static Duration left(long untilNanos) {
    return Duration.ofNanos(Math.max(0, untilNanos - System.nanoTime()));
  }

  private boolean awaits(BooleanSupplier done, Duration limit) {
    try {
      return applied.await(done, limit);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw notDone("The read was interrupted.");
    }
  }

  private void await(BooleanSupplier done, Duration limit, @Nullable String otherwise) {
    if (!awaits(done, limit)) {
      throw notDone(String.valueOf(otherwise));
    }
  }

  /** Before looking again who is primary. */
  private void pause() {
    checkOpen();
    LockSupport.parkNanos(10_000_000);
    if (Thread.currentThread().isInterrupted()) {
      throw notDone("The request was interrupted.");
    }
  }

  @Override
  public Commit write(Batch batch) {
    Command command = LogCodec.command(batch);
    boolean repeatable = batch.idempotencyKey() != null;
    long until = System.nanoTime() + options.writeDeadline().toNanos();
    long electedBy = System.nanoTime() + ELECTION_PATIENCE.toNanos();
    // An attempt after which nobody knows: from then on, that another one was not done says
    // nothing.
    @Nullable Unavailable doubt = null;
    while (true) {
      try {
        checkOpen();
        return attempt(command, left(until));
      } catch (Primary.NotThere e) {
        if (e.superseded) {
          electedBy = System.nanoTime() + ELECTION_PATIENCE.toNanos();
        }
        if (System.nanoTime() - Math.min(until, electedBy) > 0) {
          throw doubt != null ? doubt : notDone(e.getMessage() + " The write was not done.");
        }
      } catch (Unavailable e) {
        // Whoever can be told twice without harm is asked again.
        if (e.outcome() == Unavailable.Outcome.UNKNOWN) {
          doubt = e;
          electedBy = System.nanoTime() + ELECTION_PATIENCE.toNanos();
          if (!repeatable) {
            throw e;
          }
        } else if (doubt == null) {
          throw e;
        }
        if (left(until).isZero()) {
          throw doubt;
        }
      }
      try {
        pause();
      } catch (Unavailable e) {
        throw doubt != null ? doubt : e;
      }
    }
  }

  /** Writes here, if this is the primary, or there. */
  private Commit attempt(Command command, Duration deadline) throws Primary.NotThere {
    if (raft.isReady()) {
      return switch (here(() -> submit(command, deadline).await())) {
        case Outcome.Done(Commit commit) -> commit;
        // A new exception would tell the caller where it was thrown; nobody needs that here.
        case Outcome.Failed failed -> throw failed.problem();
        case Outcome.Swept _, Outcome.Flushed _ ->
            throw new IllegalStateException("a batch is no sweep");
      };
    }
    Commit commit = primary.write(elsewhere(), command, deadline);
    forwarded.accumulateAndGet(commit.version().timestamp(), Math::max);
    return commit;
  }

  private PendingWrite submit(Command command, Duration deadline) {
    return submit(new PendingWrite(command, deadline));
  }

  private PendingWrite submit(PendingWrite write) {
    String full = deletes(write.command()) ? disk.deleteRefusal() : disk.refusal();
    if (full != null) {
      throw notDone(full);
    }
    return commits.submit(write);
  }

  /** What becomes of a write here, as long as this is the primary. */
  private Outcome here(Supplier<Outcome> write) throws Primary.NotThere {
    try {
      return write.get();
    } catch (Unavailable e) {
      if (e.getCause() instanceof Primary.NotThere elsewhere) {
        throw elsewhere;
      }
      if (e.outcome() == Unavailable.Outcome.NOT_DONE
          && failure.get() == null
          && !closed
          && !raft.isReady()) {
        throw new Primary.NotThere(String.valueOf(e.getMessage()));
      }
      throw e;
    }
  }

  /** Whether it only makes room. */
  private static boolean deletes(Command command) {
    return command.getBatch().getWritesList().stream().allMatch(WriteCommand::hasDelete);
  }

  @Override
  public Optional<Commit> earlier(Batch batch) {
    return readable(ReadOptions.STRONG).earlier(batch);
  }

  @Override
  public List<DocumentPath> unflushed() {
    return store().unflushed();
  }

  @Override
  public ChangeFeed changes(ChangeQuery query) {
    checkOpen();
    return store().changes(query);
  }

  @Override
  public SessionToken seen() {
    checkOpen();
    return store().seen();
  }

  @Override
  public SessionToken settled() {
    checkOpen();
    return store().settled();
  }

  @Override
  public Duration age() {
    return Duration.ofMillis(freshness.millis(System.nanoTime()));
  }

  @Override
  public long readMillis() {
    return store().readMillis();
  }

  @Override
  public Position position() {
    checkOpen();
    return store().position();
  }

  /** Replaces the secondary indexes; see {@link RocksStore#defineIndexes}. */
  public void defineIndexes(List<IndexDefinition> definitions) {
    checkOpen();
    indexes = List.copyOf(definitions);
    store().defineIndexes(definitions);
  }

  /** Checks the database here against itself; see {@link RocksStore#verify}. */
  public Verification verify() {
    checkOpen();
    return store().verify();
  }

  /** What write-behind has put off, as this replica has it. Any thread, any time. */
  public PendingStatus pending() {
    return store().pending();
  }

  /** How it is doing. Any thread, any time. */
  public ReplicaStatus status() {
    return new ReplicaStatus(
        closed || failure.get() != null ? "stopped" : raft.role(),
        problem() == null,
        problem(),
        raft.groupId().getUuid().toString(),
        host.identity().node(),
        raft.members(),
        (raft.members() - 1) / 2,
        raft.term(),
        raft.committedIndex(),
        raft.appliedIndex(),
        raft.snapshotIndex(),
        raft.machine().bytesSinceSnapshot(),
        commits.queued(),
        commits.inFlight(),
        metrics.entries(),
        metrics.writesPerEntry(),
        metrics.commitMillis(),
        clock.leadMillis(),
        disk.free(),
        pending());
  }

  /** Why it takes no writes now, or null. */
  private @Nullable String problem() {
    String failed = failure.get();
    if (failed != null) {
      return failed;
    }
    if (closed) {
      return "This store is closed.";
    }
    if (raft.isClosed()) {
      return "This replica was ended; the node's log says whether it left or is to be started again.";
    }
    RaftPeer at = raft.primary();
    if (at != null && !at.getId().equals(host.self())) {
      return null;
    }
    String full = disk.refusal();
    return full != null ? full : refusal();
  }

  private @Nullable String refusal() {
    if (!raft.isReady()) {
      return raft.notReady();
    }
    return clock.refusal(store().lastTimestamp());
  }

  /**
   * Writes a consistent copy of everything to {@code out} as a zip archive, while reads and writes
   * go on. The archive holds every write acknowledged before this was called. {@code out} stays
   * open.
   *
   * @param progress told now and then
   * @throws IOException if the copy cannot be made or {@code out} fails; what was written is then
   *     no archive
   */
  public void backup(OutputStream out, Progress progress) throws IOException {
    checkOpen();
    Backup.write(store(), raft.folder(), out, progress);
  }

  /**
   * Makes a data folder from an archive that {@link #backup} wrote. The folder is then the first
   * member of a new group, with a history of its own: positions of the old one are noticed.
   *
   * <p>Everything is checked before the folder gets its place; a crash in the middle leaves nothing
   * that could be taken for data.
   *
   * @param data must be empty or not exist
   * @throws IOException if the folder is not empty, or the archive is damaged or not one
   */
  public static void restore(
      InputStream archive, Path data, RocksStore.Options storeOptions, Progress progress)
      throws IOException {
    Restore.into(archive, data, storeOptions, progress);
  }

  /**
   * Checks an archive without restoring it: every file against its checksum.
   *
   * @return what is in it
   * @throws IOException if it is damaged or not an archive
   */
  public static BackupManifest verify(Path archive) throws IOException {
    return Restore.verify(archive);
  }

  private RocksStore store() {
    return raft.machine().store();
  }

  private void checkOpen() {
    String failed = failure.get();
    if (failed != null) {
      throw notDone(failed);
    }
    if (closed) {
      throw notDone("This store is closed.");
    }
    if (raft.isClosed()) {
      throw notDone(
          "This node's part in the group was ended: it left the cluster, or another node took its"
              + " place, or it must be started again; its log says which.");
    }
  }

  /** Called once, on a thread of Ratis, when this replica can go no further. */
  private void fail(Throwable cause) {
    stop(
        cause.getMessage()
            + ". Mend the cause (free disk, a healthy disk), then restart this node.",
        cause);
  }

  /**
   * Called on any thread that finds files of the database damaged. Where others have the data, this
   * replica ends, and copies theirs when it is started again; the only one goes on with what is
   * whole.
   */
  private void damaged(Unavailable damage) {
    // Null while the replica is being opened, which tells by itself.
    @Nullable RaftReplica here = raft;
    if (here == null || failure.get() != null) {
      return;
    }
    String why = String.valueOf(damage.getMessage());
    try {
      if (!here.hasOthers()) {
        if (toldOfDamage.compareAndSet(false, true)) {
          LOG.error("{}", why);
        }
        return;
      }
    } catch (IOException | RuntimeException e) {
      // Whoever reads there again finds it again.
      LOG.warn("{} Whether others have the data is not known: {}", why, e.getMessage());
      return;
    }
    Rebuild.mark(here.folder(), why);
    stop(why, damage);
  }

  /**
   * Takes no part any more, and says why to every caller: for good, until it is closed. Does not
   * wait.
   */
  public void giveUp(String why) {
    stop(why, new IllegalStateException(why));
  }

  private void stop(String message, Throwable cause) {
    if (failure.compareAndSet(null, message)) {
      // Not on this thread: it may be the one that the callers wait for.
      Thread.ofPlatform()
          .name("meridian-stopping")
          .daemon()
          .start(
              () -> {
                commits.stop(message);
                commits.abandon(message, cause);
                raft.end();
              });
    }
  }

  /**
   * Whether this replica's part in its group was ended, though nothing failed here and nobody
   * closed it: by Ratis, which does so to one that left, and for reasons of its own.
   */
  public boolean isEnded() {
    return !closed && failure.get() == null && host.isStarted() && raft.isClosed();
  }

  /** Ends it as Ratis may. */
  void endForTest() {
    raft.end();
  }

  /** Asks for the primary's place to go to a member, whether that one can take it or not. */
  void transferForTest(String node, Duration deadline) throws IOException {
    raft.transfer(RaftPeerId.valueOf(node), deadline);
  }

  /** The newest entry that is in the log here, committed or not. */
  long lastIndexForTest() {
    return raft.lastIndex();
  }

  /** Leaves nothing in memory alone. */
  void flushForTest() {
    store().flush();
  }

  /** Takes the database away, as a failing disk would: applying the next entry fails. */
  void failForTest() {
    store().close();
  }

  private static Unavailable notDone(String message) {
    return new Unavailable(Unavailable.Outcome.NOT_DONE, message, null);
  }

  /** The log as the group commit sees it. */
  private final class Proposals implements GroupCommit.Log {
    @Override
    public @Nullable String refusal() {
      return ReplicatedStore.this.refusal();
    }

    @Override
    public long nextTimestamp() {
      return clock.next();
    }

    @Override
    public long wallMillis() {
      return clock.proposedMillis();
    }

    @Override
    public long term() {
      return raft.term();
    }

    @Override
    public void submit(LogGroup group) {
      raft.submit(group);
    }

    @Override
    public void committed(long term, Lease.Moment proposed) {
      raft.committed(term, proposed);
    }
  }

  private final class Upkeep implements Maintenance.Jobs {
    @Override
    public void look() {
      raft.note(freshness);
      long term = raft.term(); // first: it may be primary in a later one, never in one to come
      if (raft.isReady()) {
        fences.primaryIn(term);
      }
    }

    @Override
    public long bytesSinceSnapshot() {
      return raft.machine().bytesSinceSnapshot();
    }

    @Override
    public long entriesSinceSnapshot() {
      return raft.machine().entriesSinceSnapshot();
    }

    @Override
    public void snapshot() throws InterruptedException {
      if (failure.get() == null) {
        // Most of the work, done while entries are still applied.
        store().flush();
        raft.snapshot();
      }
    }

    @Override
    public void giveWay() {
      String exhaustion = raft.members() > 1 ? disk.exhaustion() : null;
      if (exhaustion != null && failure.get() == null && !closed) {
        host.fail(new IllegalStateException("This replica stopped: " + exhaustion));
        return;
      }
      if (closed
          || !raft.isReady()
          || raft.members() < 2
          || System.nanoTime() - gaveWay < GIVE_WAY_EVERY.toNanos()) {
        return;
      }
      boolean forgetful = raft.forgetsMembers();
      String why = unfit();
      if (why == null && forgetful && wasForgetful) {
        why = "it sends nothing more to some member";
      }
      wasForgetful = forgetful;
      if (why != null) {
        gaveWay = System.nanoTime();
        if (handOver(false)) {
          LOG.warn("Another member is primary of {} now, since this one cannot be: {}", group, why);
        }
      }
    }

    @Override
    public boolean sweep() {
      if (closed
          || failure.get() != null
          || !raft.isReady()
          || disk.deleteRefusal() != null
          || refusal() != null) {
        return false;
      }
      return store()
          .sweepCommand(clock.wallMillis())
          .map(
              command ->
                  commits.commit(command, options.writeDeadline())
                          instanceof Outcome.Swept(int documents, int tombstones, int keys)
                      && documents + tombstones + keys > 0)
          .orElse(false);
    }
  }

  /** What write-behind has put off. */
  private final class Pendings implements Flusher.Source {
    @Override
    public Optional<Duration> due() {
      return !closed && failure.get() == null && raft.isReady()
          ? store().untilFlush(clock.wallMillis())
          : Optional.empty();
    }

    @Override
    public boolean flush() {
      String full = disk.deleteRefusal();
      String why = full != null ? full : refusal();
      if (why != null) {
        throw notDone(why);
      }
      return store()
          .flushCommand(clock.wallMillis())
          .map(
              command ->
                  commits.commitFirst(command, options.writeDeadline())
                          instanceof Outcome.Flushed(int documents)
                      && documents > 0)
          .orElse(false);
    }
  }

  /** What other members ask of this one. */
  private final class Member implements MemberService.Member {
    @Override
    public boolean isPrimary() {
      return host.isStarted() && !closed && failure.get() == null && raft.isReady();
    }

    @Override
    public long term() {
      return raft.term();
    }

    @Override
    public String notPrimary() {
      return host.isStarted() ? raft.notReady() : "This node is starting.";
    }

    @Override
    public List<WriteReply> write(List<WriteRequest> writes) {
      // What takes time comes before those that are taken together, with the queue's lock held.
      List<Supplier<PendingWrite>> begun = writes.stream().map(this::begin).toList();
      List<Supplier<Outcome>> outcomes =
          commits.together(() -> begun.stream().map(this::submitted).toList());
      return outcomes.stream().map(this::reply).toList();
    }

    private Supplier<PendingWrite> begin(WriteRequest write) {
      try {
        LogCodec.check(write.getCommand());
        PendingWrite pending =
            new PendingWrite(
                write.getCommand(),
                Duration.ofMillis(Integer.toUnsignedLong(write.getDeadlineMillis())));
        return () -> pending;
      } catch (LogException e) {
        // One that this version cannot read; those that share the call are none the worse.
        return () -> {
          throw new Unavailable(Unavailable.Outcome.NOT_DONE, String.valueOf(e.getMessage()), e);
        };
      }
    }

    private Supplier<Outcome> submitted(Supplier<PendingWrite> write) {
      try {
        return submit(write.get())::await;
      } catch (StoreException e) {
        return () -> {
          throw e;
        };
      }
    }

    private WriteReply reply(Supplier<Outcome> outcome) {
      String why;
      try {
        return Wire.encode(here(outcome));
      } catch (Primary.NotThere e) {
        why = String.valueOf(e.getMessage());
      } catch (Unavailable e) {
        // One that is stopping has not done it, and another will.
        if (e.outcome() != Unavailable.Outcome.NOT_DONE || isPrimary()) {
          return WriteReply.newBuilder().setFailure(Wire.failure(e)).build();
        }
        why = String.valueOf(e.getMessage());
      } catch (StoreException e) {
        return WriteReply.newBuilder().setFailure(Wire.failure(e)).build();
      }
      return WriteReply.newBuilder().setNotPrimary(NotPrimary.newBuilder().setMessage(why)).build();
    }

    @Override
    public long fence(boolean hurry) {
      long index = strongIndex(options.readDeadline());
      if (hurry) {
        raft.announce();
      }
      return index;
    }

    @Override
    public OptionalLong promptFence() {
      return raft.isFound() && isPrimary() && leases()
          ? OptionalLong.of(raft.committedIndex())
          : OptionalLong.empty();
    }

    @Override
    public Fenced fenced() {
      return fencedHere(options.readDeadline());
    }

    @Override
    public Snapshots.Snapshot snapshot(long neededIndex) throws InterruptedException {
      Snapshots.Snapshot latest = raft.machine().getLatestSnapshot();
      if (latest == null || latest.at().getIndex() + 1 < neededIndex) {
        store().flush();
        raft.snapshot();
        latest = raft.machine().getLatestSnapshot();
      }
      return Objects.requireNonNull(latest);
    }

    @Override
    public void setMembers(Membership expected, Membership wanted) throws IOException {
      changeMembers(expected, wanted, MEMBERS_WAIT);
    }

    @Override
    public Group group() {
      return groupHere();
    }

    @Override
    public @Nullable String unfit() {
      return ReplicatedStore.this.unfit();
    }

    @Override
    public Snapshots snapshots() {
      return raft.machine().snapshots();
    }

    @Override
    public long generation() {
      return raft.machine().generation();
    }
  }

  /**
   * Hands over, takes no more writes and waits for those under way; reads go on. What follows is
   * that the host stops, and then {@link #close}.
   */
  public void quiesce() {
    synchronized (this) {
      if (quiet) {
        return;
      }
      quiet = true;
    }
    if (failure.get() == null && host.isStarted() && raft.isReady() && raft.members() > 1) {
      handOver(true);
    }
    closed = true;
    service.close();
    commits.stop("This store was closed.");
    try {
      maintenance.close();
      flusher.close();
      if (failure.get() == null && !commits.awaitIdle(CLOSE_WAIT)) {
        LOG.warn("Some writes did not end in {}; they are answered as unknown", CLOSE_WAIT);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    applied.ring();
  }

  @Override
  public void close() {
    quiesce();
    // Ratis first: it applies what it has committed, to a database that must be open.
    if (ownsHost) {
      host.close();
    }
    raft.close();
    commits.close();
    metrics.close();
  }

  /**
   * Lets another member be primary, so that nobody waits for an election. Writes wait meanwhile,
   * and then go there: none is under way when the primary changes, so none becomes unknown.
   *
   * @param goes whether this one goes in any case, so that a member that cannot write is as good
   * @return whether another one is primary
   */
  private boolean handOver(boolean goes) {
    List<Group.Follower> others =
        raft.followers(times, sent).stream()
            // One to whom nothing is sent cannot be told to stand for election either.
            .filter(follower -> !follower.spare() && !follower.isForgotten())
            .sorted(Comparator.comparingLong(follower -> -follower.index()))
            .toList();
    List<Group.Follower> fit =
        others.stream().filter(other -> primary.unfit(other.address(), FIT_WAIT) == null).toList();
    commits.hold();
    try {
      if (!commits.awaitIdle(IDLE_WAIT)) {
        LOG.info("Some writes are still under way while another member becomes primary");
      }
      for (Group.Follower successor : fit.isEmpty() && goes ? others : fit) {
        try {
          raft.transfer(RaftPeerId.valueOf(successor.node()), TRANSFER_WAIT);
          return true;
        } catch (IOException e) {
          LOG.info("{} did not become primary of {}: {}", successor.node(), group, e.getMessage());
        }
      }
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    } finally {
      commits.release();
    }
  }

  /** Why this member cannot write, or could not if it were primary; null if it can. */
  private @Nullable String unfit() {
    String failed = failure.get();
    if (failed != null || closed) {
      return failed != null ? failed : "This store is closed.";
    }
    String full = disk.refusal();
    return full != null ? full : clock.refusal(store().lastTimestamp());
  }

  /**
   * Makes {@code wanted} the members of the group, if they are {@code expected} now. A new one must
   * have attached to the group before; it has caught up when this returns. At most one replica at a
   * time should come or go, so that a majority is never at stake. The primary itself does not go:
   * it hands over instead, and the next one is to be asked.
   *
   * @throws IOException if it was not done, or is not known to be; another member may be primary
   */
  public void setMembers(Membership expected, Membership wanted, Duration deadline)
      throws IOException {
    if (isPrimary()) {
      changeMembers(expected, wanted, deadline);
      return;
    }
    try {
      primary.setMembers(elsewhere(), expected, wanted, deadline);
    } catch (Primary.NotThere e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  private void changeMembers(Membership expected, Membership wanted, Duration deadline)
      throws IOException {
    if (wanted.replicas().containsKey(host.identity().node())) {
      raft.setMembers(expected, wanted, deadline);
    } else if (!raft.membership().isOf(expected)) {
      throw new IOException("its members are others than expected");
    } else if (handOver(true)) {
      throw new IOException("another member is its primary now");
    } else {
      throw new IOException("no other member can be its primary");
    }
  }

  /** The primary, which is another member. */
  private RaftPeer elsewhere() throws Primary.NotThere {
    RaftPeer at = raft.primary();
    if (at == null || at.getId().equals(host.self())) {
      throw new Primary.NotThere(raft.notReady());
    }
    return at;
  }

  /**
   * The group as its primary sees it.
   *
   * @throws IOException if there is no primary, or it does not answer in time
   */
  public Group group(Duration deadline) throws IOException {
    if (isPrimary()) {
      return groupHere();
    }
    try {
      return primary.group(elsewhere(), deadline);
    } catch (Primary.NotThere e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  private Group groupHere() {
    return new Group(host.identity().node(), raft.committedIndex(), raft.followers(times, sent));
  }

  /** The members of the group as this replica knows them. */
  public Membership members() {
    return raft.membership();
  }

  /** How often another member's snapshot took the database's place since this was opened. */
  long generation() {
    return raft.machine().generation();
  }

  /** Whether this node's replica is the primary. */
  public boolean isPrimary() {
    return failure.get() == null && !closed && host.isStarted() && raft.isReady();
  }
}
