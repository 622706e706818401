package dev.meridian.web;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.document.DocumentPath;
import dev.meridian.document.FieldPath;
import dev.meridian.site.CollectionSettings;
import dev.meridian.site.Limits;
import dev.meridian.site.Rules;
import dev.meridian.store.Batch;
import dev.meridian.store.Condition;
import dev.meridian.store.Expiry;
import dev.meridian.store.LogIndex;
import dev.meridian.store.Write;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.math.BigDecimal;
import java.net.URLEncoder;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Rules over the document: nobody learns of what they hide, and nobody keeps what they hid. */
@Timeout(120)
class VisibilityTest {
  private static final Rules OPEN_ONES = new Rules("document.open == true", "true");
  private static final Pattern NEXT = Pattern.compile("\"next\":\"([^\"]+)\"");

  @TempDir Path folder;
  private TestServer server;

  @BeforeEach
  void start() throws IOException {
    server = new TestServer(folder, OPEN_ONES, Limits.DEFAULT, Map.of());
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private void put(String path, String json) throws Exception {
    assertThat(server.json("PUT", "/data/" + path, json).statusCode()).isIn(201, 204);
  }

  private static String value(boolean open, int n) {
    return "{\"open\":" + open + ",\"n\":" + n + "}";
  }

  private static Optional<String> next(String body) {
    Matcher matcher = NEXT.matcher(body);
    return matcher.find() ? Optional.of(matcher.group(1)) : Optional.empty();
  }

  private static List<String> ids(String body) {
    List<String> ids = new ArrayList<>();
    Matcher matcher = Pattern.compile("\"id\":\"([^\"]+)\"").matcher(body);
    while (matcher.find()) {
      ids.add(matcher.group(1));
    }
    return ids;
  }

  @Test
  void hiddenDocumentIsRefusedAndVisibleOneIsNot() throws Exception {
    put("a/1", value(true, 1));
    put("a/2", value(false, 2));
    assertThat(server.send("GET", "/data/a/1", "").statusCode()).isEqualTo(200);
    assertThat(server.send("GET", "/data/a/2", "").statusCode()).isEqualTo(401);
    // As one that is not there: the answer does not tell which.
    assertThat(server.send("GET", "/data/a/3", "").statusCode()).isEqualTo(401);
  }

  @Test
  void pagesAreFullAndEndWithTheLastVisibleDocument() throws Exception {
    for (int i = 10; i < 40; i++) {
      put("a/" + i, value(i % 3 == 0 && i < 34, i));
    }
    List<String> seen = new ArrayList<>();
    String after = "";
    for (int page = 0; ; page++) {
      String body = server.send("GET", "/data/a?limit=2" + after, "").body();
      assertThat(ids(body)).hasSize(2);
      seen.addAll(ids(body));
      Optional<String> next = next(body);
      if (next.isEmpty()) {
        break;
      }
      assertThat(page).isLessThan(5);
      after = "&after=" + next.get();
    }
    assertThat(seen).containsExactly("12", "15", "18", "21", "24", "27", "30", "33");
  }

  @Test
  void sortedScanSortsAndLimitsWhatIsVisible() throws Exception {
    for (int i = 10; i < 30; i++) {
      put("a/" + i, value(i % 2 == 0, 100 - i));
    }
    String first = server.send("GET", "/data/a?sort=n&limit=5&scan=1000", "").body();
    assertThat(ids(first)).containsExactly("28", "26", "24", "22", "20");
    String second =
        server
            .send("GET", "/data/a?sort=n&limit=5&scan=1000&after=" + next(first).orElseThrow(), "")
            .body();
    assertThat(ids(second)).containsExactly("18", "16", "14", "12", "10");
    assertThat(next(second)).isEmpty();
  }

  @Test
  void collectionOfHiddenDocumentsLooksEmpty() throws Exception {
    for (int i = 0; i < 20; i++) {
      put("a/" + i, value(false, i));
    }
    assertThat(server.send("GET", "/data/a?limit=3", "").body()).isEqualTo("{\"items\":[]}");
  }

  private HttpResponse<String> list(String collection, String where, String more) throws Exception {
    return server.send(
        "GET",
        "/data/" + collection + "?where=" + URLEncoder.encode(where, StandardCharsets.UTF_8) + more,
        "");
  }

  /** Makes hidden documents in a collection below a document, without the detour over HTTP. */
  private void hide(String collection, int count) {
    byte[] json = value(false, 7).getBytes(StandardCharsets.UTF_8);
    for (int i = 0; i < count; ) {
      List<Write> writes = new ArrayList<>();
      for (; i < count && writes.size() < Batch.MAX_WRITES; i++) {
        DocumentPath path = DocumentPath.parse("%s/hidden-%05d".formatted(collection, i));
        writes.add(new Write.Put(path, json, Condition.NONE, Expiry.NEVER));
      }
      server.store.write(new Batch(writes, null, false));
    }
  }

  @Test
  void cursorsAreNeverMadeOfHiddenDocuments() throws Exception {
    hide("t/1/a", 10_500);
    put("t/1/a/z1", value(true, 1));
    put("t/1/a/z2", value(true, 2));
    for (String query : List.of("?limit=1", "?limit=1&scan=1&where=n%3E0")) {
      String body = server.send("GET", "/data/t/1/a" + query, "").body();
      assertThat(ids(body)).containsExactly("z1");
      String next = next(body).orElseThrow();
      assertThat(new String(Base64.getUrlDecoder().decode(next), StandardCharsets.ISO_8859_1))
          .contains("z1")
          .doesNotContain("hidden");
      String second = server.send("GET", "/data/t/1/a" + query + "&after=" + next, "").body();
      assertThat(ids(second)).containsExactly("z2");
      assertThat(next(second)).isEmpty();
    }
  }

  @Test
  void scanLimitCountsVisibleDocumentsOnly() throws Exception {
    hide("t/1/a", 5);
    put("t/1/a/z1", value(true, 7));
    assertThat(ids(list("t/1/a", "n in [7]", "&sort=pub&scan=1").body())).containsExactly("z1");
    assertThat(ids(list("t/1/a", "n in [8]", "&sort=pub&scan=1").body())).isEmpty();
    put("t/1/a/z2", value(true, 7));
    assertThat(list("t/1/a", "n in [7]", "&sort=pub&scan=1").statusCode()).isEqualTo(400);
  }

  @Test
  void filterThatFailsOnAHiddenDocumentTellsNothingOfIt() throws Exception {
    String list = "[" + "0,".repeat(299) + "0]";
    String slow = "l.all(a, l.all(b, l.all(c, a + b + c == 0)))";
    put("a/1", "{\"open\":false,\"secret\":\"x\",\"l\":" + list + "}");
    for (String more : List.of("&scan=1000", "&scan=1000&sort=n")) {
      for (String secret : List.of("x", "y")) {
        HttpResponse<String> answer = list("a", "secret == '" + secret + "' && " + slow, more);
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.body()).isEqualTo("{\"items\":[]}");
      }
    }
    // Of one that may be seen it is told.
    put("a/2", "{\"open\":true,\"l\":" + list + "}");
    assertThat(list("a", slow, "&scan=1000").statusCode()).isEqualTo(400);
  }

