package dev.meridian.web;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.account.AccountCounts.Result;
import dev.meridian.account.User;
import dev.meridian.geo.Prefix;
import dev.meridian.site.AccountSettings;
import dev.meridian.site.AccountSettings.AttemptLimit;
import dev.meridian.site.AccountSettings.HashCost;
import dev.meridian.site.CollectionSettings;
import dev.meridian.site.Limits;
import dev.meridian.site.Rules;
import dev.meridian.site.SessionSettings;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
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
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

@Timeout(120)
class AccountApiTest {
  private static final String NAME = SessionSettings.DEFAULT.cookie();
  private static final String GOOD = "correct horse";
  private static final String[] JSON = {"Content-Type", "application/json"};
  private static final String[] FORM = {"Content-Type", "application/x-www-form-urlencoded"};
  private static final AccountSettings SETTINGS =
      new AccountSettings(
          true,
          8,
          new HashCost(64, 1, 1),
          Optional.of(new AttemptLimit(10, 60, List.of())),
          Map.of());

  @TempDir Path folder;
  private TestServer server;
  private Browser browser;

  @BeforeEach
  void start() throws Exception {
    Map<String, CollectionSettings> collections = new LinkedHashMap<>();
    rules(collections, "orders", "user.id == document.owner || \"clerk\" in user.roles");
    rules(collections, "club", "user.signedIn");
    rules(collections, "mine", "session.user == user.id");
    rules(collections, "owned", "session.user == document.owner");
    server = new TestServer(folder, new Rules("true", "true"), Limits.DEFAULT, collections);
    server.site = TestServer.withAccounts(server.site, SETTINGS);
    browser = new Browser(server.client);
  }

