package dev.meridian.cli;

import dev.meridian.client.Document;
import dev.meridian.client.ListOptions;
import dev.meridian.client.MeridianClient;
import dev.meridian.client.Page;
import dev.meridian.document.Json;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Where an export gets its documents: in portions, each with a place to go on after. */
interface ExportSource extends AutoCloseable {
  /** A document, what names it, and when it expires if it does. */
  @SuppressWarnings("ArrayRecordComponent") // handed over
  record Row(String id, @Nullable String expires, byte[] json) {}

  /**
   * Some documents.
   *
   * @param rows may be empty
   * @param next goes on after them; null when these are the last
   */
  record Portion(List<Row> rows, @Nullable String next) {}

  /** The next documents. */
  Portion next() throws IOException;

  @Override
  default void close() throws IOException {}

  /** A collection, page by page. */
  final class OfCollection implements ExportSource {
    private final MeridianClient client;
    private final String collection;
    private final ListOptions options;
    private @Nullable String after;

    OfCollection(
        MeridianClient client, String collection, ListOptions options, @Nullable String after) {
      this.client = client;
      this.collection = collection;
      this.options = options;
      this.after = after;
    }

    @Override
    public Portion next() {
      Page page = client.page(collection, options, after);
      after = page.next();
      List<Row> rows = new ArrayList<>(page.items().size());
      for (Document document : page.items()) {
        rows.add(new Row(document.id(), document.expires(), document.json()));
      }
      return new Portion(rows, after);
    }
  }

  /** Every collection, from one long answer. */
  final class OfEverything implements ExportSource {
    private static final int PORTION = 500;

    private final BufferedReader lines;

    OfEverything(MeridianClient client, @Nullable String after) {
      String query = after == null ? "" : "?since=" + after;
      lines =
          new BufferedReader(
              new InputStreamReader(client.open("/data" + query), StandardCharsets.UTF_8));
    }

    @Override
    public Portion next() throws IOException {
      List<Row> rows = new ArrayList<>();
      String position = null;
      while (rows.size() < PORTION) {
        String line = lines.readLine();
        if (line == null) {
          throw new CliException(
              ExitCode.UNREACHABLE, "the server's answer broke off; run the same command again");
        }
        Json json = Json.parse(line.getBytes(StandardCharsets.UTF_8), JsonText.LIMITS);
        if (json instanceof Json.Obj(Map<String, Json> members)) {
          if (members.containsKey("end")) {
            return new Portion(rows, null);
          }
          if (members.get("path") instanceof Json.Str(String path)
              && members.get("position") instanceof Json.Str(String at)
              && members.get("value") instanceof Json value) {
            position = at;
            String expires = members.get("expires") instanceof Json.Str(String text) ? text : null;
            rows.add(new Row(path, expires, value.toBytes()));
            continue;
          }
        }
        throw new CliException(
            ExitCode.FAILED, "the answer is not an export; is --url a Meridian server's address?");
      }
      return new Portion(rows, position);
    }

    @Override
    public void close() throws IOException {
      lines.close();
    }
  }
}
