package dev.meridian.replica;

import dev.meridian.store.LogIndex;
import dev.meridian.store.Outcome;
import dev.meridian.store.RocksStore;
import dev.meridian.store.StoreException.Unavailable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.proto.RaftProtos.RaftPeerProto;
import org.apache.ratis.proto.RaftProtos.RoleInfoProto;
import org.apache.ratis.protocol.Message;
import org.apache.ratis.protocol.RaftClientRequest;
import org.apache.ratis.protocol.RaftGroupId;
import org.apache.ratis.protocol.exceptions.StateMachineException;
import org.apache.ratis.server.DivisionInfo;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.server.protocol.TermIndex;
import org.apache.ratis.server.storage.RaftStorage;
import org.apache.ratis.statemachine.StateMachineStorage;
import org.apache.ratis.statemachine.TransactionContext;
import org.apache.ratis.statemachine.impl.BaseStateMachine;
import org.apache.ratis.util.LifeCycle;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Applies the log to the database, in order, each entry once: the database knows the last entry it
 * holds, so a restart goes on after that one.
 *
 * <p>Whatever goes wrong while an entry is applied stops this replica for good: one that went on
 * without the entry would differ from the others and never know.
 *
 * <p>Ratis calls it on one thread, except where said otherwise.
 */
final class ShardStateMachine extends BaseStateMachine {
  private static final Logger LOG = LoggerFactory.getLogger(ShardStateMachine.class);

  /** How long Ratis may take to notice that an entry was not applied. */
  private static final Duration CLOSING_WAIT = Duration.ofSeconds(10);

  private static final CompletableFuture<Message> DONE =
      CompletableFuture.completedFuture(Message.EMPTY);

  /** How long after a failed fetch of a snapshot the next one begins. */
  private static final Duration FETCH_AGAIN_AFTER = Duration.ofSeconds(1);

  /** Opens the database in a folder. */
  interface Opener {
    RocksStore open(Path folder) throws IOException;
  }

  /** Brings another member's snapshot here. */
  interface Fetcher {
    /**
     * Fetches the newest snapshot of the primary.
     *
     * @param leader id and address of the primary
     * @param needed the first entry that the primary's log still holds
     * @return what was fetched and is complete in {@code into}; null when there is no need
     */
    @Nullable TermIndex fetch(RaftPeerProto leader, TermIndex needed, Snapshots into)
        throws IOException, InterruptedException;
  }

  private final Path folder;
  private final Opener opener;
  private final Fetcher fetcher;
  private final Snapshots snapshots;
  private final Consumer<Throwable> onFailure;
  private volatile boolean failedToApply;
  private final Consumer<Unavailable> onDamage;
  private final Consumer<Throwable> onDiskFailure;
  private final Consumer<ShardStateMachine> onApplied;
  private final Proposals proposals;

  /** Ratis' side of this replica, once it was asked for; see {@link #term}. */
  private volatile RaftServer.@Nullable Division division;

  private final ReplicaMetrics metrics;

  /** Replaced when another member's snapshot is installed. */
  private volatile RocksStore store;

  /** How many databases there have been: grows with each snapshot taken over. */
  private volatile long generation;

  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

  /** Log applied since the last snapshot. */
  private final AtomicLong bytesSinceSnapshot = new AtomicLong();

  private final AtomicLong entriesSinceSnapshot = new AtomicLong();

