package dev.meridian.web;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.InvalidInputException;
import dev.meridian.site.Site;
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
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/**
 * {@code GET …?watch}: the changes of a document or a collection as server-sent events (WHATWG
 * HTML, section 9.2).
 *
 * <p>A watch tells what changes from now on; {@code since=start} begins with what is there, and
 * {@code since=POSITION} or {@code Last-Event-ID} goes on from a position. Events are {@code put}
 * with {@code {"id","etag","value"}}, {@code delete} with {@code {"id"}}, and {@code reset} when
 * the position is no longer known: forget everything, what is there now follows. Every event's id
 * is a position, and so is the one that the stream begins with.
 *
 * <p>A watcher is one virtual thread that waits for the change feed; it holds no queue, so a slow
 * client delays itself alone and gets each document's newest state when it is ready for more. One
 * that takes nothing for {@link Watchdog#STALL} is disconnected.
 *
 * <p>Who may read is asked again before every event and every {@link #RECHECK}: a key that was
 * revoked, or a rule that now keeps the caller out, ends the watch; another rule of the collection
 * or a change of the session that the rule speaks of, makes it begin anew with {@code reset}.
 *
 * <p>Where the rule depends on the document, a document that can no longer be seen is told as a
 * {@code delete}, and those that were never shown leave no trace. For that a watch remembers the
 * ids it has shown, at most {@link #MOST_SHOWN}; beyond, it ends with an {@code error} event. One
 * that goes on from a position does not know what its client has, so it begins with {@code reset},
 * always: were it only when that matters, it would tell that a hidden document changed. One that
 * tells what changes from now on has shown nothing yet, and needs none.
 */
final class Watches implements AutoCloseable {
  /** A comment is sent after so long without events, to find out who is gone. */
  static final Duration HEARTBEAT = Duration.ofSeconds(15);

  /** A watch is looked after so often: whether it may go on. */
  static final Duration RECHECK = Duration.ofSeconds(1);

  /** Most ids that a watch remembers, under a rule that depends on the document. */
  static final int MOST_SHOWN = 100_000;

  private static final int MOST_AT_ONCE = 100;
  private static final int RETRY_MILLIS = 2_000;
  private static final List<String> PARAMETERS = List.of("watch", "since");

  private final Store store;
  private final Gatekeeper gatekeeper;
  private final Supplier<Site> site;
  private final AtomicInteger open = new AtomicInteger();
  private final Set<Watcher> watchers = ConcurrentHashMap.newKeySet();
  private volatile boolean closing;

  Watches(Store store, Gatekeeper gatekeeper, Supplier<Site> site) {
    this.store = store;
    this.gatekeeper = gatekeeper;
    this.site = site;
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
    String since = since(context, parameters);
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

  /** {@code now}, {@code start} or a position. */
  private static String since(RequestContext context, QueryParameters parameters) {
    String last = context.header(Names.LAST_EVENT_ID);
    String since = last != null && !last.isBlank() ? last.strip() : parameters.get("since");
    if (since == null) {
      return "now";
    }
    if (!since.equals("now") && !since.equals("start")) {
      Position.parse(since); // refused before the watch counts
    }
    return since;
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

    // Below: of the watch's own thread.

    /** The ids shown to the client, when the rule depends on the document. */
    private final Set<String> shown = new HashSet<>();

    private long heartbeatNanos = System.nanoTime() + HEARTBEAT.toNanos();

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

    void run(Gatekeeper.Readers first, String since) {
      var response = context.response();
      // Opened before the answer begins, so that a store that cannot do it now says so with 503.
      Position from =
          switch (since) {
            case "now" -> store.position();
            case "start" -> Position.START;
            default -> Position.parse(since);
          };
      ChangeFeed feed;
      boolean anew = false;
      if (first.perDocument() && !since.equals("now") && !from.equals(Position.START)) {
        anew = true;
        from = Position.START;
      }
      try {
        feed = store.changes(new ChangeQuery(scope, from));
      } catch (StoreException.PositionLost e) {
        anew = true;
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
          // An id at once, or a client that is cut off before its first event would miss some.
          out.write(
              ("id: " + feed.position() + "\nretry: " + RETRY_MILLIS + "\n\n")
                  .getBytes(StandardCharsets.US_ASCII));
          out.flush();
          Gatekeeper.Readers readers = first;
          while (!closing) {
            if (anew) {
              event(out, Position.START, "reset", "{}".getBytes(StandardCharsets.US_ASCII));
              out.flush();
              shown.clear();
              anew = false;
            }
            try {
              while (!closing && !anew) {
                List<Change> changes = poll(feed);
                boolean changed = readers.rule().mentionsSession() && context.session().isChanged();
                Gatekeeper.Readers now = gatekeeper.reader(context, site.get(), segments);
                anew = !now.rule().isSameAs(readers.rule()) || changed;
                if (!anew) {
                  write(out, now, feed, changes);
                }
                readers = now;
              }
            } catch (StoreException.PositionLost e) {
              anew = true;
            }
            if (anew) {
              feed.close();
              feed = store.changes(new ChangeQuery(scope, Position.START));
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
        return feed.poll(MOST_AT_ONCE, RECHECK);
      } finally {
        synchronized (this) {
          waiting = false;
          // One that came after the poll was over must not break the event that is written next.
          Thread.interrupted();
        }
      }
    }

    /** Sends what the reader may see. */
    private void write(
        OutputStream out, Gatekeeper.Readers readers, ChangeFeed feed, List<Change> changes)
        throws IOException {
      for (Change change : changes) {
        write(out, readers, change);
      }
      long now = System.nanoTime();
      if (!changes.isEmpty()) {
        heartbeatNanos = now + HEARTBEAT.toNanos();
        out.flush();
      } else if (now - heartbeatNanos >= 0) {
        heartbeatNanos = now + HEARTBEAT.toNanos();
        // An id without data moves the client's position on and is no event.
        out.write(
            ("id: " + feed.position() + "\n: still here\n\n").getBytes(StandardCharsets.US_ASCII));
        out.flush();
      }
    }

    private void write(OutputStream out, Gatekeeper.Readers readers, Change change)
        throws IOException {
      String id = change.path().id();
      Document document = change.document();
      JsonBytes json = new JsonBytes(128 + (document == null ? 0 : document.json().length));
      json.raw("{\"id\":").string(id);
      boolean each = readers.perDocument();
      if (document != null && (!each || readers.mayRead(change.path(), document.json()))) {
        if (each && shown.add(id) && shown.size() > MOST_SHOWN) {
          throw tooMany(out);
        }
        json.raw(",\"etag\":").string(document.version().etag());
        json.raw(",\"value\":").raw(document.json()).raw("}");
        event(out, change.position(), "put", json.toBytes());
      } else if (!each || shown.remove(id)) {
        event(out, change.position(), "delete", json.raw("}").toBytes());
      }
    }

    private ProblemException tooMany(OutputStream out) throws IOException {
      Problem problem =
          Problem.of(
              Status.FORBIDDEN_403,
              "watch-too-large",
              "Too many documents for one watch",
              "The read rule of this collection depends on the document, and a watch then covers at"
                  + " most "
                  + MOST_SHOWN
                  + " documents. Watch single documents, or smaller collections.");
      event(out, Position.START, "error", problem.json(context.id()));
      out.flush();
      return new ProblemException(problem);
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
