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
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A primary that was stopped for longer than its lease, and goes on: another one has taken its
 * place, and it must not act as if it were primary for a moment.
 */
@Timeout(300)
class SplitBrainTest {
  private static final int ROUNDS = 5;
  private static final int READERS = 6;
  private static final int WRITERS = 3;

  /** Strong reads that the old primary must answer after it goes on, in each round. */
  private static final int ANSWERS = 200;

  /** Longer than a lease without answers, shorter than what a primary takes to step down. */
  private static final Duration LEASE_IS_OVER = Duration.ofMillis(450);

  @TempDir Path folder;

  private final HttpClient http =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .executor(Executors.newVirtualThreadPerTaskExecutor())
          .build();

  private Path site() throws IOException {
    Path site = folder.resolve("site");
    Files.createDirectories(site);
    Files.writeString(
        site.resolve("site.yaml"),
        """
        name: Split
        domains: [split.test]
        rules: {read: "true", write: "true"}
        """);
    return site;
  }

  private HttpResponse<String> put(Lab.Node node, String path, String body, boolean repeatable)
      throws IOException, InterruptedException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(node.web() + path))
            .timeout(Duration.ofSeconds(20))
            .header("Content-Type", "application/json")
            .PUT(BodyPublishers.ofString(body));
    if (repeatable) {
      request.header("Idempotency-Key", UUID.randomUUID().toString());
    }
    return http.send(request.build(), BodyHandlers.ofString());
  }

  private HttpResponse<String> read(Lab.Node node, String path)
      throws IOException, InterruptedException {
    return http.send(
        HttpRequest.newBuilder(URI.create(node.web() + path))
            .timeout(Duration.ofSeconds(20))
            .header("Meridian-Consistency", "strong")
            .build(),
        BodyHandlers.ofString());
  }

  @Test
  void primaryThatWasPausedServesNothingStaleAndTakesNoWriteThatIsLost() throws Exception {
    List<String> missing = new ArrayList<>();
    Equipment there = Equipment.whatThereIs(folder.resolve("lab"), missing::add);
    // Wrong clocks, where there are any; plain otherwise.
    Equipment equipment = new Equipment(false, false, there.clocks(), false);
    try (Lab lab = new Lab(folder.resolve("lab"), site(), 90, equipment)) {
      lab.start(3);
      if (there.clocks() != null) {
        lab.skewClock(lab.nodes().get(0), Duration.ofSeconds(35));
        lab.skewClock(lab.nodes().get(1), Duration.ofSeconds(-35));
      }
      Map<String, String> acknowledged = new ConcurrentHashMap<>();
      for (int round = 1; round <= ROUNDS; round++) {
        round(lab, round, acknowledged);
      }
      for (Map.Entry<String, String> write : acknowledged.entrySet()) {
        Lab.Node node = lab.nodes().get(Math.floorMod(write.getKey().hashCode(), 3));
        assertThat(read(node, write.getKey()).body())
            .as("%s, acknowledged, read from %s", write.getKey(), node)
            .isEqualTo(write.getValue());
      }
    }
  }

  /**
   * A strong read that the followers confirmed one by one, since the lease had run out, says
   * nothing about later ones: also where nothing was written in between.
   */
  @Test
  void primaryThatIsCutOffDoesNotRestOnReadsThatWereConfirmedEarlier() throws Exception {
    Assumptions.assumeTrue(Lab.tellsNodesApart());
    try (Lab lab =
        new Lab(folder.resolve("lab"), site(), 90, new Equipment(false, false, null, false))) {
      lab.start(3);
      int judged = 0;
      for (int round = 1; round <= ROUNDS; round++) {
        Lab.Node old = awaitPrimary(lab, null);
        String before = "\"before " + round + "\"";
        assertThat(put(old, "/data/value/now", before, true).statusCode()).isIn(200, 201, 204);
        List<Lab.Node> others = lab.nodes().stream().filter(node -> node != old).toList();
        for (Lab.Node node : others) {
          lab.pause(node);
        }
        Thread.sleep(LEASE_IS_OVER.toMillis());
        Thread reader = Thread.ofVirtual().start(() -> tried(() -> read(old, "/data/value/now")));
        Thread.sleep(20);
        for (Lab.Node node : others) {
          lab.resume(node);
        }
        reader.join();
        if (lab.primary() != old) {
          continue; // the machine was too slow; another round may do
        }
        lab.isolate(old);
        AtomicReference<String> newest = new AtomicReference<>(before);
        AtomicBoolean over = new AtomicBoolean();
        ConcurrentLinkedQueue<String> stale = new ConcurrentLinkedQueue<>();
        List<Thread> readers = new ArrayList<>();
        for (int i = 0; i < READERS; i++) {
          readers.add(
              Thread.ofVirtual()
                  .start(
                      () -> {
                        while (!over.get()) {
                          String atLeast = newest.get();
                          HttpResponse<String> answer = tried(() -> read(old, "/data/value/now"));
                          if (answer != null
                              && answer.statusCode() == 200
                              && atLeast.startsWith("\"after")
                              && !answer.body().equals(atLeast)) {
                            stale.add(answer.body());
                          }
                        }
                      }));
        }
        Lab.Node next = awaitPrimary(lab, old);
        String after = "\"after " + round + "\"";
        HttpResponse<String> written = put(next, "/data/value/now", after, true);
        assertThat(written.statusCode()).as(written.body()).isIn(200, 201, 204);
        newest.set(after);
        Thread.sleep(2000);
        over.set(true);
        lab.heal(old);
        for (Thread thread : readers) {
          thread.join();
        }
        assertThat(stale)
            .as("round %d: strong reads of %s, which was primary", round, old)
            .isEmpty();
        judged++;
        lab.awaitReady(old);
      }
      assertThat(judged).as("rounds that could be judged").isPositive();
    }
  }

  private void round(Lab lab, int round, Map<String, String> acknowledged) throws Exception {
    Lab.Node old = awaitPrimary(lab, null);
    assertThat(put(old, "/data/value/now", "\"before " + round + "\"", true).statusCode())
        .isIn(200, 201, 204);
    lab.pause(old);
    Lab.Node next = awaitPrimary(lab, old);
    String value = "\"after " + round + "\"";
    HttpResponse<String> written = put(next, "/data/value/now", value, true);
    assertThat(written.statusCode()).as(written.body()).isIn(200, 201, 204);

    // From here on nobody may see anything older. The first requests wait in the sockets of the
    // paused process, and are what it finds when it goes on.
    ConcurrentLinkedQueue<String> stale = new ConcurrentLinkedQueue<>();
    AtomicInteger answers = new AtomicInteger();
    List<Thread> clients = new ArrayList<>();
    for (int i = 0; i < READERS; i++) {
      clients.add(
          Thread.ofVirtual()
              .start(
                  () -> {
                    while (answers.get() < ANSWERS) {
                      HttpResponse<String> answer = tried(() -> read(old, "/data/value/now"));
                      if (answer != null && answer.statusCode() == 200) {
                        answers.incrementAndGet();
                        if (!answer.body().equals(value)) {
                          stale.add(answer.body());
                        }
                      }
                    }
                  }));
    }
    for (int i = 0; i < WRITERS; i++) {
      String path = "/data/writes/" + round + "-" + i + "-";
      clients.add(
          Thread.ofVirtual()
              .start(
                  () -> {
                    for (int n = 0; answers.get() < ANSWERS; n++) {
                      String at = path + n;
                      String body = Integer.toString(n);
                      HttpResponse<String> answer = tried(() -> put(old, at, body, false));
                      if (answer != null && answer.statusCode() / 100 == 2) {
                        acknowledged.put(at, body);
                      }
                    }
                  }));
    }
    lab.resume(old);
    for (Thread client : clients) {
      client.join();
    }
    assertThat(stale).as("round %d: strong reads of %s, which was primary", round, old).isEmpty();
    assertThat(answers.get()).isGreaterThanOrEqualTo(ANSWERS);
  }

  private interface Tried {
    HttpResponse<String> get() throws IOException, InterruptedException;
  }

  /** Null when there was no answer: that promises nothing. */
  private static @Nullable HttpResponse<String> tried(Tried call) {
    try {
      return call.get();
    } catch (IOException e) {
      return null;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return null;
    }
  }

  private static Lab.Node awaitPrimary(Lab lab, Lab.@Nullable Node not)
      throws InterruptedException {
    Lab.Node primary;
    do {
      Thread.sleep(20);
      primary = lab.primary();
    } while (primary == null || primary == not);
    return requireNonNull(primary);
  }
}
