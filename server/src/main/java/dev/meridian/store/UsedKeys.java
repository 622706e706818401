package dev.meridian.store;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.UnsafeByteOperations;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Version;
import dev.meridian.store.StoreException.Rejected;
import dev.meridian.store.proto.UsedKey;
import dev.meridian.store.proto.WriteResult;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The idempotency keys that one log entry uses, over those in the database. Only batches that were
 * applied are remembered: one that failed changed nothing, so it is simply evaluated again.
 */
final class UsedKeys {
  /** How long a key is remembered at least, counted in the log's own time. */
  static final Duration WINDOW = Duration.ofHours(24);

  private static final long WINDOW_TICKS = Version.timestampAt(WINDOW.toMillis());

  private final Database database;
  private final long now; // the log's time, as a timestamp
  private final Map<String, UsedKey> fresh = new LinkedHashMap<>();
  private final List<byte[]> forgotten = new ArrayList<>(); // keys of the order by time

  UsedKeys(Database database, long now) {
    this.database = database;
    this.now = now;
  }

  /** What the batch did when it was applied before, without values; null if it never was. */
  @Nullable Outcome replay(IdempotencyKey key, Batch batch) {
    UsedKey used = find(key.key());
    if (used == null || now - used.getTimestamp() > WINDOW_TICKS) {
      return null;
    }
    if (!used.getFingerprint().equals(ByteString.copyFrom(key.fingerprint()))
        || used.getResultsCount() != batch.writes().size()) {
      return new Outcome.Failed(
          new Rejected(
              Rejected.Reason.KEY_REUSED,
              "The idempotency key '"
                  + key.key()
                  + "' was used for another request; give each request its own."));
    }
    List<Written> results = new ArrayList<>(used.getResultsCount());
    for (int i = 0; i < used.getResultsCount(); i++) {
      WriteResult result = used.getResults(i);
      results.add(
          new Written(
              DocumentPath.parse(result.getPath()),
              new Version(result.getTimestamp(), result.getRegion()),
              result.getExisted(),
              result.getDeleted(),
              null));
    }
    return new Outcome.Done(new Commit(results, results.getLast().version(), true));
  }

  /** Remembers what the batch did, without values: a day's worth of them would fill the disk. */
  void remember(IdempotencyKey key, Commit commit) {
    UsedKey.Builder used =
        UsedKey.newBuilder()
            .setTimestamp(now)
            .setFingerprint(UnsafeByteOperations.unsafeWrap(key.fingerprint()));
    for (Written written : commit.results()) {
      WriteResult.Builder result =
          WriteResult.newBuilder()
              .setPath(written.path().toString())
              .setTimestamp(written.version().timestamp())
              .setRegion(written.version().region())
              .setExisted(written.existed())
              .setDeleted(written.deleted());
      used.addResults(result);
    }
    fresh.put(key.key(), used.build());
  }

  /** Forgets at most {@code limit} keys that were used before {@code olderThan}. */
  int forget(Database.View view, int limit, long olderThan) {
    // Never inside the window, whatever the command says.
    long before = Math.min(olderThan, now - WINDOW_TICKS);
    if (before <= 0) {
      return 0;
    }
    Database.Scan scan =
        view.scan(
                Table.IDEMPOTENCY,
                Keys.ofKind('t', Keys.ofLong(0)),
                Keys.ofKind('t', Keys.ofLong(before)))
            .first();
    int count = 0;
    for (; count < limit && scan.valid(); scan.next()) {
      forgotten.add(scan.key());
      count++;
    }
    return count;
  }

  /** Adds everything since the last call to the entry's write. */
  void write(Database.Change change) {
    for (byte[] byTime : forgotten) {
      long usedAt = Keys.toLong(byTime, 1);
      String key = new String(byTime, 1 + Long.BYTES, byTime.length - 1 - Long.BYTES, UTF_8);
      change.delete(Table.IDEMPOTENCY, byTime);
      UsedKey stored = read(key);
      // A key used again after its window has a newer record, which stays.
      if (stored != null && stored.getTimestamp() == usedAt) {
        change.delete(Table.IDEMPOTENCY, name(key));
      }
    }
    fresh.forEach(
        (key, used) -> {
          change.put(Table.IDEMPOTENCY, name(key), used.toByteArray());
          change.put(
              Table.IDEMPOTENCY,
              Keys.ofKind('t', Keys.ofLong(used.getTimestamp(), key.getBytes(UTF_8))),
              new byte[0]);
        });
  }

  /** What was added to the write is in the database now. */
  void written() {
    fresh.clear();
    forgotten.clear();
  }

  private @Nullable UsedKey find(String key) {
    UsedKey used = fresh.get(key);
    return used != null ? used : read(key);
  }

  private @Nullable UsedKey read(String key) {
    byte[] stored = database.get(Table.IDEMPOTENCY, name(key));
    try {
      return stored == null ? null : UsedKey.parseFrom(stored);
    } catch (InvalidProtocolBufferException e) {
      throw Database.damaged("the record of an idempotency key cannot be read", e);
    }
  }

  private static byte[] name(String key) {
    return Keys.ofKind('k', key.getBytes(UTF_8));
  }
}
