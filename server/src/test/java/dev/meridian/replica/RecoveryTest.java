package dev.meridian.replica;

import static dev.meridian.replica.Fixture.DATABASE;
import static dev.meridian.replica.Fixture.increment;
import static dev.meridian.replica.Fixture.keyed;
import static dev.meridian.replica.Fixture.put;
import static dev.meridian.replica.Fixture.read;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.document.DocumentPath;
import dev.meridian.store.Batch;
import dev.meridian.store.ChangeQuery;
import dev.meridian.store.ChangeScope;
import dev.meridian.store.Commit;
import dev.meridian.store.Position;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.SessionToken;
import dev.meridian.store.StoreException.PositionLost;
import dev.meridian.store.StoreException.Unavailable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.rocksdb.ColumnFamilyDescriptor;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.DBOptions;
import org.rocksdb.Options;
import org.rocksdb.RocksDB;

/** One replica becomes a new cluster: with all it has, and the old one's members are strangers. */
@Timeout(300)
class RecoveryTest {
  private static final List<String> GROUPS = List.of(Layout.FIRST_SHARD);

  @TempDir Path folder;

  private Members start(UnaryOperator<ReplicaOptions.Builder> options) throws Exception {
    return Members.start(folder.resolve("members"), 3, options);
  }

  private static Recovery.Replica recover(Path data) throws IOException {
    try (Recovery recovery = Recovery.open(data, GROUPS, DATABASE)) {
      Recovery.Replica replica = recovery.replicas().getFirst();
      recovery.commit();
      return replica;
    }
  }

  @Test
  void anyReplicaGoesOnAloneWithAllThatWasAcknowledged() throws Exception {
    try (Members members = start(UnaryOperator.identity())) {
      for (int i = 0; i < 200; i++) {
        members.nodes.get(i % 3).store().write(Batch.of(put("items/a" + i, "{\"n\":" + i + "}")));
      }
      Batch once = keyed("k", increment("items/count", "n", 1));
      Commit first = members.primary().store().write(once);
      Members.Node left = members.nodes.getLast();
      assertThat(read(left.store(), "items/count")).isEqualTo("{\"n\":1}");
      Identity before = left.host().identity();
      String lost = members.nodes.getFirst().id();
      Position position = left.store().position();
      long term = left.store().status().term();
      members.close();

      Recovery.Replica replica = recover(left.data);
      assertThat(replica.members()).hasSize(3).containsKeys(before.node(), lost);
      assertThat(replica.documents()).isEqualTo(201);

      left.start();
      left.store().awaitServing();
      Identity after = left.host().identity();
      assertThat(after.cluster()).isNotEqualTo(before.cluster());
      assertThat(after.node()).isNotEqualTo(before.node());
      assertThat(left.store().status().members()).isEqualTo(1);
      assertThat(left.store().status().term()).isGreaterThanOrEqualTo(term);
      for (int i = 0; i < 200; i++) {
        assertThat(read(left.store(), "items/a" + i)).isEqualTo("{\"n\":" + i + "}");
      }
      Commit again = left.store().write(once);
      assertThat(again.replayed()).isTrue();
      assertThat(again.version()).isEqualTo(first.version());
      // Whoever followed changes that may be gone now must notice.
      assertThat(left.store().position().epoch()).isNotEqualTo(position.epoch());
      assertThat(left.store().verify().problems()).isEmpty();

      // And it grows again, where the old ones were.
      Folders.delete(folder.resolve("members/node1"));
      members.nodes.clear();
      members.nodes.add(left);
      Members.Node joined = members.join();
      assertThat(read(joined.store(), "items/a199")).isEqualTo("{\"n\":199}");
      joined.store().write(Batch.of(put("items/new", "{\"n\":1}")));
      left.stop();
      left.start();
      left.store().awaitServing();
      assertThat(read(left.store(), "items/new")).isEqualTo("{\"n\":1}");
      assertThat(left.store().status().members()).isEqualTo(2);
    }
  }

