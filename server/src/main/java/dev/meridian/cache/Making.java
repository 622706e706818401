package dev.meridian.cache;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.store.SessionToken;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A value of a {@link Derived} cache that is being made, and later what it was made of. It is told
 * of each read before that is done. For one thread, which must close it.
 */
public final class Making implements AutoCloseable {
  private final Derived<?> home;
  private final Set<Place> places = new HashSet<>();

  /** Covers what every read of this making saw for sure. */
  final SessionToken asOf;

  /** All that was acknowledged before that is in what was read. */
  final long asOfNanos;

  /** The {@link Level#generation} in which it began. */
  final int generation;

  /** The {@link CachedStore#policy} under which it began. */
  final int policy;

  private long expiresAtMillis = Document.NEVER;
  private long untilNanos;
  private boolean limited;
  private boolean refused;
  private boolean kept;

  /** Until then it was known to be as fresh as the store; set once, before {@link #changed}. */
  private long freshUntilNanos;

  /** Set once, when something changed that it was made of. */
  private volatile boolean changed;

  /** What it became, once that is kept. */
  private volatile Derived.@Nullable Made<?> made;

  Making(Derived<?> home, SessionToken asOf, long asOfNanos, int generation, int policy) {
    this.home = home;
    this.asOf = asOf;
    this.asOfNanos = asOfNanos;
    this.generation = generation;
    this.policy = policy;
  }

  /** Whether it was made of what is written through. */
  private volatile boolean through;

  /** A document is about to be read; whether there is one or not, the value depends on it. */
  public void reads(DocumentPath path) {
    through |= home.isThrough(path);
    if (home.mayKeep(path)) {
      depend(Place.of(path));
    } else {
      refuse();
    }
  }

  /** Documents of a collection are about to be read: the value depends on each change in it. */
  public void reads(CollectionPath collection) {
    DocumentPath any = collection.document("-");
    through |= home.isThrough(any);
    if (home.mayKeep(any)) {
      depend(new Place(collection.segments()));
    } else {
      refuse();
    }
  }

  private void depend(Place place) {
    if (!refused && places.add(place)) {
      home.watch(place, this);
    }
  }

  /** A document was read: the value does not outlive it. */
  public void expiresWith(Document document) {
    long millis = document.expiresAtMillis();
    if (millis != Document.NEVER
        && (expiresAtMillis == Document.NEVER || millis < expiresAtMillis)) {
      expiresAtMillis = millis;
    }
  }

  /** The value is good for so long at most, from now on. */
  public void atMost(Duration life) {
    long until = home.nowNanos() + life.toNanos();
    untilNanos = limited ? Math.min(untilNanos, until) : until;
    limited = true;
  }

  /** The value depends on something that no change tells of: it is not kept. */
  public void refuse() {
    refused = true;
  }

  /** Whether it was refused. */
  public boolean isRefused() {
    return refused;
  }

  /** When the first of the documents expires, in milliseconds since 1970; NEVER if none does. */
  public long expiresAtMillis() {
    return expiresAtMillis;
  }

  /** How many documents and collections it was made of. */
  int size() {
    return places.size();
  }

  Set<Place> places() {
    return places;
  }

  boolean isThrough() {
    return through;
  }

  boolean isChanged() {
    return changed;
  }

  boolean isOver(long nowMillis, long nowNanos) {
    return (expiresAtMillis != Document.NEVER && expiresAtMillis <= nowMillis)
        || (limited && nowNanos - untilNanos >= 0);
  }

  /** By when something had changed; counts once {@link #isChanged}. */
  long freshUntilNanos() {
    return freshUntilNanos;
  }

  /** Called by the feed, on its thread. */
  void change(long freshUntilNanos) {
    if (!changed) {
      this.freshUntilNanos = freshUntilNanos;
      changed = true;
    }
  }

  /** What is to be removed when it changed; null when it was not kept. */
  Derived.@Nullable Made<?> made() {
    return made;
  }

  void keep(Derived.Made<?> value) {
    kept = true;
    made = value;
  }

  /** Ends the making; what was kept stays. */
  @Override
  public void close() {
    if (!kept) {
      home.forget(this);
    }
  }
}
