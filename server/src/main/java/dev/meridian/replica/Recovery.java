package dev.meridian.replica;

import dev.meridian.document.Version;
import dev.meridian.store.LogException;
import dev.meridian.store.LogIndex;
import dev.meridian.store.RocksStore;
import dev.meridian.store.StoreException;
import dev.meridian.store.Verification;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;

/**
 * Makes one node's replicas the beginning of a new cluster, when the majority of their groups is
 * lost for good. What the new cluster holds is what the logs and databases of this node hold, all
 * of it: whether an entry that this node does not know to be committed was acknowledged, only the
 * lost nodes could tell.
 *
 * <p>Everything is built beside what is there, on links to the same tables. Until {@link #commit}
 * the node can go on as if nothing had been; that renames what was built, and from then on it takes
 * the old one's place, now or at the next start, whatever ends the process in between.
 *
 * <p>Used by one thread.
 */
public final class Recovery implements AutoCloseable {
  private static final String UNFINISHED = "recovering";
  private static final String DECIDED = "recovered";

  /**
   * What a replica on this node holds.
   *
   * @param group its group's name
   * @param committed everything up to here is known to be committed: no other member lacks it
   * @param committedTime of the newest write up to there
   * @param end the last entry of its log
   * @param endTime of the newest write
   * @param members of the group as its log names them, and where each is reached; by node id
   * @param documents how many there are at the end
   */
  public record Replica(
      String group,
      LogIndex committed,
      Instant committedTime,
      LogIndex end,
      Instant endTime,
      Map<String, String> members,
      long documents) {
    /** How many entries of its log are not known to be committed. */
    public long doubtful() {
      return end.index() - committed.index();
    }
  }

  private final Path data;
  private final DataLock lock;
  private final Identity before;
  private final Identity after = Identity.create();
  private final Path folder;
  private final Map<String, RocksStore> stores = new LinkedHashMap<>();
  private final List<Replica> replicas = new ArrayList<>();

  /** What is written here follows the logs' own time: the clock of this machine may be wrong. */
  private final AtomicLong millis = new AtomicLong();

  private Recovery(Path data, DataLock lock) throws IOException {
    this.data = data;
    this.lock = lock;
    this.before = Identity.read(data);
    this.folder = data.resolve(UNFINISHED);
  }

  /**
   * Builds what the node would begin anew with, and checks it: reads every document.
   *
   * @param data the folder of a node that does not run; it stays as it is
   * @param groups names of the groups whose replicas go on; the node must have them all
   * @throws IOException if the folder is no node's, in use or damaged, or if there is nothing to
   *     recover; the message says which
   */
  public static Recovery open(Path data, List<String> groups, RocksStore.Options options)
      throws IOException {
    DataLock lock = lock(data);
    try {
      finishLocked(data);
      Recovery recovery = new Recovery(data, lock);
      try {
        recovery.build(groups, options);
        return recovery;
      } catch (IOException | RuntimeException | Error e) {
        recovery.closeStores();
        Folders.delete(recovery.folder);
        throw e;
      }
    } catch (StoreException | LogException e) {
      lock.close();
      throw new IOException(e.getMessage(), e);
    } catch (IOException | RuntimeException | Error e) {
      lock.close();
      throw e;
    }
  }

  /**
   * Finishes a recovery that was cut off after its {@link #commit}.
   *
   * @return whether there was one
   * @throws IOException if the folder is no node's or in use
   */
  public static boolean finish(Path data) throws IOException {
    try (DataLock _ = lock(data)) {
      return finishLocked(data);
    }
  }

  private static DataLock lock(Path data) throws IOException {
    if (!Identity.exists(data)) {
      throw new IOException(
          "The folder "
              + data
              + " is no node's data folder: it has no file '"
              + Identity.FILE
              + "'. Name the one that the node was started with: --data FOLDER.");
    }
    return DataLock.acquire(data);
  }

  private void build(List<String> groups, RocksStore.Options options) throws IOException {
    Map<String, Map<String, String>> members = new TreeMap<>();
    for (String group : groups) {
      if (!Files.isDirectory(liveDatabase(group))) {
        throw new IOException(
            "The node in "
                + data
                + " has no replica of "
                + group
                + ", so nothing can be recovered from it.");
      }
      members.put(group, RaftFounding.members(Layout.log(data, before.group(group))));
    }
    if (members.values().stream().allMatch(this::isAlone)) {
      throw new IOException(
          "There is nothing to recover: the node in "
              + data
              + " is the only member of its groups and needs no other. Start it: ./meridian up SITE"
              + " --data "
              + data);
    }
    for (String group : groups) {
      replicas.add(build(group, Objects.requireNonNull(members.get(group)), options));
    }
  }

  private boolean isAlone(Map<String, String> members) {
    // A group that was founded and never started has no members yet.
    return members.isEmpty() ? before.founder() : members.keySet().equals(Set.of(before.node()));
  }

  private Path liveDatabase(String group) {
    return ShardStateMachine.whole(Layout.database(Layout.group(data, group)));
  }

