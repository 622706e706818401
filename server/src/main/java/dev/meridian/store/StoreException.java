package dev.meridian.store;

import dev.meridian.document.DocumentPath;
import dev.meridian.document.Version;
import org.jspecify.annotations.Nullable;

/** What can go wrong at run time, with what the caller needs to act. Messages are for people. */
public abstract sealed class StoreException extends RuntimeException {
  private static final long serialVersionUID = 1;

  StoreException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }

  /** A write's condition did not hold; nothing of its batch was applied. */
  public static final class PreconditionFailed extends StoreException {
    private static final long serialVersionUID = 1;
    private final transient DocumentPath path;
    private final transient @Nullable Version current;

    /**
     * Creates it.
     *
     * @param current the version the document is at, or null when there is none
     */
    public PreconditionFailed(DocumentPath path, @Nullable Version current) {
      this(
          path,
          current,
          "'"
              + path
              + "' is "
              + (current == null ? "absent" : "at ETag \"" + current.etag() + "\"")
              + ", which the write's condition excludes; read it again and decide anew.");
    }

    private PreconditionFailed(DocumentPath path, @Nullable Version current, String message) {
      super(message, null);
      this.path = path;
      this.current = current;
    }

    /** The same for a caller who may not read the document: it does not tell the version. */
    public PreconditionFailed withoutVersion() {
      return new PreconditionFailed(
          path, null, "The write's condition excludes the state that '" + path + "' is in.");
    }

    /** The document whose condition did not hold. */
    public DocumentPath path() {
      return path;
    }

    /** The version it is at; null when it does not exist, or is not for the caller to know. */
    public @Nullable Version current() {
      return current;
    }
  }

  /** The batch can never be applied as it stands; nothing of it was. */
  public static final class Rejected extends StoreException {
    private static final long serialVersionUID = 1;
    private final Reason reason;

    /** Why a batch is refused. */
    public enum Reason {
      /** It breaks a rule that the sender should have checked. */
      INVALID,
      /** A patch needs a document that is not there. */
      NOT_FOUND,
      /** A patch does not fit the document's value. */
      PATCH_FAILED,
      /** The value is, or would become, larger than a document may be. */
      TOO_LARGE,
      /** The idempotency key was used for another request. */
      KEY_REUSED
    }

    /** Creates it. */
    public Rejected(Reason reason, String message) {
      super(message, null);
      this.reason = reason;
    }

    /** Why. */
    public Reason reason() {
      return reason;
    }
  }

  /** No index serves the query. */
  public static final class NoIndex extends StoreException {
    private static final long serialVersionUID = 1;

    /** Creates it; the message names the index to add, as it would stand in {@code site.yaml}. */
    public NoIndex(String message) {
      super(message, null);
    }
  }

  /** The position is of another history, or deletes after it have been forgotten: copy anew. */
  public static final class PositionLost extends StoreException {
    private static final long serialVersionUID = 1;

    /** Creates it. */
    public PositionLost(String message) {
      super(message, null);
    }
  }

  /** The store cannot do it now. */
  public static final class Unavailable extends StoreException {
    private static final long serialVersionUID = 1;
    private final Outcome outcome;
    private final boolean damage;

    /** What is known about the write. */
    public enum Outcome {
      /** It was not applied and will not be; or it was a read. */
      NOT_DONE,
      /** It may have been applied, or may yet be. Trying again needs an idempotency key. */
      UNKNOWN
    }

    /** Creates it. */
    public Unavailable(Outcome outcome, String message, @Nullable Throwable cause) {
      this(outcome, message, cause, false);
    }

    Unavailable(Outcome outcome, String message, @Nullable Throwable cause, boolean damage) {
      super(message, cause);
      this.outcome = outcome;
      this.damage = damage;
    }

    /** Whether it is that files of the database are damaged, gone or cannot be read. */
    public boolean isDamage() {
      return damage;
    }

    /** What is known about the write. */
    public Outcome outcome() {
      return outcome;
    }
  }
}
