package dev.meridian.replica;

/** Told how far a long job has come, every now and then, on the thread that does it. */
public interface Progress {
  /** For those who do not care. */
  Progress NONE = (done, total) -> {};

  /**
   * So far.
   *
   * @param done bytes
   * @param total bytes; at most this much is to be done, 0 when unknown
   */
  void at(long done, long total);
}
