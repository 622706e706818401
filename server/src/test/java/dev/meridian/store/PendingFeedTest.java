package dev.meridian.store;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.document.DocumentPath;
import dev.meridian.document.Version;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a feed that tells of pending values tells. */
@Timeout(60)
class PendingFeedTest {
  private static final DocumentPath HOT = DocumentPath.parse("items/hot");

  @TempDir Path folder;

  private static ChangeQuery everything(Position since) {
    return new ChangeQuery(new ChangeScope.Interesting(_ -> true), since);
  }

  private static Write put(DocumentPath path, int n) {
    return new Write.Put(path, Integer.toString(n).getBytes(UTF_8), Condition.NONE, Expiry.NEVER);
  }

  @Test
  void aHotPendingDocumentKeepsNoChangeBack() throws Exception {
    Deferral late = new Deferral(Duration.ofMinutes(5), 1 << 20);
    try (Engine engine = new Engine(4 << 20, 4 << 20);
        RocksStore store = RocksStore.open(folder, RocksStore.Options.of(engine), List.of())) {
      store.write(Batch.of(put(HOT, 0)));
      try (ChangeFeed feed = store.changes(everything(store.position()))) {
        List<String> told = new ArrayList<>();
        for (int i = 1; i <= 3; i++) {
          store.write(Batch.of(put(DocumentPath.parse("items/" + i), i)));
        }
        for (int i = 0; i < 6; i++) {
          store.write(Batch.of(put(HOT, i)).deferred(late));
          feed.poll(1, Duration.ZERO).forEach(change -> told.add(change.path().id()));
        }
        // Neither keeps the other back.
        assertThat(told).contains("1", "2", "3", "hot");
        assertThat(told.getFirst()).isEqualTo("1");
      }
    }
  }

  /** What is flushed is pending no more before the bell rings for it. */
  @Test
  void aValueThatIsBeingFlushedIsToldBeforeTheFeedIsCaughtUp() throws Exception {
    try (Engine engine = new Engine(4 << 20, 4 << 20);
        Database database = new Database(folder, engine, 64)) {
      PendingTable pendings = new PendingTable(database);
      Bell bell = new Bell(1, 10);
      try (Feed feed = new Feed(database, bell, pendings, everything(Position.START), 0)) {
        bell.ring(1, 20, List.of(), List.of(HOT));
        Stored.Live live = Stored.Live.of(new Version(30, 0), 2, 0, "7".getBytes(UTF_8));
        try (Database.Change change = database.change()) {
          change.put(Table.DOCUMENTS, Keys.of(HOT), live.raw());
          change.commit();
        }
        List<Change> told = new ArrayList<>();
        List<Change> next;
        while (!(next = feed.poll(8, Duration.ofMillis(1))).isEmpty()) {
          told.addAll(next);
        }
        assertThat(told).extracting(Change::version).containsExactly(new Version(30, 0));
        assertThat(feed.caughtUp()).isPresent();
      }
    }
  }
}
