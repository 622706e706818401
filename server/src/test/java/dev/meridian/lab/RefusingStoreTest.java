package dev.meridian.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.function.LongSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/**
 * A collection that is written behind, by clients at full pace, while its store refuses everything:
 * for a moment, or for as long as {@code -Dmeridian.refuse.seconds=600} says. What the node answers
 * is clear and in time, what it keeps is bounded, and afterwards everything that was acknowledged
 * is there.
 */
@Timeout(3600)
class RefusingStoreTest {
  private static final int SECONDS = Integer.getInteger("meridian.refuse.seconds", 2);

  private static final int CLIENTS = 32;
  private static final int COUNTERS = 8;
  private static final long STEP = 400;
  private static final long WARM = 5 * STEP;

  /** Of the collection, and how much more may live on the heap of a node under load. */
  private static final long PENDING_BYTES = 1 << 20;

  private static final long HEAP_BYTES = 64 << 20;

  private static final Pattern NUMBER = Pattern.compile("\"n\":(\\d+)");
  private static final Pattern TOTAL = Pattern.compile("(?m)^Total +\\d+ +(\\d+)");

  @TempDir Path folder;

  private final AtomicLongArray acknowledged = new AtomicLongArray(COUNTERS);

  /** Those acknowledged, and those of which nobody knows. */
  private final AtomicLongArray possible = new AtomicLongArray(COUNTERS);

  private final AtomicLong refused = new AtomicLong();
  private final AtomicLong longestNanos = new AtomicLong();

  /** Refusals by their outcome and the beginning of what they say. */
  private final ConcurrentSkipListMap<String, AtomicLong> said = new ConcurrentSkipListMap<>();

  /** Answers that should not have come. */
  private final Queue<String> wrong = new ConcurrentLinkedQueue<>();

  private final AtomicBoolean over = new AtomicBoolean();
  private final List<Thread> clients = new ArrayList<>();

  private Path site() throws IOException {
    Path site = folder.resolve("site");
    Files.createDirectories(site);
    Files.writeString(
        site.resolve("site.yaml"),
        """
        name: Refusing
        domains: [refusing.test]
        rules: {read: "true", write: "true"}
        collections:
          visits: {cache: {policy: write-behind, age: 700 ms, bytes: 1 MiB}}
        """);
    return site;
  }

  private static PlainClient client(Lab.Node node) {
    return new PlainClient(new InetSocketAddress(node.web().getHost(), node.web().getPort()));
  }

  /** One client at full pace on a connection of its own: no key, no second try. */
  private void count(Lab.Node node, int number) {
    try (PlainClient client = client(node)) {
      for (int i = number; !over.get(); i++) {
        int counter = i % COUNTERS;
        possible.incrementAndGet(counter);
        long since = System.nanoTime();
        try {
          PlainClient.Answer answer =
              client.send(
                  "PATCH",
                  "/data/visits/" + counter,
                  "application/vnd.meridian.increment+json",
                  "{\"n\":1}");
          longestNanos.accumulateAndGet(System.nanoTime() - since, Math::max);
          if (answer.status() / 100 == 2) {
            acknowledged.incrementAndGet(counter);
          } else {
            refused(answer, counter);
          }
        } catch (IOException e) {
          // Also when there is no answer long after the time that a request has is over.
          note(
              e
                  + " after "
                  + (System.nanoTime() - since) / 1_000_000
                  + " ms and "
                  + refused.get()
                  + " refusals");
        }
      }
    }
  }

  private void refused(PlainClient.Answer answer, int counter) {
    String body = answer.body();
    boolean notDone = body.contains("\"outcome\":\"not-done\"");
    if (notDone) {
      possible.decrementAndGet(counter);
    }
    boolean clear =
        (answer.status() == 503 || answer.status() == 507)
            && answer.head().contains("content-type: application/problem+json")
            && answer.head().contains("retry-after: ")
            && body.contains("\"detail\":")
            && (notDone || body.contains("\"outcome\":\"unknown\""));
    if (!clear) {
      note(answer.toString());
    }
    int at = body.indexOf("\"detail\":\"") + 10;
    String detail = body.substring(at, Math.min(body.length(), at + 60)).replaceAll("[0-9]+", "N");
    String kind = (notDone ? "not-done: " : "unknown: ") + detail;
    if (said.size() < 50 || said.containsKey(kind)) {
      said.computeIfAbsent(kind, _ -> new AtomicLong()).incrementAndGet();
    }
    refused.incrementAndGet();
  }

  private void note(String what) {
    if (wrong.size() < 10) {
      wrong.add(what);
    }
  }

  private long allAcknowledged() {
    long sum = 0;
    for (int i = 0; i < COUNTERS; i++) {
      sum += acknowledged.get(i);
    }
    return sum;
  }

  private void awaitMore(String what, LongSupplier number, long more) throws InterruptedException {
    long wanted = number.getAsLong() + more;
    long until = System.nanoTime() + Duration.ofSeconds(90).toNanos();
    while (number.getAsLong() < wanted) {
      assertThat(System.nanoTime())
          .as("%s; wrong: %s; said: %s", what, wrong, said)
          .isLessThan(until);
      Thread.sleep(10);
    }
  }

  /** What lives on a node's heap. */
  private static long liveBytes(Lab.Node node) throws IOException, InterruptedException {
    Process jcmd =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(),
                Long.toString(node.pid()),
                "GC.class_histogram")
            .redirectErrorStream(true)
            .start();
    String text = new String(jcmd.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    jcmd.waitFor();
    Matcher total = TOTAL.matcher(text);
    assertThat(total.find()).as(text).isTrue();
    return Long.parseLong(total.group(1));
  }

