package dev.meridian.client;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One write of an atomic batch. */
public sealed interface BatchWrite {
  /** The document written. */
  String path();

  /** The ETag the document must be at, or {@code *}; null: no such condition. */
  @Nullable String ifMatch();

  /** Creates or replaces the document with {@code value}, anything Jackson can write. */
  record Put(String path, Object value, @Nullable String ifMatch) implements BatchWrite {
    /** Without a condition. */
    public Put(String path, Object value) {
      this(path, value, null);
    }
  }

  /** Merges {@code value} into the document (JSON Merge Patch, RFC 7396). */
  record Merge(String path, Object value, @Nullable String ifMatch) implements BatchWrite {
    /** Without a condition. */
    public Merge(String path, Object value) {
      this(path, value, null);
    }
  }

  /** Adds to numbers, a missing one counting from 0. */
  record Increment(String path, Map<String, ? extends Number> amounts, @Nullable String ifMatch)
      implements BatchWrite {
    /** Without a condition. */
    public Increment(String path, Map<String, ? extends Number> amounts) {
      this(path, amounts, null);
    }
  }

  /** Deletes the document. */
  record Delete(String path, @Nullable String ifMatch) implements BatchWrite {
    /** Without a condition. */
    public Delete(String path) {
      this(path, null);
    }
  }
}
