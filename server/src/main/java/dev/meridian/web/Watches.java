package dev.meridian.web;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.InvalidInputException;
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
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * {@code GET …?watch}: the changes of a document or a collection as server-sent events (WHATWG
 * HTML, section 9.2).
 *
 * <p>A watch tells what changes from now on; {@code since=start} begins with what is there, and
 * {@code since=POSITION} or {@code Last-Event-ID} goes on from a position. Events are {@code put}
 * with {@code {"id","etag","value"}}, {@code delete} with {@code {"id"}}, and {@code reset} when
 * the position is no longer known: forget everything, what is there now follows. Every event's id
 * is a position.
 *
 * <p>A watcher is one virtual thread that waits for the change feed; it holds no queue, so a slow
 * client delays itself alone and gets each document's newest state when it is ready for more. One
 * that takes nothing for {@link Watchdog#STALL} is disconnected. Values that the read rule hides
 * are left out without a trace. A revoked key ends its watches at the next event or heartbeat.
 */
final class Watches implements AutoCloseable {
  /** A comment is sent after so long without events, to find out who is gone. */
  static final Duration HEARTBEAT = Duration.ofSeconds(15);

  private static final int MOST_AT_ONCE = 100;
  private static final int RETRY_MILLIS = 2_000;
  private static final List<String> PARAMETERS = List.of("watch", "since");

  private final Store store;
  private final Gatekeeper gatekeeper;
  private final AtomicInteger open = new AtomicInteger();
  private final Set<Watcher> watchers = ConcurrentHashMap.newKeySet();
  private volatile boolean closing;

  Watches(Store store, Gatekeeper gatekeeper) {
    this.store = store;
    this.gatekeeper = gatekeeper;
  }

  /** Whether a GET asks for a watch. */
  static boolean isWanted(RequestContext context) {
    var prologue = context.request().prologue();
    if (!prologue.hasQuery()) {
      return false;
    }
    for (String pair : prologue.query().rawValue().split("&", 20)) {
      if (pair.equals("watch") || pair.startsWith("watch=")) {
        return true;
      }
    }
    return false;
  }

  /** How many watches are open. */
  int open() {
    return open.get();
  }

  void document(RequestContext context, DocumentPath path) {
    watch(context, path.segments(), new ChangeScope.OneDocument(path));
  }

  void collection(RequestContext context, CollectionPath path) {
    watch(context, path.segments(), new ChangeScope.OneCollection(path));
  }

  private void watch(RequestContext context, List<String> segments, ChangeScope scope) {
    context.route(Route.WATCH);
    QueryParameters parameters = QueryParameters.of(context, PARAMETERS);
    if (!parameters.flag("watch", false)) {
      throw new InvalidInputException("The parameter 'watch' is 'watch' or 'watch=true'.");
    }
    Gatekeeper.Readers readers = gatekeeper.reader(context, segments);
    Position since = since(context, parameters);
    int most = context.site().limits().watchers();
    if (open.incrementAndGet() > most || closing) {
      open.decrementAndGet();
      throw new ProblemException(
          Problem.of(
                  Status.SERVICE_UNAVAILABLE_503,
                  "too-many-watchers",
                  "Too many watches are open",
                  closing
                      ? "The node is stopping; watch again, on another node."
                      : "This node serves at most " + most + " watches; try again later.")
              .with("outcome", "not-done")
              .with(HeaderValues.create(HeaderNames.RETRY_AFTER, "5")));
    }
    Watcher watcher = new Watcher(context, segments, scope);
    watchers.add(watcher);
    try {
      watcher.run(readers, since);
    } finally {
      watchers.remove(watcher);
      open.decrementAndGet();
    }
  }

  private Position since(RequestContext context, QueryParameters parameters) {
    String last = context.header(Names.LAST_EVENT_ID);
    String since = last != null && !last.isBlank() ? last.strip() : parameters.get("since");
    return switch (since) {
      case null -> store.position();
      case "now" -> store.position();
      case "start" -> Position.START;
      default -> Position.parse(since);
    };
  }

  /** Ends all watches, each after a whole event, so that clients go on elsewhere. */
  @Override
  public void close() {
    closing = true;
    watchers.forEach(Watcher::end);
  }

  /** One client. Its thread runs {@link #run}; any thread may call {@link #end}. */
  private final class Watcher {
    private final RequestContext context;
    private final List<String> segments;
    private final ChangeScope scope;
    private final Thread thread = Thread.currentThread();

    // Guarded by this: the thread may be interrupted only while it waits for the feed, never while
    // it writes, for that would break the connection in the middle of an event.
    private boolean waiting;

    Watcher(RequestContext context, List<String> segments, ChangeScope scope) {
      this.context = context;
      this.segments = segments;
      this.scope = scope;
    }

    synchronized void end() {
      if (waiting) {
        thread.interrupt();
      }
    }

    void run(Gatekeeper.Readers first, Position since) {
      var response = context.response();
      // Opened before the answer begins, so that a store that cannot do it now says so with 503.
      Position from = since;
      ChangeFeed feed;
      boolean lost = false;
      try {
        feed = store.changes(new ChangeQuery(scope, from));
      } catch (StoreException.PositionLost e) {
        lost = true;
        from = Position.START;
        feed = store.changes(new ChangeQuery(scope, from));
      }
      try {
        context.answering();
        response.header(HeaderValues.CONTENT_TYPE_EVENT_STREAM);
        response.header(Names.NO_STORE);
        response.header(Names.NOSNIFF);
        response.header(HeaderValues.create("X-Accel-Buffering", "no"));
        response.header(HeaderValues.create(Names.REQUEST_ID, context.id()));
        if (context.isHead()) {
          response.send();
          return;
        }
        try (OutputStream out = response.outputStream()) {
          out.write(("retry: " + RETRY_MILLIS + "\n\n").getBytes(StandardCharsets.US_ASCII));
          out.flush();
          Gatekeeper.Readers readers = first;
          while (!closing) {
            if (lost) {
              event(out, Position.START, "reset", "{}".getBytes(StandardCharsets.US_ASCII));
              out.flush();
              lost = false;
            }
            try {
              for (List<Change> changes = poll(feed); !closing; changes = poll(feed)) {
                readers = stillAllowed(readers);
                write(out, readers, feed, changes);
              }
            } catch (StoreException.PositionLost e) {
              feed.close();
              feed = store.changes(new ChangeQuery(scope, Position.START));
              lost = true;
            }
          }
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
          // The node stops, or the watchdog found the client asleep: the stream ends here.
        } catch (StoreException.Unavailable | ProblemException e) {
          // The client comes back with its last position, and is then told why if it lasts.
        }
        response.commit(); // Helidon ends a stream itself only for its own handlers
      } finally {
        feed.close();
      }
    }

    private List<Change> poll(ChangeFeed feed) throws InterruptedException {
      synchronized (this) {
        if (closing) {
          throw new InterruptedException();
        }
        waiting = true;
      }
      try {
        return feed.poll(MOST_AT_ONCE, HEARTBEAT);
      } finally {
        synchronized (this) {
          waiting = false;
        }
      }
    }

    /** Asks again who watches: keys end and rules change while a watch lasts. */
    private Gatekeeper.Readers stillAllowed(Gatekeeper.Readers readers) {
      return readers.caller().key() ? gatekeeper.reader(context, segments) : readers;
    }

    private void write(
        OutputStream out, Gatekeeper.Readers readers, ChangeFeed feed, List<Change> changes)
        throws IOException {
      boolean each = readers.perDocument();
      for (Change change : changes) {
        var document = change.document();
        JsonBytes json = new JsonBytes(128 + (document == null ? 0 : document.json().length));
        json.raw("{\"id\":").string(change.path().id());
        if (document == null) {
          event(out, change.position(), "delete", json.raw("}").toBytes());
        } else if (!each || readers.mayRead(document.json())) {
          json.raw(",\"etag\":").string(document.version().etag());
          json.raw(",\"value\":").raw(document.json()).raw("}");
          event(out, change.position(), "put", json.toBytes());
        }
      }
      if (changes.isEmpty()) {
        // An id without data moves the client's position on and is no event.
        out.write(
            ("id: " + feed.position() + "\n: still here\n\n").getBytes(StandardCharsets.US_ASCII));
      }
      out.flush();
    }

    private static void event(OutputStream out, Position id, String name, byte[] json)
        throws IOException {
      out.write(
          ("id: " + id + "\nevent: " + name + "\ndata: ").getBytes(StandardCharsets.US_ASCII));
      out.write(json);
      out.write('\n');
      out.write('\n');
    }
  }
}
