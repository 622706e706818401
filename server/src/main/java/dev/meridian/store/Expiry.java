package dev.meridian.store;

/** What a write does to its document's expiry. */
public sealed interface Expiry {
  /** The document stays until it is deleted. */
  Expiry NEVER = new At(0);

  /** An existing document's expiry stays as it is; a new document never expires. */
  Expiry KEEP = new Keep();

  /**
   * The document is not served from then on.
   *
   * @param millis since 1970; 0 means never
   */
  record At(long millis) implements Expiry {}

  /** See {@link #KEEP}. */
  record Keep() implements Expiry {}
}
