package dev.meridian.document;

/**
 * Input that can never be accepted as it stands. The message is one sentence for the person who
 * sent it: what was wrong, where, and how to mend it.
 */
public class InvalidInputException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public InvalidInputException(String message) {
    super(message);
  }

  public InvalidInputException(String message, Throwable cause) {
    super(message, cause);
  }
}
