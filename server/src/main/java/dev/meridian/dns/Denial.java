package dev.meridian.dns;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.Collection;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Type;

/**
 * The proof of what is not there, as one NSEC record made for the name at hand (compact denial, RFC
 * 9824): it says which types the name has, and that nothing stands between the name and the very
 * next one there could be. So it tells nothing of any other name, and a name that does not exist is
 * told apart only by the type NXNAME in its record. Immutable.
 */
final class Denial {
  /** The type that marks a name that does not exist (RFC 9824, section 3.1); never a record. */
  static final int NXNAME = 128;

  /** The bytes of a type bitmap's window at most, with its number and length. */
  private static final int WINDOW = 34;

  private final @Nullable WireName owner;
  private final byte[] bitmap;
  private final boolean noName;

  /**
   * Creates it.
   *
   * @param owner whose types they are; null for the name that is asked for
   * @param types those that are there, but for RRSIG and NSEC, which are always
   */
  Denial(@Nullable WireName owner, Collection<Integer> types) {
    this(owner, bitmap(types), false);
  }

  private Denial(@Nullable WireName owner, byte[] bitmap, boolean noName) {
    this.owner = owner;
    this.bitmap = bitmap;
    this.noName = noName;
  }

  /** For a name that does not exist. */
  static Denial ofName(@Nullable WireName owner) {
    return new Denial(owner, bitmap(java.util.List.of(NXNAME)), true);
  }

  /** Whether it is the name asked for whose types it tells. */
  boolean isOfQuestion() {
    return owner == null;
  }

  /** Whether it is about the name asked for, and that exists. */
  boolean isHere() {
    return owner == null && !noName;
  }

  /** Whether the name it is about does not exist. */
  boolean isOfName() {
    return noName;
  }

  WireName owner(WireName question) {
    return owner == null ? question : owner;
  }

  /** The most bytes it takes in an answer, signature included. */
  int largest() {
    return 2 * WireName.MAX_LENGTH + 10 + bitmap.length + AnswerWriter.SIGNATURE_ROOM;
  }

  /**
   * The data of the NSEC record (RFC 4034, section 4.1).
   *
   * @param apex the zone's; the last name there could be is followed by it
   */
  byte[] rdata(WireName question, WireName apex) {
    byte[] next = next(owner(question).lowerCased(), apex);
    byte[] data = Arrays.copyOf(next, next.length + bitmap.length);
    System.arraycopy(bitmap, 0, data, next.length, bitmap.length);
    return data;
  }

  /**
   * The data of an NSEC record in a chain that is written out (RFC 4034, section 4.1).
   *
   * @param next the next name of the zone
   * @param types those that are there, but for RRSIG and NSEC, which are always
   */
  static byte[] rdata(WireName next, Collection<Integer> types) {
    byte[] bitmap = bitmap(types);
    byte[] data = Arrays.copyOf(next.wire(), next.length() + bitmap.length);
    System.arraycopy(bitmap, 0, data, next.length(), bitmap.length);
    return data;
  }

  /**
   * The name right behind {@code name} in the canonical order (RFC 4034, section 6.1): that with a
   * label of one zero byte before it, and where that would be too long, the next there is room for
   * (RFC 4471, section 3.1).
   */
  static byte[] next(byte[] name, WireName apex) {
    if (name.length + 2 <= WireName.MAX_LENGTH) {
      byte[] below = new byte[name.length + 2];
      below[0] = 1;
      System.arraycopy(name, 0, below, 2, name.length);
      return below;
    }
    byte[] at = name;
    while (at.length > apex.length()) {
      int label = at[0];
      if (at.length < WireName.MAX_LENGTH && label < 63) {
        byte[] longer = new byte[at.length + 1];
        System.arraycopy(at, 0, longer, 0, label + 1);
        System.arraycopy(at, label + 1, longer, label + 2, at.length - label - 1);
        longer[0]++;
        return longer;
      }
      int last = label;
      while (last > 0 && (at[last] & 0xff) == 0xff) {
        last--;
      }
      if (last > 0) {
        // What follows the byte that grows is cut off: the shortest comes first.
        byte[] grown = new byte[at.length - label + last];
        System.arraycopy(at, 0, grown, 0, last + 1);
        System.arraycopy(at, label + 1, grown, last + 1, at.length - label - 1);
        grown[0] = (byte) last;
        // Upper case sorts as lower case does, so there is nothing between '@' and '['.
        grown[last] = (byte) (grown[last] == '@' ? '[' : grown[last] + 1);
        return grown;
      }
      at = Arrays.copyOfRange(at, label + 1, at.length);
    }
    return apex.lowerCased();
  }

  private static byte[] bitmap(Collection<Integer> types) {
    TreeSet<Integer> all = new TreeSet<>(types);
    all.add(Type.RRSIG);
    all.add(Type.NSEC);
    ByteArrayOutputStream out = new ByteArrayOutputStream(WINDOW);
    byte[] window = new byte[32];
    int number = 0;
    for (int type : all) {
      if (type >> 8 != number) {
        flush(out, number, window);
        number = type >> 8;
      }
      window[(type & 0xff) >> 3] |= (byte) (0x80 >> (type & 7));
    }
    flush(out, number, window);
    return out.toByteArray();
  }

  private static void flush(ByteArrayOutputStream out, int number, byte[] window) {
    int length = window.length;
    while (length > 0 && window[length - 1] == 0) {
      length--;
    }
    if (length > 0) {
      out.write(number);
      out.write(length);
      out.write(window, 0, length);
    }
    Arrays.fill(window, (byte) 0);
  }
}