  @Test
  void entriesThatNobodyKnowsToBeCommittedAreKept() throws Exception {
    try (Members members = start(options -> options.writeDeadline(Duration.ofMillis(500)))) {
      Members.Node primary = members.primary();
      primary.store().write(Batch.of(put("items/a", "{\"n\":1}")));
      // While they stop, for soon after it the primary knows that it is alone and takes nothing.
      CompletableFuture<Unavailable> last =
          CompletableFuture.supplyAsync(
              () -> {
                while (true) {
                  try {
                    primary.store().write(Batch.of(put("items/b", "{\"n\":2}")));
                  } catch (Unavailable e) {
                    return e;
                  }
                }
              });
      for (Members.Node node : members.nodes) {
        if (node != primary) {
          node.stop();
        }
      }
      assertThat(last.get(60, TimeUnit.SECONDS).outcome()).isEqualTo(Unavailable.Outcome.UNKNOWN);
      // As a power cut leaves it: the log is on the disk, the end of the database is not.
      Path cut = copy(primary.data, folder.resolve("cut"));
      members.close();

      Recovery.Replica replica = recover(cut);
      assertThat(replica.doubtful()).isPositive();
      assertThat(replica.documents()).isEqualTo(2);
      try (ReplicatedStore store = Fixture.open(cut)) {
        assertThat(read(store, "items/a")).isEqualTo("{\"n\":1}");
        assertThat(read(store, "items/b")).isEqualTo("{\"n\":2}");
      }
    }
  }

  @Test
  void whatOnlyTheLostNodesHadIsGoneAndNobodyIsToldOtherwise() throws Exception {
    try (Members members = start(UnaryOperator.identity())) {
      Members.Node left = members.replica();
      left.store().write(Batch.of(put("items/a", "{\"n\":1}")));
      assertThat(read(left.store(), "items/a")).isNotNull();
      left.stop();
      Batch late = keyed("late", put("items/late", "{\"n\":2}"));
      Commit lost = members.primary().store().write(late);
      Position position = members.primary().store().position();
      members.close();

      recover(left.data);
      try (ReplicatedStore store = Fixture.open(left.data)) {
        // Who has seen the lost write is answered, and sees what is written next.
        ReadOptions session = ReadOptions.session(SessionToken.NONE.seen(lost.version()));
        assertThat(store.get(DocumentPath.parse("items/late"), session)).isEmpty();
        assertThat(store.get(DocumentPath.parse("items/a"), session)).isPresent();
        Commit next = store.write(Batch.of(put("items/b", "{\"n\":3}")));
        assertThat(next.version().timestamp()).isGreaterThan(lost.version().timestamp());
        // Its key was not used here.
        assertThat(store.write(late).replayed()).isFalse();
        assertThatThrownBy(
                () ->
                    store
                        .changes(new ChangeQuery(new ChangeScope.Everything(), position, true))
                        .close())
            .isInstanceOf(PositionLost.class);
      }
    }
  }

  @Test
  void newerSnapshotThanTheDatabaseIsWhatGoesOn() throws Exception {
    try (Members members =
        start(
            options ->
                options
                    .snapshots(64 << 10, 50, Duration.ofMinutes(10))
                    .entriesKept(0)
                    .segmentBytes(32 << 10))) {
      Members.Node left = members.nodes.getLast();
      Path database = Layout.database(Layout.group(left.data, Layout.FIRST_SHARD));
      Path old = copy(database, folder.resolve("old"));
      for (int i = 0; i < 300; i++) {
        members.primary().store().write(Batch.of(put("items/a" + i, "{\"n\":" + i + "}")));
      }
      Members.awaitTrue(() -> left.store().status().snapshotIndex() > 200);
      members.close();
      // As a crash leaves it between the arrival of a snapshot and its taking over.
      Folders.delete(database);
      copy(old, database);
      assertThat(recover(left.data).documents()).isEqualTo(300);
    }
  }

