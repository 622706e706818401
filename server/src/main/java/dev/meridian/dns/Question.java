package dev.meridian.dns;

/** A question as it was parsed; reused for one query after another, by one thread. */
final class Question {
  /** Stands above what is in no zone. */
  static final byte[] ROOT = new byte[1];

  /** The name in wire form, lower case. */
  final byte[] name = new byte[WireName.MAX_LENGTH];

  /** Where the labels of {@link #name} begin; the root's empty one is not counted. */
  final int[] labelStarts = new int[WireName.MAX_LABELS];

  /** The hashes of the names that begin there; filled when needed. */
  final int[] hashes = new int[WireName.MAX_LABELS];

  int nameLength;
  int labels;
  int type;

  // By which the query is counted, as Zones found it: never a name that the client made up.

  /** The owner of what answers, or if nothing does the name above that it would be below. */
  byte[] owner = ROOT;

  /** Its hash. */
  int ownerHash;

  /** Whether there is what was asked for, if only for other types. */
  boolean exists;

  /**
   * Reads a name that may not be compressed: the question is the first name of a message, so there
   * is nothing a pointer could point at.
   *
   * @return where it ends, or -1 if it is malformed
   */
  int readName(byte[] in, int from, int end) {
    int at = from;
    int count = 0;
    while (at < end) {
      int label = in[at];
      if (label == 0) {
        nameLength = at + 1 - from;
        labels = count;
        lowerCase(in, from);
        return at + 1;
      }
      // Negative and above 63 are pointers and label types that never came into use.
      if (label < 0 || label > 63 || at - from + label + 2 > WireName.MAX_LENGTH) {
        return -1;
      }
      labelStarts[count++] = at - from;
      at += label + 1;
    }
    return -1;
  }

  /** What {@link Zones#answer} found. */
  void found(byte[] name, int hash, boolean answers) {
    owner = name;
    ownerHash = hash;
    exists = answers;
  }

  private void lowerCase(byte[] in, int from) {
    for (int i = 0; i < nameLength; i++) {
      name[i] = WireName.lower(in[from + i]);
    }
  }

  /** The hash of the whole name. */
  int hash() {
    int hash = 0;
    for (int i = nameLength - 1; i >= 0; i--) {
      hash = WireName.hashStep(hash, name[i]);
    }
    return hash;
  }

  /** Fills {@link #hashes}. */
  void hashLabels() {
    int hash = 0;
    int at = nameLength - 1;
    for (int label = labels - 1; label >= 0; label--) {
      while (at >= labelStarts[label]) {
        hash = WireName.hashStep(hash, name[at--]);
      }
      hashes[label] = hash;
    }
  }
}
