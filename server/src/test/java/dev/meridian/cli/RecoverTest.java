package dev.meridian.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.document.DocumentPath;
import dev.meridian.shard.Cluster;
import dev.meridian.shard.Clusters;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.StoreException.Unavailable;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The command that gives a lost majority up: what it says, what it asks, and what comes of it. */
@Timeout(300)
class RecoverTest {
  @TempDir Path folder;

  private Clusters clusters;

  @BeforeEach
  void three() throws Exception {
    clusters = new Clusters(folder, 4);
    Cluster first = clusters.start(0);
    String token = first.newToken(Duration.ofMinutes(5), true);
    clusters.join(1, 0, token);
    clusters.join(2, 0, token);
    while (first.status().members().replicas().size() < 3) {
      Thread.sleep(20);
    }
    first.store().write(Clusters.put("items/a", "1"));
    for (Cluster cluster : clusters.open()) {
      assertThat(cluster.store().get(DocumentPath.parse("items/a"), ReadOptions.STRONG))
          .isPresent();
    }
  }

  @AfterEach
  void stop() {
    clusters.close();
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
    String lost = clusters.open().get(1).self();
    String self = clusters.open().get(2).self();
    Ran running =
        Ran.run(
            "", "recover", "--from-this-replica", "--yes", "--data", clusters.data(2).toString());
    assertThat(running.failed(ExitCode.FAILED).err()).contains("already open");
    clusters.closeAll();

    Ran asked = typed("no\n", clusters.data(2)).failed(ExitCode.FAILED);
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
            "127.0.0.1:" + clusters.address(1).getPort(),
            "must never be started again")
        .doesNotContain("is now");
    typed("", clusters.data(2)).failed(ExitCode.FAILED);
    typed("y\n", clusters.data(2)).failed(ExitCode.FAILED);
    Ran unasked =
        Ran.run("yes\n", "recover", "--from-this-replica", "--data", clusters.data(2).toString());
    assertThat(unasked.failed(ExitCode.USAGE).err()).contains("--yes");
    Ran.run("", "recover", "--yes", "--data", clusters.data(2).toString()).failed(ExitCode.USAGE);

    // It is still the node that it was.
    for (int i = 0; i < 3; i++) {
      int number = i;
      Thread.ofVirtual().start(() -> restart(number));
    }
    awaitOpen(3);
    assertThat(clusters.open().stream().map(Cluster::self)).contains(self, lost);
    clusters.open().getLast().store().write(Clusters.put("items/b", "2"));
  }

  private void restart(int number) {
    try {
      Cluster cluster = clusters.start(number);
      assertThat(cluster).isNotNull();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private void awaitOpen(int number) throws InterruptedException {
    while (clusters.open().size() < number) {
      Thread.sleep(20);
    }
  }

  @Test
  void nodeBeginsANewClusterAndOldOnesStopWhenTheyMeetIt() throws Exception {
    clusters.closeAll();
    assertThat(typed("yes\n", clusters.data(2)).ok().out()).contains("the only node of cluster");
    Cluster alone = clusters.start(2);
    assertThat(alone.store().get(DocumentPath.parse("items/a"), ReadOptions.STRONG)).isPresent();
    alone.store().write(Clusters.put("items/b", "2"));
    while (alone.status().nodes().isEmpty()) {
      Thread.sleep(20);
    }
    assertThat(alone.status().nodes()).singleElement().returns(alone.self(), node -> node.id());

    // One with its old data does not start.
    assertThatThrownBy(() -> clusters.start(1))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("This node was given up")
        .hasMessageContaining(alone.status().id());

    // A new one joins, with a token of the new cluster.
    Path removed = folder.resolve("removed");
    Files.move(clusters.data(1), removed);
    String token = alone.newToken(Duration.ofMinutes(5), false);
    Cluster joined = clusters.join(1, 2, token);
    assertThat(joined.store().get(DocumentPath.parse("items/b"), ReadOptions.STRONG)).isPresent();
    joined.store().write(Clusters.put("items/c", "3"));
    assertThat(alone.status().nodes()).hasSize(2);

    assertThat(typed("yes\n", clusters.data(1)).failed(ExitCode.FAILED).err())
        .contains("already open");
  }

  @Test
  void oldNodesThatRunStopWhenTheyMeetTheNewCluster() throws Exception {
    // Two of the old nodes are a majority; they were only out of reach.
    clusters.open().get(2).close();
    typed("yes\n", clusters.data(2)).ok();
    Cluster first = clusters.open().get(0);
    Cluster second = clusters.open().get(1);
    first.store().write(Clusters.put("items/split", "1"));
    Cluster alone = clusters.start(2);
    for (Cluster old : List.of(first, second)) {
      while (!String.valueOf(old.store().status().problem()).startsWith("This node was given up")) {
        Thread.sleep(20);
      }
      assertThatThrownBy(() -> old.store().write(Clusters.put("items/split", "2")))
          .isInstanceOf(Unavailable.class)
          .hasMessageContaining("given up");
    }
    assertThat(alone.store().get(DocumentPath.parse("items/split"), ReadOptions.STRONG)).isEmpty();
    alone.store().write(Clusters.put("items/b", "2"));
  }

  @Test
  void foldersWithoutAnythingToRecoverAreToldInOneLine() throws Exception {
    clusters.closeAll();
    Path alone = folder.resolve("alone");
    Files.createDirectories(alone);
    assertThat(typed("yes\n", alone).failed(ExitCode.FAILED).err())
        .contains("no node's data folder");
    assertThat(typed("yes\n", folder.resolve("none")).failed(ExitCode.FAILED).err())
        .contains("no node's data folder");
    clusters.start(3);
    clusters.closeAll();
    assertThat(typed("yes\n", clusters.data(3)).failed(ExitCode.FAILED).err())
        .contains("nothing to recover");
  }
}
