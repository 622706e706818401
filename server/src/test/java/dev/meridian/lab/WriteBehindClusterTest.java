package dev.meridian.lab;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

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
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** Counters written behind in a cluster of real processes, whose primary is killed meanwhile. */
@Timeout(300)
class WriteBehindClusterTest {
  private static final int CLIENTS = 12;
  private static final long STEP = 300;
  private static final Pattern NUMBER = Pattern.compile("\"n\":(\\d+)");

  @TempDir Path folder;

  private final HttpClient http = HttpClient.newHttpClient();
  private final AtomicLong acknowledged = new AtomicLong();

  /** Those acknowledged, and those of which nobody knows. */
  private final AtomicLong possible = new AtomicLong();

  private final AtomicBoolean over = new AtomicBoolean();

  private Path site() throws IOException {
    Path site = folder.resolve("site");
    Files.createDirectories(site);
    Files.writeString(
        site.resolve("site.yaml"),
        """
        name: Behind
        domains: [behind.test]
        rules: {read: "true", write: "true"}
        collections:
          visits: {cache: {policy: write-behind, age: 700 ms}}
        """);
    return site;
  }

  private HttpResponse<String> send(Lab.Node node, String method, String path, String body)
      throws Exception {
    return http.send(
        HttpRequest.newBuilder(URI.create(node.web() + path))
            .timeout(Duration.ofSeconds(30))
            .header(
                "Content-Type",
                method.equals("PATCH")
                    ? "application/vnd.meridian.increment+json"
                    : "application/json")
            .header("Meridian-Consistency", "strong")
            .method(
                method, body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(body))
            .build(),
        BodyHandlers.ofString());
  }

  /** One client: no key, no second try, so what is not answered may have been done or not. */
  private void count(Lab.Node node) {
    while (!over.get()) {
      possible.incrementAndGet();
      try {
        HttpResponse<String> answer = send(node, "PATCH", "/data/visits/hot", "{\"n\":1}");
        if (answer.statusCode() / 100 == 2) {
          acknowledged.incrementAndGet();
        } else if (answer.body().contains("not-done")) {
          possible.decrementAndGet();
        }
      } catch (Exception e) {
        // Its node is down.
        try {
          Thread.sleep(20);
        } catch (InterruptedException interrupted) {
          return;
        }
      }
    }
  }

  private void awaitAcknowledged(long number) throws InterruptedException {
    long until = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (acknowledged.get() < number) {
      assertThat(System.nanoTime()).as("writes go on").isLessThan(until);
      Thread.sleep(10);
    }
  }

  private static long number(String body) {
    Matcher matcher = NUMBER.matcher(body);
    assertThat(matcher.find()).as(body).isTrue();
    return Long.parseLong(matcher.group(1));
  }

  @Test
  void killingThePrimaryLosesNoAcknowledgedIncrement() throws Exception {
    try (Lab lab = new Lab(folder.resolve("lab"), site(), 190)) {
      lab.start(3);
      assertThat(send(lab.nodes().getFirst(), "PUT", "/data/visits/hot", "{\"n\":0}").statusCode())
          .isEqualTo(201);
      List<Thread> clients = new ArrayList<>();
      for (int i = 0; i < CLIENTS; i++) {
        Lab.Node node = lab.nodes().get(i % 3);
        clients.add(Thread.ofVirtual().start(() -> count(node)));
      }
      try {
        for (int round = 0; round < 3; round++) {
          awaitAcknowledged(acknowledged.get() + STEP);
          Lab.Node primary = requireNonNull(lab.primary());
          lab.kill(primary);
          awaitAcknowledged(acknowledged.get() + STEP);
          lab.restart(primary);
          lab.awaitReady(primary);
        }
      } finally {
        over.set(true);
        for (Thread client : clients) {
          client.join();
        }
      }
      Lab.Node first = lab.nodes().getFirst();
      long n = number(send(first, "GET", "/data/visits/hot", "").body());
      assertThat(n).isBetween(acknowledged.get(), possible.get());
      for (Lab.Node node : lab.nodes()) {
        assertThat(number(send(node, "GET", "/data/visits/hot", "").body())).isEqualTo(n);
        long until = System.nanoTime() + Duration.ofSeconds(60).toNanos();
        while (number(send(node, "GET", "/data/visits?limit=10", "").body()) != n) {
          assertThat(System.nanoTime()).as("it is flushed").isLessThan(until);
          Thread.sleep(20);
        }
      }
      JsonNode status = requireNonNull(lab.status(requireNonNull(lab.primary())));
      assertThat(status.at("/shards/0/pending/coalescing").asDouble(0)).isGreaterThan(1);
    }
  }
}
