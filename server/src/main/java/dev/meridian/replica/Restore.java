package dev.meridian.replica;

import dev.meridian.store.LogIndex;
import dev.meridian.store.Position;
import dev.meridian.store.RocksStore;
import dev.meridian.store.StoreException;
import dev.meridian.store.Verification;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipInputStream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;

/**
 * Reads archives that {@link Backup} wrote. What they say is believed only as far as it was
 * checked: names are plain file names of the database's folder, sizes and checksums are the
 * manifest's.
 *
 * <p>A folder is built beside its place and moved there as the last step, so there is never half of
 * one.
 */
final class Restore {
  private static final String UNFINISHED = "restoring";
  private static final Pattern FILE_NAME = Pattern.compile("db/[A-Za-z0-9][A-Za-z0-9._-]{0,127}");
  private static final int MAX_FILES = 1_000_000;
  private static final int MAX_MANIFEST_BYTES = 256 << 20;
  private static final int BUFFER_BYTES = 128 << 10;

  private Restore() {}

  /** Where an entry's bytes go. */
  private interface Target {
    OutputStream open(String name) throws IOException;
  }

  static BackupManifest verify(Path archive) throws IOException {
    try (InputStream in = Files.newInputStream(archive)) {
      return read(in, name -> OutputStream.nullOutputStream(), Files.size(archive), Progress.NONE);
    }
  }

  static void into(
      InputStream archive, Path data, RocksStore.Options storeOptions, Progress progress)
      throws IOException {
    Files.createDirectories(data);
    try (DataLock lock = DataLock.acquire(data)) {
      checkEmpty(data);
      Path unfinished = data.resolve(UNFINISHED);
      Folders.delete(unfinished);
      try {
        build(archive, unfinished, storeOptions, progress);
        // A folder with data but without an identity is refused, so that comes last.
        for (String part : List.of("shards", "raft", Identity.FILE)) {
          Folders.move(unfinished.resolve(part), data.resolve(part));
        }
      } finally {
        Folders.delete(unfinished);
      }
    }
  }

  /**
   * Refuses a folder in which a restore was cut off: a store that began empty beside what is there
   * would be taken for the restored one.
   */
  static void checkFinished(Path data) throws IOException {
    Path unfinished = data.resolve(UNFINISHED);
    if (!Files.exists(unfinished)) {
      return;
    }
    if (Files.exists(data.resolve("shards"))) {
      Folders.delete(unfinished); // it was moved to its place as a whole; only this was left to do
      return;
    }
    throw new IOException(
        "A restore into "
            + data
            + " was cut off. Restore again, or delete "
            + unfinished
            + " to begin with no data.");
  }

  private static void checkEmpty(Path data) throws IOException {
    try (Stream<Path> entries = Files.list(data)) {
      List<String> others =
          entries
              .map(entry -> entry.getFileName().toString())
              .filter(name -> !name.equals(DataLock.FILE) && !name.equals(UNFINISHED))
              .sorted()
              .toList();
      if (!others.isEmpty()) {
        throw new IOException(
            "The folder "
                + data
                + " is not empty (it holds '"
                + others.getFirst()
                + "'); restore into an empty one.");
      }
    }
  }

  private static void build(
      InputStream archive, Path folder, RocksStore.Options storeOptions, Progress progress)
      throws IOException {
    Path shard = Layout.group(folder, Layout.FIRST_SHARD);
    Path database = Layout.database(shard);
    Files.createDirectories(database);
    BackupManifest manifest =
        read(
            archive,
            name -> new SyncedFile(database.resolve(name.substring(Backup.DATABASE.length()))),
            0,
            progress);
    Folders.sync(database);
    beginHistory(database, manifest, storeOptions);
    Identity identity = Identity.create();
    identity.write(folder);
    RaftFounding.begin(Layout.log(folder, identity.group(Layout.FIRST_SHARD)), manifest.term());
    for (Path dir : List.of(shard, Folders.parent(shard), folder)) {
      Folders.sync(dir);
    }
  }

  /** A restored store lacks what followed the backup; whoever followed its changes must notice. */
  private static void beginHistory(
      Path database, BackupManifest manifest, RocksStore.Options storeOptions) throws IOException {
    try (RocksStore store = RocksStore.open(database, storeOptions)) {
      LogIndex at = store.applied();
      if (!at.equals(new LogIndex(manifest.term(), manifest.index()))) {
        throw new IOException(
            "The archive's database ends at entry "
                + at.index()
                + ", its manifest says "
                + manifest.index()
                + "; the archive is damaged.");
      }
      Verification checked = store.verify();
      if (!checked.passed()) {
        throw new IOException(
            "The archive's database does not agree with itself: " + checked.problems().getFirst());
      }
      beginHistory(store);
      store.flush();
    } catch (StoreException e) {
      throw new IOException("The archive's database is damaged: " + e.getMessage(), e);
    }
  }

