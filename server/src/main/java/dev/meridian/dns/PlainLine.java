package dev.meridian.dns;

import dev.meridian.dns.ZoneException.Place;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Type;

/**
 * Reads the lines that large zone files consist of: one whole record of a frequent type, in plain
 * characters. All others are left to {@link MasterFile}, which also says what is wrong with them:
 * this one reads nothing that the other would refuse, and the same from all that it reads. For one
 * thread.
 */
final class PlainLine {
  /** Longest line that is looked at; data of a line is no longer than the line. */
  private static final int MAX_LINE = 4096;

  private static final int MAX_LABEL = 63;
  private static final int MAX_STRING = 255;

  /** Digits that surely are a TTL in the range of RFC 2181, section 8. */
  private static final int MAX_DIGITS = 9;

  private static final boolean[] IN_NAMES = new boolean[128];

  static {
    String plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_*";
    plain.chars().forEach(c -> IN_NAMES[c] = true);
  }

  private final byte[] buffer = new byte[MAX_LINE + WireName.MAX_LENGTH];
  private String text = "";
  private int at;

  /**
   * Reads a line that begins an entry.
   *
   * @param origin what names without a last dot are relative to
   * @param owner of the record before, for a line without one; null if there is none
   * @param ttl seconds, for a record that gives none
   * @return null if the line is anything but a plain record
   */
  @Nullable ZoneRecord read(
      String line, Place place, WireName origin, @Nullable WireName owner, long ttl) {
    text = line;
    at = 0;
    if (line.isEmpty() || line.length() > MAX_LINE) {
      return null;
    }
    WireName name = isSpace(line.charAt(0)) ? owner : name(origin);
    if (name == null) {
      return null;
    }
    long seconds = ttl;
    boolean ttlGiven = false;
    boolean classGiven = false;
    while (true) {
      int start = nextWord();
      int end = at;
      if (start == end) {
        return null;
      }
      if (!ttlGiven && isDigit(line.charAt(start))) {
        seconds = number(start, end, MAX_DIGITS);
        ttlGiven = true;
      } else if (!classGiven && isWord("IN", start, end)) {
        classGiven = true;
      } else {
        byte[] data = data(type(start, end), origin);
        if (data == null || !isLast() || seconds < 0 || seconds > Integer.MAX_VALUE) {
          return null;
        }
        return new ZoneRecord(name, type(start, end), seconds, data, place);
      }
      if (seconds < 0) {
        return null;
      }
    }
  }

  private int type(int start, int end) {
    if (isWord("A", start, end)) {
      return Type.A;
    } else if (isWord("AAAA", start, end)) {
      return Type.AAAA;
    } else if (isWord("CNAME", start, end)) {
      return Type.CNAME;
    } else if (isWord("NS", start, end)) {
      return Type.NS;
    } else if (isWord("MX", start, end)) {
      return Type.MX;
    } else if (isWord("TXT", start, end)) {
      return Type.TXT;
    } else if (isWord("PTR", start, end)) {
      return Type.PTR;
    }
    return -1;
  }

  private byte @Nullable [] data(int type, WireName origin) {
    skipSpaces();
    return switch (type) {
      case Type.A -> ipv4();
      case Type.AAAA -> ipv6();
      case Type.CNAME, Type.NS, Type.PTR -> target(0, origin);
      case Type.MX -> exchange(origin);
      case Type.TXT -> strings();
      default -> null;
    };
  }

  /** RFC 1035, section 3.4.1. */
  private byte @Nullable [] ipv4() {
    byte[] address = new byte[4];
    for (int part = 0; part < 4; part++) {
      int start = at;
      while (at < text.length() && isDigit(text.charAt(at))) {
        at++;
      }
      int number = number(start, at, 3);
      boolean dot = part < 3 && at < text.length() && text.charAt(at) == '.';
      if (number < 0 || number > 255 || (at - start > 1 && text.charAt(start) == '0')) {
        return null;
      }
      if (part < 3 && !dot) {
        return null;
      }
      at += part < 3 ? 1 : 0;
      address[part] = (byte) number;
    }
    return address;
  }

  /** RFC 4291, section 2.2, without IPv4 in it. */
  private byte @Nullable [] ipv6() {
    byte[] address = new byte[16];
    int groups = 0;
    int gap = -1;
    if (text.startsWith("::", at)) {
      gap = 0;
      at += 2;
    }
    while (at < text.length() && groups < 8) {
      int start = at;
      int value = 0;
      int digit;
      while (at < text.length() && at - start < 4 && (digit = hexDigit(text.charAt(at))) >= 0) {
        value = value << 4 | digit;
        at++;
      }
      if (at == start) {
        // The gap may be the end, a single colon may not.
        if (groups > 0 && gap != groups) {
          return null;
        }
        break;
      }
      Wire.putShort(address, 2 * groups++, value);
      if (at == text.length() || text.charAt(at) != ':') {
        break;
      }
      at++;
      if (at < text.length() && text.charAt(at) == ':') {
        if (gap >= 0) {
          return null;
        }
        gap = groups;
        at++;
      } else if (at == text.length() || groups == 8) {
        return null;
      }
    }
    if (gap < 0) {
      return groups == 8 ? address : null;
    }
    if (groups == 8) {
      return null;
    }
    int behind = 2 * (groups - gap);
    System.arraycopy(address, 2 * gap, address, 16 - behind, behind);
    Arrays.fill(address, 2 * gap, 16 - behind, (byte) 0);
    return address;
  }

