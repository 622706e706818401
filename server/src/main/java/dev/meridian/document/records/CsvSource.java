package dev.meridian.document.records;

import dev.meridian.document.Json;
import dev.meridian.document.records.RecordReader.Raw;
import java.io.FilterReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVRecord;
import org.jspecify.annotations.Nullable;

/**
 * Rows of a CSV file as objects. An empty cell is a field that is not there.
 *
 * <p>A cell becomes a number, true or false only when nothing is lost by it: {@code 12}, {@code
 * -0.5} and {@code 1.50} do; {@code 007}, {@code +1}, {@code 1e3}, {@code 12345678901234567890} and
 * {@code TRUE} stay text, for they may be a post code, a phone number, a part number or an account.
 */
final class CsvSource implements RecordReader.Source {
  private static final Pattern NUMBER = Pattern.compile("-?(0|[1-9][0-9]*)(\\.[0-9]+)?");

  /** Digits that a binary double keeps, whatever they are. */
  private static final int SAFE_DIGITS = 15;

  private static final int MAX_COLUMNS = 10_000;

  /**
   * Stands for bytes that are not UTF-8: half a surrogate pair, which UTF-8 cannot hold. So they
   * are found in the row they are in, and not where the decoder's buffer happens to begin.
   */
  private static final String NOT_UTF_8 = "\ud800";

  /** What reads ahead of the parser. */
  private static final int READ_AHEAD = 1 << 14;

  private final int longest;
  private final boolean strings;
  private final BoundedReader reader;
  private final CSVParser parser;
  private final Iterator<CSVRecord> rows;
  private @Nullable List<String> names;

  /** The line the last row ends on. */
  private long line;

  CsvSource(InputStream in, int longest, boolean strings) throws IOException {
    this.strings = strings;
    this.reader =
        new BoundedReader(
            new InputStreamReader(
                in,
                StandardCharsets.UTF_8
                    .newDecoder()
                    .onMalformedInput(CodingErrorAction.REPLACE)
                    .onUnmappableCharacter(CodingErrorAction.REPLACE)
                    .replaceWith(NOT_UTF_8)),
            longest + READ_AHEAD);
    this.longest = longest;
    this.parser = CSVFormat.RFC4180.builder().setIgnoreEmptyLines(true).get().parse(reader);
    this.rows = parser.iterator();
  }

  @Override
  public @Nullable Raw next() throws IOException {
    if (names == null) {
      CSVRecord header = row();
      if (header == null) {
        return null;
      }
      names = checked(header.toList());
    }
    CSVRecord row = row();
    if (row == null) {
      return null;
    }
    long begin = line - row.stream().mapToLong(CsvSource::lineEnds).sum();
    String fault = fault(row);
    if (fault != null) {
      return new Raw.Broken(begin, fault);
    }
    if (row.size() != names.size()) {
      return new Raw.Broken(
          begin,
          "the row has "
              + row.size()
              + " cells, but the first line names "
              + names.size()
              + " fields");
    }
    Map<String, Json> fields = new LinkedHashMap<>();
    for (int i = 0; i < names.size(); i++) {
      String cell = row.get(i);
      if (!cell.isEmpty()) {
        fields.put(names.get(i), strings ? new Json.Str(cell) : infer(cell));
      }
    }
    return new Raw.Value(begin, new Json.Obj(fields));
  }

  /** Why a row holds what no file of text does; null if it does not. */
  private @Nullable String fault(CSVRecord row) {
    long chars = row.size() - 1L;
    for (String cell : row) {
      chars += cell.length();
      if (isNotUtf8(cell)) {
        return "the row is not UTF-8; convert the file, for instance with iconv";
      }
      if (cell.indexOf('\0') >= 0) {
        return "the row holds a NUL character; is the file damaged, or not text at all?";
      }
    }
    return chars > longest ? "the row is longer than " + longest + " characters" : null;
  }

  private static boolean isNotUtf8(String cell) {
    return cell.codePoints().anyMatch(c -> c >= 0xd800 && c <= 0xdfff);
  }

  /** Line ends within a cell, as the parser counts them. */
  private static long lineEnds(String cell) {
    long count = 0;
    for (int i = 0; i < cell.length(); i++) {
      char c = cell.charAt(i);
      if (c == '\r' || (c == '\n' && (i == 0 || cell.charAt(i - 1) != '\r'))) {
        count++;
      }
    }
    return count;
  }

