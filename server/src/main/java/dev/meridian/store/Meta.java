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
 * @param wallMillis the greatest wall clock time of an entry in it, in milliseconds since 1970; 0
 *     when none has told
 * @param entryTimestamp of the newest entry in it, 0 when not known; versions may be above it
 * @param part of the entry after {@code applied}, what of it is in the database already
 * @param pending whether there are pending values, which builds before write-behind would pass over
 */
record Meta(
    LogIndex applied,
    long epoch,
    long sequence,
    long timestamp,
    long forgotten,
    long wallMillis,
    long entryTimestamp,
    Part part,
    boolean pending) {
  /**
   * The beginning of an entry that was written in several steps.
   *
   * @param index the entry's
   * @param commands how many of its commands are done; 0 when the database is between two entries
   */
  record Part(long index, int commands) {
    static final Part NONE = new Part(0, 0);
  }

  /** Of an empty database. */
  static final Meta EMPTY = new Meta(LogIndex.NONE, 0, 0, 0, 0, 0, 0, Part.NONE, false);

  /** Under which it is stored. */
  static final byte[] KEY = "state".getBytes(UTF_8);

  /** Before the keys of {@code IndexState}s. */
  static final byte[] INDEX_PREFIX = "index:".getBytes(UTF_8);

  /** Before the keys of {@link Pending} values. */
  static final byte[] PENDING_PREFIX = "pending:".getBytes(UTF_8);

  /** Counts index numbers up, so that none is used twice. */
  static final byte[] NEXT_INDEX_KEY = "next-index".getBytes(UTF_8);

  /** What was written before entries had parts: all up to {@code forgotten}. */
  private static final byte FORMAT_1 = 1;

  private static final int LENGTH_1 = 1 + 6 * Long.BYTES;
  private static final byte FORMAT_2 = 2;

  /** As 2, and there are pending values: a build that does not know them must not open it. */
  private static final byte FORMAT_3 = 3;

  private static final int LENGTH = LENGTH_1 + 3 * Long.BYTES + Integer.BYTES;

  byte[] encode() {
    return ByteBuffer.allocate(LENGTH)
        .put(pending ? FORMAT_3 : FORMAT_2)
        .putLong(applied.term())
        .putLong(applied.index())
        .putLong(epoch)
        .putLong(sequence)
        .putLong(timestamp)
        .putLong(forgotten)
        .putLong(wallMillis)
        .putLong(entryTimestamp)
        .putLong(part.index())
        .putInt(part.commands())
        .array();
  }

  static Meta decode(byte @Nullable [] value) {
    if (value == null) {
      return EMPTY;
    }
    boolean old = value.length == LENGTH_1 && value[0] == FORMAT_1;
    if (!old && (value.length != LENGTH || (value[0] != FORMAT_2 && value[0] != FORMAT_3))) {
      throw Database.damaged("its state has a form that this version does not know", null);
    }
    ByteBuffer in = ByteBuffer.wrap(value, 1, value.length - 1);
    return new Meta(
        new LogIndex(in.getLong(), in.getLong()),
        in.getLong(),
        in.getLong(),
        in.getLong(),
        in.getLong(),
        old ? 0 : in.getLong(),
        old ? 0 : in.getLong(),
        old ? Part.NONE : new Part(in.getLong(), in.getInt()),
        value[0] == FORMAT_3);
  }

  /**
   * How many commands of the entry at {@code at}, the next one, are done.
   *
   * @throws LogException if the database holds the beginning of another entry
   */
  int done(LogIndex at) {
    if (part.commands() > 0 && part.index() != at.index()) {
      throw new LogException(
          "The database holds the beginning of entry "
              + part.index()
              + ", but the log goes on with entry "
              + at.index()
              + ".",
          null);
    }
    return part.commands();
  }

  Position position() {
    return epoch == 0 ? Position.START : new Position(epoch, sequence);
  }
}
