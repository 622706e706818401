package dev.meridian.replica;

import static dev.meridian.replica.Fixture.increment;
import static dev.meridian.replica.Fixture.keyed;
import static dev.meridian.replica.Fixture.read;
import static dev.meridian.replica.KillTarget.number;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.replica.KillTarget.Bug;
import dev.meridian.store.PendingLoss;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Kills a process that writes, again and again, and looks at what is left. Replay a run with {@code
 * -Dmeridian.kill.seed=…}, run longer with {@code -Dmeridian.kill.rounds=…}.
 */
class KillTest {
  private static final int ROUNDS = Integer.getInteger("meridian.kill.rounds", 15);
  private static final long SEED = Long.getLong("meridian.kill.seed", System.nanoTime());
  private static final int MAX_ACKNOWLEDGED = 500;

  @TempDir Path folder;

  private final Random random = new Random(SEED);
  private final Model model = new Model();

  @Test
  void acknowledgedWriteSurvivesKill() throws Exception {
    System.out.println("KillTest seed " + SEED + ", " + ROUNDS + " rounds");
    for (int round = 0; round < ROUNDS; round++) {
      // The default now and then, for a log that is replayed rather than cut all the time.
      runAndKill(Bug.NONE, round % 4 == 3 ? "default" : "tiny");
      try (ReplicatedStore store = Fixture.open(folder, KillTarget.TINY)) {
        model.check(store);
      } catch (AssertionError e) {
        throw new AssertionError("seed " + SEED + ", round " + round + ": " + e.getMessage(), e);
      }
    }
    assertThat(model.acknowledged).as("acknowledged writes in all").isGreaterThan(ROUNDS);
    System.out.println("KillTest: " + model.acknowledged + " acknowledged writes checked");
  }

  /** A checker that lets these pass would let anything pass. */
  @ParameterizedTest
  @EnumSource(names = {"EARLY_ACKNOWLEDGEMENT", "SPLIT_BATCH", "NO_KEY", "PENDING_LOST"})
  void checkerConvictsPlantedBug(Bug bug) {
    assertThatThrownBy(
            () -> {
              for (int round = 0; round < 12; round++) {
                runAndKill(bug, bug == Bug.PENDING_LOST ? "tiny" : "default");
                if (bug == Bug.PENDING_LOST) {
                  PendingLoss.lose(Layout.database(Layout.group(folder, Layout.FIRST_SHARD)));
                }
                try (ReplicatedStore store = Fixture.open(folder)) {
                  model.check(store);
                }
              }
            })
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining(
            switch (bug) {
              case EARLY_ACKNOWLEDGEMENT, PENDING_LOST -> "lost an acknowledged";
              case SPLIT_BATCH -> "half a batch";
              case NO_KEY -> "after retries";
              case NONE -> throw new IllegalArgumentException("nothing to find");
            });
  }

