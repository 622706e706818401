package dev.meridian.dns;

import dev.meridian.document.InvalidInputException;

/** A zone that cannot be served as written. The message begins with file and line. */
public final class ZoneException extends InvalidInputException {
  private static final long serialVersionUID = 1;

  ZoneException(Place place, String message) {
    super(place + ": " + message);
  }

  /**
   * Where something was written.
   *
   * @param file as the user knows it: relative to the site's folder
   * @param line from 1; 0 for the file as a whole
   */
  record Place(String file, int line) {
    @Override
    public String toString() {
      return line == 0 ? file : file + ":" + line;
    }
  }
}
