package dev.meridian.web;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import tools.jackson.core.io.JsonStringEncoder;

/** JSON being put together from pieces that are JSON already, and strings that are not yet. */
final class JsonBytes {
  private byte[] bytes;
  private int length;

  JsonBytes(int capacity) {
    this.bytes = new byte[capacity];
  }

  /** Appends JSON, in ASCII. */
  @SuppressWarnings("deprecation") // the cheap way to copy ASCII, which this is
  JsonBytes raw(String json) {
    int added = json.length();
    room(added);
    json.getBytes(0, added, bytes, length);
    length += added;
    return this;
  }

  /** Appends JSON in UTF-8. */
  JsonBytes raw(byte[] json) {
    room(json.length);
    System.arraycopy(json, 0, bytes, length, json.length);
    length += json.length;
    return this;
  }

  /** Appends a string, quoted. */
  JsonBytes string(String text) {
    raw("\"");
    raw(
        new String(JsonStringEncoder.getInstance().quoteAsCharArray(text))
            .getBytes(StandardCharsets.UTF_8));
    return raw("\"");
  }

  private void room(int added) {
    if (bytes.length - length < added) {
      bytes = Arrays.copyOf(bytes, Math.max(length + added, bytes.length * 2));
    }
  }

  byte[] toBytes() {
    return Arrays.copyOf(bytes, length);
  }
}
