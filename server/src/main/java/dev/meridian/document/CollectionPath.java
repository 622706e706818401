package dev.meridian.document;

import java.util.ArrayList;
import java.util.List;

/**
 * A collection of documents: {@code collection[/id/collection…]}. The rules are those of {@link
 * DocumentPath}.
 *
 * @param segments collection, id, collection, …; never empty, always odd
 */
public record CollectionPath(List<String> segments) {
  /** Checks every rule. */
  public CollectionPath {
    segments = List.copyOf(segments);
    List<String> checked = Segments.split(String.join("/", segments));
    if (checked.size() != segments.size()) {
      throw new InvalidInputException("A document id may not hold '/'.");
    }
    if (segments.size() % 2 == 0) {
      throw new InvalidInputException(
          "'" + String.join("/", segments) + "' names a document, not a collection.");
    }
  }

  /**
   * Reads {@code collection[/id/collection…]}.
   *
   * @throws InvalidInputException if a rule is broken; the message says which
   */
  public static CollectionPath parse(String text) {
    return new CollectionPath(List.of(text.split("/", -1)));
  }

  /** The document {@code id} in this collection. */
  public DocumentPath document(String id) {
    List<String> all = new ArrayList<>(segments);
    all.add(id);
    return new DocumentPath(all);
  }

  /** The last segment: the collection's own name. */
  public String name() {
    return segments.getLast();
  }

  /**
   * The pattern that {@code site.yaml} declares settings under: names kept, each id replaced by an
   * asterisk, as in "artists, asterisk, followers" for {@code artists/katy/followers}.
   */
  public String pattern() {
    if (segments.size() == 1) {
      return segments.getFirst();
    }
    StringBuilder pattern = new StringBuilder();
    for (int i = 0; i < segments.size(); i++) {
      pattern.append(i == 0 ? "" : "/").append(i % 2 == 0 ? segments.get(i) : "*");
    }
    return pattern.toString();
  }

  /** Whether this collection belongs to Meridian itself: any name in it starts with {@code _}. */
  public boolean isReserved() {
    for (int i = 0; i < segments.size(); i += 2) {
      if (segments.get(i).startsWith("_")) {
        return true;
      }
    }
    return false;
  }

  /** The path as text, which {@link #parse} reads back. */
  @Override
  public String toString() {
    return String.join("/", segments);
  }
}
