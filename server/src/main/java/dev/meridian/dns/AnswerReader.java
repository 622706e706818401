package dev.meridian.dns;

import org.xbill.DNS.Type;

/** Takes an encoded answer apart, RRset by RRset. For one thread. */
final class AnswerReader {
  private static final ZoneException.Place NOWHERE = new ZoneException.Place("", 0);

  private final byte[] message;
  private int at;

  /**
   * Creates it.
   *
   * @param name the question's; what the answer has under the name that was asked for gets this one
   */
  AnswerReader(Answer answer, WireName name) {
    int questionEnd = Wire.HEADER_LENGTH + name.length() + Wire.TYPE_AND_CLASS;
    message = new byte[questionEnd + answer.length()];
    System.arraycopy(name.wire(), 0, message, Wire.HEADER_LENGTH, name.length());
    answer.write(message, 0, questionEnd, message.length);
    at = questionEnd;
  }

  /** The next {@code records} records, which are a set. */
  RrSet next(int records) {
    RrSet set = null;
    for (int i = 0; i < records; i++) {
      ZoneRecord record = record();
      if (set == null) {
        set = new RrSet(record);
      } else {
        set.add(record);
      }
    }
    if (set == null) {
      throw new IllegalStateException("a set without records");
    }
    return set;
  }

  private ZoneRecord record() {
    byte[] name = new byte[WireName.MAX_LENGTH];
    int length = name(at, name, 0);
    WireName owner = WireName.of(name, 0);
    at = skip(at);
    int type = Wire.getShort(message, at);
    long ttl = Wire.getInt(message, at + 4) & 0xffff_ffffL;
    int end = at + 10 + Wire.getShort(message, at + 8);
    byte[] data = data(type, at + 10, end);
    at = end;
    assert length == owner.length();
    return new ZoneRecord(owner, type, ttl, data, NOWHERE);
  }

  /** The reverse of what {@link AnswerWriter} does with names in data. */
  private byte[] data(int type, int from, int end) {
    int names = AnswerWriter.compressedNames(type);
    if (names == 0) {
      return java.util.Arrays.copyOfRange(message, from, end);
    }
    byte[] out = new byte[end - from + 2 * WireName.MAX_LENGTH];
    int read = from;
    int written = 0;
    if (type == Type.MX) {
      Wire.putShort(out, 0, Wire.getShort(message, from));
      read += 2;
      written += 2;
    }
    for (int i = 0; i < names; i++) {
      written += name(read, out, written);
      read = skip(read);
    }
    System.arraycopy(message, read, out, written, end - read);
    return java.util.Arrays.copyOf(out, written + end - read);
  }

  /** Copies the name at {@code from}, without pointers; returns its length. */
  private int name(int from, byte[] out, int to) {
    int read = from;
    int written = to;
    while (true) {
      // Pointers written here only lead backwards, so this ends.
      while ((message[read] & 0xc0) == 0xc0) {
        read = Wire.getShort(message, read) & 0x3fff;
      }
      int label = message[read] + 1;
      System.arraycopy(message, read, out, written, label);
      written += label;
      read += label;
      if (label == 1) {
        return written - to;
      }
    }
  }

  private int skip(int from) {
    int read = from;
    while (true) {
      if ((message[read] & 0xc0) == 0xc0) {
        return read + 2;
      }
      if (message[read] == 0) {
        return read + 1;
      }
      read += message[read] + 1;
    }
  }
}
