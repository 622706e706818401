package dev.meridian.cache;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.store.Batch;
import dev.meridian.store.Condition;
import dev.meridian.store.Engine;
import dev.meridian.store.Expiry;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.RocksStore;
import dev.meridian.store.SessionToken;
import dev.meridian.store.Write;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Readers and writers at once, while the feed breaks now and then: nobody goes back in time. */
@Timeout(300)
class CacheRaceTest {
  private static final int KEYS = 4;
  private static final int READERS = 4;
  private static final int READS = 15_000;
  private static final int DELETE_EVERY = 7;

  /**
   * What a writer of a key has done.
   *
   * @param begun the number of its last write that has begun
   * @param done of the last one that is acknowledged
   * @param here of the last one that is acknowledged and went through the cache
   * @param token covers {@code done}
   */
  private record Progress(int begun, int done, int here, SessionToken token) {}

  @TempDir Path temp;

  private final AtomicReferenceArray<Progress> progress = new AtomicReferenceArray<>(KEYS);
  private final AtomicBoolean over = new AtomicBoolean();

  @Test
  void nobodyGoesBackInTime() throws Exception {
    long seed = new Random().nextLong();
    System.out.println("CacheRaceTest seed " + seed);
    Random random = new Random(seed);
    for (int key = 0; key < KEYS; key++) {
      progress.set(key, new Progress(0, 0, 0, SessionToken.NONE));
    }
    try (Engine engine = new Engine(8 << 20, 8 << 20);
        RocksStore store =
            RocksStore.open(temp.resolve("db"), RocksStore.Options.of(engine), List.of())) {
      Valve valve = new Valve(store);
      try (CachedStore cached =
              CachedStore.over(valve, 1 << 20, _ -> true, new SimpleMeterRegistry());
          ExecutorService threads = Executors.newCachedThreadPool()) {
        List<Future<?>> background = new ArrayList<>();
        for (int key = 0; key < KEYS; key++) {
          int own = key;
          long writerSeed = random.nextLong();
          background.add(threads.submit(() -> write(own, new Random(writerSeed), cached, store)));
        }
        long chaosSeed = random.nextLong();
        background.add(threads.submit(() -> chaos(new Random(chaosSeed), valve)));
        List<Future<?>> readers = new ArrayList<>();
        for (int i = 0; i < READERS; i++) {
          long readerSeed = random.nextLong();
          readers.add(threads.submit(() -> read(new Random(readerSeed), cached)));
        }
        try {
          for (Future<?> reader : readers) {
            reader.get();
          }
        } finally {
          over.set(true);
        }
        for (Future<?> part : background) {
          part.get();
        }
        assertThat(cached.status().hits()).as("answers from memory").isPositive();
        System.out.println("CacheRaceTest " + cached.status());
      }
    }
  }

  private static DocumentPath path(int key) {
    return DocumentPath.parse("k/" + key);
  }

  /** Each write has the next number; some of them delete. */
  private void write(int key, Random random, CachedStore cached, RocksStore store) {
    for (int number = 1; !over.get(); number++) {
      Progress before = progress.get(key);
      progress.set(key, new Progress(number, before.done(), before.here(), before.token()));
      Write write =
          number % DELETE_EVERY == 0
              ? new Write.Delete(path(key), Condition.NONE)
              : new Write.Put(
                  path(key),
                  Integer.toString(number).getBytes(UTF_8),
                  Condition.NONE,
                  Expiry.NEVER);
      boolean here = random.nextBoolean();
      var version = (here ? cached.write(Batch.of(write)) : store.write(Batch.of(write))).version();
      progress.set(
          key,
          new Progress(
              number, number, here ? number : before.here(), SessionToken.NONE.seen(version)));
      if (random.nextInt(4) == 0) {
        pause(random.nextInt(3));
      }
    }
  }

  private void chaos(Random random, Valve valve) {
    while (!over.get()) {
      pause(random.nextInt(40));
      switch (random.nextInt(3)) {
        case 0 -> valve.hold();
        case 1 -> valve.cut();
        default -> valve.lose();
      }
      pause(random.nextInt(20));
      valve.flow();
    }
  }

  private static void pause(int millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void read(Random random, CachedStore cached) {
    SessionToken token = SessionToken.NONE;
    int[] seen = new int[KEYS];
    for (int i = 0; i < READS; i++) {
      int key = random.nextInt(KEYS);
      Progress before = progress.get(key);
      boolean tokenless = random.nextInt(3) == 0;
      boolean told = !tokenless && random.nextInt(3) == 0;
      if (told) { // by the writer, of its last write
        token = token.seen(before.token());
        seen[key] = Math.max(seen[key], before.done());
      }
      int floor = tokenless ? before.here() : seen[key];
      Optional<Document> found =
          cached.get(path(key), tokenless ? ReadOptions.SESSION : ReadOptions.session(token));
      int number = check(key, floor, found);
      if (!tokenless) {
        seen[key] = Math.max(seen[key], number);
        SessionToken now = token;
        token =
            found.map(Document::version).map(now::seen).orElseGet(() -> now.seen(cached.seen()));
      }
    }
  }

  /** The least number that the answer can be of; it is not below {@code floor}. */
  private int check(int key, int floor, Optional<Document> found) {
    int begun = progress.get(key).begun();
    if (found.isPresent()) {
      int number = Integer.parseInt(new String(found.get().json(), UTF_8));
      assertThat(number).as("key %s", key).isBetween(floor, begun);
      return number;
    }
    int delete = (floor + DELETE_EVERY - 1) / DELETE_EVERY * DELETE_EVERY;
    assertThat(delete)
        .as("key %s is deleted after write %s", key, floor)
        .isLessThanOrEqualTo(begun);
    return delete;
  }
}
