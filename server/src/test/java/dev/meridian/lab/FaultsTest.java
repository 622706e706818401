package dev.meridian.lab;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
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
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** Machines that fail in part: a cluster goes on without them, and takes them back. */
@Timeout(300)
class FaultsTest {
  private static final Pattern LOG_FILE = Pattern.compile("log_(?:inprogress_)?(\\d+).*");

  @TempDir Path folder;

  private final HttpClient http = HttpClient.newHttpClient();

  private Lab lab(int first) throws Exception {
    Path site = folder.resolve("site");
    Files.createDirectories(site);
    Files.writeString(
        site.resolve("site.yaml"),
        """
        name: Faults
        domains: [faults.test]
        rules: {read: "true", write: "true"}
        """);
    List<String> missing = new ArrayList<>();
    Path at = folder.resolve("lab");
    return new Lab(at, site, first, Equipment.whatThereIs(at, missing::add));
  }

  private HttpResponse<String> send(Lab.Node node, String method, String path, String body)
      throws IOException, InterruptedException {
    return http.send(
        HttpRequest.newBuilder(URI.create(node.web() + path))
            .timeout(Duration.ofSeconds(30))
            .header("Content-Type", "application/json")
            .header("Meridian-Consistency", "strong")
            .header("Idempotency-Key", UUID.randomUUID().toString())
            .method(
                method, body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(body))
            .build(),
        BodyHandlers.ofString());
  }

  /** Repeats a write until it is done; what else may come is a clear refusal. */
  private void write(Lab.Node node, String path, String body) throws Exception {
    while (true) {
      HttpResponse<String> answer = send(node, "PUT", path, body);
      if (answer.statusCode() / 100 == 2) {
        return;
      }
      assertThat(answer.statusCode()).as(answer.body()).isEqualTo(503);
      assertThat(answer.body()).contains("outcome");
      Thread.sleep(50);
    }
  }

  private static Lab.Node primary(Lab lab) throws InterruptedException {
    Lab.Node primary = lab.primary();
    while (primary == null) {
      Thread.sleep(50);
      primary = lab.primary();
    }
    return primary;
  }

  private static void awaitOtherPrimary(Lab lab, Lab.Node not) throws InterruptedException {
    while (primary(lab) == not) {
      Thread.sleep(50);
    }
  }

  private static Lab.Node other(Lab lab, Lab.Node than) {
    return lab.nodes().stream().filter(node -> node != than).findFirst().orElseThrow();
  }

  @Test
  void primaryHandsOverWhenItsDiskHasNoRoom() throws Exception {
    try (Lab lab = lab(110)) {
      assumeTrue(lab.equipment().disks(), "no disks can be mounted here");
      lab.start(3);
      Lab.Node low = primary(lab);
      write(low, "/data/t/1", "1");
      lab.fillDisk(low, false);
      awaitOtherPrimary(lab, low);
      // It serves as before, and what it is given to write the primary writes.
      write(low, "/data/t/2", "2");
      assertThat(send(low, "GET", "/data/t/2", "").body()).isEqualTo("2");
      lab.emptyDisk(low);

      Lab.Node full = primary(lab);
      lab.fillDisk(full, true);
      awaitOtherPrimary(lab, full);
      write(other(lab, full), "/data/t/3", "3");
      lab.emptyDisk(full);
      lab.kill(full);
      lab.restart(full);
      lab.awaitReady(full);
      for (int i = 1; i <= 3; i++) {
        assertThat(send(full, "GET", "/data/t/" + i, "").body()).isEqualTo("" + i);
      }
    }
  }

  @Test
  void primaryHandsOverWhenItsClockJumps() throws Exception {
    try (Lab lab = lab(120)) {
      assumeTrue(lab.equipment().clocks() != null, "libfaketime is not installed");
      lab.start(3);
      Lab.Node jumped = primary(lab);
      write(jumped, "/data/t/1", "1");
      lab.skewClock(jumped, Duration.ofMinutes(7));
      awaitOtherPrimary(lab, jumped);
      write(jumped, "/data/t/2", "2");
      lab.skewClock(jumped, Duration.ZERO);
      for (Lab.Node node : lab.nodes()) {
        assertThat(send(node, "GET", "/data/t/2", "").body()).isEqualTo("2");
      }
    }
  }

  @Test
  void nodeThatLostItsDataJoinsAgainAtItsAddress() throws Exception {
    try (Lab lab = lab(130)) {
      lab.start(3);
      Lab.Node lost = primary(lab);
      write(lost, "/data/t/1", "1");
      lab.replace(lost);
      assertThat(send(lost, "GET", "/data/t/1", "").body()).isEqualTo("1");
      lab.leaveAndJoin(lost);
      assertThat(send(lost, "GET", "/data/t/1", "").body()).isEqualTo("1");
      JsonNode status = requireNonNull(lab.status(lost));
      assertThat(status.path("cluster").path("members").asInt()).isEqualTo(3);
    }
  }

  @Test
  void nodeThatWasAwayForLongerThanTheLogReachesFetchesASnapshot() throws Exception {
    try (Lab lab = lab(150)) {
      lab.start(3);
      Lab.Node away = other(lab, primary(lab));
      JsonNode before = requireNonNull(lab.status(away)).path("shards").path(0);
      long has = before.path("appliedIndex").asLong();
      lab.kill(away);
      int writes = 0;
      // Each is an entry of the log: the next is not sent before it is answered.
      while (logBegins(primary(lab)) <= has + 1) {
        for (int i = 0; i < 50; i++) {
          write(primary(lab), "/data/t/" + ++writes, "\"" + "x".repeat(200) + writes + "\"");
        }
      }
      lab.restart(away);
      lab.awaitReady(away);
      assertThat(send(away, "GET", "/data/t/" + writes, "").body()).endsWith(writes + "\"");
      // No log reaches back to what it had: all of this came with a snapshot, and what followed it.
      assertThat(send(away, "GET", "/data/t/1", "").body()).endsWith("1\"");
    }
  }

  /** The first entry that is in the files of a node's log of the data, the longer of its logs. */
  private long logBegins(Lab.Node node) throws IOException {
    Map<Path, long[]> logs = new HashMap<>();
    try (Stream<Path> files = Files.walk(folder.resolve("lab/node" + node.number() + "/raft"))) {
      for (Path file : files.toList()) {
        Matcher name = LOG_FILE.matcher(file.getFileName().toString());
        if (name.matches()) {
          long first = Long.parseLong(name.group(1));
          long[] log =
              logs.computeIfAbsent(
                  requireNonNull(file.getParent()), _ -> new long[] {first, first});
          log[0] = Math.min(log[0], first);
          log[1] = Math.max(log[1], first);
        }
      }
    } catch (UncheckedIOException e) {
      return 0; // A file went while they were listed; look again.
    }
    return logs.values().stream()
        .max(Comparator.comparingLong(log -> log[1]))
        .map(log -> log[0])
        .orElse(0L);
  }
}
