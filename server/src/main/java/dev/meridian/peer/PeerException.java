package dev.meridian.peer;

import java.io.IOException;

/** A call to another node that brought no answer, with what is known about it. */
public final class PeerException extends IOException {
  private static final long serialVersionUID = 1;
  private final boolean reached;
  private final boolean denied;

  PeerException(boolean reached, boolean denied, String message, Throwable cause) {
    super(message, cause);
    this.reached = reached;
    this.denied = denied;
  }

  /**
   * Whether the other node may have received the request: false means that it has not and will not,
   * true that nobody knows.
   */
  public boolean reached() {
    return reached;
  }

  /** Whether the other node answered that this one was removed from the cluster. */
  public boolean denied() {
    return denied;
  }
}
