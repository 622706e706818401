package dev.meridian.document;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Reads one JSON text from bytes: as a tree, as minified bytes, or only some of its fields.
 *
 * <p>Strict: RFC 8259 grammar, well-formed UTF-8 (Unicode 17, table 3-7), no half surrogate pairs,
 * no member twice, and the {@link JsonLimits}. The same bytes give the same answer on every
 * machine.
 */
final class JsonReader {
  /*
   * Why not a streaming parser from a library: this runs inside a replicated state machine, and on
   * every PUT. Jackson interns member names in tables whose hashes are seeded at random per process
   * and which refuse a text on too many collisions, so two replicas may disagree on one patch; it
   * also guesses UTF-16 and UTF-32, and lets ill-formed UTF-8 through. And minifying a text that is
   * minified already, the usual case, is here a scan that allocates nothing and returns its input.
   * Tests hold this reader against Jackson on generated texts.
   */

  /** Objects with more members than this look for duplicates in a hash set. */
  private static final int FEW_NAMES = 8;

  private final byte[] in;
  private final JsonLimits limits;
  private final boolean trusted;
  private int pos;
  private int depth;

  // Of the string scanned last: its content's bounds, and whether it holds a backslash.
  private int stringStart;
  private int stringEnd;
  private boolean escaped;

  // Of minify: input up to `copied` is in `out`, or needs no change while `out` is null.
  private byte @Nullable [] out;
  private int outLength;
  private int copied;
  private boolean minifying;

  // Bounds of the names in the objects that are open, innermost last.
  private int[] names = new int[32];
  private int nameCount;

  JsonReader(byte[] in, JsonLimits limits) {
    this(in, limits, false);
  }

  private JsonReader(byte[] in, JsonLimits limits, boolean trusted) {
    this.in = in;
    this.limits = limits;
    this.trusted = trusted;
  }

  /** A reader of what was checked when it was stored: it may skip some checks. */
  static JsonReader ofStored(byte[] in) {
    return new JsonReader(in, STORED, true);
  }

  private static final JsonLimits STORED =
      new JsonLimits(Integer.MAX_VALUE, JsonLimits.MAX_DEPTH, 10_000, 100_000);

  Json read() {
    start();
    Json value = tree();
    end();
    return value;
  }

  byte[] minify() {
    minifying = true;
    start();
    skip();
    end();
    if (out == null) {
      return copied == 0 ? in : Arrays.copyOfRange(in, copied, in.length);
    }
    System.arraycopy(in, copied, out, outLength, in.length - copied);
    return Arrays.copyOf(out, outLength + in.length - copied);
  }

  /** Puts the value of each wanted field into {@code values}; see {@link FieldReader}. */
  void fields(FieldReader.Node wanted, @Nullable Json[] values) {
    start();
    if (peek() == '{') {
      fieldsOfObject(wanted, values, wanted.leaves());
    }
    // What follows is not looked at: the text is a stored one.
  }

  /**
   * Where a value stands in the text.
   *
   * @param from its first byte
   * @param to after its last
   */
  record Span(int from, int to) {}

  /** Where the field's value stands, or null when there is none. */
  @Nullable Span find(FieldPath field) {
    start();
    for (String name : field.names()) {
      byte[] utf8 = name.getBytes(StandardCharsets.UTF_8);
      if (peek() != '{' || !open('}') || !enter(name, utf8)) {
        return null;
      }
    }
    int from = pos;
    skip();
    return new Span(from, pos);
  }

  /** Goes on to the value of that member; false when there is none. */
  private boolean enter(String name, byte[] utf8) {
    do {
      string();
      boolean met =
          escaped
              ? text().equals(name)
              : Arrays.equals(utf8, 0, utf8.length, in, stringStart, stringEnd);
      colon();
      if (met) {
        return true;
      }
      skip();
    } while (more('}'));
    return false;
  }

  /** The value with only what is wanted of it; see {@link Projection}. */
  byte[] project(FieldReader.Node wanted) {
    byte[] target = new byte[in.length + 2];
    out = target;
    start();
    if (peek() != '{' || !projectObject(wanted, target)) {
      return new byte[] {'{', '}'};
    }
    return Arrays.copyOf(target, outLength);
  }

