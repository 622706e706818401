package dev.meridian.store;

import java.nio.ByteBuffer;

/**
 * The value of a document that has not been flushed yet: what all writes so far made of it.
 *
 * @param since timestamp of the first write since the last flush; no two pending values share one
 * @param dueMillis when it is to be flushed, in the log's time
 * @param maxBytes what may be pending in the shard, by the greatest word of its writes
 * @param live the value, of the last write's version; at no position in the change feed
 */
record Pending(long since, long dueMillis, long maxBytes, Stored.Live live) {
  /** The position of a value that the change feed does not have. */
  static final long NO_POSITION = 0;

  private static final byte FORMAT = 1;
  private static final int HEADER = 1 + 3 * Long.BYTES;

  /** About what an entry costs in memory beside its key and its value. */
  private static final int ENTRY_BYTES = 256;

  byte[] encode() {
    return ByteBuffer.allocate(HEADER + live.raw().length)
        .put(FORMAT)
        .putLong(since)
        .putLong(dueMillis)
        .putLong(maxBytes)
        .put(live.raw())
        .array();
  }

  static Pending decode(byte[] value) {
    if (value.length < HEADER || value[0] != FORMAT) {
      throw Database.damaged("a pending value has an unknown form", null);
    }
    ByteBuffer in = ByteBuffer.wrap(value, 1, value.length - 1);
    long since = in.getLong();
    long due = in.getLong();
    long most = in.getLong();
    byte[] raw = new byte[in.remaining()];
    in.get(raw);
    return new Pending(since, due, most, Stored.Live.decode(raw));
  }

  /** What it counts against the bound. */
  long bytes(byte[] key) {
    return ENTRY_BYTES + 3L * key.length + live.raw().length;
  }
}
