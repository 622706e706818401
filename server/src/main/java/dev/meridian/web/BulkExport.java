package dev.meridian.web;

import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.store.Change;
import dev.meridian.store.ChangeFeed;
import dev.meridian.store.ChangeQuery;
import dev.meridian.store.ChangeScope;
import dev.meridian.store.Position;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.Store;
import dev.meridian.store.StoreException;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Status;
import io.helidon.webserver.CloseConnectionException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;

/**
 * GET of {@code /data} by an operator: every document of every collection, Meridian's own left out,
 * as NDJSON: {@code {"path":…,"etag":…,"value":…,"position":…}}, with {@code "expires"} where a
 * document does, oldest write first. The last line is {@code {"end":POSITION}}; without it the
 * answer is not complete. {@code since=POSITION} goes on after a line.
 *
 * <p>Every document that is there from beginning to end is in the answer, at a version of that
 * time, also when its value is not flushed yet (write-behind): those come last. One that is written
 * meanwhile may be there twice, the later line being the newer. Where more is written than can be
 * read, the answer breaks off.
 */
final class BulkExport {
  private static final int MOST_AT_ONCE = 500;
  private static final int FLUSH_BYTES = 64 << 10;

  /** A poll with fewer bytes than this was not cut short for its size. */
  private static final long FULL_BYTES = 4L << 20;

  /** Most changes of after it began that an export goes through to find the end of the feed. */
  private static final long MOST_CHASED = 1_000_000;

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
    List<DocumentPath> unflushed = store.unflushed();
    Position end = store.position();
    var response = context.response();
    long doubts = store.doubts();
    try (ChangeFeed feed = store.changes(new ChangeQuery(new ChangeScope.Everything(), from))) {
      response.header(HeaderValues.create(HeaderNames.CONTENT_TYPE, BulkImport.MEDIA_TYPE));
      response.header(Names.NO_STORE);
      response.header(Names.NOSNIFF);
      response.header(HeaderValues.create(Names.REQUEST_ID, context.id()));
      Gatekeeper.stale(store, ReadOptions.SESSION, doubts).ifPresent(response::header);
      context.answering();
      if (context.isHead()) {
        response.send();
        return;
      }
      // Left open when it breaks off: the missing last line tells the reader.
      OutputStream out = response.outputStream();
      Position last = from;
      long chased = 0;
      boolean drained = false;
      while (!drained) {
        List<Change> changes = feed.poll(MOST_AT_ONCE, Duration.ZERO);
        JsonBytes lines = new JsonBytes(FLUSH_BYTES);
        long bytes = 0;
        for (Change change : changes) {
          last = change.position();
          chased += last.sequence() > end.sequence() ? 1 : 0;
          Document document = change.document();
          bytes += document == null ? 0 : document.json().length;
          write(lines, change);
        }
        out.write(lines.toBytes());
        // A document that is written meanwhile moves to the end of the feed: it is missing until
        // the feed has once been read to its end, which is so when it gives less than it could.
        drained = changes.size() < MOST_AT_ONCE && bytes < FULL_BYTES;
        if (!drained && chased > MOST_CHASED) {
          throw new CloseConnectionException("More is written than this export can read");
        }
      }
      for (DocumentPath path : unflushed) {
        Document document = store.get(path, ReadOptions.session(store.seen())).orElse(null);
        if (document != null) {
          JsonBytes line = new JsonBytes(FLUSH_BYTES);
          write(line, new Change(path, document.version(), last, document));
          out.write(line.toBytes());
        }
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
    if (document.expiresAtMillis() != Document.NEVER) {
      lines.raw(",\"expires\":").string(Expiries.format(document.expiresAtMillis()));
    }
    lines.raw(",\"value\":").raw(document.json());
    lines.raw(",\"position\":").string(change.position().toString()).raw("}\n");
  }
}
