package dev.meridian.store;

import static dev.meridian.store.Stores.path;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.document.Patch;
import dev.meridian.document.Version;
import dev.meridian.store.proto.Command;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An entry of a few bytes may touch many large documents: its effect is bounded, and whole. */
class LargeEntryTest {
  private static final long START = 1_800_000_000_000L;
  private static final String LONG = "x".repeat((1 << 20) - 100);
  private static final int DOCUMENTS = 60;

  @TempDir Path temp;

  private static RocksStore open(Path folder, Engine engine, long now) {
    return RocksStore.open(
        folder,
        new RocksStore.Options(engine, 1, () -> now, 64),
        List.of(new IndexDefinition("a", List.of(Sort.parse("n")))));
  }

  private static void fill(RocksStore store, int documents) {
    byte[] json = ("{\"n\":0,\"s\":\"" + LONG + "\"}").getBytes(UTF_8);
    for (int i = 0; i < documents; i++) {
      store.write(
          Batch.of(
              new Write.Put(path("a/" + i), json, Condition.NONE, new Expiry.At(START + 60_000))));
    }
    store.flush();
  }

  private static Command increment(int document, boolean returnValue) {
    return LogCodec.command(
        new Batch(
            List.of(
                new Write.Patch(
                    path("a/" + document),
                    new Patch(Patch.Kind.INCREMENT, "{\"n\":1}".getBytes(UTF_8), false),
                    Condition.NONE,
                    Expiry.KEEP)),
            null,
            returnValue));
  }

  private static ByteBuffer entry(long millis, List<Command> commands) {
    return LogCodec.entry(commands, Version.timestampAt(millis), millis, 1);
  }

  private static LogIndex after(LogIndex at) {
    return new LogIndex(at.term(), at.index() + 1);
  }

  /** Applies, in a small heap, entries that touch more than it holds. */
  static final class Applier {
    public static void main(String[] args) {
      try (Engine engine = new Engine(8 << 20, 8 << 20);
          RocksStore store = open(Path.of(args[0]), engine, START)) {
        fill(store, DOCUMENTS);
        List<Command> patches = new ArrayList<>();
        for (int i = 0; i < DOCUMENTS; i++) {
          patches.add(increment(i, true));
        }
        List<Outcome> outcomes = store.apply(after(store.applied()), entry(START + 1, patches));
        long done = outcomes.stream().filter(o -> o instanceof Outcome.Done).count();
        Command sweep = LogCodec.sweep(1_000, 0, 0, 0);
        outcomes = store.apply(after(store.applied()), entry(START + 60_000, List.of(sweep)));
        System.out.println(done + " " + outcomes.getFirst() + " " + store.verify().problems());
      }
    }
  }

