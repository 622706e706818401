package dev.meridian.document.records;

import dev.meridian.document.Json;
import dev.meridian.document.records.RecordReader.Raw;
import java.io.FilterReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
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

  private final boolean strings;
  private final BoundedReader reader;
  private final CSVParser parser;
  private final Iterator<CSVRecord> rows;
  private @Nullable List<String> names;

  CsvSource(InputStream in, int longest, boolean strings) throws IOException {
    this.strings = strings;
    this.reader =
        new BoundedReader(
            new InputStreamReader(
                in,
                StandardCharsets.UTF_8
                    .newDecoder()
                    .onMalformedInput(CodingErrorAction.REPORT)
                    .onUnmappableCharacter(CodingErrorAction.REPORT)),
            longest);
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
    long line = parser.getCurrentLineNumber();
    if (row.size() != names.size()) {
      return new Raw.Broken(
          line,
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
    return new Raw.Value(line, new Json.Obj(fields));
  }

  private static List<String> checked(List<String> names) throws RecordException {
    if (names.size() > MAX_COLUMNS) {
      throw new RecordException("the file has more than " + MAX_COLUMNS + " columns");
    }
    Set<String> seen = new HashSet<>();
    for (String name : names) {
      if (name.isBlank()) {
        throw new RecordException(
            "the first line of a CSV file names its fields; here one has no name");
      }
      if (name.startsWith("{") || name.startsWith("[")) {
        throw new RecordException("the file looks like JSON, not CSV; say --format");
      }
      if (!seen.add(name)) {
        throw new RecordException("the first line names the field '" + name + "' twice");
      }
    }
    return names;
  }

  private @Nullable CSVRecord row() throws IOException {
    reader.refill();
    try {
      return rows.hasNext() ? rows.next() : null;
    } catch (UncheckedIOException e) {
      throw fatal(Objects.requireNonNullElseGet(e.getCause(), IOException::new));
    } catch (IllegalStateException e) {
      // Older releases wrap what the reader threw in this.
      throw e.getCause() instanceof IOException io ? fatal(io) : fatal(new IOException(e));
    }
  }

  private RecordException fatal(IOException e) {
    long line = parser.getCurrentLineNumber() + 1;
    if (e instanceof RecordException known) {
      return new RecordException(known.getMessage() + ", near line " + line, e);
    }
    if (e instanceof CharacterCodingException) {
      return new RecordException(
          "the file is not UTF-8, near line " + line + "; convert it, for instance with iconv", e);
    }
    return new RecordException(
        "the file is not CSV near line " + line + ": " + e.getMessage() + "; is a quote missing?",
        e);
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
        throw new RecordException(
            "a row is longer than " + allowance + " characters; is a quote missing");
      }
      int read = super.read(to, offset, length);
      left -= Math.max(read, 0);
      return read;
    }

    @Override
    public int read() throws IOException {
      char[] one = new char[1];
      return read(one, 0, 1) < 0 ? -1 : one[0];
    }
  }
}
