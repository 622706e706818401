package dev.meridian.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.document.DocumentPath;
import dev.meridian.peer.JoinToken;
import dev.meridian.replica.ReplicaOptions;
import dev.meridian.shard.Cluster;
import dev.meridian.shard.ClusterOptions;
import dev.meridian.store.Batch;
import dev.meridian.store.Condition;
import dev.meridian.store.Engine;
import dev.meridian.store.Expiry;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.RocksStore;
import dev.meridian.store.StoreException.Unavailable;
import dev.meridian.store.Write;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The command that gives a lost majority up: what it says, what it asks, and what comes of it. */
@Timeout(300)
class RecoverTest {
  @TempDir Path folder;

  private final Engine engine = new Engine(16 << 20, 8 << 20);
  private final List<InetSocketAddress> addresses = new ArrayList<>();
  private final List<Cluster> open = new CopyOnWriteArrayList<>();

  @BeforeEach
  void three() throws Exception {
    for (int i = 0; i < 4; i++) {
      addresses.add(free());
    }
    Cluster first = start(0);
    String token = first.newToken(Duration.ofMinutes(5), true);
    join(1, 0, token);
    join(2, 0, token);
    while (first.status().members().replicas().size() < 3) {
      Thread.sleep(20);
    }
    first.store().write(put("items/a", "1"));
    for (Cluster cluster : open) {
      assertThat(cluster.store().get(DocumentPath.parse("items/a"), ReadOptions.STRONG))
          .isPresent();
    }
  }

  @AfterEach
  void stop() {
    open.forEach(Cluster::close);
    engine.close();
  }

  private Path data(int number) {
    return folder.resolve("node" + number);
  }

  private static Batch put(String path, String json) {
    return Batch.of(
        new Write.Put(
            DocumentPath.parse(path), json.getBytes(UTF_8), Condition.NONE, Expiry.NEVER));
  }

  private Cluster start(int number) throws IOException {
    return start(number, Optional.empty());
  }

  private Cluster join(int number, int at, String token) throws IOException {
    return start(
        number, Optional.of(new ClusterOptions.Join(addresses.get(at), JoinToken.parse(token))));
  }

  private Cluster start(int number, Optional<ClusterOptions.Join> join) throws IOException {
    Cluster cluster =
        Cluster.open(
            data(number),
            new ClusterOptions(
                ReplicaOptions.DEFAULT
                    .edit()
                    .peer(addresses.get(number))
                    .diskReserve(1 << 20)
                    .build(),
                "",
                "test",
                "",
                join,
                ClusterOptions.REPLICAS,
                ClusterOptions.REPLACE_AFTER),
            RocksStore.Options.of(engine),
            List.of(),
            new SimpleMeterRegistry());
    open.add(cluster);
    return cluster;
  }

  private static InetSocketAddress free() throws IOException {
    InetAddress loopback = InetAddress.getByName("127.0.0.1");
    try (ServerSocket socket = new ServerSocket(0, 1, loopback)) {
      return new InetSocketAddress(loopback, socket.getLocalPort());
    }
  }

  private void closeAll() {
    open.forEach(Cluster::close);
    open.clear();
  }

