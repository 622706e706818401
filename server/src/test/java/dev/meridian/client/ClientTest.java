package dev.meridian.client;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.meridian.client.CuttingProxy.Fate;
import dev.meridian.client.MeridianException.Outcome;
import dev.meridian.node.Node;
import dev.meridian.node.NodeOptions;
import dev.meridian.site.Listeners;
import java.io.InputStream;
import java.math.BigDecimal;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The Java client against a real node, directly and through a proxy that cuts connections. */
@Timeout(120)
class ClientTest {
  private static final String NONE = "0-0";

  @TempDir static Path folder;
  private static Node node;
  private static Options options;

  private MeridianClient client;
  private CuttingProxy proxy;

  @BeforeAll
  static void startNode() throws Exception {
    Files.createDirectories(folder.resolve("site"));
    Files.writeString(
        folder.resolve("site/site.yaml"),
        """
        name: Test
        domains: [client.test]
        collections:
          numbers:
            indexes: [[n]]
        """);
    InetSocketAddress any = new InetSocketAddress("127.0.0.1", 0);
    node =
        Node.start(
            new NodeOptions(
                folder.resolve("site"),
                folder.resolve("data"),
                _ -> new Listeners(Optional.of(any), Optional.empty(), Optional.empty(), any, any),
                true,
                "test"));
    String key = Files.readString(folder.resolve("data/operator.key")).strip();
    options = Options.DEFAULT.withKey(key);
  }

  @AfterAll
  static void stopNode() {
    node.close();
  }

  @BeforeEach
  void connect() throws Exception {
    client = MeridianClient.connect(url(node.listeners().http().orElseThrow()), options);
    proxy = new CuttingProxy(node.listeners().http().orElseThrow().getPort());
  }

  @AfterEach
  void disconnect() throws Exception {
    client.close();
    proxy.close();
  }

  private static URI url(InetSocketAddress address) {
    return URI.create("http://127.0.0.1:" + address.getPort());
  }

  private static MeridianException failure(ThrowingCallable call) {
    return Objects.requireNonNull(catchThrowableOfType(MeridianException.class, call));
  }

  private static void await(BooleanSupplier condition) throws InterruptedException {
    Instant end = Instant.now().plus(Duration.ofSeconds(60));
    while (!condition.getAsBoolean()) {
      assertThat(Instant.now()).isBefore(end);
      Thread.sleep(5);
    }
  }

  private String text(String path) {
    return new String(client.get(path).orElseThrow().json(), UTF_8);
  }

  private static byte[] json(String text) {
    return text.getBytes(UTF_8);
  }

  // --- Documents -----------------------------------------------------------------------------

  @Test
  void documentIsExactlyWhatWasWritten() {
    String value =
        "{\"n\":1.500,\"big\":12345678901234567890.10,\"s\":\"ä\\u0000\\\"😀\",\"l\":[]}";
    Written written = client.putJson("docs/ä b%2F+", json(value), WriteOptions.NONE);
    Document read = client.get("docs/ä b%2F+").orElseThrow();
    assertThat(read.json())
        .isEqualTo(
            json(
                "{\"n\":1.500,\"big\":12345678901234567890.10,"
                    + "\"s\":\"ä\\u0000\\\"😀\",\"l\":[]}"));
    assertThat(read.etag()).isEqualTo(written.etag());
    assertThat(read.id()).isEqualTo("ä b%2F+");
    assertThat(read.path()).isEqualTo("docs/ä b%2F+");
    assertThat(read.value().path("n").decimalValue()).isEqualTo(new BigDecimal("1.500"));
    assertThat(client.get("docs/none")).isEmpty();
    assertThat(client.getIfChanged("docs/ä b%2F+", read.etag())).isEmpty();
    assertThat(client.getIfChanged("docs/ä b%2F+", NONE)).isPresent();
    assertThat(failure(() -> client.getIfChanged("docs/none", NONE)).status()).isEqualTo(404);
  }

