package dev.meridian.store;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.rocksdb.Cache;
import org.rocksdb.LRUCache;
import org.rocksdb.RocksDB;
import org.rocksdb.WriteBufferManager;
import org.rocksdb.util.Environment;

/**
 * The memory that all databases of a process share: one block cache and one bound on write buffers,
 * so that many shards cost no more than one. It lies outside the heap.
 *
 * <p>Closing is safe at any time: a database keeps what it uses until it is closed itself.
 */
public final class Engine implements AutoCloseable {
  /** Blocks kept in memory, unless told otherwise. */
  public static final long DEFAULT_CACHE_BYTES = 48L << 20;

  /** Writes kept in memory before they are flushed, unless told otherwise. */
  public static final long DEFAULT_WRITE_BUFFER_BYTES = 24L << 20;

  private static final int CACHE_SHARD_BITS = 4;

  final Cache cache;
  final WriteBufferManager writeBuffers;

  /**
   * Reserves nothing yet; the bounds are reached by use.
   *
   * @param cacheBytes most memory for blocks, indexes and filters of files
   * @param writeBufferBytes about how much is written before it is flushed to files
   */
  public Engine(long cacheBytes, long writeBufferBytes) {
    RocksDB.loadLibrary();
    cache = new LRUCache(cacheBytes, CACHE_SHARD_BITS);
    writeBuffers = new WriteBufferManager(writeBufferBytes, cache);
  }

  /** An engine of the default size. */
  public Engine() {
    this(DEFAULT_CACHE_BYTES, DEFAULT_WRITE_BUFFER_BYTES);
  }

  /**
   * Copies the native library for this machine out of the jar, to a folder that becomes part of
   * {@code java.library.path}. Without it each start unpacks the library to a temporary file, which
   * a process that is killed leaves there.
   */
  public static void installLibrary(Path folder) throws IOException {
    String name = Environment.getJniLibraryFileName("rocksdb");
    Files.createDirectories(folder);
    try (InputStream library = RocksDB.class.getClassLoader().getResourceAsStream(name)) {
      if (library == null) {
        throw new IOException("There is no " + name + " in the jar");
      }
      // Whole or not at all: others may start meanwhile.
      Path draft = folder.resolve(name + ".new");
      Files.copy(library, draft, StandardCopyOption.REPLACE_EXISTING);
      Files.move(draft, folder.resolve(name), StandardCopyOption.ATOMIC_MOVE);
    }
  }

  @Override
  public void close() {
    writeBuffers.close();
    cache.close();
  }
}