  /** Writes what is wanted of an object; false, and nothing is written, when that is nothing. */
  private boolean projectObject(FieldReader.Node wanted, byte[] target) {
    int start = outLength;
    target[outLength++] = '{';
    boolean any = false;
    if (open('}')) {
      do {
        int nameStart = pos;
        string();
        int nameEnd = pos;
        FieldReader.Node child =
            escaped ? wanted.child(text()) : wanted.child(in, stringStart, stringEnd);
        colon();
        int undo = outLength;
        if (child != null) {
          if (any) {
            target[outLength++] = ',';
          }
          copy(nameStart, nameEnd, target);
          target[outLength++] = ':';
        }
        int valueStart = pos;
        boolean kept = false;
        if (child != null && !child.isWanted() && peek() == '{') {
          kept = projectObject(child, target);
        } else {
          skip();
          if (child != null && child.isWanted()) {
            copy(valueStart, pos, target);
            kept = true;
          }
        }
        outLength = kept ? outLength : undo;
        any |= kept;
      } while (more('}'));
    }
    if (!any) {
      outLength = start;
      return false;
    }
    target[outLength++] = '}';
    return true;
  }

  private void copy(int from, int to, byte[] target) {
    System.arraycopy(in, from, target, outLength, to - from);
    outLength += to - from;
  }

  private void start() {
    limits.checkBytes(in.length);
    if (in.length >= 3 && in[0] == (byte) 0xef && in[1] == (byte) 0xbb && in[2] == (byte) 0xbf) {
      pos = 3;
      copied = 3;
    }
    whitespace();
    if (pos == in.length) {
      throw error("the text is empty; send a JSON value such as {}");
    }
  }

  private void end() {
    whitespace();
    if (pos < in.length) {
      throw error("there is more after the end of the value; send exactly one value");
    }
  }

  // -- values ---------------------------------------------------------------------------------

  private Json tree() {
    switch (peek()) {
      case '{' -> {
        Map<String, Json> members = new LinkedHashMap<>();
        if (open('}')) {
          do {
            int at = pos;
            String name = name();
            Json value = tree();
            if (members.put(name, value) != null) {
              pos = at;
              throw duplicate(name);
            }
          } while (more('}'));
        }
        return new Json.Obj(members);
      }
      case '[' -> {
        List<Json> items = new ArrayList<>();
        if (open(']')) {
          do {
            items.add(tree());
          } while (more(']'));
        }
        return new Json.Arr(items);
      }
      case '"' -> {
        string();
        return new Json.Str(text());
      }
      case 't' -> {
        literal("true");
        return new Json.Bool(true);
      }
      case 'f' -> {
        literal("false");
        return new Json.Bool(false);
      }
      case 'n' -> {
        literal("null");
        return Json.NULL;
      }
      default -> {
        int from = pos;
        number();
        return new Json.Num(new String(in, from, pos - from, StandardCharsets.ISO_8859_1));
      }
    }
  }

  /** Checks a value and leaves it behind. */
  private void skip() {
    switch (peek()) {
      case '{' -> {
        int firstName = nameCount;
        Set<String> manyNames = null;
        if (open('}')) {
          do {
            int at = pos;
            string();
            if (!trusted) {
              manyNames = checkName(firstName, manyNames, at);
            }
            colon();
            skip();
          } while (more('}'));
        }
        nameCount = firstName;
      }
      case '[' -> {
        if (open(']')) {
          do {
            skip();
          } while (more(']'));
        }
      }
      case '"' -> string();
      case 't' -> literal("true");
      case 'f' -> literal("false");
      case 'n' -> literal("null");
      default -> number();
    }
  }

  /**
   * @return how many wanted fields were met, of {@code leaves} below here
   */
  private int fieldsOfObject(FieldReader.Node wanted, @Nullable Json[] values, int leaves) {
    int met = 0;
    if (!open('}')) {
      return 0;
    }
    do {
      string();
      FieldReader.Node child =
          escaped ? wanted.child(text()) : wanted.child(in, stringStart, stringEnd);
      colon();
      if (child == null) {
        skip();
      } else if (!child.isWanted() && peek() == '{') {
        met += fieldsOfObject(child, values, child.leaves());
        if (met == leaves) {
          return met;
        }
      } else if (!child.isWanted()) {
        skip();
      } else {
        child.fill(tree(), values);
        met += child.leaves();
        if (met == leaves) {
          return met;
        }
      }
    } while (more('}'));
    return met;
  }

  // -- structure ------------------------------------------------------------------------------

  /** Enters an object or array; false when it is empty, and left already. */
  private boolean open(char close) {
    pos++;
    if (++depth > limits.depth()) {
      limits.checkDepth(depth, " at " + place());
    }
    whitespace();
    if (peek() != close) {
      return true;
    }
    pos++;
    depth--;
    return false;
  }

  /** After a value: whether another follows, or else {@code close} was left behind. */
  private boolean more(char close) {
    whitespace();
    int c = peek();
    if (c == close) {
      pos++;
      depth--;
      return false;
    }
    if (c != ',') {
      throw unexpected("',' or '" + close + "'");
    }
    pos++;
    whitespace();
    if (peek() == close) {
      throw error("there is a comma before '" + close + "'; remove it");
    }
    return true;
  }

