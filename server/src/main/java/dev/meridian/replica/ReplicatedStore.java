package dev.meridian.replica;

import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.store.Batch;
import dev.meridian.store.ChangeFeed;
import dev.meridian.store.ChangeQuery;
import dev.meridian.store.Commit;
import dev.meridian.store.IndexDefinition;
import dev.meridian.store.LogCodec;
import dev.meridian.store.Outcome;
import dev.meridian.store.Page;
import dev.meridian.store.Position;
import dev.meridian.store.Query;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.RocksStore;
import dev.meridian.store.Store;
import dev.meridian.store.StoreException.Unavailable;
import dev.meridian.store.Verification;
import dev.meridian.store.Write;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A store whose every write goes through the log of a Raft group before it is answered: synced to
 * disk, on a majority of the group's members, applied to the database. Today a group has one
 * member; it takes the same path as one of three.
 *
 * <p>Writes that arrive together share an entry of the log and its fsync. {@code STRONG} reads are
 * answered by a primary that knows it still is one; {@code SESSION} reads by any replica that has
 * applied what their token has seen, and {@code EVENTUAL} ones from what is here.
 *
 * <p>Whatever goes wrong, a write is answered: with its result, or with what is known about it. A
 * replica that cannot apply an entry or write its log stops, and says so to every caller.
 */
public final class ReplicatedStore implements Store {
  private static final Logger LOG = LoggerFactory.getLogger(ReplicatedStore.class);

  /** How long closing waits for writes under way. */
  private static final Duration CLOSE_WAIT = Duration.ofSeconds(10);

  private final ReplicaOptions options;
  private final DataLock dataLock;
  private final DiskGuard disk;
  private final ClockGuard clock;
  private final ReplicaMetrics metrics;
  private final RaftReplica raft;
  private final GroupCommit commits;
  private final Maintenance maintenance;

  /** Why this replica can go no further; null while it can. */
  private final AtomicReference<@Nullable String> failure = new AtomicReference<>();

  private volatile boolean closed;

  /**
   * Opens the replica of shard 0 in a data folder, made when it is not there, and waits until it
   * can serve.
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
    Files.createDirectories(data);
    DataLock lock = DataLock.acquire(data);
    try {
      Restore.checkFinished(data);
      return new ReplicatedStore(data, options, storeOptions, indexes, meters, lock);
    } catch (IOException | RuntimeException | Error e) {
      lock.close();
      throw e;
    }
  }

  private ReplicatedStore(
      Path data,
      ReplicaOptions options,
      RocksStore.Options storeOptions,
      List<IndexDefinition> indexes,
      MeterRegistry meters,
      DataLock lock)
      throws IOException {
    this.options = options;
    this.dataLock = lock;
    this.disk = new DiskGuard(data, options.diskReserve());
    this.clock = new ClockGuard(options.wallMillis(), options.uptimeMillis());
    this.metrics = new ReplicaMetrics(meters);
    // Both are at rest until the replica is there; but it may need them while it starts.
    this.commits = new GroupCommit(options, new Proposals(), metrics);
    this.maintenance = new Maintenance(options, new Upkeep());
    @Nullable RaftReplica starting = null;
    try {
      Backup.removeUnfinished(Layout.shard(data));
      starting =
          RaftReplica.start(
              Layout.shard(data),
              options,
              folder -> RocksStore.open(folder, storeOptions.withClock(clock::wallMillis), indexes),
              this::fail,
              machine ->
                  maintenance.logGrew(machine.bytesSinceSnapshot(), machine.entriesSinceSnapshot()),
              metrics);
      starting.awaitReady(options.startDeadline());
      String wrong = clock.startRefusal(starting.machine().store().lastTimestamp());
      if (wrong != null && !options.acceptClock()) {
        throw new IOException(wrong);
      }
    } catch (IOException | RuntimeException | Error e) {
      if (starting != null) {
        starting.close();
      }
      commits.close();
      metrics.close();
      throw e;
    }
    this.raft = starting;
    maintenance.start();
    showGauges();
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
    metrics.gauge("disk.free", "Free bytes on the data folder's disk", this, s -> s.disk.free());
    metrics.gauge("ready", "1 when it takes writes", this, s -> s.raft.isReady() ? 1 : 0);
  }

  @Override
  public Optional<Document> get(DocumentPath path, ReadOptions read) {
    return readable(read).get(path, read);
  }

  @Override
  public Page list(Query query, ReadOptions read) {
    return readable(read).list(query, read);
  }

  /** The database, once it is fresh enough for such a read. */
  private RocksStore readable(ReadOptions read) {
    checkOpen();
    switch (read.consistency()) {
      case STRONG -> raft.awaitStrong(options.readDeadline());
      case SESSION -> {
        Long seen = read.token().timestamps().get(options.region());
        if (seen != null && seen > store().lastTimestamp()) {
          awaitSeen(seen);
        }
      }
      case EVENTUAL -> {}
    }
    return store();
  }

