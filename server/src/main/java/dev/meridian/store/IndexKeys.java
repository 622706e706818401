package dev.meridian.store;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.meridian.document.Json;
import dev.meridian.document.OrderedBytes;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Keys of the index table: the index's number, the segments of the collection each followed by byte
 * 0, the encoded fields, the encoded id. The id is ordered in the direction of the last field, so
 * that walking an index backwards gives exactly the reverse of walking it forwards.
 */
final class IndexKeys {
  /**
   * Longer strings are ordered by their first characters, so that keys and cursors stay short.
   * Lookups check the documents themselves, so they stay exact.
   */
  static final int MAX_CHARS = 256;

  private IndexKeys() {}

  /** What the keys of everything in an index begin with. */
  static byte[] number(int number) {
    return ByteBuffer.allocate(Integer.BYTES).putInt(number).array();
  }

  /** What the keys of one collection's documents in an index begin with. */
  static byte[] base(int number, List<String> collectionSegments) {
    StringBuilder text = new StringBuilder();
    for (String segment : collectionSegments) {
      text.append(segment).append('\0');
    }
    return Keys.concat(number(number), text.toString().getBytes(UTF_8));
  }

  /** A field's part of a key. */
  static byte[] field(@Nullable Json value, boolean descending) {
    return OrderedBytes.encode(shortened(value), descending);
  }

  /** The id's part of a key. */
  static byte[] id(String id, boolean descending) {
    return OrderedBytes.encode(new Json.Str(id), descending);
  }

  /** The id whose part of a key begins at {@code from}, in UTF-8. */
  static byte[] rawId(byte[] key, int from, boolean descending) {
    // One byte of kind before it and two to end it; ids hold no byte 0, so nothing is escaped.
    byte[] id = Arrays.copyOfRange(key, from + 1, OrderedBytes.end(key, from, descending) - 2);
    return descending ? complement(id) : id;
  }

  /** Whether {@link #field} keeps less than all of {@code value}. */
  static boolean isShortened(Json value) {
    return value instanceof Json.Str(String text) && text.length() > MAX_CHARS;
  }

  static @Nullable Json shortened(@Nullable Json value) {
    if (value instanceof Json.Str(String text) && text.length() > MAX_CHARS) {
      return new Json.Str(start(text));
    }
    return value;
  }

  /** The first characters of {@code text}, without half of a surrogate pair. */
  static String start(String text) {
    if (text.length() <= MAX_CHARS) {
      return text;
    }
    boolean splits = Character.isHighSurrogate(text.charAt(MAX_CHARS - 1));
    return text.substring(0, splits ? MAX_CHARS - 1 : MAX_CHARS);
  }

  /** Turns the order of encoded values round. */
  static byte[] complement(byte[] bytes) {
    byte[] result = new byte[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      result[i] = (byte) ~bytes[i];
    }
    return result;
  }
}
