package dev.meridian.document.records;

import java.io.IOException;

/** A file that cannot be read any further. The message is for the person who made the file. */
public final class RecordException extends IOException {
  private static final long serialVersionUID = 1;

  RecordException(String message) {
    super(message);
  }

  RecordException(String message, Throwable cause) {
    super(message, cause);
  }
}
