package dev.meridian.replica;

import static dev.meridian.replica.Fixture.DATABASE;
import static dev.meridian.replica.Fixture.INDEXES;
import static dev.meridian.replica.Fixture.open;
import static dev.meridian.replica.Fixture.put;
import static dev.meridian.replica.Fixture.read;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.store.Batch;
import dev.meridian.store.Position;
import dev.meridian.store.RocksStore;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Archives: made while writes go on, believed only as far as they can be checked. */
class BackupTest {
  @TempDir Path folder;

  @Test
  void backupUnderLoadRestoresAConsistentPrefix() throws Exception {
    ByteArrayOutputStream archive = new ByteArrayOutputStream();
    AtomicLong acknowledged = new AtomicLong();
    long before;
    long after;
    Position position;
    try (ReplicatedStore store = open(folder.resolve("from"));
        ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
      AtomicBoolean stop = new AtomicBoolean();
      var writer =
          callers.submit(
              () -> {
                while (!stop.get()) {
                  long n = acknowledged.get() + 1;
                  String json = "{\"n\":" + n + "}";
                  store.write(
                      Batch.of(
                          put("items/t", json),
                          put("items/t/parts/a", json),
                          put("items/t/parts/b", json)));
                  store.write(Batch.of(put("items/i" + n, json)));
                  acknowledged.set(n);
                }
                return acknowledged.get();
              });
      while (acknowledged.get() < 20 && !writer.isDone()) {
        Thread.sleep(1);
      }
      before = acknowledged.get();
      store.backup(archive, Progress.NONE);
      after = acknowledged.get() + 1;
      stop.set(true);
      writer.get();
      position = store.position();
    }
    Path file = folder.resolve("archive.zip");
    Files.write(file, archive.toByteArray());
    BackupManifest manifest = ReplicatedStore.verify(file);
    assertThat(manifest.files()).isNotEmpty();

    Path to = folder.resolve("to");
    ReplicatedStore.restore(
        new ByteArrayInputStream(archive.toByteArray()), to, DATABASE, Progress.NONE);
    try (RocksStore database =
        RocksStore.open(Layout.database(Layout.group(to, Layout.FIRST_SHARD)), DATABASE)) {
      // Not to be built anew at the first start.
      assertThat(database.indexes()).isEqualTo(Map.of(INDEXES.getFirst(), true));
    }
    try (ReplicatedStore store = open(to)) {
      long n = KillTarget.number(read(store, "items/t"));
      assertThat(n).isBetween(before, after);
      assertThat(read(store, "items/t/parts/a")).isEqualTo("{\"n\":" + n + "}");
      assertThat(read(store, "items/t/parts/b")).isEqualTo("{\"n\":" + n + "}");
      for (long i = 1; i < n; i++) {
        assertThat(read(store, "items/i" + i)).isEqualTo("{\"n\":" + i + "}");
      }
      assertThat(store.verify().problems()).isEmpty();
      assertThat(store.position().epoch()).isNotEqualTo(position.epoch());
      assertThat(store.status().term()).isGreaterThan(manifest.term());
      store.write(Batch.of(put("items/new", "{\"n\":1}")));
    }
    try (ReplicatedStore store = open(to)) {
      assertThat(read(store, "items/new")).isEqualTo("{\"n\":1}");
    }
  }

