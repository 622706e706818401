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
 * Reads one JSON text from bytes, as a tree or as minified bytes. Strict: what {@link JsonScanner}
 * says, and no member twice. The same bytes give the same answer on every machine.
 */
class JsonReader extends JsonScanner {
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

  private final boolean trusted;

  // Of minify: input up to `copied` is in `out`, or needs no change while `out` is null.
  private byte @Nullable [] out;
  private int outLength;
  private int copied;
  private boolean minifying;

  // Bounds of the names in the objects that are open, innermost last.
  private int[] names = new int[2 * FEW_NAMES];
  private int nameCount;

  JsonReader(byte[] in, JsonLimits limits) {
    this(in, limits, false);
  }

  /**
   * A reader.
   *
   * @param trusted whether the text was read before, so that {@link #skip} need not look for
   *     members that stand twice
   */
  JsonReader(byte[] in, JsonLimits limits, boolean trusted) {
    super(in, limits);
    this.trusted = trusted;
  }

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

  final void start() {
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

  final Json tree() {
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
  final void skip() {
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

  private String name() {
    string();
    String name = text();
    colon();
    return name;
  }

  /** Takes the input from {@code from} to here out of the minified text. */
  @Override
  void skipped(int from) {
    if (!minifying) {
      return;
    }
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

  private InvalidInputException duplicate(String name) {
    return error("the name \"" + Texts.shorten(name) + "\" stands twice in one object; keep one");
  }
}
