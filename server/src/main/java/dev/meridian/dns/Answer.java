package dev.meridian.dns;

import org.jspecify.annotations.Nullable;

/**
 * The sections of a response after its question, encoded when the zone was compiled. Immutable.
 *
 * <p>Compression pointers (RFC 1035, section 4.1.4) are absolute, and what they point at stands
 * after the question's name, or is the end of that name. So an answer encoded for a question with
 * one name serves every longer name that ends in it, once its pointers are moved by the difference
 * in length: that is how one encoding of a zone's SOA serves all its negative answers, one of a
 * delegation all names below it, and one of a wildcard all names it stands for.
 */
final class Answer {
  private static final char[] NONE = new char[0];

  private final byte[] body;
  private final char[] moving;
  private final int flags;
  private final int nameLength;
  private final char answers;
  private final char authorities;
  private final char additionals;
  private final @Nullable Parts parts;
  private final @Nullable ZoneSigner signer;
  private final @Nullable Denial denial;

  /**
   * Creates it.
   *
   * @param flags AA and the response code, as they stand in the header
   * @param nameLength length of the question's name it was encoded for
   * @param moving places in {@code body} of the pointers that move with the name's length
   * @param signer signs it for clients that want signatures; null in a zone without them, and where
   *     they are part of the answer already
   */
  Answer(
      byte[] body,
      int flags,
      int nameLength,
      char[] moving,
      Parts parts,
      @Nullable ZoneSigner signer) {
    this.body = body;
    this.flags = flags;
    this.nameLength = nameLength;
    this.moving = moving.length == 0 ? NONE : moving;
    this.answers = parts.count(Parts.ANSWER, parts.size());
    this.authorities = parts.count(Parts.AUTHORITY, parts.size());
    this.additionals = parts.count(Parts.ADDITIONAL, parts.size());
    this.signer = signer;
    this.denial = null;
    // An answer that fits the smallest message there is never needs cutting; to be signed it must
    // be taken apart.
    boolean small = body.length + Wire.MAX_QUESTION_END + Wire.OPT_LENGTH <= 512;
    this.parts = small && signer == null ? null : parts;
  }

  private Answer(Answer from, int flags, @Nullable Denial denial) {
    this.body = from.body;
    this.flags = flags;
    this.nameLength = from.nameLength;
    this.moving = from.moving;
    this.answers = from.answers;
    this.authorities = from.authorities;
    this.additionals = from.additionals;
    this.parts = from.parts;
    this.signer = from.signer;
    this.denial = denial;
  }

  /** The same sections with another response code and AA bit. */
  Answer withFlags(int changed) {
    return new Answer(this, changed, denial);
  }

  /** The same sections, and what their signed form proves not to be there. */
  Answer denying(Denial denied) {
    return new Answer(this, flags, denied);
  }

  /** What signs it, or null if nothing has to. */
  @Nullable ZoneSigner signer() {
    return signer;
  }

  /** What its signed form proves not to be there, if anything. */
  @Nullable Denial denial() {
    return denial;
  }

  /** Its RRsets; only an answer that is to be signed knows them for sure. */
  Parts parts() {
    if (parts == null) {
      throw new IllegalStateException("an answer that is not to be signed is not taken apart");
    }
    return parts;
  }

  /** Length of the question's name it was encoded for. */
  int nameLength() {
    return nameLength;
  }

  /** The most bytes it needs after the question, signed or not. */
  int largest() {
    if (signer == null || parts == null) {
      return body.length;
    }
    int proof = denial == null ? 0 : denial.largest();
    int signed = body.length + proof + (parts.size() + 1) * AnswerWriter.SIGNATURE_ROOM;
    return Math.min(signed, AnswerWriter.MAX_BODY);
  }

  /** AA and the response code. */
  int flags() {
    return flags;
  }

  /** Bytes it needs after the question. */
  int length() {
    return body.length;
  }

  /**
   * Writes the sections and their counts; cut to whole RRsets if they do not fit, with TC when a
   * needed one is missing (RFC 2181, section 9; RFC 9471 for glue).
   *
   * @param out the message, its question already there
   * @param message where in {@code out} the message begins
   * @param questionEnd length of the header and the question
   * @param limit bytes the message may have, counted from its beginning
   * @return the message's length so far
   */
  int write(byte[] out, int message, int questionEnd, int limit) {
    int length = body.length;
    int an = answers;
    int ns = authorities;
    int ar = additionals;
    if (questionEnd + length > limit && parts != null) {
      int kept = parts.fitting(limit - questionEnd);
      length = parts.end(kept);
      an = parts.count(Parts.ANSWER, kept);
      ns = parts.count(Parts.AUTHORITY, kept);
      ar = parts.count(Parts.ADDITIONAL, kept);
      if (parts.needed(kept)) {
        out[message + 2] |= Wire.TC >> 8;
      }
    }
    Wire.putShort(out, message + 6, an);
    Wire.putShort(out, message + 8, ns);
    Wire.putShort(out, message + 10, ar);
    int at = message + questionEnd;
    System.arraycopy(body, 0, out, at, length);
    int shift = questionEnd - Wire.HEADER_LENGTH - Wire.TYPE_AND_CLASS - nameLength;
    if (shift != 0) {
      for (char pointer : moving) {
        if (pointer >= length) {
          break;
        }
        Wire.putShort(out, at + pointer, Wire.getShort(out, at + pointer) + shift);
      }
    }
    return questionEnd + length;
  }

  /** Where the RRsets of an answer end, in the order they are kept when not all fit. */
  static final class Parts {
    static final int ANSWER = 0;
    static final int AUTHORITY = 1;
    static final int ADDITIONAL = 2;

    private final int[] ends;
    private final char[] records;
    private final byte[] sections;
    private final boolean[] unsigned;
    private final int firstUseful;

    /**
     * Creates it.
     *
     * @param ends where each RRset ends in the body
     * @param records how many records it has
     * @param sections where it belongs
     * @param unsigned whether it has no signature even in a signed zone (RFC 4035, section 2.2)
     * @param firstUseful the first one that may be missing without TC, and all after it
     */
    Parts(int[] ends, char[] records, byte[] sections, boolean[] unsigned, int firstUseful) {
      this.ends = ends;
      this.records = records;
      this.sections = sections;
      this.unsigned = unsigned;
      this.firstUseful = firstUseful;
    }

    int size() {
      return ends.length;
    }

    int records(int set) {
      return records[set];
    }

    int section(int set) {
      return sections[set];
    }

    boolean isUnsigned(int set) {
      return unsigned[set];
    }

    int fitting(int room) {
      int kept = 0;
      while (kept < ends.length && ends[kept] <= room) {
        kept++;
      }
      return kept;
    }

    int end(int kept) {
      return kept == 0 ? 0 : ends[kept - 1];
    }

    boolean needed(int first) {
      return first < firstUseful;
    }

    char count(int section, int kept) {
      int count = 0;
      for (int i = 0; i < kept; i++) {
        if (sections[i] == section) {
          count += records[i];
        }
      }
      return (char) count;
    }
  }
}