  @Test
  void effectOfAnEntryIsAppliedInBoundedMemory() throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx56m",
                "-XX:+UseSerialGC",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty(
                    "surefire.test.class.path", System.getProperty("java.class.path")),
                Applier.class.getName(),
                temp.resolve("db").toString())
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor(5, TimeUnit.MINUTES)).isTrue();
    assertThat(said)
        .contains(
            DOCUMENTS
                + " Swept[documents="
                + DOCUMENTS
                + ", tombstones=0, keys=0] []"
                + System.lineSeparator());
  }

  @Test
  void proposedSweepEndsAfterSoManyBytes() {
    try (Engine engine = new Engine(8 << 20, 8 << 20);
        RocksStore store = open(temp.resolve("db"), engine, START)) {
      fill(store, 3);
      Command bounded = LogCodec.sweep(1_000, (1 << 20) + 1, 0, 0);
      ByteBuffer entry = entry(START + 60_000, List.of(bounded));
      assertThat(store.apply(after(store.applied()), entry.duplicate()))
          .containsExactly(new Outcome.Swept(2, 0, 0));
      assertThat(store.apply(after(store.applied()), entry.duplicate()))
          .containsExactly(new Outcome.Swept(1, 0, 0));
      assertThat(store.verify().problems()).isEmpty();
    }
  }

  @Test
  void batchOfPatchesThatReadsTooMuchIsRefusedWhole() {
    try (Engine engine = new Engine(8 << 20, 8 << 20);
        RocksStore store = open(temp.resolve("db"), engine, START)) {
      byte[] json = ("{\"s\":\"" + LONG + "\"}").getBytes(UTF_8);
      List<Write> shrink = new ArrayList<>();
      for (int i = 0; i < 66; i++) {
        store.write(
            Batch.of(new Write.Put(path("t/1/d/" + i), json, Condition.NONE, Expiry.NEVER)));
        shrink.add(
            new Write.Patch(
                path("t/1/d/" + i),
                new Patch(Patch.Kind.MERGE, "{\"s\":null}".getBytes(UTF_8), false),
                Condition.NONE,
                Expiry.KEEP));
      }
      assertThatThrownBy(() -> store.write(new Batch(shrink, null, false)))
          .isInstanceOfSatisfying(
              StoreException.Rejected.class,
              e -> assertThat(e.reason()).isEqualTo(StoreException.Rejected.Reason.TOO_LARGE));
      store.write(new Batch(shrink.subList(0, 33), null, false));
      assertThat(store.get(path("t/1/d/65"), ReadOptions.STRONG).orElseThrow().json())
          .isEqualTo(json);
    }
  }

  @Test
  void entryCutOffInTheMiddleGoesOnAndAppliesEveryCommandOnce() throws Exception {
    int documents = 24;
    List<Command> commands = new ArrayList<>();
    for (int i = 0; i < documents; i++) {
      commands.add(increment(i, false));
      commands.add(increment(0, false));
    }
    commands.add(LogCodec.sweep(1_000, 0, 0, 0));
    ByteBuffer entry = entry(START + 1, commands);
    try (Engine engine = new Engine(8 << 20, 8 << 20)) {
      RocksStore whole = open(temp.resolve("whole"), engine, START);
      fill(whole, documents);
      LogIndex at = after(whole.applied());
      AtomicInteger parts = new AtomicInteger();
      whole.onPart = parts::incrementAndGet;
      assertThat(whole.apply(at, entry.duplicate())).hasSize(commands.size());
      assertThat(parts).hasValueGreaterThan(1);

      for (int stop = 1; stop <= parts.get(); stop++) {
        Path folder = temp.resolve("cut" + stop);
        RocksStore cut = open(folder, engine, START);
        fill(cut, documents);
        LogIndex before = cut.applied();
        Position position = cut.position();
        AtomicInteger left = new AtomicInteger(stop);
        cut.onPart =
            () -> {
              if (left.decrementAndGet() == 0) {
                throw new IllegalStateException("cut off");
              }
            };
        try (ChangeFeed feed =
            cut.changes(new ChangeQuery(new ChangeScope.Everything(), position))) {
          assertThatThrownBy(() -> cut.apply(at, entry.duplicate())).hasMessage("cut off");
          // Those who follow hear of each part when it is there.
          assertThat(feed.poll(100, Duration.ZERO)).isNotEmpty();
        }
        assertThat(cut.applied()).isEqualTo(before);
        cut.close();

        try (RocksStore again = open(folder, engine, START)) {
          assertThatThrownBy(() -> again.apply(after(at), entry.duplicate()))
              .isInstanceOf(LogException.class)
              .hasMessageContaining("beginning of entry");
          assertThat(again.apply(at, entry.duplicate())).hasSizeLessThan(commands.size());
          assertThat(again.apply(at, entry.duplicate())).isEmpty();
          assertThat(again.applied()).isEqualTo(whole.applied());
          assertThat(again.position()).isEqualTo(whole.position());
          assertThat(again.lastTimestamp()).isEqualTo(whole.lastTimestamp());
          for (int i = 0; i < documents; i++) {
            var expected = whole.get(path("a/" + i), ReadOptions.STRONG).orElseThrow();
            var actual = again.get(path("a/" + i), ReadOptions.STRONG).orElseThrow();
            assertThat(actual.version()).isEqualTo(expected.version());
            assertThat(actual.json()).isEqualTo(expected.json());
          }
          assertThat(again.verify().problems()).isEmpty();
        }
      }
      whole.close();
    }
  }
}