  /** Lets those who followed the changes of another history notice that this is not it. */
  static void beginHistory(RocksStore store) {
    if (!store.position().equals(Position.START)) {
      store.beginHistory(new SecureRandom().nextLong(1, Long.MAX_VALUE));
    }
  }

  /** Streams an archive to its target and checks all of it. */
  private static BackupManifest read(
      InputStream archive, Target target, long total, Progress progress) throws IOException {
    Map<String, BackupManifest.File> found = new HashMap<>();
    @Nullable BackupManifest manifest = null;
    long done = 0;
    byte[] buffer = new byte[BUFFER_BYTES];
    try {
      // Not closed: the caller's stream is the caller's.
      ZipInputStream zip =
          new ZipInputStream(
              new BufferedInputStream(archive, BUFFER_BYTES), StandardCharsets.UTF_8);
      for (ZipEntry entry; (entry = zip.getNextEntry()) != null; ) {
        String name = entry.getName();
        if (manifest != null) {
          throw damaged("'" + name + "' follows the manifest");
        }
        if (name.equals(Backup.MANIFEST)) {
          manifest = manifest(zip);
          continue;
        }
        if (!FILE_NAME.matcher(name).matches()) {
          throw damaged("it holds '" + name + "', which is no file of a database");
        }
        if (found.size() == MAX_FILES || found.containsKey(name)) {
          throw damaged("it holds '" + name + "' twice, or too many files");
        }
        MessageDigest digest = Backup.sha256();
        long bytes = 0;
        try (OutputStream out = target.open(name)) {
          for (int n; (n = zip.read(buffer)) > 0; ) {
            digest.update(buffer, 0, n);
            out.write(buffer, 0, n);
            bytes += n;
            done += n;
            progress.at(done, total);
          }
        }
        found.put(
            name, new BackupManifest.File(name, bytes, HexFormat.of().formatHex(digest.digest())));
      }
    } catch (ZipException | java.io.EOFException e) {
      throw new IOException("The archive is damaged: " + e.getMessage(), e);
    }
    if (manifest == null) {
      throw damaged("it has no " + Backup.MANIFEST + "; it was cut off, or is none of Meridian's");
    }
    check(manifest, found);
    return manifest;
  }

  private static BackupManifest manifest(InputStream in) throws IOException {
    byte[] json = in.readNBytes(MAX_MANIFEST_BYTES + 1);
    if (json.length > MAX_MANIFEST_BYTES) {
      throw damaged("its manifest is too large");
    }
    try {
      BackupManifest manifest = Backup.JSON.readValue(json, BackupManifest.class);
      if (manifest.format() != BackupManifest.FORMAT) {
        throw new IOException(
            "The archive is of format "
                + manifest.format()
                + "; this version reads format "
                + BackupManifest.FORMAT
                + ". Use the version that wrote it ("
                + manifest.node()
                + ").");
      }
      return manifest;
    } catch (JacksonException e) {
      throw new IOException("The archive is damaged: its manifest cannot be read", e);
    }
  }

  private static void check(BackupManifest manifest, Map<String, BackupManifest.File> found)
      throws IOException {
    for (BackupManifest.File listed : manifest.files()) {
      BackupManifest.File file = found.remove(listed.name());
      if (file == null) {
        throw damaged("'" + listed.name() + "' is missing");
      }
      if (!file.equals(listed)) {
        throw damaged("'" + listed.name() + "' is not what the manifest says");
      }
    }
    if (!found.isEmpty()) {
      throw damaged("'" + found.keySet().iterator().next() + "' is not in its manifest");
    }
  }

  private static IOException damaged(String what) {
    return new IOException("The archive is damaged: " + what + ".");
  }

  /** A new file that is on disk when it is closed. */
  private static final class SyncedFile extends OutputStream {
    private final FileChannel channel;
    private final OutputStream out;

    SyncedFile(Path file) throws IOException {
      channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
      out = Channels.newOutputStream(channel);
    }

    @Override
    public void write(int b) throws IOException {
      var unused = channel.write(ByteBuffer.wrap(new byte[] {(byte) b}));
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
      out.write(bytes, offset, length);
    }

    @Override
    public void close() throws IOException {
      try (channel) {
        channel.force(true);
      }
    }
  }
}
