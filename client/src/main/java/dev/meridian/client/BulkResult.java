package dev.meridian.client;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.MappingIterator;

/**
 * What became of one record of {@link MeridianClient#putAll}.
 *
 * @param id the record's id
 * @param etag its document's new version; null when it was not written
 * @param status 0 when it was written; otherwise the HTTP status that fits the reason
 * @param reason why it was not written; empty when it was
 */
public record BulkResult(String id, @Nullable String etag, int status, String reason) {
  /** The status of a record whose result never came: it may or may not have been written. */
  public static final int LOST = 503;

  /** Whether the record is stored. */
  public boolean written() {
    return etag != null;
  }

  /** Reads the answer's lines; a record without one is {@link #LOST}. */
  static List<BulkResult> read(byte[] lines, List<BulkRecord> records) {
    List<BulkResult> results = new ArrayList<>(records.size());
    try (MappingIterator<JsonNode> answers =
        Json.MAPPER.readerFor(JsonNode.class).readValues(lines)) {
      while (results.size() < records.size() && answers.hasNext()) {
        JsonNode answer = answers.next();
        String id = records.get(results.size()).id();
        if (!answer.path("id").asString(id).equals(id)) {
          break; // Not the answer to these lines.
        }
        JsonNode etag = answer.path("etag");
        if (etag.isString()) {
          results.add(new BulkResult(id, Json.unquote(etag.stringValue()), 0, ""));
        } else {
          JsonNode problem = answer.path("problem");
          results.add(
              new BulkResult(
                  id,
                  null,
                  problem.path("status").asInt(LOST),
                  problem.path("detail").asString("the server did not say why")));
        }
      }
    } catch (JacksonException e) {
      // The answer broke off; what is missing is filled in below.
    }
    while (results.size() < records.size()) {
      results.add(
          new BulkResult(
              records.get(results.size()).id(),
              null,
              LOST,
              "the server's answer broke off before this record"));
    }
    return results;
  }
}
