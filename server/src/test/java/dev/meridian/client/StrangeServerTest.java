package dev.meridian.client;

import static dev.meridian.client.CannedServer.answer;
import static dev.meridian.client.CannedServer.problem;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.meridian.client.CannedServer.Script;
import dev.meridian.client.MeridianException.Outcome;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The client against servers that are slow, silent, broken or not Meridian at all: every call ends,
 * with an exception that says what is known.
 */
@Timeout(60)
class StrangeServerTest {
  private static final Options QUICK =
      new Options(
          null, Duration.ofSeconds(5), Duration.ofSeconds(30), 3, Duration.ofMillis(20), 100_000);
  private static final Options IMPATIENT = QUICK.withRequestTimeout(Duration.ofMillis(300));
  private static final String PUT_DONE =
      answer("204 No Content", "text/plain", "", "ETag: \"1-0\"\r\n");
  private static final String STREAM =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";

  private CannedServer server;
  private final List<MeridianClient> clients = new ArrayList<>();

  @BeforeEach
  void start() throws IOException {
    server = new CannedServer();
  }

  @AfterEach
  void stop() throws IOException {
    clients.forEach(MeridianClient::close);
    server.close();
  }

  private MeridianClient client(Options options) {
    return client(options, Duration.ofSeconds(30));
  }

  private MeridianClient client(Options options, Duration silence) {
    MeridianClient client = MeridianClient.connect(server.address(), options, silence);
    clients.add(client);
    return client;
  }

  private static MeridianException failure(ThrowingCallable call) {
    return Objects.requireNonNull(catchThrowableOfType(MeridianException.class, call));
  }

  /** Every way to talk to a server, with the answers' reading. */
  private static Map<String, ThrowingCallable> calls(MeridianClient client) {
    return Map.ofEntries(
        Map.entry("get", () -> client.get("a/1")),
        Map.entry("getIfChanged", () -> client.getIfChanged("a/1", "1-0")),
        Map.entry("put", () -> client.put("a/1", 1)),
        Map.entry("create", () -> client.create("a", 1)),
        Map.entry("merge", () -> client.merge("a/1", Map.of(), WriteOptions.NONE)),
        Map.entry("increment", () -> client.increment("a/1", Map.of("n", 1))),
        Map.entry("page", () -> client.page("a", ListOptions.ALL, null)),
        Map.entry("list", () -> client.list("a", ListOptions.ALL).close()),
        Map.entry("batch", () -> client.batch(List.of(new BatchWrite.Delete("a/1")))),
        Map.entry("watch", () -> client.watch("a", null).close()));
  }

