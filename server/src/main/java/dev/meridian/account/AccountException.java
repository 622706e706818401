package dev.meridian.account;

import java.time.Duration;

/** Why an account was not made, or somebody not let in. It is no bug, so it has no stack trace. */
public final class AccountException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** Why. */
  public enum Reason {
    /** The name or the password is wrong; it is not said which. */
    WRONG,
    /** The password is right, and the operator lets the user in no more. */
    DISABLED,
    /** Wrong passwords were tried too often. */
    LIMITED,
    /** There are too many passwords to check. */
    BUSY,
    /** Somebody has that name. */
    TAKEN,
    /** There is no account, and visitors may not make one. */
    CLOSED,
    /** Their name is that of somebody who came when the provider was another. */
    OTHER_ISSUER,
    /** The account was changed by another request at the same moment. */
    CHANGED
  }

  private final Reason reason;
  private final transient Duration wait;

  AccountException(Reason reason) {
    this(reason, Duration.ofSeconds(1));
  }

  AccountException(Reason reason, Duration wait) {
    super(reason.name(), null, false, false);
    this.reason = reason;
    this.wait = wait;
  }

  /** Why. */
  public Reason reason() {
    return reason;
  }

  /** After what time trying again may help. */
  public Duration retryAfter() {
    return wait;
  }
}
