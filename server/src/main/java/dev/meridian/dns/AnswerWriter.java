package dev.meridian.dns;

import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Type;

/**
 * Encodes an {@link Answer}: records with their names compressed (RFC 1035, section 4.1.4; in data
 * only for the types of RFC 1035, as RFC 3597 section 4 asks). Reused for one answer after another,
 * by one thread.
 */
final class AnswerWriter {
  /** Most names remembered as targets of pointers; more would cost time and save little. */
  private static final int MAX_TARGETS = 128;

  /** Most RRsets in one answer. */
  static final int MAX_SETS = 64;

  /** The largest pointer that can still move by a whole name. */
  private static final int MAX_POINTER = 0x3fff - WireName.MAX_LENGTH;

  /** Sections longer than this would not fit a message with the longest question. */
  static final int MAX_BODY = Wire.MAX_TCP - Wire.MAX_QUESTION_END - Wire.MAX_OPT_LENGTH;

  /**
   * Kept free for an RRset's signature: an owner's pointer, the head of a record, and an RRSIG with
   * the longest name of a zone (RFC 4034, section 3.1). One is left over for the keys, which may
   * have two.
   */
  static final int SIGNATURE_ROOM = 12 + 18 + WireName.MAX_LENGTH + SigningKey.SIGNATURE_BYTES;

  /** Two to the power of it are kept; a zone that has more of them shares some. */
  private static final int FORM_BITS = 10;

  private byte[] message = new byte[4096];

  /** By their hash, the last ones; empty if none are kept. */
  private final @Nullable AnswerForm[] forms;

  private final int[] targets = new int[MAX_TARGETS];
  private final int[] ends = new int[MAX_SETS];
  private final char[] records = new char[MAX_SETS];
  private final byte[] sections = new byte[MAX_SETS];
  private final boolean[] unsigned = new boolean[MAX_SETS];
  private char[] moving = new char[64];
  private WireName question = WireName.of(new byte[1], 0);
  private @Nullable ZoneSigner signer;
  private char zone;
  private boolean synthesised;
  private int start;
  private int length;
  private int targetCount;
  private int movingCount;
  private int sets;
  private int firstUseful;

  private AnswerWriter(int forms) {
    this.forms = new @Nullable AnswerForm[forms];
  }

  /** For a few answers. */
  AnswerWriter() {
    this(0);
  }

  /** For as many answers as there may be, which share what is the same in them. */
  static AnswerWriter forMany() {
    return new AnswerWriter(1 << FORM_BITS);
  }

  /** What shall sign the answers from here on; null for nothing. */
  void signedBy(@Nullable ZoneSigner by) {
    signer = by;
  }

  /** The number of the zone that the answers from here on are of. */
  void ofZone(int number) {
    zone = (char) Math.min(number, Character.MAX_VALUE);
  }

  /**
   * Begins an answer.
   *
   * @param name the question's name, or the name that all names it shall serve end in
   * @param wildcard whether records owned by a wildcard get the question's name as their owner
   */
  void begin(WireName name, boolean wildcard) {
    question = name;
    synthesised = wildcard;
    System.arraycopy(name.wire(), 0, message, Wire.HEADER_LENGTH, name.length());
    targetCount = 0;
    movingCount = 0;
    sets = 0;
    firstUseful = Integer.MAX_VALUE;
    remember(Wire.HEADER_LENGTH, name.length());
    start = Wire.HEADER_LENGTH + name.length() + Wire.TYPE_AND_CLASS;
    length = start;
  }

  /** Adds an RRset with its own TTL. */
  void add(int section, RrSet set) {
    add(section, set, set.owner(), set.ttl());
  }

  /** Adds an RRset that is not ours to sign: a delegation's name servers, glue. */
  void addUnsigned(int section, RrSet set) {
    add(section, set);
    unsigned[sets - 1] = true;
  }

