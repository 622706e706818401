package dev.meridian.replica;

import dev.meridian.store.LogIndex;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks at the end of the log before Ratis opens it.
 *
 * <p>A process that is killed, or a machine that loses power, within a write leaves part of an
 * entry, followed by the zeros of space reserved ahead. Nobody was told that this entry was
 * written, for it was not yet synced. Ratis takes it for damage and does not start (or, set up
 * otherwise, would also pass over real damage); so it is cut off here first. What is cut is only
 * what ends the newest file: when a whole entry follows, or an older file is not as long as its
 * name says, then the disk has lost what others were told was safe, and the replica must not start.
 */
final class LogTail {
  private static final Logger LOG = LoggerFactory.getLogger(LogTail.class);

  private LogTail() {}

  /**
   * Makes the log in {@code folder} fit to be opened.
   *
   * @param folder {@code current} in the group's folder; need not exist
   * @param applied what the database holds
   * @throws IOException if the log is damaged; the message says where and what to do
   */
  static void repair(Path folder, LogIndex applied) throws IOException {
    List<LogFile> files = LogFile.in(folder);
    if (files.isEmpty()) {
      return;
    }
    LogFile newest = files.getLast();
    long end = repairEnd(newest);
    if (end < newest.first() && files.size() > 1) {
      // An empty newest file says nothing about the end of the one before.
      end = repairEnd(files.get(files.size() - 2));
    }
    if (files.getFirst().first() > applied.index() + 1) {
      throw new IOException(
          "The log in "
              + folder
              + " begins at entry "
              + files.getFirst().first()
              + ", but the database ends at "
              + applied.index()
              + ": the database was removed or replaced. Put it back, or restore a backup.");
    }
    if (end < applied.index()) {
      // The database is ahead: what it holds was safe in the log once, or on other members. It goes
      // on after its own end, and what is left of the log before that must not leave a gap.
      LOG.warn(
          "The log in {} ends at entry {}, the database at {}: the log begins anew after it",
          folder,
          end,
          applied.index());
      for (LogFile file : files) {
        Files.deleteIfExists(file.path());
      }
      Folders.sync(folder);
    }
  }

  /**
   * Removes the files of the log that hold nothing beyond a snapshot, but for the newest: each
   * start reads what is there.
   *
   * @param snapshot the last entry in the newest snapshot
   */
  static void forget(Path folder, long snapshot) throws IOException {
    List<LogFile> files = LogFile.in(folder);
    // The oldest first: whatever interrupts this, there is no gap.
    for (LogFile file : files.subList(0, Math.max(0, files.size() - 1))) {
      if (file.isOpen() || file.last() > snapshot) {
        break;
      }
      Files.delete(file.path());
      Folders.sync(folder);
    }
  }

  /** The last whole entry of the newest file, after the file was cut there if need be. */
  private static long repairEnd(LogFile file) throws IOException {
    LogFile.End end = file.read(_ -> {});
    if (end.tornBytes() > 0) {
      LOG.warn(
          "{}: cut off {} bytes of an entry that was being written when the process ended, after"
              + " entry {}",
          file.path(),
          end.tornBytes(),
          end.entry());
      try (FileChannel channel = FileChannel.open(file.path(), StandardOpenOption.WRITE)) {
        channel.truncate(end.offset());
        channel.force(true);
      }
    }
    return end.entry();
  }
}