  @Test
  void retriedWriteIsReplayedThoughItsRuleOrConditionNoLongerHolds() throws Exception {
    server.site =
        TestServer.site(folder, new Rules("true", "document == null"), Limits.DEFAULT, Map.of());
    String[] create = {"If-None-Match", "*", "Idempotency-Key", "key-1"};
    HttpResponse<String> first = server.json("PUT", "/data/a/1", "{\"n\":1}", create);
    HttpResponse<String> again = server.json("PUT", "/data/a/1", "{\"n\":1}", create);
    assertThat(first.statusCode()).isEqualTo(201);
    assertThat(again.statusCode()).isEqualTo(201);
    assertThat(TestServer.header(again, "ETag")).isEqualTo(TestServer.header(first, "ETag"));

    // Without the key, or with another, it is a new request, and refused.
    assertThat(server.json("PUT", "/data/a/1", "{\"n\":1}").statusCode()).isEqualTo(401);
    assertThat(
            server
                .json(
                    "PUT", "/data/a/1", "{\"n\":1}", "If-None-Match", "*", "Idempotency-Key", "k2")
                .statusCode())
        .isEqualTo(401);
    assertThat(server.send("GET", "/data/a/1", "").body()).isEqualTo("{\"n\":1}");
  }

  @Test
  void refusedWriteLeavesNothingInTheLog() throws Exception {
    server.site =
        TestServer.site(folder, new Rules("true", "document == null"), Limits.DEFAULT, Map.of());
    put("a/1", "{\"n\":1}");
    LogIndex before = server.store.applied();
    for (int i = 0; i < 10; i++) {
      assertThat(server.json("PUT", "/data/a/1", "{}", "Idempotency-Key", "k" + i).statusCode())
          .isEqualTo(401);
    }
    assertThat(server.store.applied()).isEqualTo(before);
  }