  private static void rules(Map<String, CollectionSettings> collections, String name, String rule) {
    collections.put(
        name, CollectionSettings.defaults(name, new Rules(rule, rule + " || auth.key")));
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private static String account(String name, String password) {
    return "{\"name\":\"" + name + "\",\"password\":\"" + password + "\"}";
  }

  private HttpResponse<String> by(Browser who, String action, String body) throws Exception {
    return who.page(server.port(), "POST", "/account/" + action, body, JSON);
  }

  private HttpResponse<String> form(Browser who, String action, String body, String... headers)
      throws Exception {
    String[] all = new String[headers.length + 2];
    System.arraycopy(FORM, 0, all, 0, 2);
    System.arraycopy(headers, 0, all, 2, headers.length);
    return who.page(server.port(), "POST", "/account/" + action, body, all);
  }

  private JsonNode user(Browser who) throws Exception {
    return JsonMapper.shared()
        .readTree(who.page(server.port(), "GET", "/account", "").body())
        .get("user");
  }

  private Browser signedUp(String name) throws Exception {
    Browser who = new Browser(server.client);
    HttpResponse<String> answer = by(who, "sign-up", account(name, GOOD));
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(201);
    return who;
  }

  private User stored(String name) {
    return server.access.accounts().findByIdOrName(name).orElseThrow();
  }

  private long count(Result result) {
    return server.access.accounts().counts().of(result);
  }

  @Test
  void whoSignsUpIsSignedInUntilTheySignOut() throws Exception {
    HttpResponse<String> nobody = browser.page(server.port(), "GET", "/account", "");
    assertThat(nobody.body())
        .isEqualTo("{\"user\":null,\"csrf\":null,\"signUp\":true,\"providers\":[]}");
    assertThat(TestServer.header(nobody, "Cache-Control")).isEqualTo("private, no-store");
    HttpResponse<String> made = by(browser, "sign-up", account("Ada", GOOD));
    assertThat(made.statusCode()).isEqualTo(201);
    assertThat(made.body()).contains("\"name\":\"ada\"", "\"roles\":[]").doesNotContain("argon2");
    assertThat(user(browser).get("id").asString()).isEqualTo(stored("ada").id());
    assertThat(browser.page(server.port(), "GET", "/session", "").body())
        .contains("\"user\":\"" + stored("ada").id() + "\"");
    HttpResponse<String> out = by(browser, "sign-out", "");
    assertThat(out.statusCode()).isEqualTo(204);
    assertThat(browser.cookies.keySet()).containsExactly(NAME + BrowserSession.DEVICE);
    assertThat(user(browser).isNull()).isTrue();
    assertThat(by(browser, "sign-in", account("ADA", GOOD)).statusCode()).isEqualTo(200);
    assertThat(user(browser).get("name").asString()).isEqualTo("ada");
    assertThat(count(Result.OK)).isEqualTo(1);
    assertThat(server.metrics.scrape())
        .contains(
            "meridian_sign_ins_total{result=\"ok\"} 1.0",
            "meridian_sign_ups_total 1.0",
            "meridian_password_hash_seconds_count 2",
            "meridian_password_queue 0.0");
  }

  @Test
  void theAnswerDoesNotTellWhoHasAnAccount() throws Exception {
    signedUp("ada");
    HttpResponse<String> known = by(browser, "sign-in", account("ada", "wrong one"));
    HttpResponse<String> unknown = by(browser, "sign-in", account("bob", "wrong one"));
    HttpResponse<String> impossible = by(browser, "sign-in", account("b b", "x"));
    assertThat(known.statusCode()).isEqualTo(401);
    assertThat(unknown.statusCode()).isEqualTo(401);
    assertThat(impossible.statusCode()).isEqualTo(401);
    String instance = "\"instance\":\"[^\"]*\"";
    assertThat(unknown.body().replaceAll(instance, ""))
        .isEqualTo(known.body().replaceAll(instance, ""))
        .isEqualTo(impossible.body().replaceAll(instance, ""));
    // Each was hashed, and beside them the new account's: what there is not costs as much.
    assertThat(server.metrics.scrape()).contains("meridian_password_hash_seconds_count 4");
    assertThat(browser.cookies).isEmpty();
    assertThat(by(browser, "sign-up", account("ADA", GOOD)).statusCode()).isEqualTo(409);
  }

  @Test
  void aCookieFromBeforeTheSignInIsWorthNothingAfter() throws Exception {
    signedUp("ada");
    browser.page(server.port(), "PUT", "/session/cart", "1");
    String planted = browser.cookie(NAME);
    assertThat(by(browser, "sign-in", account("ada", GOOD)).statusCode()).isEqualTo(200);
    assertThat(browser.cookie(NAME)).isNotEqualTo(planted);
    assertThat(browser.page(server.port(), "GET", "/session", "").body())
        .as("what they put into the cart stays")
        .contains("\"cart\":1");
    Browser thief = new Browser(server.client);
    thief.cookies.put(NAME, planted);
    assertThat(user(thief).isNull()).isTrue();
    assertThat(thief.page(server.port(), "GET", "/session", "").body())
        .contains("\"attributes\":{}");
    assertThat(thief.page(server.port(), "PUT", "/data/club/1", "{}").statusCode()).isEqualTo(401);
    assertThat(by(thief, "sign-in", account("ada", GOOD)).statusCode())
        .as("such a cookie is in nobody's way")
        .isEqualTo(200);
  }

  @Test
  void whatAnotherUserPutIntoTheSessionIsNotCarriedOn() throws Exception {
    Browser shared = signedUp("ada");
    signedUp("bob");
    shared.page(server.port(), "PUT", "/session/cart", "1");
    assertThat(by(shared, "sign-in", account("bob", GOOD)).statusCode()).isEqualTo(200);
    assertThat(user(shared).get("name").asString()).isEqualTo("bob");
    assertThat(shared.page(server.port(), "GET", "/session", "").body())
        .contains("\"attributes\":{}");
  }

  @Test
  void anotherSiteSignsNobodyInOrOut() throws Exception {
    Browser ada = signedUp("ada");
    for (String origin : List.of("Sec-Fetch-Site: cross-site", "Origin: http://evil.test")) {
      String[] from = origin.split(": ");
      for (String action : List.of("sign-in", "sign-up", "sign-out", "password")) {
        for (Browser who : List.of(ada, browser)) {
          HttpResponse<String> answer =
              who.send(
                  server.port(),
                  "POST",
                  "/account/" + action,
                  "name=ada&password=correct+horse&newPassword=another+horse",
                  FORM[0],
                  FORM[1],
                  from[0],
                  from[1]);
          assertThat(answer.statusCode()).as(action).isEqualTo(403);
          assertThat(answer.headers().allValues("Set-Cookie")).isEmpty();
        }
      }
    }
    // Of a browser that says nothing, and has a session: by the token alone.
    String bare = "name=ada&password=correct+horse";
    assertThat(ada.send(server.port(), "POST", "/account/sign-in", bare, FORM).statusCode())
        .isEqualTo(403);
    String csrf =
        JsonMapper.shared()
            .readTree(ada.page(server.port(), "GET", "/account", "").body())
            .get("csrf")
            .asString();
    assertThat(
            ada.send(server.port(), "POST", "/account/sign-in", bare + "&_csrf=" + csrf, FORM)
                .statusCode())
        .isEqualTo(303);
    assertThat(user(ada).get("name").asString()).isEqualTo("ada");
  }

  @Test
  void formsLeadOnAndBackWithAMessage() throws Exception {
    String page = "http://127.0.0.1:" + server.port() + "/account/sign-up?next=/club";
    HttpResponse<String> weak =
        form(browser, "sign-up", "name=ada&password=password", "Referer", page);
    assertThat(weak.statusCode()).isEqualTo(303);
    assertThat(TestServer.header(weak, "Location")).isEqualTo("/account/sign-up?next=/club");
    assertThat(browser.cookies).as("holds the message").containsKey(NAME);
    HttpResponse<String> good =
        form(
            browser,
            "sign-up",
            "name=ada&password=correct+horse&_redirect=/club%3Fa&go=Go",
            "Referer",
            page);
    assertThat(good.statusCode()).as(good.body()).isEqualTo(303);
    assertThat(TestServer.header(good, "Location")).isEqualTo("/club?a");
    assertThat(user(browser).get("name").asString()).isEqualTo("ada");
    HttpResponse<String> out = form(browser, "sign-out", "");
    assertThat(TestServer.header(out, "Location")).isEqualTo("/");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "//evil.test",
        "/\\evil.test",
        "https://evil.test",
        "evil.test",
        "/%0d%0aX:y",
        " /a"
      })
  void noFormLeadsToAnotherSite(String to) throws Exception {
    signedUp("ada");
    String encoded = java.net.URLEncoder.encode(to, java.nio.charset.StandardCharsets.UTF_8);
    // The one that is escaped twice is a path like any other.
    boolean own = to.startsWith("/%");
    HttpResponse<String> answer =
        form(browser, "sign-in", "name=ada&password=correct+horse&_redirect=" + encoded);
    assertThat(answer.statusCode()).isEqualTo(own ? 303 : 400);
    assertThat(TestServer.header(answer, "Location")).isEqualTo(own ? to : "");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{",
        "[]",
        "{\"name\":\"ada\"}",
        "{\"name\":5,\"password\":\"correct horse\"}",
        "{\"name\":\"ada\",\"password\":\"correct horse\",\"roles\":[\"admin\"]}",
        "{\"name\":\"ada\",\"password\":\"correct horse\",\"role\":\"admin\"}",
        "{\"name\":\"ada\",\"name\":\"bob\",\"password\":\"correct horse\"}",
        "{\"name\":\"ada\",\"password\":\"short\"}",
        "{\"name\":\"a:b\",\"password\":\"correct horse\"}",
      })
  void whatIsNotWellFormedMakesNoAccount(String body) throws Exception {
    HttpResponse<String> answer = by(browser, "sign-up", body);
    assertThat(answer.statusCode()).isEqualTo(400);
    assertThat(answer.body()).contains("problem:bad-request").doesNotContain("correct horse");
    assertThat(browser.cookies).isEmpty();
  }