  /** The primary has everything that was ever acknowledged; a replica may yet get it. */
  private void awaitSeen(long seen) {
    if (!raft.isReady()) {
      long deadline = System.nanoTime() + options.readDeadline().toNanos();
      while (store().lastTimestamp() < seen && System.nanoTime() - deadline < 0) {
        if (raft.isReady()) {
          break;
        }
        java.util.concurrent.locks.LockSupport.parkNanos(1_000_000);
        checkOpen();
      }
      if (store().lastTimestamp() >= seen) {
        return;
      }
    }
    raft.awaitStrong(options.readDeadline());
    // A token that is ahead even of the primary is from a history that a backup replaced, or made
    // up. What it claims to have seen is not there; what is written next is above it, unless it is
    // so far ahead that anybody's token could drive the clock.
    clock.observe(seen);
  }

  @Override
  public Commit write(Batch batch) {
    checkOpen();
    boolean deletes = batch.writes().stream().allMatch(write -> write instanceof Write.Delete);
    String refusal = deletes ? disk.deleteRefusal() : disk.refusal();
    if (refusal != null) {
      throw notDone(refusal);
    }
    return switch (commits.commit(LogCodec.command(batch), options.writeDeadline())) {
      case Outcome.Done(Commit commit) -> commit;
      // A new exception would tell the caller where it was thrown; nobody needs that here.
      case Outcome.Failed failed -> throw failed.problem();
      case Outcome.Swept _ -> throw new IllegalStateException("a batch is no sweep");
    };
  }

  @Override
  public ChangeFeed changes(ChangeQuery query) {
    checkOpen();
    return store().changes(query);
  }

  @Override
  public Position position() {
    checkOpen();
    return store().position();
  }

  /** Replaces the secondary indexes; see {@link RocksStore#defineIndexes}. */
  public void defineIndexes(List<IndexDefinition> definitions) {
    checkOpen();
    store().defineIndexes(definitions);
  }

  /** Checks the database here against itself; see {@link RocksStore#verify}. */
  public Verification verify() {
    checkOpen();
    return store().verify();
  }

  /** How it is doing. Any thread, any time. */
  public ReplicaStatus status() {
    return new ReplicaStatus(
        closed || failure.get() != null ? "stopped" : raft.role(),
        problem() == null,
        problem(),
        raft.identity().group().toString(),
        raft.identity().member(),
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
        disk.free());
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
    Backup.write(store(), raft.shard(), out, progress);
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
  }

  /** Called once, on a thread of Ratis, when this replica can go no further. */
  private void fail(Throwable cause) {
    String message =
        cause.getMessage()
            + ". Mend the cause (free disk, a healthy disk), then restart this node.";
    if (failure.compareAndSet(null, message)) {
      // Not on this thread: it may be the one that the callers wait for.
      Thread.ofPlatform()
          .name("meridian-stopping")
          .daemon()
          .start(
              () -> {
                commits.stop(message);
                commits.abandon(message, cause);
              });
    }
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
    public void submit(LogGroup group) {
      raft.submit(group);
    }
  }

  private final class Upkeep implements Maintenance.Jobs {
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
    public boolean sweep() {
      if (closed || failure.get() != null || disk.deleteRefusal() != null || refusal() != null) {
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

  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    commits.stop("This store was closed.");
    try {
      maintenance.close();
      if (failure.get() == null && !commits.awaitIdle(CLOSE_WAIT)) {
        LOG.warn("Some writes did not end in {}; they are answered as unknown", CLOSE_WAIT);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    raft.close();
    commits.close();
    metrics.close();
    try {
      dataLock.close();
    } catch (IOException e) {
      LOG.warn("The lock of the data folder could not be released: {}", e.getMessage());
    }
  }
}
