package dev.meridian.store;

import org.jspecify.annotations.Nullable;

/**
 * A log entry that this build cannot apply: it is damaged, or a newer build wrote it. Going on
 * would let this replica diverge from its peers in silence, so whoever drives the log must stop the
 * replica instead.
 */
public final class LogException extends RuntimeException {
  private static final long serialVersionUID = 1;

  LogException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