  /** Runs the command as somebody at a terminal does. */
  private static Ran typed(String answer, Path data) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    Console console =
        new Console(
            new ByteArrayInputStream(answer.getBytes(UTF_8)),
            new PrintStream(out, true, UTF_8),
            new PrintStream(err, true, UTF_8),
            Map.of(),
            true,
            false,
            false);
    int code = Meridian.run(console, "recover", "--from-this-replica", "--data", data.toString());
    return new Ran(code, out.toString(UTF_8), err.toString(UTF_8));
  }

  @Test
  void saysWhatIsAtStakeAndDoesNothingWithoutAYes() throws Exception {
    String lost = open.get(1).self();
    String self = open.get(2).self();
    Ran running =
        Ran.run("", "recover", "--from-this-replica", "--yes", "--data", data(2).toString());
    assertThat(running.failed(ExitCode.FAILED).err()).contains("already open");
    closeAll();

    Ran asked = typed("no\n", data(2)).failed(ExitCode.FAILED);
    assertThat(asked.err()).contains("nothing was changed");
    assertThat(asked.out())
        .contains(
            "Node " + self,
            "catalog",
            "shards/0",
            "KNOWN TO BE COMMITTED",
            "LOG ENDS AT",
            "GIVEN UP",
            lost,
            "127.0.0.1:" + addresses.get(1).getPort(),
            "must never be started again")
        .doesNotContain("is now");
    typed("", data(2)).failed(ExitCode.FAILED);
    typed("y\n", data(2)).failed(ExitCode.FAILED);
    Ran unasked = Ran.run("yes\n", "recover", "--from-this-replica", "--data", data(2).toString());
    assertThat(unasked.failed(ExitCode.USAGE).err()).contains("--yes");
    Ran.run("", "recover", "--yes", "--data", data(2).toString()).failed(ExitCode.USAGE);

    // It is still the node that it was.
    for (int i = 0; i < 3; i++) {
      int number = i;
      Thread.ofVirtual().start(() -> restart(number));
    }
    awaitOpen(3);
    assertThat(open.stream().map(Cluster::self)).contains(self, lost);
    open.getLast().store().write(put("items/b", "2"));
  }

  private void restart(int number) {
    try {
      Cluster cluster = start(number);
      assertThat(cluster).isNotNull();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private void awaitOpen(int number) throws InterruptedException {
    while (open.size() < number) {
      Thread.sleep(20);
    }
  }

  @Test
  void nodeBeginsANewClusterAndOldOnesStopWhenTheyMeetIt() throws Exception {
    closeAll();
    assertThat(typed("yes\n", data(2)).ok().out()).contains("the only node of cluster");
    Cluster alone = start(2);
    assertThat(alone.store().get(DocumentPath.parse("items/a"), ReadOptions.STRONG)).isPresent();
    alone.store().write(put("items/b", "2"));
    while (alone.status().nodes().isEmpty()) {
      Thread.sleep(20);
    }
    assertThat(alone.status().nodes()).singleElement().returns(alone.self(), node -> node.id());

    // One with its old data does not start.
    assertThatThrownBy(() -> start(1))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("This node was given up")
        .hasMessageContaining(alone.status().id());

    // A new one joins, with a token of the new cluster.
    Path removed = folder.resolve("removed");
    Files.move(data(1), removed);
    String token = alone.newToken(Duration.ofMinutes(5), false);
    Cluster joined = join(1, 2, token);
    assertThat(joined.store().get(DocumentPath.parse("items/b"), ReadOptions.STRONG)).isPresent();
    joined.store().write(put("items/c", "3"));
    assertThat(alone.status().nodes()).hasSize(2);

    assertThat(typed("yes\n", data(1)).failed(ExitCode.FAILED).err()).contains("already open");
  }

  @Test
  void oldNodesThatRunStopWhenTheyMeetTheNewCluster() throws Exception {
    // Two of the old nodes are a majority; they were only out of reach.
    open.get(2).close();
    typed("yes\n", data(2)).ok();
    Cluster first = open.get(0);
    Cluster second = open.get(1);
    first.store().write(put("items/split", "1"));
    Cluster alone = start(2);
    for (Cluster old : List.of(first, second)) {
      while (!String.valueOf(old.store().status().problem()).startsWith("This node was given up")) {
        Thread.sleep(20);
      }
      assertThatThrownBy(() -> old.store().write(put("items/split", "2")))
          .isInstanceOf(Unavailable.class)
          .hasMessageContaining("given up");
    }
    assertThat(alone.store().get(DocumentPath.parse("items/split"), ReadOptions.STRONG)).isEmpty();
    alone.store().write(put("items/b", "2"));
  }

  @Test
  void foldersWithoutAnythingToRecoverAreToldInOneLine() throws Exception {
    closeAll();
    Path alone = folder.resolve("alone");
    Files.createDirectories(alone);
    assertThat(typed("yes\n", alone).failed(ExitCode.FAILED).err())
        .contains("no node's data folder");
    assertThat(typed("yes\n", folder.resolve("none")).failed(ExitCode.FAILED).err())
        .contains("no node's data folder");
    start(3);
    closeAll();
    assertThat(typed("yes\n", data(3)).failed(ExitCode.FAILED).err())
        .contains("nothing to recover");
  }
}
