package dev.meridian.cache;

import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.store.Change;
import dev.meridian.store.SessionToken;
import org.jspecify.annotations.Nullable;

/**
 * What a path was found to hold. Every change of the path that {@code asOf} covers, or that the
 * change feed had brought by the time the entry was looked up, is in it, or something later.
 *
 * @param document null when there is none
 * @param asOf covers what was in the store when this was loaded
 * @param asOfNanos all that was acknowledged before that ({@link System#nanoTime}) was in the store
 * @param generation the {@link Level#generation} that it is of: in others it says nothing
 */
record Entry(@Nullable Document document, SessionToken asOf, long asOfNanos, int generation) {
  /*
   * An entry with a document is only ever replaced by a newer version. "There is none" has no
   * version; so a change that asOf does not cover takes its place, although it may be older than
   * what the load saw. What asOf covers is in the entry even then, as the change is later than that;
   * and the delete that the load saw is yet to come from the feed, so no reader who may know of it
   * is served before.
   */

  /** About what an entry takes beside texts and JSON, with its key, node and places in tables. */
  private static final long BYTES = 400;

  private static final int SEGMENT_BYTES = 64;

  /** The entry after the feed brought a change of its path. */
  Entry after(Change change) {
    return contains(change) ? this : new Entry(change.document(), asOf, asOfNanos, generation);
  }

  /** Whether this holds the change, or something later. */
  boolean contains(Change change) {
    return document != null
        ? document.version().compareTo(change.version()) >= 0
        : change.document() == null || asOf.covers(change.version());
  }

  /** About the bytes of heap that it takes under such a key. */
  int weight(DocumentPath path) {
    long bytes = BYTES + (document == null ? 0 : document.json().length);
    for (String segment : path.segments()) {
      bytes += SEGMENT_BYTES + bytes(segment);
    }
    return (int) Math.min(bytes, Integer.MAX_VALUE);
  }

  /** A string takes a byte a character if all are of Latin-1, else two. */
  private static int bytes(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) > 0xff) {
        return 2 * text.length();
      }
    }
    return text.length();
  }
}
