package dev.meridian.site;

/**
 * One thing wrong in a file a person wrote.
 *
 * @param file as the person knows it, such as {@code site.yaml}
 * @param line from 1
 * @param column from 1
 * @param message what is wrong and how to mend it
 */
public record Problem(String file, int line, int column, String message) {
  /** As compilers say it, so that editors can jump there. */
  @Override
  public String toString() {
    return file + ":" + line + ":" + column + ": " + message;
  }
}