  @Test
  void bodiesAreBounded() throws Exception {
    assertThat(by(browser, "sign-in", account("ada", "x".repeat(20_000))).statusCode())
        .isEqualTo(413);
    assertThat(by(browser, "sign-in", account("ada", "x".repeat(10_000))).statusCode())
        .isEqualTo(401);
  }

  @Test
  void aNewPasswordEndsAllOtherSessions() throws Exception {
    Browser ada = signedUp("ada");
    Browser elsewhere = new Browser(server.client);
    by(elsewhere, "sign-in", account("ada", GOOD));
    String stolen = ada.cookie(NAME);
    String change = "{\"password\":\"correct horse\",\"newPassword\":\"another horse\"}";
    assertThat(by(browser, "password", change).statusCode())
        .as("nobody is signed in")
        .isEqualTo(401);
    assertThat(by(ada, "password", change.replace("correct", "wrong")).statusCode()).isEqualTo(401);
    assertThat(by(ada, "password", change.replace("another horse", "password")).statusCode())
        .isEqualTo(400);
    assertThat(user(elsewhere).isNull()).isFalse();
    HttpResponse<String> changed = by(ada, "password", change);
    assertThat(changed.statusCode()).as(changed.body()).isEqualTo(200);
    assertThat(user(ada).get("name").asString()).isEqualTo("ada");
    assertThat(user(elsewhere).isNull()).isTrue();
    assertThat(elsewhere.page(server.port(), "PUT", "/data/club/1", "{}").statusCode())
        .isEqualTo(401);
    Browser thief = new Browser(server.client);
    thief.cookies.put(NAME, stolen);
    assertThat(user(thief).isNull()).isTrue();
    assertThat(by(browser, "sign-in", account("ada", GOOD)).statusCode()).isEqualTo(401);
    assertThat(by(browser, "sign-in", account("ada", "another horse")).statusCode()).isEqualTo(200);
    assertThat(server.access.sessions().revokeAll(stored("ada").id()))
        .as("ada's and the browser's; the others were cleared away")
        .isEqualTo(2);
  }

