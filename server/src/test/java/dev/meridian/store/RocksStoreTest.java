package dev.meridian.store;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.UnknownFieldSet;
import dev.meridian.document.CollectionPath;
import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Version;
import dev.meridian.store.StoreException.PositionLost;
import dev.meridian.store.StoreException.PreconditionFailed;
import dev.meridian.store.StoreException.Rejected;
import dev.meridian.store.StoreException.Unavailable;
import dev.meridian.store.proto.Command;
import dev.meridian.store.proto.DeleteCommand;
import dev.meridian.store.proto.LogEntry;
import dev.meridian.store.proto.PatchCommand;
import dev.meridian.store.proto.SweepCommand;
import dev.meridian.store.proto.WriteCommand;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RocksStoreTest {
  private static final long START = 1_800_000_000_000L;

  @TempDir Path temp;
  private final Engine engine = new Engine(8 << 20, 8 << 20);
  private final AtomicLong wall = new AtomicLong(START);
  private RocksStore store;

  @BeforeEach
  void open() {
    store = open("db");
  }

  @AfterEach
  void close() {
    store.close();
    engine.close();
  }

  private RocksStore open(String folder) {
    return RocksStore.open(
        temp.resolve(folder), new RocksStore.Options(engine, 7, wall::get, 64), List.of());
  }

  private static DocumentPath path(String text) {
    return DocumentPath.parse(text);
  }

  private static Write.Put put(String path, String json) {
    return new Write.Put(path(path), json.getBytes(UTF_8), Condition.NONE, Expiry.NEVER);
  }

  private static Write.Delete delete(String path) {
    return new Write.Delete(path(path), Condition.NONE);
  }

  private String json(String path) {
    return store
        .get(path(path), ReadOptions.STRONG)
        .map(document -> new String(document.json(), UTF_8))
        .orElse("absent");
  }

  private List<String> ids(Page page) {
    return page.documents().stream().map(document -> document.path().id()).toList();
  }

  private Commit commit(String path, String json) {
    return store.write(Batch.of(put(path, json)));
  }

  private static ByteBuffer entry(long millis, Command... commands) {
    return LogCodec.entry(List.of(commands), Version.timestampAt(millis), millis, 7);
  }

  private static Commit done(Outcome outcome) {
    return switch (outcome) {
      case Outcome.Done(Commit commit) -> commit;
      case Outcome.Failed(StoreException problem) -> throw problem;
      case Outcome.Swept swept -> throw new AssertionError(swept);
      case Outcome.Flushed flushed -> throw new AssertionError(flushed);
    };
  }

  @Test
  void whatWasWrittenIsReadAndSurvivesReopening() {
    Commit first = commit("cities/reykjavik", "{\"a\":1}");
    assertThat(json("cities/reykjavik")).isEqualTo("{\"a\":1}");
    Document document = store.get(path("cities/reykjavik"), ReadOptions.STRONG).orElseThrow();
    assertThat(document.version()).isEqualTo(first.version());
    assertThat(document.version().region()).isEqualTo(7);
    LogIndex applied = store.applied();
    Position position = store.position();
    store.close();
    store = open("db");
    assertThat(json("cities/reykjavik")).isEqualTo("{\"a\":1}");
    assertThat(store.applied()).isEqualTo(applied);
    assertThat(store.position()).isEqualTo(position);
    assertThat(store.lastTimestamp()).isEqualTo(first.version().timestamp());
  }

  @Test
  void batchIsAppliedWholeOrNotAtAll() {
    commit("a/1", "1");
    assertThatThrownBy(
            () ->
                store.write(
                    Batch.of(
                        put("a/1/b/1", "2"),
                        new Write.Put(
                            path("a/1"), "3".getBytes(UTF_8), Condition.ABSENT, Expiry.NEVER))))
        .isInstanceOf(PreconditionFailed.class);
    assertThat(json("a/1/b/1")).isEqualTo("absent");
    assertThat(json("a/1")).isEqualTo("1");
  }

  @Test
  void laterCommandsOfAnEntrySeeEarlierOnes() {
    Command create =
        LogCodec.command(
            Batch.of(
                new Write.Put(path("a/1"), "1".getBytes(UTF_8), Condition.ABSENT, Expiry.NEVER)));
    List<Outcome> outcomes = store.apply(new LogIndex(1, 1), entry(START, create, create));
    assertThat(outcomes.get(0)).isInstanceOf(Outcome.Done.class);
    assertThat(outcomes.get(1))
        .isInstanceOfSatisfying(
            Outcome.Failed.class,
            failed -> assertThat(failed.problem()).isInstanceOf(PreconditionFailed.class));
  }

  @Test
  void entryAppliedBeforeIsSkipped() {
    ByteBuffer entry = entry(START, LogCodec.command(Batch.of(put("a/1", "1"))));
    Version version = done(store.apply(new LogIndex(1, 5), entry.duplicate()).getFirst()).version();
    assertThat(store.apply(new LogIndex(1, 5), entry.duplicate())).isEmpty();
    assertThat(store.get(path("a/1"), ReadOptions.STRONG).orElseThrow().version())
        .isEqualTo(version);
    store.skip(new LogIndex(2, 9));
    assertThat(store.applied()).isEqualTo(new LogIndex(2, 9));
    store.skip(new LogIndex(2, 3));
    assertThat(store.applied()).isEqualTo(new LogIndex(2, 9));
  }

  @Test
  void versionsGrowEvenWhenTheClockStepsBack() {
    Version first = commit("a/1", "1").version();
    wall.addAndGet(-60_000);
    Version second = commit("a/1", "2").version();
    store.close();
    store = open("db");
    Version third = commit("a/1", "3").version();
    assertThat(List.of(first, second, third)).isSorted().doesNotHaveDuplicates();
  }

  @Test
  void expiredDocumentIsNeitherServedNorSeenByConditionsAndIsSweptThroughTheLog() throws Exception {
    store.write(
        Batch.of(
            new Write.Put(
                path("a/1"), "1".getBytes(UTF_8), Condition.NONE, new Expiry.At(START + 1_000))));
    commit("a/2", "2");
    assertThat(json("a/1")).isEqualTo("1");
    assertThat(store.sweepCommand(wall.get())).isEmpty();
    wall.addAndGet(1_000);
    assertThat(json("a/1")).isEqualTo("absent");
    try (ChangeFeed feed =
        store.changes(new ChangeQuery(new ChangeScope.Everything(), Position.START))) {
      // Until the sweep has passed, which comes at the same place for all who follow.
      assertThat(feed.poll(10, Duration.ZERO).getFirst().document()).isNotNull();
    }
    assertThat(ids(store.list(Query.of(CollectionPath.parse("a"), 10), ReadOptions.STRONG)))
        .containsExactly("2");
    Position before = store.position();
    Command sweep = store.sweepCommand(wall.get()).orElseThrow();
    List<Outcome> outcomes =
        store.apply(new LogIndex(1, store.applied().index() + 1), entry(wall.get(), sweep));
    assertThat(outcomes).containsExactly(new Outcome.Swept(1, 0, 0));
    assertThat(store.sweepCommand(wall.get())).isEmpty();
    try (ChangeFeed feed = store.changes(new ChangeQuery(new ChangeScope.Everything(), before))) {
      List<Change> changes = feed.poll(10, Duration.ZERO);
      assertThat(changes).hasSize(1);
      assertThat(changes.getFirst().path()).isEqualTo(path("a/1"));
      assertThat(changes.getFirst().document()).isNull();
    }
    assertThat(
            store
                .write(
                    Batch.of(
                        new Write.Put(
                            path("a/1"), "3".getBytes(UTF_8), Condition.ABSENT, Expiry.NEVER)))
                .results()
                .getFirst()
                .existed())
        .isFalse();
  }

  @Test
  void documentsExpireByTheWallClockOfTheLogAndNotByTimestampsThatRunAhead() {
    Command put =
        LogCodec.command(
            Batch.of(
                new Write.Put(
                    path("a/1"),
                    "1".getBytes(UTF_8),
                    Condition.ABSENT,
                    new Expiry.At(START + 1_000))));
    long ahead = Version.timestampAt(START + 30_000);
    store.apply(new LogIndex(1, 1), LogCodec.entry(List.of(put), ahead, START, 7));
    List<Outcome> outcomes =
        store.apply(new LogIndex(1, 2), LogCodec.entry(List.of(put), ahead + 1, START + 999, 7));
    assertThat(outcomes.getFirst()).isInstanceOf(Outcome.Failed.class);
    Command sweep = LogCodec.sweep(10, 0, 0, 0);
    assertThat(
            store.apply(
                new LogIndex(1, 3), LogCodec.entry(List.of(sweep), ahead + 2, START + 999, 7)))
        .containsExactly(new Outcome.Swept(0, 0, 0));
    // Once the log has told a time, it does not go back, whatever the next primary's clock says.
    store.apply(new LogIndex(1, 4), LogCodec.entry(List.of(), ahead + 3, START + 1_000, 7));
    assertThat(store.apply(new LogIndex(1, 5), LogCodec.entry(List.of(put), ahead + 4, START, 7)))
        .first()
        .isInstanceOf(Outcome.Done.class);
  }

  @Test
  void entryOfAnOlderVersionIsJudgedByItsTimestamp() {
    Command put =
        LogCodec.command(
            Batch.of(
                new Write.Put(
                    path("a/1"),
                    "1".getBytes(UTF_8),
                    Condition.NONE,
                    new Expiry.At(START + 1_000))));
    store.apply(new LogIndex(1, 1), LogCodec.entry(List.of(put), Version.timestampAt(START), 0, 7));
    assertThat(
            store.apply(
                new LogIndex(1, 2),
                LogCodec.entry(
                    List.of(LogCodec.sweep(10, 0, 0, 0)),
                    Version.timestampAt(START + 1_000),
                    0,
                    7)))
        .containsExactly(new Outcome.Swept(1, 0, 0));
  }

  @Test
  void retryWithTheSameKeyIsAnsweredAndNotAppliedAgain() {
    IdempotencyKey key = new IdempotencyKey("k1", new byte[] {1});
    Batch batch = new Batch(List.of(put("a/1", "{\"n\":1}")), key, true);
    Commit first = store.write(batch);
    Commit soon = store.write(batch);
    assertThat(soon.replayed()).isTrue();
    assertThat(soon.results().getFirst().json()).isEqualTo("{\"n\":1}".getBytes(UTF_8));
    commit("a/1", "{\"n\":2}");
    Commit again = store.write(batch);
    assertThat(again.replayed()).isTrue();
    assertThat(again.version()).isEqualTo(first.version());
    // Versions are remembered, values are not.
    assertThat(again.results().getFirst().version()).isEqualTo(first.version());
    assertThat(again.results().getFirst().json()).isNull();
    assertThat(json("a/1")).isEqualTo("{\"n\":2}");
    IdempotencyKey reused = new IdempotencyKey("k1", new byte[] {2});
    assertThatThrownBy(() -> store.write(new Batch(List.of(put("a/1", "9")), reused, false)))
        .isInstanceOfSatisfying(
            Rejected.class, e -> assertThat(e.reason()).isEqualTo(Rejected.Reason.KEY_REUSED));
    wall.addAndGet(Duration.ofHours(25).toMillis());
    Command sweep = store.sweepCommand(wall.get()).orElseThrow();
    assertThat(store.apply(new LogIndex(1, store.applied().index() + 1), entry(wall.get(), sweep)))
        .containsExactly(new Outcome.Swept(0, 0, 1));
    assertThat(store.write(batch).replayed()).isFalse();
  }

  @Test
  void listingStepsOverWhatLiesBelowDocuments() {
    for (String path :
        List.of("a/k", "a/k/b/1", "a/k/b/2", "a/k!", "a/ka", "a/m/b/1", "a/z", "ab/1", "a/é")) {
      commit(path, "{}");
    }
    CollectionPath a = CollectionPath.parse("a");
    assertThat(ids(store.list(Query.of(a, 10), ReadOptions.STRONG)))
        .containsExactly("k", "k!", "ka", "z", "é");
    assertThat(ids(store.list(Query.of(CollectionPath.parse("a/k/b"), 10), ReadOptions.STRONG)))
        .containsExactly("1", "2");
    Page first = store.list(Query.of(a, 2), ReadOptions.STRONG);
    Page second = store.list(new Query(a, null, null, 3, first.next(), 0), ReadOptions.STRONG);
    assertThat(ids(first)).containsExactly("k", "k!");
    assertThat(ids(second)).containsExactly("ka", "z", "é");
    assertThat(second.next()).isNull();
  }

  @Test
  void feedReportsOnlyTheNewestChangeOfEachPathAndThenWhatFollows() throws Exception {
    commit("a/1", "1");
    commit("a/2", "2");
    commit("a/1", "3");
    store.write(Batch.of(delete("a/2")));
    try (ChangeFeed feed =
        store.changes(new ChangeQuery(new ChangeScope.Everything(), Position.START))) {
      List<Change> changes = feed.poll(10, Duration.ZERO);
      assertThat(changes)
          .extracting(change -> change.path().toString())
          .containsExactly("a/1", "a/2");
      assertThat(changes.get(1).document()).isNull();
      assertThat(feed.position()).isEqualTo(store.position());
      assertThat(feed.poll(10, Duration.ZERO)).isEmpty();
      Thread writer = Thread.ofVirtual().start(() -> commit("a/3", "3"));
      assertThat(feed.poll(10, Duration.ofMinutes(1))).hasSize(1);
      writer.join();
    }
  }

  @Test
  void positionBeforeAForgottenDeleteIsLostAndAFullCopyIsNot() throws Exception {
    commit("a/1", "1");
    Position before = store.position();
    store.write(Batch.of(delete("a/1")));
    Position after = store.position();
    wall.addAndGet(RocksStore.TOMBSTONE_GRACE.toMillis() + 1);
    commit("a/2", "2");
    commit("a/3", "3");
    wall.addAndGet(1);
    Command sweep = store.sweepCommand(wall.get()).orElseThrow();
    assertThat(store.apply(new LogIndex(1, 100), entry(wall.get(), sweep)))
        .containsExactly(new Outcome.Swept(0, 1, 0));
    ChangeScope all = new ChangeScope.Everything();
    assertThatThrownBy(() -> store.changes(new ChangeQuery(all, before)))
        .isInstanceOf(PositionLost.class);
    store.changes(new ChangeQuery(all, after)).close();
    try (ChangeFeed copy = store.changes(new ChangeQuery(all, Position.START))) {
      assertThat(copy.poll(1, Duration.ZERO)).hasSize(1);
      assertThat(copy.poll(1, Duration.ZERO)).hasSize(1);
      assertThat(copy.poll(1, Duration.ZERO)).isEmpty();
    }
    // Nor is one that is interrupted and goes on where it was.
    Position at = Position.START;
    List<String> copied = new ArrayList<>();
    while (!at.equals(store.position())) {
      try (ChangeFeed copy = store.changes(new ChangeQuery(all, at))) {
        copy.poll(1, Duration.ZERO).forEach(change -> copied.add(change.path().toString()));
        at = Position.parse(copy.position().toString());
      }
    }
    assertThat(copied).containsExactly("a/2", "a/3");
    // What is forgotten that was deleted after it began is another matter.
    assertThatThrownBy(
            () ->
                store.changes(
                    new ChangeQuery(all, new Position(before.epoch(), 0, before.sequence()))))
        .isInstanceOf(PositionLost.class);
    assertThatThrownBy(
            () -> store.changes(new ChangeQuery(all, new Position(after.epoch() + 1, 1))))
        .isInstanceOf(PositionLost.class);
  }

  @Test
  void checkpointOpensAsTheStoreWas() {
    commit("a/1", "1");
    LogIndex applied = store.checkpoint(temp.resolve("copy"));
    commit("a/1", "2");
    try (RocksStore copy = open("copy")) {
      assertThat(copy.applied()).isEqualTo(applied);
      assertThat(copy.get(path("a/1"), ReadOptions.STRONG).orElseThrow().json())
          .isEqualTo("1".getBytes(UTF_8));
    }
  }

  @Test
  void entryOfANewerVersionStopsTheReplica() {
    LogEntry unknown =
        LogEntry.newBuilder()
            .setTimestamp(Version.timestampAt(START))
            .addCommands(LogCodec.command(Batch.of(put("a/1", "1"))))
            .addCommands(Command.getDefaultInstance())
            .build();
    assertThatThrownBy(
            () -> store.apply(new LogIndex(1, 1), unknown.toByteString().asReadOnlyByteBuffer()))
        .isInstanceOf(LogException.class);
    assertThat(json("a/1")).isEqualTo("absent");
    assertThat(store.applied()).isEqualTo(LogIndex.NONE);
  }

  @Test
  void fieldOfANewerVersionStopsTheReplicaWhereverItStands() {
    UnknownFieldSet more =
        UnknownFieldSet.newBuilder()
            .addField(99, UnknownFieldSet.Field.newBuilder().addVarint(1).build())
            .build();
    Command put = LogCodec.command(Batch.of(put("a/1", "1")));
    WriteCommand write = put.getBatch().getWrites(0);
    WriteCommand patch =
        write.toBuilder()
            .setPatch(PatchCommand.newBuilder().setUnknownFields(more))
            .setCondition(dev.meridian.store.proto.Condition.getDefaultInstance())
            .build();
    List<Command> newer =
        List.of(
            put.toBuilder().setUnknownFields(more).build(),
            Command.newBuilder()
                .setBatch(put.getBatch().toBuilder().setUnknownFields(more))
                .build(),
            with(put, write.toBuilder().setUnknownFields(more).build()),
            with(put, patch),
            with(
                put,
                write.toBuilder()
                    .setDelete(DeleteCommand.newBuilder().setUnknownFields(more))
                    .build()),
            with(
                put,
                write.toBuilder()
                    .setCondition(
                        dev.meridian.store.proto.Condition.newBuilder().setUnknownFields(more))
                    .build()),
            Command.newBuilder()
                .setSweep(SweepCommand.newBuilder().setUnknownFields(more))
                .build());
    List<ByteBuffer> entries = new ArrayList<>();
    newer.forEach(command -> entries.add(entry(START, put, command)));
    entries.add(
        LogEntry.newBuilder()
            .setTimestamp(Version.timestampAt(START))
            .setUnknownFields(more)
            .build()
            .toByteString()
            .asReadOnlyByteBuffer());
    for (ByteBuffer entry : entries) {
      assertThatThrownBy(() -> store.apply(new LogIndex(1, 1), entry))
          .isInstanceOf(LogException.class)
          .hasMessageContaining("newer version wrote it. Upgrade");
    }
    assertThat(store.applied()).isEqualTo(LogIndex.NONE);
  }

  private static Command with(Command batch, WriteCommand write) {
    return Command.newBuilder().setBatch(batch.getBatch().toBuilder().setWrites(0, write)).build();
  }

  @Test
  void logThatGoesBackInTimeStopsTheReplica() {
    Command put = LogCodec.command(Batch.of(put("a/1", "1"), put("a/1/b/1", "1")));
    store.apply(new LogIndex(1, 1), entry(START, put));
    // The same again is in order, although the versions before were above it.
    store.apply(new LogIndex(1, 2), entry(START, put));
    assertThatThrownBy(() -> store.apply(new LogIndex(1, 3), entry(START - 1, put)))
        .isInstanceOf(LogException.class)
        .hasMessageContaining("goes back in time");
    assertThat(store.applied()).isEqualTo(new LogIndex(1, 2));
  }

  @Test
  void invalidBatchInTheLogFailsAloneAndTheSameEverywhere() {
    Command good = LogCodec.command(Batch.of(put("a/1", "1")));
    Command bad =
        Command.newBuilder()
            .setBatch(
                good.getBatch().toBuilder()
                    .setWrites(
                        0, WriteCommand.newBuilder(good.getBatch().getWrites(0)).setPath("a/../b")))
            .build();
    List<Outcome> outcomes = store.apply(new LogIndex(1, 1), entry(START, bad, good));
    assertThat(outcomes.get(0)).isInstanceOf(Outcome.Failed.class);
    assertThat(outcomes.get(1)).isInstanceOf(Outcome.Done.class);
  }

  @Test
  void damagedDatabaseIsRefusedWithWhatToDo() throws Exception {
    commit("a/1", "1");
    store.close();
    try (var files = Files.list(temp.resolve("db"))) {
      for (Path file : files.filter(f -> f.toString().endsWith(".sst")).toList()) {
        Files.write(file, new byte[100]);
      }
    }
    assertThatThrownBy(() -> store = open("db"))
        .isInstanceOf(Unavailable.class)
        .hasMessageContaining("estore a backup");
    assertThatThrownBy(() -> store.get(path("a/1"), ReadOptions.STRONG))
        .isInstanceOf(Unavailable.class);
  }
}
