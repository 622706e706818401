package dev.meridian.dns;

import java.util.Arrays;
import org.xbill.DNS.Name;
import org.xbill.DNS.TextParseException;

/**
 * A domain name in wire form (RFC 1035, section 3.1), with its case kept and compared without it
 * (RFC 4343). Immutable.
 */
final class WireName {
  /** Longest name, in bytes, the root's empty label included. */
  static final int MAX_LENGTH = 255;

  /** Most labels a name of {@link #MAX_LENGTH} can have, without the root's. */
  static final int MAX_LABELS = 127;

  private static final byte[] LOWER = new byte[256];

  static {
    for (int b = 0; b < 256; b++) {
      LOWER[b] = (byte) (b >= 'A' && b <= 'Z' ? b + 32 : b);
    }
  }

  private final byte[] wire;
  private final int hash;

  private WireName(byte[] wire) {
    this.wire = wire;
    int h = 0;
    for (int i = wire.length - 1; i >= 0; i--) {
      h = hashStep(h, lower(wire[i]));
    }
    this.hash = h;
  }

  /**
   * A byte of a name, in lower case. It may be applied to length bytes too: they are at most 63,
   * and letters begin at 65.
   */
  static byte lower(byte b) {
    return LOWER[b & 0xff];
  }

  /**
   * One step of the hash of a lower-cased name. It runs from the last byte to the first, so that
   * one pass over a name gives the hashes of all the names above it.
   */
  static int hashStep(int hash, byte lowered) {
    return hash * 31 + lowered;
  }

  static WireName of(Name name) {
    return new WireName(name.toWire());
  }

  /** The name whose well-formed wire form, and nothing else, is in {@code wire}; it is kept. */
  static WireName ofWire(byte[] wire) {
    return new WireName(wire);
  }

  /** Reads a name from uncompressed wire form that is known to be well formed. */
  static WireName of(byte[] bytes, int at) {
    return new WireName(Arrays.copyOfRange(bytes, at, at + lengthAt(bytes, at)));
  }

  /** The length in bytes of the uncompressed name at {@code at}. */
  static int lengthAt(byte[] bytes, int at) {
    int end = at;
    while (bytes[end] != 0) {
      end += bytes[end] + 1;
    }
    return end + 1 - at;
  }

  /**
   * Reads an absolute name as people write it, with or without the last dot.
   *
   * @throws TextParseException if it is none
   */
  static WireName parse(String text) throws TextParseException {
    return of(Name.fromString(text, Name.root));
  }

  byte[] wire() {
    return wire;
  }

  byte[] lowerCased() {
    byte[] lowered = wire.clone();
    for (int i = 0; i < lowered.length; i++) {
      lowered[i] = lower(lowered[i]);
    }
    return lowered;
  }

  int length() {
    return wire.length;
  }

  boolean isRoot() {
    return wire.length == 1;
  }

  boolean isWildcard() {
    return wire[0] == 1 && wire[1] == '*';
  }

  int labels() {
    int labels = 0;
    for (int at = 0; wire[at] != 0; at += wire[at] + 1) {
      labels++;
    }
    return labels;
  }

  /**
   * Bytes whose unsigned order is the canonical order of names (RFC 4034, section 6.1): the labels
   * from the last to the first, each ended by a byte that is below all that a label can have.
   */
  byte[] sortKey() {
    int[] starts = new int[MAX_LABELS];
    int labels = 0;
    int escaped = 0;
    for (int at = 0; wire[at] != 0; at += wire[at] + 1) {
      starts[labels++] = at;
      for (int i = at + 1; i <= at + wire[at]; i++) {
        escaped += wire[i] == 0 || wire[i] == 1 ? 1 : 0;
      }
    }
    byte[] key = new byte[wire.length - 1 + escaped];
    int length = 0;
    for (int label = labels - 1; label >= 0; label--) {
      int start = starts[label];
      for (int i = start + 1; i <= start + wire[start]; i++) {
        byte b = lower(wire[i]);
        if (b == 0 || b == 1) {
          key[length++] = 1;
          b++;
        }
        key[length++] = b;
      }
      key[length++] = 0;
    }
    return key;
  }

  /** The name one label above; the root has none. */
  WireName parent() {
    if (isRoot()) {
      throw new IllegalStateException("the root has no parent");
    }
    return of(wire, wire[0] + 1);
  }

  /** {@code *.} before this name. The caller knows that it is not too long. */
  WireName wildcardChild() {
    byte[] child = new byte[wire.length + 2];
    child[0] = 1;
    child[1] = '*';
    System.arraycopy(wire, 0, child, 2, wire.length);
    return new WireName(child);
  }

  /** Whether this name is {@code ancestor} or below it. */
  boolean isWithin(WireName ancestor) {
    int at = 0;
    while (wire.length - at > ancestor.wire.length) {
      at += wire[at] + 1;
    }
    return wire.length - at == ancestor.wire.length && equalFrom(at, ancestor.wire);
  }

  private boolean equalFrom(int at, byte[] other) {
    for (int i = 0; i < other.length; i++) {
      if (lower(wire[at + i]) != lower(other[i])) {
        return false;
      }
    }
    return true;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof WireName name
        && name.hash == hash
        && name.wire.length == wire.length
        && equalFrom(0, name.wire);
  }

  @Override
  public int hashCode() {
    return hash;
  }

  /** As people write it, without the last dot. */
  @Override
  public String toString() {
    try {
      return isRoot() ? "." : new Name(wire).toString(true);
    } catch (java.io.IOException e) {
      throw new IllegalStateException("a name that was read cannot be unreadable", e);
    }
  }
}
