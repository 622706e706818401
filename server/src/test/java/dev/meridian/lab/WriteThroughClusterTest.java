package dev.meridian.lab;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
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
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/**
 * A number that only grows, written through in a cluster of real processes. Whoever reads it
 * without a token, on whichever node, after a write of it was acknowledged, sees that or later, or
 * is told that it may be older.
 */
@Timeout(300)
class WriteThroughClusterTest {
  private static final Pattern NUMBER = Pattern.compile("\"?n\"?[:=] ?(\\d+)");

  /** As a document, in a list, and on a page that is kept. */
  private static final List<String> VIEWS = List.of("/data/live/hot", "/data/live?limit=10", "/");

  @TempDir Path folder;

  private final HttpClient http =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  private final AtomicLong next = new AtomicLong();
  private final AtomicLong acknowledged = new AtomicLong();
  private final AtomicLong reads = new AtomicLong();

  /** Answers that were marked, and older than what was acknowledged. */
  private final AtomicLong marked = new AtomicLong();

  private final ConcurrentLinkedQueue<String> stale = new ConcurrentLinkedQueue<>();
  private Lab lab;
  private Lab.Node primary;
  private Lab.Node writer;
  private Lab.Node other;

  @BeforeEach
  void start() throws Exception {
    Path site = folder.resolve("site");
    Files.createDirectories(site.resolve("pages"));
    Files.writeString(
        site.resolve("site.yaml"),
        """
        name: Through
        domains: [through.test]
        rules: {read: "true", write: "true"}
        collections:
          live: {cache: write-through}
        """);
    Files.writeString(
        site.resolve("pages/index.html"), "<p>n={{ document('live', 'hot').n }}</p>\n");
    lab = new Lab(folder.resolve("lab"), site, 220);
    lab.start(3);
    primary = requireNonNull(lab.primary());
    List<Lab.Node> others = lab.nodes().stream().filter(node -> node != primary).toList();
    writer = others.getFirst();
    other = others.getLast();
    put(writer);
  }

  @AfterEach
  void stop() throws IOException {
    lab.close();
  }

  private HttpRequest.Builder request(Lab.Node node, String path) {
    return HttpRequest.newBuilder(URI.create(node.web() + path)).timeout(Duration.ofSeconds(120));
  }

  /** Again and again, as another primary may just be elected on a busy machine; done once. */
  private void put(Lab.Node node, String path, long n) throws Exception {
    String key = UUID.randomUUID().toString();
    long until = System.nanoTime() + Duration.ofSeconds(90).toNanos();
    while (true) {
      HttpResponse<String> answer =
          http.send(
              request(node, path)
                  .header("Content-Type", "application/json")
                  .header("Idempotency-Key", '"' + key + '"')
                  .PUT(BodyPublishers.ofString("{\"n\":" + n + "}"))
                  .build(),
              BodyHandlers.ofString());
      if (answer.statusCode() / 100 == 2) {
        return;
      }
      assertThat(answer.statusCode()).as(answer.body()).isEqualTo(503);
      assertThat(System.nanoTime()).as(answer.body()).isLessThan(until);
    }
  }

  /** Writes the next number; for one thread at a time. */
  private long put(Lab.Node node) throws Exception {
    long n = next.incrementAndGet();
    put(node, "/data/live/hot", n);
    acknowledged.set(n);
    return n;
  }

  /** The number there; 0 if there is none. */
  private long get(Lab.Node node, String path) throws Exception {
    long until = System.nanoTime() + Duration.ofSeconds(90).toNanos();
    while (true) {
      HttpResponse<String> answer = http.send(request(node, path).build(), BodyHandlers.ofString());
      // What says that it may be old is no answer here.
      if (answer.statusCode() != 503 && !isMarked(answer)) {
        return number(answer);
      }
      assertThat(System.nanoTime()).as(answer.body()).isLessThan(until);
    }
  }

  private static boolean isMarked(HttpResponse<String> answer) {
    return answer.headers().firstValue("Meridian-Stale").isPresent();
  }

  /** The number in an answer; 0 if there is none. */
  private static long number(HttpResponse<String> answer) {
    if (answer.statusCode() == 404) {
      return 0;
    }
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    Matcher matcher = NUMBER.matcher(answer.body());
    return matcher.find() ? Long.parseLong(matcher.group(1)) : 0;
  }

  /** Judges an answer to who asked when so much was acknowledged. */
  private void judge(Lab.Node node, String path, long before, HttpResponse<String> answer) {
    if (answer.statusCode() / 100 == 5) {
      return; // there is no primary for a moment
    }
    long n = number(answer);
    reads.incrementAndGet();
    if (n < before) {
      if (isMarked(answer)) {
        marked.incrementAndGet();
      } else {
        stale.add(node + " " + path + ": " + n + " after " + before);
      }
    }
  }

  private void read(Lab.Node node, String path, String consistency) throws Exception {
    long before = acknowledged.get();
    HttpRequest.Builder request = request(node, path);
    if (path.startsWith("/data")) {
      request.header("Meridian-Consistency", consistency);
    }
    judge(node, path, before, http.send(request.build(), BodyHandlers.ofString()));
  }