  @Test
  void untilItIsDecidedTheFolderStaysAsItWas() throws Exception {
    try (Members members = start(UnaryOperator.identity())) {
      members.primary().store().write(Batch.of(put("items/a", "{\"n\":1}")));
      Members.Node left = members.nodes.getLast();
      assertThat(read(left.store(), "items/a")).isNotNull();
      Path cut = copy(left.data, folder.resolve("cut"));
      Map<String, String> before = contents(cut);
      try (Recovery recovery = Recovery.open(cut, GROUPS, DATABASE)) {
        assertThat(recovery.replicas()).hasSize(1);
        assertThatThrownBy(() -> Recovery.open(cut, GROUPS, DATABASE))
            .isInstanceOf(IOException.class)
            .hasMessageContaining("already open");
      }
      assertThat(contents(cut)).isEqualTo(before);

      // Killed in the middle: what was built so far is of no account, for either side.
      Files.createDirectories(cut.resolve("recovering/shards/0/db"));
      Files.writeString(cut.resolve("recovering/identity"), "half");
      assertThat(Recovery.finish(cut)).isFalse();
      assertThat(contents(cut)).isEqualTo(before);
      Files.createDirectories(cut.resolve("recovering/shards/0/db"));
      assertThat(recover(cut).documents()).isEqualTo(1);
    }
  }

  @Test
  void killedAnywhereAfterTheDecisionItIsFinished() throws Exception {
    Path old;
    try (Members members = start(UnaryOperator.identity())) {
      members.primary().store().write(Batch.of(put("items/a", "{\"n\":1}")));
      Members.Node left = members.nodes.getLast();
      assertThat(read(left.store(), "items/a")).isNotNull();
      members.close();
      old = left.data;
    }
    Path done = copy(old, folder.resolve("done"));
    recover(done);
    Identity after = Identity.read(done);
    List<String> parts = List.of("identity", "raft", "shards");
    for (int moved = 0; moved <= parts.size(); moved++) {
      for (boolean deleted : new boolean[] {false, true}) {
        Path cut = copy(old, folder.resolve("cut" + moved + deleted));
        Files.createDirectories(cut.resolve("recovered"));
        for (String part : parts) {
          boolean isMoved = parts.indexOf(part) < moved;
          if (isMoved || (deleted && parts.indexOf(part) == moved && !part.equals("identity"))) {
            Folders.delete(cut.resolve(part));
          }
          copy(done.resolve(part), cut.resolve(isMoved ? part : "recovered/" + part));
        }
        if (deleted) {
          assertThat(Recovery.finish(cut)).isTrue();
        }
        // Otherwise the next start does.
        try (ReplicatedStore store = Fixture.open(cut)) {
          assertThat(Identity.read(cut)).isEqualTo(after);
          assertThat(read(store, "items/a")).isEqualTo("{\"n\":1}");
          store.write(Batch.of(put("items/b", "{\"n\":2}")));
        }
        assertThat(cut.resolve("recovered")).doesNotExist();
        assertThat(Recovery.finish(cut)).isFalse();
      }
    }
  }

  @Test
  void halfAnEntryAtTheEndIsPassedOverAndDamageBeforeIsNot() throws Exception {
    try (Members members = start(UnaryOperator.identity())) {
      for (int i = 0; i < 20; i++) {
        members.primary().store().write(Batch.of(put("items/a" + i, "{\"n\":" + i + "}")));
      }
      Members.Node left = members.nodes.getLast();
      assertThat(read(left.store(), "items/a19")).isNotNull();
      Path log = Layout.log(left.data, left.host().groupId(Layout.FIRST_SHARD).getUuid());
      Path relative = left.data.relativize(LogFile.in(log).getLast().path());
      Path torn = copy(left.data, folder.resolve("torn"));
      Path damaged = copy(left.data, folder.resolve("damaged"));
      members.close();

      byte[] bytes = Files.readAllBytes(torn.resolve(relative));
      int end = LogFile.in(Folders.parent(torn.resolve(relative))).getLast().read(_ -> {}).offset();
      byte[] half = Arrays.copyOfRange(bytes, end - 30, end - 10);
      try (var file = Files.newByteChannel(torn.resolve(relative), StandardOpenOption.WRITE)) {
        file.position(end);
        file.write(java.nio.ByteBuffer.wrap(half));
      }
      assertThat(recover(torn).documents()).isEqualTo(20);

      bytes[end / 2] ^= 1;
      Files.write(damaged.resolve(relative), bytes);
      Map<String, String> before = contents(damaged);
      assertThatThrownBy(() -> recover(damaged))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("damaged at byte");
      assertThat(contents(damaged)).isEqualTo(before);
    }
  }

