package dev.meridian.store;

/** What one command of a log entry did; the same on every replica. */
public sealed interface Outcome {
  /** A batch that was applied, now or by an earlier attempt. */
  record Done(Commit commit) implements Outcome {}

  /** A batch of which nothing was applied. */
  record Failed(StoreException problem) implements Outcome {}

  /**
   * A sweep.
   *
   * @param documents how many expired documents it removed
   * @param tombstones how many it forgot
   * @param keys how many idempotency keys it forgot
   */
  record Swept(int documents, int tombstones, int keys) implements Outcome {}

  /**
   * A flush of pending values.
   *
   * @param documents how many it brought into the documents' tables
   */
  record Flushed(int documents) implements Outcome {}
}
