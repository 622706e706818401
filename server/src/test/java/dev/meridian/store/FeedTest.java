package dev.meridian.store;

import static dev.meridian.store.Stores.delete;
import static dev.meridian.store.Stores.path;
import static dev.meridian.store.Stores.put;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Version;
import dev.meridian.store.StoreException.Unavailable;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FeedTest {
  private static final Duration LONG = Duration.ofMinutes(2);

  @TempDir Path temp;
  private final Engine engine = new Engine(8 << 20, 8 << 20);
  private RocksStore store;

  @BeforeEach
  void open() {
    store = RocksStore.open(temp.resolve("db"), RocksStore.Options.of(engine), List.of());
  }

  @AfterEach
  void close() {
    store.close();
    engine.close();
  }

  private ChangeFeed feed(ChangeScope scope, Position since) {
    return store.changes(new ChangeQuery(scope, since));
  }

  private static ChangeScope document(String path) {
    return new ChangeScope.OneDocument(path(path));
  }

  private static ChangeScope collection(String path) {
    return new ChangeScope.OneCollection(CollectionPath.parse(path));
  }

  private static List<String> paths(List<Change> changes) {
    return changes.stream().map(change -> change.path().toString()).toList();
  }

  @Test
  void feedOfADocumentSeesThatDocumentAlone() throws Exception {
    store.write(Batch.of(put("a/1", "1")));
    store.write(Batch.of(put("a/2", "1")));
    try (ChangeFeed feed = feed(document("a/1"), Position.START)) {
      assertThat(paths(feed.poll(10, Duration.ZERO))).containsExactly("a/1");
      assertThat(feed.poll(10, Duration.ZERO)).isEmpty();
      store.write(Batch.of(put("a/2", "2")));
      store.write(Batch.of(put("a/1/b/1", "2")));
      assertThat(feed.poll(10, Duration.ZERO)).isEmpty();
      assertThat(feed.position()).isEqualTo(store.position());
      store.write(Batch.of(put("a/1", "2")));
      store.write(Batch.of(delete("a/1")));
      List<Change> changes = feed.poll(10, Duration.ZERO);
      assertThat(paths(changes)).containsExactly("a/1");
      assertThat(changes.getFirst().document()).isNull();
    }
  }

  @Test
  void feedOfACollectionSeesItsDocumentsAndNotThoseBelow() throws Exception {
    try (ChangeFeed feed = feed(collection("a"), store.position())) {
      store.write(Batch.of(put("a/1", "1"), put("a/1/b/1", "1")));
      store.write(Batch.of(put("b/1", "1")));
      store.write(Batch.of(put("a/2", "1")));
      assertThat(paths(feed.poll(10, Duration.ZERO))).containsExactly("a/1", "a/2");
      assertThat(feed.position()).isEqualTo(store.position());
    }
  }

  @Test
  void feedOfAQuietCollectionKeepsUpWithABusyStore() throws Exception {
    store.write(Batch.of(put("quiet/1", "1")));
    Position before = store.position();
    for (int i = 0; i < 100; i++) {
      Write[] many = new Write[300];
      for (int j = 0; j < many.length; j++) {
        many[j] = put("busy/1/sub/" + i + "-" + j, "1");
      }
      store.write(Batch.of(many));
    }
    // 30,000 changes out of scope: more than one look at the database walks over.
    try (ChangeFeed feed = feed(collection("quiet"), before)) {
      assertThat(feed.poll(10, Duration.ZERO)).isEmpty();
      assertThat(feed.position().sequence())
          .isGreaterThan(before.sequence())
          .isLessThan(store.position().sequence());
      assertThat(feed.poll(10, Duration.ofMillis(300))).isEmpty();
      assertThat(feed.position()).isEqualTo(store.position());
      store.write(Batch.of(put("quiet/2", "1")));
      assertThat(paths(feed.poll(10, LONG))).containsExactly("quiet/2");
    }
  }

  @Test
  void feedResumesFromEveryPositionItGave() throws Exception {
    for (int i = 0; i < 20; i++) {
      store.write(Batch.of(put("a/" + i % 7, Integer.toString(i))));
    }
    List<String> whole = new ArrayList<>();
    Position position = Position.START;
    while (!position.equals(store.position())) {
      try (ChangeFeed feed = feed(new ChangeScope.Everything(), position)) {
        whole.addAll(paths(feed.poll(2, Duration.ZERO)));
        position = Position.parse(feed.position().toString());
      }
    }
    assertThat(whole).containsExactly("a/6", "a/0", "a/1", "a/2", "a/3", "a/4", "a/5");
  }

  @Test
  void positionBeyondTheNewestChangeIsLostUnlessItMayCome() throws Exception {
    store.write(Batch.of(put("a/1", "1")));
    Position newest = store.position();
    Position beyond = new Position(newest.epoch(), newest.sequence() + 1);
    assertThatThrownBy(() -> feed(new ChangeScope.Everything(), beyond))
        .isInstanceOf(StoreException.PositionLost.class)
        .hasMessageContaining("beyond the newest change");
    try (ChangeFeed feed =
        store.changes(new ChangeQuery(new ChangeScope.Everything(), beyond, true))) {
      store.write(Batch.of(put("a/2", "1")));
      assertThat(feed.poll(10, Duration.ZERO)).isEmpty();
      store.write(Batch.of(put("a/3", "1")));
      assertThat(paths(feed.poll(10, LONG))).containsExactly("a/3");
    }
  }

  @Test
  void whatReadersHaveNotSentYetIsBounded() throws Exception {
    String large = "\"" + "x".repeat((1 << 20) - 100) + "\"";
    for (int i = 0; i < 4; i++) {
      store.write(Batch.of(put("a/" + i, large)));
    }
    ReadBudget budget = ReadBudget.PROCESS;
    List<ReadBudget.Lease> leases = new ArrayList<>();
    try (ChangeFeed feed = feed(new ChangeScope.Everything(), Position.START)) {
      for (ReadBudget.Lease lease = budget.page(1000);
          leases.add(lease) && lease.pageBytes() > ReadBudget.SMALL_PAGE_BYTES;
          lease = budget.page(1000)) {
        assertThat(leases.size()).as("the budget has a bound").isLessThan(100_000);
      }
      // There may be room for small pages only: they come one after another.
      List<Change> page = feed.poll(10, Duration.ZERO);
      assertThat(page).hasSizeBetween(1, 2);
      feed.poll(10, Duration.ZERO);
      assertThatThrownBy(
              () -> {
                while (true) {
                  leases.add(budget.page(1));
                }
              })
          .isInstanceOf(Unavailable.class);
      assertThatThrownBy(
              () -> feed(new ChangeScope.Everything(), Position.START).poll(10, Duration.ZERO))
          .isInstanceOf(Unavailable.class)
          .hasMessageContaining("try again");
      leases.forEach(ReadBudget.Lease::close);
      try (ChangeFeed again = feed(new ChangeScope.Everything(), Position.START)) {
        assertThat(again.poll(10, Duration.ZERO)).hasSizeGreaterThan(2);
      }
    } finally {
      leases.forEach(ReadBudget.Lease::close);
    }
  }

  @Test
  void manyWaitingFeedsAreWokenByTheirOwnDocument() throws Exception {
    int count = 2_000;
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      CountDownLatch opened = new CountDownLatch(count);
      List<Future<List<Change>>> waiting = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        ChangeScope scope = document("a/" + i);
        waiting.add(
            threads.submit(
                () -> {
                  try (ChangeFeed feed = feed(scope, store.position())) {
                    opened.countDown();
                    return feed.poll(1, LONG);
                  }
                }));
      }
      assertThat(opened.await(2, TimeUnit.MINUTES)).isTrue();
      for (int i = 0; i < count; i++) {
        store.write(Batch.of(put("a/" + i, "1")));
      }
      for (int i = 0; i < count; i++) {
        assertThat(paths(waiting.get(i).get(2, TimeUnit.MINUTES))).containsExactly("a/" + i);
      }
    }
  }

  @Test
  void followerOfABusyStoreEndsUpWithAllOfIt() throws Exception {
    long seed = System.nanoTime();
    int writes = 4_000;
    Thread writer =
        Thread.ofPlatform()
            .start(
                () -> {
                  Random random = new Random(seed);
                  for (int i = 0; i < writes; i++) {
                    String path = "a/" + random.nextInt(50);
                    store.write(
                        Batch.of(
                            random.nextInt(5) == 0
                                ? delete(path)
                                : put(path, Integer.toString(i))));
                  }
                  store.write(Batch.of(put("end/1", "1")));
                });
    Map<DocumentPath, Version> followed = new HashMap<>();
    Map<DocumentPath, Version> newest = new HashMap<>();
    try (ChangeFeed feed = feed(new ChangeScope.Everything(), Position.START)) {
      while (!followed.containsKey(path("end/1"))) {
        List<Change> changes = feed.poll(7, LONG);
        assertThat(changes).as("seed %d", seed).isNotEmpty();
        for (Change change : changes) {
          Version before = newest.put(change.path(), change.version());
          if (before != null) {
            assertThat(change.version()).as("seed %d", seed).isGreaterThan(before);
          }
          if (change.document() == null) {
            followed.remove(change.path());
          } else {
            followed.put(change.path(), change.version());
          }
        }
      }
    }
    writer.join();
    Map<DocumentPath, Version> actual = new HashMap<>();
    for (int i = 0; i < 50; i++) {
      store
          .get(path("a/" + i), ReadOptions.STRONG)
          .ifPresent(document -> actual.put(document.path(), document.version()));
    }
    followed.remove(path("end/1"));
    assertThat(followed).as("seed %d", seed).isEqualTo(actual);
  }

  @Test
  void closingTheStoreWakesWaitingFeeds() throws Exception {
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      CountDownLatch opened = new CountDownLatch(1);
      Future<?> waiting =
          threads.submit(
              () -> {
                ChangeFeed feed = feed(new ChangeScope.Everything(), store.position());
                opened.countDown();
                return feed.poll(1, LONG);
              });
      opened.await();
      store.close();
      assertThatThrownBy(() -> waiting.get(1, TimeUnit.MINUTES))
          .hasCauseInstanceOf(Unavailable.class);
    }
  }

  @Test
  void feedOfWhatInterestsSeesWhatDoesSoWhenItChanges() throws Exception {
    Set<DocumentPath> interesting = ConcurrentHashMap.newKeySet();
    interesting.add(path("a/1"));
    try (ChangeFeed feed =
        feed(new ChangeScope.Interesting(interesting::contains), store.position())) {
      store.write(Batch.of(put("a/1", "1")));
      store.write(Batch.of(put("a/2", "1")));
      assertThat(paths(feed.poll(10, Duration.ZERO))).containsExactly("a/1");
      assertThat(feed.poll(10, Duration.ZERO)).isEmpty();
      interesting.add(path("a/2"));
      store.write(Batch.of(put("a/2", "2")));
      store.write(Batch.of(put("b/2", "2")));
      assertThat(paths(feed.poll(10, Duration.ZERO))).containsExactly("a/2");
      assertThat(feed.poll(10, Duration.ZERO)).isEmpty();
      assertThat(feed.position()).isEqualTo(store.position());
      interesting.clear();
      store.write(Batch.of(delete("a/1")));
      assertThat(feed.poll(10, Duration.ZERO)).isEmpty();
    }
  }

  @Test
  void feedHasCaughtUpWhenItsReaderHasComeBackAfterAllThatIsInScope() throws Exception {
    store.write(Batch.of(put("a/1", "0")));
    ChangeFeed feed =
        feed(new ChangeScope.Interesting(path -> path.equals(path("a/1"))), store.position());
    assertThat(feed.caughtUp()).as("not read yet").isEmpty();
    feed.poll(10, Duration.ZERO);
    assertThat(feed.caughtUp()).contains(store.seen());
    store.write(Batch.of(put("a/2", "1")));
    assertThat(feed.caughtUp()).as("out of scope").contains(store.seen());
    store.write(Batch.of(put("a/1", "1")));
    assertThat(feed.caughtUp()).as("not read yet").isEmpty();
    assertThat(feed.poll(10, Duration.ZERO)).hasSize(1);
    assertThat(feed.caughtUp()).as("read, perhaps not used yet").isEmpty();
    feed.poll(10, Duration.ZERO);
    assertThat(feed.caughtUp()).contains(store.seen());
    feed.close();
    assertThat(feed.caughtUp()).isEmpty();
  }

  @Test
  void tokenCoversAnotherIfItIsAtLeastAsFarInEachRegion() {
    SessionToken one = SessionToken.parse("1-5");
    SessionToken two = SessionToken.parse("1-6.2-3");
    assertThat(two.covers(one)).isTrue();
    assertThat(two.covers(two)).isTrue();
    assertThat(two.covers(SessionToken.parse("1-6.2-3"))).isTrue();
    assertThat(one.covers(two)).isFalse();
    assertThat(two.covers(SessionToken.parse("2-4"))).isFalse();
    assertThat(two.covers(SessionToken.parse("3-1"))).isFalse();
    assertThat(one.covers(SessionToken.NONE)).isTrue();
    assertThat(SessionToken.NONE.covers(one)).isFalse();
  }
}
