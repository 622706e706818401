package dev.meridian.document.records;

import dev.meridian.document.records.RecordReader.Raw;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import org.jspecify.annotations.Nullable;

/**
 * The elements of one JSON array, cut at the commas between them. Only brackets and strings are
 * followed here; whether an element is JSON is for its reader to say.
 */
final class ArraySource implements RecordReader.Source {
  private final InputStream in;
  private final int longest;
  private long line = 1;
  private boolean begun;
  private boolean ended;

  ArraySource(InputStream in, int longest) {
    this.in = in;
    this.longest = longest;
  }

  @Override
  public @Nullable Raw next() throws IOException {
    if (ended) {
      return null;
    }
    int c = skipSpace();
    if (!begun) {
      begun = true;
      if (c != '[') {
        throw new RecordException(
            "a JSON file of records begins with '['; for NDJSON or CSV say" + " --format");
      }
      c = skipSpace();
      if (c == ']') {
        return end();
      }
    }
    long start = line;
    ByteArrayOutputStream element = new ByteArrayOutputStream(256);
    int depth = 0;
    boolean string = false;
    while (true) {
      if (c < 0) {
        throw new RecordException(
            "the array that begins the file is not closed: the element at line "
                + start
                + " has no end; is the file complete?");
      }
      if (c == '\n') {
        line++;
      }
      if (string) {
        keep(element, c);
        if (c == '\\') {
          c = in.read();
          keepEscaped(element, c);
          line += c == '\n' ? 1 : 0;
        } else if (c == '"') {
          string = false;
        }
      } else if (depth == 0 && (c == ',' || c == ']')) {
        ended = c == ']';
        if (ended) {
          end();
        }
        break;
      } else {
        keep(element, c);
        switch (c) {
          case '"' -> string = true;
          case '[', '{' -> depth++;
          case ']', '}' -> {
            if (--depth < 0) {
              throw new RecordException(
                  "the array is broken at line " + line + ": the '}' there closes nothing");
            }
          }
          default -> {
            // Part of a number or a word.
          }
        }
      }
      c = in.read();
    }
    if (element.size() > longest) {
      return new Raw.Broken(start, "the record is longer than " + longest + " bytes");
    }
    return new Raw.Text(start, element.toByteArray());
  }

  private void keepEscaped(ByteArrayOutputStream element, int c) {
    if (c >= 0) {
      keep(element, c);
    }
  }

  private void keep(ByteArrayOutputStream element, int c) {
    if (element.size() <= longest) {
      element.write(c);
    }
  }

  private int skipSpace() throws IOException {
    int c = in.read();
    while (RecordReader.isSpace(c)) {
      if (c == '\n') {
        line++;
      }
      c = in.read();
    }
    return c;
  }

  private @Nullable Raw end() throws IOException {
    ended = true;
    if (skipSpace() >= 0) {
      throw new RecordException("there is more after the array's end, at line " + line);
    }
    return null;
  }
}
