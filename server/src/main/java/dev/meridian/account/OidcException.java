package dev.meridian.account;

import org.jspecify.annotations.Nullable;

/** Why a sign-in at a provider came to nothing. The message is for the log, not for visitors. */
public final class OidcException extends Exception {
  private static final long serialVersionUID = 1;

  /** Whose fault it is. */
  public enum Reason {
    /** The provider cannot be reached, or answers what it should not. */
    UNAVAILABLE,
    /** What came back is not good: it may be forged, replayed, or for somebody else. */
    REFUSED
  }

  private final Reason reason;

  OidcException(Reason reason, String message) {
    this(reason, message, null);
  }

  OidcException(Reason reason, String message, @Nullable Throwable cause) {
    super(message, cause);
    this.reason = reason;
  }

  /** Whose fault it is. */
  public Reason reason() {
    return reason;
  }
}
