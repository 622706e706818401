package dev.meridian.document.records;

import dev.meridian.document.FieldPath;
import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Json;
import dev.meridian.document.JsonLimits;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads a file of records, one after another, in the memory of one record.
 *
 * <p>A record is a JSON value, or a CSV row as an object. Its id is what its field {@code _id}, or
 * else {@code id}, or the field of the reader's choice holds: text or an integer. {@code _id} is
 * not part of the value; {@code id} and any other field are. A record with exactly the members
 * {@code _value} and {@code _id}, or {@code _value} and {@code _path}, and perhaps {@code
 * _expires}, is one that an export wrote: its value is what {@code _value} holds.
 *
 * <p>The format is seen from the first byte ({@code [} a JSON array, <code>{</code> NDJSON,
 * anything else CSV) unless it is told; gzip from its magic number. Not for several threads.
 */
public final class RecordReader implements AutoCloseable {
  static final String ID = "_id";
  static final String PATH = "_path";
  static final String VALUE = "_value";
  static final String EXPIRES = "_expires";

  private static final int BUFFER_BYTES = 1 << 16;

  private final Source source;
  private final Options options;

  /**
   * How to read.
   *
   * @param format null: seen from the first byte
   * @param id the field, {@code name} or {@code outer.inner}, that holds each record's id; null:
   *     {@code _id} or {@code id} where there is one
   * @param strings whether every CSV cell is text; otherwise one that is written exactly as JSON
   *     would write a number, true or false is that
   * @param limits of each record
   */
  public record Options(
      @Nullable RecordFormat format, @Nullable FieldPath id, boolean strings, JsonLimits limits) {
    /** Everything by itself, documents of the usual size. */
    public static final Options DEFAULT = new Options(null, null, false, JsonLimits.DEFAULT);
  }

  /** One record's text and where it stands; or a reason why there is none. */
  sealed interface Raw {
    long line();

    /** A JSON text, not checked yet. */
    @SuppressWarnings("ArrayRecordComponent") // handed over
    record Text(long line, byte[] json) implements Raw {}

    /** A value already read. */
    record Value(long line, Json json) implements Raw {}

    /** No record. */
    record Broken(long line, String reason) implements Raw {}
  }

  /** Cuts a file into records. */
  interface Source {
    /** The next record, or null at the end. */
    @Nullable Raw next() throws IOException;
  }

  private final @Nullable Gunzip gunzip;
  private final JsonLimits envelope;
  private long number;

  private RecordReader(Source source, Options options, int longest, @Nullable Gunzip gunzip) {
    this.source = source;
    this.options = options;
    this.gunzip = gunzip;
    // What stands around an exported value must not count, or the largest could not come back.
    this.envelope =
        options
            .limits()
            .withBytes(longest)
            .withDepth(Math.min(options.limits().depth() + 1, JsonLimits.MAX_DEPTH));
  }

  /**
   * Reads a gzipped file to its end, to see that it is whole: its checksum comes last, and a
   * damaged one may look like records until then. Other files are not looked at.
   *
   * @throws RecordException if it is damaged or cut off
   */
  public static void checkWhole(InputStream in) throws IOException {
    InputStream bytes = buffered(in);
    if (startsWith(bytes, 0x1f, 0x8b)) {
      try (Gunzip gunzip = new Gunzip(bytes)) {
        gunzip.transferTo(OutputStream.nullOutputStream());
      }
    }
  }

  /**
   * Begins to read {@code in}, which stays the caller's to close.
   *
   * @throws RecordException if it cannot be a file of records
   */
  public static RecordReader open(InputStream in, Options options) throws IOException {
    InputStream bytes = buffered(in);
    if (!startsWith(bytes, 0x1f, 0x8b)) {
      return open(bytes, options, null);
    }
    Gunzip gunzip = new Gunzip(bytes);
    boolean opened = false;
    try {
      RecordReader reader = open(buffered(gunzip), options, gunzip);
      opened = true;
      return reader;
    } finally {
      if (!opened) {
        gunzip.close();
      }
    }
  }

  private static RecordReader open(InputStream bytes, Options options, @Nullable Gunzip gunzip)
      throws IOException {
    if (startsWith(bytes, 0xef, 0xbb, 0xbf)) {
      bytes.skipNBytes(3);
    }
    RecordFormat format = options.format();
    if (format == null) {
      format = detect(bytes);
    }
    int longest = Math.min(options.limits().bytes(), 1 << 28) * 2;
    Source source =
        switch (format) {
          case NDJSON -> new LineSource(bytes, longest);
          case JSON -> new ArraySource(bytes, longest);
          case CSV -> new CsvSource(bytes, longest, options.strings());
        };
    return new RecordReader(source, options, longest, gunzip);
  }

  /**
   * The next record.
   *
   * @return null at the end
   * @throws RecordException if nothing after this point can be read
   */
  public @Nullable RecordItem next() throws IOException {
    Raw raw = source.next();
    if (raw == null) {
      return null;
    }
    number++;
    return switch (raw) {
      case Raw.Broken broken -> new RecordItem.Bad(number, broken.line(), broken.reason());
      case Raw.Value value -> item(value.line(), value.json());
      case Raw.Text text -> {
        try {
          yield item(text.line(), Json.parse(text.json(), envelope));
        } catch (InvalidInputException e) {
          yield new RecordItem.Bad(number, text.line(), message(e));
        }
      }
    };
  }

  private RecordItem item(long line, Json json) {
    String path = null;
    String id = null;
    String expires = null;
    Json value = json;
    if (json instanceof Json.Obj(Map<String, Json> members)) {
      String expiry = members.get(EXPIRES) instanceof Json.Str(String text) ? text : null;
      Json wrapped = members.size() == (expiry == null ? 2 : 3) ? members.get(VALUE) : null;
      Json exportedPath = wrapped == null ? null : members.get(PATH);
      Json exportedId = wrapped == null ? null : members.get(ID);
      try {
        if (wrapped != null && exportedPath instanceof Json.Str(String from)) {
          path = from;
          expires = expiry;
          value = wrapped;
        } else if (wrapped != null && exportedId != null) {
          id = text(exportedId, ID);
          expires = expiry;
          value = wrapped;
        } else {
          id = ownId(json, members);
          if (members.containsKey(ID)) {
            Map<String, Json> rest = new LinkedHashMap<>(members);
            rest.remove(ID);
            value = new Json.Obj(rest);
          }
        }
      } catch (InvalidInputException e) {
        return new RecordItem.Bad(number, line, message(e));
      }
    } else if (options.id() != null) {
      return new RecordItem.Bad(
          number, line, "the record is no object, so it has no field '" + options.id() + "'");
    }
    JsonLimits limits = options.limits();
    if (isDeeperThan(limits.depth(), value)) {
      return new RecordItem.Bad(
          number,
          line,
          "the record is nested deeper than " + limits.depth() + " levels; flatten it");
    }
    byte[] bytes = value.toBytes();
    if (bytes.length > limits.bytes()) {
      return new RecordItem.Bad(
          number, line, "the record is larger than " + limits.bytes() + " bytes; split it");
    }
    return new RecordItem.Good(number, line, path, id, expires, bytes);
  }

  private static boolean isDeeperThan(int levels, Json value) {
    return switch (value) {
      case Json.Arr(List<Json> items) ->
          levels == 0 || items.stream().anyMatch(item -> isDeeperThan(levels - 1, item));
      case Json.Obj(Map<String, Json> members) ->
          levels == 0 || members.values().stream().anyMatch(m -> isDeeperThan(levels - 1, m));
      default -> false;
    };
  }

  private @Nullable String ownId(Json json, Map<String, Json> members) {
    FieldPath wanted = options.id();
    if (wanted != null) {
      Json found = json.at(wanted);
      if (found == null) {
        throw new InvalidInputException("the record has no field '" + wanted + "' for its id");
      }
      return text(found, wanted.toString());
    }
    for (String name : new String[] {ID, "id"}) {
      Json found = members.get(name);
      if (found != null) {
        return text(found, name);
      }
    }
    return null;
  }

  private static String text(Json id, String field) {
    return switch (id) {
      case Json.Str(String text) -> text;
      case Json.Num(String text) when text.matches("-?[0-9]+") -> text;
      default ->
          throw new InvalidInputException(
              "the field '" + field + "' is no id: it must be text or an integer");
    };
  }

  private static RecordFormat detect(InputStream in) throws IOException {
    in.mark(BUFFER_BYTES);
    int first = ' ';
    for (int i = 0; i < BUFFER_BYTES && isSpace(first); i++) {
      first = in.read();
    }
    in.reset();
    return switch (first) {
      case '[' -> RecordFormat.JSON;
      case '{', -1 -> RecordFormat.NDJSON;
      default -> RecordFormat.CSV;
    };
  }

  static boolean isSpace(int c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
  }

  private static BufferedInputStream buffered(InputStream in) {
    return new BufferedInputStream(in, BUFFER_BYTES);
  }

  private static boolean startsWith(InputStream in, int... bytes) throws IOException {
    in.mark(bytes.length);
    boolean same = true;
    for (int b : bytes) {
      same &= in.read() == b;
    }
    in.reset();
    return same;
  }

  private static String message(InvalidInputException e) {
    String message = e.getMessage();
    return message == null ? "the record is not valid" : message;
  }

  /** Frees what reading took; the stream is the caller's. */
  @Override
  public void close() {
    if (gunzip != null) {
      gunzip.close();
    }
  }
}
