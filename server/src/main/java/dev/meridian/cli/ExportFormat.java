package dev.meridian.cli;

import dev.meridian.document.Json;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/** How exported documents are written, one after another. */
sealed interface ExportFormat {
  /** What a file of it begins with. */
  default void begin(OutputStream out) throws IOException {}

  /**
   * Writes a document.
   *
   * @param name {@code _id} or {@code _path}
   * @param first whether it is the first one in the file
   */
  void write(OutputStream out, String name, ExportSource.Row row, boolean first) throws IOException;

  /** What a file of it ends with. */
  default void end(OutputStream out) throws IOException {}

  /**
   * A line each: {@code {"_id":…,"_value":…}}, with {@code "_expires"} where it does, or the
   * values.
   */
  record Lines(boolean valuesOnly) implements ExportFormat {
    @Override
    public void write(OutputStream out, String name, ExportSource.Row row, boolean first)
        throws IOException {
      envelope(out, name, row, valuesOnly);
      out.write('\n');
    }
  }

  /** One array of what {@link Lines} writes. */
  record Array(boolean valuesOnly) implements ExportFormat {
    @Override
    public void begin(OutputStream out) throws IOException {
      out.write('[');
    }

    @Override
    public void write(OutputStream out, String name, ExportSource.Row row, boolean first)
        throws IOException {
      out.write((first ? "\n" : ",\n").getBytes(StandardCharsets.US_ASCII));
      envelope(out, name, row, valuesOnly);
    }

    @Override
    public void end(OutputStream out) throws IOException {
      out.write("\n]\n".getBytes(StandardCharsets.US_ASCII));
    }
  }

  /**
   * A row each, after a row of names. Objects and arrays stand as JSON text.
   *
   * @param columns the fields shown, in order
   * @param complete whether they must be all there are
   */
  record Csv(List<String> columns, boolean complete, boolean valuesOnly) implements ExportFormat {
    @Override
    public void begin(OutputStream out) throws IOException {
      StringBuilder row = new StringBuilder(valuesOnly ? "" : "_id");
      for (String column : columns) {
        row.append(row.isEmpty() ? "" : ",").append(cell(column));
      }
      out.write(row.append("\r\n").toString().getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public void write(OutputStream out, String name, ExportSource.Row row, boolean first)
        throws IOException {
      if (!(Json.parse(row.json(), JsonText.LIMITS)
          instanceof Json.Obj(Map<String, Json> fields))) {
        throw new CliException(
            ExitCode.FAILED,
            "'" + row.id() + "' is no object, so it is no row; export it as ndjson");
      }
      for (String field : fields.keySet()) {
        if (complete && !columns.contains(field)) {
          throw new CliException(
              ExitCode.FAILED,
              "'"
                  + row.id()
                  + "' got the field '"
                  + field
                  + "' meanwhile; name the columns: --fields");
        }
      }
      StringBuilder cells = new StringBuilder();
      if (!valuesOnly) {
        cells.append(cell(row.id())).append(columns.isEmpty() ? "" : ",");
      }
      for (int i = 0; i < columns.size(); i++) {
        Json value = fields.get(columns.get(i));
        cells.append(i == 0 ? "" : ",").append(value == null ? "" : cell(text(value)));
      }
      out.write(cells.append("\r\n").toString().getBytes(StandardCharsets.UTF_8));
    }

    private static String text(Json value) {
      return switch (value) {
        case Json.Str(String text) -> text;
        case Json.Null() -> "";
        default -> new String(value.toBytes(), StandardCharsets.UTF_8);
      };
    }

    /** A cell, quoted where it must be (RFC 4180). */
    private static String cell(String text) {
      boolean plain =
          text.chars().noneMatch(c -> c == ',' || c == '"' || c == '\r' || c == '\n')
              && text.equals(text.strip());
      return plain ? text : '"' + text.replace("\"", "\"\"") + '"';
    }
  }

  private static void envelope(
      OutputStream out, String name, ExportSource.Row row, boolean valuesOnly) throws IOException {
    if (valuesOnly) {
      out.write(row.json());
      return;
    }
    String head = "{\"" + name + "\":" + JsonText.MAPPER.writeValueAsString(row.id());
    if (row.expires() != null) {
      head += ",\"_expires\":" + JsonText.MAPPER.writeValueAsString(row.expires());
    }
    out.write((head + ",\"_value\":").getBytes(StandardCharsets.UTF_8));
    out.write(row.json());
    out.write('}');
  }
}
