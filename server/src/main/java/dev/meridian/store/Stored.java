package dev.meridian.store;

import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Version;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/** What the database remembers of a path: a document, or that there was one. */
sealed interface Stored {
  /** The version of the write or the delete. */
  Version version();

  /** Its place in the change feed. */
  long position();

  /**
   * A document: a header of fixed length, then its JSON. One byte array, written and read as it is.
   */
  final class Live implements Stored {
    /*
     * format u8 · timestamp u64 · region u16 · position u64 · expiry in milliseconds u64 · JSON
     */
    private static final VarHandle LONG =
        MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);
    private static final VarHandle SHORT =
        MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.BIG_ENDIAN);
    private static final byte FORMAT = 1;
    private static final int TIMESTAMP = 1;
    private static final int REGION = 9;
    private static final int POSITION = 11;
    private static final int EXPIRY = 19;

    /** Bytes before the JSON. */
    static final int HEADER = 27;

    private final byte[] raw;

    private Live(byte[] raw) {
      this.raw = raw;
    }

    static Live of(Version version, long position, long expiresAtMillis, byte[] json) {
      byte[] raw = new byte[HEADER + json.length];
      raw[0] = FORMAT;
      LONG.set(raw, TIMESTAMP, version.timestamp());
      SHORT.set(raw, REGION, (short) version.region());
      LONG.set(raw, POSITION, position);
      LONG.set(raw, EXPIRY, expiresAtMillis);
      System.arraycopy(json, 0, raw, HEADER, json.length);
      return new Live(raw);
    }

    /** The same at another position. */
    Live at(long position) {
      return of(version(), position, expiresAtMillis(), json());
    }

    /** A document without its value; see {@link #head()}. */
    static Live head(Version version, long position, long expiresAtMillis) {
      return of(version, position, expiresAtMillis, new byte[0]);
    }

    static Live decode(byte[] raw) {
      if (raw.length < HEADER || raw[0] != FORMAT) {
        throw Database.damaged("a document has an unknown form", null);
      }
      return new Live(raw);
    }

    /** The same without its value, which {@link #isHead} tells: only what the header says. */
    Live head() {
      return isHead() ? this : new Live(Arrays.copyOf(raw, HEADER));
    }

    /** Whether the value was left away; no stored value is empty. */
    boolean isHead() {
      return raw.length == HEADER;
    }

    /** To be stored; not to be changed. */
    byte[] raw() {
      return raw;
    }

    @Override
    public Version version() {
      return new Version((long) LONG.get(raw, TIMESTAMP), (short) SHORT.get(raw, REGION) & 0xffff);
    }

    @Override
    public long position() {
      return (long) LONG.get(raw, POSITION);
    }

    long expiresAtMillis() {
      return (long) LONG.get(raw, EXPIRY);
    }

    boolean isExpiredAt(long nowMillis) {
      long expiry = expiresAtMillis();
      return expiry != Document.NEVER && expiry <= nowMillis;
    }

    /** A copy. */
    byte[] json() {
      return Arrays.copyOfRange(raw, HEADER, raw.length);
    }

    int jsonLength() {
      return raw.length - HEADER;
    }

    Document document(DocumentPath path) {
      return new Document(path, version(), expiresAtMillis(), json());
    }
  }

  /**
   * A document was deleted here.
   *
   * @param timestamp the log's time when it was, as a timestamp, by which the grace is counted
   */
  record Tombstone(Version version, long position, long timestamp) implements Stored {
    private static final int LENGTH = 26;

    byte[] encode() {
      return java.nio.ByteBuffer.allocate(LENGTH)
          .putLong(version.timestamp())
          .putShort((short) version.region())
          .putLong(position)
          .putLong(timestamp)
          .array();
    }

    static Tombstone decode(byte[] raw) {
      if (raw.length != LENGTH) {
        throw Database.damaged("a tombstone has an unknown form", null);
      }
      var buffer = java.nio.ByteBuffer.wrap(raw);
      return new Tombstone(
          new Version(buffer.getLong(), buffer.getShort() & 0xffff),
          buffer.getLong(),
          buffer.getLong());
    }
  }
}
