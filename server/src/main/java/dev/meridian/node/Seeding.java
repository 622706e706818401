package dev.meridian.node;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Json;
import dev.meridian.document.records.RecordItem;
import dev.meridian.document.records.RecordReader;
import dev.meridian.site.CollectionSettings;
import dev.meridian.site.Site;
import dev.meridian.store.Batch;
import dev.meridian.store.Condition;
import dev.meridian.store.Expiry;
import dev.meridian.store.Query;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.Store;
import dev.meridian.store.StoreException;
import dev.meridian.store.Write;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Imports the seed files of a site's empty collections, once in the life of a data folder, while
 * the node already serves. Interrupted, it goes on at the next start; it never overwrites a
 * document that is there, and never brings back what was deleted after it had finished.
 */
final class Seeding implements AutoCloseable {
  /*
   * What was done is a document in _seeds for each collection, so that a restored backup knows it
   * too. Between "importing" and "done" every record is put only where nothing is.
   */
  private static final Logger LOG = LoggerFactory.getLogger(Seeding.class);
  private static final CollectionPath SEEDS = CollectionPath.parse("_seeds");

  /** Writes under way at once: enough to fill a group commit. */
  private static final int IN_FLIGHT = 512;

  /** Between two tries of a write that the store could not take. */
  private static final Duration RETRY = Duration.ofMillis(200);

  /** How long one write is tried for. */
  private static final Duration GIVE_UP = Duration.ofMinutes(2);

  private final Store store;
  private final Site site;
  private final Thread thread;
  private final AtomicReference<Progress> progress = new AtomicReference<>(Progress.NONE);
  private volatile boolean closed;

  /**
   * How far it is.
   *
   * @param collection what is being imported now; empty when nothing is
   * @param documents how many are stored
   * @param bytesRead of the file
   * @param bytesTotal of the file
   * @param problem why it stopped, or null
   */
  record Progress(
      String collection,
      long documents,
      long bytesRead,
      long bytesTotal,
      @Nullable String problem) {
    static final Progress NONE = new Progress("", 0, 0, 0, null);

    boolean isRunning() {
      return !collection.isEmpty() && problem == null;
    }
  }

  private Seeding(Store store, Site site) {
    this.store = store;
    this.site = site;
    this.thread = Thread.ofVirtual().name("seeding").unstarted(this::run);
  }

  /**
   * Starts in the background.
   *
   * @param mine whether this node imports the seeds; in a cluster one does
   */
  static Seeding start(Store store, Site site, boolean mine) {
    Seeding seeding = new Seeding(store, site);
    if (!mine) {
      return seeding;
    }
    // Known before the first request is served: whether there is anything to wait for.
    site.collections().values().stream()
        .filter(seeding::isWanted)
        .findFirst()
        .ifPresent(first -> seeding.progress.set(new Progress(first.pattern(), 0, 0, 0, null)));
    seeding.thread.start();
    return seeding;
  }

  Progress progress() {
    return progress.get();
  }

  /** Waits until nothing more is to be imported, at most so long. */
  boolean await(Duration limit) throws InterruptedException {
    return thread.getState() == Thread.State.NEW || thread.join(limit);
  }