  /**
   * Opens the database, or a newer snapshot in its place.
   *
   * @param folder of the database
   * @param snapshotFolder where Ratis wants the snapshots
   * @param onFailure told once when this replica can go no further
   * @param onDamage told when files of the database turn out to be damaged, on any thread
   * @param onDiskFailure told when the log cannot be written
   * @param onApplied called after each entry
   * @param proposals of this process
   */
  ShardStateMachine(
      Path folder,
      Path snapshotFolder,
      Opener opener,
      Fetcher fetcher,
      int snapshotsKept,
      Consumer<Throwable> onFailure,
      Consumer<Unavailable> onDamage,
      Consumer<Throwable> onDiskFailure,
      Consumer<ShardStateMachine> onApplied,
      Proposals proposals,
      ReplicaMetrics metrics)
      throws IOException {
    this.folder = folder;
    this.opener = opener;
    this.fetcher = fetcher;
    this.snapshots = new Snapshots(snapshotsKept);
    this.onFailure = onFailure;
    this.onDamage = onDamage;
    this.onDiskFailure = onDiskFailure;
    this.onApplied = onApplied;
    this.proposals = proposals;
    this.metrics = metrics;
    recoverFolder();
    snapshots.init(snapshotFolder);
    this.store = openNewest();
    showApplied();
  }

  /**
   * The database; or the newest snapshot when that holds more: another member's that was complete
   * when the process ended, before the database could be replaced by it.
   */
  private RocksStore openNewest() throws IOException {
    Snapshots.Snapshot newest = snapshots.getLatestSnapshot();
    RocksStore opened = open();
    if (newest == null || opened.applied().index() >= newest.at().getIndex()) {
      return opened;
    }
    opened.close();
    install(newest.folder(), folder);
    return open();
  }

  private RocksStore open() throws IOException {
    RocksStore opened = opener.open(folder);
    opened.onDamage(onDamage);
    return opened;
  }

  RocksStore store() {
    return store;
  }

  long bytesSinceSnapshot() {
    return bytesSinceSnapshot.get();
  }

  long entriesSinceSnapshot() {
    return entriesSinceSnapshot.get();
  }

  @Override
  public void initialize(RaftServer server, RaftGroupId groupId, RaftStorage storage)
      throws IOException {
    super.initialize(server, groupId, storage);
    getLifeCycle().transition(LifeCycle.State.STARTING);
    snapshots.init(storage);
    if (!store.applied().equals(LogIndex.NONE)) {
      // Ratis begins after the newest snapshot. With one of the database as it is, it does so after
      // the last applied entry, also when the log ends before that.
      snapshots.take(store);
    }
    getLifeCycle().transition(LifeCycle.State.RUNNING);
  }

  @Override
  public StateMachineStorage getStateMachineStorage() {
    return snapshots;
  }

  @Override
  public Snapshots.@Nullable Snapshot getLatestSnapshot() {
    return snapshots.getLatestSnapshot();
  }

  /** Called on the thread that submits. */
  @Override
  public TransactionContext startTransaction(RaftClientRequest request) throws IOException {
    if (!(request.getMessage() instanceof LogGroup group)) {
      throw new IOException("Only this process writes to its log; got " + request);
    }
    return TransactionContext.newBuilder()
        .setStateMachine(this)
        .setClientRequest(request)
        .setLogData(group.getContent())
        .setStateMachineContext(group)
        .build();
  }

  /** Called on the thread that submits, when the entry has got its place in the log. */
  @Override
  public TransactionContext preAppendTransaction(TransactionContext transaction)
      throws IOException {
    if (transaction.getStateMachineContext() instanceof LogGroup group
        && !group.appending(term())) {
      // Its writes are told that they are not done; so they must not be.
      throw new StateMachineException("The writes of this entry were given up", null, false);
    }
    return transaction;
  }

  /** Raft's; asked on the thread that appends, which must not wait for the server's locks. */
  private long term() throws IOException {
    RaftServer.Division known = division;
    if (known == null) {
      known = getServer().join().getDivision(getGroupId());
      division = known;
    }
    return known.getInfo().getCurrentTerm();
  }

  @Override
  public CompletableFuture<Message> applyTransaction(TransactionContext transaction) {
    LogEntryProto entry = transaction.getLogEntry();
    LogIndex at = new LogIndex(entry.getTerm(), entry.getIndex());
    var data = entry.getStateMachineLogEntry().getLogData();
    List<Outcome> outcomes;
    try {
      checkNext(at);
      proposals.reached(at.term());
      outcomes = store.apply(at, data.asReadOnlyByteBuffer());
    } catch (Throwable e) {
      throw stop(at, e);
    }
    updateLastAppliedTermIndex(at.term(), at.index());
    bytesSinceSnapshot.addAndGet(data.size());
    entriesSinceSnapshot.incrementAndGet();
    LogGroup group = proposals.take(entry.getStateMachineLogEntry());
    if (group != null) {
      group.applied(outcomes);
    }
    onApplied.accept(this);
    return DONE;
  }

