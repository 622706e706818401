package dev.meridian.dns;

import dev.meridian.dns.Answer.Parts;
import org.jspecify.annotations.Nullable;

/**
 * All of an {@link Answer} but its bytes. The answers of a large zone have few forms, so a million
 * of them share theirs. Immutable.
 *
 * @param flags AA and the response code, as they stand in the header
 * @param nameLength length of the question's name it was encoded for
 * @param moving places in the body of the pointers that move with the name's length
 * @param answers records in this section, and so on
 * @param parts its RRsets; null if it never needs to be taken apart
 * @param signer signs it for clients that want signatures; null in a zone without them, and where
 *     they are part of the answer already
 * @param denial what its signed form proves not to be there, if anything
 * @param zone the number of its zone
 * @param tailoring its number, or {@link Answer#NOT_TAILORED}
 * @param addresses how many of them are shuffled
 * @param record bytes of each of the addresses that are shuffled
 */
@SuppressWarnings("ArrayRecordComponent") // shared, never changed
record AnswerForm(
    int flags,
    int nameLength,
    char[] moving,
    char answers,
    char authorities,
    char additionals,
    @Nullable Parts parts,
    @Nullable ZoneSigner signer,
    @Nullable Denial denial,
    char zone,
    int tailoring,
    int addresses,
    int record) {

  /**
   * The form of an answer for every client, that denies nothing.
   *
   * @param length bytes of its body
   */
  static AnswerForm of(
      int length,
      int flags,
      int nameLength,
      char[] moving,
      Parts parts,
      @Nullable ZoneSigner signer,
      char zone) {
    return new AnswerForm(
        flags,
        nameLength,
        moving,
        parts.count(Parts.ANSWER, parts.size()),
        parts.count(Parts.AUTHORITY, parts.size()),
        parts.count(Parts.ADDITIONAL, parts.size()),
        needsParts(length, signer) ? parts : null,
        signer,
        null,
        zone,
        Answer.NOT_TAILORED,
        0,
        0);
  }

  /**
   * Whether an answer may have to be taken apart: one that fits the smallest message there is never
   * needs cutting, but to be signed it must.
   *
   * @param length bytes of its body
   */
  static boolean needsParts(int length, @Nullable ZoneSigner signer) {
    return signer != null || length + Wire.MAX_QUESTION_END + Wire.MAX_OPT_LENGTH > 512;
  }

  AnswerForm withFlags(int changed) {
    return new AnswerForm(
        changed,
        nameLength,
        moving,
        answers,
        authorities,
        additionals,
        parts,
        signer,
        denial,
        zone,
        tailoring,
        addresses,
        record);
  }

  AnswerForm denying(Denial denied) {
    return new AnswerForm(
        flags,
        nameLength,
        moving,
        answers,
        authorities,
        additionals,
        parts,
        signer,
        denied,
        zone,
        tailoring,
        addresses,
        record);
  }

  AnswerForm tailored(int number) {
    return new AnswerForm(
        flags,
        nameLength,
        moving,
        answers,
        authorities,
        additionals,
        parts,
        signer,
        denial,
        zone,
        number,
        addresses,
        record);
  }

  /** The form with addresses to be shuffled, which is not to be tailored any more. */
  AnswerForm shuffling(int count, int each) {
    return new AnswerForm(
        flags,
        nameLength,
        moving,
        answers,
        authorities,
        additionals,
        parts,
        signer,
        denial,
        zone,
        Answer.NOT_TAILORED,
        count,
        each);
  }
}
