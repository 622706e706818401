package dev.meridian.cache;

import dev.meridian.document.DocumentPath;
import java.util.List;

/**
 * A document's path or a collection's, as a key that costs nothing to make of a document's path and
 * that has an order: ids are chosen by visitors, and equal hashes are easy to make up.
 *
 * @param segments immutable
 */
record Place(List<String> segments) implements Comparable<Place> {
  static Place of(DocumentPath path) {
    return new Place(path.segments());
  }

  /** The collection that the document is in. */
  static Place collectionOf(DocumentPath path) {
    List<String> segments = path.segments();
    return new Place(segments.subList(0, segments.size() - 1));
  }

  @Override
  public int compareTo(Place other) {
    int common = Math.min(segments.size(), other.segments.size());
    for (int i = 0; i < common; i++) {
      int order = segments.get(i).compareTo(other.segments.get(i));
      if (order != 0) {
        return order;
      }
    }
    return Integer.compare(segments.size(), other.segments.size());
  }
}
