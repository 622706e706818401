package dev.meridian.store;

import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Version;
import dev.meridian.store.StoreException.PreconditionFailed;
import dev.meridian.store.StoreException.Rejected;
import dev.meridian.store.proto.BatchCommand;
import dev.meridian.store.proto.Command;
import dev.meridian.store.proto.FlushCommand;
import dev.meridian.store.proto.LogEntry;
import dev.meridian.store.proto.SweepCommand;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One log entry being applied: evaluates its commands one after another against the database and
 * what the commands before changed, then writes all of it at once; or, when that would be much, in
 * several parts, each a run of whole commands.
 *
 * <p>The result depends on the entry and the database alone, never on a wall clock, chance or the
 * order of a hash map, so that every replica comes to the same.
 */
final class Transition {
  /** Most documents that one flush brings. */
  static final int MAX_FLUSH = 10_000;

  /** Most documents that one sweep removes. */
  static final int MAX_SWEEP = 10_000;

  /** Most bytes of JSON that one batch may leave behind, patched documents included. */
  static final long MAX_BATCH_BYTES = 32L << 20;

  /**
   * Most bytes that the patches of one batch read and write, the patches themselves included: all
   * writes wait while one is applied.
   */
  static final long MAX_BATCH_WORK = 64L << 20;

  /**
   * About how many bytes of documents are held before they are written. A batch is written whole,
   * so what is held is bounded by this and one batch.
   */
  static final long PART_BYTES = 8L << 20;

  /** Most bytes of values that the outcomes of one entry carry; its other outcomes have none. */
  static final long MAX_RETURNED_BYTES = 16L << 20;

  /** Longer documents are not kept for what was there before: their value is read again. */
  private static final int SHORT_BYTES = 4 << 10;

  /** Most bytes of values that are kept for what was there before. */
  private static final long MAX_KEPT_BYTES = 4L << 20;

  /** About what a path that is touched costs beside the documents. */
  private static final int SLOT_BYTES = 256;

  private static final byte[] NOTHING = {};

  /*
   * A few bytes of log may touch gigabytes of documents, and an entry that does not fit in memory
   * would end every replica, again at every start. So of what was there before, only short values
   * are kept, and when what is held grows to PART_BYTES, it is written. Where an entry is divided
   * depends on the documents alone, never on this replica's indexes or memory, since a sweep sees
   * in the database what was written before it. So what was there before counts as its header,
   * whether its value is at hand or not; those values have a bound of their own.
   */

  /** A path that this part touches: what was there before it and what is there now. */
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
  private final RecentHeads recent;
  private final PendingTable pendings;
  private Meta before;
  private final long entryTimestamp;

  /** The time by which expiry, grace and windows are judged. */
  private final long entryMillis;

  private final int region;

  private final Map<DocumentPath, Slot> slots = new LinkedHashMap<>();
  private final UsedKeys usedKeys;

  /** What is pending from this part on, where that is not what {@link #pendings} says. */
  private final Map<DocumentPath, Optional<Pending>> pended = new LinkedHashMap<>();

  /** Bytes that are pending, those of this part included. */
  private long pendingBytes;

  // What this part did, for those who count.
  private long deferred;
  private long flushed;
  private long passed;

  private long sequence;
  private long timestamp;
  private long forgotten;

  /** Bytes held in {@link #slots}, without the values that were there before. */
  private long held;

  /** Bytes of the values that were there before; another number on another replica. */
  private long kept;

  /** Bytes that the patches of the batch being applied have read and written. */
  private long work;

  /** Bytes of values in outcomes. */
  private long returned;

  /**
   * The document read last, as it was before this part, and the slot it is of: a patch and the
   * indexes need what the check of a condition read.
   */
  private @Nullable Slot readFor;

  private Stored.@Nullable Live readLast;

  /** A path and the position of its newest change. */
  record Moved(DocumentPath path, long position) {}

  /**
   * What a part of an entry did.
   *
   * @param after how far the database is now
   * @param moved the paths that changed, each once
   * @param pended the paths where a value is pending anew
   */
  record Result(Meta after, List<Moved> moved, List<DocumentPath> pended) {}