  @Test
  void failedConditionUnderSuchARuleIsToldAsOne() throws Exception {
    server.site =
        TestServer.site(folder, new Rules("true", "value.n > 0"), Limits.DEFAULT, Map.of());
    put("a/1", "{\"n\":1}");
    assertThat(
            server
                .json(
                    "PUT", "/data/a/1", "{\"n\":2}", "If-None-Match", "*", "Idempotency-Key", "k1")
                .statusCode())
        .isEqualTo(412);
    assertThat(server.send("GET", "/data/a/1", "").body()).isEqualTo("{\"n\":1}");
  }

  private HttpResponse<String> patch(String type, String path, String json, String... headers)
      throws Exception {
    String[] all = new String[headers.length + 2];
    System.arraycopy(headers, 0, all, 2, headers.length);
    all[0] = "Content-Type";
    all[1] = type;
    return server.send("PATCH", "/data/" + path, json, all);
  }

  @Test
  void writeAnswersWithTheValueOnlyToThoseWhoMayReadIt() throws Exception {
    String[] prefer = {"Prefer", "return=representation"};
    put("a/1", value(false, 1));
    put("a/2", value(true, 1));
    String merge = "application/merge-patch+json";
    HttpResponse<String> hidden = patch(merge, "a/1", "{\"x\":1}", prefer);
    assertThat(hidden.statusCode()).isEqualTo(204);
    assertThat(hidden.body()).isEmpty();
    assertThat(TestServer.header(hidden, "Preference-Applied")).isEmpty();
    HttpResponse<String> shown = patch(merge, "a/2", "{\"x\":1}", prefer);
    assertThat(shown.body()).isEqualTo("{\"open\":true,\"n\":1,\"x\":1}");
    assertThat(TestServer.header(shown, "Preference-Applied")).isNotEmpty();

    String writes =
        "{\"writes\":[{\"patch\":\"t/1/a/1\",\"value\":%s,\"create\":true},"
            + "{\"patch\":\"t/1/a/2\",\"value\":%s,\"create\":true}]}";
    HttpResponse<String> both =
        server.json("POST", "/data", writes.formatted(value(false, 7), value(true, 8)), prefer);
    assertThat(both.body()).contains("\"n\":8").doesNotContain("\"n\":7");
    assertThat(TestServer.header(both, "Preference-Applied")).isEmpty();
    HttpResponse<String> open =
        server.json("POST", "/data", writes.formatted(value(true, 7), value(true, 8)), prefer);
    assertThat(open.body()).contains("\"n\":8", "\"n\":7");
    assertThat(TestServer.header(open, "Preference-Applied")).isNotEmpty();
  }

  @Test
  void jsonPatchIsForThoseWhoMayRead() throws Exception {
    String type = "application/json-patch+json";
    put("a/1", value(false, 1));
    put("a/2", value(true, 1));
    for (int guess = 0; guess < 3; guess++) {
      String test = "[{\"op\":\"test\",\"path\":\"/n\",\"value\":" + guess + "}]";
      assertThat(patch(type, "a/1", test).statusCode()).isEqualTo(401);
      assertThat(patch(type, "a/0", test).statusCode()).isEqualTo(401);
      assertThat(patch(type, "a/2", test).statusCode()).isEqualTo(guess == 1 ? 204 : 422);
      String batch = "{\"writes\":[{\"jsonPatch\":\"a/1\",\"value\":" + test + "}]}";
      assertThat(server.json("POST", "/data", batch).statusCode()).isEqualTo(401);
    }
    server.site = TestServer.site(folder, new Rules("false", "true"), Limits.DEFAULT, Map.of());
    assertThat(patch(type, "a/2", "[{\"op\":\"remove\",\"path\":\"/n\"}]").statusCode())
        .isEqualTo(401);
  }

