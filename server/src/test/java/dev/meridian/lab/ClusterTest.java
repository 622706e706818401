package dev.meridian.lab;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.torture.CachePolicy;
import dev.meridian.torture.TortureReport;
import dev.meridian.torture.TortureSite;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** A cluster of real processes: it forms, goes on without its primary, and keeps its promises. */
@Timeout(300)
class ClusterTest {
  private static final long SEED =
      Long.getLong("seed", ThreadLocalRandom.current().nextLong(1, 1_000_000));

  /** Kept when a promise was broken, with the nodes' logs. */
  @TempDir(cleanup = CleanupMode.ON_SUCCESS)
  Path folder;

  private final HttpClient http = HttpClient.newHttpClient();

  private Path site() throws Exception {
    Path site = folder.resolve("site");
    Files.createDirectories(site.resolve("public"));
    Files.writeString(site.resolve("public/hello.txt"), "hello");
    Files.writeString(
        site.resolve("site.yaml"),
        """
        name: Cluster
        domains: [cluster.test]
        rules: {read: "true", write: "true"}
        """);
    return site;
  }

  private HttpResponse<String> send(Lab.Node node, String method, String path, String body)
      throws Exception {
    return http.send(
        HttpRequest.newBuilder(URI.create(node.web() + path))
            .timeout(Duration.ofSeconds(30))
            .header("Content-Type", "application/json")
            // With it a write whose connection breaks is repeated, and done once.
            .header("Idempotency-Key", UUID.randomUUID().toString())
            .method(
                method, body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(body))
            .build(),
        BodyHandlers.ofString());
  }

  @Test
  void nodesJoinServeTheSiteAndOutliveTheirPrimary() throws Exception {
    Path site = site();
    try (Lab lab = new Lab(folder.resolve("lab"), site, 60)) {
      lab.start(3);
      for (Lab.Node node : lab.nodes()) {
        assertThat(send(node, "PUT", "/data/t/" + node.number(), "1").statusCode()).isEqualTo(201);
        assertThat(send(node, "GET", "/hello.txt", "").body()).isEqualTo("hello");
        // Libraries that log in the JDK's own way do not write past the levels and the form.
        assertThat(node.log()).content().doesNotContain("INFO:");
      }
      // An edit on the node whose site it is reaches all.
      Files.writeString(site.resolve("public/hello.txt"), "hello again");
      for (Lab.Node node : lab.nodes()) {
        while (!send(node, "GET", "/hello.txt", "").body().equals("hello again")) {
          Thread.sleep(50);
        }
      }
      Lab.Node primary = lab.primary();
      assertThat(primary).isNotNull();
      lab.kill(requireNonNull(primary));
      for (Lab.Node node : lab.nodes()) {
        if (node != primary) {
          HttpResponse<String> put = send(node, "PUT", "/data/t/after" + node.number(), "2");
          assertThat(put.statusCode()).as(put.body()).isEqualTo(201);
          for (Lab.Node other : lab.nodes()) {
            assertThat(send(node, "GET", "/data/t/" + other.number(), "").body()).isEqualTo("1");
          }
        }
      }
      lab.restart(primary);
      lab.awaitReady(primary);
      assertThat(send(primary, "GET", "/data/t?limit=10", "").body()).contains("after");
    }
  }

  @Test
  void spareServesAndTakesThePlaceOfANodeThatIsGoneForGood() throws Exception {
    try (Lab lab = new Lab(folder.resolve("lab"), site(), 80)) {
      lab.start(3);
      Lab.Node first = lab.nodes().getFirst();
      assertThat(send(first, "PUT", "/data/t/1", "1").statusCode()).isEqualTo(201);
      Lab.Node spare = lab.add();
      lab.awaitReady(spare);
      assertThat(ids(lab, spare).values()).containsOnlyOnce("spare").hasSize(4);
      assertThat(send(spare, "GET", "/hello.txt", "").body()).isEqualTo("hello");
      assertThat(send(spare, "PUT", "/data/t/2", "2").statusCode()).isEqualTo(201);
      assertThat(send(spare, "GET", "/data/t/2", "").body()).isEqualTo("2");
      Lab.Node gone = lab.nodes().get(1);
      String id = requireNonNull(lab.status(gone)).path("cluster").path("node").asString();
      lab.kill(gone);
      lab.leave(first, id, true);
      while (ids(lab, first).containsKey(id)) {
        Thread.sleep(100);
      }
      assertThat(ids(lab, first).values()).containsOnly("primary", "replica").hasSize(3);
      assertThat(send(spare, "GET", "/data/t/1", "").body()).isEqualTo("1");
      // Should it come back, it is told, and ends rather than serve what is of the past.
      lab.restart(gone);
      assertThat(lab.awaitEnd(gone, Duration.ofSeconds(60))).isEqualTo(1);
      assertThat(Files.readString(gone.log())).contains("was removed from the cluster");
    }
  }