  @Test
  void documentsAreChangedAndDeleted() {
    record City(String name, int visits) {}
    client.put("cities/a", new City("Aa", 1));
    assertThat(client.get("cities/a").orElseThrow().as(City.class)).isEqualTo(new City("Aa", 1));
    client.merge("cities/a", Map.of("name", "Bb"), WriteOptions.NONE);
    client.mergeJson("cities/a", json("{\"new\":[1]}"), WriteOptions.NONE);
    client.patchJson(
        "cities/a", json("[{\"op\":\"add\",\"path\":\"/new/-\",\"value\":2}]"), WriteOptions.NONE);
    client.increment("cities/a", Map.of("visits", 2, "deep.count", new BigDecimal("0.5")));
    assertThat(text("cities/a"))
        .isEqualTo("{\"name\":\"Bb\",\"visits\":3,\"new\":[1,2],\"deep\":{\"count\":0.5}}");
    assertThat(client.delete("cities/a", WriteOptions.NONE)).isTrue();
    assertThat(client.get("cities/a")).isEmpty();
    client.delete("cities/a");
    Written made = client.create("cities", Map.of("made", true));
    assertThat(text(made.path())).isEqualTo("{\"made\":true}");
    Written below = client.create(made.path() + "/streets", 1);
    assertThat(below.path()).startsWith(made.path() + "/streets/").endsWith(below.id());
    assertThat(client.get(below.path()).orElseThrow().etag()).isEqualTo(below.etag());
  }

  @Test
  void conditionsHoldOrNothingIsWritten() {
    Written first = client.put("conditions/1", 1, WriteOptions.ifAbsent());
    MeridianException taken = failure(() -> client.put("conditions/1", 2, WriteOptions.ifAbsent()));
    assertThat(taken.status()).isEqualTo(412);
    assertThat(taken.type()).isEqualTo("precondition-failed");
    assertThat(taken.outcome()).isEqualTo(Outcome.NOT_DONE);
    assertThat(taken.currentEtag()).isEqualTo(first.etag());
    Written second =
        client.put("conditions/1", 2, WriteOptions.ifMatch(Objects.requireNonNull(first.etag())));
    WriteOptions stale = WriteOptions.ifMatch(Objects.requireNonNull(first.etag()));
    assertThat(failure(() -> client.put("conditions/1", 3, stale)).status()).isEqualTo(412);
    assertThat(failure(() -> client.delete("conditions/1", stale)).status()).isEqualTo(412);
    assertThat(failure(() -> client.increment("conditions/1", Map.of("n", 1), stale)).status())
        .isEqualTo(412);
    assertThat(client.get("conditions/1").orElseThrow().etag()).isEqualTo(second.etag());
    MeridianException absent =
        failure(() -> client.put("conditions/2", 1, WriteOptions.ifExists()));
    assertThat(absent.status()).isEqualTo(412);
    assertThat(absent.currentEtag()).isNull();
    assertThat(client.delete("conditions/1", WriteOptions.ifExists())).isTrue();
  }

  @Test
  void expiredDocumentIsNotServed() throws Exception {
    Instant soon = Instant.now().plusMillis(300);
    client.put("expiring/1", 1, WriteOptions.NONE.withExpiresAt(soon));
    client.put("expiring/2", 1, WriteOptions.NONE.withExpiresAt(Instant.now().plusSeconds(3600)));
    await(() -> client.get("expiring/1").isEmpty());
    assertThat(Instant.now()).isAfterOrEqualTo(soon);
    assertThat(client.get("expiring/2")).isPresent();
  }

  @Test
  void sameKeyIsAppliedOnce() {
    WriteOptions once = WriteOptions.NONE.withIdempotencyKey("k-1");
    Written first = client.increment("once/1", Map.of("n", 1), once);
    Written again = client.increment("once/1", Map.of("n", 1), once);
    assertThat(first.replayed()).isFalse();
    assertThat(again.replayed()).isTrue();
    assertThat(again.etag()).isEqualTo(first.etag());
    assertThat(text("once/1")).isEqualTo("{\"n\":1}");
    MeridianException other = failure(() -> client.increment("once/1", Map.of("n", 2), once));
    assertThat(other.type()).isEqualTo("idempotency-key-reused");
    assertThat(other.outcome()).isEqualTo(Outcome.NOT_DONE);
  }