  /** Adds an RRset and its signatures, which only travel together. */
  void addSigned(int section, RrSet set, RrSet signatures) {
    add(section, set);
    records(signatures, signatures.owner(), signatures.ttl());
    ends[sets - 1] = length - start;
    records[sets - 1] += (char) signatures.rdata().size();
  }

  /** Adds an RRset under another name or with another TTL. */
  void add(int section, RrSet set, WireName owner, long ttl) {
    if (sets == MAX_SETS) {
      throw tooLarge(set);
    }
    records(set, owner, ttl);
    ends[sets] = length - start;
    records[sets] = (char) set.rdata().size();
    sections[sets] = (byte) section;
    unsigned[sets] = false;
    sets++;
  }

  private void records(RrSet set, WireName owner, long ttl) {
    int kept = signer == null ? 0 : (sets + 2) * SIGNATURE_ROOM;
    for (byte[] data : set.rdata()) {
      if (length - start + WireName.MAX_LENGTH + 10 + data.length + kept > MAX_BODY) {
        throw tooLarge(set);
      }
      // Names get shorter, and nothing gets longer.
      if (length + WireName.MAX_LENGTH + 10 + data.length > message.length) {
        message = Arrays.copyOf(message, 2 * (message.length + data.length));
      }
      if (synthesised && owner.isWildcard()) {
        Wire.putShort(message, length, 0xc000 | Wire.HEADER_LENGTH);
        length += 2;
      } else {
        name(owner.wire(), 0);
      }
      Wire.putShort(message, length, set.type());
      Wire.putShort(message, length + 2, 1);
      Wire.putInt(message, length + 4, (int) ttl);
      int dataStart = length + 10;
      length = dataStart;
      data(set.type(), data);
      Wire.putShort(message, dataStart - 2, length - dataStart);
    }
  }

  /** Whether an RRset with its signatures surely fits. */
  boolean hasRoomFor(RrSet set, @Nullable RrSet signatures) {
    int needed = bytes(set.rdata()) + (signatures == null ? 0 : bytes(signatures.rdata()));
    return sets < MAX_SETS && length - start + needed <= MAX_BODY;
  }

  private static int bytes(List<byte[]> rdata) {
    return rdata.stream().mapToInt(data -> WireName.MAX_LENGTH + 10 + data.length).sum();
  }

  private static ZoneException tooLarge(RrSet set) {
    return new ZoneException(
        set.place(),
        "the records of "
            + set.owner()
            + " type "
            + Type.string(set.type())
            + " do not fit one answer of "
            + Wire.MAX_TCP
            + " bytes; write fewer.");
  }

  /** What is added from here on is useful, but not missed. */
  void usefulFromHere() {
    firstUseful = Math.min(firstUseful, sets);
  }

  boolean hasRoomFor(int moreSets) {
    return sets + moreSets <= MAX_SETS;
  }

  /** Bytes written so far after the question. */
  int length() {
    return length - start;
  }

  /** The answer, with AA and the response code as {@code flags}. */
  Answer finish(int flags) {
    return new Answer(Arrays.copyOfRange(message, start, length), form(flags));
  }

  /** The same form from an answer before, if it was kept. */
  private AnswerForm form(int flags) {
    if (forms.length == 0) {
      return newForm(flags);
    }
    int hash = (flags * 31 + question.length()) * 31 + sets;
    for (int i = 0; i < movingCount; i++) {
      hash = hash * 31 + moving[i];
    }
    if (AnswerForm.needsParts(length(), signer)) {
      hash = hash * 31 + length();
    }
    int slot = hash * 0x9E3779B1 >>> (Integer.SIZE - FORM_BITS);
    AnswerForm known = forms[slot];
    if (known == null || !isLike(known, flags)) {
      known = newForm(flags);
      forms[slot] = known;
    }
    return known;
  }