  private Replica build(String group, Map<String, String> members, RocksStore.Options options)
      throws IOException {
    RocksStore store = openNewest(group, options.withClock(millis::get));
    stores.put(group, store);
    LogIndex committed = store.applied();
    Instant committedTime = newestWrite(store);
    replay(Layout.log(data, before.group(group)), store);
    if (store.applied().equals(LogIndex.NONE)) {
      throw new IOException(
          "The replica of "
              + group
              + " on this node is empty: it had not got the data yet. Recover from another node, or"
              + " restore a backup.");
    }
    // The first millisecond above all timestamps.
    millis.accumulateAndGet(newestWrite(store).toEpochMilli() + 1, Math::max);
    Verification checked = store.verify();
    if (!checked.passed()) {
      throw new IOException(
          "The replica of "
              + group
              + " does not agree with itself ("
              + checked.problems().getFirst()
              + "). Recover from another node, or restore a backup.");
    }
    return new Replica(
        group,
        committed,
        committedTime,
        store.applied(),
        newestWrite(store),
        members,
        checked.documents());
  }

  private static Instant newestWrite(RocksStore store) {
    return Instant.ofEpochMilli(store.lastTimestamp() >>> Version.COUNTER_BITS);
  }

  /** Opens a copy of the database; or of the newest snapshot, when that holds more. */
  private RocksStore openNewest(String group, RocksStore.Options options) throws IOException {
    Path database = Layout.database(Layout.group(folder, group));
    copy(liveDatabase(group), database);
    RocksStore store = RocksStore.open(database, options);
    Snapshots.Snapshot newest = Snapshots.newest(Layout.snapshots(data, before.group(group)));
    if (newest == null || newest.at().getIndex() <= store.applied().index()) {
      return store;
    }
    store.close();
    Folders.delete(database);
    copy(newest.folder(), database);
    return RocksStore.open(database, options);
  }

  /** Tables never change, so links to them do; the rest is small. */
  private static void copy(Path from, Path to) throws IOException {
    Files.createDirectories(to);
    for (Path file : Folders.files(from)) {
      Path target = to.resolve(file.getFileName().toString());
      if (file.toString().endsWith(".sst")) {
        Folders.linkFile(file, target);
      } else {
        Files.copy(file, target, StandardCopyOption.COPY_ATTRIBUTES);
      }
    }
    Folders.sync(to);
  }

  private static void replay(Path log, RocksStore store) throws IOException {
    for (LogFile file : LogFile.in(log)) {
      if (file.first() > store.applied().index() + 1) {
        throw new IOException(
            "The log in "
                + log
                + " goes on with entry "
                + file.first()
                + ", but what is before it ends at "
                + store.applied().index()
                + ": a file of it, or the database, was removed. Put it back, or restore a backup.");
      }
      var unused = file.read(entry -> apply(entry, store));
    }
  }

  private static void apply(LogEntryProto entry, RocksStore store) {
    LogIndex at = new LogIndex(entry.getTerm(), entry.getIndex());
    if (entry.hasStateMachineLogEntry()) {
      var unused =
          store.apply(at, entry.getStateMachineLogEntry().getLogData().asReadOnlyByteBuffer());
    } else {
      store.skip(at);
    }
  }

  /** Who the node was. */
  public Identity before() {
    return before;
  }

  /** Who it is to be: the first node of another cluster. */
  public Identity after() {
    return after;
  }

  /** What the node has, in the order of the groups. */
  public List<Replica> replicas() {
    return List.copyOf(replicas);
  }

  /** What a group is to begin with; it may be changed until {@link #commit}. */
  public RocksStore store(String group) {
    return Objects.requireNonNull(stores.get(group));
  }

  /**
   * What is to take its place in the data folder: a folder in here replaces the one of its name,
   * with all that is in that.
   */
  public Path folder() {
    return folder;
  }

  /**
   * Puts it in the place of what was there, for good.
   *
   * @throws IOException if it cannot; then either nothing has changed, or {@link #finish} and the
   *     next start finish it
   */
  public void commit() throws IOException {
    for (Map.Entry<String, RocksStore> entry : stores.entrySet()) {
      RocksStore store = entry.getValue();
      try {
        // Others may have followed changes beyond the end of this log.
        Restore.beginHistory(store);
        store.flush();
      } catch (StoreException e) {
        throw new IOException(e.getMessage(), e);
      }
      RaftFounding.begin(Layout.log(folder, after.group(entry.getKey())), store.applied().term());
      Path group = Layout.group(folder, entry.getKey());
      for (Path dir : List.of(Layout.database(group), group, Folders.parent(group))) {
        Folders.sync(dir);
      }
    }
    closeStores();
    after.write(folder);
    Folders.sync(folder);
    Folders.move(folder, data.resolve(DECIDED));
    var unused = finishLocked(data);
  }

  /** Clears up what a recovery left, or puts in its place what one decided; whether one had. */
  static boolean finishLocked(Path data) throws IOException {
    Folders.delete(data.resolve(UNFINISHED));
    Path decided = data.resolve(DECIDED);
    if (!Files.exists(decided)) {
      return false;
    }
    List<Path> parts;
    try (Stream<Path> entries = Files.list(decided)) {
      parts = entries.toList();
    }
    for (Path part : parts) {
      Path place = data.resolve(part.getFileName().toString());
      if (Files.isDirectory(place)) {
        Folders.delete(place);
      }
      Folders.move(part, place);
    }
    Folders.delete(decided);
    Folders.sync(data);
    return true;
  }

  private void closeStores() {
    stores.values().forEach(RocksStore::close);
    stores.clear();
  }

  /** Gives the folder back, as it was unless {@link #commit} was called. */
  @Override
  public void close() throws IOException {
    try (lock) {
      closeStores();
      Folders.delete(folder);
    }
  }
}
