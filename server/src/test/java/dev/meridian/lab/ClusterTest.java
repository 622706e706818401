package dev.meridian.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.torture.TortureReport;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A cluster of real processes: it forms, goes on without its primary, and keeps its promises. */
@Timeout(300)
class ClusterTest {
  private static final long SEED =
      Long.getLong("seed", ThreadLocalRandom.current().nextLong(1, 1_000_000));

  @TempDir Path folder;

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
      lab.kill(java.util.Objects.requireNonNull(primary));
      for (Lab.Node node : lab.nodes()) {
        if (node != primary) {
          assertThat(send(node, "PUT", "/data/t/after" + node.number(), "2").statusCode())
              .isEqualTo(201);
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
  void promisesHoldWhileNodesAreKilledPausedAndCutOff() throws Exception {
    try (Lab lab = new Lab(folder.resolve("lab"), site(), 70)) {
      lab.start(3);
      TortureReport report =
          new Torture(lab, SEED, line -> {})
              .run(Duration.ofSeconds(40), 200, folder.resolve("history.ndjson"));
      assertThat(report.accepted()).as("-Dseed=%d%n%s", SEED, report.text()).isTrue();
      // A history of nothing would be accepted, too.
      assertThat(report.history()).hasSizeGreaterThan(500);
    }
  }
}
