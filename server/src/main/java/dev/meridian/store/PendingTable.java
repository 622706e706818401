package dev.meridian.store;

import dev.meridian.document.DocumentPath;
import dev.meridian.document.Version;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The pending values of a store, as its database has them: they are written with every change, in
 * the same step as how far the log was applied. So a crash, a snapshot or a backup has them as it
 * has everything else, and no entry is applied twice to them.
 *
 * <p>Read by any thread; changed by the one that applies the log.
 */
final class PendingTable {
  /*
   * RocksDB has them too, but in memory they are found without native code, and in the order in
   * which they are due. What they cost there is one put in the memtable for each entry of the log:
   * there is no write-ahead log, and those of one document that were put over each other before the
   * memtable is written are left out then.
   */

  /** Where a value stands in the order in which they are flushed. */
  private record Due(long millis, long since) {
    static final Comparator<Due> ORDER =
        Comparator.comparingLong(Due::millis).thenComparingLong(Due::since);
  }

  private final Map<DocumentPath, Pending> byPath = new ConcurrentHashMap<>();

  /** Guarded by this, as are those below; the volatile ones are read by all. */
  private final TreeMap<Due, DocumentPath> byDue = new TreeMap<>(Due.ORDER);

  /** When those began to wait that wait. */
  private final TreeSet<Long> sinces = new TreeSet<>();

  /** What they say may be pending, and how many say so. */
  private final TreeMap<Long, Integer> bounds = new TreeMap<>();

  private volatile long bytes;
  private volatile long maxBytes;
  private volatile long settled;
  private volatile boolean settling;
  private long writes;
  private long flushed;
  private long passed;

  /** What {@code database} holds. */
  PendingTable(Database database) {
    try (Database.View view = database.view()) {
      Database.Scan scan =
          view.scan(Table.META, Meta.PENDING_PREFIX, Keys.afterPrefix(Meta.PENDING_PREFIX)).first();
      for (; scan.valid(); scan.next()) {
        put(Keys.path(scan.key(), Meta.PENDING_PREFIX.length), Pending.decode(scan.value()));
      }
    }
  }

  /** Where the database has the value of {@code path}. */
  static byte[] key(DocumentPath path) {
    return Keys.concat(Meta.PENDING_PREFIX, Keys.of(path));
  }

  @Nullable Pending get(DocumentPath path) {
    return byPath.get(path);
  }

  /** All paths where a value is pending, in no order. */
  void forEach(Consumer<DocumentPath> action) {
    byPath.keySet().forEach(action);
  }

  /**
   * Whether an entry is being written by which values are pending no more: then the database may
   * hold newer ones. To be asked before {@link #get}.
   */
  boolean isSettling() {
    return settling;
  }

  /** The next {@link #change} has values that are pending no more; before the database has them. */
  void settling() {
    settling = true;
  }

  /** Grows before a value is pending no more, which the database then holds. */
  long settled() {
    return settled;
  }

  boolean isEmpty() {
    return byPath.isEmpty();
  }

  long bytes() {
    return bytes;
  }

  /** What may be pending, by the greatest word of those that are; 0 when none are. */
  long maxBytes() {
    return maxBytes;
  }

  /** Takes over what an entry changed; empty for what is pending no more. */
  synchronized void change(Map<DocumentPath, Optional<Pending>> changed) {
    changed.forEach((path, pending) -> put(path, pending.orElse(null)));
    settling = false;
  }

  /** Counts what an entry did. */
  synchronized void count(long deferred, long documents, long notDeferred) {
    writes += deferred;
    flushed += documents;
    passed += notDeferred;
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // by one thread
  private synchronized void put(DocumentPath path, @Nullable Pending now) {
    if (now == null) {
      settled++;
    }
    Pending before = now == null ? byPath.remove(path) : byPath.put(path, now);
    byte[] key = Keys.of(path);
    if (before != null) {
      byDue.remove(new Due(before.dueMillis(), before.since()));
      sinces.remove(before.since());
      bounds.computeIfPresent(before.maxBytes(), (_, many) -> many == 1 ? null : many - 1);
      bytes -= before.bytes(key);
    }
    if (now != null) {
      byDue.put(new Due(now.dueMillis(), now.since()), path);
      sinces.add(now.since());
      bounds.merge(now.maxBytes(), 1, Integer::sum);
      bytes += now.bytes(key);
    }
    maxBytes = bounds.isEmpty() ? 0 : bounds.lastKey();
  }

  /** The paths to flush first, at most {@code limit}: those due at {@code millis}, or of all. */
  synchronized List<DocumentPath> first(int limit, long millis, boolean all) {
    List<DocumentPath> paths = new ArrayList<>();
    for (Map.Entry<Due, DocumentPath> next : byDue.entrySet()) {
      if (paths.size() == limit || (!all && next.getKey().millis() > millis)) {
        break;
      }
      paths.add(next.getValue());
    }
    return paths;
  }

  /** When the next one is due; {@link Long#MAX_VALUE} when there is none. */
  synchronized long nextDueMillis() {
    return byDue.isEmpty() ? Long.MAX_VALUE : byDue.firstKey().millis();
  }

  synchronized PendingStatus status() {
    long oldest = sinces.isEmpty() ? 0 : sinces.first() >>> Version.COUNTER_BITS;
    return new PendingStatus(byPath.size(), bytes, maxBytes, oldest, writes, flushed, passed);
  }
}
