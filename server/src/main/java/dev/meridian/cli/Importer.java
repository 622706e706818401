package dev.meridian.cli;

import dev.meridian.client.BulkRecord;
import dev.meridian.client.BulkResult;
import dev.meridian.client.MeridianClient;
import dev.meridian.client.MeridianException;
import dev.meridian.document.CollectionPath;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.InvalidInputException;
import dev.meridian.document.records.RecordItem;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Sends records to a server: many to a request, several requests at once, each record acknowledged
 * by itself. Of two records with one id, the later one wins, as if they had been sent in turn.
 *
 * <p>{@link #add} and {@link #finish} are for one thread. What went wrong with a request shows at
 * the next of these calls.
 */
final class Importer implements AutoCloseable {
  /**
   * Requests at once. More hold more memory and win nothing: the server shares a log among them.
   */
  static final int IN_FLIGHT = 4;

  private static final int MAX_RECORDS = 1_000;
  private static final int MAX_BYTES = 1 << 20;

  /** Collections with an unsent request; files of a whole store change between them often. */
  private static final int MAX_OPEN = 64;

  /** How often a record is sent that the server cannot take now. */
  private static final int ATTEMPTS = 8;

  private static final int SHOWN_PROBLEMS = 20;

  private final MeridianClient client;
  private final @Nullable CollectionPath collection;
  private final RunIds ids;
  private final Console console;
  private final long mayBeBad;
  private final Acknowledged acknowledged;
  private final AtomicLong stored = new AtomicLong();
  private final AtomicLong bad;
  private final AtomicReference<@Nullable RuntimeException> failure = new AtomicReference<>();
  private final Semaphore slots = new Semaphore(IN_FLIGHT);

  // The adding thread's own.
  private final Map<String, Chunk> open = new LinkedHashMap<>();

  // Guarded by itself: ids in requests that are not answered yet, as full paths.
  private final Set<String> inFlight = new HashSet<>();

  /** A request being filled. */
  private static final class Chunk {
    private final String collection;
    private final List<BulkRecord> records = new ArrayList<>();
    private final List<RecordItem.Good> items = new ArrayList<>();
    private final Set<String> paths = new HashSet<>();
    private int bytes;

    Chunk(String collection) {
      this.collection = collection;
    }
  }

  /**
   * Creates it.
   *
   * @param collection where records go that do not say so themselves; null: nowhere
   * @param mayBeBad how many bad records are passed over before the import stops
   * @param state how far an earlier attempt came
   */
  Importer(
      MeridianClient client,
      @Nullable CollectionPath collection,
      Console console,
      long mayBeBad,
      ImportState state) {
    this.client = client;
    this.collection = collection;
    this.ids = new RunIds(state.run());
    this.console = console;
    this.mayBeBad = mayBeBad;
    this.acknowledged = new Acknowledged(new Acknowledged.Reached(state.records(), state.bad()));
    this.bad = new AtomicLong(state.bad());
  }

  /** Takes one more record, waiting while enough are under way. */
  void add(RecordItem item) throws InterruptedException {
    check();
    switch (item) {
      case RecordItem.Bad broken -> reject(item, broken.reason());
      case RecordItem.Good good -> {
        DocumentPath path;
        try {
          path = pathOf(good);
        } catch (InvalidInputException e) {
          reject(item, Failures.oneLine(String.valueOf(e.getMessage())));
          return;
        }
        add(good, path);
      }
    }
  }

  private DocumentPath pathOf(RecordItem.Good good) {
    if (collection != null) {
      String id = good.path() != null ? DocumentPath.parse(good.path()).id() : good.id();
      return collection.document(id != null ? id : ids.of(good.number()));
    }
    if (good.path() == null) {
      throw new InvalidInputException(
          "the record does not say where it goes; name a collection on the command line");
    }
    return DocumentPath.parse(good.path());
  }

  private void add(RecordItem.Good good, DocumentPath path) throws InterruptedException {
    String name = path.collection().toString();
    Chunk chunk = open.get(name);
    if (chunk == null) {
      if (open.size() == MAX_OPEN) {
        send(open.values().iterator().next());
      }
      chunk = new Chunk(name);
      open.put(name, chunk);
    } else if (chunk.paths.contains(path.toString())) {
      send(chunk);
      chunk = new Chunk(name);
      open.put(name, chunk);
    }
    chunk.records.add(new BulkRecord(path.id(), good.json(), good.expires()));
    chunk.items.add(good);
    chunk.paths.add(path.toString());
    chunk.bytes += good.json().length + path.id().length() + 32;
    if (chunk.records.size() == MAX_RECORDS || chunk.bytes >= MAX_BYTES) {
      send(chunk);
    }
  }

  /** Sends what is left and waits for every answer. */
  void finish() throws InterruptedException {
    for (Chunk chunk : List.copyOf(open.values())) {
      send(chunk);
    }
    drain();
    check();
  }

  /** Waits for the answers to what has been sent; sends nothing more. */
  void drain() throws InterruptedException {
    slots.acquire(IN_FLIGHT);
    slots.release(IN_FLIGHT);
  }

  private void send(Chunk chunk) throws InterruptedException {
    open.remove(chunk.collection);
    boolean repeats;
    synchronized (inFlight) {
      repeats = chunk.paths.stream().anyMatch(inFlight::contains);
    }
    if (repeats) {
      // The earlier write of the same document must have happened before this one begins.
      drain();
    }
    slots.acquire();
    check(slots);
    synchronized (inFlight) {
      inFlight.addAll(chunk.paths);
    }
    Thread.startVirtualThread(
        () -> {
          try {
            transmit(chunk);
          } catch (RuntimeException e) {
            failure.compareAndSet(null, e);
          } finally {
            synchronized (inFlight) {
              inFlight.removeAll(chunk.paths);
            }
            slots.release();
          }
        });
  }

  private void transmit(Chunk chunk) {
    List<BulkRecord> records = chunk.records;
    List<RecordItem.Good> items = chunk.items;
    for (int attempt = 1; ; attempt++) {
      List<BulkResult> results = client.putAll(chunk.collection, records);
      List<BulkRecord> again = new ArrayList<>();
      List<RecordItem.Good> againItems = new ArrayList<>();
      String why = "";
      for (int i = 0; i < results.size(); i++) {
        BulkResult result = results.get(i);
        if (result.written()) {
          stored.incrementAndGet();
          acknowledged.done(items.get(i).number());
        } else if (result.status() == 429 || result.status() >= 500) {
          again.add(records.get(i));
          againItems.add(items.get(i));
          why = result.reason();
        } else if (result.status() == 401 || result.status() == 403) {
          throw new CliException(ExitCode.REFUSED, Failures.oneLine(result.reason()));
        } else {
          reject(items.get(i), Failures.oneLine(result.reason()));
        }
      }
      if (again.isEmpty()) {
        return;
      }
      if (attempt == ATTEMPTS || failure.get() != null) {
        throw new CliException(
            ExitCode.UNREACHABLE, "the server cannot take more now: " + Failures.oneLine(why));
      }
      records = again;
      items = againItems;
      pause(attempt);
    }
  }

  private static void pause(int attempt) {
    try {
      Thread.sleep(100L << attempt);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CliException(ExitCode.INTERRUPTED, "interrupted", e);
    }
  }

  /** Tells of a bad record; stops the import when there are too many. */
  private void reject(RecordItem item, String reason) {
    long now = bad.incrementAndGet();
    String line = "line " + item.line() + " (record " + item.number() + "): " + reason;
    if (now > mayBeBad) {
      bad.decrementAndGet();
      failure.compareAndSet(
          null,
          new CliException(
              ExitCode.FAILED,
              line
                  + (mayBeBad == 0
                      ? "; --skip-bad N passes over up to N such records"
                      : "; there are more than " + mayBeBad + " bad records")));
      return;
    }
    acknowledged.skipped(item.number());
    if (now <= SHOWN_PROBLEMS) {
      console.note("skipped " + line);
    } else if (now == SHOWN_PROBLEMS + 1) {
      console.note("skipped more; only the first " + SHOWN_PROBLEMS + " are shown");
    }
  }

  private void check() {
    RuntimeException failed = failure.get();
    if (failed != null) {
      throw failed instanceof MeridianException || failed instanceof CliException
          ? failed
          : new IllegalStateException(failed);
    }
  }

  private void check(Semaphore taken) {
    try {
      check();
    } catch (RuntimeException e) {
      taken.release();
      throw e;
    }
  }

  /** Records stored by this run. */
  long stored() {
    return stored.get();
  }

  /** Bad records passed over, those of earlier runs counted. */
  long bad() {
    return bad.get();
  }

  /** What another run need not look at again. */
  Acknowledged.Reached reached() {
    return acknowledged.reached();
  }

  @Override
  public void close() {
    failure.compareAndSet(null, new CliException(ExitCode.INTERRUPTED, "interrupted"));
  }
}