  @Test
  void wrongUseIsToldBeforeAnythingIsSent() {
    for (String path : List.of("", "docs", "docs/", "/docs", "docs//", "docs/1/", "docs/1/x")) {
      assertThatIllegalArgumentException().as(path).isThrownBy(() -> client.get(path));
      assertThatIllegalArgumentException().as(path).isThrownBy(() -> client.put(path, 1));
      assertThatIllegalArgumentException().as(path).isThrownBy(() -> client.delete(path));
    }
    for (String path : List.of("", "docs/1", "/", "docs/1/", "docs/1/x/2")) {
      assertThatIllegalArgumentException().as(path).isThrownBy(() -> client.create(path, 1));
      assertThatIllegalArgumentException()
          .as(path)
          .isThrownBy(() -> client.page(path, ListOptions.ALL, null));
    }
    String half = "a/\ud83d";
    assertThatIllegalArgumentException().isThrownBy(() -> client.get(half));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> client.putAll("a", List.of(new BulkRecord("\ud83d", json("1")))));
    Object unwritable =
        new Object() {
          @SuppressWarnings("unused") // Jackson reads it
          public int getN() {
            throw new IllegalStateException("no");
          }
        };
    assertThatIllegalArgumentException().isThrownBy(() -> client.put("a/1", unwritable));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> client.batch(List.of(new BatchWrite.Put("a/1", unwritable))));
    for (String key : List.of("", "ä", "a b", "a\n", "x".repeat(256))) {
      assertThatIllegalArgumentException()
          .as(key)
          .isThrownBy(() -> WriteOptions.NONE.withIdempotencyKey(key));
    }
    for (String address :
        List.of("ftp://127.0.0.1", "127.0.0.1:8080", "http:///x", "http://a?b", "http://a:65536")) {
      assertThatIllegalArgumentException()
          .as(address)
          .isThrownBy(() -> MeridianClient.connect(URI.create(address)).close());
    }
    assertThat(client.get("a/1")).isEmpty();
  }

  @Test
  void whatTheServerRefusesIsToldWithItsReason() {
    assertThat(failure(() -> client.get("docs/..")).status()).isEqualTo(400);
    assertThat(failure(() -> client.putJson("a/2", json("{"), WriteOptions.NONE)).status())
        .isEqualTo(400);
    assertThat(failure(() -> client.mergeJson("a/2", new byte[0], WriteOptions.NONE)).status())
        .isEqualTo(400);
    assertThat(failure(() -> client.increment("a/2", Map.of("", 1))).status()).isEqualTo(400);
    MeridianException large = failure(() -> client.put("a/2", "x".repeat(3 << 20)));
    assertThat(large.status()).isEqualTo(413);
    assertThat(large.outcome()).isEqualTo(Outcome.NOT_DONE);
    // More than the server reads of any request.
    MeridianException larger = failure(() -> client.put("a/2", "x".repeat(20 << 20)));
    assertThat(larger.status()).isEqualTo(413);
    assertThat(larger.outcome()).isEqualTo(Outcome.NOT_DONE);
    client.put("a/3", "text");
    assertThat(failure(() -> client.increment("a/3", Map.of("n", 1))).type())
        .isEqualTo("patch-failed");
    try (MeridianClient stranger =
        MeridianClient.connect(
            url(node.listeners().http().orElseThrow()), options.withKey("mk_wrong"))) {
      MeridianException refused = failure(() -> stranger.put("a/2", 1));
      assertThat(refused.status()).isEqualTo(401);
      assertThat(refused.detail()).isNotBlank();
    }
    assertThat(client.get("a/2")).isEmpty();
  }

  // --- Many at once --------------------------------------------------------------------------

  @Test
  void batchIsWrittenWholeOrNotAtAll() {
    Written old = client.put("trees/1", Map.of("n", 1));
    List<Written> results =
        client.batch(
            List.of(
                new BatchWrite.Merge("trees/1", Map.of("m", 2), old.etag()),
                new BatchWrite.Put("trees/1/leaves/1", "new"),
                new BatchWrite.Increment("trees/1/leaves/2", Map.of("n", 3)),
                new BatchWrite.Delete("trees/1/leaves/3")));
    assertThat(results)
        .extracting(Written::path)
        .containsExactly("trees/1", "trees/1/leaves/1", "trees/1/leaves/2", "trees/1/leaves/3");
    assertThat(text("trees/1")).isEqualTo("{\"n\":1,\"m\":2}");
    assertThat(client.get("trees/1/leaves/1").orElseThrow().etag())
        .isEqualTo(results.get(1).etag());
    assertThat(text("trees/1/leaves/2")).isEqualTo("{\"n\":3}");

    MeridianException stale =
        failure(
            () ->
                client.batch(
                    List.of(
                        new BatchWrite.Put("trees/1/leaves/9", 1),
                        new BatchWrite.Delete("trees/1", old.etag()))));
    assertThat(stale.status()).isEqualTo(412);
    assertThat(client.get("trees/1/leaves/9")).isEmpty();
    MeridianException twoTrees =
        failure(
            () ->
                client.batch(
                    List.of(new BatchWrite.Put("trees/8", 1), new BatchWrite.Put("trees/9", 1))));
    assertThat(twoTrees.status()).isEqualTo(400);
    assertThat(failure(() -> client.batch(List.of())).status()).isEqualTo(400);
    assertThat(client.get("trees/8")).isEmpty();
  }

  @Test
  void listIsCompleteInOrderAndExactWhateverThePageSize() {
    List<String> values =
        List.of(
            "0",
            "-1.50",
            "1e400",
            "null",
            "true",
            "\"]}\\\"\"",
            "[]",
            "{}",
            "[{\"a\":[1,2]}]",
            "\"😀ä\"");
    for (int i = 0; i < values.size(); i++) {
      client.putJson("lists/" + i, json(values.get(i)), WriteOptions.NONE);
    }
    for (int size : new int[] {1, 3, 10, 1000}) {
      try (var documents = client.list("lists", ListOptions.ALL.pageSize(size))) {
        assertThat(documents.map(d -> d.id() + " " + new String(d.json(), UTF_8)))
            .as("pages of %d", size)
            .containsExactlyElementsOf(
                java.util.stream.IntStream.range(0, values.size())
                    .mapToObj(i -> i + " " + values.get(i))
                    .toList());
      }
    }
    Page page = client.page("lists", ListOptions.ALL.pageSize(4), null);
    assertThat(page.items()).hasSize(4);
    assertThat(page.items().getFirst().etag())
        .isEqualTo(client.get("lists/0").orElseThrow().etag());
    assertThat(client.page("lists", ListOptions.ALL.pageSize(1000), page.next()).items())
        .hasSize(6);
    assertThat(client.page("empty", ListOptions.ALL, null).items()).isEmpty();
  }

  @Test
  void queriesAreAnsweredByIndexOrScanOrRefused() {
    for (int i = 0; i < 20; i++) {
      client.put("numbers/" + i, Map.of("n", i, "odd", i % 2 == 1, "t", "x"));
    }
    ListOptions low = ListOptions.ALL.where("n < 5").sort("-n").pageSize(2);
    try (var documents = client.list("numbers", low)) {
      assertThat(documents.map(Document::id)).containsExactly("4", "3", "2", "1", "0");
    }
    MeridianException refused =
        failure(() -> client.page("numbers", ListOptions.ALL.where("odd"), null));
    assertThat(refused.type()).isEqualTo("no-index");
    try (var documents = client.list("numbers", ListOptions.ALL.where("odd == true").scan(100))) {
      assertThat(documents).hasSize(10);
    }
    assertThat(failure(() -> client.page("numbers", ListOptions.ALL.where("n <"), null)).status())
        .isEqualTo(400);
    assertThat(failure(() -> client.page("numbers", ListOptions.ALL, "no cursor")).status())
        .isEqualTo(400);
    ListOptions fields = new ListOptions(null, null, "n", 1, 0);
    assertThat(client.page("numbers", fields, null).items().getFirst().json())
        .isEqualTo(json("{\"n\":0}"));
    assertThatIllegalArgumentException().isThrownBy(() -> ListOptions.ALL.pageSize(0));
    assertThatIllegalArgumentException().isThrownBy(() -> ListOptions.ALL.pageSize(1001));
  }

  @Test
  void everyRecordOfManyHasItsOwnResult() {
    List<BulkResult> results =
        client.putAll(
            "bulk",
            List.of(
                new BulkRecord("a \"ä", json("{\"n\":1}")),
                new BulkRecord("b", json("{\"n\":")),
                new BulkRecord("", json("1")),
                new BulkRecord("c", json("1,\"x\":2")),
                new BulkRecord("d", json("")),
                new BulkRecord("a \"ä", json("{\"n\":2}"))));
    assertThat(results)
        .extracting(BulkResult::written)
        .containsExactly(true, false, false, false, false, true);
    assertThat(results.get(1).status()).isEqualTo(400);
    assertThat(results.get(1).reason()).isNotBlank();
    assertThat(text("bulk/a \"ä")).isEqualTo("{\"n\":2}");
    assertThat(client.get("bulk/a \"ä").orElseThrow().etag()).isEqualTo(results.get(5).etag());
    assertThat(client.page("bulk", ListOptions.ALL, null).items()).hasSize(1);
    assertThat(client.putAll("bulk", List.of())).isEmpty();
  }

  @Test
  void recordOnTwoLinesCannotPassForTwoRecords() {
    BulkRecord two = new BulkRecord("a", json("1}\n{\"id\":\"smuggled\",\"value\":2"));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> client.putAll("smuggling", List.of(two, new BulkRecord("b", json("3")))));
    assertThat(client.page("smuggling", ListOptions.ALL, null).items()).isEmpty();
  }

  @Test
  void operatorsReachEverything() throws Exception {
    try (MeridianClient admin = MeridianClient.connect(url(node.listeners().admin()), options)) {
      assertThat(new String(admin.call("GET", "/status", null), UTF_8)).startsWith("{");
      assertThat(failure(() -> admin.call("GET", "/none", null)).status()).isEqualTo(404);
      assertThat(failure(() -> admin.open("/none")).status()).isEqualTo(404);
      try (InputStream backup = admin.open("/backup")) {
        assertThat(backup.readAllBytes()).startsWith('P', 'K');
      }
    }
  }

  // --- Watches -------------------------------------------------------------------------------

  @Test
  void watchTellsWhatHappensInOrderAndResumes() {
    client.put("watched/0", 0);
    String afterFirst;
    try (Watch all = client.watch("watched", null);
        Watch one = client.watch("watched/2", null)) {
      client.put("watched/1", Map.of("n", 1));
      client.put("watched/2", 2);
      client.delete("watched/1");
      Event first = Objects.requireNonNull(all.next());
      afterFirst = first.id();
      // The newest state of each document, in the order of its last change.
      List<String> told = new ArrayList<>(List.of(told(first)));
      while (!told.getLast().equals("delete 1")) {
        told.add(told(all.next()));
      }
      assertThat(told).endsWith("put 2", "delete 1").doesNotContain("put 0");
      assertThat(told(one.next())).isEqualTo("put 2");
    }
    try (Watch resumed = client.watch("watched", afterFirst)) {
      List<String> told = new ArrayList<>();
      do {
        told.add(told(resumed.next()));
      } while (!told.getLast().equals("delete 1"));
      assertThat(told).doesNotContain("put 0", "put 1");
    }
    assertThat(failure(() -> client.watch("watched", "no-position")).status()).isEqualTo(400);
    assertThat(failure(() -> client.watch("watched/..", null)).status()).isEqualTo(400);
  }

  private static String told(@Nullable Event event) {
    Event whole = Objects.requireNonNull(event);
    return whole.type() + " " + whole.data().path("id").asString("");
  }

  @Test
  void closingEndsWatchesThatWait() throws Exception {
    BlockingQueue<Optional<Event>> ends = new LinkedBlockingQueue<>();
    Watch first = client.watch("quiet", null);
    Watch second = client.watch("quiet", null);
    for (Watch watch : List.of(first, second)) {
      Thread waiting = Thread.ofPlatform().start(() -> ends.add(Optional.ofNullable(watch.next())));
      await(() -> waiting.getState() == Thread.State.TIMED_WAITING);
    }
    first.close();
    assertThat(ends.poll(60, TimeUnit.SECONDS)).isEmpty();
    client.close();
    assertThat(ends.poll(60, TimeUnit.SECONDS)).isEmpty();
    assertThat(first.next()).isNull();
    assertThat(second.next()).isNull();
    assertThat(failure(() -> client.watch("quiet", null)).type()).isEqualTo("closed");
    assertThat(failure(() -> client.put("quiet/1", 1)).type()).isEqualTo("closed");
  }

  @Test
  void interruptedWatchSaysSoAndCanGoOn() throws Exception {
    try (Watch watch = client.watch("patient", null)) {
      BlockingQueue<MeridianException> failures = new LinkedBlockingQueue<>();
      Thread waiting = Thread.ofPlatform().start(() -> failures.add(failure(watch::next)));
      await(() -> waiting.getState() == Thread.State.TIMED_WAITING);
      waiting.interrupt();
      MeridianException failure = failures.poll(60, TimeUnit.SECONDS);
      assertThat(failure).isNotNull();
      assertThat(failure.type()).isEqualTo("interrupted");
      client.put("patient/1", 1);
      assertThat(told(watch.next())).isEqualTo("put 1");
    }
  }

  @Test
  void watchThatIsCutAnywhereMissesNothing() throws Exception {
    long seed = Long.getLong("seed", System.nanoTime());
    System.out.println("ClientTest -Dseed=" + seed);
    Random random = new Random(seed);
    int documents = 40;
    // Each connection passes on its head and then a little of the stream.
    for (int i = 0; i < 200; i++) {
      proxy.next(Fate.answerCutAfter(250 + random.nextInt(600)));
    }
    try (MeridianClient cut = MeridianClient.connect(proxy.address(), options.withAttempts(20));
        Watch watch = cut.watch("cut", null)) {
      Thread writer =
          Thread.ofVirtual()
              .start(
                  () -> {
                    for (int i = 0; i < documents; i++) {
                      client.put("cut/" + i, "x".repeat(40));
                    }
                  });
      for (int i = 0; i < documents; i++) {
        assertThat(told(watch.next())).as("seed %d", seed).isEqualTo("put " + i);
      }
      writer.join();
    }
    assertThat(proxy.accepted()).as("connections that were cut").isGreaterThan(5);
  }

  @Test
  void watchThatIsCutBeforeItsFirstEventMissesNothing() throws Exception {
    CountDownLatch written = new CountDownLatch(1);
    try (MeridianClient cut = MeridianClient.connect(proxy.address(), options);
        Watch watch = cut.watch("early", null)) {
      BlockingQueue<String> seen = new LinkedBlockingQueue<>();
      Thread waiting = Thread.ofPlatform().start(() -> seen.add(told(watch.next())));
      await(() -> waiting.getState() == Thread.State.TIMED_WAITING);
      proxy.next(Fate.heldUntil(written));
      proxy.cutAll();
      await(() -> proxy.accepted() == 2);
      client.put("early/1", 1);
      written.countDown();
      client.put("early/2", 1);
      assertThat(seen.poll(60, TimeUnit.SECONDS)).isEqualTo("put 1");
    }
  }

  // --- Broken connections --------------------------------------------------------------------

  @Test
  void writeIsAppliedOnceWhereverItIsCutOff() throws Exception {
    long seed = Long.getLong("seed", System.nanoTime());
    System.out.println("ClientTest -Dseed=" + seed);
    Random random = new Random(seed);
    int rounds = 60;
    int replayed = 0;
    for (int round = 1; round <= rounds; round++) {
      proxy.next(
          random.nextBoolean()
              ? Fate.answerCutAfter(random.nextInt(400))
              : Fate.requestCutAfter(1 + random.nextInt(600)));
      try (MeridianClient cut = MeridianClient.connect(proxy.address(), options)) {
        replayed += cut.increment("counters/1", Map.of("n", 1)).replayed() ? 1 : 0;
        replayed += cut.create("created", round).replayed() ? 1 : 0;
        List<Written> batch =
            cut.batch(
                List.of(
                    new BatchWrite.Increment("counters/1", Map.of("b", 1)),
                    new BatchWrite.Increment("counters/1/below/1", Map.of("b", 1))));
        assertThat(batch).extracting(Written::etag).doesNotContainNull();
      }
      assertThat(text("counters/1"))
          .as("seed %d", seed)
          .isEqualTo("{\"n\":" + round + ",\"b\":" + round + "}");
    }
    assertThat(text("counters/1/below/1")).isEqualTo("{\"b\":" + rounds + "}");
    try (var made = client.list("created", ListOptions.ALL)) {
      assertThat(made).as("seed %d", seed).hasSize(rounds);
    }
    assertThat(replayed).as("seed %d", seed).isPositive();
  }

  @Test
  void postOfAnOperatorIsNotSentTwice() throws Exception {
    CuttingProxy cutting = new CuttingProxy(node.listeners().admin().getPort());
    byte[] wanted = json("{\"role\":\"reader\",\"name\":\"only-one\"}");
    try (cutting;
        MeridianClient admin = MeridianClient.connect(cutting.address(), options)) {
      cutting.next(Fate.answerCutAfter(10));
      MeridianException failure = failure(() -> admin.call("POST", "/keys", wanted));
      assertThat(failure.type()).isEqualTo("no-answer");
      assertThat(failure.outcome()).isEqualTo(Outcome.UNKNOWN);
      String keys = new String(admin.call("GET", "/keys", null), UTF_8);
      assertThat(keys.split("only-one", -1)).hasSize(2);
    }
  }

  @Test
  void recordsAreStoredWhereverTheConnectionIsCut() throws Exception {
    for (int bytes = 0; bytes < 500; bytes += 60) {
      proxy.next(Fate.answerCutAfter(bytes));
      try (MeridianClient cut = MeridianClient.connect(proxy.address(), options)) {
        String collection = "bulkcut" + bytes;
        List<BulkRecord> records =
            List.of(new BulkRecord("a", json("1")), new BulkRecord("b", json("2")));
        assertThat(cut.putAll(collection, records)).allMatch(BulkResult::written);
        assertThat(text(collection + "/a")).isEqualTo("1");
      }
    }
  }

  @Test
  void failureSaysWhetherTheWriteMayHaveHappened() throws Exception {
    Options once = options.withAttempts(1);
    try (MeridianClient cut = MeridianClient.connect(proxy.address(), once)) {
      proxy.next(Fate.answerCutAfter(20));
      MeridianException unknown = failure(() -> cut.put("outcomes/1", 1));
      assertThat(unknown.type()).isEqualTo("no-answer");
      assertThat(unknown.outcome()).isEqualTo(Outcome.UNKNOWN);
      assertThat(text("outcomes/1")).isEqualTo("1");
      proxy.next(Fate.answerCutAfter(20));
      assertThat(failure(() -> cut.get("outcomes/1")).outcome()).isEqualTo(Outcome.NOT_DONE);
      proxy.stopListening();
      MeridianException refused = failure(() -> cut.put("outcomes/2", 1));
      assertThat(refused.type()).isEqualTo("unreachable");
      assertThat(refused.status()).isEqualTo(MeridianException.UNREACHED);
      assertThat(refused.outcome()).isEqualTo(Outcome.NOT_DONE);
    }
  }

  // --- Resources -----------------------------------------------------------------------------

  @Test
  void closedClientLeavesNoConnectionAndNoThread() throws Exception {
    // Other tests of this process may have clients of their own.
    Set<Thread> others = Thread.getAllStackTraces().keySet();
    for (int i = 0; i < 3; i++) {
      MeridianClient leaving = MeridianClient.connect(proxy.address(), options);
      leaving.put("leaks/1", 1);
      Watch forgotten = leaving.watch("leaks", null);
      InputStream unread = leaving.open("/data/leaks/1");
      assertThat(forgotten).isNotNull();
      assertThat(unread).isNotNull();
      leaving.close();
    }
    client.close();
    await(() -> proxy.open() == 0);
    await(
        () ->
            Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> !others.contains(thread))
                .noneMatch(thread -> thread.getName().startsWith("HttpClient-")));
  }

  @Test
  void failuresDoNotHoldConnections() throws Exception {
    try (MeridianClient through = MeridianClient.connect(proxy.address(), options)) {
      for (int i = 0; i < 50; i++) {
        assertThat(failure(() -> through.open("/nothing/here")).status()).isEqualTo(404);
        assertThat(failure(() -> through.watch("a", "no-position")).status()).isEqualTo(400);
        assertThat(through.get("leaks/none")).isEmpty();
      }
      await(() -> proxy.open() <= 2);
    }
  }
}
