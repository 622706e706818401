package dev.meridian.dns;

import java.util.Arrays;
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
  /** Every client gets this answer. */
  static final int NOT_TAILORED = -1;

  /** Where the address begins in a record whose owner is a pointer. */
  private static final int ADDRESS_AT = 12;

  private final byte[] body;
  private final AnswerForm form;

  /**
   * Creates it.
   *
   * @param form all but its bytes; shared by many
   */
  Answer(byte[] body, AnswerForm form) {
    this.body = body;
    this.form = form;
  }

  /** The same sections with another response code and AA bit. */
  Answer withFlags(int changed) {
    return new Answer(body, form.withFlags(changed));
  }

  /** The same sections, and what their signed form proves not to be there. */
  Answer denying(Denial denied) {
    return new Answer(body, form.denying(denied));
  }

  /** What signs it, or null if nothing has to. */
  @Nullable ZoneSigner signer() {
    return form.signer();
  }

  /** What its signed form proves not to be there, if anything. */
  @Nullable Denial denial() {
    return form.denial();
  }

  /** Its RRsets; only an answer that is to be signed knows them for sure. */
  Parts parts() {
    Parts parts = form.parts();
    if (parts == null) {
      throw new IllegalStateException("an answer that is not to be signed is not taken apart");
    }
    return parts;
  }

  /** Length of the question's name it was encoded for. */
  int nameLength() {
    return form.nameLength();
  }

  /** The most bytes it needs after the question, signed or not. */
  int largest() {
    Parts parts = form.parts();
    if (form.signer() == null || parts == null) {
      return body.length;
    }
    Denial denial = form.denial();
    int proof = denial == null ? 0 : denial.largest();
    int signed = body.length + proof + (parts.size() + 1) * AnswerWriter.SIGNATURE_ROOM;
    return Math.min(signed, AnswerWriter.MAX_BODY);
  }

  /**
   * This answer as the one that stands for a tailored one: {@link Zones#tailor} finds the answer
   * for a client by the number.
   */
  Answer tailored(int number) {
    return new Answer(body, form.tailored(number));
  }

  /**
   * The signed form of this answer, which begins with the same records: they are shuffled as here.
   */
  Answer signedAs(Answer signed) {
    return form.addresses() == 0
        ? signed
        : new Answer(signed.body, signed.form.shuffling(form.addresses(), form.record()));
  }

  /** The number of its tailoring, or {@link #NOT_TAILORED} if all clients get this very one. */
  int tailoring() {
    return form.tailoring();
  }

  /**
   * The answer with only these records of it. It is one RRset of addresses, of which each owner is
   * a pointer: so all records have one length, and there is no name in them to be moved.
   *
   * @param kept which records, in their order; at least one
   */
  Answer only(int[] kept) {
    int each = body.length / form.answers();
    byte[] some = new byte[each * kept.length];
    for (int i = 0; i < kept.length; i++) {
      System.arraycopy(body, each * kept[i], some, each * i, each);
    }
    int movingKept = form.moving().length == 0 ? 0 : kept.length;
    char[] pointers = new char[movingKept];
    for (int i = 0; i < movingKept; i++) {
      pointers[i] = (char) (each * i);
    }
    Parts whole =
        new Parts(
            new int[] {some.length},
            new char[] {(char) kept.length},
            new byte[] {Parts.ANSWER},
            new boolean[] {false},
            1);
    AnswerForm fewer =
        AnswerForm.of(
            some.length,
            form.flags(),
            form.nameLength(),
            pointers,
            whole,
            form.signer(),
            form.zone());
    Denial denial = form.denial();
    return new Answer(
        some, (denial == null ? fewer : fewer.denying(denial)).shuffling(kept.length, each));
  }

  /**
   * Shuffles the addresses of an answer that was made by {@link #only}, or signed from one, and
   * written whole, so that clients, which mostly take the first, spread. A signature is of the set,
   * in whatever order (RFC 4034, section 6.3).
   *
   * @param at where it begins in {@code out}
   */
  void shuffle(byte[] out, int at, Client client) {
    int addresses = form.addresses();
    int record = form.record();
    if (addresses < 2) {
      return;
    }
    int data = record - ADDRESS_AT;
    for (int i = addresses - 1; i > 0; i--) {
      int j = client.below(i + 1);
      int a = at + i * record + ADDRESS_AT;
      int b = at + j * record + ADDRESS_AT;
      for (int word = 0; word < data; word += 4) {
        int kept = Wire.getInt(out, a + word);
        Wire.putInt(out, a + word, Wire.getInt(out, b + word));
        Wire.putInt(out, b + word, kept);
      }
    }
  }

  /** The number of its zone, as {@link Roster#zones} has it; of a signed form it means nothing. */
  int zone() {
    return form.zone();
  }

  /** AA and the response code. */
  int flags() {
    return form.flags();
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
    int an = form.answers();
    int ns = form.authorities();
    int ar = form.additionals();
    Parts parts = form.parts();
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
    int shift = questionEnd - Wire.HEADER_LENGTH - Wire.TYPE_AND_CLASS - form.nameLength();
    if (shift != 0) {
      for (char pointer : form.moving()) {
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

    /** Whether these are the first {@code size} of what the arrays hold. */
    boolean are(
        int[] otherEnds,
        char[] otherRecords,
        byte[] otherSections,
        boolean[] otherUnsigned,
        int size,
        int useful) {
      return firstUseful == useful
          && Arrays.equals(ends, 0, ends.length, otherEnds, 0, size)
          && Arrays.equals(records, 0, ends.length, otherRecords, 0, size)
          && Arrays.equals(sections, 0, ends.length, otherSections, 0, size)
          && Arrays.equals(unsigned, 0, ends.length, otherUnsigned, 0, size);
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
