package dev.meridian.replica;

import java.util.List;

/**
 * What an archive holds, as {@code manifest.json} in it says.
 *
 * @param format version of the archive's form
 * @param node version of the node that wrote it
 * @param epoch of the history it is of; see {@code Position}
 * @param term of the newest log entry in it
 * @param index of the newest log entry in it
 * @param timestamp every write up to this hybrid timestamp is in it
 * @param createdMillis when it was made, in milliseconds since 1970
 * @param files what it consists of
 */
public record BackupManifest(
    int format,
    String node,
    long epoch,
    long term,
    long index,
    long timestamp,
    long createdMillis,
    List<File> files) {
  /** The only form there is yet. */
  public static final int FORMAT = 1;

  /** Copies. */
  public BackupManifest {
    files = List.copyOf(files);
  }

  /** Bytes of all files together. */
  public long bytes() {
    return files.stream().mapToLong(File::bytes).sum();
  }

  /**
   * A file.
   *
   * @param name in the archive
   * @param bytes how long it is
   * @param sha256 its checksum in hexadecimal
   */
  public record File(String name, long bytes, String sha256) {}
}
