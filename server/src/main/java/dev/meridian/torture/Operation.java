package dev.meridian.torture;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One request of one client, from its invocation to its outcome. Immutable.
 *
 * @param id unique in its history
 * @param client who asked; a client asks one thing at a time and is one session
 * @param node who was asked last, such as {@code http://127.0.0.1:8080}
 * @param kind what was asked
 * @param level what a read promises; null for writes
 * @param parts one for each document, in the order asked; a batch has two, all else one
 * @param expected the ETag that a conditional put requires; null otherwise
 * @param sent the session token that went with the request; empty for none
 * @param seen the session token that came back; empty for none
 * @param invoked by {@link System#nanoTime}, before the request was sent
 * @param responded by {@link System#nanoTime}, when the outcome was known
 * @param outcome what is known
 * @param note what the server said, for people; may be empty
 * @param stale whether the answer to a read says that it may be old
 */
public record Operation(
    long id,
    int client,
    String node,
    Kind kind,
    @Nullable Level level,
    List<Part> parts,
    @Nullable String expected,
    String sent,
    String seen,
    long invoked,
    long responded,
    Outcome outcome,
    String note,
    boolean stale) {
  /** What was asked. */
  public enum Kind {
    /** Reads a document. */
    READ,
    /** Creates or replaces a document; its count begins at 0. */
    PUT,
    /** Deletes a document, whether it is there or not. */
    DELETE,
    /** Adds 1 to the count of a document; one that is not there is made, without a value. */
    INCREMENT,
    /** Replaces a document that is at exactly one version. */
    CONDITIONAL_PUT,
    /** Creates a document that must not be there. */
    CREATE,
    /** Puts two documents of one tree, both or neither. */
    BATCH;

    /** Whether it writes a value of its own. */
    public boolean putsValue() {
      return this == PUT || this == CONDITIONAL_PUT || this == CREATE || this == BATCH;
    }
  }

  /** What a read promises; see {@code Meridian-Consistency}. */
  public enum Level {
    /** Linearizable. */
    STRONG,
    /** Sees the session's own writes and never goes back. */
    SESSION,
    /** Whatever is near. */
    EVENTUAL,
    /** A page that shows the document. It promises what SESSION does, but tells no version. */
    PAGE
  }

  /** What is known about an operation. */
  public enum Outcome {
    /** It was done. */
    OK,
    /** It was not done and never will be. */
    REFUSED,
    /** It may have been done, and may yet be. Reads that failed are {@link #REFUSED}. */
    UNKNOWN
  }

  /**
   * What an operation did to one document, or saw of it.
   *
   * @param document its path
   * @param value written, unique in the history, or read; null for none: a delete, an increment, a
   *     read of nothing, or of a document that increments made
   * @param count how many increments a read saw since the value was put; 0 for writes
   * @param etag the version written, when it is known, or read; null of a read says that there is
   *     no document. ETags of one document compare, as text, in the order of their versions
   */
  public record Part(String document, @Nullable String value, long count, @Nullable String etag) {}

  /** Copies. */
  public Operation {
    parts = List.copyOf(parts);
    if (parts.isEmpty() || (kind == Kind.READ) == (level == null)) {
      throw new IllegalArgumentException(
          "an operation has a document, and a level if it reads: " + kind + " " + parts);
    }
  }

  /** An operation whose answer does not say that it may be old. */
  public Operation(
      long id,
      int client,
      String node,
      Kind kind,
      @Nullable Level level,
      List<Part> parts,
      @Nullable String expected,
      String sent,
      String seen,
      long invoked,
      long responded,
      Outcome outcome,
      String note) {
    this(
        id, client, node, kind, level, parts, expected, sent, seen, invoked, responded, outcome,
        note, false);
  }

  /** The only document of an operation that is no batch; of a batch, the first. */
  public Part part() {
    return parts.getFirst();
  }

  /** The same about another part, of one that has no others. */
  Operation withPart(Part part) {
    return new Operation(
        id,
        client,
        node,
        kind,
        level,
        List.of(part),
        expected,
        sent,
        seen,
        invoked,
        responded,
        outcome,
        note,
        stale);
  }

  /** Whether it is a read. */
  public boolean isRead() {
    return kind == Kind.READ;
  }

  /** Whether it is a read that was answered, at any level. */
  public boolean hasRead() {
    return isRead() && outcome == Outcome.OK;
  }

  /** Whether it is a write that was acknowledged. */
  public boolean hasWritten() {
    return !isRead() && outcome == Outcome.OK;
  }

  /** Whether it is a write that was done or may have been. */
  public boolean mayHaveWritten() {
    return !isRead() && outcome != Outcome.REFUSED;
  }

  /** In one line, for people. */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder().append("client ").append(client).append(' ');
    text.append(kind);
    if (level != null) {
      text.append(' ').append(level);
    }
    for (Part part : parts) {
      text.append(' ').append(part.document);
      if (isRead()
          && outcome == Outcome.OK
          && part.etag == null
          && part.value == null
          && part.count == 0) {
        text.append(" = nothing");
      } else if (part.value != null || part.count > 0) {
        text.append(" = ").append(part.value == null ? "(no value)" : part.value);
        if (part.count > 0) {
          text.append(" + ").append(part.count);
        }
      }
      if (part.etag != null) {
        text.append(" @").append(part.etag);
      }
    }
    if (expected != null) {
      text.append(" if @").append(expected);
    }
    text.append(' ').append(outcome).append(stale ? " (marked stale)" : "");
    return note.isEmpty() ? text.toString() : text.append(" (").append(note).append(')').toString();
  }
}