  // --- Time ----------------------------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n",
        "HTTP/1.1 200 OK\r\nETag: \"1-0\"\r\nContent-Length: 100\r\n\r\n{\"n\":",
        "HTTP/1.1 200 OK\r\nETag: \"1-0\"\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
        "HTTP/1.1 503 No\r\nContent-Type: application/problem+json\r\nContent-Length: 50\r\n\r\n{",
      })
  void serverThatStopsInTheMiddleIsGivenUp(String begin) {
    server.always(server.stallingAfter(begin));
    MeridianClient client = client(IMPATIENT.withAttempts(1));
    MeridianException read = failure(() -> client.get("a/1"));
    MeridianException write = failure(() -> client.put("a/1", 1));
    if (!begin.contains("503")) {
      assertThat(read.type()).isEqualTo("no-answer");
      assertThat(read.detail()).contains("300 ms");
    }
    assertThat(read.outcome()).isEqualTo(Outcome.NOT_DONE);
    assertThat(write.outcome()).isEqualTo(Outcome.UNKNOWN);
  }

  @Test
  void answerThatDripsIsGivenUp() {
    server.always(
        out -> {
          out.write(
              "HTTP/1.1 200 OK\r\nETag: \"1-0\"\r\nContent-Length: 99999\r\n\r\n".getBytes(UTF_8));
          while (true) {
            out.write('1');
            out.flush();
            Thread.sleep(20);
          }
        });
    MeridianClient client = client(IMPATIENT.withAttempts(1));
    assertThat(failure(() -> client.get("a/1")).type()).isEqualTo("no-answer");
  }

  @Test
  void streamThatFallsSilentEnds() throws Exception {
    server.always(server.stallingAfter("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"));
    try (InputStream in = client(IMPATIENT).open("/backup")) {
      assertThat(in.readNBytes(3)).isEqualTo("abc".getBytes(UTF_8));
      assertThatThrownBy(in::read).isInstanceOf(IOException.class);
    }
    server.always(server.stallingAfter(""));
    assertThat(failure(() -> client(IMPATIENT).open("/backup")).type()).isEqualTo("no-answer");
  }

  @Test
  void closingEndsWhateverIsUnderWay() throws Exception {
    server.always(server.stallingAfter(""));
    for (String call : List.of("put", "page", "watch")) {
      MeridianClient client = client(QUICK);
      int before = server.heads().size();
      BlockingQueue<MeridianException> ends = new LinkedBlockingQueue<>();
      Thread.ofVirtual()
          .start(() -> ends.add(failure(Objects.requireNonNull(calls(client).get(call)))));
      while (server.heads().size() == before) {
        Thread.sleep(1);
      }
      client.close();
      MeridianException end = ends.poll(30, TimeUnit.SECONDS);
      assertThat(end).as(call).isNotNull();
      assertThat(end.type()).as(call).isEqualTo("closed");
      assertThat(end.outcome())
          .as(call)
          .isEqualTo(call.equals("put") ? Outcome.UNKNOWN : Outcome.NOT_DONE);
    }
  }

  @Test
  void closedWatchStopsConnecting() throws Exception {
    server.then(STREAM);
    server.always(server.stallingAfter(""));
    Watch watch = client(QUICK).watch("a", null);
    BlockingQueue<String> ends = new LinkedBlockingQueue<>();
    Thread.ofVirtual().start(() -> ends.add(String.valueOf(watch.next())));
    while (server.heads().size() < 2) {
      Thread.sleep(1);
    }
    watch.close();
    assertThat(ends.poll(30, TimeUnit.SECONDS)).isEqualTo("null");
  }

  // --- Trying again --------------------------------------------------------------------------

  @Test
  void busyServerIsAskedAgainWithTheSameKey() {
    server.then(problem(503, "unavailable", "not-done"));
    server.then(problem(429, "busy", "not-done"));
    server.then(PUT_DONE);
    assertThat(client(QUICK).put("a/1", 1).etag()).isEqualTo("1-0");
    assertThat(server.heads()).hasSize(3);
    assertThat(server.heads().stream().map(StrangeServerTest::key).distinct()).hasSize(1);
  }

  private static String key(String head) {
    return head.lines()
        .filter(line -> line.toLowerCase(Locale.ROOT).startsWith("idempotency-key: "))
        .findFirst()
        .orElseThrow();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "9999",
        "99999999999999999999999",
        "18446744073709551615",
        "Fri, 31 Dec 9999 23:59:59 GMT"
      })
  void serverThatAsksForALongWaitIsNotWaitedFor(String retryAfter) {
    server.always(problem(503, "unavailable", "not-done", "Retry-After: " + retryAfter + "\r\n"));
    MeridianException failure = failure(() -> client(QUICK).put("a/1", 1));
    assertThat(failure.status()).isEqualTo(503);
    assertThat(failure.outcome()).isEqualTo(Outcome.NOT_DONE);
    assertThat(server.heads()).hasSize(1);
  }

  @Test
  void laterAttemptDoesNotDenyWhatAnEarlierOneMayHaveDone() throws IOException {
    // Broken, then refused for now: the second answer speaks of the second attempt only.
    server.then("").always(problem(503, "unavailable", "not-done"));
    MeridianException first = failure(() -> client(QUICK).put("a/1", 1));
    assertThat(first.status()).isEqualTo(503);
    assertThat(first.outcome()).isEqualTo(Outcome.UNKNOWN);
    // The server does not know, then it is gone.
    CannedServer going = new CannedServer();
    going.then(
        out -> {
          going.close();
          out.write(problem(503, "unavailable", "unknown").getBytes(UTF_8));
        });
    try (going;
        MeridianClient client = MeridianClient.connect(going.address(), QUICK)) {
      assertThat(failure(() -> client.put("a/1", 1)).outcome()).isEqualTo(Outcome.UNKNOWN);
    }
  }

  @Test
  void nobodyThereIsToldSo() throws IOException {
    URI gone = server.address();
    server.close();
    try (MeridianClient client = MeridianClient.connect(gone, QUICK)) {
      calls(client)
          .forEach(
              (name, call) -> {
                MeridianException failure = failure(call);
                assertThat(failure.type()).as(name).isEqualTo("unreachable");
                assertThat(failure.outcome()).as(name).isEqualTo(Outcome.NOT_DONE);
                assertThat(failure.detail()).as(name).contains(gone.toString());
              });
    }
  }

  // --- Not Meridian --------------------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(
      strings = {
        "<html>It works!</html>",
        "",
        "{}",
        "[]",
        "null",
        "{\"items\":[{\"id\":1}],\"results\":[]}",
        "{\"items\":{},\"results\":{}}",
        "{\"items\":[1,2",
        "{\"items\":[1,2]}",
        "{\"items\":[]",
        "\u0000\u0001"
      })
  void whateverElseAnswersIsToldToBeNoMeridian(String body) {
    server.always(answer("200 OK", "text/html", body));
    calls(client(QUICK))
        .forEach(
            (name, call) -> assertThat(failure(call).type()).as(name).isEqualTo("not-meridian"));
  }

  @Test
  void noHttpAtAllIsABrokenConnection() {
    server.always("SSH-2.0-OpenSSH_9.2\r\n");
    calls(client(QUICK))
        .forEach((name, call) -> assertThat(failure(call).type()).as(name).isEqualTo("no-answer"));
  }

  @Test
  void redirectIsToldAndNotFollowed() {
    server.always(answer("302 Found", "text/html", "<p>", "Location: https://other.test/x\r\n"));
    calls(client(QUICK))
        .forEach(
            (name, call) -> {
              int before = server.heads().size();
              MeridianException failure = failure(call);
              assertThat(failure.type()).as(name).isEqualTo("redirected");
              assertThat(failure.detail()).as(name).contains("https://other.test/x");
              assertThat(failure.outcome()).as(name).isEqualTo(Outcome.NOT_DONE);
              assertThat(server.heads()).as(name).hasSize(before + 1);
            });
  }

  @Test
  void pageOfAProxyIsNoMissingDocument() {
    server.always(answer("404 Not Found", "text/html", "<html>nginx</html>"));
    MeridianClient client = client(QUICK);
    assertThat(failure(() -> client.get("a/1")).type()).isEqualTo("http-404");
    assertThat(failure(() -> client.delete("a/1")).type()).isEqualTo("http-404");
    server.always(
        answer(
            "404 Not Found",
            "application/problem+json",
            "{\"type\":\"urn:meridian:problem:not-found\"}"));
    assertThat(client.get("a/1")).isEmpty();
    assertThat(client.delete("a/1", WriteOptions.NONE)).isFalse();
  }

  @Test
  void answerLargerThanAllowedIsRefusedAtOnce() {
    server.always(
        out -> {
          out.write("HTTP/1.1 200 OK\r\nETag: \"1-0\"\r\n\r\n".getBytes(UTF_8));
          while (true) {
            out.write(new byte[10_000]); // until the client has gone
          }
        });
    MeridianException failure = failure(() -> client(QUICK).get("a/1"));
    assertThat(failure.type()).isEqualTo("answer-too-large");
    assertThat(failure.detail()).contains("100000 bytes");
    assertThat(server.heads()).hasSize(1);
    server.always(answer("200 OK", "application/json", "1".repeat(100_000), "ETag: \"1-0\"\r\n"));
    assertThat(client(QUICK).get("a/1").orElseThrow().json()).hasSize(100_000);
  }

  @Test
  void hugeErrorIsReadInPart() {
    server.always(
        out -> {
          out.write("HTTP/1.1 400 No\r\n\r\n".getBytes(UTF_8));
          while (true) {
            out.write(new byte[10_000]);
          }
        });
    assertThat(failure(() -> client(QUICK).get("a/1")).type()).isEqualTo("http-400");
  }

  @Test
  void listThatGoesInACircleEnds() {
    server.always(answer("200 OK", "application/json", "{\"items\":[],\"next\":\"same\"}"));
    MeridianException failure =
        failure(() -> client(QUICK).list("a", ListOptions.ALL).forEach(document -> {}));
    assertThat(failure.type()).isEqualTo("not-meridian");
  }

  @Test
  void resultsOfOtherRecordsAreNotTaken() {
    server.always(
        answer(
            "200 OK",
            "application/x-ndjson",
            "{\"id\":\"a\",\"etag\":\"1-0\"}\n{\"id\":\"x\",\"etag\":\"2-0\"}\n{\"id\":\"c\",\"et"));
    byte[] one = "1".getBytes(UTF_8);
    List<BulkResult> results =
        client(QUICK)
            .putAll(
                "a",
                List.of(
                    new BulkRecord("a", one), new BulkRecord("b", one), new BulkRecord("c", one)));
    assertThat(results).extracting(BulkResult::written).containsExactly(true, false, false);
    assertThat(results.getLast().status()).isEqualTo(BulkResult.LOST);
  }

  // --- Watches -------------------------------------------------------------------------------

  private static String event(String id, String name, String data) {
    return "id: " + id + "\nevent: " + name + "\ndata: " + data + "\n\n";
  }

  @Test
  void eventCountsWhenItIsWholeAndNotBefore() {
    // Cut inside an id, and between the id and its event: the position is still behind "5".
    server.then(STREAM + event("5", "put", "1") + "id: 6");
    server.then(STREAM + "id: 7\nevent: put\nda");
    server.then(STREAM + event("6", "put", "2"));
    try (Watch watch = client(QUICK).watch("a", "4")) {
      assertThat(watch.next()).extracting(Event::id).isEqualTo("5");
      assertThat(watch.next()).extracting(Event::id).isEqualTo("6");
    }
    assertThat(server.heads().get(0)).containsIgnoringCase("Last-Event-ID: 4\r");
    assertThat(server.heads().get(1)).containsIgnoringCase("Last-Event-ID: 5\r");
    assertThat(server.heads().get(2)).containsIgnoringCase("Last-Event-ID: 5\r");
  }

  @Test
  void everyLineEndOfEventStreamsIsUnderstood() {
    server.then(
        STREAM
            + ": comment\r\rid:1\revent:put\rdata:[1,\rdata:2]\r\r"
            + "id\r\ndata: 3\r\n\r\nunknown: x\ndata: 4\n\n");
    try (Watch watch = client(QUICK).watch("a", null)) {
      Event first = Objects.requireNonNull(watch.next());
      assertThat(first.id() + first.type() + first.data()).isEqualTo("1put[1,2]");
      Event second = Objects.requireNonNull(watch.next());
      assertThat(second.id() + second.type() + second.data()).isEqualTo("message3");
      assertThat(Objects.requireNonNull(watch.next()).data().asInt()).isEqualTo(4);
    }
  }

  @Test
  void silentWatchConnectsAnew() {
    server.then(server.stallingAfter(STREAM + "id: 9\nretry: 2000\n\n"));
    server.then(STREAM + event("10", "put", "1"));
    try (Watch watch = client(QUICK, Duration.ofMillis(300)).watch("a", null)) {
      assertThat(watch.next()).extracting(Event::id).isEqualTo("10");
    }
    assertThat(server.heads().get(1)).containsIgnoringCase("Last-Event-ID: 9\r");
  }

  @Test
  void watchThatOnlyBreaksIsGivenUp() {
    server.always(STREAM + "never a whole line");
    try (Watch watch = client(QUICK).watch("a", null)) {
      assertThat(failure(watch::next).type()).isEqualTo("no-answer");
      assertThat(server.heads()).hasSize(QUICK.attempts());
    }
  }

  @Test
  void watchEndsWithWhatTheServerRefusesItFor() {
    server.then(STREAM + event("1", "put", "1"));
    server.then(problem(403, "forbidden", "not-done"));
    server.then(STREAM + event("1", "error", "{\"type\":\"x:watch-too-large\",\"status\":403}"));
    try (Watch watch = client(QUICK).watch("a", null)) {
      assertThat(watch.next()).isNotNull();
      assertThat(failure(watch::next).type()).isEqualTo("forbidden");
      MeridianException end = failure(watch::next);
      assertThat(end.type()).isEqualTo("watch-too-large");
      assertThat(end.status()).isEqualTo(403);
      assertThat(watch.next()).isNull();
    }
  }

  @Test
  void watchReadsOnlySoMuchOfAnEvent() {
    Script endless =
        out -> {
          out.write((STREAM + "data: ").getBytes(UTF_8));
          byte[] more = "x".repeat(1 << 16).getBytes(UTF_8);
          while (true) {
            out.write(more);
          }
        };
    server.always(endless);
    try (Watch watch = client(QUICK).watch("a", null)) {
      assertThat(failure(watch::next).type()).isEqualTo("not-meridian");
    }
    server.always(STREAM + event("1", "put", "no JSON"));
    try (Watch watch = client(QUICK).watch("a", null)) {
      assertThat(failure(watch::next).type()).isEqualTo("not-meridian");
    }
  }
}
