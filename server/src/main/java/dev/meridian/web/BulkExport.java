package dev.meridian.web;

import dev.meridian.document.Document;
import dev.meridian.store.Change;
import dev.meridian.store.ChangeFeed;
import dev.meridian.store.ChangeQuery;
import dev.meridian.store.ChangeScope;
import dev.meridian.store.Position;
import dev.meridian.store.Store;
import dev.meridian.store.StoreException;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Status;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;

/**
 * GET of {@code /data} by an operator: every document of every collection, Meridian's own left out,
 * as NDJSON: {@code {"path":…,"etag":…,"value":…,"position":…}}, oldest write first. The last line
 * is {@code {"end":POSITION}}; without it the answer is not complete. {@code since=POSITION} goes
 * on after a line. Documents written meanwhile appear at their newest state.
 */
final class BulkExport {
  private static final int MOST_AT_ONCE = 500;
  private static final int FLUSH_BYTES = 64 << 10;

  private final Store store;
  private final Gatekeeper gatekeeper;

  BulkExport(Store store, Gatekeeper gatekeeper) {
    this.store = store;
    this.gatekeeper = gatekeeper;
  }

  void get(RequestContext context) {
    QueryParameters parameters = QueryParameters.of(context, List.of("since"));
    Caller caller = gatekeeper.writer(context).caller();
    if (!caller.operator()) {
      throw Access.refused(caller, "read everything");
    }
    String since = parameters.get("since");
    Position from = since == null ? Position.START : Position.parse(since);
    Position end = store.position();
    var response = context.response();
    try (ChangeFeed feed = store.changes(new ChangeQuery(new ChangeScope.Everything(), from))) {
      response.header(HeaderValues.create(HeaderNames.CONTENT_TYPE, BulkImport.MEDIA_TYPE));
      response.header(Names.NO_STORE);
      response.header(Names.NOSNIFF);
      response.header(HeaderValues.create(Names.REQUEST_ID, context.id()));
      context.answering();
      if (context.isHead()) {
        response.send();
        return;
      }
      // Left open when it breaks off: the missing last line tells the reader.
      OutputStream out = response.outputStream();
      Position last = from;
      boolean more = true;
      while (more) {
        List<Change> changes = feed.poll(MOST_AT_ONCE, Duration.ZERO);
        more = !changes.isEmpty();
        JsonBytes lines = new JsonBytes(FLUSH_BYTES);
        for (Change change : changes) {
          last = change.position();
          write(lines, change);
          // What is written from here on is of after this export began.
          more &= last.sequence() < end.sequence();
        }
        out.write(lines.toBytes());
      }
      out.write(("{\"end\":\"" + last + "\"}\n").getBytes(StandardCharsets.US_ASCII));
      out.close();
      response.commit(); // Helidon ends a stream itself only for its own handlers
    } catch (StoreException.PositionLost e) {
      throw new ProblemException(
          Problem.of(
              Status.GONE_410,
              "position-lost",
              "The position is no longer known",
              "Export from the start: " + e.getMessage()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new UncheckedIOException(new IOException("The node stops", e));
    }
  }

  private static void write(JsonBytes lines, Change change) {
    Document document = change.document();
    if (document == null || change.path().isReserved()) {
      return;
    }
    lines.raw("{\"path\":").string(change.path().toString());
    lines.raw(",\"etag\":").string(document.version().etag());
    lines.raw(",\"value\":").raw(document.json());
    lines.raw(",\"position\":").string(change.position().toString()).raw("}\n");
  }
}
