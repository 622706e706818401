package dev.meridian.store;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.DocumentPath;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;

/**
 * Storage keys. A path's key is its segments joined by byte 0, which no segment holds; so a
 * collection is one run of keys, ordered by id, and what lies below a document follows right after
 * it, before the next sibling.
 */
final class Keys {
  private static final byte SEPARATOR = 0;

  private Keys() {}

  /** The key of a document. */
  static byte[] of(DocumentPath path) {
    return join(path.segments(), false);
  }

  /** What the keys of a collection's documents begin with. */
  static byte[] prefix(CollectionPath collection) {
    return join(collection.segments(), true);
  }

  /** The path of a document's key. */
  static DocumentPath path(byte[] key) {
    return path(key, 0);
  }

  /** The path of a document's key that begins at {@code from}. */
  static DocumentPath path(byte[] key, int from) {
    String text = new String(key, from, key.length - from, UTF_8);
    return new DocumentPath(List.of(text.split("\0", -1)));
  }

  /** Where the separator after {@code from} stands, or -1 when the id is the key's last segment. */
  static int separator(byte[] key, int from) {
    for (int i = from; i < key.length; i++) {
      if (key[i] == SEPARATOR) {
        return i;
      }
    }
    return -1;
  }

  /** The first key after everything below the document whose key ends at {@code separator}. */
  static byte[] afterSubtree(byte[] key, int separator) {
    byte[] next = Arrays.copyOf(key, separator + 1);
    next[separator] = SEPARATOR + 1;
    return next;
  }

  /** The least key above every key that begins with {@code prefix}. */
  static byte[] afterPrefix(byte[] prefix) {
    for (int i = prefix.length - 1; i >= 0; i--) {
      if (prefix[i] != (byte) 0xff) {
        byte[] next = Arrays.copyOf(prefix, i + 1);
        next[i]++;
        return next;
      }
    }
    throw new IllegalArgumentException("no key is above a prefix of 0xff only");
  }

  static byte[] concat(byte[]... parts) {
    int length = 0;
    for (byte[] part : parts) {
      length += part.length;
    }
    ByteBuffer all = ByteBuffer.allocate(length);
    for (byte[] part : parts) {
      all.put(part);
    }
    return all.array();
  }

  /** {@code value} so that keys order as unsigned numbers. */
  static byte[] ofLong(long value) {
    return ByteBuffer.allocate(Long.BYTES).putLong(value).array();
  }

  /** {@code value} followed by {@code rest}. */
  static byte[] ofLong(long value, byte[] rest) {
    return ByteBuffer.allocate(Long.BYTES + rest.length).putLong(value).put(rest).array();
  }

  /** {@code kind} followed by {@code rest}. */
  static byte[] ofKind(char kind, byte[] rest) {
    return ByteBuffer.allocate(1 + rest.length).put((byte) kind).put(rest).array();
  }

  static long toLong(byte[] key, int from) {
    return ByteBuffer.wrap(key).getLong(from);
  }

  private static byte[] join(List<String> segments, boolean open) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < segments.size(); i++) {
      if (i > 0) {
        text.append('\0');
      }
      text.append(segments.get(i));
    }
    if (open) {
      text.append('\0');
    }
    return text.toString().getBytes(UTF_8);
  }
}
