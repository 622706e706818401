package dev.meridian.cache;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Version;
import dev.meridian.store.Batch;
import dev.meridian.store.Change;
import dev.meridian.store.ChangeFeed;
import dev.meridian.store.ChangeQuery;
import dev.meridian.store.ChangeScope;
import dev.meridian.store.Commit;
import dev.meridian.store.Consistency;
import dev.meridian.store.Deferral;
import dev.meridian.store.Page;
import dev.meridian.store.Position;
import dev.meridian.store.Query;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.SessionToken;
import dev.meridian.store.Store;
import dev.meridian.store.StoreException.PreconditionFailed;
import dev.meridian.store.StoreException.Rejected;
import dev.meridian.store.StoreException.Unavailable;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * A store with a near cache before it: documents that were read lately, and places where none was
 * found, are answered from memory, as long as the store's change feed shows that they are as fresh
 * as their reader must have them.
 *
 * <ul>
 *   <li>{@code STRONG} reads go to the store.
 *   <li>{@code SESSION} reads are answered from here if every change is known here that the
 *       reader's token covers, or that anybody was shown or wrote through this.
 *   <li>What was not known to be fresh within {@link Store#MAX_AGE} goes to the store, whatever the
 *       reader asks for: so a feed that is cut makes the cache useless, never wrong.
 *   <li>Those who miss the same document at once share one look at the store.
 *   <li>Writes to collections that are written through return when all nodes of the site show them:
 *       no reader finds anything older on any of them, but where {@link #doubts} tells. Their
 *       documents are kept whether anybody reads them or not.
 *   <li>Writes to collections that are written behind are marked as such; the store puts them off.
 *   <li>Lists, writes and watches go to the store; so do Meridian's own documents (keys).
 * </ul>
 */
public final class CachedStore implements Store {
  /** So long a reader waits for another's look at the store, and then looks for itself. */
  static final Duration JOIN_WAIT = Duration.ofSeconds(1);

  /** How often a reader waits for a look that turns out to be too old for it. */
  private static final int MAX_JOINS = 2;

  /** Doubts of one thread within that time are told together: no request takes longer. */
  private static final Duration TOGETHER = Duration.ofMinutes(1);

  /** Where nothing is: what counts is when it is read. */
  private static final DocumentPath FENCE = DocumentPath.parse("_meridian/fence");

  private final Store store;
  private final NearCache cache;
  private final Follower follower;
  private final CacheMetrics metrics;
  private final LongSupplier nanos;
  private volatile Predicate<DocumentPath> cacheable;
  private volatile Function<DocumentPath, Optional<Deferral>> behind = _ -> Optional.empty();

  /** Which documents are written through; null when none are. */
  private volatile @Nullable Predicate<DocumentPath> through;

  private volatile WriteThrough others = new WriteThrough(Peers.NONE);
  private final ReadLease lease;
  private final AtomicLong doubts = new AtomicLong();
  private final ThreadLocal<Doubts> mine = ThreadLocal.withInitial(Doubts::new);

  /** The reads of one thread that were in doubt. */
  private static final class Doubts {
    long count;

    /** When the last was. */
    long lastNanos;

    /** All that was acknowledged before that was shown by the last, and by those shortly before. */
    long asOfNanos;
  }

  /** Counts the times that {@link #through} changed. */
  private final AtomicInteger policies = new AtomicInteger();

  /** What is made of documents; it follows the same feed. */
  private final List<Derived<?>> derived = new CopyOnWriteArrayList<>();

  /** Covers all that readers without a token may know. */
  private final AtomicReference<SessionToken> shown = new AtomicReference<>(SessionToken.NONE);

  /** With a clock of its own for the age of entries, as {@link System#nanoTime}. */
  CachedStore(
      Store store,
      long maxBytes,
      Predicate<DocumentPath> cacheable,
      MeterRegistry meters,
      LongSupplier nanos) {
    this(store, maxBytes, cacheable, meters, nanos, System::currentTimeMillis, ReadLease.WAIT);
  }

  /**
   * With both clocks of its own.
   *
   * @param wait how long a reader of what is written through waits until it is sure of it
   */
  CachedStore(
      Store store,
      long maxBytes,
      Predicate<DocumentPath> cacheable,
      MeterRegistry meters,
      LongSupplier nanos,
      LongSupplier wallMillis,
      Duration wait) {
    this.store = store;
    this.cacheable = cacheable;
    this.nanos = nanos;
    this.cache = new NearCache(maxBytes, this::generation);
    this.follower = new Follower(store, nanos, this::concerns, this::apply, this::lost);
    this.metrics = new CacheMetrics(meters);
    this.lease = new ReadLease(ReadLease.LENGTH, wait, this::fence, nanos, wallMillis);
    metrics.show(this::status);
    metrics.show(doubts);
    follower.start();
  }

  /**
   * Puts a cache before a store, which stays its owner's to close, after the cache.
   *
   * @param maxBytes most bytes of heap for entries, about
   * @param cacheable which documents may be kept; asked at each read
   */
  public static CachedStore over(
      Store store, long maxBytes, Predicate<DocumentPath> cacheable, MeterRegistry meters) {
    return new CachedStore(store, maxBytes, cacheable, meters, System::nanoTime);
  }

  /** How much heap entries take at most, unless told otherwise: a part of it, within bounds. */
  public static long defaultMaxBytes() {
    return Math.clamp(Runtime.getRuntime().maxMemory() / 16, 4L << 20, 256L << 20);
  }

  /** Settings from here on. What is no longer to be kept goes. */
  public void configure(long maxBytes, Predicate<DocumentPath> cacheable) {
    this.cacheable = cacheable;
    cache.limit(maxBytes);
    cache.clear();
    derived.forEach(Derived::clear);
  }

  /**
   * Which documents are written behind from here on, and how. They are better not cacheable: the
   * feed tells the cache of every pending value, so a counter that is written all the time would
   * keep it busy, and what is pending is in memory anyway.
   */
  public void writeBehind(Function<DocumentPath, Optional<Deferral>> which) {
    behind = which;
  }

  /**
   * Which documents are written through from here on; null for none. They must be cacheable.
   *
   * @param which asked at each read, write and change; quick
   */
  public void writeThrough(@Nullable Predicate<DocumentPath> which) {
    through = which;
    // In this order: what is begun from here on knows of it, and nothing else is kept or found.
    policies.incrementAndGet();
    derived.forEach(Derived::clear);
  }

  /** What was made under another policy than that may not know that it was written through. */
  int policy() {
    return policies.get();
  }

  /** Who else is to show what is written through. Once, before anything is. */
  public void join(Peers peers) {
    join(new WriteThrough(peers));
  }

  /** With times of its own. */
  void join(WriteThrough through) {
    others = through;
  }

  boolean isThrough(DocumentPath path) {
    Predicate<DocumentPath> which = through;
    return which != null && which.test(path);
  }

  private boolean isThrough(Batch batch) {
    return through != null && batch.writes().stream().anyMatch(write -> isThrough(write.path()));
  }

  private boolean isThrough(ChangeScope scope) {
    return switch (scope) {
      case ChangeScope.OneDocument(DocumentPath path) -> isThrough(path);
      case ChangeScope.OneCollection(CollectionPath path) -> isThrough(path.document("-"));
      case ChangeScope.Everything _ -> through != null;
      case ChangeScope.Interesting _ -> false;
    };
  }

  /** From here on every reader is shown all that was acknowledged before. */
  private void fence() {
    var unused = store.get(FENCE, ReadOptions.STRONG);
    show(store.seen());
  }

  /** Whether what is read from here on has all that every node is to show. May wait a second. */
  boolean holds() {
    return lease.holds();
  }

  /** Before documents are read that are written through. */
  private void begin() {
    if (!holds()) {
      doubt();
    }
  }

  private void doubt() {
    doubts.incrementAndGet();
    Duration own = age();
    Duration unsure = lease.age();
    long now = nanos.getAsLong();
    long asOf = now - (own.compareTo(unsure) > 0 ? own : unsure).toNanos();
    Doubts here = mine.get();
    boolean together = here.count > 0 && now - here.lastNanos < TOGETHER.toNanos();
    here.asOfNanos = together && here.asOfNanos - asOf < 0 ? here.asOfNanos : asOf;
    here.lastNanos = now;
    here.count++;
  }

  /**
   * Waits until every reader here is shown all changes up to a version. Does not ask the primary:
   * it has told all nodes what is committed when it was asked who asked it, and who asks it for
   * more is waited for by all writes.
   *
   * @return false if that takes longer than {@code limit}
   */
  public boolean shows(Version version, Duration limit) throws InterruptedException {
    if (!follower.await(version, limit)) {
      return false;
    }
    show(version);
    return true;
  }

  /** Waits until all nodes show a write that was done. */
  private void awaitAll(Version version) {
    long since = System.nanoTime();
    Set<String> unheard = others.await(version, since);
    Duration left = others.longest().minusNanos(System.nanoTime() - since);
    boolean here;
    try {
      here = shows(version, left.isNegative() ? Duration.ZERO : left);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw WriteThrough.unknown("the time for the request is over", e);
    }
    metrics.waited(System.nanoTime() - since, unheard.size() + (here ? 0 : 1));
  }

  private int generation() {
    return follower.level().generation();
  }

  private void apply(Change change) {
    // First: whoever is shown it from here must not be shown what was before it.
    show(change.version());
    if (isThrough(change.path())) {
      cache.fill(change, follower.level().asOfNanos());
    } else {
      cache.apply(change);
    }
    // Last: what is made from here on is made of what the cache has now.
    for (Derived<?> one : derived) {
      one.apply(change);
    }
  }

  private boolean concerns(DocumentPath path) {
    if (cache.concerns(path) || isThrough(path)) {
      return true;
    }
    for (Derived<?> one : derived) {
      if (one.concerns(path)) {
        return true;
      }
    }
    return false;
  }

  private void lost() {
    cache.clear();
    derived.forEach(Derived::clear);
  }

  /**
   * A cache of values that are made of what this store holds, kept as fresh as this store's own
   * entries. It lives as long as this.
   *
   * @param maxBytes most bytes of heap for values, about; with 0 none is kept
   * @param bytes what a value takes
   */
  public <V> Derived<V> derive(long maxBytes, ToLongFunction<V> bytes) {
    Derived<V> made = new Derived<>(this, maxBytes, bytes);
    derived.add(made);
    return made;
  }

  Level level() {
    return follower.level();
  }

  Level refresh() {
    return follower.refresh();
  }

  long nowNanos() {
    return nanos.getAsLong();
  }

  /** All that was acknowledged before that is in the store. */
  long storeAsOfNanos() {
    return follower.asOfNanos();
  }

  @Override
  public Optional<Document> get(DocumentPath path, ReadOptions read) {
    boolean strong = read.consistency() == Consistency.STRONG;
    boolean everywhere = !strong && isThrough(path);
    if (everywhere) {
      begin();
    }
    if (strong || !isCacheable(path)) {
      return shown(store.get(path, read));
    }
    SessionToken seen =
        read.consistency() == Consistency.EVENTUAL && !everywhere
            ? SessionToken.NONE
            : seenBy(read.token());
    Entry entry = find(path, seen);
    if (entry != null) {
      metrics.hit();
      return document(entry);
    }
    metrics.miss();
    return load(path, read, seen);
  }

  /**
   * What a reader may have seen: what its token says, and all that was shown here. Before there was
   * a cache, nobody who talked to one node went back in time.
   */
  SessionToken seenBy(SessionToken token) {
    SessionToken here = shown.get();
    for (int region : here.timestamps().keySet()) {
      // Of other regions this store has nothing, and could cover nothing.
      Long known = token.timestamps().get(region);
      if (known != null) {
        here = here.seen(new Version(known, region));
      }
    }
    return here.timestamps().isEmpty() ? token : here;
  }

  boolean isCacheable(DocumentPath path) {
    List<String> segments = path.segments();
    for (int i = 0; i < segments.size(); i += 2) {
      if (segments.get(i).startsWith("_")) {
        return false;
      }
    }
    return cacheable.test(path);
  }

  /** The entry for a reader who has seen so much; null when there is none. */
  private @Nullable Entry find(DocumentPath path, SessionToken seen) {
    // The level first: then the entry is at least of that level.
    Level level = follower.level();
    Entry entry = cache.get(path);
    if (entry == null) {
      return null;
    }
    long now = nanos.getAsLong();
    if (level.serves(entry, seen, now)) {
      return entry;
    }
    level = follower.refresh();
    entry = cache.get(path);
    return entry != null && level.serves(entry, seen, now) ? entry : null;
  }

  private Optional<Document> document(Entry entry) {
    Document document = entry.document();
    return document == null
            || (document.expiresAtMillis() != Document.NEVER
                && document.isExpiredAt(store.readMillis()))
        ? Optional.empty()
        : Optional.of(document);
  }

  /** Looks at the store, together with others who do. */
  private Optional<Document> load(DocumentPath path, ReadOptions read, SessionToken seen) {
    for (int i = 0; i < MAX_JOINS; i++) {
      Load own = new Load(seen, !store.settled().covers(seen));
      Load other = cache.begin(path, own);
      if (other == null) {
        return lead(path, read, seen, own);
      }
      if (!other.asksNoMoreThan(seen)) {
        break;
      }
      Entry loaded = await(other);
      if (loaded == null) {
        break;
      }
      if (loaded.asOf().covers(seen)) {
        return document(loaded);
      }
    }
    return shown(timed(path, read));
  }

  private Optional<Document> lead(
      DocumentPath path, ReadOptions read, SessionToken seen, Load load) {
    Entry loaded = null;
    try {
      // Another load may have ended between this reader's first look and its own load.
      loaded = find(path, seen);
      if (loaded != null) {
        return document(loaded);
      }
      // Before the look: what is true then is true of what it finds.
      int generation = generation();
      long asOfNanos = follower.asOfNanos();
      SessionToken asOf = store.settled();
      Optional<Document> found = shown(timed(path, read));
      loaded = new Entry(found.orElse(null), asOf, asOfNanos, generation);
      cache.put(path, load, loaded);
      return found;
    } finally {
      cache.end(path, load);
      load.end(loaded);
    }
  }

  private static @Nullable Entry await(Load load) {
    try {
      return load.await(JOIN_WAIT);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new Unavailable(Unavailable.Outcome.NOT_DONE, "The read was interrupted.", e);
    }
  }

  private Optional<Document> timed(DocumentPath path, ReadOptions read) {
    long since = System.nanoTime();
    Optional<Document> found = store.get(path, read);
    metrics.loaded(System.nanoTime() - since);
    return found;
  }

  /** Notes that readers may know of this. */
  private Optional<Document> shown(Optional<Document> found) {
    if (found.isPresent()) {
      show(found.get().version());
    } else {
      show(store.seen());
    }
    return found;
  }

  private void show(Version version) {
    if (!shown.get().covers(version)) {
      shown.updateAndGet(before -> before.seen(version));
    }
  }

  private void show(SessionToken seen) {
    if (!shown.get().covers(seen)) {
      shown.updateAndGet(before -> before.seen(seen));
    }
  }

  @Override
  public Page list(Query query, ReadOptions read) {
    if (read.consistency() != Consistency.STRONG
        && through != null
        && isThrough(query.collection().document("-"))) {
      begin();
    }
    Page page = store.list(query, read);
    show(store.seen());
    return page;
  }

  @Override
  public Commit write(Batch batch) {
    Commit commit = written(batch);
    if (isThrough(batch)) {
      awaitAll(commit.version());
    }
    return commit;
  }

  private Commit written(Batch batch) {
    try {
      Commit commit = store.write(deferred(batch));
      show(commit.version());
      return commit;
    } catch (PreconditionFailed | Rejected e) {
      show(store.seen()); // it tells what is there now
      throw e;
    }
  }

  private Batch deferred(Batch batch) {
    return batch.isDeferrable()
        ? behind.apply(batch.writes().getFirst().path()).map(batch::deferred).orElse(batch)
        : batch;
  }

  @Override
  public Optional<Commit> earlier(Batch batch) {
    Optional<Commit> commit = store.earlier(batch);
    commit.ifPresent(done -> show(done.version()));
    if (commit.isPresent() && isThrough(batch)) {
      awaitAll(commit.get().version());
    }
    return commit;
  }

  @Override
  public List<DocumentPath> unflushed() {
    return store.unflushed();
  }

  @Override
  public ChangeFeed changes(ChangeQuery query) {
    if (isThrough(query.scope())) {
      begin(); // so that it begins with what is acknowledged
    }
    return new ShowingFeed(store.changes(query));
  }

  /** What watchers are shown, readers may know. */
  private final class ShowingFeed implements ChangeFeed {
    private final ChangeFeed feed;

    ShowingFeed(ChangeFeed feed) {
      this.feed = feed;
    }

    @Override
    public List<Change> poll(int max, Duration wait) throws InterruptedException {
      List<Change> changes = feed.poll(max, wait);
      for (Change change : changes) {
        show(change.version());
      }
      return changes;
    }

    @Override
    public Position position() {
      return feed.position();
    }

    @Override
    public Optional<SessionToken> caughtUp() {
      return feed.caughtUp();
    }

    @Override
    public void close() {
      feed.close();
    }
  }

  @Override
  public SessionToken seen() {
    return store.seen();
  }

  @Override
  public SessionToken settled() {
    return store.settled();
  }

  @Override
  public Duration age() {
    return store.age();
  }

  @Override
  public Optional<Duration> stale() {
    return store.stale();
  }

  @Override
  public long doubts() {
    return mine.get().count;
  }

  @Override
  public Optional<Duration> stale(long before) {
    Doubts here = mine.get();
    if (here.count == before) {
      return stale();
    }
    Duration own = age();
    Duration unsure = Duration.ofNanos(nanos.getAsLong() - here.asOfNanos);
    return Optional.of(own.compareTo(unsure) > 0 ? own : unsure);
  }

  @Override
  public long readMillis() {
    return store.readMillis();
  }

  @Override
  public Position position() {
    Position here = store.position();
    show(store.seen()); // whoever watches from here on is not told of what was before
    return here;
  }

  /** How the cache is doing. Any thread, any time. */
  public CacheStatus status() {
    return new CacheStatus(
        cache.bytes(),
        cache.maxBytes(),
        cache.entries(),
        metrics.hits(),
        metrics.misses(),
        metrics.loads(),
        metrics.loadMicros(),
        cache.evictions(),
        follower.lag());
  }

  /** How writing through is doing; empty when nothing is. */
  public Optional<ThroughStatus> throughStatus() {
    return through == null
        ? Optional.empty()
        : Optional.of(
            new ThroughStatus(
                metrics.waits(),
                metrics.waitMillis(),
                others.waiting(),
                metrics.unheard(),
                doubts.get(),
                others.silent()));
  }

  /** Stops following the store, which stays open, as whoever opened it closes it. */
  @Override
  public void close() {
    others.close();
    follower.close();
    metrics.close();
  }
}
