package dev.meridian.store;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * How far a database is, all of it in one value, which every write replaces.
 *
 * @param applied the newest log entry in it
 * @param epoch its history's, 0 before the first change
 * @param sequence position of the newest change
 * @param timestamp the highest it has seen
 * @param forgotten position of the newest delete whose tombstone has been dropped
 */
record Meta(LogIndex applied, long epoch, long sequence, long timestamp, long forgotten) {
  /** Of an empty database. */
  static final Meta EMPTY = new Meta(LogIndex.NONE, 0, 0, 0, 0);

  /** Under which it is stored. */
  static final byte[] KEY = "state".getBytes(UTF_8);

  /** Before the keys of {@code IndexState}s. */
  static final byte[] INDEX_PREFIX = "index:".getBytes(UTF_8);

  /** Counts index numbers up, so that none is used twice. */
  static final byte[] NEXT_INDEX_KEY = "next-index".getBytes(UTF_8);

  private static final byte FORMAT = 1;
  private static final int LENGTH = 1 + 6 * Long.BYTES;

  byte[] encode() {
    return ByteBuffer.allocate(LENGTH)
        .put(FORMAT)
        .putLong(applied.term())
        .putLong(applied.index())
        .putLong(epoch)
        .putLong(sequence)
        .putLong(timestamp)
        .putLong(forgotten)
        .array();
  }

  static Meta decode(byte @Nullable [] value) {
    if (value == null) {
      return EMPTY;
    }
    if (value.length != LENGTH || value[0] != FORMAT) {
      throw Database.damaged("its state has a form that this version does not know", null);
    }
    ByteBuffer in = ByteBuffer.wrap(value, 1, LENGTH - 1);
    return new Meta(
        new LogIndex(in.getLong(), in.getLong()),
        in.getLong(),
        in.getLong(),
        in.getLong(),
        in.getLong());
  }

  Position position() {
    return epoch == 0 ? Position.START : new Position(epoch, sequence);
  }
}
