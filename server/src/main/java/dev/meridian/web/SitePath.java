package dev.meridian.web;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
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
    String[] parts =
        raw.substring(1, raw.length() - (folder ? 1 : 0)).split("/", MAX_SEGMENTS + 1);
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

  /** The text without percent-encoding (RFC 3986, section 2.1), or null if it is not UTF-8. */
  static @Nullable String decode(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    int length = 0;
    for (int i = 0; i < bytes.length; i++) {
      byte b = bytes[i];
      if (b == '%') {
        int high = i + 2 < bytes.length ? Character.digit(bytes[i + 1], 16) : -1;
        int low = i + 2 < bytes.length ? Character.digit(bytes[i + 2], 16) : -1;
        if (high < 0 || low < 0) {
          return null;
        }
        b = (byte) (high << 4 | low);
        i += 2;
      }
      bytes[length++] = b;
    }
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .decode(ByteBuffer.wrap(bytes, 0, length))
          .toString();
    } catch (CharacterCodingException e) {
      return null;
    }
  }

  /** Encodes one segment so that it stays one, whatever it holds. */
  static String encode(String segment) {
    StringBuilder encoded = new StringBuilder(segment.length() + 8);
    for (byte b : segment.getBytes(StandardCharsets.UTF_8)) {
      boolean plain =
          (b >= 'a' && b <= 'z')
              || (b >= 'A' && b <= 'Z')
              || (b >= '0' && b <= '9')
              || "-._~".indexOf(b) >= 0;
      if (plain) {
        encoded.append((char) b);
      } else {
        encoded
            .append('%')
            .append(Character.toUpperCase(Character.forDigit(b >> 4 & 15, 16)))
            .append(Character.toUpperCase(Character.forDigit(b & 15, 16)));
      }
    }
    return encoded.toString();
  }
}
