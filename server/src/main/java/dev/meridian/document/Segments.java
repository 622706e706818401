package dev.meridian.document;

import java.nio.charset.StandardCharsets;
import java.util.List;

/** The rules that path segments share, in one place. */
final class Segments {
  /** Longest path in bytes of UTF-8, slashes included. */
  static final int MAX_PATH_BYTES = 1024;

  /** Longest collection name in characters. */
  static final int MAX_COLLECTION_CHARS = 64;

  /** Deepest nesting: collection/id pairs in a path. */
  static final int MAX_PAIRS = 16;

  private Segments() {}

  static List<String> split(String text) {
    if (text.isEmpty()) {
      throw new InvalidInputException("The path is empty; write it as collection/id.");
    }
    if (text.length() > MAX_PATH_BYTES
        || text.getBytes(StandardCharsets.UTF_8).length > MAX_PATH_BYTES) {
      throw new InvalidInputException(
          "The path is longer than " + MAX_PATH_BYTES + " bytes; use shorter ids.");
    }
    List<String> segments = List.of(text.split("/", -1));
    if (segments.size() > 2 * MAX_PAIRS) {
      throw new InvalidInputException(
          "The path is nested deeper than " + MAX_PAIRS + " collections.");
    }
    for (int i = 0; i < segments.size(); i++) {
      if (i % 2 == 0) {
        checkCollection(segments.get(i), text);
      } else {
        checkId(segments.get(i), text);
      }
    }
    return segments;
  }

  private static void checkCollection(String name, String path) {
    if (name.isEmpty()) {
      throw new InvalidInputException(
          "The path '" + path + "' has an empty segment; write collection/id[/collection/id...].");
    }
    if (name.length() > MAX_COLLECTION_CHARS) {
      throw new InvalidInputException(
          "The collection name '"
              + name
              + "' is longer than "
              + MAX_COLLECTION_CHARS
              + " characters.");
    }
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      boolean letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
      boolean later = (c >= '0' && c <= '9') || c == '-';
      if (!letter && !(later && i > 0)) {
        throw new InvalidInputException(
            "The collection name '"
                + name
                + "' may hold letters a-z and A-Z, digits, '_' and '-', and starts with a letter"
                + " or '_'.");
      }
    }
  }

  private static void checkId(String id, String path) {
    if (id.isEmpty()) {
      throw new InvalidInputException(
          "The path '" + path + "' has an empty segment; write collection/id[/collection/id...].");
    }
    if (id.equals(".") || id.equals("..")) {
      throw new InvalidInputException("A document id may not be '.' or '..'.");
    }
    for (int i = 0; i < id.length(); i++) {
      char c = id.charAt(i);
      if (c < 0x20 || c == 0x7f) {
        throw new InvalidInputException("A document id may not hold control characters.");
      }
      if (Character.isSurrogate(c)) {
        if (!Character.isHighSurrogate(c)
            || i + 1 == id.length()
            || !Character.isLowSurrogate(id.charAt(i + 1))) {
          throw new InvalidInputException("A document id must be valid Unicode text.");
        }
        i++;
      }
    }
  }
}
