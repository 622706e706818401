package dev.meridian.document;

/** Input that is refused for its size alone. */
public final class TooLargeException extends InvalidInputException {
  private static final long serialVersionUID = 1;

  public TooLargeException(String message) {
    super(message);
  }
}