  /** Entries that are Raft's own count as applied, too. */
  @Override
  public void notifyTermIndexUpdated(long term, long index) {
    LogIndex at = new LogIndex(term, index);
    try {
      // Raft counts from 0, and its first entry is always one of its own.
      if (index > 0) {
        checkNext(at);
        proposals.reached(term);
        store.skip(at);
      }
    } catch (Throwable e) {
      throw stop(at, e);
    }
    updateLastAppliedTermIndex(term, index);
    entriesSinceSnapshot.incrementAndGet();
    onApplied.accept(this);
  }

  private void checkNext(LogIndex at) {
    LogIndex applied = store.applied();
    if (at.index() != applied.index() + 1) {
      throw new IllegalStateException(
          "The log continues at " + at.index() + ", but the database ends at " + applied.index());
    }
  }

  private IllegalStateException stop(LogIndex at, Throwable cause) {
    IllegalStateException e =
        new IllegalStateException(
            "This replica stopped: entry "
                + at.index()
                + " of the log could not be applied to "
                + folder
                + " ("
                + cause.getMessage()
                + ")",
            cause);
    failedToApply = true;
    fail(e);
    return e;
  }

  /**
   * To be called before a member is closed. When an entry could not be applied, Ratis closes the
   * member itself, once its thread that applies entries has got the error. Closed by another before
   * that, the member would wait for what that thread shall apply, which never does and never ends;
   * its folder would stay locked. So this waits until then, for a while.
   */
  void awaitClosing(DivisionInfo member) {
    long until = System.nanoTime() + CLOSING_WAIT.toNanos();
    while (failedToApply
        && !member.getLifeCycleState().isClosingOrClosed()
        && System.nanoTime() < until) {
      LockSupport.parkNanos(1_000_000);
    }
  }

  /** Stops this replica for good, as if it had failed itself. Any thread. */
  void fail(Throwable e) {
    if (failure.compareAndSet(null, e)) {
      LOG.error("{}", e.getMessage(), e);
      onFailure.accept(e);
    }
  }

  /** Called on the thread that writes the log. */
  @Override
  public void notifyLogFailed(Throwable cause, @Nullable LogEntryProto entry) {
    onDiskFailure.accept(
        new IllegalStateException(
            "This replica stopped: its log could not be written (" + cause.getMessage() + ")",
            cause));
  }

  @Override
  public long takeSnapshot() throws IOException {
    long since = System.nanoTime();
    try {
      TermIndex at = snapshots.take(store);
      bytesSinceSnapshot.set(0);
      entriesSinceSnapshot.set(0);
      metrics.snapshotTaken(System.nanoTime() - since);
      return at.getIndex();
    } catch (RuntimeException e) {
      // Without a snapshot the log grows, but nothing is wrong yet.
      throw new IOException("No snapshot could be taken: " + e.getMessage(), e);
    }
  }

  /** The primary's log no longer holds what this replica needs next. A thread of Ratis'. */
  @Override
  public CompletableFuture<TermIndex> notifyInstallSnapshotFromLeader(
      RoleInfoProto role, TermIndex firstInLog) {
    CompletableFuture<TermIndex> fetched = new CompletableFuture<>();
    Thread.ofVirtual()
        .name("snapshot-fetch")
        .start(
            () -> {
              try {
                RaftPeerProto leader = role.getFollowerInfo().getLeaderInfo().getId();
                fetched.complete(
                    firstInLog.getIndex() <= store.applied().index() + 1
                        ? null
                        : fetcher.fetch(leader, firstInLog, snapshots));
              } catch (IOException | InterruptedException | RuntimeException | Error e) {
                LOG.warn("The primary's snapshot could not be fetched: {}", e.getMessage());
                // The primary asks again as soon as it hears of it.
                LockSupport.parkNanos(FETCH_AGAIN_AFTER.toNanos());
                fetched.completeExceptionally(e);
              }
            });
    return fetched;
  }