  @Test
  void rulesSeeTheUserAndNobodyWhoIsNot() throws Exception {
    Browser ada = signedUp("ada");
    Browser bob = signedUp("bob");
    String own = "{\"owner\":\"" + stored("ada").id() + "\"}";
    String[] operator = {"Authorization", "Bearer " + server.operatorKey()};
    server.json("PUT", "/data/orders/1", own, operator);
    server.json("PUT", "/data/orders/2", "{}", operator);
    server.json("PUT", "/data/mine/1", "{}", operator);
    server.json("PUT", "/data/owned/1", "{\"owner\":null}", operator);
    server.json("PUT", "/data/owned/2", own, operator);
    browser.page(server.port(), "PUT", "/session/theme", "1");
    assertThat(status(browser, "GET", "/data/owned/1")).as("whom nobody is not").isEqualTo(401);
    assertThat(status(ada, "GET", "/data/owned/1")).isEqualTo(401);
    assertThat(status(ada, "GET", "/data/owned/2")).isEqualTo(200);
    assertThat(status(ada, "GET", "/data/orders/1")).isEqualTo(200);
    assertThat(status(bob, "GET", "/data/orders/1")).isEqualTo(401);
    assertThat(status(browser, "GET", "/data/orders/1")).isEqualTo(401);
    assertThat(status(browser, "GET", "/data/orders/2")).as("nobody owns it").isEqualTo(401);
    assertThat(status(browser, "GET", "/data/mine/1")).as("null is nobody").isEqualTo(401);
    assertThat(status(bob, "GET", "/data/mine/1")).isEqualTo(200);
    server.access.accounts().setRoles(stored("bob"), List.of("clerk"));
    assertThat(status(bob, "GET", "/data/orders/1")).as("at once").isEqualTo(200);
    assertThat(status(ada, "PUT", "/data/club/1")).isEqualTo(201);
    assertThat(ada.send(server.port(), "PUT", "/data/club/2", "{}").statusCode())
        .as("another site may have sent it")
        .isEqualTo(403);
    server.access.accounts().setDisabled(stored("bob"), true);
    assertThat(status(bob, "GET", "/data/orders/1")).isEqualTo(401);
    assertThat(status(bob, "PUT", "/data/club/3")).isEqualTo(401);
    assertThat(by(bob, "sign-in", account("bob", GOOD)).statusCode()).isEqualTo(403);
    server.access.accounts().setDisabled(stored("bob"), false);
    assertThat(user(bob).isNull()).as("what ended stays so").isTrue();
    server.access.accounts().delete(stored("ada"));
    assertThat(status(ada, "GET", "/data/orders/1")).isEqualTo(401);
    signedUp("ada");
    assertThat(status(ada, "GET", "/data/orders/1")).as("another with this name").isEqualTo(401);
  }

  private int status(Browser who, String method, String path) throws Exception {
    return who.page(server.port(), method, path, method.equals("PUT") ? "{}" : "").statusCode();
  }

  @Test
  void nobodyReadsAccountsByTheDataApi() throws Exception {
    Browser ada = signedUp("ada");
    server.site = TestServer.withAccounts(server.site, SETTINGS);
    for (String path :
        List.of(
            "/data/_users",
            "/data/_users/" + stored("ada").id(),
            "/data/_logins",
            "/data/_attempts")) {
      assertThat(status(ada, "GET", path)).as(path).isEqualTo(401);
      assertThat(server.send("GET", path, "").statusCode()).as(path).isEqualTo(401);
    }
  }