  private String name() {
    string();
    String name = text();
    colon();
    return name;
  }

  private void colon() {
    whitespace();
    if (peek() != ':') {
      throw unexpected("':' after the name");
    }
    pos++;
    whitespace();
  }

  /** The next byte, 0 to 255; -1 at the end. */
  private int peek() {
    return pos < in.length ? in[pos] & 0xff : -1;
  }

  private void whitespace() {
    int from = pos;
    while (pos < in.length) {
      byte b = in[pos];
      if (b > ' ' || (b != ' ' && b != '\n' && b != '\r' && b != '\t')) {
        break;
      }
      pos++;
    }
    if (minifying && pos > from) {
      drop(from);
    }
  }

  /** Takes the input from {@code from} to here out of the minified text. */
  private void drop(int from) {
    if (from > copied) {
      byte[] target = out;
      if (target == null) {
        target = new byte[in.length];
        out = target;
      }
      System.arraycopy(in, copied, target, outLength, from - copied);
      outLength += from - copied;
    }
    copied = pos;
  }

  private void literal(String word) {
    for (int i = 0; i < word.length(); i++) {
      if (pos + i >= in.length || in[pos + i] != word.charAt(i)) {
        throw unexpected("a value");
      }
    }
    pos += word.length();
  }

  // -- numbers --------------------------------------------------------------------------------

  private void number() {
    int from = pos;
    if (peek() == '-') {
      pos++;
    }
    if (peek() == '0') {
      pos++;
      if (isDigit(peek())) {
        throw error("a number has a leading zero; remove it, or write a string");
      }
    } else if (isDigit(peek())) {
      digits();
    } else {
      throw unexpected("a value");
    }
    if (peek() == '.') {
      pos++;
      requireDigits("after the decimal point");
    }
    int c = peek();
    if (c == 'e' || c == 'E') {
      pos++;
      c = peek();
      if (c == '+' || c == '-') {
        pos++;
      }
      int exponentStart = pos;
      requireDigits("in the exponent");
      checkExponent(exponentStart);
    }
    if (pos - from > limits.numberChars()) {
      throw error(
          "a number has more than "
              + limits.numberChars()
              + " characters; shorten it, or write a string");
    }
  }

  private void checkExponent(int from) {
    long exponent = 0;
    for (int i = from; i < pos; i++) {
      exponent = Math.min(exponent * 10 + (in[i] - '0'), Integer.MAX_VALUE);
    }
    if (exponent > limits.exponent()) {
      throw error(
          "a number's exponent is beyond " + limits.exponent() + "; scale it, or write a string");
    }
  }

  private void requireDigits(String where) {
    if (!isDigit(peek())) {
      throw unexpected("a digit " + where);
    }
    digits();
  }

  private void digits() {
    while (pos < in.length && isDigit(in[pos])) {
      pos++;
    }
  }

  private static boolean isDigit(int c) {
    return c >= '0' && c <= '9';
  }

  // -- strings --------------------------------------------------------------------------------

  /** Checks a string and leaves it behind, its content between stringStart and stringEnd. */
  private void string() {
    if (peek() != '"') {
      throw unexpected("a name in double quotes");
    }
    stringStart = ++pos;
    escaped = false;
    while (true) {
      if (pos >= in.length) {
        throw error("a string is not closed; add '\"'");
      }
      byte b = in[pos];
      if (b == '"') {
        stringEnd = pos++;
        return;
      } else if (b == '\\') {
        escaped = true;
        escape();
      } else if (b >= 0x20) {
        pos++;
      } else if (b >= 0) {
        throw error("a string holds a control character; write it as " + unicodeEscape(b));
      } else {
        multibyte();
      }
    }
  }

  private void escape() {
    pos++;
    int c = peek();
    switch (c) {
      case '"', '\\', '/', 'b', 'f', 'n', 'r', 't' -> pos++;
      case 'u' -> {
        int unit = hex4(pos + 1);
        if (Character.isSurrogate((char) unit)) {
          boolean pair =
              Character.isHighSurrogate((char) unit)
                  && pos + 6 < in.length
                  && in[pos + 5] == '\\'
                  && in[pos + 6] == 'u'
                  && Character.isLowSurrogate((char) hex4(pos + 7));
          if (!pair) {
            throw error("a string holds half of a surrogate pair; write both halves or neither");
          }
          pos += 6;
        }
        pos += 5;
      }
      default -> throw unexpected("one of \" \\ / b f n r t u after a backslash");
    }
  }

  private int hex4(int from) {
    int unit = 0;
    for (int i = from; i < from + 4; i++) {
      int digit = i < in.length ? Character.digit(in[i], 16) : -1;
      if (digit < 0) {
        throw error("\\u needs four hexadecimal digits");
      }
      unit = unit << 4 | digit;
    }
    return unit;
  }