  private interface Asked<T> {
    @Nullable T ask() throws InterruptedException;
  }

  /** What is known at last: a node that is busy, or new, may not say it at once. */
  private static <T> T atLast(String what, Asked<T> asked) throws InterruptedException {
    long until = System.nanoTime() + Duration.ofSeconds(90).toNanos();
    while (true) {
      T known = asked.ask();
      if (known != null) {
        return known;
      }
      assertThat(System.nanoTime()).as(what).isLessThan(until);
      Thread.sleep(20);
    }
  }

  private static long pending(Lab lab, Lab.Node node) throws InterruptedException {
    JsonNode status = atLast("the node tells how it is", () -> lab.status(node));
    return status.at("/shards/0/pending/bytes").asLong(-1);
  }

  private interface Fault {
    void act() throws IOException, InterruptedException;
  }

  /** Writes, breaks the store for a while, mends it, and looks what came of it. */
  private void refuse(Lab lab, Lab.Node node, Fault breaks, Fault mends) throws Exception {
    try (PlainClient client = client(node)) {
      for (int i = 0; i < COUNTERS; i++) {
        assertThat(client.send("PUT", "/data/visits/" + i, "{\"n\":0}").status()).isEqualTo(201);
      }
    }
    long before;
    long during;
    long recovered;
    try {
      for (int i = 0; i < CLIENTS; i++) {
        int client = i;
        clients.add(Thread.ofVirtual().start(() -> count(node, client)));
      }
      // What a node needs once, it has then.
      awaitMore("writes are taken", this::allAcknowledged, WARM);
      before = liveBytes(node);
      breaks.act();
      try {
        awaitMore("writes are refused", refused::get, CLIENTS);
        Thread.sleep(Duration.ofSeconds(SECONDS));
        assertThat(pending(lab, node)).isBetween(0L, PENDING_BYTES);
        during = liveBytes(node);
      } finally {
        mends.act();
      }
      long mended = System.nanoTime();
      awaitMore("writes are taken again", this::allAcknowledged, STEP);
      recovered = System.nanoTime() - mended;
    } finally {
      over.set(true);
      for (Thread client : clients) {
        // What it asks last is answered, or given up, well before.
        if (!client.join(Duration.ofSeconds(100))) {
          note("a client goes on");
        }
      }
    }
    assertThat(wrong).as(tail(node)).isEmpty();
    assertThat(during).as("live bytes; %s before", before).isLessThan(before + HEAP_BYTES);
    try (PlainClient client = client(node)) {
      for (int i = 0; i < COUNTERS; i++) {
        long n = number(client.send("GET", "/data/visits/" + i, "").body());
        assertThat(n).as("counter %s", i).isBetween(acknowledged.get(i), possible.get(i));
      }
    }
    awaitFlushed(lab);
    System.out.printf(
        "refused for %d s: %d acknowledged, %d refused, %d of unknown outcome, longest answer %d ms,"
            + " live heap %d KiB before and %d KiB at the end, taken again after %d ms%n%s%n",
        SECONDS,
        allAcknowledged(),
        refused.get(),
        sum(possible) - allAcknowledged(),
        longestNanos.get() / 1_000_000,
        before >> 10,
        during >> 10,
        recovered / 1_000_000,
        said);
  }

  private static String tail(Lab.Node node) throws IOException {
    List<String> lines = Files.readAllLines(node.log());
    return String.join("\n", lines.subList(Math.max(0, lines.size() - 40), lines.size()));
  }

  private static long sum(AtomicLongArray numbers) {
    long sum = 0;
    for (int i = 0; i < numbers.length(); i++) {
      sum += numbers.get(i);
    }
    return sum;
  }

  private static long number(String body) {
    Matcher matcher = NUMBER.matcher(body);
    assertThat(matcher.find()).as(body).isTrue();
    return Long.parseLong(matcher.group(1));
  }

  /** By itself, on all nodes. */
  private static void awaitFlushed(Lab lab) throws InterruptedException {
    long until = System.nanoTime() + Duration.ofSeconds(90).toNanos();
    for (Lab.Node node : lab.nodes()) {
      while (pending(lab, node) != 0) {
        assertThat(System.nanoTime()).as("it is flushed on %s", node).isLessThan(until);
        Thread.sleep(20);
      }
    }
  }

  @Test
  void whileTheMajorityIsGone() throws Exception {
    try (Lab lab = new Lab(folder.resolve("lab"), site(), 210)) {
      lab.start(3);
      Lab.Node primary = atLast("there is a primary", lab::primary);
      List<Lab.Node> others = lab.nodes().stream().filter(node -> node != primary).toList();
      refuse(
          lab,
          primary,
          () -> {
            for (Lab.Node other : others) {
              lab.pause(other);
            }
          },
          () -> {
            for (Lab.Node other : others) {
              lab.resume(other);
            }
          });
    }
  }

  @Test
  void whileTheDiskHasNoRoom() throws Exception {
    Path at = folder.resolve("lab");
    assumeTrue(Disk.missing(at) == null, "no disks can be mounted here");
    try (Lab lab = new Lab(at, site(), 214, new Equipment(true, false, null, false))) {
      lab.start(1);
      Lab.Node node = lab.nodes().getFirst();
      refuse(lab, node, () -> lab.fillDisk(node, false), () -> lab.emptyDisk(node));
    }
  }
}
