package dev.meridian.replica;

import dev.meridian.peer.PeerClient;
import dev.meridian.peer.PeerException;
import dev.meridian.replica.proto.SnapshotFile;
import dev.meridian.replica.proto.SnapshotReadRequest;
import dev.meridian.replica.proto.SnapshotReply;
import dev.meridian.replica.proto.SnapshotRequest;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Pattern;
import org.apache.ratis.proto.RaftProtos.RaftPeerProto;
import org.apache.ratis.server.protocol.TermIndex;
import org.apache.ratis.util.NetUtils;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings the primary's newest snapshot here, file by file and piece by piece, no faster than it
 * may. After an interruption it goes on with the next file: files of a RocksDB are never changed
 * once written, so one of the same name and of the same database is the same file, also in a newer
 * snapshot.
 */
final class SnapshotFetch implements ShardStateMachine.Fetcher {
  private static final Logger LOG = LoggerFactory.getLogger(SnapshotFetch.class);
  private static final Duration CALL = Duration.ofSeconds(10);
  private static final Duration DESCRIBE = Duration.ofMinutes(5);
  private static final Duration TELL_EVERY = Duration.ofSeconds(10);
  private static final int PIECE_BYTES = 1 << 20;
  private static final int MAX_FILES = 1_000_000;
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,127}");

  /** Names the database that the files in the folder are of. */
  private static final String ORIGIN = ".origin";

  /** How far a fetch is. */
  record Progress(long bytes, long total) {}

  private final PeerClient client;
  private final String group;
  private final long bytesPerSecond;
  private final AtomicReference<@Nullable Progress> progress = new AtomicReference<>();

  SnapshotFetch(PeerClient client, String group, long bytesPerSecond) {
    this.client = client;
    this.group = group;
    this.bytesPerSecond = bytesPerSecond;
  }

  /** How far it is, or null when nothing is being fetched. */
  @Nullable Progress progress() {
    return progress.get();
  }

  @Override
  public TermIndex fetch(RaftPeerProto leader, TermIndex needed, Snapshots into)
      throws IOException, InterruptedException {
    InetSocketAddress from = NetUtils.createSocketAddr(leader.getAddress());
    SnapshotReply wanted =
        SnapshotReply.parseFrom(
            client.call(
                from,
                group + "/snapshot",
                SnapshotRequest.newBuilder()
                    .setNeededIndex(needed.getIndex())
                    .build()
                    .toByteArray(),
                DESCRIBE));
    TermIndex at = TermIndex.valueOf(wanted.getTerm(), wanted.getIndex());
    if (at.getIndex() + 1 < needed.getIndex()) {
      throw new IOException(
          "Node "
              + leader.getId().toStringUtf8()
              + " has the entries up to "
              + at.getIndex()
              + ", not those before "
              + needed.getIndex()
              + ", with which the log begins here");
    }
    Path folder = into.incoming();
    prepare(folder, wanted);
    long total = wanted.getFilesList().stream().mapToLong(SnapshotFile::getBytes).sum();
    LOG.info("Fetching the snapshot of entry {} from {}: {} bytes", at.getIndex(), from, total);
    try {
      Throttle throttle = new Throttle(bytesPerSecond);
      long done = 0;
      long told = System.nanoTime();
      for (SnapshotFile file : wanted.getFilesList()) {
        done = fetch(from, at, file, folder, done, total, throttle);
        if (System.nanoTime() - told > TELL_EVERY.toNanos()) {
          told = System.nanoTime();
          LOG.info("Fetched {} of {} bytes ({} %)", done, total, 100 * done / total);
        }
      }
    } finally {
      progress.set(null);
    }
    Files.deleteIfExists(folder.resolve(ORIGIN));
    into.adopt(at);
    return at;
  }

  /** Keeps of an earlier attempt what is of use. */
  private static void prepare(Path folder, SnapshotReply wanted) throws IOException {
    String origin = wanted.getOrigin();
    if (wanted.getFilesCount() == 0 || wanted.getFilesCount() > MAX_FILES) {
      throw new IOException(
          "The primary offers a snapshot of " + wanted.getFilesCount() + " files");
    }
    Path mark = folder.resolve(ORIGIN);
    if (!Files.exists(mark) || !Files.readString(mark).equals(origin)) {
      Folders.delete(folder);
      Files.createDirectories(folder);
      Files.writeString(mark, origin);
    }
    Map<String, Long> sizes = new HashMap<>();
    for (SnapshotFile file : wanted.getFilesList()) {
      if (!NAME.matcher(file.getName()).matches() || file.getBytes() < 0) {
        throw new IOException("The primary offers a file of the name '" + file.getName() + "'");
      }
      sizes.put(file.getName(), file.getBytes());
    }
    for (Path file : Folders.files(folder)) {
      String name = file.getFileName().toString();
      Long size = sizes.get(name);
      // Others than tables are small, and change under one name.
      if (!name.equals(ORIGIN)
          && (size == null || !name.endsWith(".sst") || Files.size(file) != size)) {
        Files.delete(file);
      }
    }
  }

  private long fetch(
      InetSocketAddress from,
      TermIndex at,
      SnapshotFile file,
      Path folder,
      long doneBefore,
      long total,
      Throttle throttle)
      throws IOException, InterruptedException {
    Path whole = folder.resolve(file.getName());
    if (Files.exists(whole)) {
      return doneBefore + file.getBytes(); // of an earlier attempt, and synced
    }
    long done = doneBefore;
    Path part = folder.resolve(file.getName() + ".part");
    try (FileChannel out =
        FileChannel.open(
            part,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            StandardOpenOption.TRUNCATE_EXISTING)) {
      long offset = 0;
      while (offset < file.getBytes()) {
        progress.set(new Progress(done, total));
        byte[] piece =
            read(
                from,
                SnapshotReadRequest.newBuilder()
                    .setTerm(at.getTerm())
                    .setIndex(at.getIndex())
                    .setName(file.getName())
                    .setOffset(offset)
                    .setLength((int) Math.min(PIECE_BYTES, file.getBytes() - offset))
                    .build());
        if (piece.length == 0 || piece.length > file.getBytes() - offset) {
          throw new IOException("The primary's file '" + file.getName() + "' changed its size");
        }
        ByteBuffer bytes = ByteBuffer.wrap(piece);
        while (bytes.hasRemaining()) {
          out.write(bytes);
        }
        offset += piece.length;
        done += piece.length;
        throttle.passed(piece.length);
      }
      out.force(true);
    }
    Folders.move(part, whole);
    return done;
  }

  private byte[] read(InetSocketAddress from, SnapshotReadRequest request)
      throws IOException, InterruptedException {
    for (int attempt = 1; ; attempt++) {
      try {
        return client.call(from, group + "/snapshot/read", request.toByteArray(), CALL);
      } catch (PeerException e) {
        if (attempt == 5) {
          throw e;
        }
        TimeUnit.MILLISECONDS.sleep(200L << attempt);
      }
    }
  }

  /** Lets so many bytes a second pass. */
  private static final class Throttle {
    private final long bytesPerSecond;
    private final long since = System.nanoTime();
    private long passed;

    Throttle(long bytesPerSecond) {
      this.bytesPerSecond = bytesPerSecond;
    }

    void passed(int bytes) throws InterruptedException {
      passed += bytes;
      long dueNanos = (long) (passed * 1e9 / bytesPerSecond);
      long ahead = dueNanos - (System.nanoTime() - since);
      if (ahead > 1_000_000) {
        TimeUnit.NANOSECONDS.sleep(ahead);
      }
    }
  }
}
