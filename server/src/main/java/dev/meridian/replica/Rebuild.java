package dev.meridian.replica;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.ratis.proto.RaftProtos.RaftPeerProto;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.server.protocol.TermIndex;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Puts another member's database in the place of one that is damaged or gone, before the replica
 * starts. What this member has promised the others stands in its log and its vote, and these are
 * kept: so it stays the member it was, and applies the rest of its log to the copy. (Where the log
 * is damaged, only leaving and joining as a new member is safe.)
 *
 * <p>The damaged database stays until the copy is complete. Its snapshots do not: they share its
 * files.
 */
final class Rebuild {
  private static final Logger LOG = LoggerFactory.getLogger(Rebuild.class);
  private static final Duration AGAIN = Duration.ofSeconds(1);

  /** Beside the database: why it is not to be used any more. */
  private static final String MARK = "damaged";

  /** Beside the database: why it was given up once, and found to be whole. */
  private static final String LOOKED_AT = "was-damaged";

  private final Path folder;
  private final Path log;
  private final Path snapshots;
  private final RaftPeer self;
  private final ShardStateMachine.Fetcher fetcher;

  /**
   * For the replica in a folder.
   *
   * @param folder of the group's member
   * @param log of the group
   * @param snapshots of the group
   */
  Rebuild(Path folder, Path log, Path snapshots, RaftPeer self, ShardStateMachine.Fetcher fetcher) {
    this.folder = folder;
    this.log = log;
    this.snapshots = snapshots;
    this.self = self;
    this.fetcher = fetcher;
  }

  /** Notes that the database of a member is not to be used any more. Does not throw. */
  static void mark(Path folder, String why) {
    try {
      Files.writeString(
          folder.resolve(MARK),
          why,
          StandardCharsets.UTF_8,
          StandardOpenOption.CREATE,
          StandardOpenOption.TRUNCATE_EXISTING,
          StandardOpenOption.WRITE,
          StandardOpenOption.SYNC);
      Folders.sync(folder);
    } catch (IOException e) {
      // It will be found again.
      LOG.warn("That {} is damaged could not be noted: {}", folder, e.getMessage());
    }
  }

  /**
   * Why the database was given up in an earlier run; null if it was not, or is the only one now.
   */
  @Nullable String marked() throws IOException {
    Path mark = folder.resolve(MARK);
    return Files.exists(mark) && !others().isEmpty() ? Files.readString(mark) : null;
  }

  /**
   * Whether the files of a database that was given up are worth a look, as a disk may have failed
   * for a moment. Not twice: there is damage that no checksum shows.
   */
  boolean mayBeWhole() {
    return !Files.exists(folder.resolve(LOOKED_AT));
  }

  /** Takes the note back: the files were looked at, and nothing is wrong with them. */
  void unmark() throws IOException {
    Files.move(folder.resolve(MARK), folder.resolve(LOOKED_AT));
    Folders.sync(folder);
  }

  /** Where the other members are, by id. */
  private Map<String, String> others() throws IOException {
    Map<String, String> others = RaftFounding.members(log);
    others.remove(self.getId().toString());
    return others;
  }

  /**
   * Why a database that holds the entries up to {@code applied} cannot be gone on with, or null.
   */
  @Nullable String gap(long applied) throws IOException {
    long first = firstInLog();
    return first <= applied + 1
        ? null
        : "The database in "
            + folder
            + " ends at entry "
            + applied
            + ", but its log begins at "
            + first
            + ": it was removed or replaced.";
  }

  private long firstInLog() throws IOException {
    List<LogFile> files = LogFile.in(log);
    return files.isEmpty() ? 0 : files.getFirst().first();
  }

  /**
   * Fetches another member's database.
   *
   * @param why what is wrong with the one here
   * @throws IOException if none could be fetched in time; the message says what to do
   */
  void run(String why, Duration limit) throws IOException {
    Map<String, String> others = others();
    if (others.isEmpty()) {
      throw new IOException(
          why
              + " There is no other member to copy it from: restore a backup into an empty folder.");
    }
    LOG.warn("{} It is copied from another member: {}", why, others.keySet());
    mark(folder, why);
    Snapshots into = new Snapshots(1);
    into.init(snapshots);
    into.removeAll();
    TermIndex at = fetch(others, into, why, limit);
    Snapshots.Snapshot copy = into.getLatestSnapshot();
    if (copy == null || !copy.at().equals(at)) {
      throw new IllegalStateException("The copy of " + at + " is gone; found " + copy);
    }
    ShardStateMachine.install(copy.folder(), Layout.database(folder));
    Files.deleteIfExists(folder.resolve(LOOKED_AT));
    Files.deleteIfExists(folder.resolve(MARK));
    Folders.sync(folder);
    LOG.info("The database in {} is another member's now, as of entry {}", folder, at.getIndex());
  }

  private TermIndex fetch(Map<String, String> others, Snapshots into, String why, Duration limit)
      throws IOException {
    TermIndex needed = TermIndex.valueOf(0, firstInLog());
    long until = System.nanoTime() + limit.toNanos();
    List<String> order = new ArrayList<>(others.keySet());
    Collections.shuffle(order);
    IOException last = null;
    do {
      for (String other : order) {
        RaftPeerProto peer =
            RaftPeer.newBuilder()
                .setId(other)
                .setAddress(others.get(other))
                .build()
                .getRaftPeerProto();
        try {
          TermIndex at = fetcher.fetch(peer, needed, into);
          if (at != null) {
            return at;
          }
        } catch (IOException e) {
          last = e;
          LOG.warn("The database could not be copied from node {}: {}", other, e.getMessage());
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          throw new IOException("interrupted", e);
        }
      }
      pause();
    } while (System.nanoTime() - until < 0);
    throw new IOException(
        why
            + " It could not be copied from another member"
            + (last == null ? "" : " (" + last.getMessage() + ")")
            + ". Start one of them first, then this node again; what was fetched already is kept.",
        last);
  }

  private static void pause() throws IOException {
    try {
      TimeUnit.MILLISECONDS.sleep(AGAIN.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }
}