  private CompletableFuture<?> readLater(Lab.Node node, String path) {
    long before = acknowledged.get();
    return http.sendAsync(request(node, path).build(), BodyHandlers.ofString())
        .handle(
            (answer, failed) -> {
              // A connection that broke, or a time that was over, while the node was stopped.
              if (failed == null) {
                judge(node, path, before, answer);
              }
              return failed == null;
            });
  }

  private static boolean isBefore(long untilNanos) {
    return System.nanoTime() - untilNanos < 0;
  }

  private static long in(Duration time) {
    return System.nanoTime() + time.toNanos();
  }

  private JsonNode cache(Lab.Node node) throws InterruptedException {
    long until = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (true) {
      JsonNode status = lab.status(node);
      if (status != null) {
        return status.path("cache");
      }
      assertThat(System.nanoTime()).as("%s tells its status", node).isLessThan(until);
      Thread.sleep(20);
    }
  }

  @Test
  void whatIsAcknowledgedIsSeenOnEveryNode() throws Exception {
    // Where nobody has read it, it is in memory all the same; but for a moment, what a node has may
    // not be known to be the newest.
    for (Lab.Node node : lab.nodes()) {
      long until = in(Duration.ofSeconds(60));
      long misses = 10;
      for (int round = 0; misses > 4; round++) {
        assertThat(isBefore(until)).as("%s has what is new in memory", node).isTrue();
        String name = "/data/live/new-" + lab.nodes().indexOf(node) + "-" + round + "-";
        for (int i = 1; i <= 10; i++) {
          put(writer, name + i, i);
        }
        long before = cache(node).path("misses").asLong(-1);
        for (int i = 1; i <= 10; i++) {
          assertThat(get(node, name + i)).isEqualTo(i);
        }
        misses = cache(node).path("misses").asLong(-1) - before;
      }
    }

    AtomicBoolean over = new AtomicBoolean();
    ConcurrentLinkedQueue<Throwable> failed = new ConcurrentLinkedQueue<>();
    List<Thread> readers = new ArrayList<>();
    for (Lab.Node node : lab.nodes()) {
      readers.add(
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      for (int i = 0; !over.get(); i++) {
                        read(node, VIEWS.get(i % 3), i % 2 == 0 ? "session" : "eventual");
                      }
                    } catch (Throwable e) {
                      failed.add(e);
                    }
                  }));
    }
    long enough = in(Duration.ofSeconds(30));
    for (int i = 0; isBefore(enough) && (i < 60 || reads.get() < 1_000); i++) {
      put(lab.nodes().get(i % 3));
    }
    over.set(true);
    for (Thread reader : readers) {
      reader.join();
    }
    assertThat(failed).isEmpty();
    enough = in(Duration.ofSeconds(30));
    for (int i = 0; i < 100 && isBefore(enough); i++) {
      put(writer);
      read(primary, VIEWS.get(i % 3), "session");
      read(other, VIEWS.get((i + 1) % 3), i % 2 == 0 ? "session" : "eventual");
    }
    assertThat(stale).isEmpty();
    assertThat(reads).hasPositiveValue();
    for (Lab.Node node : lab.nodes()) {
      long until = in(Duration.ofSeconds(60));
      while (cache(node).path("pages").path("hits").asLong(0) == 0) {
        assertThat(isBefore(until)).as("%s keeps the page", node).isTrue();
        read(node, "/", "session");
      }
      assertThat(cache(node).at("/collections/live").asString("")).isEqualTo("write-through");
    }
  }

  @Test
  void aNodeThatIsStoppedKilledOrCutOffShowsNothingOlderUnmarked() throws Exception {
    for (String view : VIEWS) {
      read(other, view, "session");
    }
    lab.pause(other);
    List<CompletableFuture<?>> pending = new ArrayList<>();
    long enough = in(Duration.ofSeconds(20));
    for (int i = 0; i < 30 && isBefore(enough); i++) {
      put(writer);
      // They wait in the stopped node's sockets.
      pending.add(readLater(other, VIEWS.get(i % 3)));
    }
    assertThat(cache(writer).at("/through/unheard").asLong(0)).isPositive();
    lab.resume(other);
    for (int i = 0; i < 40; i++) {
      read(other, VIEWS.get(i % 3), i % 2 == 0 ? "session" : "eventual");
      put(writer);
    }
    for (CompletableFuture<?> one : pending) {
      one.join();
    }
    assertThat(stale).isEmpty();

    lab.kill(other);
    for (int i = 0; i < 10; i++) {
      put(writer);
    }
    lab.restart(other);
    lab.awaitReady(other);
    for (int i = 0; i < 25; i++) {
      put(writer);
      read(other, VIEWS.get(i % 3), i % 2 == 0 ? "session" : "eventual");
    }
    assertThat(stale).isEmpty();

    assumeTrue(Lab.tellsNodesApart());
    marked.set(0);
    lab.isolate(other);
    long until = in(Duration.ofSeconds(120));
    for (int i = 0; marked.get() == 0; i++) {
      assertThat(isBefore(until)).as("it says that it may be old").isTrue();
      put(writer);
      read(other, VIEWS.get(i % 3), i % 2 == 0 ? "session" : "eventual");
    }
    lab.heal(other);
    for (int i = 0; i < 40; i++) {
      put(writer);
      read(other, VIEWS.get(i % 3), i % 2 == 0 ? "session" : "eventual");
    }
    assertThat(stale).isEmpty();
  }
}