  @Test
  void failedConditionTellsTheVersionOnlyToThoseWhoMayRead() throws Exception {
    put("a/1", value(false, 1));
    put("a/2", value(true, 1));
    HttpResponse<String> hidden = server.json("PUT", "/data/a/1", "{}", "If-None-Match", "*");
    assertThat(hidden.statusCode()).isEqualTo(412);
    assertThat(hidden.body()).doesNotContain("\"etag\"").doesNotContain("ETag");
    HttpResponse<String> shown = server.json("PUT", "/data/a/2", "{}", "If-None-Match", "*");
    assertThat(shown.statusCode()).isEqualTo(412);
    assertThat(shown.body()).contains("\"etag\"");
  }

  @Test
  void whatLiesBelowAClosedCollectionIsClosed() throws Exception {
    CollectionSettings users =
        new CollectionSettings(
            "users",
            List.of(),
            new Rules("auth.role == 'boss'", "auth.role == 'boss'"),
            Optional.of(Duration.ofDays(1)),
            CollectionSettings.CachePolicy.READ_THROUGH,
            Optional.empty(),
            Optional.empty());
    Rules open = new Rules("true", "true");
    server.site =
        TestServer.site(
            folder,
            open,
            Limits.DEFAULT,
            Map.of(
                "users", users, "users/*/open", CollectionSettings.defaults("users/*/open", open)));
    for (String path : List.of("users/7", "users/7/messages/1", "users/7/messages/1/parts/2")) {
      assertThat(server.json("PUT", "/data/" + path, "{}").statusCode()).isEqualTo(401);
      assertThat(server.send("GET", "/data/" + path, "").statusCode()).isEqualTo(401);
    }
    assertThat(server.send("GET", "/data/users/7/messages", "").statusCode()).isEqualTo(401);
    for (String path : List.of("users/7/open/1", "users/7/open/1/parts/2", "a/1", "a/1/b/2")) {
      assertThat(server.json("PUT", "/data/" + path, "{}").statusCode()).isEqualTo(201);
      assertThat(server.send("GET", "/data/" + path, "").statusCode()).isEqualTo(200);
    }
    // Rules alone are inherited.
    String boss = server.access.keys().create("boss", "t", Optional.empty()).token();
    String[] bearer = {"Authorization", "Bearer " + boss};
    for (String path : List.of("users/7", "users/7/messages/1")) {
      assertThat(server.json("PUT", "/data/" + path, "{}", bearer).statusCode()).isEqualTo(201);
      String end = TestServer.header(server.send("GET", "/data/" + path, "", bearer), "Expires-At");
      assertThat(end.isEmpty()).isEqualTo(!path.equals("users/7"));
    }
  }

  @Test
  void pathInARuleIsEachDocumentsOwnHoweverItIsSpelt() throws Exception {
    put("a/secret", value(true, 1));
    put("a/1", value(true, 1));
    String rule = "request.path != '/data/a/secret' && request.path != '/data/a/hidden one'";
    server.site = TestServer.site(folder, new Rules(rule, rule), Limits.DEFAULT, Map.of());
    for (String spelt : List.of("secret", "%73ecret", "hidden%20one")) {
      assertThat(server.send("GET", "/data/a/" + spelt, "").statusCode()).isEqualTo(401);
      assertThat(server.json("PUT", "/data/a/" + spelt, "{}").statusCode()).isEqualTo(401);
    }
    assertThat(server.send("GET", "/data/a/%31", "").statusCode()).isEqualTo(200);
    assertThat(ids(server.send("GET", "/data/a", "").body())).containsExactly("1");
    String batch = "{\"writes\":[{\"put\":\"a/%s\",\"value\":1}]}";
    assertThat(server.json("POST", "/data", batch.formatted("secret")).statusCode()).isEqualTo(401);
    assertThat(server.json("POST", "/data", batch.formatted("1")).statusCode()).isEqualTo(200);
    assertThat(server.json("POST", "/data/a", "1").statusCode()).isEqualTo(201);
    assertThat(server.send("GET", "/data/a/secret?watch", "").statusCode()).isEqualTo(401);
    try (Watch watch = new Watch("/data/a?watch&since=start")) {
      assertThat(watch.told()).isEqualTo("put 1");
    }
  }

