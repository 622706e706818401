package dev.meridian.geo;

import dev.meridian.document.InvalidInputException;

/** A database that cannot be used. The message says why, and how to mend it. */
public final class DatabaseException extends InvalidInputException {
  private static final long serialVersionUID = 1;

  DatabaseException(String message) {
    super(message);
  }

  DatabaseException(String message, Throwable cause) {
    super(message, cause);
  }
}
