package dev.meridian.lab;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

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
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
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

  /** What it would write as a primary could not be undone. */
  @Test
  void nodeWhoseClockIsFarFromTheOthersDoesNotStart() throws Exception {
    List<String> missing = new ArrayList<>();
    Equipment there = Equipment.whatThereIs(folder.resolve("lab"), missing::add);
    assumeTrue(there.clocks() != null, () -> String.join(", ", missing));
    Equipment equipment = new Equipment(false, false, there.clocks(), false);
    try (Lab lab = new Lab(folder.resolve("lab"), site(), 90, equipment)) {
      lab.start(3);
      Lab.Node wrong = lab.nodes().getLast();
      lab.stop(wrong);
      lab.skewClock(wrong, Duration.ofDays(2));
      lab.restart(wrong);
      assertThatThrownBy(() -> lab.awaitReady(wrong)).hasMessageContaining("ended at its start");
      assertThat(wrong.log())
          .content()
          .containsPattern("The clock of this machine is 17[23]\\d{3} s ahead of that of")
          .contains("--accept-clock");
      assertThat(put(lab.nodes().getFirst(), "/data/t/1", "1", true).statusCode()).isEqualTo(201);
      lab.kill(wrong);
      lab.skewClock(wrong, Duration.ofSeconds(40));
      lab.restart(wrong);
      lab.awaitReady(wrong);
    }
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