  Transition(
      Database database,
      Indexes indexes,
      RecentHeads recent,
      PendingTable pendings,
      Meta before,
      LogEntry entry) {
    this.database = database;
    this.indexes = indexes;
    this.recent = recent;
    this.pendings = pendings;
    this.pendingBytes = pendings.bytes();
    this.before = before;
    entryTimestamp = entry.getTimestamp();
    // Timestamps may run ahead of the time, versions of one entry among them; documents must not
    // expire by that.
    entryMillis =
        Math.max(
            before.wallMillis(),
            entry.getWallMillis() != 0
                ? entry.getWallMillis()
                : entryTimestamp >>> Version.COUNTER_BITS);
    region = entry.getRegion();
    sequence = before.sequence();
    timestamp = before.timestamp();
    forgotten = before.forgotten();
    usedKeys = new UsedKeys(database, Version.timestampAt(entryMillis));
  }

  /** Evaluates one command. */
  Outcome evaluate(Command command) {
    return switch (command.getKindCase()) {
      case BATCH -> evaluate(command.getBatch());
      case SWEEP -> sweep(command.getSweep());
      case FLUSH -> flush(command.getFlush());
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
        return earlier instanceof Outcome.Done(Commit commit) && batch.returnValues()
            ? new Outcome.Done(withCurrentValues(commit))
            : earlier;
      }
    }
    long sequenceBefore = sequence;
    long timestampBefore = timestamp;
    try {
      Deferral deferral = batch.deferral();
      return new Outcome.Done(
          deferral != null && batch.isDeferrable()
              ? defer(batch, deferral, command.getDeferral().getWrites())
              : apply(batch));
    } catch (PreconditionFailed | Rejected e) {
      sequence = sequenceBefore;
      timestamp = timestampBefore;
      return new Outcome.Failed(e);
    }
  }

  /** A commit of earlier with the values that are still those which it wrote. */
  private Commit withCurrentValues(Commit commit) {
    List<Written> results = new ArrayList<>(commit.results().size());
    for (Written written : commit.results()) {
      Slot slot = slot(written.path());
      Stored.Live current = current(slot);
      byte[] json =
          current != null && current.version().equals(written.version())
              ? returned(whole(slot, current))
              : null;
      results.add(
          new Written(
              written.path(), written.version(), written.existed(), written.deleted(), json));
    }
    return new Commit(results, commit.version(), commit.replayed());
  }

  /** The value for an outcome, or null when the entry's outcomes carry too much already. */
  private byte @Nullable [] returned(Stored.Live live) {
    if (returned + live.jsonLength() > MAX_RETURNED_BYTES) {
      return null;
    }
    returned += live.jsonLength();
    return live.json();
  }

  private Commit apply(Batch batch) {
    List<Written> results = new ArrayList<>(batch.writes().size());
    List<@Nullable Stored> after = new ArrayList<>(batch.writes().size());
    long bytes = 0;
    work = 0;
    for (Write write : batch.writes()) {
      Slot slot = slot(write.path());
      Stored.@Nullable Live current = current(slot);
      check(write, current);
      Stored next = next(write, slot, current);
      after.add(next);
      bytes += next instanceof Stored.Live live ? live.jsonLength() : 0;
      if (bytes > MAX_BATCH_BYTES) {
        throw new Rejected(
            Rejected.Reason.TOO_LARGE,
            "The documents of this batch would have more than "
                + MAX_BATCH_BYTES
                + " bytes together; split it.");
      }
      byte[] json =
          next instanceof Stored.Live live && batch.returnValues() ? returned(live) : null;
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
      Slot slot = slot(batch.writes().get(i).path());
      change(slot, after.get(i));
      settle(slot);
    }
    Commit commit = new Commit(results, results.getLast().version(), false);
    IdempotencyKey key = batch.idempotencyKey();
    if (key != null) {
      usedKeys.remember(key, commit);
    }
    return commit;
  }

  /**
   * Applies a batch that may be put off: its write becomes the document's pending value, and no
   * table is touched but that one. It is refused for the same reasons as any other; what is pending
   * can be flushed, always.
   */
  private Commit defer(Batch batch, Deferral deferral, int stands) {
    work = 0;
    Write write = batch.writes().getFirst();
    DocumentPath path = write.path();
    Pending pending = pending(path);
    Stored.Live current = pending == null ? live(slot(path).now) : live(pending.live());
    Stored.Live next =
        switch (write) {
          case Write.Put put -> live(path, put.json(), put.expiry(), current, Pending.NO_POSITION);
          case Write.Patch patch ->
              live(path, patched(patch, current), patch.expiry(), current, Pending.NO_POSITION);
          case Write.Delete _ -> throw new IllegalStateException("deletes are not put off");
        };
    long due = entryMillis + deferral.age().toMillis();
    Pending now =
        pending == null
            ? new Pending(next.version().timestamp(), due, deferral.maxBytes(), next)
            : new Pending(
                pending.since(),
                Math.min(pending.dueMillis(), due),
                Math.max(pending.maxBytes(), deferral.maxBytes()),
                next);
    byte[] key = Keys.of(path);
    long more = now.bytes(key) - (pending == null ? 0 : pending.bytes(key));
    int writes = Math.max(1, stands);
    if (more > 0 && pendingBytes + more > deferral.maxBytes()) {
      // There is no room, so it does the work at once that others put off.
      passed += writes;
      Slot slot = slot(path);
      change(slot, next.at(++sequence));
      settle(slot);
    } else {
      deferred += writes;
      pend(path, key, now);
    }
    byte[] json = batch.returnValues() ? returned(next) : null;
    Written written = new Written(path, next.version(), current != null, false, json);
    Commit commit = new Commit(List.of(written), next.version(), false);
    IdempotencyKey used = batch.idempotencyKey();
    if (used != null) {
      usedKeys.remember(used, commit);
    }
    return commit;
  }

  /**
   * Brings pending values into the documents' tables, those due first. It begins a part, so that
   * what it chooses from is what all commands before it left, wherever the entry was divided.
   */
  private Outcome flush(FlushCommand command) {
    int limit = Math.clamp(Integer.toUnsignedLong(command.getLimit()), 0, MAX_FLUSH);
    long most = Math.min(command.getMaxBytes(), PART_BYTES);
    int documents = 0;
    long bytes = 0;
    if (!slots.isEmpty() || !pended.isEmpty()) {
      throw new IllegalStateException("a flush begins a part");
    }
    for (DocumentPath path : pendings.first(limit, entryMillis, command.getAll())) {
      Pending pending = pending(path);
      if (pending != null) {
        if (bytes >= most) {
          break;
        }
        bytes += pending.live().raw().length;
        bring(headSlot(path), pending);
        documents++;
      }
    }
    return new Outcome.Flushed(documents);
  }

  /** The document becomes what is pending, at a version of its own: the feed goes forward only. */
  private void bring(Slot slot, Pending pending) {
    Stored.Live live = pending.live();
    change(slot, Stored.Live.of(version(), ++sequence, live.expiresAtMillis(), live.json()));
    settle(slot);
  }

  /** The path's value is what its slot says: nothing is pending any more. */
  private void settle(Slot slot) {
    if (pending(slot.path) != null) {
      flushed++;
      pend(slot.path, slot.key, null);
    }
  }

  private @Nullable Pending pending(DocumentPath path) {
    if (pended.isEmpty() && pendings.isEmpty()) {
      return null;
    }
    Optional<Pending> here = pended.get(path);
    return here != null ? here.orElse(null) : pendings.get(path);
  }

  private void pend(DocumentPath path, byte[] key, @Nullable Pending now) {
    Pending before = pending(path);
    long more = (now == null ? 0 : now.bytes(key)) - (before == null ? 0 : before.bytes(key));
    pendingBytes += more;
    Optional<Pending> here = pended.put(path, Optional.ofNullable(now));
    held += here == null ? SLOT_BYTES + 2L * key.length : -bytes(here);
    held += now == null ? 0 : now.live().raw().length;
  }

  private static long bytes(Optional<Pending> pending) {
    return pending.map(some -> (long) some.live().raw().length).orElse(0L);
  }

  /** The document as readers see it: what is pending, or what the database holds. */
  private Stored.@Nullable Live current(Slot slot) {
    Pending pending = pending(slot.path);
    return live(pending == null ? slot.now : pending.live());
  }

  /** What the path holds after the write; {@code stored} itself when nothing changes. */
  private @Nullable Stored next(Write write, Slot slot, Stored.@Nullable Live current) {
    Stored stored = slot.now;
    return switch (write) {
      case Write.Put put -> live(put.path(), put.json(), put.expiry(), current, ++sequence);
      case Write.Patch patch ->
          live(patch.path(), patched(patch, current), patch.expiry(), current, ++sequence);
      // An expired document that the sweep has not met yet is still known to those who follow the
      // feed, so deleting it leaves a tombstone like any other.
      case Write.Delete _ ->
          stored instanceof Stored.Live || pending(slot.path) != null
              ? new Stored.Tombstone(version(), ++sequence, Version.timestampAt(entryMillis))
              : stored;
    };
  }

  /** The value after a patch of {@code current}, which the path holds. */
  private byte[] patched(Write.Patch patch, Stored.@Nullable Live current) {
    if (current == null && !patch.patch().create()) {
      throw new Rejected(
          Rejected.Reason.NOT_FOUND,
          "There is no document '"
              + patch.path()
              + "' to patch; put it first, or let the patch create it.");
    }
    Stored.Live whole =
        current == null || !current.isHead() ? current : whole(slot(patch.path()), current);
    work(patch.patch().json().length + (whole == null ? 0L : whole.jsonLength()));
    byte[] json = Patching.apply(patch, whole);
    work(json.length);
    return json;
  }

  private void work(long bytes) {
    work += bytes;
    if (work > MAX_BATCH_WORK) {
      throw new Rejected(
          Rejected.Reason.TOO_LARGE,
          "The patches of this batch would read and write more than "
              + MAX_BATCH_WORK
              + " bytes of documents together; split it.");
    }
  }

  private Stored.Live live(
      DocumentPath path, byte[] json, Expiry expiry, Stored.@Nullable Live current, long position) {
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
    return Stored.Live.of(version(), position, expiresAt, json);
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
      Stored stored = recent.get(key);
      if (stored == null) {
        stored = read(key);
      }
      if (stored instanceof Stored.Live live && !live.isHead()) {
        int bytes = live.raw().length;
        boolean keep = bytes <= SHORT_BYTES && kept + bytes <= MAX_KEPT_BYTES;
        kept += keep ? bytes : 0;
        slot = add(path, key, keep ? live : live.head());
        readFor = slot;
        readLast = live;
      } else {
        slot = add(path, key, stored);
      }
    }
    return slot;
  }

  /** As {@link #slot}, when the value is not needed. */
  private Slot headSlot(DocumentPath path) {
    Slot slot = slots.get(path);
    if (slot == null) {
      byte[] key = Keys.of(path);
      Stored stored = recent.get(key);
      slot = add(path, key, stored != null ? stored : readHead(key));
    }
    return slot;
  }

  private @Nullable Stored readHead(byte[] key) {
    byte[] head = new byte[Stored.Live.HEADER];
    return database.getHead(Table.DOCUMENTS, key, head) == Database.NOT_FOUND
        ? tombstone(key)
        : Stored.Live.decode(head);
  }

  private Slot add(DocumentPath path, byte[] key, @Nullable Stored stored) {
    Slot slot = new Slot(path, key, stored);
    slots.put(path, slot);
    held += SLOT_BYTES + 2L * key.length + Stored.Live.HEADER;
    return slot;
  }

  private void change(Slot slot, @Nullable Stored now) {
    held += bytes(now) - (slot.now == slot.before ? 0 : bytes(slot.now));
    slot.now = now;
  }

  private static long bytes(@Nullable Stored stored) {
    return stored instanceof Stored.Live live ? live.raw().length : 0;
  }

  /** The document with its value; {@code live} is what the slot held before, or holds now. */
  private Stored.Live whole(Slot slot, Stored.Live live) {
    if (!live.isHead()) {
      return live;
    }
    if (readFor == slot && readLast != null) {
      return readLast;
    }
    byte[] document = database.get(Table.DOCUMENTS, slot.key);
    if (document == null) {
      throw Database.damaged("a document is gone while it is changed", null);
    }
    readFor = slot;
    readLast = Stored.Live.decode(document);
    return readLast;
  }

  private @Nullable Stored read(byte[] key) {
    byte[] document = database.get(Table.DOCUMENTS, key);
    return document != null ? Stored.Live.decode(document) : tombstone(key);
  }

  private @Nullable Stored tombstone(byte[] key) {
    byte[] tombstone = database.get(Table.TOMBSTONES, Keys.ofKind('p', key));
    return tombstone == null ? null : Stored.Tombstone.decode(tombstone);
  }

  /** Removes what has expired, and forgets what is past its grace; each at most {@code limit}. */
  private Outcome sweep(SweepCommand command) {
    int limit = Math.clamp(Integer.toUnsignedLong(command.getLimit()), 0, MAX_SWEEP);
    try (Database.View view = database.view()) {
      return new Outcome.Swept(
          expire(view, limit, command.getMaxBytes()),
          forgetTombstones(view, limit, command.getTombstonesBeforeTimestamp()),
          usedKeys.forget(view, limit, command.getIdempotencyBeforeTimestamp()));
    }
  }

  private int expire(Database.View view, int limit, long maxBytes) {
    int removed = 0;
    long bytes = 0;
    byte[] head = new byte[Stored.Live.HEADER];
    Database.Scan scan =
        view.scan(Table.EXPIRY, Keys.ofLong(0), Keys.ofLong(entryMillis + 1)).first();
    int brought = 0;
    for (; removed + brought < limit && scan.valid(); scan.next()) {
      if (maxBytes != 0 && bytes >= maxBytes) {
        break;
      }
      byte[] key = scan.key();
      Slot slot = headSlot(Keys.path(key, Long.BYTES));
      Pending pending = pending(slot.path);
      if (pending != null) {
        // What is pending may live longer; then the database must say so, or this comes again.
        bytes += pending.live().raw().length;
        bring(slot, pending);
        brought++;
      }
      // A command before this one may have written the path anew.
      if (slot.now instanceof Stored.Live live && live.isExpiredAt(entryMillis)) {
        bytes += Math.max(0, database.getHead(Table.DOCUMENTS, slot.key, head));
        change(slot, new Stored.Tombstone(version(), ++sequence, Version.timestampAt(entryMillis)));
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
      Slot slot = headSlot(Keys.path(scan.value()));
      long position = Keys.toLong(scan.key(), 1);
      if (slot.now instanceof Stored.Tombstone tombstone && tombstone.position() == position) {
        if (tombstone.timestamp() >= olderThan) {
          break; // positions and these timestamps grow together
        }
        change(slot, null);
        forgotten = Math.max(forgotten, position);
        dropped++;
      }
    }
    return dropped;
  }

  /** Whether so much is held that it must be written before the next command. */
  boolean isFull() {
    return held >= PART_BYTES;
  }

  /** Nothing that is written next has a later timestamp. */
  long newest() {
    return Math.max(timestamp, entryTimestamp);
  }

  /** Writes what was changed since the last part, and which commands are done, in one step. */
  Result commitPart(Meta.Part part) {
    // What the rest of the entry writes may still get the entry's own timestamp.
    return commit(before.applied(), timestamp, part);
  }

  /** Writes what is left of the entry's changes, and that it was applied, in one step. */
  Result commit(LogIndex at) {
    return commit(at, newest(), Meta.Part.NONE);
  }

  private Result commit(LogIndex applied, long newest, Meta.Part part) {
    long firstChange = before.sequence() + 1;
    long epoch = before.epoch();
    if (epoch == 0 && sequence > 0) {
      epoch = newEpoch();
    }
    Meta after =
        new Meta(
            applied,
            epoch,
            sequence,
            newest,
            forgotten,
            entryMillis,
            entryTimestamp,
            part,
            pendingBytes > 0);
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
      pended.forEach(
          (path, pending) -> {
            if (pending.isPresent()) {
              change.put(Table.META, PendingTable.key(path), pending.get().encode());
            } else {
              change.delete(Table.META, PendingTable.key(path));
            }
          });
      change.put(Table.META, Meta.KEY, after.encode());
      if (pended.values().stream().anyMatch(Optional::isEmpty)) {
        pendings.settling();
      }
      change.commit();
    }
    for (Slot slot : slots.values()) {
      if (slot.now != slot.before) {
        recent.set(slot.key, slot.now instanceof Stored.Live live ? live : null);
      }
    }
    List<DocumentPath> anew = new ArrayList<>(pended.size());
    pended.forEach(
        (path, pending) -> {
          if (pending.isPresent()) {
            anew.add(path);
          }
        });
    // Before anybody is told: whoever knows of this entry finds what it left pending.
    if (!pended.isEmpty() || passed > 0) {
      pendings.change(pended);
      pendings.count(deferred, flushed, passed);
      pended.clear();
      deferred = 0;
      flushed = 0;
      passed = 0;
    }
    before = after;
    slots.clear();
    held = 0;
    kept = 0;
    readFor = null;
    readLast = null;
    usedKeys.written();
    return new Result(after, moved, anew);
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
    if (indexes.concern(slot.path)) {
      indexes.update(
          change,
          slot.path,
          slot.before instanceof Stored.Live live ? whole(slot, live) : null,
          slot.now instanceof Stored.Live live ? live : null);
    }
  }
}