  @Test
  void foldersFromWhichNothingCanBeRecoveredAreRefused() throws Exception {
    assertThatThrownBy(() -> recover(folder.resolve("none")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("no node's data folder");
    assertThat(folder.resolve("none")).doesNotExist();

    Path alone = folder.resolve("alone");
    try (ReplicatedStore store = Fixture.open(alone)) {
      store.write(Batch.of(put("items/a", "{\"n\":1}")));
      assertThatThrownBy(() -> recover(alone))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("already open");
    }
    assertThatThrownBy(() -> recover(alone))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("nothing to recover");

    Path spare = folder.resolve("spare");
    var unused = RaftHost.join(spare, Identity.read(alone).cluster(), Identity.newNode());
    assertThatThrownBy(() -> recover(spare))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("has no replica of shards/0");
  }

  @Test
  void whatANewerVersionWroteIsRefusedAndStaysAsItWas() throws Exception {
    Path data;
    try (Members members = start(UnaryOperator.identity())) {
      members.primary().store().write(Batch.of(put("items/a", "{\"n\":1}")));
      data = members.nodes.getLast().data;
    }
    writeState(Layout.database(Layout.group(data, Layout.FIRST_SHARD)), new byte[] {99, 1, 2, 3});
    Map<String, String> before = contents(data);
    assertThatThrownBy(() -> recover(data))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("a newer version wrote it");
    assertThat(contents(data)).isEqualTo(before);
  }

  /** Replaces what a database says of itself. */
  private static void writeState(Path database, byte[] state) throws Exception {
    byte[] key = Fixture.utf8("state");
    List<ColumnFamilyDescriptor> descriptors = new ArrayList<>();
    List<ColumnFamilyHandle> families = new ArrayList<>();
    try (Options options = new Options();
        ColumnFamilyOptions familyOptions = new ColumnFamilyOptions();
        DBOptions databaseOptions = new DBOptions()) {
      for (byte[] name : RocksDB.listColumnFamilies(options, database.toString())) {
        descriptors.add(new ColumnFamilyDescriptor(name, familyOptions));
      }
      try (RocksDB db = RocksDB.open(databaseOptions, database.toString(), descriptors, families)) {
        for (ColumnFamilyHandle family : families) {
          if (db.get(family, key) != null) {
            db.put(family, key, state);
          }
          family.close();
        }
      }
    }
  }

  private static Path copy(Path from, Path to) throws IOException {
    try (Stream<Path> entries = Files.walk(from)) {
      for (Path entry : entries.toList()) {
        Path target = to.resolve(from.relativize(entry).toString());
        if (Files.isDirectory(entry)) {
          Files.createDirectories(target);
        } else {
          Files.copy(entry, target);
        }
      }
    }
    return to;
  }

  /** Every file but the lock's, by its name. */
  private static Map<String, String> contents(Path data) throws IOException {
    Map<String, String> contents = new TreeMap<>();
    try (Stream<Path> entries = Files.walk(data)) {
      for (Path entry : entries.toList()) {
        if (!entry.equals(data.resolve(DataLock.FILE))) {
          contents.put(
              data.relativize(entry).toString(),
              Files.isDirectory(entry)
                  ? "folder"
                  : Files.size(entry) + " " + Arrays.hashCode(Files.readAllBytes(entry)));
        }
      }
    }
    return contents;
  }
}
