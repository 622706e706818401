package dev.meridian.store;

import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.FieldReader;
import dev.meridian.store.StoreException.NoIndex;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** Reads pages of collections, each from one consistent view. */
final class Listing {
  /** Most documents that a page of a query served by an index looks at. */
  static final int MAX_WORK = 10_000;

  /**
   * Most hidden documents that one page passes over for a reader who sees only some. They are
   * counted by themselves: were they part of the bounds that a caller can choose or fill up, how
   * far a list comes would count them out to whom they are hidden from.
   */
  static final int MAX_HIDDEN = 100_000;

  private final Database database;
  private final Indexes indexes;
  private final PendingTable pendings;
  private final LongSupplier wallMillis;

  Listing(Database database, Indexes indexes, PendingTable pendings, LongSupplier wallMillis) {
    this.database = database;
    this.indexes = indexes;
    this.pendings = pendings;
    this.wallMillis = wallMillis;
  }

  /** One page; see {@link Store#list}. */
  Page page(Query query) {
    Planner planner = new Planner(query);
    Now now = new Now(wallMillis.getAsLong(), pendings.settled());
    try (Database.View view = database.view()) {
      Start start = start(planner, query, usable(view, query));
      Plan plan = start.plan;
      if (!plan.serves(query) && query.scan() == 0) {
        throw new NoIndex(IndexAdvice.message(query, planner.order(), building(query)));
      }
      Sort order = planner.order();
      return plan.ordered() || order == null
          ? walk(view, query, start, now)
          : sort(view, query, start, order, now);
    }
  }

  /**
   * What a page is read at.
   *
   * @param settled what {@link PendingTable#settled} said before its view was opened
   */
  private record Now(long millis, long settled) {}

  /** The plan, and where it begins. */
  @SuppressWarnings("ArrayRecordComponent") // local
  private record Start(Plan plan, byte @Nullable [] after) {}

  private static Start start(Planner planner, Query query, List<Index> usable) {
    Plan best = planner.plan(usable);
    String cursor = query.after();
    if (cursor == null) {
      return new Start(best, null);
    }
    byte[] after = PageCursor.decode(query, best, cursor);
    if (after != null) {
      return new Start(best, checked(best, after));
    }
    // An index may have become better since; the list goes on by the one it began with.
    List<Plan> others = new ArrayList<>();
    others.add(planner.primary());
    usable.forEach(index -> others.add(planner.plan(index)));
    for (Plan plan : others) {
      after = PageCursor.decode(query, plan, cursor);
      if (after != null) {
        return new Start(plan, checked(plan, after));
      }
    }
    throw PageCursor.refused();
  }

  private static byte[] checked(Plan plan, byte[] after) {
    if (plan.by() == Plan.OrderKey.ID) {
      try {
        IndexKeys.rawId(after, 0, false);
      } catch (IllegalArgumentException | ArrayIndexOutOfBoundsException e) {
        throw PageCursor.refused();
      }
    }
    return after;
  }

  /** The indexes that are complete in {@code view}. */
  private List<Index> usable(Database.View view, Query query) {
    List<Index> usable = new ArrayList<>();
    for (Index index : indexes.of(query.collection().pattern())) {
      // What the view holds decides, since the index may be dropped or finished meanwhile.
      byte[] state = index.ready() ? view.get(Table.META, Index.metaKey(index.definition())) : null;
      if (state != null && Index.decode(state).getReady()) {
        usable.add(index);
      }
    }
    return usable;
  }

  private List<IndexDefinition> building(Query query) {
    return indexes.of(query.collection().pattern()).stream()
        .filter(index -> !index.ready())
        .map(Index::definition)
        .toList();
  }

  /** The walk meets documents in order: take them until the page is full. */
  private Page walk(Database.View view, Query query, Start start, Now now) {
    int work = start.plan.serves(query) ? MAX_WORK : Math.max(query.scan(), query.limit());
    List<Document> documents = new ArrayList<>();
    long bytes = 0;
    Walk walk = Walk.open(view, start.plan, query, start.after);
    int steps = 0;
    int hidden = 0;
    byte[] last = null; // never the place of a hidden document: a cursor tells its place
    byte[] full = null;
    while (walk.next()) {
      if (last != null
          && full == null
          && (documents.size() == query.limit() || bytes >= query.bytes())) {
        full = last;
      }
      // Of a reader who sees only some, a full page asks on: that hidden ones follow is no news.
      if (last != null && (steps >= work || (full != null && query.visible() == null))) {
        return new Page(documents, cursor(query, start, full == null ? last : full));
      }
      view.check();
      Document document = shown(query, walk.documentKey(), walk.document(), now);
      if (document == null && query.visible() != null) {
        if (++hidden > MAX_HIDDEN) {
          if (last == null) {
            throw new NoIndex(IndexAdvice.TOO_MANY_HIDDEN);
          }
          return new Page(documents, cursor(query, start, full == null ? last : full));
        }
        continue;
      }
      steps++;
      last = walk.order();
      if (document != null && query.selects(document)) {
        if (full != null) {
          return new Page(documents, cursor(query, start, full));
        }
        documents.add(document);
        bytes += document.json().length;
      }
    }
    return new Page(documents, null);
  }

