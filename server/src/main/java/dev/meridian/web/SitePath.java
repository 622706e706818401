package dev.meridian.web;

import dev.meridian.document.InvalidInputException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The path of an address, decoded one segment at a time, so that an escape can never make a new
 * segment. What could mean another place than it says ({@code ..}, an encoded slash, a backslash, a
 * control character) is no path at all.
 *
 * @param segments decoded; empty for the root
 * @param folder whether the path ends with a slash
 */
record SitePath(List<String> segments, boolean folder) {
  /** Longest raw path in characters. */
  static final int MAX_CHARS = 8192;

  /** Most segments. */
  static final int MAX_SEGMENTS = 64;

  /** Reads the raw path of a request, or null if it is none of this site's. */
  static @Nullable SitePath parse(String raw) {
    if (!raw.startsWith("/") || raw.length() > MAX_CHARS) {
      return null;
    }
    if (raw.length() == 1) {
      return new SitePath(List.of(), true);
    }
    boolean folder = raw.endsWith("/");
    String[] parts = raw.substring(1, raw.length() - (folder ? 1 : 0)).split("/", MAX_SEGMENTS + 1);
    if (parts.length > MAX_SEGMENTS) {
      return null;
    }
    List<String> segments = new ArrayList<>(parts.length);
    for (String part : parts) {
      String segment = decode(part);
      if (segment == null || !isPlain(segment)) {
        return null;
      }
      segments.add(segment);
    }
    return new SitePath(segments, folder);
  }

  private static boolean isPlain(String segment) {
    if (segment.isEmpty() || segment.equals(".") || segment.equals("..")) {
      return false;
    }
    for (int i = 0; i < segment.length(); i++) {
      char c = segment.charAt(i);
      if (c == '/' || c == '\\' || Character.isISOControl(c)) {
        return false;
      }
    }
    return true;
  }

  /** The text without percent-encoding, or null if it is not exactly UTF-8. */
  static @Nullable String decode(String text) {
    try {
      return Percent.decode(text, false);
    } catch (InvalidInputException e) {
      return null;
    }
  }

  /** Encodes one segment so that it stays one, whatever it holds. */
  static String encode(String segment) {
    return Percent.encodePath(segment).replace("/", "%2F");
  }
}
