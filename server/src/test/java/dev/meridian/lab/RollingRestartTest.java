package dev.meridian.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.lab.PlainClient.Answer;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Nodes are restarted one after another, as for an upgrade, and no client notices. */
@Tag("alone")
@Timeout(600)
class RollingRestartTest {
  private static final int CLIENTS_OF_EACH = 3;
  private static final int CLIENTS_OF_ALL = 4;

  /** Each client's time to think: without, the clients alone would keep a small machine busy. */
  private static final Duration THINK = Duration.ofMillis(20);

  private static final JsonMapper JSON = JsonMapper.builder().build();

  @TempDir Path folder;

  private final ConcurrentLinkedQueue<String> lost = new ConcurrentLinkedQueue<>();
  private final Map<String, String> written = new ConcurrentHashMap<>();
  private final AtomicInteger answers = new AtomicInteger();
  private final AtomicInteger refused = new AtomicInteger();

  /** The node whose clients of its own rest, since it is about to stop; 0 for none. */
  private volatile int stopping;

  private volatile boolean done;

  private Path site() throws IOException {
    Path site = folder.resolve("site");
    Files.createDirectories(site);
    Files.writeString(
        site.resolve("site.yaml"),
        """
        name: Rolling
        domains: [rolling.test]
        rules: {read: "true", write: "true"}
        """);
    return site;
  }

  @Test
  void restartOfNodeAfterNodeLosesNoRequest() throws Exception {
    try (Lab lab = new Lab(folder.resolve("lab"), site(), 100)) {
      lab.start(3);
      List<Thread> clients = clients(lab);
      restartEach(lab);
      end(lab, clients);
    }
  }

  /**
   * There and back, as nobody may find out with the last node alone that the new one is no good.
   */
  @Test
  @EnabledIfSystemProperty(named = "meridian.previous", matches = ".+")
  void upgradeOfNodeAfterNodeLosesNoRequestNorDoesGoingBack() throws Exception {
    Path previous = Path.of(System.getProperty("meridian.previous", ""));
    try (Lab lab = new Lab(folder.resolve("lab"), site(), 100)) {
      lab.build(previous);
      lab.start(3);
      assertThat(lab.nodes()).allMatch(node -> runs(node, previous));
      List<Thread> clients = clients(lab);
      lab.build(null);
      restartEach(lab);
      assertThat(lab.nodes()).noneMatch(node -> runs(node, previous));
      lab.build(previous);
      restartEach(lab);
      assertThat(lab.nodes()).allMatch(node -> runs(node, previous));
      end(lab, clients);
    }
  }

  private static boolean runs(Lab.Node node, Path build) {
    String jar = build.resolve("meridian.jar").toString();
    return ProcessHandle.of(node.pid())
        .flatMap(process -> process.info().commandLine())
        .orElseThrow()
        .contains(jar);
  }

  private List<Thread> clients(Lab lab) throws InterruptedException {
    List<Thread> clients = new ArrayList<>();
    for (Lab.Node node : lab.nodes()) {
      for (int i = 0; i < CLIENTS_OF_EACH; i++) {
        String name = "n" + node.number() + "c" + i;
        clients.add(Thread.ofVirtual().start(() -> useOne(node, name)));
      }
    }
    for (int i = 0; i < CLIENTS_OF_ALL; i++) {
      String name = "a" + i;
      int first = i;
      clients.add(Thread.ofVirtual().start(() -> useAll(lab.nodes(), first, name)));
    }
    awaitAnswers(200);
    return clients;
  }

  private void restartEach(Lab lab) throws Exception {
    for (Lab.Node node : lab.nodes()) {
      stopping = node.number();
      awaitAnswers(50);
      lab.stop(node);
      awaitAnswers(100);
      lab.restart(node);
      lab.awaitReady(node);
      stopping = 0;
      awaitAnswers(100);
    }
  }

  private void end(Lab lab, List<Thread> clients) throws Exception {
    done = true;
    for (Thread client : clients) {
      client.join();
    }
    assertThat(lost).as("of %d requests", answers.get()).isEmpty();
    assertThat(refused).as("connections that a node which was down refused").hasPositiveValue();
    assertThat(documents(lab.nodes().getFirst())).containsExactlyInAnyOrderEntriesOf(written);
  }

  /** All documents, by path; a strong read. */
  private static Map<String, String> documents(Lab.Node node) throws Exception {
    Map<String, String> found = new HashMap<>();
    try (HttpClient client = HttpClient.newHttpClient()) {
      for (String after = ""; ; ) {
        HttpRequest request =
            HttpRequest.newBuilder(node.web().resolve("/data/rolling?limit=1000" + after))
                .header("Meridian-Consistency", "strong")
                .timeout(Duration.ofSeconds(30))
                .build();
        HttpResponse<String> answer = client.send(request, BodyHandlers.ofString());
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        JsonNode page = JSON.readTree(answer.body());
        for (JsonNode item : page.path("items")) {
          found.put("/data/rolling/" + item.path("id").asString(), item.path("value").toString());
        }
        if (!page.has("next")) {
          return found;
        }
        after = "&after=" + page.path("next").asString();
      }
    }
  }

  private void awaitAnswers(int more) throws InterruptedException {
    int wanted = answers.get() + more;
    while (answers.get() < wanted) {
      Thread.sleep(5);
    }
  }

  private static InetSocketAddress at(Lab.Node node) {
    return new InetSocketAddress(node.web().getHost(), node.web().getPort());
  }

  /** A client of one node, on one connection; it rests while its node is away. */
  private void useOne(Lab.Node node, String name) {
    try (PlainClient client = new PlainClient(at(node))) {
      for (int n = 0; !done; ) {
        if (stopping == node.number()) {
          client.close();
          Thread.sleep(5);
        } else {
          think();
          request(client, name, n++);
        }
      }
    } catch (ConnectException e) {
      lost.add(name + ": " + node + " refuses connections, although it is up");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /**
   * A client of all nodes, on a connection to each. When a node refuses a new one it asks the next
   * node; whatever else happens to a request is its loss.
   */
  private void useAll(List<Lab.Node> nodes, int first, String name) {
    List<PlainClient> clients = nodes.stream().map(node -> new PlainClient(at(node))).toList();
    int at = first;
    for (int n = 0; !done; n++) {
      think();
      for (int attempt = 1; ; attempt++) {
        try {
          request(clients.get(at++ % clients.size()), name, n);
          break;
        } catch (ConnectException e) {
          refused.incrementAndGet();
          if (attempt == clients.size()) {
            lost.add(name + ": all nodes refuse connections");
            return;
          }
        }
      }
    }
    clients.forEach(PlainClient::close);
  }

  private static void think() {
    LockSupport.parkNanos(THINK.toNanos());
  }

  /** A write of a new document, or a read of the last one. */
  private void request(PlainClient client, String name, int n) throws ConnectException {
    String path = "/data/rolling/" + name + "-" + n / 2;
    boolean write = n % 2 == 0;
    String what = (write ? "PUT " : "GET ") + path;
    try {
      Answer answer = client.send(write ? "PUT" : "GET", path, write ? "" + n : "");
      answers.incrementAndGet();
      if (answer.status() / 100 != 2) {
        lost.add(client + ": " + what + " " + answer.status() + " " + answer.body());
      } else if (write) {
        written.put(path, "" + n);
      }
    } catch (ConnectException e) {
      throw e;
    } catch (IOException e) {
      lost.add(client + ": " + what + " " + e);
    }
  }
}
