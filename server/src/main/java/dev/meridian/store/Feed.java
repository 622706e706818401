package dev.meridian.store;

import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.store.StoreException.PositionLost;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A change feed on a {@link Database}. Between polls it holds nothing but a place in the {@link
 * Bell}'s book.
 */
final class Feed implements ChangeFeed {
  /** Most entries of the change index that one look at the database walks over. */
  private static final int MAX_STEPS = 10_000;

  /** About what a change takes beside its document. */
  private static final int CHANGE_BYTES = 512;

  /** Longer waits are cut to this. */
  private static final Duration MAX_WAIT = Duration.ofDays(1);

  private static final long NOTHING = Long.MAX_VALUE;

  private final Database database;
  private final PendingTable pendings;
  private final ChangeScope scope;
  private final Bell.Listener listener;
  private final long floor;
  private final int region;

  private long epoch;
  private long position; // everything up to here is done

  /** For what the last poll returned: its reader is done with it when it polls again. */
  private ReadBudget.@Nullable Lease memory;

  /** Where values are pending that are yet to be returned. */
  private final Set<DocumentPath> pended = new LinkedHashSet<>();

  /** Whether those are to be returned before more changes. */
  private boolean valuesNext;

  private long pending; // where the next change in scope may be; NOTHING when there is none

  /**
   * Opens a feed.
   *
   * @param region of the database's own writes
   * @throws PositionLost if {@code query.since()} is of another history, too old, or beyond the
   *     newest change, unless the query says that it may come
   */
  Feed(Database database, Bell bell, PendingTable pendings, ChangeQuery query, int region) {
    this.database = database;
    this.pendings = pendings;
    this.scope = query.scope();
    this.region = region;
    listener = bell.listen(scope);
    if (scope instanceof ChangeScope.Interesting) {
      // What became pending before it listened, it may not have been told by the feed before it.
      pendings.forEach(listener::pend);
    }
    try {
      Position since = query.since();
      epoch = since.epoch();
      position = since.sequence();
      pending = position + 1;
      // A full copy need not know of what was deleted before it began.
      floor = since.equals(Position.START) ? listener.opened() : since.copy();
      if (!since.equals(Position.START) && epoch == 0) {
        throw otherHistory();
      }
      Meta meta = Meta.decode(database.get(Table.META, Meta.KEY));
      check(meta);
      if (position > meta.sequence() && !query.mayCome()) {
        throw new PositionLost(
            "Position "
                + position()
                + " is beyond the newest change here, "
                + meta.position()
                + ": it is of another copy of these data, or made up; copy everything anew, from"
                + " the start.");
      }
    } catch (RuntimeException | Error e) {
      listener.close();
      throw e;
    }
  }

  @Override
  public List<Change> poll(int max, Duration wait) throws InterruptedException {
    if (max < 1) {
      throw new IllegalArgumentException("max must be at least 1: " + max);
    }
    release();
    long patience = (wait.compareTo(MAX_WAIT) < 0 ? wait : MAX_WAIT).toNanos();
    long deadline = System.nanoTime() + patience;
    while (true) {
      Bell.Heard heard = listener.take();
      pending = Math.min(pending, heard.first());
      pended.addAll(heard.pended());
      // Changes come first, so that few of them are older than a value that was told before. But
      // neither keeps the other from being told.
      if (pending == NOTHING || valuesNext) {
        valuesNext = false;
        List<Change> values = pended(max);
        if (!values.isEmpty()) {
          return values;
        }
      }
      if (pending == NOTHING) {
        position = Math.max(position, heard.sequence());
        if (!listener.await(deadline - System.nanoTime())) {
          return List.of();
        }
        continue;
      }
      position = Math.max(position, pending - 1);
      List<Change> changes = read(max, heard.sequence());
      if (!changes.isEmpty()) {
        valuesNext = true;
        return changes;
      }
      if (pending != NOTHING && deadline - System.nanoTime() <= 0) {
        return List.of(); // there may be more, but looking took the time there was
      }
      if (Thread.interrupted()) {
        throw new InterruptedException();
      }
    }
  }

  /**
   * Values that are pending still; of the others, what they became: they are changes like any
   * other, but the bell may not have rung for those yet, and until then nobody must think that this
   * feed has told of all that there is.
   */
  private List<Change> pended(int max) {
    if (pended.isEmpty()) {
      return List.of();
    }
    ReadBudget.Lease lease = ReadBudget.PROCESS.page(max);
    memory = lease;
    List<Change> values = new ArrayList<>();
    long bytes = 0;
    for (Iterator<DocumentPath> next = pended.iterator();
        next.hasNext() && values.size() < max && bytes < lease.pageBytes(); ) {
      DocumentPath path = next.next();
      next.remove();
      // In this order: what is flushed is in the database before it is pending no more.
      Pending value = pendings.get(path);
      Stored stored = value != null ? value.live() : stored(path);
      if (stored != null) {
        Document document = stored instanceof Stored.Live live ? live.document(path) : null;
        values.add(new Change(path, stored.version(), position(), document));
        bytes += CHANGE_BYTES + (document == null ? 0 : 2L * document.json().length);
      }
    }
    lease.shrink(bytes);
    if (values.isEmpty()) {
      release();
    }
    return values;
  }