  @Test
  void guessesAreLimitedByNetworkAndName() throws Exception {
    Browser ada = signedUp("ada");
    AttemptLimit three = new AttemptLimit(3, 60, List.of());
    server.site =
        TestServer.withAccounts(
            server.site,
            new AccountSettings(true, 8, SETTINGS.hashCost(), Optional.of(three), Map.of()));
    HttpResponse<String> limited = null;
    int guesses = 0;
    do {
      limited = by(browser, "sign-in", account("ada", "wrong one"));
      guesses++;
    } while (limited.statusCode() == 401 && guesses < 100);
    assertThat(guesses).isLessThanOrEqualTo(4);
    assertThat(limited.statusCode()).isEqualTo(429);
    assertThat(Integer.parseInt(TestServer.header(limited, "Retry-After"))).isBetween(1, 200);
    assertThat(by(browser, "sign-in", account("ada", GOOD)).statusCode()).isEqualTo(429);
    assertThat(by(browser, "sign-in", account("bob", GOOD)).statusCode())
        .as("another name")
        .isEqualTo(401);
    assertThat(by(ada, "sign-in", account("ada", GOOD)).statusCode())
        .as("a browser that they signed in by before, in the same network")
        .isEqualTo(200);
    assertThat(count(Result.LIMITED)).isPositive();
    assertThat(form(browser, "sign-in", "name=ada&password=x").statusCode())
        .as("no redirection, which would make a session")
        .isEqualTo(429);
    assertThat(browser.cookies).isEmpty();
  }

  @Test
  void aSiteMakesSoManyAccountsAMinuteAndNoMore() throws Exception {
    limit(new AttemptLimit(10, 2, List.of(Prefix.parse("127.0.0.0/8").orElseThrow())));
    signedUp("ada");
    signedUp("bob");
    HttpResponse<String> third = by(browser, "sign-up", account("cyd", GOOD));
    assertThat(third.statusCode()).as("though its network is exempt").isEqualTo(429);
    assertThat(third.body()).contains("problem:too-many-sign-ups", "accounts.rateLimit.signUps");
    assertThat(TestServer.header(third, "Retry-After")).isNotEmpty();
    assertThat(by(browser, "sign-in", account("ada", GOOD)).statusCode()).isEqualTo(200);
  }

  @Test
  void aVisitorOfLoopbackIsOneOfANetworkLikeAnyOther() {
    assertThat(AccountSettings.DEFAULT.rateLimit().orElseThrow().exempt()).isEmpty();
  }

  private void limit(AttemptLimit limit) {
    server.site =
        TestServer.withAccounts(
            server.site,
            new AccountSettings(true, 8, SETTINGS.hashCost(), Optional.of(limit), Map.of()));
  }

  @Test
  void aFloodOfPasswordsLeavesTheSiteServing() throws Exception {
    signedUp("ada");
    server.site =
        TestServer.withAccounts(
            server.site,
            new AccountSettings(true, 8, new HashCost(16 << 10, 2, 1), Optional.empty(), Map.of()));
    List<Callable<Integer>> flood = new ArrayList<>();
    for (int i = 0; i < 300; i++) {
      String name = "user" + i;
      flood.add(() -> by(new Browser(server.client), "sign-in", account(name, GOOD)).statusCode());
    }
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Integer>> answers = flood.stream().map(threads::submit).toList();
      while (count(Result.BUSY) == 0 && answers.stream().anyMatch(one -> !one.isDone())) {
        assertThat(server.send("GET", "/account", "").statusCode()).isEqualTo(200);
      }
      for (Future<Integer> answer : answers) {
        assertThat(answer.get()).isIn(401, 503);
      }
    }
    assertThat(count(Result.BUSY)).isPositive();
    assertThat(count(Result.WRONG) + count(Result.BUSY)).isEqualTo(300);
    assertThat(by(browser, "sign-in", account("ada", GOOD)).statusCode()).isEqualTo(200);
  }

  @Test
  void aSiteWithoutAccountsHasNone() throws Exception {
    server.site = TestServer.site(folder, new Rules("true", "true"), Limits.DEFAULT, Map.of());
    assertThat(server.send("GET", "/account", "").statusCode()).isEqualTo(404);
    assertThat(by(browser, "sign-up", account("ada", GOOD)).statusCode()).isEqualTo(404);
  }

  @Test
  void aSiteMayBeClosedToNewUsers() throws Exception {
    server.site =
        TestServer.withAccounts(
            server.site,
            new AccountSettings(false, 8, SETTINGS.hashCost(), SETTINGS.rateLimit(), Map.of()));
    assertThat(by(browser, "sign-up", account("ada", GOOD)).statusCode()).isEqualTo(403);
    assertThat(browser.page(server.port(), "GET", "/account", "").body())
        .contains("\"signUp\":false");
    assertThat(browser.page(server.port(), "DELETE", "/account", "").statusCode()).isEqualTo(405);
  }
}
