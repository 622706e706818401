package dev.meridian.store;

import dev.meridian.store.StoreException.Unavailable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.BloomFilter;
import org.rocksdb.Checkpoint;
import org.rocksdb.ColumnFamilyDescriptor;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.CompressionType;
import org.rocksdb.DBOptions;
import org.rocksdb.FlushOptions;
import org.rocksdb.InfoLogLevel;
import org.rocksdb.LiveFileMetaData;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.Slice;
import org.rocksdb.Snapshot;
import org.rocksdb.Status;
import org.rocksdb.WriteBatch;
import org.rocksdb.WriteOptions;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One RocksDB: opens and closes everything native in the right order, and turns its errors into the
 * store's. Any thread may call it at any time; once {@link #close} has begun, calls throw {@link
 * Unavailable}.
 *
 * <p>There is no write-ahead log: the replicated log is it. All families are flushed atomically, so
 * that after a crash the database is as it was after some log entry, and is brought up to date by
 * applying the entries after that one again.
 */
final class Database implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Database.class);

  /** How long closing waits for calls under way; all of them end by themselves well before. */
  private static final Duration CLOSE_BOUND = Duration.ofSeconds(20);

  /** Of {@link #getHead}: there is no value. */
  static final int NOT_FOUND = RocksDB.NOT_FOUND;

  private static final String ADVICE =
      " Restore a backup, or let this node copy the data of another one.";

  private static final int BLOCK_BYTES = 8 << 10;
  private static final int BLOOM_BITS = 10;
  private static final int BACKGROUND_JOBS = 2;
  private static final long MAX_INFO_LOG_BYTES = 4L << 20;
  private static final int INFO_LOGS = 2;

  private final Path folder;
  private final Gate gate = new Gate();

  // Closed in the reverse of this order.
  private final BloomFilter bloom = new BloomFilter(BLOOM_BITS);
  private final ColumnFamilyOptions familyOptions;
  private final DBOptions options;
  private final WriteOptions writeOptions = new WriteOptions().setDisableWAL(true);
  private final ReadOptions readOptions = new ReadOptions();
  private final RocksDB db;
  private final ColumnFamilyHandle[] families; // by Table.ordinal()

  private volatile Consumer<Unavailable> onDamage = _ -> {};

  /**
   * Opens the database in {@code folder}, made when it is not there.
   *
   * @throws Unavailable if it cannot be opened; the message says why and what to do
   */
  @SuppressWarnings("resource") // closed by close(), or here when opening fails
  Database(Path folder, Engine engine, int maxOpenFiles) {
    this.folder = folder;
    RocksDB.loadLibrary();
    familyOptions =
        new ColumnFamilyOptions()
            .setTableFormatConfig(
                new BlockBasedTableConfig()
                    .setBlockCache(engine.cache)
                    .setBlockSize(BLOCK_BYTES)
                    .setFilterPolicy(bloom)
                    .setCacheIndexAndFilterBlocks(true)
                    .setPinL0FilterAndIndexBlocksInCache(true))
            .setCompressionType(CompressionType.LZ4_COMPRESSION)
            .setBottommostCompressionType(CompressionType.ZSTD_COMPRESSION);
    options =
        new DBOptions()
            .setCreateIfMissing(true)
            .setCreateMissingColumnFamilies(true)
            .setParanoidChecks(true)
            .setAtomicFlush(true)
            .setWriteBufferManager(engine.writeBuffers)
            .setMaxOpenFiles(maxOpenFiles)
            .setMaxBackgroundJobs(BACKGROUND_JOBS)
            .setInfoLogLevel(InfoLogLevel.WARN_LEVEL)
            .setMaxLogFileSize(MAX_INFO_LOG_BYTES)
            .setKeepLogFileNum(INFO_LOGS)
            .setStatsDumpPeriodSec(0)
            .setStatsPersistPeriodSec(0);
    List<ColumnFamilyDescriptor> descriptors = new ArrayList<>();
    for (Table table : Table.values()) {
      descriptors.add(new ColumnFamilyDescriptor(table.family(), familyOptions));
    }
    List<ColumnFamilyHandle> handles = new ArrayList<>();
    try {
      Files.createDirectories(folder);
      db = RocksDB.open(options, folder.toString(), descriptors, handles);
    } catch (RocksDBException e) {
      closeOptions();
      throw cannotOpen(e);
    } catch (IOException e) {
      closeOptions();
      throw new Unavailable(
          Unavailable.Outcome.NOT_DONE,
          "The data folder " + folder + " cannot be made: " + e.getMessage() + ".",
          e);
    }
    families = handles.toArray(ColumnFamilyHandle[]::new);
    try {
      checkTables();
    } catch (RocksDBException e) {
      close();
      throw cannotOpen(e);
    } catch (Unavailable e) {
      close();
      throw e;
    }
  }

  /** Looks whether all tables are there and whole: RocksDB notices only when it reads them. */
  private void checkTables() throws RocksDBException {
    // Or a table could be merged into another one, and deleted, after it was listed.
    db.disableFileDeletions();
    try {
      for (LiveFileMetaData file : db.getLiveFilesMetaData()) {
        checkTable(Path.of(file.path(), file.fileName()), file.size());
      }
    } finally {
      db.enableFileDeletions();
    }
  }

  private void checkTable(Path table, long bytes) {
    String wrong;
    try {
      long found = Files.size(table);
      wrong = found == bytes ? "" : table + " has " + found + " bytes, not " + bytes;
    } catch (IOException e) {
      wrong = table + " cannot be read: " + e;
    }
    if (!wrong.isEmpty()) {
      throw damaged(Unavailable.Outcome.NOT_DONE, wrong, ADVICE, null);
    }
  }

  /** The value of {@code key}, or null. */
  byte @Nullable [] get(Table table, byte[] key) {
    int ticket = gate.enter();
    try {
      return db.get(family(table), readOptions, key);
    } catch (RocksDBException e) {
      throw failed(Unavailable.Outcome.NOT_DONE, "read", e);
    } finally {
      gate.exit(ticket);
    }
  }

  /**
   * The first bytes of the value of {@code key}, as many as fit in {@code head}: the rest does not
   * come to the heap.
   *
   * @return how long the whole value is; {@link #NOT_FOUND} when there is none
   */
  int getHead(Table table, byte[] key, byte[] head) {
    int ticket = gate.enter();
    try {
      return db.get(family(table), readOptions, key, 0, key.length, head, 0, head.length);
    } catch (RocksDBException e) {
      throw failed(Unavailable.Outcome.NOT_DONE, "read", e);
    } finally {
      gate.exit(ticket);
    }
  }

  /** Everything as it is now, for several reads that belong together. The caller closes it soon. */
  View view() {
    int ticket = gate.enter();
    try {
      return new View(ticket);
    } catch (RuntimeException | Error e) {
      gate.exit(ticket);
      throw e;
    }
  }

  /** Makes a change that is applied whole or not at all. The caller closes it soon. */
  Change change() {
    int ticket = gate.enter();
    return new Change(ticket);
  }

  /** Writes everything to files and syncs them. */
  void flush() {
    int ticket = gate.enter();
    try (FlushOptions flush = new FlushOptions().setWaitForFlush(true)) {
      db.flush(flush, List.of(families));
    } catch (RocksDBException e) {
      throw failed(Unavailable.Outcome.UNKNOWN, "flushed", e);
    } finally {
      gate.exit(ticket);
    }
  }

  /** Makes {@code target}, which must not exist, a copy of the database by hard links. */
  void checkpoint(Path target) {
    int ticket = gate.enter();
    try (Checkpoint checkpoint = Checkpoint.create(db)) {
      checkpoint.createCheckpoint(target.toString());
    } catch (RocksDBException e) {
      throw failed(Unavailable.Outcome.UNKNOWN, "copied to " + target, e);
    } finally {
      gate.exit(ticket);
    }
  }

  /**
   * Reads all files and compares them with their checksums.
   *
   * @throws Unavailable if one is damaged
   */
  void checkFiles() {
    int ticket = gate.enter();
    try {
      db.verifyChecksum();
    } catch (RocksDBException e) {
      throw failed(Unavailable.Outcome.NOT_DONE, "checked", e);
    } finally {
      gate.exit(ticket);
    }
  }

  /** A number that RocksDB knows about all families together. */
  long property(String name) {
    int ticket = gate.enter();
    try {
      return db.getAggregatedLongProperty(name);
    } catch (RocksDBException e) {
      throw failed(Unavailable.Outcome.UNKNOWN, "asked for " + name, e);
    } finally {
      gate.exit(ticket);
    }
  }

  /** Whom to tell when files turn out to be damaged, on any thread, once or more often. */
  void onDamage(Consumer<Unavailable> listener) {
    onDamage = listener;
  }

  boolean isClosed() {
    return gate.isClosed();
  }

  Path folder() {
    return folder;
  }

  /** Flushes and closes. Safe to call twice. */
  @Override
  public synchronized void close() {
    if (gate.isClosed()) {
      return;
    }
    try {
      flush();
    } catch (StoreException e) {
      LOG.warn("{} could not be flushed on closing; the log will be replayed", folder, e);
    }
    if (!gate.close(CLOSE_BOUND)) {
      // Freeing memory that a native call still uses would end the process; leaking it does not.
      LOG.error("Calls into {} did not end in {}; it is left open", folder, CLOSE_BOUND);
      return;
    }
    for (ColumnFamilyHandle family : families) {
      family.close();
    }
    try {
      db.closeE();
    } catch (RocksDBException e) {
      LOG.warn("{} reported an error on closing", folder, e);
    }
    closeOptions();
  }

  private void closeOptions() {
    readOptions.close();
    writeOptions.close();
    options.close();
    familyOptions.close();
    bloom.close();
  }

  private ColumnFamilyHandle family(Table table) {
    return families[table.ordinal()];
  }

  private Unavailable cannotOpen(RocksDBException e) {
    String why = String.valueOf(e.getMessage());
    if (isDamage(e)) {
      return damaged(Unavailable.Outcome.NOT_DONE, why, ADVICE, e);
    }
    return new Unavailable(
        Unavailable.Outcome.NOT_DONE,
        why.contains("lock")
            ? "The database in " + folder + " is in use by another process (" + why + ")."
            : "The database in " + folder + " cannot be opened: " + why,
        e);
  }

  private Unavailable failed(Unavailable.Outcome outcome, String what, RocksDBException e) {
    String why = String.valueOf(e.getMessage());
    if (isDamage(e)) {
      Unavailable damage =
          damaged(
              outcome,
              why,
              " If other nodes have the data, start this node again: then it copies theirs. If none"
                  + " has, restore a backup.",
              e);
      onDamage.accept(damage);
      return damage;
    }
    return new Unavailable(
        outcome, "The database in " + folder + " could not be " + what + ": " + why, e);
  }

  private Unavailable damaged(
      Unavailable.Outcome outcome, String why, String advice, @Nullable Throwable cause) {
    return new Unavailable(
        outcome, "The database in " + folder + " is damaged (" + why + ")." + advice, cause, true);
  }

  /** Whether files are not what they were when they were written; a full disk is something else. */
  private static boolean isDamage(RocksDBException e) {
    String why = String.valueOf(e.getMessage());
    return (e.getStatus() != null && e.getStatus().getCode() == Status.Code.Corruption)
        || why.contains("Corruption")
        || why.contains("Input/output error")
        || why.contains("No such file or directory");
  }

  /** The database holds what no version of this code has written. */
  static Unavailable damaged(String what, @Nullable Throwable cause) {
    return new Unavailable(
        Unavailable.Outcome.UNKNOWN,
        "The database is damaged, or a newer version wrote it: "
            + what
            + ". Restore a backup, or let the node copy the data from its peers.",
        cause);
  }

  /** A consistent view. Used by one thread, and closed by it; its scans are closed with it. */
  final class View implements AutoCloseable {
    private final int ticket;
    private final Snapshot snapshot;
    private final ReadOptions options;
    private final List<Scan> scans = new ArrayList<>(2);

    private View(int ticket) {
      this.ticket = ticket;
      snapshot = db.getSnapshot();
      options = new ReadOptions().setSnapshot(snapshot);
    }

    byte @Nullable [] get(Table table, byte[] key) {
      try {
        return db.get(family(table), options, key);
      } catch (RocksDBException e) {
        throw failed(Unavailable.Outcome.NOT_DONE, "read", e);
      }
    }

    /** The keys from {@code from}, inclusive, to {@code to}, exclusive. */
    Scan scan(Table table, byte[] from, byte[] to) {
      Scan scan = new Scan(Database.this, family(table), snapshot, from, to);
      scans.add(scan);
      return scan;
    }

    /**
     * For loops that may run long.
     *
     * @throws Unavailable if the database is being closed
     */
    void check() {
      gate.check();
    }

    @Override
    public void close() {
      try {
        for (Scan scan : scans) {
          scan.close();
        }
        options.close();
        db.releaseSnapshot(snapshot);
        snapshot.close();
      } finally {
        gate.exit(ticket);
      }
    }
  }

  /** An ordered walk over a run of keys; part of a {@link View}. */
  static final class Scan {
    private final Database database;
    private final Slice lower;
    private final Slice upper;
    private final ReadOptions options;
    private final org.rocksdb.RocksIterator iterator;

    private Scan(
        Database database, ColumnFamilyHandle family, Snapshot snapshot, byte[] from, byte[] to) {
      this.database = database;
      lower = new Slice(from);
      upper = new Slice(to);
      options =
          new ReadOptions()
              .setSnapshot(snapshot)
              .setIterateLowerBound(lower)
              .setIterateUpperBound(upper);
      iterator = database.db.newIterator(family, options);
    }

    Scan first() {
      iterator.seekToFirst();
      return this;
    }

    Scan last() {
      iterator.seekToLast();
      return this;
    }

    /** To {@code key} or the next above it. */
    Scan seek(byte[] key) {
      iterator.seek(key);
      return this;
    }

    /** To {@code key} or the next below it. */
    Scan seekBack(byte[] key) {
      iterator.seekForPrev(key);
      return this;
    }

    void next() {
      iterator.next();
    }

    void previous() {
      iterator.prev();
    }

    /** Whether there is an entry here; false past the end. Reading errors are thrown. */
    boolean valid() {
      if (iterator.isValid()) {
        return true;
      }
      try {
        iterator.status();
      } catch (RocksDBException e) {
        throw database.failed(Unavailable.Outcome.NOT_DONE, "read", e);
      }
      return false;
    }

    byte[] key() {
      return iterator.key();
    }

    byte[] value() {
      return iterator.value();
    }

    private void close() {
      iterator.close();
      options.close();
      lower.close();
      upper.close();
    }
  }

  /** Writes that become visible together by {@link #commit}. Used and closed by one thread. */
  final class Change implements AutoCloseable {
    private final int ticket;
    private final WriteBatch batch = new WriteBatch();

    private Change(int ticket) {
      this.ticket = ticket;
    }

    Change put(Table table, byte[] key, byte[] value) {
      try {
        batch.put(family(table), key, value);
      } catch (RocksDBException e) {
        throw failed(Unavailable.Outcome.UNKNOWN, "written", e);
      }
      return this;
    }

    Change delete(Table table, byte[] key) {
      try {
        batch.delete(family(table), key);
      } catch (RocksDBException e) {
        throw failed(Unavailable.Outcome.UNKNOWN, "written", e);
      }
      return this;
    }

    /** Of a key that was put exactly once since it was last deleted: it leaves no trace sooner. */
    Change deleteOnce(Table table, byte[] key) {
      try {
        batch.singleDelete(family(table), key);
      } catch (RocksDBException e) {
        throw failed(Unavailable.Outcome.UNKNOWN, "written", e);
      }
      return this;
    }

    Change deleteRange(Table table, byte[] from, byte[] to) {
      try {
        batch.deleteRange(family(table), from, to);
      } catch (RocksDBException e) {
        throw failed(Unavailable.Outcome.UNKNOWN, "written", e);
      }
      return this;
    }

    void commit() {
      try {
        db.write(writeOptions, batch);
      } catch (RocksDBException e) {
        throw failed(Unavailable.Outcome.UNKNOWN, "written", e);
      }
    }

    @Override
    public void close() {
      try {
        batch.close();
      } finally {
        gate.exit(ticket);
      }
    }
  }
}
