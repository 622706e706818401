package dev.meridian.replica;

import static dev.meridian.replica.Fixture.open;
import static dev.meridian.replica.Fixture.put;
import static dev.meridian.replica.Fixture.read;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.document.DocumentPath;
import dev.meridian.store.Batch;
import dev.meridian.store.Condition;
import dev.meridian.store.StoreException.Unavailable;
import dev.meridian.store.Write;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a crash or a disk may do to the files, done to them by hand. */
class DamageTest {
  private static final int WRITES = 40;
  private static final long SEED = Long.getLong("meridian.damage.seed", System.nanoTime());

  @TempDir Path folder;
  private final Random random = new Random(SEED);

  @Test
  void tornEndOfTheLogIsCutOff() throws Exception {
    for (int round = 0; round < 6; round++) {
      Path data = folder.resolve("round" + round);
      Path log = crashed(data);
      long end = Files.size(log);
      switch (round % 3) {
        case 0 -> append(log, garbage(1 + random.nextInt(300)), 0);
        case 1 -> append(log, garbage(1 + random.nextInt(300)), 4096); // and space reserved ahead
        default -> truncate(log, end - 1 - random.nextInt(8)); // within the last entry
      }
      int lost = round % 3 == 2 ? 1 : 0;
      try (ReplicatedStore store = open(data)) {
        for (int i = 0; i < WRITES - lost; i++) {
          assertThat(read(store, "items/a" + i))
              .as("seed %d, round %d", SEED, round)
              .isEqualTo("{\"n\":" + i + "}");
        }
        assertThat(store.verify().problems()).isEmpty();
        store.write(Batch.of(put("items/new", "{\"n\":1}")));
      }
      try (ReplicatedStore store = open(data)) {
        assertThat(read(store, "items/new")).isEqualTo("{\"n\":1}");
      }
    }
  }

  @Test
  void damageWithinTheLogIsNotTakenForATornEnd() throws Exception {
    Path log = crashed(folder);
    try (FileChannel channel = FileChannel.open(log, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(garbage(4)), Files.size(log) / 2);
    }
    assertThatThrownBy(() -> open(folder))
        .as("seed %d", SEED)
        .isInstanceOf(IOException.class)
        .hasMessageContaining("damaged")
        .hasMessageContaining("leave NODE --gone")
        .hasMessageContaining("restore a backup");
  }

  @Test
  void databaseAheadOfItsLogKeepsWhatItHolds() throws Exception {
    try (ReplicatedStore store = open(folder)) {
      for (int i = 0; i < WRITES; i++) {
        store.write(Batch.of(put("items/a" + i, "{\"n\":" + i + "}")));
      }
    }
    Path log = newestLog(folder);
    truncate(log, Files.size(log) / 2);
    for (int run = 0; run < 2; run++) {
      try (ReplicatedStore store = open(folder)) {
        for (int i = 0; i < WRITES; i++) {
          assertThat(read(store, "items/a" + i)).isEqualTo("{\"n\":" + i + "}");
        }
        // Had the log gone on within what the database holds, these would be passed over.
        store.write(Batch.of(put("items/a0", "{\"n\":0}"), put("items/a0/parts/p", "{}")));
        store.write(Batch.of(put("items/run" + run, "{\"n\":1}")));
      }
    }
    try (ReplicatedStore store = open(folder)) {
      assertThat(read(store, "items/run0")).isEqualTo("{\"n\":1}");
      assertThat(read(store, "items/run1")).isEqualTo("{\"n\":1}");
    }
  }

  @Test
  void missingDatabaseOrLogIsNoticed() throws Exception {
    open(folder).close();
    try (ReplicatedStore store = open(folder)) {
      store.write(Batch.of(put("items/a", "{\"n\":1}")));
    }
    Folders.delete(folder.resolve("raft"));
    assertThatThrownBy(() -> open(folder)).hasMessageContaining("is gone");
    // An empty store would be taken for all there is.
    Folders.delete(folder.resolve("shards"));
    for (int run = 0; run < 2; run++) {
      assertThatThrownBy(() -> open(folder))
          .hasMessageContaining("is gone; it was there before")
          .hasMessageContaining("restore a backup");
    }
    Files.delete(folder.resolve("identity"));
    assertThatThrownBy(() -> open(folder)).hasMessageContaining("not whole");
  }

  @Test
  void fullDiskRefusesWritesAndRecovers() throws Exception {
    try (SmallDisk disk = new SmallDisk(folder.resolve("disk"), 96)) {
      ReplicaOptions options = Fixture.SMALL.edit().diskReserve(32L << 20).build();
      Path ballast = disk.path().resolve("ballast");
      try (ReplicatedStore store = open(disk.path().resolve("data"), options)) {
        store.write(Batch.of(put("items/a", "{\"n\":1}")));
        Files.write(ballast, new byte[70 << 20]);
        TimeUnit.MILLISECONDS.sleep(150); // the guard looks ten times a second
        assertThatThrownBy(() -> store.write(Batch.of(put("items/a", "{\"n\":2}"))))
            .isInstanceOfSatisfying(
                Unavailable.class,
                e -> assertThat(e.outcome()).isEqualTo(Unavailable.Outcome.NOT_DONE))
            .hasMessageContaining("Make room");
        assertThat(read(store, "items/a")).isEqualTo("{\"n\":1}");
        // Or room could not be made from inside.
        store.write(Batch.of(new Write.Delete(DocumentPath.parse("items/a"), Condition.NONE)));
        assertThat(read(store, "items/a")).isNull();
        Files.delete(ballast);
        TimeUnit.MILLISECONDS.sleep(150);
        store.write(Batch.of(put("items/a", "{\"n\":3}")));
      }
    }
  }

