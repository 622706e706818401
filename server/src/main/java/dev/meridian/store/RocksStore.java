package dev.meridian.store;

import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Version;
import dev.meridian.store.StoreException.Unavailable;
import dev.meridian.store.proto.Command;
import dev.meridian.store.proto.LogEntry;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A store in one RocksDB: the state that a replicated log drives.
 *
 * <p>Entries of the log are applied in order by one caller at a time, each command whole or not at
 * all; what it does depends on the entries before it alone, so that all replicas agree. An entry
 * with a large effect is written in several steps, so that memory is bounded; a crash between two
 * of them is made good when the entry is applied again. Nothing applied is durable before {@link
 * #flush}: the log is what must be, and is applied again from {@link #applied} after a crash.
 *
 * <p>Reads see every entry applied before they began, and ignore {@link ReadOptions}: whether this
 * replica is fresh enough for them is for its driver to say.
 */
public final class RocksStore implements Store {
  /** How long deletes are remembered for those who follow the change feed. */
  public static final Duration TOMBSTONE_GRACE = Duration.ofDays(7);

  /** Most expired documents that one proposed sweep removes. */
  public static final int SWEEP_LIMIT = 1_000;

  /** Most documents that one proposed flush brings. */
  private static final int FLUSH_LIMIT = 2_000;

  /** About how many bytes of documents one proposed flush brings at most. */
  private static final long FLUSH_BYTES = 4L << 20;

  /** About how many bytes of expired documents one proposed sweep removes at most. */
  private static final long SWEEP_BYTES = 32L << 20;

  /**
   * How to open a store.
   *
   * @param engine the process's memory for databases
   * @param region written into versions by {@link RocksStore#write}
   * @param wallMillis milliseconds since 1970, by which reads judge expiry
   * @param maxOpenFiles most files held open
   */
  public record Options(Engine engine, int region, LongSupplier wallMillis, int maxOpenFiles) {
    /** Most open files, unless told otherwise. */
    public static final int DEFAULT_MAX_OPEN_FILES = 512;

    /** With the system's clock, in region 0. */
    public static Options of(Engine engine) {
      return new Options(engine, 0, System::currentTimeMillis, DEFAULT_MAX_OPEN_FILES);
    }

    /** The same with another clock. */
    public Options withClock(LongSupplier wall) {
      return new Options(engine, region, wall, maxOpenFiles);
    }
  }

  private final Options options;
  private final Database database;
  private final Indexes indexes;
  private final IndexBuilder builder;
  private final Listing listing;
  private final PendingTable pendings;
  private final Bell bell;
  private final HybridClock clock;

  /** Guarded by {@link #writing}. */
  private final RecentHeads recent = new RecentHeads();

  /** The timestamp of what may be visible already, or is about to be; written under the lock. */
  private volatile long announced;

  /** Held while anything is written; {@link #meta} changes under it. */
  private final ReentrantLock writing = new ReentrantLock();

  private volatile Meta meta;

  /** Called after each part of an entry but the last; tests end an entry there. */
  Runnable onPart = () -> {};

  private RocksStore(Options options, Database database) {
    this.options = options;
    this.database = database;
    meta = Meta.decode(database.get(Table.META, Meta.KEY));
    indexes = new Indexes(database);
    builder = new IndexBuilder(database, indexes, writing);
    pendings = new PendingTable(database);
    listing = new Listing(database, indexes, pendings, this::readMillis);
    bell = new Bell(meta.sequence(), meta.timestamp());
    clock = new HybridClock(options.wallMillis(), meta.timestamp());
    defineIndexes(indexes.stored());
  }

  /**
   * Opens the store in {@code folder}, made when it is not there. Indexes that are new are built in
   * the background; those no longer defined are dropped.
   *
   * @throws Unavailable if it cannot be opened: damaged, in use, not writable; the message says
   *     what to do
   */
  public static RocksStore open(Path folder, Options options, List<IndexDefinition> indexes) {
    RocksStore store = open(folder, options);
    try {
      store.defineIndexes(indexes);
      return store;
    } catch (RuntimeException | Error e) {
      store.close();
      throw e;
    }
  }

  /**
   * Opens the store in {@code folder} with the indexes it has; see {@link #open(Path, Options,
   * List)}.
   *
   * @throws Unavailable if it cannot be opened
   */
  public static RocksStore open(Path folder, Options options) {
    Database database = new Database(folder, options.engine(), options.maxOpenFiles());
    try {
      return new RocksStore(options, database);
    } catch (RuntimeException | Error e) {
      database.close();
      throw e;
    }
  }

  @Override
  public Optional<Document> get(DocumentPath path, ReadOptions read) {
    // In this order: what is flushed is in the database before it is pending no more.
    boolean settling = pendings.isSettling();
    Pending pending = pendings.get(path);
    Stored.Live live;
    if (pending == null) {
      byte[] raw = database.get(Table.DOCUMENTS, Keys.of(path));
      live = raw == null ? null : Stored.Live.decode(raw);
    } else {
      live = settling ? newest(path, pending.live()) : pending.live();
    }
    return live == null || live.isExpiredAt(readMillis())
        ? Optional.empty()
        : Optional.of(live.document(path));
  }

  /** What is pending, or what is written over it just now: others may have seen that already. */
  private Stored.@Nullable Live newest(DocumentPath path, Stored.Live pending) {
    try (Database.View view = database.view()) {
      byte[] key = Keys.of(path);
      byte[] raw = view.get(Table.DOCUMENTS, key);
      byte[] gone = raw == null ? view.get(Table.TOMBSTONES, Keys.ofKind('p', key)) : null;
      Stored stored =
          raw != null
              ? Stored.Live.decode(raw)
              : gone != null ? Stored.Tombstone.decode(gone) : pending;
      return stored.version().compareTo(pending.version()) <= 0
          ? pending
          : stored instanceof Stored.Live live ? live : null;
    }
  }

  @Override
  public long readMillis() {
    return readMillis(options.wallMillis().getAsLong());
  }

  private long readMillis(long wallMillis) {
    return Math.max(meta.wallMillis(), wallMillis);
  }

  @Override
  public Page list(Query query, ReadOptions read) {
    return listing.page(query);
  }

  /**
   * Applies the batch directly, without a log: for tests and tools. It is durable after {@link
   * #flush} or {@link #close}.
   */
  @Override
  public Commit write(Batch batch) {
    writing.lock();
    try {
      LogEntry entry =
          LogEntry.newBuilder()
              .setTimestamp(clock.next())
              .setWallMillis(options.wallMillis().getAsLong())
              .setRegion(options.region())
              .addCommands(LogCodec.command(batch))
              .build();
      LogIndex at = new LogIndex(meta.applied().term(), meta.applied().index() + 1);
      return switch (apply(at, entry).getFirst()) {
        case Outcome.Done(Commit commit) -> commit;
        case Outcome.Failed(StoreException problem) -> throw problem;
        case Outcome.Swept _, Outcome.Flushed _ ->
            throw new IllegalStateException("a batch is no sweep");
      };
    } finally {
      writing.unlock();
    }
  }

  @Override
  public Optional<Commit> earlier(Batch batch) {
    IdempotencyKey key = batch.idempotencyKey();
    if (key == null) {
      return Optional.empty();
    }
    long now = Version.timestampAt(options.wallMillis().getAsLong());
    return switch (new UsedKeys(database, now).replay(key, batch)) {
      case null -> Optional.empty();
      case Outcome.Done(Commit commit) -> Optional.of(commit);
      case Outcome.Failed(StoreException problem) -> throw problem;
      case Outcome.Swept _, Outcome.Flushed _ ->
          throw new IllegalStateException("a batch is no sweep");
    };
  }

  /**
   * Applies an entry of the log.
   *
   * @param at the entry's place; an entry at or before {@link #applied} is skipped
   * @param entry as {@link LogCodec#entry} made it
   * @return one outcome for each command, in their order; empty when the entry was skipped. Of an
   *     entry that a crash cut off, those of the commands that had been done are missing
   * @throws LogException if this build cannot apply the entry: the replica must stop
   * @throws Unavailable if the database failed: the replica must stop, and the entry be applied
   *     again after it is opened anew
   */
  public List<Outcome> apply(LogIndex at, ByteBuffer entry) {
    LogEntry decoded = LogCodec.decode(entry);
    writing.lock();
    try {
      return at.compareTo(meta.applied()) <= 0 ? List.of() : apply(at, decoded);
    } finally {
      writing.unlock();
    }
  }

  private List<Outcome> apply(LogIndex at, LogEntry entry) {
    if (entry.getTimestamp() < meta.entryTimestamp()) {
      throw new LogException(
          "The log goes back in time: entry "
              + at.index()
              + " has timestamp "
              + entry.getTimestamp()
              + ", after one with "
              + meta.entryTimestamp()
              + ".",
          null);
    }
    List<Command> commands = entry.getCommandsList();
    Transition transition = new Transition(database, indexes, recent, pendings, meta, entry);
    List<Outcome> outcomes = new ArrayList<>(commands.size());
    int done = meta.done(at);
    int written = done;
    while (done < commands.size()) {
      if (done > written && (transition.isFull() || commands.get(done).hasFlush())) {
        announced = Math.max(announced, transition.newest());
        publish(transition.commitPart(new Meta.Part(at.index(), done)));
        written = done;
        onPart.run();
      }
      outcomes.add(transition.evaluate(commands.get(done++)));
    }
    announced = Math.max(announced, transition.newest());
    publish(transition.commit(at));
    return outcomes;
  }

  private void publish(Transition.Result result) {
    meta = result.after();
    clock.observe(meta.timestamp());
    bell.ring(meta.sequence(), meta.timestamp(), result.moved(), result.pended());
  }

  /** Notes that the entry at this place, which is not the store's, has been passed. */
  public void skip(LogIndex at) {
    writing.lock();
    try {
      if (at.compareTo(meta.applied()) > 0) {
        meta.done(at);
        write(
            new Meta(
                at,
                meta.epoch(),
                meta.sequence(),
                meta.timestamp(),
                meta.forgotten(),
                meta.wallMillis(),
                meta.entryTimestamp(),
                meta.part(),
                meta.pending()));
      }
    } finally {
      writing.unlock();
    }
  }

  /**
   * Begins a new history, so that positions of the old one are noticed: after a backup was
   * restored, when what followed it is gone.
   *
   * @param epoch names it; chosen at random, not 0
   */
  public void beginHistory(long epoch) {
    if (epoch == 0) {
      throw new IllegalArgumentException("0 is the epoch of a store without changes");
    }
    writing.lock();
    try {
      write(
          new Meta(
              meta.applied(),
              epoch,
              meta.sequence(),
              meta.timestamp(),
              meta.forgotten(),
              meta.wallMillis(),
              meta.entryTimestamp(),
              Meta.Part.NONE,
              meta.pending()));
    } finally {
      writing.unlock();
    }
  }

  private void write(Meta changed) {
    try (Database.Change change = database.change()) {
      change.put(Table.META, Meta.KEY, changed.encode()).commit();
    }
    meta = changed;
  }

  /** The newest entry of the log that was applied; {@link LogIndex#NONE} when there was none. */
  public LogIndex applied() {
    return meta.applied();
  }

  @Override
  public SessionToken seen() {
    return token(Math.max(announced, lastTimestamp()), options.region());
  }

  @Override
  public SessionToken settled() {
    return token(lastTimestamp(), options.region());
  }

  /** What covers everything up to {@code timestamp}; 0 for nothing. */
  static SessionToken token(long timestamp, int region) {
    return timestamp == 0
        ? SessionToken.NONE
        : SessionToken.NONE.seen(new Version(timestamp, region));
  }

  /** The highest timestamp applied: every version in the store is at or below it; 0 for none. */
  public long lastTimestamp() {
    return meta.timestamp();
  }

  /**
   * The command that removes what has expired and forgets what is past its grace, for the primary
   * to put into its log.
   *
   * @param wallMillis the primary's wall clock
   * @return empty when there is nothing to do
   */
  public Optional<Command> sweepCommand(long wallMillis) {
    long timestamp = Version.timestampAt(wallMillis);
    long tombstonesBefore = timestamp - Version.timestampAt(TOMBSTONE_GRACE.toMillis());
    long keysBefore = timestamp - Version.timestampAt(UsedKeys.WINDOW.toMillis());
    return Sweeps.isDue(database, timestamp, tombstonesBefore, keysBefore)
        ? Optional.of(LogCodec.sweep(SWEEP_LIMIT, SWEEP_BYTES, tombstonesBefore, keysBefore))
        : Optional.empty();
  }

  /**
   * The command that brings pending values into the documents' tables, for the primary to put into
   * its log: those that are due, or all when they take more than half of what they may.
   *
   * @param wallMillis the primary's wall clock
   * @return empty when there is nothing to do
   */
  public Optional<Command> flushCommand(long wallMillis) {
    boolean many = hurriesFlush();
    return pendings.nextDueMillis() <= readMillis(wallMillis) || many
        ? Optional.of(LogCodec.flush(FLUSH_LIMIT, FLUSH_BYTES, many))
        : Optional.empty();
  }

  /** How long until {@link #flushCommand} has something to do; empty when nothing is pending. */
  public Optional<Duration> untilFlush(long wallMillis) {
    long due = pendings.nextDueMillis();
    if (due == Long.MAX_VALUE) {
      return Optional.empty();
    }
    return Optional.of(
        Duration.ofMillis(hurriesFlush() ? 0 : Math.max(0, due - readMillis(wallMillis))));
  }

  /** Whether so much is pending that it is to be flushed before it is due. */
  public boolean hurriesFlush() {
    return pendings.bytes() > pendings.maxBytes() / 2;
  }

  /** What write-behind has put off. Any thread. */
  public PendingStatus pending() {
    return pendings.status();
  }

  @Override
  public List<DocumentPath> unflushed() {
    List<DocumentPath> paths = new ArrayList<>();
    pendings.forEach(paths::add);
    return paths;
  }

  @Override
  public ChangeFeed changes(ChangeQuery query) {
    return new Feed(database, bell, pendings, query, options.region());
  }

  @Override
  public Position position() {
    return meta.position();
  }

  /**
   * Replaces the secondary indexes: new ones are built in the background, others are dropped.
   *
   * @throws InvalidInputException if there are too many
   */
  public void defineIndexes(List<IndexDefinition> definitions) {
    writing.lock();
    try {
      indexes.define(definitions, meta.sequence() == 0);
      builder.start();
    } finally {
      writing.unlock();
    }
  }

  /** The secondary indexes, and whether each is complete and serves queries. */
  public Map<IndexDefinition, Boolean> indexes() {
    return indexes.all().stream().collect(Collectors.toMap(Index::definition, Index::ready));
  }

  /**
   * Waits until all indexes are complete.
   *
   * @return false when the time ran out, or building failed
   */
  public boolean awaitIndexes(Duration bound) throws InterruptedException {
    return builder.await(bound);
  }

  /**
   * Reads all files of the database and compares them with their checksums, which takes as long as
   * the disk needs for that.
   *
   * @throws Unavailable if one is damaged
   */
  public void checkFiles() {
    database.checkFiles();
  }

  /**
   * Has a listener told when files of the database turn out to be damaged, on whichever thread
   * finds it, maybe more than once. What is not damaged can still be read.
   */
  public void onDamage(Consumer<Unavailable> listener) {
    database.onDamage(listener);
  }

  /** Makes everything applied so far durable. */
  public void flush() {
    database.flush();
  }

  /**
   * Copies the store, flushed, into {@code target} by hard links: quick, and small until the store
   * changes.
   *
   * @param target a folder that does not exist, on the same file system
   * @return the newest log entry in the copy
   */
  public LogIndex checkpoint(Path target) {
    writing.lock();
    try {
      database.flush();
      database.checkpoint(target);
      return meta.applied();
    } finally {
      writing.unlock();
    }
  }

  /**
   * Checks that all tables agree with the documents, and reads every document. Takes as long as
   * reading the whole store; reads and writes go on meanwhile.
   */
  public Verification verify() {
    return Verification.of(database, indexes);
  }

  @Override
  public void close() {
    bell.close();
    builder.close();
    writing.lock();
    try {
      database.close();
    } finally {
      writing.unlock();
    }
  }
}
