package dev.meridian.store;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.ByteString;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Builds new indexes in the background, a bounded chunk of documents at a time. A chunk is read and
 * written under the store's write lock, so it cannot miss or undo a write; between chunks the lock
 * is free for at least as long as the chunk took. How far the build is stands in the same write, so
 * it goes on from there after a restart.
 */
final class IndexBuilder implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(IndexBuilder.class);

  /** Most documents added in one chunk. */
  private static final int CHUNK_DOCUMENTS = 256;

  /** About how many bytes of documents are read in one chunk at most. */
  private static final long CHUNK_BYTES = 1L << 20;

  /** Most keys looked at in one chunk. */
  private static final int CHUNK_KEYS = 4_096;

  private final Database database;
  private final Indexes indexes;
  private final ReentrantLock writing;
  // Both guarded by the write lock.
  private final Condition built;
  private @Nullable Thread thread;

  private volatile boolean stopped;

  IndexBuilder(Database database, Indexes indexes, ReentrantLock writing) {
    this.database = database;
    this.indexes = indexes;
    this.writing = writing;
    built = writing.newCondition();
  }

  /** Starts building if there is something to build. Called under the write lock. */
  void start() {
    if (thread == null && next() != null) {
      thread = Thread.ofPlatform().name("index-builder").daemon().start(this::run);
    }
  }

  /**
   * Waits until every index is complete.
   *
   * @return false when the time ran out
   */
  boolean await(Duration bound) throws InterruptedException {
    long left = bound.toNanos();
    writing.lockInterruptibly();
    try {
      while (thread != null) {
        if (left <= 0) {
          return false;
        }
        left = built.awaitNanos(left);
      }
      return next() == null;
    } finally {
      writing.unlock();
    }
  }

  /** Stops the build where it is. Not called under the write lock, which a chunk may wait for. */
  @Override
  public void close() {
    stopped = true;
    Thread running = thread();
    if (running != null) {
      LockSupport.unpark(running);
      try {
        running.join(TimeUnit.SECONDS.toMillis(10));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt(); // the gate keeps the database open for it
      }
    }
  }

  private @Nullable Thread thread() {
    writing.lock();
    try {
      return thread;
    } finally {
      writing.unlock();
    }
  }

  private void run() {
    try {
      boolean more = true;
      while (more && !stopped) {
        long began = System.nanoTime();
        more = chunk();
        LockSupport.parkNanos(System.nanoTime() - began);
      }
    } catch (StoreException e) {
      if (!stopped) {
        LOG.error("Building an index stopped; it goes on after a restart", e);
      }
    } finally {
      writing.lock();
      try {
        if (thread == Thread.currentThread()) {
          thread = null;
        }
        built.signalAll();
      } finally {
        writing.unlock();
      }
    }
  }

  /** Whether there is more to do. */
  private boolean chunk() {
    writing.lock();
    try {
      Index index = next();
      if (index == null) {
        // Under the lock: whoever defines an index after this finds no thread and starts one.
        thread = null;
        return false;
      }
      Index after = build(index);
      indexes.replace(after);
      if (after.ready()) {
        LOG.info("Index {} is complete", after.definition());
      }
      return true;
    } finally {
      writing.unlock();
    }
  }

  private @Nullable Index next() {
    for (Index index : indexes.all()) {
      if (!index.ready()) {
        return index;
      }
    }
    return null;
  }

  private Index build(Index index) {
    String[] pattern = index.definition().collection().split("/");
    byte[] root = (pattern[0] + '\0').getBytes(UTF_8);
    Indexes.Group group = Indexes.Group.of(List.of(index));
    try (Database.View view = database.view();
        Database.Change change = database.change()) {
      byte[] from =
          index.builtThrough().isEmpty()
              ? root
              : Keys.concat(index.builtThrough().toByteArray(), new byte[1]);
      Database.Scan scan = view.scan(Table.DOCUMENTS, from, Keys.afterPrefix(root)).first();
      byte[] last = null;
      int documents = 0;
      long bytes = 0;
      for (int keys = 0; scan.valid(); keys++) {
        if (keys == CHUNK_KEYS || documents == CHUNK_DOCUMENTS || bytes > CHUNK_BYTES) {
          Index after =
              new Index(
                  index.definition(),
                  index.number(),
                  false,
                  last == null ? index.builtThrough() : ByteString.copyFrom(last));
          change.put(Table.META, Index.metaKey(index.definition()), after.encode()).commit();
          return after;
        }
        byte[] key = scan.key();
        last = key;
        List<String> segments = List.of(new String(key, UTF_8).split("\0", -1));
        if (matches(segments, pattern)) {
          Stored.Live live = Stored.Live.decode(scan.value());
          change.put(Table.INDEXES, group.keys(segments, live.json())[0], new byte[0]);
          documents++;
          bytes += live.jsonLength();
          scan.next();
        } else if (pattern.length == 1) {
          scan.seek(Keys.afterSubtree(key, Keys.separator(key, root.length)));
        } else {
          scan.next();
        }
      }
      Index after = new Index(index.definition(), index.number(), true, ByteString.EMPTY);
      change.put(Table.META, Index.metaKey(index.definition()), after.encode()).commit();
      return after;
    }
  }

  private static boolean matches(List<String> segments, String[] pattern) {
    if (segments.size() != pattern.length + 1) {
      return false;
    }
    for (int i = 0; i < pattern.length; i += 2) {
      if (!segments.get(i).equals(pattern[i])) {
        return false;
      }
    }
    return true;
  }
}
