package dev.meridian.store;

import dev.meridian.document.DocumentPath;

/** One write of a {@link Batch}. */
public sealed interface Write {
  /** Largest value of a document, as minified JSON. */
  int MAX_JSON_BYTES = 1 << 20;

  /** The document written. */
  DocumentPath path();

  /** What must hold. */
  Condition condition();

  /**
   * Creates or replaces the document.
   *
   * @param json the value as minified JSON in UTF-8 (see {@code Document#json})
   */
  @SuppressWarnings("ArrayRecordComponent") // shared, never changed
  record Put(DocumentPath path, byte[] json, Condition condition, Expiry expiry) implements Write {}

  /** Changes the document's value where it is stored, atomically. */
  record Patch(
      DocumentPath path, dev.meridian.document.Patch patch, Condition condition, Expiry expiry)
      implements Write {}

  /** Deletes the document; one that is not there is no error. Documents below it stay. */
  record Delete(DocumentPath path, Condition condition) implements Write {}
}
