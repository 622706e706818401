package dev.meridian.web;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.InvalidInputException;
import java.util.List;

/** What an address under {@code /data} names. */
sealed interface Target {
  /** {@code /data} itself, where batches go. */
  record Root() implements Target {}

  /** An even number of segments: a document. */
  record OneDocument(DocumentPath path) implements Target {}

  /** An odd number of segments: a collection. */
  record OneCollection(CollectionPath path) implements Target {}

  /** The first segment of every address of the data API. */
  String PREFIX = "/data";

  /** Whether a raw path belongs to the data API. */
  static boolean isData(String rawPath) {
    return rawPath.startsWith(PREFIX)
        && (rawPath.length() == PREFIX.length() || rawPath.charAt(PREFIX.length()) == '/');
  }

  /**
   * Reads the path of an address, still percent-encoded (RFC 3986, section 2.1).
   *
   * @throws InvalidInputException if it is no valid path; the message says which rule it breaks
   */
  static Target parse(String rawPath) {
    if (rawPath.length() <= PREFIX.length() + 1) {
      return new Root();
    }
    String text = rawPath.substring(PREFIX.length() + 1);
    int slashes = count(text, '/');
    if (text.indexOf('%') >= 0) {
      text = Percent.decode(text, false);
      if (count(text, '/') != slashes) {
        throw new InvalidInputException(
            "The path holds an encoded slash (%2F); a document id may not hold '/'. Choose another"
                + " character for it, such as '~' or ':'.");
      }
    }
    List<String> segments = List.of(text.split("/", -1));
    return segments.size() % 2 == 0
        ? new OneDocument(new DocumentPath(segments))
        : new OneCollection(new CollectionPath(segments));
  }

  private static int count(String text, char wanted) {
    int count = 0;
    for (int i = text.indexOf(wanted); i >= 0; i = text.indexOf(wanted, i + 1)) {
      count++;
    }
    return count;
  }
}
