package dev.meridian.replica;

import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Watches the free space of the data folder's disk, so that writes stop while there is still room
 * to flush, to take a snapshot and to cut the log, and go on by themselves once room was made. Any
 * thread may ask; the disk is asked at most every {@link #LOOK_NANOS}.
 */
final class DiskGuard {
  private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  /** With less, not even a vote can be noted; see {@link #exhaustion}. */
  private static final long LEAST_BYTES = 8 << 20;

  private final Path data;
  private final FileStore disk;
  private final long reserve;

  /** Last look; racing threads at worst look twice. */
  private volatile long lookedNanos;

  private volatile long free;

  DiskGuard(Path data, long reserve) throws IOException {
    this.data = data;
    this.disk = Files.getFileStore(data);
    this.reserve = reserve;
    look();
  }

  /** Why nothing may be written now, or null when there is room. */
  @Nullable String refusal() {
    return refusal(reserve);
  }

  /**
   * Why not even deletes may be written now, or null when there is room for them: they may use half
   * of the reserve, or room could not be made from inside.
   */
  @Nullable String deleteRefusal() {
    return refusal(reserve / 2);
  }

  /**
   * Why a member must stop, or start not at all, or null when it may go on. Ratis notes terms and
   * votes by writing a new file and renaming it; on a disk without a free block it renames an empty
   * one ({@code RaftStorageMetadataFile}, 3.3.0), and the member has forgotten whom it voted for.
   */
  @Nullable String exhaustion() {
    String low = refusal(LEAST_BYTES);
    return low == null
        ? null
        : "The disk of "
            + data
            + " has "
            + mebibytes(free)
            + " free; with less than "
            + mebibytes(LEAST_BYTES)
            + " a member of a group cannot even note whom it votes for";
  }

  private @Nullable String refusal(long least) {
    if (System.nanoTime() - lookedNanos > LOOK_NANOS) {
      look();
    }
    if (free >= least) {
      return null;
    }
    return "The disk of "
        + data
        + " has "
        + mebibytes(free)
        + " free, less than the reserve of "
        + mebibytes(least)
        + ". Make room; writes then go on by themselves.";
  }

  /** Free bytes at the last look. */
  long free() {
    return free;
  }

  private void look() {
    lookedNanos = System.nanoTime();
    try {
      free = disk.getUsableSpace();
    } catch (IOException e) {
      // A disk that cannot be asked will fail the write itself, with a better message.
      free = Long.MAX_VALUE;
    }
  }

  private static String mebibytes(long bytes) {
    return (bytes >> 20) + " MiB";
  }
}
