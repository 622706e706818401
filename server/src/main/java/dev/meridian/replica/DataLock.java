package dev.meridian.replica;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Holds a data folder for this process, so that two can never write the same one. The operating
 * system drops the lock when the process ends, however it ends; the file stays and holds the id of
 * its last owner.
 */
final class DataLock implements AutoCloseable {
  static final String FILE = "lock";
  private static final int MAX_TEXT_BYTES = 64;

  /**
   * Folders held by this process. Asked before the file is touched: on POSIX systems closing any
   * handle of a file drops the process's lock on it, also when the lock was taken by another
   * handle.
   */
  private static final Set<Path> HELD = ConcurrentHashMap.newKeySet();

  private final Path folder;
  private final FileChannel channel;

  private DataLock(Path folder, FileChannel channel) {
    this.folder = folder;
    this.channel = channel;
  }

  /**
   * Takes the folder.
   *
   * @throws IOException if another process, or another store of this one, has it, or the folder
   *     cannot be written; the message says who or why
   */
  static DataLock acquire(Path data) throws IOException {
    Path folder = data.toRealPath();
    if (!HELD.add(folder)) {
      throw new IOException("The data folder " + data + " is already open in this process.");
    }
    try {
      return new DataLock(folder, lock(data));
    } catch (IOException | RuntimeException e) {
      HELD.remove(folder);
      throw e;
    }
  }

  private static FileChannel lock(Path data) throws IOException {
    Path file = data.resolve(FILE);
    FileChannel channel =
        FileChannel.open(
            file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    try {
      @Nullable FileLock lock = channel.tryLock();
      if (lock == null) {
        throw new IOException(
            "The data folder "
                + data
                + " is in use by process "
                + owner(file)
                + "; stop that one first, or choose another folder.");
      }
      channel.truncate(0);
      channel.write(
          ByteBuffer.wrap(
              (ProcessHandle.current().pid() + "\n").getBytes(StandardCharsets.US_ASCII)),
          0);
      return channel;
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private static String owner(Path file) {
    try (var in = Files.newInputStream(file)) {
      String text = new String(in.readNBytes(MAX_TEXT_BYTES), StandardCharsets.US_ASCII).strip();
      return text.isEmpty() ? "(unknown)" : text;
    } catch (IOException e) {
      return "(unknown)";
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
    HELD.remove(folder);
  }
}
