package dev.meridian.document;

import java.util.ArrayList;
import java.util.List;

/**
 * A JSON Pointer (RFC 6901): the names and indexes from the root to a value.
 *
 * @param tokens unescaped; none for the root
 */
record JsonPointer(List<String> tokens) {
  JsonPointer {
    tokens = List.copyOf(tokens);
  }

  /**
   * Reads {@code /a/b~1c/0}.
   *
   * @param maxDepth most tokens
   */
  static JsonPointer parse(String text, int maxDepth) {
    if (text.isEmpty()) {
      return new JsonPointer(List.of());
    }
    if (text.charAt(0) != '/') {
      throw new InvalidInputException(
          "the JSON Pointer \"" + Texts.shorten(text) + "\" must start with '/' or be empty");
    }
    List<String> tokens = new ArrayList<>();
    for (String token : text.substring(1).split("/", -1)) {
      for (int i = token.indexOf('~'); i >= 0; i = token.indexOf('~', i + 1)) {
        if (i + 1 == token.length() || "01".indexOf(token.charAt(i + 1)) < 0) {
          throw new InvalidInputException(
              "the JSON Pointer \""
                  + Texts.shorten(text)
                  + "\" has a '~' that is neither ~0 (for '~') nor ~1 (for '/')");
        }
      }
      tokens.add(token.replace("~1", "/").replace("~0", "~"));
      if (tokens.size() > maxDepth) {
        throw new InvalidInputException(
            "the JSON Pointer has more than " + maxDepth + " parts; documents nest no deeper");
      }
    }
    return new JsonPointer(tokens);
  }

  boolean isRoot() {
    return tokens.isEmpty();
  }

  String last() {
    return tokens.getLast();
  }

  /** Whether this is above {@code other}. */
  boolean isAbove(JsonPointer other) {
    return tokens.size() < other.tokens.size()
        && other.tokens.subList(0, tokens.size()).equals(tokens);
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    for (String token : tokens) {
      text.append('/').append(token.replace("~", "~0").replace("/", "~1"));
    }
    return text.toString();
  }
}