  /**
   * The document here, if there is one and the reader may know of it: as readers of the document
   * see it, so a value that is pending goes before what the table holds. Only its place in the list
   * is by the latter.
   */
  private @Nullable Document shown(Query query, byte[] key, Stored.@Nullable Live stored, Now now) {
    if (stored == null) {
      return null;
    }
    DocumentPath path = Keys.path(key);
    Stored.Live live = current(path, key, stored, now);
    if (live == null || live.isExpiredAt(now.millis())) {
      return null;
    }
    Document document = live.document(path);
    return query.shows(document) ? document : null;
  }

  private Stored.@Nullable Live current(
      DocumentPath path, byte[] key, Stored.Live stored, Now now) {
    Pending pending = pendings.get(path);
    if (pending != null) {
      // The view may hold what is written over it just now.
      Stored.Live live = pending.live();
      return live.version().compareTo(stored.version()) > 0 ? live : stored;
    }
    if (pendings.settled() == now.settled()) {
      return stored;
    }
    // What was pending when the view was opened may be in the table since, but not in the view.
    byte[] raw = database.get(Table.DOCUMENTS, key);
    return raw == null ? null : Stored.Live.decode(raw);
  }

  /** The walk has another order: look at everything and keep the first few places. */
  private Page sort(Database.View view, Query query, Start start, Sort order, Now now) {
    boolean byField = start.plan.by() == Plan.OrderKey.FIELD;
    FieldReader reader = FieldReader.of(List.of(order.field()));
    Comparator<byte[]> upwards = Arrays::compareUnsigned;
    Comparator<byte[]> wanted = order.descending() ? upwards.reversed() : upwards;
    // The greatest on top, to be thrown out. One more than the page, to know whether there is more.
    PriorityQueue<Place> first = new PriorityQueue<>((a, b) -> wanted.compare(b.order, a.order));
    Walk walk = Walk.open(view, start.plan, query, null);
    int steps = 0;
    int hidden = 0;
    while (walk.next()) {
      view.check();
      Stored.Live stored = walk.document();
      Document document = shown(query, walk.documentKey(), stored, now);
      if (document == null && query.visible() != null) {
        // Not counted as the caller's: how many there are is nothing that 'scan' may measure.
        if (++hidden > MAX_HIDDEN) {
          throw new NoIndex(IndexAdvice.TOO_MANY_HIDDEN);
        }
        continue;
      }
      if (++steps > query.scan()) {
        throw new NoIndex(IndexAdvice.tooMuch(query, order));
      }
      if (stored == null || document == null || !query.selects(document)) {
        continue;
      }
      byte[] key = walk.documentKey();
      byte[] id = IndexKeys.id(document.path().id(), false);
      byte[] place =
          byField ? Keys.concat(IndexKeys.field(reader.read(stored.json())[0], false), id) : id;
      if (start.after == null || wanted.compare(place, start.after) > 0) {
        first.add(new Place(place, key));
        if (first.size() > query.limit() + 1) {
          first.remove();
        }
      }
    }
    List<Place> places = new ArrayList<>(first);
    places.sort((a, b) -> wanted.compare(a.order, b.order));
    List<Document> documents = new ArrayList<>();
    long bytes = 0;
    for (int i = 0; i < places.size(); i++) {
      Place place = places.get(i);
      if (i == query.limit() || bytes >= query.bytes()) {
        byte[] last = places.get(i - 1).order;
        return new Page(documents, cursor(query, start, last));
      }
      byte[] raw = view.get(Table.DOCUMENTS, place.key);
      if (raw == null) {
        throw new IllegalStateException("a view does not change");
      }
      Document document = shown(query, place.key, Stored.Live.decode(raw), now);
      // It may have become another one since.
      if (document != null && query.selects(document)) {
        documents.add(document);
        bytes += document.json().length;
      }
    }
    return new Page(documents, null);
  }

  @SuppressWarnings("ArrayRecordComponent") // local
  private record Place(byte[] order, byte[] key) {}

  private static String cursor(Query query, Start start, byte[] last) {
    return PageCursor.encode(query, start.plan, last);
  }
}
