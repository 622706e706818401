package dev.meridian.replica;

import dev.meridian.store.LogIndex;
import dev.meridian.store.RocksStore;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.ratis.server.protocol.TermIndex;
import org.apache.ratis.server.storage.FileInfo;
import org.apache.ratis.server.storage.RaftStorage;
import org.apache.ratis.statemachine.SnapshotInfo;
import org.apache.ratis.statemachine.SnapshotRetentionPolicy;
import org.apache.ratis.statemachine.StateMachineStorage;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The snapshots of a replica: folders {@code snapshot.TERM_INDEX}, each a RocksDB checkpoint, so
 * hard links that cost no copy. Ratis sends the newest one to members that lag behind the log.
 *
 * <p>A folder gets its name when it is complete and on disk; whatever else lies about is the rest
 * of a crash and is removed at the start. Ratis computes the MD5 of each file while it sends it, so
 * none is computed here.
 */
final class Snapshots implements StateMachineStorage {
  private static final Logger LOG = LoggerFactory.getLogger(Snapshots.class);
  private static final Pattern NAME = Pattern.compile("snapshot\\.(\\d{1,19})_(\\d{1,19})");
  private static final String UNFINISHED = "unfinished";

  private final int kept;

  /** Set by {@link #init}. */
  private @Nullable Path folder;

  private volatile @Nullable Snapshot latest;

  Snapshots(int kept) {
    this.kept = kept;
  }

  /**
   * A snapshot.
   *
   * @param at everything up to here is in it
   */
  record Snapshot(Path folder, TermIndex at) implements SnapshotInfo {
    @Override
    public TermIndex getTermIndex() {
      return at;
    }

    @Override
    public List<FileInfo> getFiles() {
      try {
        return Folders.files(folder).stream()
            .filter(file -> !isChecksum(file))
            .map(file -> new FileInfo(file, null))
            .toList();
      } catch (IOException e) {
        throw new UncheckedIOException("The snapshot " + folder + " cannot be read", e);
      }
    }
  }

  /** Ratis leaves the checksum it received beside each file. */
  static boolean isChecksum(Path file) {
    return file.getFileName().toString().endsWith(".md5");
  }

  @Override
  public void init(RaftStorage storage) throws IOException {
    init(storage.getStorageDir().getStateMachineDir().toPath());
  }

  void init(Path stateMachineFolder) throws IOException {
    folder = stateMachineFolder;
    Files.createDirectories(stateMachineFolder);
    find();
  }

  /** Looks again: another member's snapshot may have been installed. */
  void find() throws IOException {
    latest = all().stream().findFirst().orElse(null);
    Folders.delete(folder().resolve(UNFINISHED));
  }

  private Path folder() {
    Path dir = folder;
    if (dir == null) {
      throw new IllegalStateException("not initialised");
    }
    return dir;
  }

  /** Newest first. */
  private List<Snapshot> all() throws IOException {
    try (Stream<Path> entries = Files.list(folder())) {
      return entries
          .flatMap(entry -> Stream.ofNullable(parse(entry)))
          .sorted(Comparator.comparing(Snapshot::at).reversed())
          .toList();
    }
  }

  private static @Nullable Snapshot parse(Path entry) {
    Matcher name = NAME.matcher(entry.getFileName().toString());
    if (!name.matches() || !Files.isDirectory(entry)) {
      return null;
    }
    return new Snapshot(
        entry, TermIndex.valueOf(Long.parseLong(name.group(1)), Long.parseLong(name.group(2))));
  }

  @Override
  public @Nullable Snapshot getLatestSnapshot() {
    return latest;
  }

  /**
   * Takes a snapshot of a store to which nothing is applied meanwhile.
   *
   * @return the last entry in it
   */
  TermIndex take(RocksStore store) throws IOException {
    LogIndex applied = store.applied();
    TermIndex at = TermIndex.valueOf(applied.term(), applied.index());
    Snapshot before = latest;
    if (before != null && before.at().equals(at)) {
      return at;
    }
    Path unfinished = folder().resolve(UNFINISHED);
    Folders.delete(unfinished);
    store.checkpoint(unfinished);
    Folders.sync(unfinished);
    Path finished = folder().resolve("snapshot." + at.getTerm() + "_" + at.getIndex());
    Folders.delete(finished);
    Folders.move(unfinished, finished);
    latest = new Snapshot(finished, at);
    removeOld();
    return at;
  }

  /** Drops all but the newest few; one that cannot be dropped now is dropped next time. */
  void removeOld() {
    try {
      for (Snapshot old : all().stream().skip(kept).toList()) {
        Folders.delete(old.folder());
      }
    } catch (IOException e) {
      LOG.warn("Old snapshots in {} could not be removed: {}", folder, e.getMessage());
    }
  }

  @Override
  public void cleanupOldSnapshots(@Nullable SnapshotRetentionPolicy policy) {
    removeOld();
  }

  @Override
  public void format() {}

  @Override
  public @Nullable File getSnapshotDir() {
    return folder == null ? null : folder.toFile();
  }
}
