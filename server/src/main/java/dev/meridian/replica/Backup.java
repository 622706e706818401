package dev.meridian.replica;

import dev.meridian.store.LogIndex;
import dev.meridian.store.RocksStore;
import dev.meridian.store.StoreException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import tools.jackson.databind.json.JsonMapper;

/**
 * Writes archives: a checkpoint of the database as a zip (zip64 where it is large), so that any
 * unzip can look into it. The manifest comes last, since it holds the checksums of what was
 * streamed before it; an archive that was cut off has none and is refused.
 */
final class Backup {
  static final String MANIFEST = "manifest.json";

  /** Before the names of the database's files. */
  static final String DATABASE = "db/";

  static final JsonMapper JSON = JsonMapper.builder().build();
  private static final String UNFINISHED = "backup-";
  private static final int BUFFER_BYTES = 128 << 10;

  private Backup() {}

  /** Removes what a crash within {@link #write} left. */
  static void removeUnfinished(Path shard) throws IOException {
    if (!Files.isDirectory(shard)) {
      return;
    }
    try (Stream<Path> entries = Files.list(shard)) {
      for (Path entry : entries.toList()) {
        if (entry.getFileName().toString().startsWith(UNFINISHED)) {
          Folders.delete(entry);
        }
      }
    }
  }

  static void write(RocksStore store, Path shard, OutputStream out, Progress progress)
      throws IOException {
    Path copy = shard.resolve(UNFINISHED + UUID.randomUUID());
    try {
      // Read first, so that what the manifest promises is in the copy, which is newer.
      long epoch = store.position().epoch();
      long timestamp = store.lastTimestamp();
      LogIndex at = store.checkpoint(copy);
      List<Path> files = Folders.files(copy);
      long total = 0;
      for (Path file : files) {
        total += Files.size(file);
      }
      // The database's files are compressed already.
      @SuppressWarnings("resource") // closing it would close what the caller gave
      ZipOutputStream zip = new ZipOutputStream(out, StandardCharsets.UTF_8);
      zip.setLevel(Deflater.NO_COMPRESSION);
      List<BackupManifest.File> listed = new ArrayList<>();
      long done = 0;
      for (Path file : files) {
        String name = DATABASE + file.getFileName();
        zip.putNextEntry(new ZipEntry(name));
        BackupManifest.File entry = copy(file, name, zip, done, total, progress);
        zip.closeEntry();
        listed.add(entry);
        done += entry.bytes();
      }
      BackupManifest manifest =
          new BackupManifest(
              BackupManifest.FORMAT,
              version(),
              epoch,
              at.term(),
              at.index(),
              timestamp,
              System.currentTimeMillis(),
              listed);
      zip.putNextEntry(new ZipEntry(MANIFEST));
      zip.write(JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(manifest));
      zip.closeEntry();
      zip.finish();
      out.flush();
    } catch (StoreException e) {
      throw new IOException("No backup could be made: " + e.getMessage(), e);
    } finally {
      Folders.delete(copy);
    }
  }

  private static BackupManifest.File copy(
      Path file, String name, OutputStream out, long before, long total, Progress progress)
      throws IOException {
    MessageDigest digest = sha256();
    long bytes = 0;
    byte[] buffer = new byte[BUFFER_BYTES];
    try (InputStream in = Files.newInputStream(file)) {
      for (int n; (n = in.read(buffer)) > 0; ) {
        digest.update(buffer, 0, n);
        out.write(buffer, 0, n);
        bytes += n;
        progress.at(before + bytes, total);
      }
    }
    return new BackupManifest.File(name, bytes, HexFormat.of().formatHex(digest.digest()));
  }

  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java has SHA-256", e);
    }
  }

  static String version() {
    String version = Backup.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }
}
