package dev.meridian.store;

import static dev.meridian.store.Stores.delete;
import static dev.meridian.store.Stores.index;
import static dev.meridian.store.Stores.path;
import static dev.meridian.store.Stores.put;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.document.CollectionPath;
import dev.meridian.store.StoreException.NoIndex;
import dev.meridian.store.StoreException.Unavailable;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RocksStoreConcurrencyTest {
  private static final CollectionPath A = CollectionPath.parse("a");
  private static final Query BY_NUMBER = new Query(A, null, Sort.parse("n"), 1000, null, 0);

  @TempDir Path temp;
  private final Engine engine = new Engine(8 << 20, 8 << 20);
  private volatile RocksStore store;

  @BeforeEach
  void open() {
    store = open(List.of());
  }

  @AfterEach
  void close() {
    store.close();
    engine.close();
  }

  private RocksStore open(List<IndexDefinition> indexes) {
    return RocksStore.open(temp.resolve("db"), RocksStore.Options.of(engine), indexes);
  }

  @Test
  void closingUnderLoadAnswersEverybodyAndCrashesNothing() throws Exception {
    for (int round = 0; round < 3; round++) {
      for (int i = 0; i < 200; i++) {
        store.write(Batch.of(put("a/" + i, "{\"n\":" + i + "}")));
      }
      List<Callable<?>> calls =
          List.of(
              () -> store.get(path("a/7"), ReadOptions.STRONG),
              () -> store.list(Query.of(A, 100), ReadOptions.STRONG),
              () ->
                  store.list(
                      new Query(A, null, Sort.parse("-n"), 10, null, 1000), ReadOptions.STRONG),
              () -> store.write(Batch.of(put("a/1", "{\"n\":1}"))),
              () -> {
                try (ChangeFeed feed =
                    store.changes(new ChangeQuery(new ChangeScope.Everything(), Position.START))) {
                  return feed.poll(100, Duration.ofSeconds(30));
                }
              },
              () -> store.verify());
      CountDownLatch warm = new CountDownLatch(calls.size());
      List<Future<?>> loops = new ArrayList<>();
      // Platform threads: loops that never wait would not let other virtual threads run.
      ExecutorService threads = Executors.newCachedThreadPool();
      try {
        for (Callable<?> call : calls) {
          loops.add(
              threads.submit(
                  () -> {
                    for (int i = 0; ; i++) {
                      call.call();
                      if (i == 3) {
                        warm.countDown();
                      }
                    }
                  }));
        }
        assertThat(warm.await(1, TimeUnit.MINUTES)).isTrue();
        store.close();
        for (Future<?> loop : loops) {
          assertThatThrownBy(() -> loop.get(1, TimeUnit.MINUTES))
              .hasCauseInstanceOf(Unavailable.class);
        }
      } finally {
        store.close();
        threads.shutdown();
      }
      store = open(List.of());
      assertThat(store.verify().problems()).isEmpty();
    }
  }

  @Test
  void indexIsBuiltWhileWritesGoOnAndAfterARestart() throws Exception {
    long seed = System.nanoTime();
    for (int i = 0; i < 20; i++) {
      Write[] many = new Write[500];
      for (int j = 0; j < many.length; j++) {
        many[j] = put("t/1/sub/" + (i * 500 + j), "{\"n\":" + j + "}");
      }
      store.write(Batch.of(many));
    }
    for (int i = 0; i < 1_000; i++) {
      store.write(Batch.of(put("a/" + i, "{\"n\":" + i % 10 + "}")));
    }
    AtomicBoolean done = new AtomicBoolean();
    Thread writer =
        Thread.ofPlatform()
            .start(
                () -> {
                  Random random = new Random(seed);
                  while (!done.get()) {
                    int i = random.nextInt(1_200);
                    try {
                      store.write(
                          Batch.of(
                              random.nextInt(4) == 0
                                  ? delete("a/" + i)
                                  : put("a/" + i, "{\"n\":" + random.nextInt(10) + "}")));
                    } catch (Unavailable e) {
                      // Closed for a moment; a reopened store takes the next write.
                      Thread.onSpinWait();
                    }
                  }
                });
    List<IndexDefinition> wanted =
        List.of(index("a", "n"), index("a", "-n", "s"), index("t/*/sub", "n"));
    store.defineIndexes(wanted);
    assertThatThrownBy(() -> listBeforeItIsReady()).isInstanceOf(NoIndex.class);
    store.close();
    reopen(wanted);
    assertThat(store.awaitIndexes(Duration.ofMinutes(2))).isTrue();
    done.set(true);
    writer.join();
    assertThat(store.indexes()).hasSize(3).doesNotContainValue(false);
    assertThat(store.verify().problems()).as("seed %d", seed).isEmpty();
    assertThat(store.list(BY_NUMBER, ReadOptions.STRONG).documents()).isNotEmpty();
    store.defineIndexes(List.of());
    assertThatThrownBy(() -> store.list(BY_NUMBER, ReadOptions.STRONG))
        .isInstanceOf(NoIndex.class)
        .hasMessageContaining("collections:\n  a:\n    indexes:\n      - [n]");
    store.defineIndexes(List.of(index("a", "n")));
    assertThat(store.awaitIndexes(Duration.ofMinutes(2))).isTrue();
    assertThat(store.verify().problems()).as("seed %d", seed).isEmpty();
  }

  private void reopen(List<IndexDefinition> indexes) {
    store = open(indexes);
  }

  private void listBeforeItIsReady() {
    store.list(
        new Query(CollectionPath.parse("t/1/sub"), null, Sort.parse("n"), 10, null, 0),
        ReadOptions.STRONG);
  }
}
