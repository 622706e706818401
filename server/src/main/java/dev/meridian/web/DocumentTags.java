package dev.meridian.web;

import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Version;
import dev.meridian.store.Condition;
import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * ETags on the wire (RFC 9110, sections 8.8.3 and 13). A document's ETag is its version; formats
 * other than JSON, selected fields and compressed answers add a suffix ({@code +yaml}, {@code
 * +gzip}), since one strong ETag may stand for one sequence of bytes only. For writes the suffixes
 * make no difference: whoever has any form of a version has seen that version.
 */
final class DocumentTags {
  /** Stands for an ETag that no document has, so that a condition naming only such ones fails. */
  private static final String IMPOSSIBLE = "-";

  private static final char SUFFIX = '+';

  private DocumentTags() {}

  /** The condition of a write. */
  static Condition forWrite(RequestContext context) {
    var headers = context.request().headers();
    boolean match = headers.contains(HeaderNames.IF_MATCH);
    boolean noneMatch = headers.contains(HeaderNames.IF_NONE_MATCH);
    if (!match && !noneMatch) {
      return Condition.NONE;
    }
    List<String> ifMatch = new ArrayList<>();
    if (match) {
      // If-Match compares strongly: a weak ETag never matches.
      for (Tag tag : parse(context, HeaderNames.IF_MATCH)) {
        ifMatch.add(tag.weak ? IMPOSSIBLE : version(tag.text));
      }
    }
    List<String> ifNoneMatch = new ArrayList<>();
    if (noneMatch) {
      for (Tag tag : parse(context, HeaderNames.IF_NONE_MATCH)) {
        ifNoneMatch.add(version(tag.text));
      }
    }
    return new Condition(ifMatch, ifNoneMatch);
  }

  /** What a read with conditions comes to. */
  sealed interface Outcome {
    /** Send it. */
    record Send() implements Outcome {}

    /**
     * The client has it.
     *
     * @param etag the one that it has; null when it only says that it has some
     */
    record NotModified(@Nullable String etag) implements Outcome {}

    /** If-Match does not hold. */
    record Failed() implements Outcome {}
  }

  /**
   * Evaluates a read's conditions, in the order of RFC 9110, section 13.2.2.
   *
   * @param suffix of the form that would be sent, such as {@code +yaml}; empty for JSON
   */
  static Outcome forRead(RequestContext context, Version version, String suffix) {
    var headers = context.request().headers();
    if (headers.contains(HeaderNames.IF_MATCH)) {
      boolean found = false;
      for (Tag tag : parse(context, HeaderNames.IF_MATCH)) {
        found |= !tag.weak && (tag.text.equals("*") || version(tag.text).equals(version.etag()));
      }
      if (!found) {
        return new Outcome.Failed();
      }
    }
    if (!headers.contains(HeaderNames.IF_NONE_MATCH)) {
      return new Outcome.Send();
    }
    String own = version.etag() + suffix;
    boolean compressed = Gzip.wanted(context, Integer.MAX_VALUE);
    String matched = null;
    for (Tag tag : parse(context, HeaderNames.IF_NONE_MATCH)) {
      if (tag.text.equals("*")) {
        return new Outcome.NotModified(null);
      }
      boolean packed = tag.text.endsWith(Gzip.SUFFIX);
      String plain =
          packed ? tag.text.substring(0, tag.text.length() - Gzip.SUFFIX.length()) : tag.text;
      // Of a plain and a compressed one, the one that is likelier to be sent now.
      if (plain.equals(own) && (matched == null || packed == compressed)) {
        matched = tag.text;
      }
    }
    return matched == null ? new Outcome.Send() : new Outcome.NotModified(matched);
  }

  /** An ETag as a batch names it: with or without its quotes. */
  static String fromJson(String etag) {
    String text = etag;
    if (text.length() >= 2 && text.startsWith("\"") && text.endsWith("\"")) {
      text = text.substring(1, text.length() - 1);
    }
    if (text.isEmpty()) {
      throw new InvalidInputException("An ETag may not be empty.");
    }
    return version(text);
  }

  private static String version(String tag) {
    int suffix = tag.indexOf(SUFFIX);
    return suffix > 0 ? tag.substring(0, suffix) : tag;
  }

  private record Tag(String text, boolean weak) {}

  private static List<Tag> parse(RequestContext context, HeaderName name) {
    List<Tag> tags = new ArrayList<>(1);
    for (String line : context.request().headers().get(name).allValues()) {
      parseLine(line, name, tags);
    }
    if (tags.isEmpty()) {
      throw invalid(name, null);
    }
    if (tags.size() > 1 && tags.stream().anyMatch(tag -> tag.text.equals("*"))) {
      throw invalid(name, "*");
    }
    return tags;
  }

  private static void parseLine(String line, HeaderName name, List<Tag> tags) {
    int i = 0;
    int length = line.length();
    while (i < length) {
      char c = line.charAt(i);
      if (c == ' ' || c == '\t' || c == ',') {
        i++;
        continue;
      }
      if (tags.size() == Condition.MAX_ETAGS) {
        throw new InvalidInputException(
            name.defaultCase() + " names more than " + Condition.MAX_ETAGS + " ETags.");
      }
      if (c == '*') {
        tags.add(new Tag("*", false));
        i++;
        continue;
      }
      boolean weak = line.startsWith("W/", i);
      int open = weak ? i + 2 : i;
      int close = open < length && line.charAt(open) == '"' ? line.indexOf('"', open + 1) : -1;
      if (close < 0 || close == open + 1) {
        throw invalid(name, line.substring(i, Math.min(length, i + 40)));
      }
      tags.add(new Tag(line.substring(open + 1, close), weak));
      i = close + 1;
    }
  }

  private static InvalidInputException invalid(HeaderName name, @Nullable String at) {
    return new InvalidInputException(
        name.defaultCase()
            + " is not valid"
            + (at == null ? "" : " at '" + at + "'")
            + "; write \"ETAG\" with its quotes, several separated by commas, or * alone.");
  }
}