  /** Checks one character of two to four bytes. */
  private void multibyte() {
    int b = in[pos] & 0xff;
    int length;
    int low = 0x80;
    int high = 0xbf;
    if (b >= 0xc2 && b <= 0xdf) {
      length = 2;
    } else if (b >= 0xe0 && b <= 0xef) {
      length = 3;
      low = b == 0xe0 ? 0xa0 : low; // no longer than needed
      high = b == 0xed ? 0x9f : high; // no surrogates
    } else if (b >= 0xf0 && b <= 0xf4) {
      length = 4;
      low = b == 0xf0 ? 0x90 : low;
      high = b == 0xf4 ? 0x8f : high; // nothing above U+10FFFF
    } else {
      throw notUtf8();
    }
    for (int i = 1; i < length; i++) {
      int next = pos + i < in.length ? in[pos + i] & 0xff : 0;
      if (next < low || next > high) {
        throw notUtf8();
      }
      low = 0x80;
      high = 0xbf;
    }
    pos += length;
  }

  /** The string scanned last. */
  private String text() {
    if (!escaped) {
      return new String(in, stringStart, stringEnd - stringStart, StandardCharsets.UTF_8);
    }
    StringBuilder text = new StringBuilder(stringEnd - stringStart);
    int from = stringStart;
    for (int i = from; i < stringEnd; ) {
      if (in[i] != '\\') {
        i++;
        continue;
      }
      text.append(new String(in, from, i - from, StandardCharsets.UTF_8));
      byte c = in[i + 1];
      i += 2;
      switch (c) {
        case 'b' -> text.append('\b');
        case 'f' -> text.append('\f');
        case 'n' -> text.append('\n');
        case 'r' -> text.append('\r');
        case 't' -> text.append('\t');
        case 'u' -> {
          text.append((char) hex4(i));
          i += 4;
        }
        default -> text.append((char) c);
      }
      from = i;
    }
    return text.append(new String(in, from, stringEnd - from, StandardCharsets.UTF_8)).toString();
  }

  // -- duplicate names ------------------------------------------------------------------------

  /*
   * The usual object has few members and no escapes in their names: those are compared as bytes,
   * and nothing is allocated. Any other object gets a set of its names.
   */
  private @Nullable Set<String> checkName(int first, @Nullable Set<String> many, int at) {
    if (many == null && (escaped || nameCount - first == 2 * FEW_NAMES)) {
      many = new HashSet<>();
      for (int i = first; i < nameCount; i += 2) {
        many.add(new String(in, names[i], names[i + 1] - names[i], StandardCharsets.UTF_8));
      }
    }
    if (many != null) {
      String name = text();
      if (!many.add(name)) {
        pos = at;
        throw duplicate(name);
      }
      return many;
    }
    for (int i = first; i < nameCount; i += 2) {
      if (Arrays.equals(in, names[i], names[i + 1], in, stringStart, stringEnd)) {
        pos = at;
        throw duplicate(text());
      }
    }
    if (nameCount == names.length) {
      names = Arrays.copyOf(names, 2 * names.length);
    }
    names[nameCount++] = stringStart;
    names[nameCount++] = stringEnd;
    return null;
  }

  // -- errors ---------------------------------------------------------------------------------

  private InvalidInputException duplicate(String name) {
    return error("the name \"" + Texts.shorten(name) + "\" stands twice in one object; keep one");
  }

  private InvalidInputException notUtf8() {
    return error("a string is not UTF-8; send the text in UTF-8");
  }

  private InvalidInputException unexpected(String wanted) {
    int c = peek();
    if (c < 0) {
      return error("the text ends where " + wanted + " should be");
    }
    String found = c > 0x20 && c < 0x7f ? "'" + (char) c + "'" : String.format("byte 0x%02x", c);
    String mend =
        switch (c) {
          case '\'' -> "; use double quotes";
          case '/', '#' -> "; JSON has no comments";
          case 'N', 'I' -> "; NaN and Infinity are no JSON numbers";
          case '+', '.' -> "; a number starts with '-' or a digit";
          default -> "";
        };
    return error("found " + found + " where " + wanted + " should be" + mend);
  }

  private InvalidInputException error(String what) {
    return new InvalidInputException("Invalid JSON at " + place() + ": " + what + ".");
  }

  private String place() {
    int line = 1;
    int lineStart = 0;
    int end = Math.min(pos, in.length);
    for (int i = 0; i < end; i++) {
      if (in[i] == '\n') {
        line++;
        lineStart = i + 1;
      }
    }
    return "line " + line + ", column " + (end - lineStart + 1);
  }

  private static String unicodeEscape(int c) {
    return String.format("\\u%04x", c);
  }
}