  private @Nullable Stored stored(DocumentPath path) {
    try (Database.View view = database.view()) {
      return stored(view, Keys.of(path));
    }
  }

  private List<Change> read(int max, long heardSequence) {
    ReadBudget.Lease lease =
        scope instanceof ChangeScope.OneDocument(DocumentPath document)
            ? ReadBudget.PROCESS.value(length(document))
            : ReadBudget.PROCESS.page(max);
    memory = lease;
    long bytes = 0;
    try {
      List<Change> changes = read(max, heardSequence, lease.pageBytes());
      for (Change change : changes) {
        Document document = change.document();
        bytes += CHANGE_BYTES + (document == null ? 0 : 2L * document.json().length);
      }
      return changes;
    } finally {
      lease.shrink(bytes);
    }
  }

  /** How long a document is about now; it may be another a moment later. */
  private int length(DocumentPath path) {
    return Math.max(0, database.getHead(Table.DOCUMENTS, Keys.of(path), new byte[1]));
  }

  private void release() {
    ReadBudget.Lease lease = memory;
    memory = null;
    if (lease != null) {
      lease.close();
    }
  }

  private List<Change> read(int max, long heardSequence, int maxBytes) {
    try (Database.View view = database.view()) {
      check(Meta.decode(view.get(Table.META, Meta.KEY)));
      return scope instanceof ChangeScope.OneDocument(DocumentPath document)
          ? readDocument(view, document, heardSequence)
          : readChanges(view, max, heardSequence, maxBytes);
    }
  }

  /** One document: no need to walk over the changes of all others. */
  private List<Change> readDocument(Database.View view, DocumentPath path, long heardSequence) {
    Stored stored = stored(view, Keys.of(path));
    long before = position;
    pending = NOTHING;
    position = Math.max(position, heardSequence);
    if (stored == null || stored.position() <= before) {
      return List.of();
    }
    position = Math.max(position, stored.position());
    return List.of(change(path, stored));
  }

  private List<Change> readChanges(Database.View view, int max, long heardSequence, int maxBytes) {
    List<Change> changes = new ArrayList<>();
    long bytes = 0;
    int steps = 0;
    Database.Scan scan =
        view.scan(Table.CHANGES, Keys.ofLong(position + 1), Keys.ofLong(Long.MAX_VALUE)).first();
    for (; scan.valid(); scan.next()) {
      if (changes.size() == max || bytes >= maxBytes || steps++ == MAX_STEPS) {
        pending = position + 1;
        return changes;
      }
      view.check();
      position = Keys.toLong(scan.key(), 0);
      byte[] key = scan.value();
      DocumentPath path = Keys.path(key);
      if (scope.contains(path)) {
        Stored stored = stored(view, key);
        if (stored == null || stored.position() != position) {
          throw Database.damaged("the change index does not agree with '" + path + "'", null);
        }
        changes.add(change(path, stored));
        bytes += stored instanceof Stored.Live live ? live.jsonLength() : 0;
      }
    }
    pending = NOTHING;
    position = Math.max(position, heardSequence);
    return changes;
  }

  /** An expiry is told when the sweep's tombstone is met, so that all replicas tell the same. */
  private Change change(DocumentPath path, Stored stored) {
    Document document = stored instanceof Stored.Live live ? live.document(path) : null;
    return new Change(path, stored.version(), at(stored.position()), document);
  }

  private static @Nullable Stored stored(Database.View view, byte[] key) {
    byte[] document = view.get(Table.DOCUMENTS, key);
    if (document != null) {
      return Stored.Live.decode(document);
    }
    byte[] tombstone = view.get(Table.TOMBSTONES, Keys.ofKind('p', key));
    return tombstone == null ? null : Stored.Tombstone.decode(tombstone);
  }

  private void check(Meta meta) {
    if (epoch == 0) {
      epoch = meta.epoch();
    }
    if (epoch != meta.epoch()) {
      throw otherHistory();
    }
    if (meta.forgotten() > Math.max(position, floor)) {
      throw new PositionLost(
          "Deletes after position "
              + position()
              + " have been forgotten since; copy everything anew, from the start.");
    }
  }

  private PositionLost otherHistory() {
    return new PositionLost(
        "Position "
            + position()
            + " belongs to another history of this data (before a restore or a recovery, or of another"
            + " store); copy everything anew, from the start.");
  }

  @Override
  public Position position() {
    return epoch == 0 ? Position.START : at(position);
  }

  @Override
  public Optional<SessionToken> caughtUp() {
    long timestamp = listener.caughtUp();
    return timestamp < 0 ? Optional.empty() : Optional.of(RocksStore.token(timestamp, region));
  }

  /** A position here; of a copy, until it has what was there when it began. */
  private Position at(long sequence) {
    return new Position(epoch, sequence, sequence < floor ? floor : 0);
  }

  @Override
  public void close() {
    release();
    listener.close();
  }
}
