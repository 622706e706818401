package dev.meridian.client;

import org.jspecify.annotations.Nullable;

/**
 * A request that was not answered as asked: the server's problem document (RFC 9457), or what kept
 * the client from reaching it. The message is for people.
 */
public final class MeridianException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** {@link #status} when no answer came. */
  public static final int UNREACHED = 0;

  private final int status;
  private final String type;
  private final Outcome outcome;
  private final @Nullable String etag;

  /** What is known about the write; reads are {@link #NOT_DONE}. */
  public enum Outcome {
    /** It was not applied and will not be. */
    NOT_DONE,
    /** It may have been applied, or may yet be. Sending it again with the same key is safe. */
    UNKNOWN
  }

  MeridianException(
      int status,
      String type,
      String detail,
      Outcome outcome,
      @Nullable String etag,
      @Nullable Throwable cause) {
    super(detail, cause);
    this.status = status;
    this.type = type;
    this.outcome = outcome;
    this.etag = etag;
  }

  /** The same with another outcome. */
  MeridianException with(Outcome other) {
    return other == outcome
        ? this
        : new MeridianException(status, type, detail(), other, etag, getCause());
  }

  /** The HTTP status, or {@link #UNREACHED}. */
  public int status() {
    return status;
  }

  /**
   * The kind of problem: a short stable name such as {@code not-found} or {@code
   * precondition-failed}. The client's own: {@code unreachable} when no connection could be made,
   * {@code no-answer} when one was and no whole answer came back, {@code answer-too-large}, {@code
   * not-meridian} when the answer is not one of a Meridian server, {@code redirected}, {@code
   * interrupted} and {@code closed}.
   */
  public String type() {
    return type;
  }

  /** What was wrong and how to mend it. */
  public String detail() {
    return java.util.Objects.requireNonNullElse(getMessage(), type);
  }

  /** What is known about the write. */
  public Outcome outcome() {
    return outcome;
  }

  /** The ETag the document is at, when a precondition failed and there is a document. */
  public @Nullable String currentEtag() {
    return etag;
  }
}