  @Test
  void keyOfAReaderNeverWrites() throws Exception {
    for (Rules rules : List.of(Rules.DEFAULT, new Rules("true", "true"))) {
      server.site = TestServer.site(folder, rules, Limits.DEFAULT, Map.of());
      for (String role : List.of(ApiKeys.READER, ApiKeys.EDITOR, "shop")) {
        String key = server.access.keys().create(role, "t", Optional.empty()).token();
        String[] bearer = {"Authorization", "Bearer " + key};
        int refused = role.equals(ApiKeys.READER) ? 403 : 0;
        assertThat(server.json("PUT", "/data/a/1", "{}", bearer).statusCode())
            .isIn(refused == 0 ? List.of(201, 204) : List.of(refused));
        assertThat(server.json("POST", "/data/a", "{}", bearer).statusCode())
            .isEqualTo(refused == 0 ? 201 : refused);
        String batch = "{\"writes\":[{\"put\":\"a/1\",\"value\":1}]}";
        assertThat(server.json("POST", "/data", batch, bearer).statusCode())
            .isEqualTo(refused == 0 ? 200 : refused);
        assertThat(server.send("GET", "/data/a/1", "", bearer).statusCode())
            .isEqualTo(role.equals(ApiKeys.READER) && rules == Rules.DEFAULT ? 404 : 200);
      }
    }
  }

  // --- Watches -------------------------------------------------------------------------------

  private record Event(String id, String name, String data) {}

  /** Reads a stream of server-sent events on a thread of its own. */
  private final class Watch implements AutoCloseable {
    private static final Event END = new Event("", "end", "");
    private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();
    private final InputStream in;

    Watch(String path, String... headers) throws Exception {
      HttpRequest.Builder request = server.request(path).timeout(Duration.ofMinutes(2));
      if (headers.length > 0) {
        request.headers(headers);
      }
      HttpResponse<InputStream> response =
          server.client.send(request.build(), BodyHandlers.ofInputStream());
      assertThat(response.statusCode()).isEqualTo(200);
      in = response.body();
      Thread.ofVirtual().start(this::read);
    }

