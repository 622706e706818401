package dev.meridian.store;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.document.DocumentPath;
import dev.meridian.document.Patch;
import dev.meridian.document.Version;
import dev.meridian.store.proto.Command;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Replicas hold the same bytes, whatever they remember of earlier entries. */
class ReplicasAgreeTest {
  private static final long START = 1_800_000_000_000L;
  private static final Deferral LATE = new Deferral(Duration.ofMinutes(5), 32 << 20);
  private static final int DOCUMENTS = 3_000;

  @TempDir Path folder;

  private static DocumentPath path(String name) {
    return DocumentPath.parse("items/" + name);
  }

  private static Write put(String name, String json) {
    return new Write.Put(path(name), json.getBytes(UTF_8), Condition.NONE, Expiry.NEVER);
  }

  private static Command command(Write write) {
    return LogCodec.command(Batch.of(write));
  }

  private static Command behind(Write write) {
    return LogCodec.command(Batch.of(write).deferred(LATE));
  }

  private static Command increment(String name) {
    return behind(
        new Write.Patch(
            path(name),
            new Patch(Patch.Kind.INCREMENT, "{\"n\":1}".getBytes(UTF_8), true),
            Condition.NONE,
            Expiry.KEEP));
  }

  private static List<List<Command>> entries() {
    List<List<Command>> entries = new ArrayList<>();
    String pad = "x".repeat(3_900);
    List<Command> large = new ArrayList<>();
    for (int i = 0; i < DOCUMENTS; i++) {
      large.add(command(put("p" + i, "{\"n\":" + i + ",\"pad\":\"" + pad + "\"}")));
    }
    entries.add(large);
    // Small writes over large documents: a replica that remembers those need not read them. Before
    // and between flushes what these depend on.
    List<Command> commands = new ArrayList<>();
    for (int i = 0; i < DOCUMENTS; i++) {
      commands.add(increment("c" + i % 700));
      commands.add(command(put("p" + i, "{\"n\":1}")));
      if (i % 1000 == 999) {
        commands.add(command(put("c1", "{\"n\":0}")));
        commands.add(command(put("c2", "{\"n\":0}")));
        commands.add(LogCodec.flush(150, 1 << 20, i < 2000));
        commands.add(LogCodec.flush(20, 1 << 20, true));
      }
    }
    commands.add(increment("c5"));
    entries.add(commands);
    entries.add(large);
    // A sweep sees what was written in an earlier part, and not what is of its own.
    commands = new ArrayList<>();
    for (int i = 0; i < DOCUMENTS; i++) {
      commands.add(command(put("p" + i, "{\"n\":1}")));
      if (i % 3 == 0) {
        commands.add(
            command(
                new Write.Put(
                    path("e" + i), "{}".getBytes(UTF_8), Condition.NONE, new Expiry.At(START))));
      }
    }
    commands.add(LogCodec.sweep(400, 0, 0, 0));
    entries.add(commands);
    entries.add(List.of(increment("c6"), LogCodec.flush(30, 1 << 20, true), increment("c7")));
    return entries;
  }

  private static ByteBuffer entry(List<Command> commands, int number) {
    long millis = START + number * 1_000L;
    return LogCodec.entry(commands, Version.timestampAt(millis), millis, 0);
  }

  private static RocksStore open(Path at, Engine engine) {
    return RocksStore.open(at, RocksStore.Options.of(engine).withClock(() -> START), List.of());
  }

  private static TreeMap<String, String> tables(Path at, Engine engine) {
    TreeMap<String, String> all = new TreeMap<>();
    try (Database database = new Database(at, engine, 64);
        Database.View view = database.view()) {
      for (Table table : Table.values()) {
        Database.Scan scan = view.scan(table, new byte[0], new byte[] {-1, -1, -1}).first();
        for (; scan.valid(); scan.next()) {
          HexFormat hex = HexFormat.of();
          all.put(table + " " + hex.formatHex(scan.key()), hex.formatHex(scan.value()));
        }
      }
    }
    return all;
  }

  @Test
  void anEntryDoesTheSameWhateverAReplicaRemembers() {
    List<List<Command>> entries = entries();
    try (Engine engine = new Engine(8 << 20, 8 << 20)) {
      Path warm = folder.resolve("warm");
      PendingStatus pending;
      try (RocksStore store = open(warm, engine)) {
        for (int i = 0; i < entries.size(); i++) {
          store.apply(new LogIndex(1, i + 1), entry(entries.get(i), i));
        }
        pending = store.pending();
      }
      assertThat(pending.documents()).isPositive();
      Path cold = folder.resolve("cold");
      for (int i = 0; i < entries.size(); i++) {
        try (RocksStore store = open(cold, engine)) {
          store.apply(new LogIndex(1, i + 1), entry(entries.get(i), i));
          if (i == entries.size() - 1) {
            assertThat(store.pending().documents()).isEqualTo(pending.documents());
            assertThat(store.pending().bytes()).isEqualTo(pending.bytes());
          }
        }
      }
      assertThat(tables(cold, engine).equals(tables(warm, engine))).isTrue();
    }
  }

  /**
   * Builds before write-behind look at the first byte of the state, and at nothing else of this.
   */
  @Test
  void onlyADatabaseWithPendingValuesIsClosedToOlderBuilds() {
    try (Engine engine = new Engine(8 << 20, 8 << 20)) {
      byte[] forms = new byte[3];
      for (int i = 0; i < forms.length; i++) {
        Path at = folder.resolve("db");
        Command command =
            i == 0
                ? command(put("a", "{}"))
                : i == 1 ? increment("b") : LogCodec.flush(10, 1 << 20, true);
        try (RocksStore store = open(at, engine)) {
          store.apply(new LogIndex(1, i + 1), entry(List.of(command), i));
        }
        try (Database database = new Database(at, engine, 64)) {
          byte[] state = database.get(Table.META, Meta.KEY);
          forms[i] = state == null ? 0 : state[0];
        }
      }
      assertThat(forms).containsExactly(2, 3, 2);
      assertThat(List.of(Table.values())).extracting(Table::name).doesNotContain("PENDING");
    }
  }
}
