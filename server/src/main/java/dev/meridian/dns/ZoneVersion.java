package dev.meridian.dns;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * One version of a zone, for secondaries: its records, and what has changed since the versions that
 * secondaries may have. Records are put together, and signed, when somebody wants them. For any
 * thread.
 */
final class ZoneVersion {
  /** Most versions that can be told by what has changed since. */
  static final int MOST_DIFFS = 100;

  /** Most records of all changes that are kept, where the zone itself does not have more. */
  private static final int SMALL = 10_000;

  /** Signing takes all of a processor for as long as it lasts; what else runs needs the others. */
  private static final ExecutorService MAKER =
      Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().name("dns-copies").factory());

  private final ZoneContents contents;
  private final CopyMaker maker;
  private final long serial;
  private final AtomicBoolean asked = new AtomicBoolean();
  private final FutureTask<ZoneCopy> making = new FutureTask<>(this::make);

  /** The newest version before that somebody has; null if nobody has any. Guarded by this. */
  private @Nullable ZoneVersion base;

  /** What led to the base, the oldest first; to this one, once it is made. Guarded by this. */
  private List<ZoneDiff> diffs;

  /** Guarded by this; null until it is made. */
  private @Nullable ZoneCopy copy;

  private ZoneVersion(
      ZoneContents contents,
      CopyMaker maker,
      long serial,
      @Nullable ZoneVersion base,
      List<ZoneDiff> diffs) {
    this.contents = contents;
    this.maker = maker;
    this.serial = serial;
    this.base = base;
    this.diffs = diffs;
  }

  /** The first that is known. */
  static ZoneVersion first(ZoneContents contents, CopyMaker maker) {
    return new ZoneVersion(contents, maker, contents.serial(), null, List.of());
  }

  /** The one that follows this. */
  ZoneVersion next(ZoneContents changed, CopyMaker by) {
    synchronized (this) {
      return new ZoneVersion(changed, by, changed.serial(), copy == null ? base : this, List.of());
    }
  }

  WireName apex() {
    return contents.apex();
  }

  long serial() {
    return serial;
  }

  RrSet soa() {
    return contents.soa();
  }

  /**
   * All records. Waits while they are put together, and signed where the zone is signed: a second
   * for each some ten thousand names.
   */
  ZoneCopy copy() {
    if (asked.compareAndSet(false, true)) {
      MAKER.execute(making);
    }
    try {
      return making.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while a copy was made", e);
    } catch (ExecutionException e) {
      throw new IllegalStateException("the zone '" + apex() + "' could not be copied", e);
    }
  }

  /** By one thread for all; without the lock, as whoever serves names must not wait for it. */
  private ZoneCopy make() {
    ZoneVersion from;
    synchronized (this) {
      from = base;
    }
    ZoneCopy before = from == null ? null : from.made();
    ZoneCopy made = maker.make(contents, before);
    List<ZoneDiff> all = new ArrayList<>();
    if (from != null && before != null) {
      all.addAll(from.kept());
      all.add(made.since(before));
    }
    synchronized (this) {
      diffs = bounded(all, made);
      copy = made;
      base = null; // its records are free again; what they differ in is kept
    }
    return made;
  }

  private synchronized @Nullable ZoneCopy made() {
    return copy;
  }

  private synchronized List<ZoneDiff> kept() {
    return diffs;
  }

  /** The newest changes, as long as they are few. */
  private static List<ZoneDiff> bounded(List<ZoneDiff> all, ZoneCopy copy) {
    long room = Math.max(SMALL, copy.size());
    int first = all.size();
    while (first > 0 && all.size() - first < MOST_DIFFS && room >= all.get(first - 1).size()) {
      room -= all.get(--first).size();
    }
    return List.copyOf(all.subList(first, all.size()));
  }

  /**
   * What has changed since a version, the oldest change first; empty if that is not known any more,
   * or would be longer than the whole.
   */
  Optional<List<ZoneDiff>> since(long known) {
    int size = copy().size();
    List<ZoneDiff> diffs = kept();
    for (int i = diffs.size() - 1; i >= 0; i--) {
      size -= diffs.get(i).size();
      if (size < 0) {
        return Optional.empty();
      }
      if (ZoneContents.serial(diffs.get(i).from().rdata()) == known) {
        return Optional.of(diffs.subList(i, diffs.size()));
      }
    }
    return Optional.empty();
  }
}
