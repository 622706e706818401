package dev.meridian.document;

/** A patch that does not fit the document it is applied to. */
public final class PatchException extends InvalidInputException {
  private static final long serialVersionUID = 1;

  public PatchException(String message) {
    super(message);
  }
}