  private boolean isLike(AnswerForm form, int flags) {
    if (form.flags() != flags
        || form.nameLength() != question.length()
        || form.signer() != signer
        || form.zone() != zone
        || !Arrays.equals(form.moving(), 0, form.moving().length, moving, 0, movingCount)) {
      return false;
    }
    Answer.Parts parts = form.parts();
    if (AnswerForm.needsParts(length(), signer)) {
      int useful = Math.min(firstUseful, sets);
      return parts != null && parts.are(ends, records, sections, unsigned, sets, useful);
    }
    return parts == null
        && form.answers() == count(Answer.Parts.ANSWER)
        && form.authorities() == count(Answer.Parts.AUTHORITY)
        && form.additionals() == count(Answer.Parts.ADDITIONAL);
  }

  private int count(int section) {
    int count = 0;
    for (int i = 0; i < sets; i++) {
      count += sections[i] == section ? records[i] : 0;
    }
    return count;
  }

  private AnswerForm newForm(int flags) {
    return AnswerForm.of(
        length(),
        flags,
        question.length(),
        Arrays.copyOf(moving, movingCount),
        new Answer.Parts(
            Arrays.copyOf(ends, sets),
            Arrays.copyOf(records, sets),
            Arrays.copyOf(sections, sets),
            Arrays.copyOf(unsigned, sets),
            Math.min(firstUseful, sets)),
        signer,
        zone);
  }

  private void data(int type, byte[] data) {
    int names = compressedNames(type);
    int at = 0;
    if (type == Type.MX) {
      at = 2;
      bytes(data, 0, 2);
    }
    for (int i = 0; i < names; i++) {
      name(data, at);
      at += WireName.lengthAt(data, at);
    }
    bytes(data, at, data.length - at);
  }

  /** How many names in the data of a type are compressed; an MX has its number before. */
  static int compressedNames(int type) {
    return switch (type) {
      case Type.NS, Type.CNAME, Type.PTR, Type.MX -> 1;
      case Type.SOA -> 2;
      default -> 0;
    };
  }

  private void bytes(byte[] data, int at, int count) {
    System.arraycopy(data, at, message, length, count);
    length += count;
  }

  private void name(byte[] wire, int from) {
    int nameStart = length;
    int at = from;
    while (wire[at] != 0) {
      int target = find(wire, at);
      if (target > 0) {
        remember(nameStart, length - nameStart);
        pointer(target);
        return;
      }
      bytes(wire, at, wire[at] + 1);
      at += wire[at] + 1;
    }
    message[length++] = 0;
    remember(nameStart, length - nameStart);
  }

  private void pointer(int target) {
    if (movingCount == moving.length) {
      moving = Arrays.copyOf(moving, 2 * movingCount);
    }
    moving[movingCount++] = (char) (length - start);
    Wire.putShort(message, length, 0xc000 | target);
    length += 2;
  }

  /** Remembers the labels of the name written at {@code at}. */
  private void remember(int at, int bytes) {
    int end = at + bytes;
    for (int label = at;
        label < end && message[label] != 0 && targetCount < MAX_TARGETS && label <= MAX_POINTER;
        label += message[label] + 1) {
      targets[targetCount++] = label;
    }
  }

  private int find(byte[] wire, int at) {
    for (int i = 0; i < targetCount; i++) {
      if (matches(wire, at, targets[i])) {
        return targets[i];
      }
    }
    return -1;
  }

  private boolean matches(byte[] wire, int from, int target) {
    int at = from;
    int there = target;
    while (true) {
      // Pointers written here only lead backwards, so this ends.
      while ((message[there] & 0xc0) == 0xc0) {
        there = Wire.getShort(message, there) & 0x3fff;
      }
      if (wire[at] != message[there]) {
        return false;
      }
      if (wire[at] == 0) {
        return true;
      }
      int label = wire[at];
      for (int i = 1; i <= label; i++) {
        if (WireName.lower(wire[at + i]) != WireName.lower(message[there + i])) {
          return false;
        }
      }
      at += label + 1;
      there += label + 1;
    }
  }
}
