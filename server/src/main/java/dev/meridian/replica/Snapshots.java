package dev.meridian.replica;

import dev.meridian.store.LogIndex;
import dev.meridian.store.RocksStore;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
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
 * hard links that cost no copy. Members that lag further than the log reaches fetch the newest one.
 *
 * <p>A folder gets its name when it is complete and on disk; whatever else lies about is the rest
 * of a crash, or a download that is gone on with. A snapshot that is being fetched stays until its
 * fetcher is done or has not been heard of for a while.
 */
final class Snapshots implements StateMachineStorage {
  private static final Logger LOG = LoggerFactory.getLogger(Snapshots.class);
  private static final Pattern NAME = Pattern.compile("snapshot\\.(\\d{1,19})_(\\d{1,19})");
  private static final Pattern FILE_NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,127}");
  private static final String UNFINISHED = "unfinished";

  private final int kept;

  /** Set by {@link #init}. */
  private @Nullable Path folder;

  private volatile @Nullable Snapshot latest;

  /** Until when ({@link System#nanoTime}) snapshots that are being fetched stay. */
  private final Map<TermIndex, Long> pinned = new ConcurrentHashMap<>();

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

    /** Ratis sends no files itself; they are fetched by {@link SnapshotFetch}. */
    @Override
    public List<FileInfo> getFiles() {
      return List.of();
    }
  }

  @Override
  public void init(RaftStorage storage) throws IOException {
    init(storage.getStorageDir().getStateMachineDir().toPath());
  }

  void init(Path stateMachineFolder) throws IOException {
    folder = stateMachineFolder;
    Files.createDirectories(stateMachineFolder);
    Folders.delete(stateMachineFolder.resolve(UNFINISHED));
    find();
  }

  /** Looks again: another member's snapshot may have been installed. */
  synchronized void find() throws IOException {
    latest = newest(folder());
  }

  /** The newest snapshot in a folder, which need not exist; or null. */
  static @Nullable Snapshot newest(Path folder) throws IOException {
    return Files.isDirectory(folder) ? all(folder).stream().findFirst().orElse(null) : null;
  }

  private Path folder() {
    Path dir = folder;
    if (dir == null) {
      throw new IllegalStateException("not initialised");
    }
    return dir;
  }

  /** Newest first. */
  private static List<Snapshot> all(Path folder) throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
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
  synchronized TermIndex take(RocksStore store) throws IOException {
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

  /**
   * A file of a snapshot, to be read by another member.
   *
   * @throws IOException if there is none of that name
   */
  Path file(TermIndex at, String name) throws IOException {
    if (!FILE_NAME.matcher(name).matches()) {
      throw new IOException("No such file");
    }
    return folder().resolve("snapshot." + at.getTerm() + "_" + at.getIndex()).resolve(name);
  }

  /** Where a download from another member grows, to be gone on with after an interruption. */
  Path incoming() {
    return folder().resolve("incoming");
  }

  /** Makes a complete download the newest snapshot. */
  synchronized Snapshot adopt(TermIndex at) throws IOException {
    Path finished = folder().resolve("snapshot." + at.getTerm() + "_" + at.getIndex());
    Folders.delete(finished);
    Folders.sync(incoming());
    Folders.move(incoming(), finished);
    find();
    return new Snapshot(finished, at);
  }

  /** Drops all that are complete. */
  synchronized void removeAll() throws IOException {
    for (Snapshot snapshot : all(folder())) {
      Folders.delete(snapshot.folder());
    }
    find();
  }

  /** Keeps a snapshot that is being fetched; called again and again. */
  void pin(TermIndex at, Duration time) {
    pinned.put(at, System.nanoTime() + time.toNanos());
  }

  private boolean isPinned(Snapshot snapshot) {
    Long until = pinned.get(snapshot.at());
    if (until == null) {
      return false;
    }
    if (System.nanoTime() - until < 0) {
      return true;
    }
    pinned.remove(snapshot.at());
    return false;
  }

  /** Drops all but the newest few; one that cannot be dropped now is dropped next time. */
  synchronized void removeOld() {
    try {
      for (Snapshot old : all(folder()).stream().skip(kept).toList()) {
        if (!isPinned(old)) {
          Folders.delete(old.folder());
        }
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
