package dev.meridian.store;

import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Version;
import dev.meridian.store.StoreException.PreconditionFailed;
import dev.meridian.store.StoreException.Rejected;
import dev.meridian.store.proto.BatchCommand;
import dev.meridian.store.proto.Command;
import dev.meridian.store.proto.LogEntry;
import dev.meridian.store.proto.SweepCommand;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One log entry being applied: evaluates its commands one after another against the database and
 * what the commands before changed, then writes all of it at once.
 *
 * <p>The result depends on the entry and the database alone, never on a wall clock, chance or the
 * order of a hash map, so that every replica comes to the same.
 */
final class Transition {
  /** Most documents that one sweep removes. */
  static final int MAX_SWEEP = 10_000;

  /** Most bytes of JSON that one batch may leave behind, patched documents included. */
  static final long MAX_BATCH_BYTES = 32L << 20;

  private static final byte[] NOTHING = {};

  /** A path that this entry touches: what was there before it and what is there now. */
  private static final class Slot {
    final DocumentPath path;
    final byte[] key;
    final @Nullable Stored before;
    @Nullable Stored now;

    Slot(DocumentPath path, byte[] key, @Nullable Stored before) {
      this.path = path;
      this.key = key;
      this.before = before;
      this.now = before;
    }
  }

  private final Database database;
  private final Indexes indexes;
  private final Meta before;
  private final long entryTimestamp;
  private final long entryMillis;
  private final int region;

  private final Map<DocumentPath, Slot> slots = new LinkedHashMap<>();
  private final UsedKeys usedKeys;

  private long sequence;
  private long timestamp;
  private long forgotten;

  /** A path and the position of its newest change. */
  record Moved(DocumentPath path, long position) {}

  /**
   * What an entry did.
   *
   * @param after how far the database is now
   * @param moved the paths that changed, each once
   */
  record Result(Meta after, List<Moved> moved) {}

  Transition(Database database, Indexes indexes, Meta before, LogEntry entry) {
    this.database = database;
    this.indexes = indexes;
    this.before = before;
    entryTimestamp = entry.getTimestamp();
    entryMillis = entryTimestamp >>> Version.COUNTER_BITS;
    region = entry.getRegion();
    sequence = before.sequence();
    timestamp = before.timestamp();
    forgotten = before.forgotten();
    usedKeys = new UsedKeys(database, entryTimestamp);
  }

  /** Evaluates one command. */
  Outcome evaluate(Command command) {
    return switch (command.getKindCase()) {
      case BATCH -> evaluate(command.getBatch());
      case SWEEP -> sweep(command.getSweep());
      case KIND_NOT_SET -> throw new IllegalStateException("checked when it was decoded");
    };
  }

  private Outcome evaluate(BatchCommand command) {
    Batch batch;
    try {
      batch = LogCodec.batch(command);
    } catch (InvalidInputException e) {
      return new Outcome.Failed(
          new Rejected(Rejected.Reason.INVALID, String.valueOf(e.getMessage())));
    }
    IdempotencyKey key = batch.idempotencyKey();
    if (key != null) {
      Outcome earlier = usedKeys.replay(key, batch);
      if (earlier != null) {
        return earlier;
      }
    }
    long sequenceBefore = sequence;
    long timestampBefore = timestamp;
    try {
      return new Outcome.Done(apply(batch));
    } catch (PreconditionFailed | Rejected e) {
      sequence = sequenceBefore;
      timestamp = timestampBefore;
      return new Outcome.Failed(e);
    }
  }

  private Commit apply(Batch batch) {
    List<Written> results = new ArrayList<>(batch.writes().size());
    List<@Nullable Stored> after = new ArrayList<>(batch.writes().size());
    long bytes = 0;
    for (Write write : batch.writes()) {
      Slot slot = slot(write.path());
      Stored.@Nullable Live current = live(slot.now);
      check(write, current);
      Stored next = next(write, slot.now, current);
      after.add(next);
      bytes += next instanceof Stored.Live live ? live.jsonLength() : 0;
      if (bytes > MAX_BATCH_BYTES) {
        throw new Rejected(
            Rejected.Reason.TOO_LARGE,
            "The documents of this batch would have more than "
                + MAX_BATCH_BYTES
                + " bytes together; split it.");
      }
      byte[] json = next instanceof Stored.Live live && batch.returnValues() ? live.json() : null;
      results.add(
          new Written(
              write.path(),
              next == slot.now || next == null ? version() : next.version(),
              current != null,
              !(next instanceof Stored.Live),
              json));
    }
    // Every write went through: from here on nothing fails.
    for (int i = 0; i < after.size(); i++) {
      slot(batch.writes().get(i).path()).now = after.get(i);
    }
    Commit commit = new Commit(results, results.getLast().version(), false);
    IdempotencyKey key = batch.idempotencyKey();
    if (key != null) {
      usedKeys.remember(key, commit);
    }
    return commit;
  }

