package dev.meridian.document.records;

import java.io.IOException;
import java.io.InputStream;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.jspecify.annotations.Nullable;

/**
 * What gzip compressed, of any number of members (RFC 1952). Whatever is not whole and right to the
 * file's last byte is a {@link RecordException}; only zeros may follow, with which tapes and blocks
 * are filled up.
 */
final class Gunzip extends InputStream {
  /*
   * Not java.util.zip.GZIPInputStream: it takes a damaged member after the first, and every further
   * one of a pipe that is slow, for the file's end.
   */
  private static final int MAGIC_1 = 0x1f;
  private static final int MAGIC_2 = 0x8b;
  private static final int DEFLATE = 8;
  private static final int HEADER_CHECK = 2;
  private static final int EXTRA = 4;
  private static final int NAME = 8;
  private static final int COMMENT = 16;
  private static final int RESERVED = 0xe0;

  private final InputStream in;
  private final Inflater inflater = new Inflater(true);
  private final CRC32 check = new CRC32();
  private final byte[] buffer = new byte[1 << 16];
  private int pos;
  private int end;
  private boolean inMember;
  private boolean first = true;

  Gunzip(InputStream in) {
    this.in = in;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] to, int offset, int length) throws IOException {
    if (length == 0) {
      return 0;
    }
    while (inMember || beginMember()) {
      int count;
      try {
        count = inflater.inflate(to, offset, length);
      } catch (DataFormatException e) {
        throw damaged("its data make no sense", e);
      }
      if (count > 0) {
        check.update(to, offset, count);
        return count;
      }
      if (inflater.finished()) {
        pos = end - inflater.getRemaining();
        endMember();
      } else if (inflater.needsDictionary()) {
        throw damaged("it wants a dictionary", null);
      } else if (fill()) {
        inflater.setInput(buffer, pos, end - pos);
        pos = end;
      } else {
        throw cutOff();
      }
    }
    return -1;
  }

  /** False at the file's end. */
  private boolean beginMember() throws IOException {
    if (!first && isEnd()) {
      return false;
    }
    first = false;
    check.reset();
    if (header() != MAGIC_1 || header() != MAGIC_2) {
      throw damaged("there is something else after its data", null);
    }
    if (header() != DEFLATE) {
      throw damaged("it is compressed in an unknown way", null);
    }
    int flags = header();
    if ((flags & RESERVED) != 0) {
      throw damaged("its header makes no sense", null);
    }
    skip(6); // time, level and system
    if ((flags & EXTRA) != 0) {
      skip(header() | header() << 8);
    }
    for (int text : new int[] {NAME, COMMENT}) {
      if ((flags & text) != 0) {
        while (header() != 0) {
          // A name or a comment, to its zero.
        }
      }
    }
    if ((flags & HEADER_CHECK) != 0) {
      int wanted = (int) check.getValue() & 0xffff;
      if ((header() | header() << 8) != wanted) {
        throw damaged("its header does not fit its checksum", null);
      }
    }
    check.reset();
    inflater.reset();
    inflater.setInput(buffer, pos, end - pos);
    pos = end;
    inMember = true;
    return true;
  }

  private void endMember() throws IOException {
    inMember = false;
    long wantedCheck = check.getValue();
    long wantedSize = inflater.getBytesWritten() & 0xffffffffL;
    if (fourBytes() != wantedCheck || fourBytes() != wantedSize) {
      throw damaged("its data do not fit its checksum", null);
    }
  }

  /** Whether nothing but zeros is left. */
  private boolean isEnd() throws IOException {
    boolean padded = false;
    while (pos < end || fill()) {
      if (buffer[pos] != 0) {
        if (padded) {
          throw damaged("there is something else after its data", null);
        }
        return false;
      }
      padded = true;
      pos++;
    }
    return true;
  }

  private void skip(int bytes) throws IOException {
    for (int i = 0; i < bytes; i++) {
      header();
    }
  }

  private long fourBytes() throws IOException {
    long value = 0;
    for (int shift = 0; shift < 32; shift += 8) {
      value |= (long) next() << shift;
    }
    return value;
  }

  private int header() throws IOException {
    int b = next();
    check.update(b);
    return b;
  }

  private int next() throws IOException {
    if (pos == end && !fill()) {
      throw cutOff();
    }
    return buffer[pos++] & 0xff;
  }

  private boolean fill() throws IOException {
    pos = 0;
    end = Math.max(in.read(buffer), 0);
    return end > 0;
  }

  private static RecordException cutOff() {
    return new RecordException("the gzip file is cut off; copy it again");
  }

  private static RecordException damaged(String why, @Nullable Throwable cause) {
    String message = "the gzip file is damaged: " + why + "; copy it again";
    return cause == null ? new RecordException(message) : new RecordException(message, cause);
  }

  /** Frees the memory outside the heap; the stream below stays its owner's to close. */
  @Override
  public void close() {
    inflater.end();
  }
}