  private byte @Nullable [] exchange(WireName origin) {
    int start = at;
    while (at < text.length() && isDigit(text.charAt(at))) {
      at++;
    }
    int preference = number(start, at, 5);
    if (preference < 0 || preference > 0xffff || !skipSpaces()) {
      return null;
    }
    Wire.putShort(buffer, 0, preference);
    return target(2, origin);
  }

  /** A name in the data, behind bytes of the buffer that are there already. */
  private byte @Nullable [] target(int before, WireName origin) {
    int length = name(before, origin);
    return length < 0 ? null : Arrays.copyOf(buffer, before + length);
  }

  /** RFC 1035, section 3.3.14. */
  private byte @Nullable [] strings() {
    int length = 0;
    while (!isLast()) {
      int start = at + 1;
      if (text.charAt(at) != '"') {
        return null;
      }
      int end = start;
      for (; end < text.length() && text.charAt(end) != '"'; end++) {
        char c = text.charAt(end);
        if (c < ' ' || c > '~' || c == '\\') {
          return null;
        }
        buffer[length + 1 + end - start] = (byte) c;
      }
      if (end == text.length() || end - start > MAX_STRING) {
        return null;
      }
      buffer[length] = (byte) (end - start);
      length += 1 + end - start;
      at = end + 1;
      if (!isWordEnd()) {
        return null;
      }
      skipSpaces();
    }
    return length == 0 ? null : Arrays.copyOf(buffer, length);
  }

  private @Nullable WireName name(WireName origin) {
    int length = name(0, origin);
    return length < 0 ? null : WireName.ofWire(Arrays.copyOf(buffer, length));
  }

  /** Reads a name to {@code from} in the buffer; gives its length, or -1 if it is not plain. */
  private int name(int from, WireName origin) {
    if (at < text.length() && text.charAt(at) == '@') {
      at++;
      return isWordEnd() ? relative(from, from, origin) : -1;
    }
    int label = from;
    int next = from + 1;
    for (; at < text.length(); at++) {
      char c = text.charAt(at);
      if (c < IN_NAMES.length && IN_NAMES[c]) {
        buffer[next++] = (byte) c;
      } else if (c == '.') {
        if (!endLabel(label, next)) {
          return -1;
        }
        label = next++;
      } else {
        break;
      }
    }
    if (!isWordEnd()) {
      return -1;
    }
    if (label > from && next == label + 1) {
      buffer[label] = 0;
      return next - from <= WireName.MAX_LENGTH ? next - from : -1;
    }
    return endLabel(label, next) ? relative(from, next, origin) : -1;
  }

  private boolean endLabel(int label, int end) {
    int length = end - label - 1;
    buffer[label] = (byte) length;
    return length > 0 && length <= MAX_LABEL;
  }

  private int relative(int from, int end, WireName origin) {
    int length = end - from + origin.length();
    if (length > WireName.MAX_LENGTH) {
      return -1;
    }
    System.arraycopy(origin.wire(), 0, buffer, end, origin.length());
    return length;
  }

  /** Moves behind the next word of letters and digits, and gives its start. */
  private int nextWord() {
    skipSpaces();
    int start = at;
    while (at < text.length() && text.charAt(at) < IN_NAMES.length && IN_NAMES[text.charAt(at)]) {
      at++;
    }
    // What has other characters is no plain word.
    at = isWordEnd() ? at : start;
    return start;
  }

  private boolean isWord(String word, int start, int end) {
    return end - start == word.length() && text.regionMatches(true, start, word, 0, word.length());
  }

  /** The number written there in at most so many digits, or -1. */
  private int number(int start, int end, int digits) {
    if (start == end || end - start > digits) {
      return -1;
    }
    int number = 0;
    for (int i = start; i < end; i++) {
      if (!isDigit(text.charAt(i))) {
        return -1;
      }
      number = 10 * number + text.charAt(i) - '0';
    }
    return number;
  }

  private boolean skipSpaces() {
    int start = at;
    while (at < text.length() && isSpace(text.charAt(at))) {
      at++;
    }
    return at > start;
  }

  private boolean isWordEnd() {
    return at == text.length() || isSpace(text.charAt(at)) || text.charAt(at) == ';';
  }

  /** Whether nothing follows but a comment. */
  private boolean isLast() {
    if (!isWordEnd()) {
      return false;
    }
    skipSpaces();
    return at == text.length() || text.charAt(at) == ';';
  }

  private static boolean isSpace(char c) {
    return c == ' ' || c == '\t';
  }

  private static boolean isDigit(char c) {
    return c >= '0' && c <= '9';
  }

  private static int hexDigit(char c) {
    return c < 128 ? Character.digit(c, 16) : -1;
  }
}