  @Test
  void damagedArchivesAreRefusedAndLeaveNothing() throws Exception {
    byte[] good = archive();
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int i = 0; i < 12; i++) {
      byte[] bad = good.clone();
      if (i % 3 == 0) {
        bad = java.util.Arrays.copyOf(bad, random.nextInt(bad.length - 200));
      } else {
        int at;
        do {
          at =
              random.nextInt(bad.length / 2); // within the entries; a central directory is not read
        } while (isFraming(good, at));
        bad[at] ^= (byte) (1 << random.nextInt(8));
      }
      Path to = folder.resolve("to" + i);
      byte[] archive = bad;
      assertThatThrownBy(
              () ->
                  ReplicatedStore.restore(
                      new ByteArrayInputStream(archive), to, DATABASE, Progress.NONE))
          .as("seed %d, round %d", seed, i)
          .isInstanceOf(IOException.class);
      assertThat(to.resolve("shards")).doesNotExist();
      assertThat(to.resolve("restoring")).doesNotExist();
    }
  }

  /** Some bits of a zip's headers say nothing of what is in it, such as the date of an entry. */
  @Test
  void flippedBitOfAHeaderIsRefusedOrChangesNothing() throws Exception {
    byte[] good = archive();
    Path file = folder.resolve("archive.zip");
    Files.write(file, good);
    BackupManifest manifest = ReplicatedStore.verify(file);
    int refused = 0;
    for (int at = 0; at < good.length / 2; at++) {
      if (!isFraming(good, at)) {
        continue;
      }
      for (int bit = 0; bit < 8; bit++) {
        byte[] bad = good.clone();
        bad[at] ^= (byte) (1 << bit);
        Files.write(file, bad);
        try {
          assertThat(ReplicatedStore.verify(file))
              .as("byte %d, bit %d", at, bit)
              .isEqualTo(manifest);
        } catch (IOException e) {
          refused++;
        }
      }
    }
    assertThat(refused).isGreaterThan(100);
  }

  /** Whether a byte belongs to the header or the trailer of an entry. */
  private static boolean isFraming(byte[] zip, int at) {
    for (int start = Math.max(0, at - 64); start <= at; start++) {
      if (zip[start] == 'P' && zip[start + 1] == 'K') {
        int length =
            switch (zip[start + 2] << 8 | zip[start + 3]) {
              case 3 << 8 | 4 -> 30 + zip[start + 26] + zip[start + 28]; // a header and its name
              case 7 << 8 | 8 -> 16;
              default -> 0;
            };
        if (at < start + length) {
          return true;
        }
      }
    }
    return false;
  }

  @Test
  void archivesCannotWriteOutsideTheirFolder() throws Exception {
    for (String name : new String[] {"../evil", "db/../../evil", "/tmp/evil", "db/a/b", "db/.."}) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
        zip.putNextEntry(new ZipEntry(name));
        zip.write(1);
        zip.closeEntry();
      }
      assertThatThrownBy(
              () ->
                  ReplicatedStore.restore(
                      new ByteArrayInputStream(bytes.toByteArray()),
                      folder.resolve("to"),
                      DATABASE,
                      Progress.NONE))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("no file of a database");
    }
  }

  @Test
  void folderInWhichARestoreWasCutOffIsNotOpened() throws Exception {
    byte[] archive = archive();
    Path to = folder.resolve("to");
    Files.createDirectories(to.resolve("restoring/shards/0/db"));
    assertThatThrownBy(() -> open(to))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("was cut off")
        .hasMessageContaining("Restore again");
    assertThat(to.resolve("shards")).doesNotExist();
    ReplicatedStore.restore(new ByteArrayInputStream(archive), to, DATABASE, Progress.NONE);
    Files.createDirectories(to.resolve("restoring")); // only clearing up was left
    open(to).close();
    assertThat(to.resolve("restoring")).doesNotExist();
  }

  @Test
  void restoreNeedsAnEmptyFolder() throws Exception {
    byte[] archive = archive();
    Path to = folder.resolve("to");
    Files.createDirectories(to);
    Files.writeString(to.resolve("operator.key"), "mine");
    assertThatThrownBy(
            () ->
                ReplicatedStore.restore(
                    new ByteArrayInputStream(archive), to, DATABASE, Progress.NONE))
        .hasMessageContaining("not empty")
        .hasMessageContaining("operator.key");
  }

  @Test
  void brokenReceiverLeavesNoCopyBehind() throws Exception {
    Path data = folder.resolve("from");
    try (ReplicatedStore store = open(data)) {
      store.write(Batch.of(put("items/a", "{\"n\":1}")));
      OutputStream broken =
          new OutputStream() {
            @Override
            public void write(int b) throws IOException {
              throw new IOException("the receiver hung up");
            }
          };
      assertThatThrownBy(() -> store.backup(broken, Progress.NONE))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("hung up");
      try (var entries = Files.list(data.resolve("shards/0"))) {
        assertThat(entries.map(entry -> entry.getFileName().toString())).containsExactly("db");
      }
    }
  }

  private byte[] archive() throws IOException {
    ByteArrayOutputStream archive = new ByteArrayOutputStream();
    try (ReplicatedStore store = open(folder.resolve("source"))) {
      for (int i = 0; i < 200; i++) {
        store.write(Batch.of(put("items/a" + i, "{\"n\":" + i + "}")));
      }
      store.backup(archive, Progress.NONE);
    }
    return archive.toByteArray();
  }
}
