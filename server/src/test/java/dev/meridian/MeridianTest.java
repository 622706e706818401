package dev.meridian;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Json;
import dev.meridian.document.Patch;
import dev.meridian.handler.Request;
import dev.meridian.handler.Response;
import dev.meridian.store.Batch;
import dev.meridian.store.ChangeQuery;
import dev.meridian.store.ChangeScope;
import dev.meridian.store.Condition;
import dev.meridian.store.Expiry;
import dev.meridian.store.Position;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.StoreException.PreconditionFailed;
import dev.meridian.store.Write;
import dev.meridian.web.TestSite;
import java.io.IOException;
import java.net.CookieManager;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** A program with a site and handlers of its own. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class MeridianTest {
  private static final CountDownLatch STUBBORN = new CountDownLatch(1);
  private static final DocumentPath COUNTER = DocumentPath.of("counters", "main");

  private HttpClient client;
  private Meridian program;
  private RunningSite site;

  @BeforeAll
  void start(@TempDir Path folder) throws Exception {
    Path files = folder.resolve("site");
    Files.createDirectories(files.resolve("pages"));
    Files.writeString(
        files.resolve("site.yaml"),
        """
        name: Program
        domains: [program.test]
        sessions: {rateLimit: off}
        limits: {requestTime: 2 s}
        collections:
          counters:
            rules: {read: "false", write: "false"}
          hits: {cache: write-behind}
          plain: {}
        """);
    Files.writeString(files.resolve("pages/both.html"), "<p>the page</p>");
    for (String collection : List.of("hits", "plain")) {
      Files.writeString(
          files.resolve("pages/show-" + collection + ".html"),
          """
          ---
          data:
            main: {document: NAME/main, optional: true}
            all: {list: NAME, limit: 10}
          ---
          <p>{{ main.count | default(0) }}{% for one in all.items %}, {{ one.value.count }}{% endfor %}</p>
          """
              .replace("NAME", collection));
    }
    Files.writeString(files.resolve("pages/404.html"), "<h1>Nothing of ours</h1>");
    program =
        Meridian.site(files)
            .get("/hello/{name}", request -> Response.text("Hello, " + request.parameter("name")))
            .get("/sum", MeridianTest::sum)
            .post("/both", _ -> Response.text("the handler"))
            .get("/{area}/{place}", request -> Response.text("area " + request.parameter("area")))
            .post("/hit/{collection}", MeridianTest::hit)
            .post("/retry", MeridianTest::retry)
            .get("/changes/{collection}", MeridianTest::changes)
            .post("/count", MeridianTest::count)
            .post("/form", request -> Response.text(request.form().require("text")))
            .put("/echo", request -> Response.json(request.json()))
            .get("/teapot", _ -> Response.problem(418, "Tea only.").header("X-Pot", "small"))
            .get("/broken", _ -> broken())
            .get("/checked", _ -> checked())
            .get("/endless", _ -> endless())
            .get("/stubborn", _ -> stubborn())
            .get("/read/{collection}/{id}", MeridianTest::read)
            .post("/half", MeridianTest::half)
            .get("/cookie", MeridianTest::cookie)
            .get("/cached", _ -> Response.text("x").header("Cache-Control", "max-age=60"))
            .post("/visit", MeridianTest::visit);
    site = program.start(folder.resolve("data"));
  }

  @BeforeEach
  void newVisitor() {
    client = HttpClient.newBuilder().cookieHandler(new CookieManager()).build();
  }

  @AfterEach
  void close() {
    client.close();
  }

  @AfterAll
  void stop() {
    site.close();
  }

  private static Response sum(Request request) {
    long sum = request.query().all("n").stream().mapToLong(Long::parseLong).sum();
    return Response.text(Long.toString(sum + request.query().number("plus", 0, 9)));
  }

  /** Writes, and reads what was written, where no rule lets anybody. */
  private static Response count(Request request) {
    request
        .store()
        .write(
            Batch.of(
                new Write.Put(COUNTER, request.json().toBytes(), Condition.NONE, Expiry.NEVER)));
    byte[] read = request.store().get(COUNTER, ReadOptions.SESSION).orElseThrow().json();
    return Response.of("application/json", read);
  }

  private static Response broken() {
    throw new IllegalStateException("secret of the house");
  }

  private static Response checked() throws IOException {
    throw new IOException("secret of the house");
  }

  private static Response hit(Request request) {
    byte[] one = "{\"count\":1}".getBytes(StandardCharsets.UTF_8);
    request
        .store()
        .write(
            Batch.of(
                new Write.Patch(
                    DocumentPath.of(request.parameter("collection"), "main"),
                    new Patch(Patch.Kind.INCREMENT, one, true),
                    Condition.NONE,
                    Expiry.KEEP)));
    return Response.noContent();
  }

  /** Is refused, and reads what it was refused for. */
  private static Response retry(Request request) {
    DocumentPath path = DocumentPath.of("counters", "retry");
    Write.Put put =
        new Write.Put(path, "{}".getBytes(StandardCharsets.UTF_8), Condition.ABSENT, Expiry.NEVER);
    request.store().write(Batch.of(put));
    try {
      request.store().write(Batch.of(put));
      return Response.text("twice");
    } catch (PreconditionFailed e) {
      return Response.text(
          requireNonNull(e.current())
                  .equals(request.store().get(path, ReadOptions.SESSION).orElseThrow().version())
              ? "seen"
              : "old");
    }
  }

  private static Response changes(Request request) {
    request
        .store()
        .changes(
            new ChangeQuery(
                new ChangeScope.OneCollection(
                    CollectionPath.parse(request.parameter("collection"))),
                Position.START))
        .close();
    return Response.text("followed");
  }

  /** Swallows every interrupt. */
  private static Response stubborn() {
    while (STUBBORN.getCount() > 0) {
      try {
        boolean _ = STUBBORN.await(1, TimeUnit.MINUTES);
      } catch (InterruptedException e) {
        continue;
      }
    }
    return Response.noContent();
  }

  private static Response read(Request request) {
    DocumentPath path = DocumentPath.of(request.parameter("collection"), request.parameter("id"));
    return Response.text(request.store().get(path, ReadOptions.SESSION).isPresent() ? "yes" : "no");
  }

  private static Response half(Request request) {
    request
        .store()
        .write(
            Batch.of(
                new Write.Put(
                    DocumentPath.of("counters", "half"),
                    "{}".getBytes(StandardCharsets.UTF_8),
                    Condition.NONE,
                    Expiry.NEVER)));
    return Response.problem(409, "Half of it was done.");
  }

  private static Response endless() throws InterruptedException {
    Thread.sleep(Long.MAX_VALUE);
    return Response.noContent();
  }

  private static Response cookie(Request request) {
    request.session().set("seen", "yes");
    return Response.text("x")
        .header("Set-Cookie", "own=1; Path=/; Expires=Wed, 21 Oct 2099 07:28:00 GMT")
        .header("Set-Cookie", "two=a,three=b");
  }

  private static Response visit(Request request) {
    var session = request.session();
    session.set("name", request.form().get("name").orElse("nobody"));
    session.add("cart.tea", 2);
    session.append("list", new Json.Str("a"));
    session.append("list", new Json.Str("b"));
    session.remove("gone");
    return Response.json(session.attributes());
  }

  private HttpResponse<String> send(String method, String path, String body, String... headers)
      throws Exception {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(site.address().resolve(path))
            .version(HttpClient.Version.HTTP_1_1)
            .method(
                method, body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(body));
    if (headers.length > 0) {
      request.headers(headers);
    }
    return client.send(request.build(), BodyHandlers.ofString());
  }

  private HttpResponse<String> form(String path, String body, String... headers) throws Exception {
    String[] all = new String[headers.length + 2];
    all[0] = "Content-Type";
    all[1] = "application/x-www-form-urlencoded";
    System.arraycopy(headers, 0, all, 2, headers.length);
    return send("POST", path, body, all);
  }

  @Test
  void parametersAreDecoded() throws Exception {
    assertThat(send("GET", "/hello/Zo%C3%AB%201", "").body()).isEqualTo("Hello, Zoë 1");
    // What could mean another place than it says is no path of a site.
    assertThat(send("GET", "/hello/a%2Fb", "").statusCode()).isEqualTo(404);
    assertThat(send("GET", "/sum?n=1&n=2&plus=4", "").body()).isEqualTo("7");
    assertThat(form("/form", "text=a+b%26c").body()).isEqualTo("a b&c");
  }

  @Test
  void headHasNoBody() throws Exception {
    HttpResponse<String> answer = send("HEAD", "/hello/you", "");
    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(answer.body()).isEmpty();
    assertThat(answer.headers().firstValue("Content-Length")).contains("10");
  }

  @Test
  void whatAHandlerSaysNothingOfIsKeptForItsVisitorAlone() throws Exception {
    assertThat(send("GET", "/hello/you", "").headers().firstValue("Cache-Control"))
        .contains("private, no-cache");
    assertThat(send("GET", "/cached", "").headers().allValues("Cache-Control"))
        .containsExactly("max-age=60");
  }

  @Test
  void badRequestsAreSaidToBe() throws Exception {
    HttpResponse<String> missing = send("GET", "/sum?plus=x", "");
    assertThat(missing.statusCode()).isEqualTo(400);
    assertThat(missing.body()).contains("'plus' is a whole number from 0 to 9; it was 'x'");
    assertThat(form("/form", "other=1").body()).contains("'text' is missing");
    assertThat(send("POST", "/form", "{}", "Content-Type", "application/json").statusCode())
        .isEqualTo(415);
    assertThat(send("PUT", "/echo", "{", "Content-Type", "application/json").statusCode())
        .isEqualTo(400);
    assertThat(form("/form", "text=" + "x".repeat(Request.MAX_BODY)).statusCode()).isEqualTo(413);
    HttpResponse<String> method = send("DELETE", "/echo", "");
    assertThat(method.statusCode()).isEqualTo(405);
    assertThat(method.headers().firstValue("Allow")).contains("PUT, OPTIONS");
    assertThat(send("OPTIONS", "/echo", "").headers().firstValue("Allow")).contains("PUT, OPTIONS");
  }

  @Test
  void pagesAnswerWhereNoHandlerDoes() throws Exception {
    assertThat(send("GET", "/both", "", "Accept", "text/html").body()).contains("the page");
    assertThat(send("POST", "/both", "").body()).isEqualTo("the handler");
    assertThat(send("OPTIONS", "/both", "").headers().firstValue("Allow"))
        .contains("GET, HEAD, POST, OPTIONS");
    assertThat(send("GET", "/session/theme", "").body()).contains("no attribute 'theme'");
    assertThat(send("GET", "/account/sign-in", "").body()).isEqualTo("area account");
    assertThat(send("GET", "/nowhere", "", "Accept", "text/html").body())
        .contains("Nothing of ours");
    assertThat(send("GET", "/hello/a/", "").statusCode()).isEqualTo(404);
  }

  @Test
  void problemsAndFailuresTellVisitorsNothingOfTheHouse() throws Exception {
    HttpResponse<String> teapot = send("GET", "/teapot", "");
    assertThat(teapot.statusCode()).isEqualTo(418);
    assertThat(teapot.headers().firstValue("X-Pot")).contains("small");
    assertThat(teapot.headers().firstValue("Content-Type")).contains("application/problem+json");
    assertThat(teapot.body()).contains("Tea only.");
    for (String path : List.of("/broken", "/checked")) {
      HttpResponse<String> broken = send("GET", path, "");
      assertThat(broken.statusCode()).isEqualTo(500);
      assertThat(broken.body()).doesNotContain("secret").contains("urn:meridian:request:");
    }
  }

  @Test
  void aHandlerThatDoesNotEndIsEnded() throws Exception {
    HttpResponse<String> answer = send("GET", "/endless", "");
    assertThat(answer.statusCode()).isEqualTo(503);
    assertThat(answer.body()).contains("limits.requestTime, 2 s").contains("unknown");
  }

  @Test
  void aHandlerThatDoesNotCareIsGivenUp() throws Exception {
    try {
      HttpResponse<String> answer = send("GET", "/stubborn", "");
      assertThat(answer.statusCode()).isEqualTo(503);
      assertThat(answer.headers().firstValue("Connection")).contains("close");
    } finally {
      STUBBORN.countDown();
    }
  }

  @Test
  void otherSitesPagesMayPostWhereNoSessionIsWritten() throws Exception {
    // A payment that comes back, without cookies; but no session is made for it.
    assertThat(form("/form", "text=paid", "Sec-Fetch-Site", "cross-site").body()).isEqualTo("paid");
    assertThat(form("/visit", "name=Eve", "Sec-Fetch-Site", "cross-site").statusCode())
        .isEqualTo(403);
  }

  @Test
  void meridiansOwnDocumentsAreNobodys() throws Exception {
    assertThat(send("GET", "/changes/counters", "").body()).isEqualTo("followed");
    assertThat(send("GET", "/changes/_users", "").statusCode()).isEqualTo(400);
    HttpResponse<String> answer = send("GET", "/read/_sessions/x", "");
    assertThat(answer.statusCode()).isEqualTo(400);
    assertThat(answer.body()).contains("Meridian's own");
  }

  /** Kept or not, put off or not: who has written sees it, on the page, at once. */
  @Test
  void pagesShowWhatHandlersWrote() throws Exception {
    for (String collection : List.of("plain", "hits")) {
      for (int i = 1; i <= 20; i++) {
        assertThat(send("POST", "/hit/" + collection, "").statusCode()).isEqualTo(204);
        assertThat(send("GET", "/show-" + collection, "").body())
            .as("%s after %s", collection, i)
            .startsWith("<p>" + i);
      }
    }
  }

  @Test
  void whoeverWasRefusedSeesWhy() throws Exception {
    assertThat(send("POST", "/retry", "").body()).isEqualTo("seen");
  }

  @Test
  void whatHasAReadersTokenIsForNoOthers() throws Exception {
    HttpResponse<String> answer = send("GET", "/cached", "", "Meridian-Session", "");
    assertThat(answer.headers().firstValue("Cache-Control")).contains("private, no-cache");
    assertThat(send("GET", "/cached", "").headers().allValues("Vary"))
        .anyMatch(vary -> vary.contains("Meridian-Session"));
  }

  @Test
  void whatWasWrittenIsToldAlsoWhenTheHandlerFails() throws Exception {
    HttpResponse<String> answer = send("POST", "/half", "", "Meridian-Session", "");
    assertThat(answer.statusCode()).isEqualTo(409);
    assertThat(answer.headers().firstValue("Meridian-Session").orElse("")).isNotEmpty();
  }

  @Test
  void aPlantedCookieWritesNothing() throws Exception {
    form("/visit", "name=Eve", "Sec-Fetch-Site", "same-origin");
    String eve = cookie();
    newVisitor();
    form("/visit", "name=Ada", "Sec-Fetch-Site", "same-origin");
    String ada = cookie();
    newVisitor();
    HttpResponse<String> answer =
        send(
            "POST",
            "/count",
            "{\"n\":99}",
            "Cookie",
            eve + "; " + ada,
            "Sec-Fetch-Site",
            "same-origin");
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(409);
    assertThat(
            new String(
                site.store()
                    .get(COUNTER, ReadOptions.STRONG)
                    .map(found -> found.json())
                    .orElse(new byte[0]),
                StandardCharsets.UTF_8))
        .doesNotContain("99");
  }

  private String cookie() {
    return ((CookieManager) client.cookieHandler().orElseThrow())
        .getCookieStore().getCookies().stream()
            .filter(cookie -> cookie.getName().equals("meridian-session"))
            .map(cookie -> cookie.getName() + "=" + cookie.getValue())
            .findFirst()
            .orElseThrow();
  }

  @Test
  void handlersWriteWhatRulesForbidOthers() throws Exception {
    HttpResponse<String> answer =
        send("POST", "/count", "{\"n\":5}", "Meridian-Session", "", "X-Request-Id", "r1");
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    assertThat(answer.body()).isEqualTo("{\"n\":5}");
    assertThat(answer.headers().firstValue("Meridian-Session").orElse("")).isNotEmpty();
    assertThat(send("GET", "/data/counters/main", "").statusCode()).isIn(401, 403);
  }

  @Test
  void sessionsAreChangedInPlaceAndOtherSitesCannot() throws Exception {
    HttpResponse<String> first = form("/visit", "name=Ada", "Sec-Fetch-Site", "same-origin");
    assertThat(first.body())
        .isEqualTo("{\"name\":\"Ada\",\"cart\":{\"tea\":2},\"list\":[\"a\",\"b\"]}");
    assertThat(first.headers().firstValue("Cache-Control")).contains("private, no-store");
    HttpResponse<String> other = form("/visit", "name=Eve", "Sec-Fetch-Site", "cross-site");
    assertThat(other.statusCode()).isEqualTo(403);
    HttpResponse<String> second = form("/visit", "", "Sec-Fetch-Site", "same-origin");
    assertThat(second.body()).contains("\"name\":\"nobody\"").contains("{\"tea\":4}");
    // By a browser that says nothing, the form's token shows where it comes from.
    assertThat(form("/visit", "name=Bob").statusCode()).isEqualTo(403);
    String csrf =
        Json.parse(send("GET", "/session", "").body().getBytes(StandardCharsets.UTF_8))
                    instanceof Json.Obj(Map<String, Json> members)
                && members.get("csrf") instanceof Json.Str(String token)
            ? token
            : "";
    assertThat(form("/visit", "name=Bob&_csrf=" + csrf).body()).contains("Bob");
  }

  @Test
  void cookiesOfHandlersStandBesideTheSessions() throws Exception {
    HttpResponse<String> answer =
        HttpClient.newHttpClient()
            .send(
                HttpRequest.newBuilder(site.address().resolve("/cookie")).build(),
                BodyHandlers.ofString());
    List<String> cookies = answer.headers().allValues("Set-Cookie");
    assertThat(cookies)
        .contains("own=1; Path=/; Expires=Wed, 21 Oct 2099 07:28:00 GMT", "two=a,three=b");
    assertThat(cookies).anyMatch(line -> line.contains("meridian-session="));
  }

  @Test
  void handlersCanBeTestedWithoutSockets() throws Exception {
    try (TestSite test = program.test()) {
      assertThat(test.get("/hello/you?x=1").text()).isEqualTo("Hello, you");
      assertThat(test.post("/form", Map.of("text", "ä & b/c")).text()).isEqualTo("ä & b/c");
      assertThat(test.get("/nowhere").status()).isEqualTo(404);
      assertThat(test.get("/form").status()).isEqualTo(405);
      assertThat(test.post("/visit", Map.of("name", "Ada")).text())
          .isEqualTo("{\"name\":\"Ada\",\"cart\":{\"tea\":2},\"list\":[\"a\",\"b\"]}");
      assertThat(test.session().text("name")).contains("Ada");
      test.newVisitor();
      assertThat(test.session().exists()).isFalse();
      test.send("POST", "/count", Map.of(), "{\"n\":1}".getBytes(StandardCharsets.UTF_8));
      assertThat(test.store().get(COUNTER, ReadOptions.SESSION)).isPresent();
      assertThatThrownBy(() -> test.get("/broken")).isInstanceOf(IllegalStateException.class);
    }
  }
}
