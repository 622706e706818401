package dev.meridian.replica;

import static dev.meridian.replica.Fixture.open;
import static dev.meridian.replica.Fixture.put;
import static dev.meridian.replica.Fixture.read;
import static dev.meridian.replica.Members.awaitTrue;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.document.DocumentPath;
import dev.meridian.store.Batch;
import dev.meridian.store.Consistency;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.SessionToken;
import dev.meridian.store.StoreException.Unavailable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Members whose database is damaged, by hand, get another member's. */
class RebuildTest {
  private static final int DOCUMENTS = 300;
  private static final long SEED = Long.getLong("meridian.rebuild.seed", System.nanoTime());

  /** Then it tries only each half a second: the retry policy in {@link RaftSettings}. */
  private static final Duration PRIMARY_LOSES_PATIENCE = Duration.ofSeconds(4);

  private static final ReadOptions EVENTUAL =
      new ReadOptions(Consistency.EVENTUAL, SessionToken.NONE);

  @TempDir Path folder;

  /** Does not compress, so that documents fill many blocks. */
  private final Random random = new Random(SEED);

  enum Damage {
    TABLE_IS_GONE,
    TABLE_IS_CUT_SHORT,
    MANIFEST_IS_GARBAGE,
    CURRENT_IS_GONE,
    FOLDER_IS_GONE,
    ALL_BUT_THE_LOG_IS_GONE;

    void on(Path database) throws IOException {
      switch (this) {
        case TABLE_IS_GONE -> Files.delete(files(database, ".sst").getFirst());
        case TABLE_IS_CUT_SHORT -> {
          Path table = files(database, ".sst").getLast();
          try (FileChannel channel = FileChannel.open(table, StandardOpenOption.WRITE)) {
            channel.truncate(Files.size(table) / 2);
          }
        }
        case MANIFEST_IS_GARBAGE -> {
          for (Path manifest : files(database, "MANIFEST")) {
            scribble(manifest, Files.size(manifest) / 2, 64);
          }
        }
        case CURRENT_IS_GONE -> Files.delete(database.resolve("CURRENT"));
        case FOLDER_IS_GONE -> Folders.delete(database);
        case ALL_BUT_THE_LOG_IS_GONE -> Folders.delete(Folders.parent(Folders.parent(database)));
      }
    }
  }

  private static List<Path> files(Path database, String part) throws IOException {
    try (Stream<Path> files = Files.list(database)) {
      List<Path> found =
          files.filter(file -> file.getFileName().toString().contains(part)).sorted().toList();
      assertThat(found).as("files of %s in %s", part, database).isNotEmpty();
      return found;
    }
  }