  private void runAndKill(Bug bug, String options) throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-Xmx128m",
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-cp",
                System.getProperty(
                    "surefire.test.class.path", System.getProperty("java.class.path")),
                KillTarget.class.getName(),
                folder.toString(),
                Long.toString(random.nextLong()),
                bug.name(),
                options)
            .redirectError(folder.resolveSibling("stderr.txt").toFile())
            .start();
    int killAfter = 1 + random.nextInt(MAX_ACKNOWLEDGED);
    int acknowledged = 0;
    boolean killed = false;
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      for (String line; (line = lines.readLine()) != null; ) {
        if (model.note(line) && ++acknowledged == killAfter) {
          Thread.sleep(random.nextInt(20));
          // What it managed to say before it died is still in the pipe, and counts.
          process.toHandle().destroyForcibly();
          killed = true;
        }
      }
    }
    assertThat(process.waitFor()).as("exit code").isEqualTo(128 + 9);
    assertThat(killed)
        .as("it ended by itself: " + Files.readString(folder.resolveSibling("stderr.txt")))
        .isTrue();
  }

  /** What the process said, and what must follow from it. */
  private static final class Model {
    /** Path to the newest number acknowledged, and the newest begun. */
    private final Map<String, Long> acked = new HashMap<>();

    private final Map<String, Long> begun = new HashMap<>();

    /** Keys of increments begun and not acknowledged, and how many there were at all. */
    private final Map<String, Set<String>> open = new HashMap<>();

    private final Map<String, Long> counted = new HashMap<>();

    /** Increments that were put off: how many were acknowledged at least, and begun at most. */
    private final Map<String, Long> leastBehind = new HashMap<>();

    private final Map<String, Long> mostBehind = new HashMap<>();
    private long acknowledged;

    /** Takes a line; true for an acknowledgement. */
    boolean note(String line) {
      String[] words = line.split(" ", 4);
      if (words.length < 4 || words[0].equals("X")) {
        return false;
      }
      boolean ack = words[0].equals("A");
      String path = words[2];
      if (words[1].equals("c")) {
        Set<String> keys = open.computeIfAbsent(path, p -> new HashSet<>());
        if (ack) {
          keys.remove(words[3]);
        } else {
          keys.add(words[3]);
          counted.merge(path, 1L, Long::sum);
        }
      } else if (words[1].equals("d")) {
        (ack ? leastBehind : mostBehind).merge(path, 1L, Long::sum);
      } else {
        (ack ? acked : begun).put(path, Long.parseLong(words[3]));
      }
      acknowledged += ack ? 1 : 0;
      return ack;
    }

    void check(ReplicatedStore store) throws Exception {
      for (int writer = 0; writer < KillTarget.WRITERS; writer++) {
        for (int i = 0; i < KillTarget.PATHS; i++) {
          checkNumber(store, KillTarget.single(writer, i));
        }
        String root = KillTarget.root(writer);
        long n = checkNumber(store, root);
        for (int i = 0; i < KillTarget.PARTS; i++) {
          String part = KillTarget.part(writer, i);
          assertThat(number(read(store, part))).as("half a batch: %s", part).isEqualTo(n);
        }
      }
      for (int i = 0; i < KillTarget.COUNTERS; i++) {
        checkCounter(store, KillTarget.counter(i));
        checkBehind(store, KillTarget.behind(i));
      }
      // Or the lists that are compared could be of before and after a flush.
      long until = System.nanoTime() + Duration.ofSeconds(30).toNanos();
      while (store.pending().documents() > 0) {
        assertThat(System.nanoTime()).as("all is flushed").isLessThan(until);
        Thread.sleep(5);
      }
      StoreCheck.consistent(store, "items");
      assertThat(store.verify().problems()).isEmpty();
    }

    private long checkNumber(ReplicatedStore store, String path) {
      long n = number(read(store, path));
      assertThat(n)
          .as("'%s' lost an acknowledged write", path)
          .isGreaterThanOrEqualTo(acked.getOrDefault(path, 0L));
      assertThat(n)
          .as("'%s' holds what nobody wrote", path)
          .isLessThanOrEqualTo(begun.getOrDefault(path, 0L));
      acked.put(path, n);
      begun.put(path, n);
      return n;
    }

    /** Nothing is lost, and nothing that the log holds is applied twice. */
    private void checkBehind(ReplicatedStore store, String counter) {
      long n = number(read(store, counter));
      assertThat(n)
          .as("'%s' lost an acknowledged increment, or has one twice", counter)
          .isBetween(leastBehind.getOrDefault(counter, 0L), mostBehind.getOrDefault(counter, 0L));
      leastBehind.put(counter, n);
      mostBehind.put(counter, n);
    }

    /** Those who got no answer try again with the same key; then the count is exact. */
    private void checkCounter(ReplicatedStore store, String counter) {
      List<String> unanswered = new ArrayList<>(open.getOrDefault(counter, Set.of()));
      long all = counted.getOrDefault(counter, 0L);
      assertThat(number(read(store, counter)))
          .as("'%s' lost an acknowledged increment", counter)
          .isBetween(all - unanswered.size(), all);
      for (String key : unanswered) {
        store.write(keyed(key, increment(counter, "n", 1)));
      }
      open.remove(counter);
      assertThat(number(read(store, counter))).as("'%s' after retries", counter).isEqualTo(all);
    }
  }
}