    private void read() {
      try (BufferedReader lines =
          new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8))) {
        String id = "";
        String name = "";
        String data = "";
        for (String line; (line = lines.readLine()) != null; ) {
          if (line.startsWith("id: ")) {
            id = line.substring(4);
          } else if (line.startsWith("event: ")) {
            name = line.substring(7);
          } else if (line.startsWith("data: ")) {
            data = line.substring(6);
          } else if (line.isEmpty() && !data.isEmpty()) {
            events.add(new Event(id, name, data));
            data = "";
          }
        }
      } catch (IOException e) {
        // The end, too.
      }
      events.add(END);
    }

    Event next() throws InterruptedException {
      Event event = events.poll(60, TimeUnit.SECONDS);
      assertThat(event).isNotNull();
      return event;
    }

    /** The next event, of which only the id of the document matters. */
    String told() throws InterruptedException {
      Event event = next();
      List<String> ids = ids(event.data);
      return ids.isEmpty() ? event.name : event.name + " " + ids.getFirst();
    }

    @Override
    public void close() throws IOException {
      in.close();
    }
  }

  @Test
  void watchTellsOfWhatBecomesHiddenAndNothingOfWhatAlwaysWas() throws Exception {
    put("a/1", value(true, 1));
    put("a/2", value(false, 2));
    try (Watch watch = new Watch("/data/a?watch&since=start")) {
      assertThat(watch.told()).isEqualTo("put 1");
      put("a/2", value(false, 3));
      assertThat(server.send("DELETE", "/data/a/2", "").statusCode()).isEqualTo(204);
      put("a/1", value(false, 1));
      assertThat(watch.told()).isEqualTo("delete 1");
      put("a/1", value(false, 2));
      put("a/3", value(true, 3));
      assertThat(watch.told()).isEqualTo("put 3");
      assertThat(server.send("DELETE", "/data/a/3", "").statusCode()).isEqualTo(204);
      assertThat(watch.told()).isEqualTo("delete 3");
    }
  }

  @Test
  void watchFromNowOnIsSilentAboutHiddenDocuments() throws Exception {
    put("a/1", value(false, 1));
    put("a/2", value(true, 2));
    for (String path : List.of("/data/a?watch", "/data/a?watch&since=now")) {
      try (Watch watch = new Watch(path)) {
        put("a/1", value(false, 2));
        assertThat(server.send("DELETE", "/data/a/1", "").statusCode()).isEqualTo(204);
        put("a/2", value(true, 3));
        assertThat(watch.told()).isEqualTo("put 2");
      }
    }
  }

  @Test
  void watchThatGoesOnBeginsAnewWhateverHasHappened() throws Exception {
    put("a/1", value(true, 1));
    put("a/2", value(false, 2));
    String position = TestServer.header(server.send("GET", "/data/a", ""), "Meridian-Position");
    try (Watch watch = new Watch("/data/a?watch&since=" + position)) {
      assertThat(watch.told()).isEqualTo("reset");
      assertThat(watch.told()).isEqualTo("put 1");
      put("a/2", value(false, 3));
      put("a/1", value(false, 1));
      assertThat(watch.told()).isEqualTo("delete 1");
    }
  }

  @Test
  void watchThatGoesOnTakesBackWhatIsHiddenByNow() throws Exception {
    put("a/1", value(true, 1));
    put("a/2", value(true, 2));
    try (Watch watch = new Watch("/data/a?watch&since=start")) {
      assertThat(watch.told()).isEqualTo("put 1");
      Event second = watch.next();
      assertThat(ids(second.data)).containsExactly("2");
      watch.close();
      put("a/1", value(false, 1));
      try (Watch resumed = new Watch("/data/a?watch", "Last-Event-ID", second.id)) {
        assertThat(resumed.told()).isEqualTo("reset");
        assertThat(resumed.told()).isEqualTo("put 2");
        put("a/3", value(false, 3));
        put("a/2", value(false, 2));
        assertThat(resumed.told()).isEqualTo("delete 2");
      }
    }
  }

  @Test
  void resumedWatchMissesNothingAndRepeatsNothing() throws Exception {
    server.site = TestServer.site(folder, new Rules("true", "true"), Limits.DEFAULT, Map.of());
    put("a/1", value(true, 1));
    Event last;
    try (Watch watch = new Watch("/data/a?watch&since=start")) {
      last = watch.next();
      assertThat(ids(last.data)).containsExactly("1");
    }
    put("a/2", value(true, 2));
    assertThat(server.send("DELETE", "/data/a/1", "").statusCode()).isEqualTo(204);
    try (Watch resumed = new Watch("/data/a?watch", "Last-Event-ID", last.id)) {
      assertThat(resumed.told()).isEqualTo("put 2");
      assertThat(resumed.told()).isEqualTo("delete 1");
      put("a/4", value(true, 4));
      assertThat(resumed.told()).isEqualTo("put 4");
    }
  }

  @Test
  void tightenedRuleEndsTheWatchesOfThoseItKeepsOut() throws Exception {
    server.site = TestServer.site(folder, new Rules("true", "true"), Limits.DEFAULT, Map.of());
    put("a/1", value(true, 1));
    try (Watch watch = new Watch("/data/a?watch&since=start")) {
      assertThat(watch.told()).isEqualTo("put 1");
      server.site =
          TestServer.site(folder, new Rules("auth.key", "true"), Limits.DEFAULT, Map.of());
      assertThat(watch.told()).isEqualTo("end");
    }
    assertThat(server.send("GET", "/data/a?watch", "").statusCode()).isEqualTo(401);
  }

  @Test
  void changedRuleMakesWatchesBeginAnewByIt() throws Exception {
    put("a/1", value(true, 1));
    put("a/2", value(false, 2));
    try (Watch watch = new Watch("/data/a?watch&since=start")) {
      assertThat(watch.told()).isEqualTo("put 1");
      server.site =
          TestServer.site(
              folder, new Rules("document.open == false", "true"), Limits.DEFAULT, Map.of());
      assertThat(watch.told()).isEqualTo("reset");
      assertThat(watch.told()).isEqualTo("put 2");
    }
  }

  @Test
  void revokedKeyEndsItsWatchesWithoutAnyChange() throws Exception {
    server.site = TestServer.site(folder, new Rules("auth.key", "true"), Limits.DEFAULT, Map.of());
    put("a/1", value(true, 1));
    ApiKeys.Created key = server.access.keys().create(ApiKeys.READER, "t", Optional.empty());
    String bearer = "Bearer " + key.token();
    try (Watch watch = new Watch("/data/a?watch&since=start", "Authorization", bearer)) {
      assertThat(watch.told()).isEqualTo("put 1");
      assertThat(server.access.keys().revoke(key.info().id())).isTrue();
      assertThat(watch.told()).isEqualTo("end");
    }
  }

  @Test
  void serverThatStopsEndsItsWatches() throws Exception {
    put("a/1", value(true, 1));
    try (Watch watch = new Watch("/data/a?watch&since=start")) {
      assertThat(watch.told()).isEqualTo("put 1");
      server.web.close();
      assertThat(watch.told()).isEqualTo("end");
    }
  }

  // --- Grants --------------------------------------------------------------------------------

  @Test
  void grantAllowsItsWriteAndNothingElse() throws Exception {
    server.site = TestServer.site(folder, new Rules("true", "auth.page"), Limits.DEFAULT, Map.of());
    String grant = server.access.grants().mint(Grants.Kind.PUT, "a/1", Grants.Terms.PLAIN);
    assertThat(putWith(grant, "a/1")).isEqualTo(201);
    assertThat(putWith(grant, "a/2")).isEqualTo(401);
    assertThat(putWith(grant, "b/1")).isEqualTo(401);
    assertThat(server.send("DELETE", "/data/a/1", "", "Meridian-Grant", grant).statusCode())
        .isEqualTo(401);
    int half = grant.length() / 2;
    char other = grant.charAt(half) == 'A' ? 'B' : 'A';
    assertThat(putWith(grant.substring(0, half) + other + grant.substring(half + 1), "a/1"))
        .isEqualTo(401);
    assertThat(putWith(grant.substring(0, grant.length() - 1), "a/1")).isEqualTo(401);
    assertThat(putWith("", "a/1")).isEqualTo(401);
  }

  private int increment(String grant, String json, String... headers) throws Exception {
    String[] all = new String[headers.length + 4];
    System.arraycopy(headers, 0, all, 4, headers.length);
    all[0] = "Content-Type";
    all[1] = "application/vnd.meridian.increment+json";
    all[2] = "Meridian-Grant";
    all[3] = grant;
    return server.send("PATCH", "/data/a/1", json, all).statusCode();
  }

  private int batch(String grant, String write) throws Exception {
    return server
        .json("POST", "/data", "{\"writes\":[" + write + "]}", "Meridian-Grant", grant)
        .statusCode();
  }

  private void onlyPagesWrite() {
    server.site =
        TestServer.site(
            folder, new Rules("true", "auth.page || auth.key"), Limits.DEFAULT, Map.of());
  }

  @Test
  void grantLetsNobodyMakeTheDocumentExpire() throws Exception {
    onlyPagesWrite();
    String grant = server.access.grants().mint(Grants.Kind.INCREMENT, "a/1", Grants.Terms.PLAIN);
    String write = "\"increment\":\"a/1\",\"value\":{\"n\":1}";
    assertThat(increment(grant, "{\"n\":1}")).isEqualTo(201);
    assertThat(increment(grant, "{\"n\":1}", "Expires-In", "1")).isEqualTo(401);
    assertThat(increment(grant, "{\"n\":1}", "Expires-At", "never")).isEqualTo(401);
    assertThat(batch(grant, "{" + write + "}")).isEqualTo(200);
    assertThat(batch(grant, "{" + write + ",\"expiresIn\":1}")).isEqualTo(401);
    assertThat(batch(grant, "{" + write + ",\"expiresAt\":\"never\"}")).isEqualTo(401);
    // Neither whom the rule lets write anyway nor a grant that says so is kept from it.
    String key = server.access.keys().create(ApiKeys.EDITOR, "t", Optional.empty()).token();
    String[] keyed = {"Expires-In", "60", "Authorization", "Bearer " + key};
    assertThat(increment(grant, "{\"n\":1}", keyed)).isEqualTo(204);
    Grants.Terms expiring = new Grants.Terms(Map.of(), true);
    String wide = server.access.grants().mint(Grants.Kind.INCREMENT, "a/1", expiring);
    assertThat(increment(wide, "{\"n\":1}", "Expires-In", "60")).isEqualTo(204);
  }

  @Test
  void grantBindsFieldsAndAmounts() throws Exception {
    onlyPagesWrite();
    Grants.Terms terms =
        new Grants.Terms(Map.of(FieldPath.parse("stats.count"), BigDecimal.ONE), false);
    String grant = server.access.grants().mint(Grants.Kind.INCREMENT, "a/1", terms);
    assertThat(increment(grant, "{\"stats.count\":1}")).isEqualTo(201);
    assertThat(increment(grant, "{\"stats.count\":1.0}")).isEqualTo(204);
    for (String other :
        List.of(
            "{\"stats.count\":2}",
            "{\"stats.count\":-1}",
            "{\"count\":1}",
            "{\"stats.count\":1,\"n\":1}")) {
      assertThat(increment(grant, other)).as(other).isEqualTo(401);
      assertThat(batch(grant, "{\"increment\":\"a/1\",\"value\":" + other + "}")).isEqualTo(401);
    }
    assertThat(server.send("GET", "/data/a/1", "").body()).isEqualTo("{\"stats\":{\"count\":2.0}}");
  }

  @Test
  void grantWithoutFieldsIsForFewAndShortOnes() throws Exception {
    onlyPagesWrite();
    String grant = server.access.grants().mint(Grants.Kind.INCREMENT, "a/1", Grants.Terms.PLAIN);
    assertThat(increment(grant, "{\"a\":1,\"b\":1,\"c\":1,\"d\":1}")).isEqualTo(201);
    assertThat(increment(grant, "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1}")).isEqualTo(401);
    assertThat(increment(grant, "{\"" + "x".repeat(40) + "\":1}")).isEqualTo(204);
    assertThat(increment(grant, "{\"" + "x".repeat(41) + "\":1}")).isEqualTo(401);
  }

  private int putWith(String grant, String path) throws Exception {
    return server.json("PUT", "/data/" + path, "{}", "Meridian-Grant", grant).statusCode();
  }

  @Test
  void deletingTheSecretEndsTheGrantsGivenOut() throws Exception {
    server.site = TestServer.site(folder, new Rules("true", "auth.page"), Limits.DEFAULT, Map.of());
    String grant = server.access.grants().mint(Grants.Kind.PUT, "a/1", Grants.Terms.PLAIN);
    assertThat(putWith(grant, "a/1")).isEqualTo(201);
    String operator = "Bearer " + server.operatorKey();
    assertThat(server.send("GET", "/data/_secrets/grants", "").statusCode()).isEqualTo(401);
    assertThat(server.send("DELETE", "/data/_secrets/grants", "").statusCode()).isEqualTo(401);
    assertThat(
            server
                .send("DELETE", "/data/_secrets/grants", "", "Authorization", operator)
                .statusCode())
        .isEqualTo(204);
    // It may be used for a second more.
    int status = putWith(grant, "a/1");
    for (int i = 0; i < 600 && status != 401; i++) {
      Thread.sleep(50);
      status = putWith(grant, "a/1");
    }
    assertThat(status).isEqualTo(401);
    assertThat(
            putWith(server.access.grants().mint(Grants.Kind.PUT, "a/1", Grants.Terms.PLAIN), "a/1"))
        .isEqualTo(204);
  }
}