  /** What the path holds after the write; {@code stored} itself when nothing changes. */
  private @Nullable Stored next(
      Write write, @Nullable Stored stored, Stored.@Nullable Live current) {
    return switch (write) {
      case Write.Put put -> live(put.path(), put.json(), put.expiry(), current);
      case Write.Patch patch -> {
        if (current == null && !patch.patch().create()) {
          throw new Rejected(
              Rejected.Reason.NOT_FOUND,
              "There is no document '"
                  + patch.path()
                  + "' to patch; put it first, or let the patch create it.");
        }
        yield live(patch.path(), Patching.apply(patch, current), patch.expiry(), current);
      }
      // An expired document that the sweep has not met yet is still known to those who follow the
      // feed, so deleting it leaves a tombstone like any other.
      case Write.Delete _ ->
          stored instanceof Stored.Live
              ? new Stored.Tombstone(version(), ++sequence, entryTimestamp)
              : stored;
    };
  }

  private Stored.Live live(
      DocumentPath path, byte[] json, Expiry expiry, Stored.@Nullable Live current) {
    if (json.length > Write.MAX_JSON_BYTES) {
      throw new Rejected(
          Rejected.Reason.TOO_LARGE,
          "'"
              + path
              + "' would be "
              + json.length
              + " bytes of JSON; a document may have "
              + Write.MAX_JSON_BYTES
              + ". Split it into several.");
    }
    long expiresAt =
        switch (expiry) {
          case Expiry.At at -> at.millis();
          case Expiry.Keep _ -> current == null ? Document.NEVER : current.expiresAtMillis();
        };
    return Stored.Live.of(version(), ++sequence, expiresAt, json);
  }

  private static void check(Write write, Stored.@Nullable Live current) {
    Condition condition = write.condition();
    if (condition.ifMatch().isEmpty() && condition.ifNoneMatch().isEmpty()) {
      return;
    }
    Version version = current == null ? null : current.version();
    if ((!condition.ifMatch().isEmpty() && !matches(condition.ifMatch(), version))
        || matches(condition.ifNoneMatch(), version)) {
      throw new PreconditionFailed(write.path(), version);
    }
  }

  private static boolean matches(List<String> etags, @Nullable Version version) {
    return version != null && (etags.contains("*") || etags.contains(version.etag()));
  }

  private Version version() {
    timestamp = Math.max(entryTimestamp, timestamp + 1);
    return new Version(timestamp, region);
  }

  /** The document, unless it had expired when the entry was written. */
  private Stored.@Nullable Live live(@Nullable Stored stored) {
    return stored instanceof Stored.Live live && !live.isExpiredAt(entryMillis) ? live : null;
  }

  private Slot slot(DocumentPath path) {
    Slot slot = slots.get(path);
    if (slot == null) {
      byte[] key = Keys.of(path);
      slot = new Slot(path, key, read(key));
      slots.put(path, slot);
    }
    return slot;
  }

  private @Nullable Stored read(byte[] key) {
    byte[] document = database.get(Table.DOCUMENTS, key);
    if (document != null) {
      return Stored.Live.decode(document);
    }
    byte[] tombstone = database.get(Table.TOMBSTONES, Keys.ofKind('p', key));
    return tombstone == null ? null : Stored.Tombstone.decode(tombstone);
  }

  /** Removes what has expired, and forgets what is past its grace; each at most {@code limit}. */
  private Outcome sweep(SweepCommand command) {
    int limit = Math.clamp(Integer.toUnsignedLong(command.getLimit()), 0, MAX_SWEEP);
    try (Database.View view = database.view()) {
      return new Outcome.Swept(
          expire(view, limit),
          forgetTombstones(view, limit, command.getTombstonesBeforeTimestamp()),
          usedKeys.forget(view, limit, command.getIdempotencyBeforeTimestamp()));
    }
  }