  @Test
  void nodeThatLeavesEndsAndANodeThatIsSilentForTooLongIsReplaced() throws Exception {
    try (Lab lab = new Lab(folder.resolve("lab"), site(), 160)) {
      // No less: a node that waits for a processor must not count as silent.
      lab.upWith("--replace-after", "10 s");
      lab.start(4);
      Lab.Node first = lab.nodes().getFirst();
      Lab.Node leaving = lab.nodes().get(1);
      lab.leave(leaving, "self", false);
      assertThat(lab.awaitEnd(leaving, Duration.ofSeconds(60))).isEqualTo(1);
      assertThat(Files.readString(leaving.log())).contains("was removed from the cluster");
      awaitRoles(lab, first);
      Lab.Node spare = lab.add();
      lab.awaitReady(spare);
      Lab.Node silent = lab.nodes().get(2);
      lab.pause(silent);
      awaitRoles(lab, first);
      assertThat(send(spare, "PUT", "/data/t/1", "1").statusCode()).isEqualTo(201);
      lab.resume(silent);
      assertThat(lab.awaitEnd(silent, Duration.ofSeconds(60))).isEqualTo(1);
    }
  }

  private static void awaitRoles(Lab lab, Lab.Node at) throws Exception {
    long until = System.nanoTime() + Duration.ofSeconds(120).toNanos();
    while (!roles(lab, at).equals(List.of("primary", "replica", "replica"))) {
      assertThat(System.nanoTime() - until)
          .as(() -> "the members stay " + members(lab, at))
          .isNegative();
      Thread.sleep(100);
    }
  }

  private static String members(Lab lab, Lab.Node at) {
    try {
      return String.valueOf(lab.status(at));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return "unknown";
    }
  }

  private static List<String> roles(Lab lab, Lab.Node at) throws Exception {
    return ids(lab, at).values().stream().sorted().toList();
  }

  @Test
  void lastNodeGoesOnAndGrowsAgainWhenTheMajorityIsLostForGood() throws Exception {
    try (Lab lab = new Lab(folder.resolve("lab"), site(), 170)) {
      lab.start(3);
      Lab.Node first = lab.nodes().getFirst();
      Lab.Node last = lab.nodes().getLast();
      for (int i = 0; i < 60; i++) {
        assertThat(send(lab.nodes().get(i % 3), "PUT", "/data/t/" + i, "" + i).statusCode())
            .isEqualTo(201);
      }
      // What only the others have is lost with them; so the last node has it, too.
      while (!send(last, "GET", "/data/t/59", "").body().equals("59")) {
        Thread.sleep(50);
      }
      Map<String, String> before = ids(lab, last);
      assertThatThrownBy(() -> lab.recover(last))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("in use by process");
      lab.kill(first);
      lab.kill(lab.nodes().get(1));
      lab.kill(last);

      assertThat(lab.recover(last)).contains(before.keySet()).contains("must never be started");
      lab.restart(last);
      lab.awaitReady(last);
      for (int i = 0; i < 60; i++) {
        assertThat(send(last, "GET", "/data/t/" + i, "").body()).isEqualTo("" + i);
      }
      assertThat(send(last, "PUT", "/data/t/new", "1").statusCode()).isEqualTo(201);
      assertThat(send(last, "GET", "/hello.txt", "").body()).isEqualTo("hello");

      // One of the lost ones with its old data ends, and says so on both sides.
      lab.restart(first);
      while (lab.isRunning(first)) {
        Thread.sleep(50);
      }
      assertThat(Files.readString(first.log())).contains("This node was given up");
      assertThat(Files.readString(last.log())).contains("A node was refused");
      assertThat(ids(lab, last))
          .hasSize(1)
          .doesNotContainKeys(before.keySet().toArray(String[]::new));
      assertThat(send(last, "PUT", "/data/t/new", "2").statusCode()).isEqualTo(204);

      Lab.Node joined = lab.add();
      lab.awaitReady(joined);
      assertThat(send(joined, "GET", "/data/t/new", "").body()).isEqualTo("2");
      assertThat(send(joined, "PUT", "/data/t/newer", "3").statusCode()).isEqualTo(201);
      // The site is edited where the cluster began anew.
      Files.writeString(folder.resolve("lab/node3/site/public/hello.txt"), "hello again");
      while (!send(joined, "GET", "/hello.txt", "").body().equals("hello again")) {
        Thread.sleep(50);
      }
    }
  }

  /** Each node's role, by its id, as one node sees it. */
  private static Map<String, String> ids(Lab lab, Lab.Node at) throws Exception {
    Map<String, String> roles = new TreeMap<>();
    JsonNode status;
    while ((status = lab.status(at)) == null) {
      Thread.sleep(100);
    }
    for (JsonNode node : status.path("cluster").path("nodes")) {
      roles.put(node.path("id").asString(), node.path("role").asString());
    }
    return roles;
  }

  @Test
  void promisesHoldWhileNodesAreKilledPausedAndCutOff() throws Exception {
    Path site = folder.resolve("torture");
    TortureSite.write(site, CachePolicy.ALL);
    try (Lab lab = new Lab(folder.resolve("lab"), site, 70)) {
      lab.start(3);
      TortureReport report =
          new Torture(lab, SEED, CachePolicy.ALL, null, line -> {})
              .run(Duration.ofSeconds(40), 200, folder.resolve("history.ndjson"));
      assertThat(report.accepted()).as("-Dseed=%d%n%s", SEED, report.text()).isTrue();
      // A history of nothing would be accepted, too.
      assertThat(report.history()).hasSizeGreaterThan(500);
    }
  }
}
