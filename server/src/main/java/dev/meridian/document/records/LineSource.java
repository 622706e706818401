package dev.meridian.document.records;

import dev.meridian.document.records.RecordReader.Raw;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import org.jspecify.annotations.Nullable;

/** A record on each line; empty lines are nothing. */
final class LineSource implements RecordReader.Source {
  private final InputStream in;
  private final int longest;
  private final byte[] buffer = new byte[1 << 16];
  private int pos;
  private int end;
  private long line;

  LineSource(InputStream in, int longest) {
    this.in = in;
    this.longest = longest;
  }

  @Override
  public @Nullable Raw next() throws IOException {
    while (true) {
      byte[] text = readLine();
      if (text == null) {
        return null;
      }
      if (text.length > longest) {
        return new Raw.Broken(line, "the line is longer than " + longest + " bytes");
      }
      if (!isBlank(text)) {
        return new Raw.Text(line, text);
      }
    }
  }

  /** The next line; of one that is too long, a little more than is allowed. Null at the end. */
  private byte @Nullable [] readLine() throws IOException {
    ByteArrayOutputStream pieces = null;
    while (true) {
      if (pos == end) {
        end = Math.max(in.read(buffer), 0);
        pos = 0;
        if (end == 0) {
          line++;
          return pieces == null ? null : pieces.toByteArray();
        }
      }
      int from = pos;
      while (pos < end && buffer[pos] != '\n') {
        pos++;
      }
      int length = pos - from;
      boolean complete = pos < end;
      if (complete && pieces == null) {
        pos++;
        line++;
        return java.util.Arrays.copyOfRange(buffer, from, from + length);
      }
      if (pieces == null) {
        pieces = new ByteArrayOutputStream(length);
      }
      pieces.write(buffer, from, Math.min(length, longest + 1 - Math.min(pieces.size(), longest)));
      if (complete) {
        pos++;
        line++;
        return pieces.toByteArray();
      }
    }
  }

  private static boolean isBlank(byte[] text) {
    for (byte b : text) {
      if (!RecordReader.isSpace(b)) {
        return false;
      }
    }
    return true;
  }
}
