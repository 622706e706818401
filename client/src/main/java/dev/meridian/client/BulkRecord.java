package dev.meridian.client;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.io.JsonStringEncoder;

/**
 * One document of {@link MeridianClient#putAll}.
 *
 * @param id its id in the collection
 * @param json its value as JSON in UTF-8, on one line
 * @param expires when it expires (RFC 3339), or {@code never}; null leaves it to the collection
 */
@SuppressWarnings("ArrayRecordComponent") // shared, never changed
public record BulkRecord(String id, byte[] json, @Nullable String expires) {
  /** A record whose expiry its collection decides. */
  public BulkRecord(String id, byte[] json) {
    this(id, json, null);
  }

  /** A second line would be a record of its own, and the results those of others. */
  private void check() {
    for (byte b : json) {
      if (b == '\n') {
        throw new IllegalArgumentException(
            "the JSON of record '" + id + "' is not on one line; write it without line breaks");
      }
    }
    if (!Addresses.isUnicode(id)) {
      throw new IllegalArgumentException("the id '" + id + "' is no Unicode text");
    }
  }

  /** The records as NDJSON, a line {@code {"id":…,"value":…,"expires":…}} for each. */
  static byte[] lines(List<BulkRecord> records) {
    int size = 0;
    for (BulkRecord record : records) {
      record.check();
      size += record.json.length + record.id.length() + 64;
    }
    ByteArrayOutputStream lines = new ByteArrayOutputStream(size);
    for (BulkRecord record : records) {
      StringBuilder head = new StringBuilder("{\"id\":\"");
      JsonStringEncoder.getInstance().quoteAsString(record.id, head);
      if (record.expires != null) {
        head.append("\",\"expires\":\"");
        JsonStringEncoder.getInstance().quoteAsString(record.expires, head);
      }
      head.append("\",\"value\":");
      lines.writeBytes(head.toString().getBytes(StandardCharsets.UTF_8));
      lines.writeBytes(record.json);
      lines.write('}');
      lines.write('\n');
    }
    return lines.toByteArray();
  }
}
