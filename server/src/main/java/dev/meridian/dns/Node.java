package dev.meridian.dns;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Type;

/**
 * What is known about one name: the answer to every type that can be asked of it. Immutable.
 *
 * <p>Names that only exist because there are names below them (empty non-terminals) are nodes too,
 * so the deepest node above a name that is none is its closest encloser (RFC 4592, section 3.3.1).
 */
final class Node {
  private final byte[] name;
  private final int hash;
  private final char[] types;
  private final Answer[] answers;
  private final Answer otherwise;
  private final Answer any;
  private final Answer below;
  private final @Nullable Node wildcard;

  /**
   * Creates it.
   *
   * @param name where the node is
   * @param types those with an answer of their own
   * @param answers theirs
   * @param otherwise the answer to all other types
   * @param any the answer to ANY (RFC 8482)
   * @param wildcard what answers for names below that are no nodes, if there is a wildcard
   * @param below the answer for those names if there is none
   */
  Node(
      WireName name,
      char[] types,
      Answer[] answers,
      Answer otherwise,
      Answer any,
      @Nullable Node wildcard,
      Answer below) {
    // Of its own: shared ones would keep the memory of the zone's records from being given back.
    this.name = name.lowerCased();
    this.hash = name.hashCode();
    this.types = types;
    this.answers = answers;
    this.otherwise = otherwise;
    this.any = any;
    this.wildcard = wildcard;
    this.below = below;
  }

  int hash() {
    return hash;
  }

  /** Tells the question that it has its answer from here. */
  void found(Question question) {
    question.found(name, hash, true);
  }

  /** Tells the question that it has its answer from {@link #answerBelow}. */
  void foundBelow(Question question) {
    if (wildcard != null) {
      wildcard.found(question);
    } else {
      question.found(name, hash, (below.flags() & 0xf) != Wire.NXDOMAIN);
    }
  }

  /** Whether its name is the lower-cased one in {@code bytes}. */
  boolean isNamed(byte[] bytes, int from, int to) {
    return Arrays.equals(name, 0, name.length, bytes, from, to);
  }

  /** The longest of its answers, signed or not, in bytes after the question. */
  int largestAnswer() {
    int largest = Math.max(Math.max(otherwise.largest(), below.largest()), any.largest());
    for (Answer answer : answers) {
      largest = Math.max(largest, answer.largest());
    }
    return wildcard == null ? largest : Math.max(largest, wildcard.largestAnswer());
  }

  /** The answer for this very name. */
  Answer answer(int type) {
    for (int i = 0; i < types.length; i++) {
      if (types[i] == type) {
        return answers[i];
      }
    }
    // Of signatures, too, one RRset's are answer enough (RFC 8482).
    boolean one = type == Type.ANY || (type == Type.RRSIG && any.signer() != null);
    return one ? any : otherwise;
  }

  /** The answer for a name below it that is no node, and has no node between. */
  Answer answerBelow(int type) {
    return wildcard != null ? wildcard.answer(type) : below;
  }
}