  /** Stops after the writes under way. */
  @Override
  public void close() {
    closed = true;
    if (thread.getState() == Thread.State.NEW) {
      return;
    }
    try {
      thread.join(Duration.ofSeconds(10));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static DocumentPath marker(CollectionSettings settings) {
    return SEEDS.document(settings.pattern().replace('/', ':'));
  }

  private boolean isWanted(CollectionSettings settings) {
    return settings.seed().isPresent()
        && !settings.pattern().contains("*")
        && store
            .get(marker(settings), ReadOptions.STRONG)
            .map(d -> !isDone(Json.parse(d.json())))
            .orElse(true);
  }

  private static boolean isDone(Json marker) {
    return marker instanceof Json.Obj(Map<String, Json> members)
        && members.get("state") instanceof Json.Str(String state)
        && state.equals("done");
  }

  private void run() {
    try {
      for (CollectionSettings settings : site.collections().values()) {
        if (!closed && isWanted(settings)) {
          seed(settings, settings.seed().orElseThrow());
        }
      }
      progress.set(Progress.NONE);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (IOException | RuntimeException e) {
      if (!closed) {
        Progress at = progress.get();
        LOG.error("The seed of {} could not be imported: {}", at.collection(), e.getMessage());
        progress.set(
            new Progress(
                at.collection(),
                at.documents(),
                at.bytesRead(),
                at.bytesTotal(),
                String.valueOf(e.getMessage())));
      }
    }
  }

  private void seed(CollectionSettings settings, Path file)
      throws IOException, InterruptedException {
    CollectionPath collection = CollectionPath.parse(settings.pattern());
    DocumentPath marker = marker(settings);
    if (store.get(marker, ReadOptions.STRONG).isEmpty()
        && !store.list(Query.of(collection, 1), ReadOptions.STRONG).documents().isEmpty()) {
      mark(marker, "done", file, 0); // It has documents of its own: never seed it.
      return;
    }
    long begun = System.nanoTime();
    mark(marker, "importing", file, 0);
    long total = Files.size(file);
    byte[] hash = hash(file);
    AtomicLong read = new AtomicLong();
    AtomicLong stored = new AtomicLong();
    AtomicReference<@Nullable RuntimeException> failed = new AtomicReference<>();
    Semaphore slots = new Semaphore(IN_FLIGHT);
    progress.set(new Progress(settings.pattern(), 0, 0, total, null));
    try (InputStream in = new CountingStream(Files.newInputStream(file), read);
        RecordReader records = RecordReader.open(in, RecordReader.Options.DEFAULT)) {
      for (RecordItem item = records.next(); item != null; item = records.next()) {
        if (closed || failed.get() != null) {
          break;
        }
        RecordItem.Good record =
            switch (item) {
              case RecordItem.Good good -> good;
              case RecordItem.Bad bad ->
                  throw new InvalidInputException(
                      file.getFileName() + ":" + bad.line() + ": " + bad.reason());
            };
        slots.acquire();
        Thread.startVirtualThread(
            () -> {
              try {
                put(collection, settings, record, hash);
                long count = stored.incrementAndGet();
                if (count % 256 == 0) {
                  progress.set(new Progress(settings.pattern(), count, read.get(), total, null));
                }
              } catch (RuntimeException e) {
                failed.compareAndSet(null, e);
              } finally {
                slots.release();
              }
            });
      }
    } finally {
      slots.acquireUninterruptibly(IN_FLIGHT);
    }
    RuntimeException failure = failed.get();
    if (failure != null) {
      throw failure;
    }
    if (!closed) {
      mark(marker, "done", file, stored.get());
      LOG.info(
          "Seeded {} with {} documents in {} ms",
          settings.pattern(),
          stored.get(),
          (System.nanoTime() - begun) / 1_000_000);
    }
  }

  private static byte[] hash(Path file) throws IOException {
    MessageDigest digest = sha256();
    try (InputStream in = Files.newInputStream(file)) {
      byte[] buffer = new byte[64 << 10];
      for (int n; (n = in.read(buffer)) > 0; ) {
        digest.update(buffer, 0, n);
      }
    }
    return digest.digest();
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  /**
   * The id of a record that has none: the same whenever this file is imported, so that an import
   * that was cut off goes on without making its documents again. Records sort as in the file.
   */
  private static String id(byte[] fileHash, long number) {
    return HexFormat.of().formatHex(fileHash, 0, 8) + String.format(Locale.ROOT, "%010d", number);
  }

  private void put(
      CollectionPath collection,
      CollectionSettings settings,
      RecordItem.Good record,
      byte[] fileHash) {
    String id = record.id();
    DocumentPath path =
        record.path() != null
            ? DocumentPath.parse(record.path())
            : collection.document(id != null ? id : id(fileHash, record.number()));
    Expiry expiry = expiry(settings, record);
    Batch batch = Batch.of(new Write.Put(path, record.json(), Condition.ABSENT, expiry));
    long end = System.nanoTime() + GIVE_UP.toNanos();
    while (true) {
      try {
        store.write(batch);
        return;
      } catch (StoreException.PreconditionFailed e) {
        return; // There already, from the run before.
      } catch (StoreException.Unavailable e) {
        if (closed || System.nanoTime() > end) {
          throw e;
        }
        pause();
      }
    }
  }

  /** As the record says, which an export wrote; otherwise as the collection does. */
  private static Expiry expiry(CollectionSettings settings, RecordItem.Good record) {
    String expires = record.expires();
    if (expires != null) {
      try {
        return new Expiry.At(Math.max(1, Instant.parse(expires).toEpochMilli()));
      } catch (DateTimeParseException e) {
        throw new InvalidInputException(
            "line " + record.line() + ": _expires is a time such as 2030-01-31T12:00:00Z");
      }
    }
    return settings
        .expires()
        .<Expiry>map(after -> new Expiry.At(System.currentTimeMillis() + after.toMillis()))
        .orElse(Expiry.NEVER);
  }

  private static void pause() {
    try {
      Thread.sleep(RETRY);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void mark(DocumentPath marker, String state, Path file, long documents) {
    Map<String, Json> members = new LinkedHashMap<>();
    members.put("state", new Json.Str(state));
    members.put("file", new Json.Str(String.valueOf(file.getFileName())));
    members.put("documents", new Json.Num(Long.toString(documents)));
    store.write(
        new Batch(
            List.of(
                new Write.Put(
                    marker, new Json.Obj(members).toBytes(), Condition.NONE, Expiry.NEVER)),
            null,
            false));
  }

  /** Counts what is read from a stream. */
  private static final class CountingStream extends java.io.FilterInputStream {
    private final AtomicLong count;

    CountingStream(InputStream in, AtomicLong count) {
      super(in);
      this.count = count;
    }

    @Override
    public int read() throws IOException {
      int read = super.read();
      if (read >= 0) {
        count.incrementAndGet();
      }
      return read;
    }

    @Override
    public int read(byte[] buffer, int offset, int length) throws IOException {
      int read = super.read(buffer, offset, length);
      if (read > 0) {
        count.addAndGet(read);
      }
      return read;
    }
  }
}
