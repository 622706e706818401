package dev.meridian.web;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.session.Lifetimes;
import dev.meridian.session.Refusal;
import dev.meridian.session.Session;
import dev.meridian.session.Sessions;
import dev.meridian.site.CollectionSettings;
import dev.meridian.site.Limits;
import dev.meridian.site.NewSessionLimit;
import dev.meridian.site.Rules;
import dev.meridian.site.SessionSettings;
import dev.meridian.site.Site;
import dev.meridian.store.SessionToken;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;

@Timeout(120)
class SessionApiTest {
  private static final String NAME = SessionSettings.DEFAULT.cookie();
  private static final String SEEN = NAME + BrowserSession.SEEN;
  private static final String[] MERGE = {"Content-Type", "application/merge-patch+json"};
  private static final String[] FORM = {"Content-Type", "application/x-www-form-urlencoded"};

  @TempDir Path folder;
  private TestServer server;
  private Browser browser;

  @BeforeEach
  void start() throws Exception {
    Rules vip = new Rules("session.level == \"vip\"", "session.level == \"vip\" || auth.key");
    server =
        new TestServer(
            folder,
            new Rules("true", "true"),
            Limits.DEFAULT,
            Map.of("vips", CollectionSettings.defaults("vips", vip)));
    browser = new Browser(server.client);
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private HttpResponse<String> page(String method, String path, String body, String... headers)
      throws Exception {
    return browser.page(server.port(), method, path, body, headers);
  }

  private String attributes() throws Exception {
    return JsonMapper.shared()
        .readTree(page("GET", "/session", "").body())
        .get("attributes")
        .toString();
  }

  private long refused(Refusal refusal) {
    return server.access.sessions().counts().of(refusal);
  }

  @Test
  void whoOnlyReadsGetsNoSession() throws Exception {
    HttpResponse<String> answer = page("GET", "/session", "");
    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(answer.body())
        .isEqualTo(
            "{\"attributes\":{},\"user\":null,\"created\":null,\"expires\":null,\"ends\":null,"
                + "\"csrf\":null}");
    assertThat(TestServer.header(answer, "Cache-Control")).isEqualTo("private, no-store");
    assertThat(page("GET", "/session/cart", "").statusCode()).isEqualTo(404);
    assertThat(page("PATCH", "/session", "{}", MERGE).statusCode()).isEqualTo(204);
    assertThat(page("DELETE", "/session/cart", "").statusCode()).isEqualTo(204);
    assertThat(page("DELETE", "/session", "").statusCode()).isEqualTo(204);
    assertThat(browser.cookies).isEmpty();
  }

  @Test
  void attributesAreSetChangedAndRemovedOneByOne() throws Exception {
    assertThat(page("PUT", "/session/cart", "{\"a\":1}").statusCode()).isEqualTo(204);
    assertThat(browser.set.getFirst())
        .startsWith(NAME + "=1.")
        .contains("; Path=/; Max-Age=", "; HttpOnly; SameSite=Lax")
        .doesNotContain("Secure", "Domain");
    assertThat(
            page("PATCH", "/session", "{\"theme\":\"dark\",\"cart\":{\"b\":2}}", MERGE)
                .statusCode())
        .isEqualTo(204);
    assertThat(
            page(
                    "PATCH",
                    "/session",
                    "{\"cart.a\":4,\"visits\":1}",
                    "Content-Type",
                    "application/vnd.meridian.increment+json")
                .statusCode())
        .isEqualTo(204);
    assertThat(
            page(
                    "PATCH",
                    "/session",
                    "[{\"op\":\"add\",\"path\":\"/cart/c\",\"value\":[1]},"
                        + "{\"op\":\"add\",\"path\":\"/cart/c/-\",\"value\":2}]",
                    "Content-Type",
                    "application/json-patch+json")
                .statusCode())
        .isEqualTo(204);
    assertThat(attributes())
        .isEqualTo("{\"cart\":{\"a\":5,\"b\":2,\"c\":[1,2]},\"theme\":\"dark\",\"visits\":1}");
    assertThat(page("GET", "/session/cart", "").body()).isEqualTo("{\"a\":5,\"b\":2,\"c\":[1,2]}");
    assertThat(page("GET", "/session/cart", "", "Accept", "application/yaml").body())
        .startsWith("a: 5");
    assertThat(page("DELETE", "/session/cart", "").statusCode()).isEqualTo(204);
    assertThat(page("GET", "/session/cart", "").statusCode()).isEqualTo(404);
    assertThat(page("DELETE", "/session", "").statusCode()).isEqualTo(204);
    assertThat(browser.cookies).isEmpty();
    assertThat(attributes()).isEqualTo("{}");
  }

  @Test
  void twoTabsAtOnceLoseNothing() throws Exception {
    page("PUT", "/session/n", "0");
    String cookie = NAME + "=" + browser.cookie(NAME);
    List<Callable<Void>> tabs = List.of(() -> tab(cookie, "left"), () -> tab(cookie, "right"));
    try (ExecutorService pool = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Future<Void> tab : pool.invokeAll(tabs)) {
        tab.get();
      }
    }
    assertThat(attributes())
        .isIn("{\"n\":400,\"left\":199,\"right\":199}", "{\"n\":400,\"right\":199,\"left\":199}");
  }