  @Test
  void logThatCannotBeWrittenStopsTheReplicaWithoutLosingWhatItAcknowledged() throws Exception {
    try (SmallDisk disk = new SmallDisk(folder.resolve("disk"), 48)) {
      ReplicaOptions options = Fixture.SMALL.edit().diskReserve(0).build();
      Path data = disk.path().resolve("data");
      int acknowledged = 0;
      try (ReplicatedStore store = open(data, options)) {
        Unavailable failed = null;
        String text = "x".repeat(200_000);
        for (int i = 0; failed == null && i < 1000; i++) {
          try {
            store.write(Batch.of(put("items/a" + i, "{\"n\":" + i + ",\"t\":\"" + text + "\"}")));
            acknowledged++;
          } catch (Unavailable e) {
            failed = e;
          }
        }
        assertThat(failed).as("the disk never got full").isNotNull();
        assertThat(requireNonNull(failed).outcome()).isEqualTo(Unavailable.Outcome.UNKNOWN);
        assertThatThrownBy(() -> store.write(Batch.of(put("items/b", "{}"))))
            .isInstanceOfSatisfying(
                Unavailable.class,
                e -> assertThat(e.outcome()).isEqualTo(Unavailable.Outcome.NOT_DONE))
            .hasMessageContaining("restart this node");
      }
      disk.grow(256);
      try (ReplicatedStore store = open(data, options)) {
        for (int i = 0; i < acknowledged; i++) {
          assertThat(read(store, "items/a" + i)).startsWith("{\"n\":" + i + ",");
        }
        store.write(Batch.of(put("items/b", "{}")));
      }
    }
  }

  /** A data folder as a kill leaves it: nothing flushed, the log whole. Returns its newest file. */
  private Path crashed(Path data) throws Exception {
    Path live = data.resolveSibling(data.getFileName() + "-live");
    try (ReplicatedStore store = open(live)) {
      for (int i = 0; i < WRITES; i++) {
        store.write(Batch.of(put("items/a" + i, "{\"n\":" + i + "}")));
      }
      try (Stream<Path> files = Files.walk(live)) {
        for (Path file : files.toList()) {
          Path copy = data.resolve(live.relativize(file).toString());
          if (Files.isDirectory(file)) {
            Files.createDirectories(copy);
          } else if (!file.getFileName().toString().equals("in_use.lock")) {
            Files.copy(file, copy);
          }
        }
      }
    }
    Path log = newestLog(data);
    truncate(log, usedLength(log));
    return log;
  }

  /** Without the zeros reserved ahead; the last entry's checksum may end in zeros, too. */
  private static int usedLength(Path log) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(log));
    int end = "RaftLog1".length();
    while (end < bytes.limit() && bytes.get(end) != 0) {
      int length = 0;
      for (int shift = 0; shift == 0 || bytes.get(end - 1) < 0; shift += 7) {
        length |= (bytes.get(end++) & 0x7f) << shift;
      }
      end += length + Integer.BYTES; // the checksum
    }
    return end;
  }

  private static Path newestLog(Path data) throws IOException {
    try (Stream<Path> files = Files.walk(data)) {
      return files
          .filter(file -> file.getFileName().toString().startsWith("log_inprogress_"))
          .findFirst()
          .orElseThrow();
    }
  }

  private static void truncate(Path file, long length) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.truncate(length);
    }
  }

  private static void append(Path file, byte[] bytes, int zeros) throws IOException {
    Files.write(file, bytes, StandardOpenOption.APPEND);
    Files.write(file, new byte[zeros], StandardOpenOption.APPEND);
  }

  private byte[] garbage(int length) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    bytes[0] |= 1; // not mistaken for reserved space
    bytes[length - 1] |= 1;
    return bytes;
  }

  /** A small file system of its own; skips the test where that is not allowed. */
  private record SmallDisk(Path path) implements AutoCloseable {
    SmallDisk(Path path, int mebibytes) throws Exception {
      this(Files.createDirectories(path));
      Assumptions.assumeTrue(
          run("mount", "-t", "tmpfs", "-o", "size=" + mebibytes + "m", "tmpfs", path.toString()),
          "needs the right to mount a small disk");
    }

    void grow(int mebibytes) throws Exception {
      assertThat(run("mount", "-o", "remount,size=" + mebibytes + "m", path.toString())).isTrue();
    }

    @Override
    public void close() throws Exception {
      assertThat(run("umount", path.toString())).isTrue();
    }

    private static boolean run(String... command) throws Exception {
      try {
        return new ProcessBuilder(command).inheritIO().start().waitFor() == 0;
      } catch (IOException e) {
        return false; // no such command
      }
    }
  }
}