  private static List<String> checked(List<String> names) throws RecordException {
    if (names.size() > MAX_COLUMNS) {
      throw new RecordException("the file has more than " + MAX_COLUMNS + " columns");
    }
    Set<String> seen = new HashSet<>();
    for (String name : names) {
      if (isNotUtf8(name)) {
        throw new RecordException(
            "the file is not UTF-8, in its first line; convert it, for instance with iconv");
      }
      if (name.chars().anyMatch(c -> c < ' ' && c != '\t' && c != '\n' && c != '\r')) {
        throw new RecordException(
            "the first line of a CSV file names its fields; here it holds control characters:"
                + " is the file UTF-16, or not text at all?");
      }
      if (name.isBlank()) {
        throw new RecordException(
            "the first line of a CSV file names its fields; here one has no name");
      }
      if (name.startsWith("{") || name.startsWith("[")) {
        throw new RecordException("the file looks like JSON, not CSV; say --format");
      }
      if (name.startsWith("<")) {
        throw new RecordException("the file looks like HTML or XML, not CSV");
      }
      if (!seen.add(name)) {
        throw new RecordException("the first line names the field '" + name + "' twice");
      }
    }
    if (names.size() == 1 && names.getFirst().chars().anyMatch(c -> ";\t|".indexOf(c) >= 0)) {
      throw new RecordException(
          "the first line names only the field '"
              + names.getFirst().replaceAll("\\s", " ")
              + "'; separate the cells by commas");
    }
    return names;
  }

  private @Nullable CSVRecord row() throws IOException {
    reader.refill();
    try {
      CSVRecord row = rows.hasNext() ? rows.next() : null;
      line = parser.getCurrentLineNumber();
      return row;
    } catch (UncheckedIOException e) {
      throw fatal(Objects.requireNonNullElseGet(e.getCause(), IOException::new));
    } catch (IllegalStateException e) {
      // Older releases wrap what the reader threw in this.
      throw e.getCause() instanceof IOException io ? fatal(io) : fatal(new IOException(e));
    }
  }

  private IOException fatal(IOException e) {
    if (e == reader.failure) {
      return e; // of the file's reading, not of what is in it
    }
    String where = "the row at line " + (line + 1);
    return new RecordException(
        e instanceof RecordException
            ? where + " " + e.getMessage()
            : where + " is not CSV: " + reason(e) + "; is a quote missing?",
        e);
  }

  /** What the parser says, without where its own reader was. */
  private static String reason(IOException e) {
    String message = String.valueOf(e.getMessage());
    return message.contains("EOF reached")
        ? "a quote that begins in it is not closed"
        : "there is something between a quote that ends a cell and the comma";
  }

  /** The value a cell stands for; text unless it is exactly what JSON would write. */
  static Json infer(String cell) {
    if (cell.equals("true") || cell.equals("false")) {
      return new Json.Bool(cell.equals("true"));
    }
    if (cell.length() <= SAFE_DIGITS + 2 && NUMBER.matcher(cell).matches()) {
      long digits = cell.chars().filter(c -> c >= '0' && c <= '9').count();
      if (digits <= SAFE_DIGITS && !cell.equals("-0")) {
        return new Json.Num(cell);
      }
    }
    return new Json.Str(cell);
  }

  /** Lets only so much through for each record, or a missing quote would take the whole file. */
  private static final class BoundedReader extends FilterReader {
    private final int allowance;
    private long left;
    private int last = '\n';
    private @Nullable IOException failure;

    BoundedReader(Reader in, int allowance) {
      super(in);
      this.allowance = allowance;
    }

    void refill() {
      left = allowance;
    }

    @Override
    public int read(char[] to, int offset, int length) throws IOException {
      if (left <= 0) {
        throw new RecordException("is longer than may be; is a quote missing?");
      }
      int read;
      try {
        read = super.read(to, offset, length);
      } catch (IOException e) {
        failure = e;
        throw e;
      }
      if (read > 0) {
        left -= read;
        last = to[offset + read - 1];
      } else if (read < 0 && last != '\n' && last != '\r') {
        // The parser counts lines by their ends, so the last one gets one too.
        last = '\n';
        to[offset] = '\n';
        return 1;
      }
      return read;
    }

    @Override
    public int read() throws IOException {
      char[] one = new char[1];
      return read(one, 0, 1) < 0 ? -1 : one[0];
    }
  }
}
