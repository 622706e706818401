package dev.meridian.cli;

/** A command that cannot go on; the message is the line its user sees: what, and how to mend it. */
final class CliException extends RuntimeException {
  private static final long serialVersionUID = 1;
  private final int exitCode;

  CliException(int exitCode, String message) {
    super(message);
    this.exitCode = exitCode;
  }

  CliException(int exitCode, String message, Throwable cause) {
    super(message, cause);
    this.exitCode = exitCode;
  }

  /** One of {@link ExitCode}. */
  int exitCode() {
    return exitCode;
  }
}
