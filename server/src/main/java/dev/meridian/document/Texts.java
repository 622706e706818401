package dev.meridian.document;

/** Text in error messages. */
final class Texts {
  private static final int MAX_CHARS = 60;

  private Texts() {}

  /** {@code text}, cut when it is too long for a message, without control characters. */
  static String shorten(String text) {
    StringBuilder shown = new StringBuilder();
    for (int i = 0; i < text.length() && i < MAX_CHARS; i++) {
      char c = text.charAt(i);
      shown.append(Character.isISOControl(c) || Character.isSurrogate(c) ? '\ufffd' : c);
    }
    return text.length() > MAX_CHARS ? shown.append('…').toString() : shown.toString();
  }
}