  /** Whether the database is being replaced: what was read from it may have failed for that. */
  boolean isReplacing() {
    return getLifeCycleState() != LifeCycle.State.RUNNING;
  }

  long generation() {
    return generation;
  }

  Snapshots snapshots() {
    return snapshots;
  }

  /**
   * Another member's snapshot is about to be installed. Ratis insists on seeing PAUSED after. The
   * database stays open: entries may be being applied on another thread; {@link #reinitialize} runs
   * on that one.
   */
  @Override
  public void pause() {
    getLifeCycle().transition(LifeCycle.State.PAUSING);
    getLifeCycle().transition(LifeCycle.State.PAUSED);
  }

  /** Takes over the newest snapshot, which is another member's, or the database as it was. */
  @Override
  public void reinitialize() throws IOException {
    try {
      takeOver();
    } catch (IOException | RuntimeException | Error e) {
      fail(
          new IllegalStateException(
              "This replica stopped: a snapshot could not take its database's place ("
                  + e.getMessage()
                  + ")",
              e));
      throw e;
    }
    onApplied.accept(this);
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // written by this one thread
  private void takeOver() throws IOException {
    getLifeCycle().transition(LifeCycle.State.STARTING);
    snapshots.find();
    Snapshots.Snapshot latest = snapshots.getLatestSnapshot();
    if (latest != null) {
      RocksStore old = store;
      old.close();
      install(latest.folder(), folder);
      store = open();
      generation++;
      proposals.lost();
    }
    setLastAppliedTermIndex(TermIndex.INITIAL_VALUE);
    showApplied();
    if (latest != null && !latest.at().equals(getLastAppliedTermIndex())) {
      throw new IOException(
          "The snapshot "
              + latest.folder()
              + " holds the entries up to "
              + getLastAppliedTermIndex()
              + ", not what its name says");
    }
    bytesSinceSnapshot.set(0);
    entriesSinceSnapshot.set(0);
    getLifeCycle().transition(LifeCycle.State.RUNNING);
  }

  /** Puts a snapshot in a database's place: built beside it, then swapped by two renames. */
  static void install(Path snapshot, Path folder) throws IOException {
    Path next = sibling(folder, ".next");
    Path previous = sibling(folder, ".previous");
    Folders.delete(next);
    Folders.delete(previous);
    Folders.link(snapshot, next);
    Folders.move(folder, previous);
    Folders.move(next, folder);
    Folders.delete(previous);
  }

  /** Finishes what a crash within {@link #install} left. */
  private void recoverFolder() throws IOException {
    Path whole = whole(folder);
    if (!whole.equals(folder)) {
      Folders.move(whole, folder);
    }
    Folders.delete(sibling(folder, ".next"));
    Folders.delete(sibling(folder, ".previous"));
  }

  /** Where the database is whole: a crash within {@link #install} leaves it beside its place. */
  static Path whole(Path folder) {
    Path next = sibling(folder, ".next");
    Path previous = sibling(folder, ".previous");
    if (Files.exists(folder) || !Files.exists(previous)) {
      return folder;
    }
    // The old one is moved away only when the new one is complete.
    return Files.exists(next) ? next : previous;
  }

  private static Path sibling(Path folder, String suffix) {
    return folder.resolveSibling(folder.getFileName() + suffix);
  }

  private void showApplied() {
    LogIndex applied = store.applied();
    if (!applied.equals(LogIndex.NONE)) {
      setLastAppliedTermIndex(TermIndex.valueOf(applied.term(), applied.index()));
    }
  }

  /** Called by Ratis when it stops, and by whoever started it when it did not get that far. */
  @Override
  public void close() {
    store.close();
    getLifeCycle().checkStateAndClose();
  }
}