  private static void scribble(Path file, long at, int bytes) throws IOException {
    byte[] garbage = new byte[bytes];
    new Random(SEED).nextBytes(garbage);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(garbage), at);
    }
  }

  private Members three() throws Exception {
    return Members.start(
        folder,
        3,
        options ->
            options
                .snapshots(64 << 10, 100, Duration.ofMinutes(10))
                .entriesKept(0)
                .segmentBytes(32 << 10));
  }

  private void fill(ReplicatedStore store) {
    byte[] noise = new byte[1500];
    for (int i = 0; i < DOCUMENTS; i++) {
      random.nextBytes(noise);
      String text = java.util.HexFormat.of().formatHex(noise);
      store.write(Batch.of(put("items/a" + i, "{\"n\":" + i + ",\"t\":\"" + text + "\"}")));
    }
  }

  private static Path database(Members.Node node) {
    return Layout.database(Layout.group(node.data, Layout.FIRST_SHARD));
  }

  private static void assertWhole(Members.Node node, int documents) {
    for (int i = 0; i < DOCUMENTS; i++) {
      assertThat(read(node.store(), "items/a" + i))
          .as("items/a%d, seed %d", i, SEED)
          .contains("\"n\":" + i + ",");
    }
    assertThat(node.store().verify().problems()).isEmpty();
    assertThat(node.store().verify().documents()).isEqualTo(documents);
    assertThat(database(node).resolveSibling("damaged")).doesNotExist();
  }

  @ParameterizedTest
  @EnumSource
  void memberWithADamagedDatabaseCopiesAnothersAndStaysAMember(Damage damage) throws Exception {
    try (Members members = three()) {
      fill(members.primary().store());
      Members.Node hurt = members.replica();
      Membership before = members.primary().store().members();
      hurt.stop();
      damage.on(database(hurt));
      members.primary().store().write(Batch.of(put("items/meanwhile", "{\"n\":1}")));

      hurt.start();
      hurt.store().awaitServing();
      assertWhole(hurt, DOCUMENTS + 1);
      assertThat(members.primary().store().members()).isEqualTo(before);

      // Its word counts as before: with it, one of the others can be spared.
      members.nodes.stream().filter(node -> node != hurt).findFirst().orElseThrow().stop();
      hurt.store().write(Batch.of(put("items/after", "{\"n\":2}")));
      assertThat(read(hurt.store(), "items/after")).isEqualTo("{\"n\":2}");
      hurt.stop();
      hurt.start();
      hurt.store().awaitServing();
      assertWhole(hurt, DOCUMENTS + 2);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void damageThatAReaderMeetsEndsTheMemberUntilARestartMendsIt(boolean primary) throws Exception {
    try (Members members = three()) {
      fill(members.primary().store());
      Members.Node hurt = primary ? members.primary() : members.replica();
      awaitTrue(() -> hurt.store().get(DocumentPath.parse("items/a299"), EVENTUAL).isPresent());
      hurt.store().flushForTest();
      Unavailable met = null;
      for (int round = 0; met == null && round < 50; round++) {
        // Again and again: what was damaged may have been merged into another table before.
        scribbleOnTables(database(hurt));
        met = readAll(hurt.store());
      }
      assertThat(met).as("seed %d", SEED).isNotNull().hasMessageContaining("is damaged");
      assertThatThrownBy(() -> hurt.store().write(Batch.of(put("items/no", "{}"))))
          .hasMessageContaining("start this node again");

      awaitTrue(() -> members.nodes.stream().anyMatch(n -> n != hurt && n.store().isPrimary()));
      members.primary().store().write(Batch.of(put("items/meanwhile", "{\"n\":1}")));
      hurt.stop();
      hurt.start();
      hurt.store().awaitServing();
      assertWhole(hurt, DOCUMENTS + 1);
    }
  }

  /**
   * The copy is ahead of the member's own log, and the primary, which has tried in vain so often
   * that it takes its time, still goes by that. What it sends must say more than that it lives.
   */
  @Test
  void memberWhoseCopyIsAheadOfItsLogCatchesUpWithAPrimaryThatTriedLong() throws Exception {
    try (Members members = Members.start(folder, 3, options -> options)) {
      fill(members.primary().store());
      Members.Node hurt = members.replica();
      awaitTrue(() -> hurt.store().get(DocumentPath.parse("items/a299"), EVENTUAL).isPresent());
      hurt.stop();
      Damage.CURRENT_IS_GONE.on(database(hurt));
      members.primary().store().write(Batch.of(put("items/meanwhile", "{\"n\":1}")));
      Thread.sleep(PRIMARY_LOSES_PATIENCE);

      hurt.start();
      members.primary().store().write(Batch.of(put("items/after", "{\"n\":2}")));
      hurt.store().awaitServing();
      assertThat(read(hurt.store(), "items/after")).isEqualTo("{\"n\":2}");
      assertWhole(hurt, DOCUMENTS + 2);
    }
  }

  private static void scribbleOnTables(Path database) throws IOException {
    for (Path table : files(database, ".sst")) {
      try {
        if (Files.size(table) > 50_000) {
          scribble(table, 10_000, 30_000);
        }
      } catch (NoSuchFileException e) {
        // Merged into another one meanwhile.
      }
    }
  }

  /** What went wrong; null if nothing did. */
  private static @Nullable Unavailable readAll(ReplicatedStore store) {
    try {
      for (int i = 0; i < DOCUMENTS; i++) {
        store.get(DocumentPath.parse("items/a" + i), EVENTUAL);
      }
      return null;
    } catch (Unavailable e) {
      return e;
    }
  }

  @Test
  void memberThatNobodyCanHelpSaysSoAndIsMendedLater() throws Exception {
    try (Members members =
        Members.start(folder, 2, options -> options.startDeadline(Duration.ofSeconds(2)))) {
      fill(members.primary().store());
      Members.Node hurt = members.replica();
      Members.Node other = members.primary();
      hurt.stop();
      other.stop();
      Damage.MANIFEST_IS_GARBAGE.on(database(hurt));
      assertThatThrownBy(hurt::start)
          .isInstanceOf(IOException.class)
          .hasMessageContaining("is damaged")
          .hasMessageContaining("Start one of them first");
      hurt.stop();
      other.start();
      hurt.start();
      hurt.store().awaitServing();
      assertWhole(hurt, DOCUMENTS);
    }
  }

  /** With nobody to copy from, since all were given up at once. */
  @Test
  void databasesThatAreWholeAfterAllAreGoneOnWith() throws Exception {
    try (Members members = three()) {
      fill(members.primary().store());
      for (Members.Node node : members.nodes) {
        node.stop();
        Rebuild.mark(Folders.parent(database(node)), "The disk failed for a moment.");
      }
      for (Members.Node node : members.nodes) {
        node.start();
      }
      for (Members.Node node : members.nodes) {
        node.store().awaitServing();
        assertWhole(node, DOCUMENTS);
      }
      // Given up again, it is copied: there is damage that no checksum shows.
      Members.Node again = members.replica();
      again.stop();
      Files.writeString(database(again).resolve("not-in-a-copy"), "");
      Rebuild.mark(Folders.parent(database(again)), "An order of keys that cannot be.");
      again.start();
      again.store().awaitServing();
      assertWhole(again, DOCUMENTS);
      assertThat(database(again).resolve("not-in-a-copy")).doesNotExist();
    }
  }

  @Test
  void onlyMemberSaysThatABackupIsNeeded() throws Exception {
    try (ReplicatedStore store = open(folder)) {
      fill(store);
    }
    Path database = Layout.database(Layout.group(folder, Layout.FIRST_SHARD));
    Damage.TABLE_IS_CUT_SHORT.on(database);
    for (int run = 0; run < 2; run++) {
      assertThatThrownBy(() -> open(folder))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("is damaged")
          .hasMessageContaining("restore a backup");
    }
  }
}