  private int expire(Database.View view, int limit) {
    int removed = 0;
    Database.Scan scan =
        view.scan(Table.EXPIRY, Keys.ofLong(0), Keys.ofLong(entryMillis + 1)).first();
    for (; removed < limit && scan.valid(); scan.next()) {
      byte[] key = scan.key();
      Slot slot = slot(Keys.path(key, Long.BYTES));
      // A command before this one may have written the path anew.
      if (slot.now instanceof Stored.Live live && live.isExpiredAt(entryMillis)) {
        slot.now = new Stored.Tombstone(version(), ++sequence, entryTimestamp);
        removed++;
      }
    }
    return removed;
  }

  private int forgetTombstones(Database.View view, int limit, long olderThan) {
    int dropped = 0;
    Database.Scan scan =
        view.scan(Table.TOMBSTONES, Keys.ofKind('s', Keys.ofLong(0)), new byte[] {'s' + 1}).first();
    for (; dropped < limit && scan.valid(); scan.next()) {
      Slot slot = slot(Keys.path(scan.value()));
      long position = Keys.toLong(scan.key(), 1);
      if (slot.now instanceof Stored.Tombstone tombstone && tombstone.position() == position) {
        if (tombstone.timestamp() >= olderThan) {
          break; // positions and these timestamps grow together
        }
        slot.now = null;
        forgotten = Math.max(forgotten, position);
        dropped++;
      }
    }
    return dropped;
  }

  /** Writes what the entry changed, and that it was applied, in one step. */
  Result commit(LogIndex at) {
    long firstChange = before.sequence() + 1;
    long epoch = before.epoch();
    if (epoch == 0 && sequence > 0) {
      epoch = newEpoch();
    }
    Meta after = new Meta(at, epoch, sequence, Math.max(timestamp, entryTimestamp), forgotten);
    List<Moved> moved = new ArrayList<>(slots.size());
    try (Database.Change change = database.change()) {
      for (Slot slot : slots.values()) {
        if (slot.now != slot.before) {
          write(change, slot);
          if (slot.now != null && slot.now.position() >= firstChange) {
            moved.add(new Moved(slot.path, slot.now.position()));
          }
        }
      }
      usedKeys.write(change);
      change.put(Table.META, Meta.KEY, after.encode());
      change.commit();
    }
    return new Result(after, moved);
  }

  /** A history's name: by its first entry, so that all replicas give it the same. */
  private long newEpoch() {
    // SplitMix64's finisher (Steele, Lea, Flood, 2014) spreads neighbouring timestamps apart.
    long z = entryTimestamp ^ ((long) region << 48);
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    z ^= z >>> 31;
    return z == 0 ? 1 : z;
  }

  private void write(Database.Change change, Slot slot) {
    switch (slot.before) {
      case Stored.Live live -> {
        change.deleteOnce(Table.CHANGES, Keys.ofLong(live.position()));
        if (live.expiresAtMillis() != Document.NEVER) {
          change.delete(Table.EXPIRY, Keys.ofLong(live.expiresAtMillis(), slot.key));
        }
        if (!(slot.now instanceof Stored.Live)) {
          change.delete(Table.DOCUMENTS, slot.key);
        }
      }
      case Stored.Tombstone tombstone -> {
        change.deleteOnce(Table.CHANGES, Keys.ofLong(tombstone.position()));
        change.delete(Table.TOMBSTONES, Keys.ofKind('s', Keys.ofLong(tombstone.position())));
        if (!(slot.now instanceof Stored.Tombstone)) {
          change.delete(Table.TOMBSTONES, Keys.ofKind('p', slot.key));
        }
      }
      case null -> {}
    }
    switch (slot.now) {
      case Stored.Live live -> {
        change.put(Table.DOCUMENTS, slot.key, live.raw());
        change.put(Table.CHANGES, Keys.ofLong(live.position()), slot.key);
        if (live.expiresAtMillis() != Document.NEVER) {
          change.put(Table.EXPIRY, Keys.ofLong(live.expiresAtMillis(), slot.key), NOTHING);
        }
      }
      case Stored.Tombstone tombstone -> {
        change.put(Table.CHANGES, Keys.ofLong(tombstone.position()), slot.key);
        change.put(Table.TOMBSTONES, Keys.ofKind('p', slot.key), tombstone.encode());
        change.put(Table.TOMBSTONES, Keys.ofKind('s', Keys.ofLong(tombstone.position())), slot.key);
      }
      case null -> {}
    }
    indexes.update(
        change,
        slot.path,
        slot.before instanceof Stored.Live live ? live : null,
        slot.now instanceof Stored.Live live ? live : null);
  }
}
