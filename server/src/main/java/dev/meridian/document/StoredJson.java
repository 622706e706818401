package dev.meridian.document;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads parts of a stored document's value: a text that was checked when it was stored, so what is
 * not asked for is passed over quickly.
 */
final class StoredJson extends JsonReader {
  /** As wide as any document may have been stored under. */
  private static final JsonLimits WIDEST =
      new JsonLimits(Integer.MAX_VALUE, JsonLimits.MAX_DEPTH, 10_000, 100_000);

  private static final byte[] EMPTY = {'{', '}'};

  // Of fields: how many wanted ones may still come.
  private int wantedLeft;

  // Of project: what is kept so far.
  private byte[] kept = EMPTY;
  private int keptLength;

  StoredJson(byte[] in) {
    super(in, WIDEST, true);
  }

  /** Puts the value of each wanted field into {@code values}; see {@link FieldReader}. */
  void fields(FieldReader.Node wanted, @Nullable Json[] values) {
    start();
    wantedLeft = wanted.leaves();
    if (peek() == '{') {
      fieldsOfObject(wanted, values);
    }
    // What follows the last wanted field is not looked at.
  }

  private void fieldsOfObject(FieldReader.Node wanted, @Nullable Json[] values) {
    if (wantedLeft == 0 || !open('}')) {
      return;
    }
    do {
      string();
      FieldReader.Node child = child(wanted);
      colon();
      if (child == null) {
        skip();
      } else {
        int leftAfter = wantedLeft - child.leaves();
        if (child.isWanted()) {
          child.fill(tree(), values);
        } else if (peek() == '{') {
          fieldsOfObject(child, values);
          if (wantedLeft == 0) {
            return; // perhaps in the middle of that object: nothing more may be read
          }
        } else {
          skip();
        }
        wantedLeft = leftAfter;
        if (wantedLeft == 0) {
          return;
        }
      }
    } while (more('}'));
  }

  /** What is wanted below the name just read. */
  private FieldReader.@Nullable Node child(FieldReader.Node wanted) {
    return escaped ? wanted.child(text()) : wanted.child(in, stringStart, stringEnd);
  }

  /**
   * Where a value stands in the text.
   *
   * @param from its first byte
   * @param to after its last
   */
  record Span(int from, int to) {}

  /** Names on the way to wanted fields. */
  private static final class Names {
    final Map<String, Names> below = new HashMap<>();
    int field = -1;
  }

  /**
   * Where the values of the fields stand, in the order of the fields; null where there is none. One
   * pass, however many there are.
   */
  @Nullable Span[] find(List<FieldPath> fields) {
    Names root = new Names();
    for (int i = 0; i < fields.size(); i++) {
      Names at = root;
      for (String name : fields.get(i).names()) {
        at = at.below.computeIfAbsent(name, _ -> new Names());
      }
      at.field = i;
    }
    @Nullable Span[] spans = new @Nullable Span[fields.size()];
    start();
    wantedLeft = fields.size();
    if (peek() == '{') {
      findInObject(root, spans);
    }
    return spans;
  }

  /** Stops in the middle when everything wanted is found: nothing more may be read then. */
  private void findInObject(Names wanted, @Nullable Span[] spans) {
    if (!open('}')) {
      return;
    }
    do {
      string();
      Names child = wanted.below.get(text());
      colon();
      int from = pos;
      if (child != null && !child.below.isEmpty() && peek() == '{') {
        findInObject(child, spans);
        if (wantedLeft == 0) {
          return;
        }
      } else {
        skip();
      }
      if (child != null && child.field >= 0) {
        spans[child.field] = new Span(from, pos);
        if (--wantedLeft == 0) {
          return;
        }
      }
    } while (more('}'));
  }

  /** The value with only what is wanted of it; see {@link Projection}. */
  byte[] project(FieldReader.Node wanted) {
    kept = new byte[in.length + 2];
    start();
    if (peek() != '{' || !projectObject(wanted)) {
      return EMPTY.clone();
    }
    return Arrays.copyOf(kept, keptLength);
  }

  /** Writes what is wanted of an object; false, and nothing is written, when that is nothing. */
  private boolean projectObject(FieldReader.Node wanted) {
    int start = keptLength;
    kept[keptLength++] = '{';
    boolean any = false;
    if (open('}')) {
      do {
        int nameStart = pos;
        string();
        int nameEnd = pos;
        FieldReader.Node child = child(wanted);
        colon();
        int undo = keptLength;
        if (child != null) {
          if (any) {
            kept[keptLength++] = ',';
          }
          copy(nameStart, nameEnd);
          kept[keptLength++] = ':';
        }
        int valueStart = pos;
        boolean keep = false;
        if (child != null && !child.isWanted() && peek() == '{') {
          keep = projectObject(child);
        } else {
          skip();
          if (child != null && child.isWanted()) {
            copy(valueStart, pos);
            keep = true;
          }
        }
        keptLength = keep ? keptLength : undo;
        any |= keep;
      } while (more('}'));
    }
    if (!any) {
      keptLength = start;
      return false;
    }
    kept[keptLength++] = '}';
    return true;
  }

  private void copy(int from, int to) {
    System.arraycopy(in, from, kept, keptLength, to - from);
    keptLength += to - from;
  }
}
