package dev.meridian.document;

import java.util.List;

/**
 * Where a document lives: {@code collection/id[/collection/id…]}, at most 1 KiB of UTF-8.
 * Collection names are {@code [A-Za-z_][A-Za-z0-9_-]*}, at most 64 characters; names that start
 * with {@code _} are Meridian's own. Ids are any Unicode text without {@code /} and control
 * characters, except {@code .} and {@code ..}.
 *
 * @param segments collection, id, collection, id, …; never empty, always even
 */
public record DocumentPath(List<String> segments) implements Comparable<DocumentPath> {
  /** Checks every rule above. */
  public DocumentPath {
    segments = List.copyOf(segments);
    List<String> checked = Segments.split(String.join("/", segments));
    if (checked.size() != segments.size()) {
      throw new InvalidInputException("A document id may not hold '/'.");
    }
    if (segments.size() % 2 != 0) {
      throw new InvalidInputException(
          "'"
              + String.join("/", segments)
              + "' names a collection, not a document; add an id: "
              + String.join("/", segments)
              + "/ID.");
    }
  }

  /**
   * The path of these segments, collections and ids in turn.
   *
   * @throws InvalidInputException if it is none; the message says which rule it breaks
   */
  public static DocumentPath of(String... segments) {
    return new DocumentPath(List.of(segments));
  }

  /**
   * Reads {@code collection/id[/…]}.
   *
   * @throws InvalidInputException if a rule is broken; the message says which
   */
  public static DocumentPath parse(String text) {
    return new DocumentPath(List.of(text.split("/", -1)));
  }

  /**
   * By segments, as text. Tables of paths need an order: strings of equal hash are easy to make up,
   * and whoever may choose ids could make every look-up a long search.
   */
  @Override
  public int compareTo(DocumentPath other) {
    int common = Math.min(segments.size(), other.segments.size());
    for (int i = 0; i < common; i++) {
      int order = segments.get(i).compareTo(other.segments.get(i));
      if (order != 0) {
        return order;
      }
    }
    return Integer.compare(segments.size(), other.segments.size());
  }

  /** The collection this document is in. */
  public CollectionPath collection() {
    return new CollectionPath(segments.subList(0, segments.size() - 1));
  }

  /** The last segment. */
  public String id() {
    return segments.getLast();
  }

  /**
   * The root of this document's tree: its first collection and id. Batches stay within one tree.
   */
  public DocumentPath root() {
    return segments.size() == 2 ? this : new DocumentPath(segments.subList(0, 2));
  }

  /** The collection named {@code name} below this document. */
  public CollectionPath child(String name) {
    return CollectionPath.parse(this + "/" + name);
  }

  /** Whether this document belongs to Meridian itself: any collection starts with {@code _}. */
  public boolean isReserved() {
    return collection().isReserved();
  }

  /** The path as text, which {@link #parse} reads back. */
  @Override
  public String toString() {
    return String.join("/", segments);
  }
}