  private Void tab(String cookie, String name) throws Exception {
    String[] own = {"Cookie", cookie, "Sec-Fetch-Site", "same-origin", "Content-Type", ""};
    for (int i = 0; i < 200; i++) {
      own[5] = "application/json";
      assertThat(server.send("PUT", "/session/" + name, "" + i, own).statusCode()).isEqualTo(204);
      own[5] = "application/vnd.meridian.increment+json";
      assertThat(server.send("PATCH", "/session", "{\"n\":1}", own).statusCode()).isEqualTo(204);
    }
    return null;
  }

  @Test
  void aRetryWithAnIdempotencyKeyIsAppliedOnce() throws Exception {
    page("PUT", "/session/n", "0");
    for (int i = 0; i < 3; i++) {
      HttpResponse<String> answer =
          page(
              "PATCH",
              "/session",
              "{\"n\":1}",
              "Content-Type",
              "application/vnd.meridian.increment+json",
              "Idempotency-Key",
              "k1");
      assertThat(TestServer.header(answer, "Idempotency-Replayed")).isEqualTo(i == 0 ? "" : "true");
    }
    assertThat(attributes()).isEqualTo("{\"n\":1}");
  }

  @Test
  void aPlainFormNeedsNoScript() throws Exception {
    HttpResponse<String> answer =
        page(
            "POST",
            "/session",
            "cart.IS-1%2B=2&name=J%C3%B3n+%26+co&list%5B%5D=a&list%5B%5D=b&_flash=Added&_redirect=%2Fcart",
            FORM);
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(303);
    assertThat(TestServer.header(answer, "Location")).isEqualTo("/cart");
    page("POST", "/session", "cart.IS-1+=3", FORM);
    assertThat(attributes())
        .isEqualTo("{\"name\":\"Jón & co\",\"cart\":{\"IS-1\":5},\"list\":[\"a\",\"b\"]}");
    page("POST", "/session", "cart.IS-1-=&name-=", FORM);
    assertThat(attributes()).isEqualTo("{\"cart\":{},\"list\":[\"a\",\"b\"]}");
    answer =
        page(
            "POST",
            "/session",
            "a=1",
            "Content-Type",
            FORM[1],
            "Referer",
            "http://127.0.0.1:" + server.port() + "/shop?page=2");
    assertThat(TestServer.header(answer, "Location")).isEqualTo("/shop?page=2");
    answer =
        page("POST", "/session", "a=1", "Content-Type", FORM[1], "Referer", "https://evil.test/x");
    assertThat(TestServer.header(answer, "Location")).isEqualTo("/");
    page("POST", "/session", "_end=1", FORM);
    assertThat(browser.cookies).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "_redirect=https://evil.test",
        "_redirect=//evil.test",
        "_redirect=/%5Cevil.test",
        "_redirect=/a%0d%0aSet-Cookie:x=1",
        "_redirect=",
        "_redirect=javascript:alert(1)",
        "n%2B=x",
        "n%2B=1&n%2B=2",
        "user=root",
        "_admin=1",
        "a%=1",
        "a.=1",
        "=1",
      })
  void aFormThatIsWrongChangesNothing(String form) throws Exception {
    HttpResponse<String> answer = page("POST", "/session", "good=1&" + form, FORM);
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
    assertThat(browser.cookies).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "Sec-Fetch-Site, cross-site",
    "Sec-Fetch-Site, same-site",
    "Origin, https://evil.test",
    "Origin, null",
    "Origin, http://127.0.0.1:1",
    "X-CSRF-Token, wrong",
    "X-Nothing, x"
  })
  void whatAnotherSiteMayHaveSentIsRefused(String header, String value) throws Exception {
    page("PUT", "/session/n", "1");
    for (String[] request :
        List.of(
            new String[] {"PUT", "/session/n", "2"},
            new String[] {"DELETE", "/session/n", ""},
            new String[] {"DELETE", "/session", ""},
            new String[] {"POST", "/session/rotate", ""})) {
      HttpResponse<String> answer =
          browser.send(server.port(), request[0], request[1], request[2], header, value);
      assertThat(answer.statusCode()).as(request[0] + request[1]).isEqualTo(403);
      assertThat(answer.body()).contains("urn:meridian:problem:csrf");
    }
    HttpResponse<String> form =
        browser.send(
            server.port(), "POST", "/session", "n=2&_csrf=x", header, value, FORM[0], FORM[1]);
    assertThat(form.statusCode()).isEqualTo(403);
    assertThat(attributes()).isEqualTo("{\"n\":1}");
    assertThat(refused(Refusal.CSRF)).isEqualTo(5);
  }

  @Test
  void otherSitesCannotPlantASession() throws Exception {
    for (String site : List.of("cross-site", "same-site")) {
      assertThat(
              browser
                  .send(
                      server.port(),
                      "POST",
                      "/session",
                      "n=2",
                      "Sec-Fetch-Site",
                      site,
                      FORM[0],
                      FORM[1])
                  .statusCode())
          .isEqualTo(403);
    }
    assertThat(browser.cookies).isEmpty();
  }

  @Test
  void theTokenOrTheOriginShowsThatItIsTheSitesOwnPage() throws Exception {
    page("PUT", "/session/n", "1");
    String csrf =
        JsonMapper.shared().readTree(page("GET", "/session", "").body()).get("csrf").asString();
    int port = server.port();
    assertThat(browser.send(port, "PUT", "/session/n", "2", "X-CSRF-Token", csrf).statusCode())
        .isEqualTo(204);
    assertThat(browser.send(port, "POST", "/session", "a=3&_csrf=" + csrf, FORM).statusCode())
        .isEqualTo(303);
    assertThat(
            browser
                .send(port, "PUT", "/session/n", "4", "Origin", "http://127.0.0.1:" + port)
                .statusCode())
        .isEqualTo(204);
    Browser other = new Browser(server.client);
    other.page(port, "PUT", "/session/n", "1");
    assertThat(other.send(port, "PUT", "/session/n", "2", "X-CSRF-Token", csrf).statusCode())
        .as("another session's token")
        .isEqualTo(403);
  }

  @Test
  void cookiesThatAreNotOursAreAsNoneAndLeftAlone() throws Exception {
    page("PUT", "/session/n", "1");
    String good = browser.cookie(NAME);
    String forged = good.substring(0, good.length() - 1) + (good.endsWith("A") ? "B" : "A");
    for (String bad :
        List.of(
            forged,
            good.substring(0, 60),
            "x".repeat(8000),
            "",
            "\"",
            "1.00000000" + good.substring(10),
            "é=ü",
            "%00%ff")) {
      HttpResponse<String> answer = server.send("GET", "/session", "", "Cookie", NAME + "=" + bad);
      assertThat(answer.statusCode()).as(bad).isEqualTo(200);
      assertThat(answer.body()).as(bad).startsWith("{\"attributes\":{},");
      assertThat(answer.headers().allValues("Set-Cookie")).as(bad).isEmpty();
      // Another program's, perhaps, even where the visitor ends what there is.
      answer =
          server.send(
              "DELETE",
              "/session",
              "",
              "Cookie",
              NAME + "=" + bad,
              "Sec-Fetch-Site",
              "same-origin");
      assertThat(answer.statusCode()).as(bad).isEqualTo(204);
      assertThat(answer.headers().allValues("Set-Cookie")).as(bad).isEmpty();
    }
    assertThat(refused(Refusal.FORGED)).isEqualTo(4);
    assertThat(refused(Refusal.OVERSIZED)).isEqualTo(2);
    assertThat(refused(Refusal.MALFORMED)).isEqualTo(10);
    assertThat(attributes()).isEqualTo("{\"n\":1}");
    // Beside others of the same name, the good one counts.
    assertThat(
            server
                .send(
                    "GET", "/session", "", "Cookie", NAME + "=" + forged + "; " + NAME + "=" + good)
                .body())
        .contains("\"n\":1");
    // A client's own choice of an id is never adopted.
    HttpResponse<String> fixed =
        server.json("PUT", "/session/n", "2", "Cookie", NAME + "=" + forged);
    assertThat(fixed.headers().allValues("Set-Cookie"))
        .anyMatch(line -> line.startsWith(NAME + "=1.") && !line.contains(good.split("\\.")[2]));
    assertThat(attributes()).isEqualTo("{\"n\":1}");
  }

  @Test
  void aCookieBombIsAnsweredAndBounded() throws Exception {
    StringBuilder bomb = new StringBuilder(NAME + "=x");
    for (int i = 0; i < 2000; i++) {
      bomb.append("; c").append(i).append("=v");
    }
    assertThat(server.send("GET", "/session", "", "Cookie", bomb.toString()).statusCode())
        .isEqualTo(200);
    browser.cookies.put(NAME, "x".repeat(40_000));
    HttpResponse<String> answer = page("GET", "/session", "");
    assertThat(answer.statusCode()).isEqualTo(400);
    assertThat(answer.body()).contains("its headers are larger than 32768 bytes", "cookies");
  }

  @Test
  void rotationGivesAnotherCookieAndTheOneBeforeIsGoodForTheGrace() throws Exception {
    page("PUT", "/session/n", "1");
    String before = browser.cookie(NAME);
    HttpResponse<String> answer = page("POST", "/session/rotate", "");
    assertThat(answer.statusCode()).isEqualTo(204);
    assertThat(browser.cookie(NAME)).isNotEqualTo(before);
    assertThat(attributes()).isEqualTo("{\"n\":1}");
    HttpResponse<String> late = server.send("GET", "/session", "", "Cookie", NAME + "=" + before);
    assertThat(late.body()).contains("\"n\":1");
    assertThat(late.headers().allValues("Set-Cookie"))
        .as("or it would undo the rotation")
        .isEmpty();
    page("POST", "/session/rotate", "");
    assertThat(server.send("GET", "/session", "", "Cookie", NAME + "=" + before).body())
        .as("two rotations ago")
        .startsWith("{\"attributes\":{},");
    assertThat(refused(Refusal.REPLAYED)).isEqualTo(1);
    assertThat(attributes()).isEqualTo("{\"n\":1}");
  }

  @Test
  void rulesSeeTheSession() throws Exception {
    int port = server.port();
    assertThat(page("PUT", "/data/vips/a", "{}").statusCode()).isEqualTo(401);
    page("PUT", "/session/level", "\"vip\"");
    assertThat(page("PUT", "/data/vips/a", "{}").statusCode()).isEqualTo(201);
    assertThat(page("GET", "/data/vips/a", "").statusCode()).isEqualTo(200);
    assertThat(page("GET", "/data/vips", "").body()).contains("\"a\"");
    HttpResponse<String> forged =
        browser.send(port, "PUT", "/data/vips/b", "{}", "Sec-Fetch-Site", "cross-site");
    assertThat(forged.statusCode()).isEqualTo(403);
    assertThat(forged.body()).contains("urn:meridian:problem:csrf");
    // With a key nothing of the cookie is needed.
    assertThat(
            browser
                .send(
                    port,
                    "PUT",
                    "/data/vips/b",
                    "{}",
                    "Sec-Fetch-Site",
                    "cross-site",
                    "Authorization",
                    "Bearer " + server.operatorKey())
                .statusCode())
        .isEqualTo(201);
    page("DELETE", "/session", "");
    assertThat(page("GET", "/data/vips/a", "").statusCode()).isEqualTo(401);
  }

  @Test
  void writesAreNotedInTheCookieOfWhatWasSeen() throws Exception {
    page("PUT", "/session/n", "1");
    String first = browser.cookie(SEEN);
    assertThat(first).isNotEmpty();
    page("PUT", "/data/things/a", "{}");
    String second = browser.cookie(SEEN);
    assertThat(second).isNotEqualTo(first);
    // Its token is above all that was written, or strong enough to wait for it.
    String header =
        TestServer.header(
            page("GET", "/data/things/a", "", "Meridian-Session", ""), "Meridian-Session");
    assertThat(second).endsWith("." + header);
    // A made-up one is nothing; were it believed, this read would wait and fail.
    String[] parts = second.split("\\.", 4);
    String future = parts[0] + "." + parts[1] + "." + parts[2] + ".0-7fffffffffffffff";
    browser.cookies.put(SEEN, future);
    HttpResponse<String> answer = page("GET", "/data/things/a", "", "Meridian-Session", "");
    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(TestServer.header(answer, "Meridian-Session")).doesNotContain("7fffffffffffffff");
  }

  @Test
  void theCookieIsForTlsAloneWhereTheSiteSaysSo() throws Exception {
    sessions(
        Optional.of(
            new SessionSettings(
                Duration.ofHours(1),
                Duration.ofHours(2),
                "__Host-s",
                SessionSettings.SameSite.LAX,
                SessionSettings.Secure.ALWAYS,
                Optional.of(NewSessionLimit.DEFAULT))));
    page("PUT", "/session/n", "1");
    assertThat(browser.set)
        .hasSize(2)
        .allSatisfy(
            line -> assertThat(line).startsWith("__Host-s").contains("; Secure", "; Path=/;"));
    assertThat(attributes()).isEqualTo("{\"n\":1}");
    // What came without TLS may be anybody's.
    String host = "://127.0.0.1:" + server.port();
    assertThat(
            browser
                .send(server.port(), "PUT", "/session/n", "2", "Origin", "http" + host)
                .statusCode())
        .isEqualTo(403);
    assertThat(
            browser
                .send(server.port(), "PUT", "/session/n", "2", "Origin", "https" + host)
                .statusCode())
        .isEqualTo(204);
  }

  @Test
  void whatIsTooMuchOrWrongIsSaid() throws Exception {
    assertThat(page("PUT", "/session/big", "\"" + "x".repeat(70_000) + "\"").statusCode())
        .isEqualTo(413);
    assertThat(page("PUT", "/session/big", "\"" + "x".repeat(200_000) + "\"").statusCode())
        .isEqualTo(413);
    assertThat(page("PUT", "/session/user", "1").statusCode()).isEqualTo(400);
    assertThat(page("PUT", "/session/a/b", "1").statusCode()).isEqualTo(400);
    assertThat(page("PUT", "/session/a", "{").statusCode()).isEqualTo(400);
    assertThat(page("PATCH", "/session", "{}").statusCode()).isEqualTo(415);
    assertThat(page("POST", "/session", "{}", "Content-Type", "application/json").statusCode())
        .isEqualTo(415);
    assertThat(page("POST", "/session/a", "1").statusCode()).isEqualTo(405);
    assertThat(page("PUT", "/session", "1").statusCode()).isEqualTo(405);
    assertThat(page("GET", "/session?x=1", "").statusCode()).isEqualTo(400);
    assertThat(page("POST", "/session/rotate", "").statusCode()).isEqualTo(404);
    assertThat(browser.cookies).isEmpty();
    page("PUT", "/session/a", "\"text\"");
    HttpResponse<String> answer =
        page(
            "PATCH",
            "/session",
            "{\"a\":1}",
            "Content-Type",
            "application/vnd.meridian.increment+json");
    assertThat(answer.statusCode()).isEqualTo(422);
    assertThat(answer.body()).contains("is no number");
  }

  /** Lets the site have these sessions from now on. */
  private void sessions(Optional<SessionSettings> settings) {
    Site plain = server.site;
    server.site =
        new Site(
            plain.folder(),
            plain.name(),
            plain.domains(),
            plain.listeners(),
            plain.tls(),
            plain.rules(),
            plain.collections(),
            plain.names(),
            plain.limits(),
            settings,
            plain.cacheBytes());
  }

  @Test
  void aSiteThatDoesNotSpeakOfSessionsHasNone() throws Exception {
    page("PUT", "/session/level", "\"vip\"");
    assertThat(page("PUT", "/data/vips/a", "{}").statusCode()).isEqualTo(201);
    String seen = browser.cookie(SEEN);
    sessions(Optional.empty());
    for (String method : List.of("GET", "PUT", "POST", "PATCH", "DELETE")) {
      for (String path : List.of("/session", "/session/level", "/session/rotate")) {
        HttpResponse<String> answer = page(method, path, "1", MERGE);
        assertThat(answer.statusCode())
            .as(method + path)
            .isEqualTo(page(method, "/nothing", "1", MERGE).statusCode());
        assertThat(answer.headers().allValues("Set-Cookie")).isEmpty();
      }
    }
    assertThat(page("GET", "/data/vips/a", "").statusCode()).isEqualTo(401);
    assertThat(page("PUT", "/data/things/a", "{}").statusCode()).isEqualTo(201);
    assertThat(browser.cookie(SEEN)).as("no cookie is looked at").isEqualTo(seen);
    sessions(Optional.of(SessionSettings.DEFAULT));
    assertThat(page("GET", "/data/vips/a", "").statusCode()).isEqualTo(200);
  }

  @Test
  void aNetworkMakesSoManySessionsAndNoMore() throws Exception {
    SessionSettings usual = SessionSettings.DEFAULT;
    sessions(
        Optional.of(
            new SessionSettings(
                usual.idle(),
                usual.absolute(),
                usual.cookie(),
                usual.sameSite(),
                usual.secure(),
                Optional.of(new NewSessionLimit(1, List.of())))));
    page("PUT", "/session/n", "1");
    int made = 1;
    HttpResponse<String> answer;
    do {
      answer = server.send("POST", "/session", made % 2 == 0 ? "n=1" : "_flash=x", FORM);
      made++;
      assertThat(made).isLessThan(10_000);
    } while (answer.statusCode() == 303);
    assertThat(made).isGreaterThan(NewSessionLimit.AT_ONCE);
    assertThat(answer.statusCode()).isEqualTo(429);
    assertThat(answer.body()).contains("urn:meridian:problem:too-many-sessions");
    assertThat(Integer.parseInt(TestServer.header(answer, "Retry-After"))).isPositive();
    assertThat(answer.headers().allValues("Set-Cookie")).isEmpty();
    // Those that there are go on.
    assertThat(page("PUT", "/session/n", "2").statusCode()).isEqualTo(204);
    assertThat(attributes()).isEqualTo("{\"n\":2}");
  }

  @Test
  void aLateAnswerToACookieOfBeforeTakesNothingBack() throws Exception {
    page("PUT", "/session/n", "1");
    String ended = NAME + "=" + browser.cookie(NAME);
    page("DELETE", "/session", "");
    assertThat(browser.cookies).as("ended by the visitor").isEmpty();
    String[] late = {"Cookie", ended, "Sec-Fetch-Site", "same-origin"};
    for (String[] request :
        List.of(new String[] {"GET", "/session"}, new String[] {"DELETE", "/session/n"})) {
      HttpResponse<String> answer = server.send(request[0], request[1], "", late);
      assertThat(answer.statusCode()).isBetween(200, 204);
      assertThat(answer.headers().allValues("Set-Cookie")).as(request[0]).isEmpty();
    }
  }

  @Test
  void aFormThatFailsInPartStillGivesTheCookieOfWhatItMade() throws Exception {
    HttpResponse<String> answer = page("POST", "/session", "a=text&a%5B%5D=more", FORM);
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(422);
    assertThat(answer.headers().allValues("Set-Cookie")).hasSize(2);
    assertThat(TestServer.header(answer, "Cache-Control")).isEqualTo("private, no-store");
    assertThat(attributes()).isEqualTo("{\"a\":\"text\"}");
  }

  @Test
  void twoSessionsAtOnceAreReadAndNotWritten() throws Exception {
    page("PUT", "/session/level", "\"vip\"");
    Browser attacker = new Browser(server.client);
    attacker.page(server.port(), "PUT", "/session/level", "\"vip\"");
    String both = NAME + "=" + attacker.cookie(NAME) + "; " + NAME + "=" + browser.cookie(NAME);
    String[] sent = {"Cookie", both, "Sec-Fetch-Site", "same-origin"};
    assertThat(server.send("GET", "/session", "", sent).statusCode()).isEqualTo(200);
    for (String[] request :
        List.of(
            new String[] {"PUT", "/session/card", "1"},
            new String[] {"DELETE", "/session", ""},
            new String[] {"POST", "/session/rotate", ""},
            new String[] {"PUT", "/data/vips/a", "1"})) {
      HttpResponse<String> answer = server.send(request[0], request[1], request[2], sent);
      assertThat(answer.statusCode()).as(request[1]).isEqualTo(409);
      assertThat(answer.body()).contains("urn:meridian:problem:session-conflict");
      assertThat(answer.headers().allValues("Set-Cookie")).isEmpty();
    }
    assertThat(attributes()).isEqualTo("{\"level\":\"vip\"}");
  }

  @Test
  void aReplacedCookieMakesNoOtherSession() throws Exception {
    page("PUT", "/session/n", "1");
    String[] before = {
      "Cookie", NAME + "=" + browser.cookie(NAME), "Sec-Fetch-Site", "same-origin"
    };
    page("POST", "/session/rotate", "");
    HttpResponse<String> again = server.send("POST", "/session/rotate", "", before);
    assertThat(again.statusCode()).as("its answer is another request's").isEqualTo(409);
    assertThat(server.send("PUT", "/session/n", "2", before).statusCode()).isEqualTo(204);
    page("POST", "/session/rotate", "");
    for (String[] request :
        List.of(
            new String[] {"PUT", "/session/n", "3"},
            new String[] {"DELETE", "/session", ""},
            new String[] {"POST", "/session/rotate", ""})) {
      HttpResponse<String> answer = server.send(request[0], request[1], request[2], before);
      assertThat(answer.statusCode()).as(request[0]).isEqualTo(409);
      assertThat(answer.body()).contains("was replaced");
      assertThat(answer.headers().allValues("Set-Cookie")).isEmpty();
    }
    assertThat(attributes()).isEqualTo("{\"n\":2}");
  }

  @Test
  void theCookieFromBeforeSigningInChangesNothing() throws Exception {
    page("PUT", "/session/n", "1");
    String before = browser.cookie(NAME);
    Sessions sessions = server.access.sessions();
    SessionSettings usual = SessionSettings.DEFAULT;
    Lifetimes lives = new Lifetimes(usual.idle(), usual.absolute());
    Session session =
        sessions
            .load(sessions.claim(before).orElseThrow(), SessionToken.NONE, lives, true)
            .session()
            .orElseThrow();
    String now = sessions.rotate(session, Optional.of("ada"), lives).orElseThrow().cookie();
    for (String[] request :
        List.of(
            new String[] {"PUT", "/session/n", "2"},
            new String[] {"DELETE", "/session/n", ""},
            new String[] {"DELETE", "/session", ""},
            new String[] {"POST", "/session/rotate", ""})) {
      assertThat(page(request[0], request[1], request[2]).statusCode())
          .as(request[0] + request[1])
          .isEqualTo(409);
    }
    assertThat(page("GET", "/session", "").body()).contains("\"user\":null");
    browser.cookies.put(NAME, now);
    assertThat(attributes()).isEqualTo("{\"n\":1}");
    assertThat(page("GET", "/session", "").body()).contains("\"user\":\"ada\"");
  }

  @Test
  void whatWouldSpoilTheAnswerIsRefusedBeforeTheWrite() throws Exception {
    page("PUT", "/session/n", "1");
    String[] bad = {"Meridian-Session", "no token"};
    assertThat(page("PUT", "/session/n", "2", bad).statusCode()).isEqualTo(400);
    assertThat(page("POST", "/session/rotate", "", bad).statusCode()).isEqualTo(400);
    assertThat(attributes()).isEqualTo("{\"n\":1}");
    assertThat(page("PUT", "/data/things/a", "1", bad).statusCode()).isEqualTo(400);
    assertThat(page("GET", "/data/things/a", "").statusCode()).isEqualTo(404);
  }

  @Test
  void metricsTellWhatHappens() throws Exception {
    page("PUT", "/session/n", "1");
    server.send("GET", "/session", "", "Cookie", NAME + "=bad");
    assertThat(server.metrics.scrape())
        .contains("meridian_sessions_total{event=\"created\"} 1.0")
        .contains("meridian_sessions_refused_total{reason=\"malformed\"} 1.0");
  }
}
