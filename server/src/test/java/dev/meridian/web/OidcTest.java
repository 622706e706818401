package dev.meridian.web;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.account.AccountCounts.Result;
import dev.meridian.site.AccountSettings;
import dev.meridian.site.OidcProvider;
import dev.meridian.site.SessionSettings;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Signing in at a provider that is a process of its own, and what attackers do to that. */
@Timeout(180)
class OidcTest {
  private static final String START = "/account/sign-in/id";
  private static final String KEPT = SessionSettings.DEFAULT.cookie() + BrowserSession.SIGN_IN;

  @TempDir Path folder;
  private TestServer server;
  private OidcProviderProcess provider;
  private Browser browser;
  private URI callback;

  @BeforeEach
  void start() throws Exception {
    server = TestServer.open(folder);
    callback = URI.create("http://127.0.0.1:" + server.port() + START + "/callback");
    provider = OidcProviderProcess.start(callback.toString());
    Files.writeString(folder.resolve("secret"), "a secret & more\n");
    use(provider.issuer, true);
    browser = new Browser(server.client);
  }

  private void use(URI issuer, boolean signUp) {
    OidcProvider one =
        new OidcProvider(
            "id", issuer, "site", Optional.of(folder.resolve("secret")), OidcProvider.SCOPES);
    AccountSettings usual = AccountSettings.DEFAULT;
    server.site =
        TestServer.withAccounts(
            server.site,
            new AccountSettings(signUp, 8, usual.hashCost(), usual.rateLimit(), Map.of("id", one)));
  }

  @AfterEach
  void stop() {
    if (provider != null) {
      provider.close();
    }
    server.close();
  }

  private HttpResponse<String> get(Browser who, String path, String... headers) throws Exception {
    return who.send(server.port(), "GET", path, "", headers);
  }

  /** As far as where the provider sends the browser back. */
  private URI signIn(Browser who, String login) throws Exception {
    HttpResponse<String> begun = get(who, START + "?_redirect=/club");
    assertThat(begun.statusCode()).as(begun.body()).isEqualTo(303);
    return provider.signIn(URI.create(TestServer.header(begun, "Location")), login, callback);
  }

  private HttpResponse<String> back(Browser who, URI to) throws Exception {
    return get(who, to.getRawPath() + "?" + to.getRawQuery(), "Sec-Fetch-Site", "cross-site");
  }

  private JsonNode user(Browser who) throws Exception {
    return JsonMapper.shared().readTree(get(who, "/account").body()).get("user");
  }

  private void refused(Browser who, URI to) throws Exception {
    HttpResponse<String> answer = back(who, to);
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
    assertThat(answer.body()).contains("problem:sign-in-failed");
    assertThat(user(who).isNull()).isTrue();
    assertThat(who.cookies).doesNotContainKey(SessionSettings.DEFAULT.cookie());
  }

  @Test
  void whoSignsInThereIsTheSameUserHere() throws Exception {
    HttpResponse<String> in = back(browser, signIn(browser, "ada"));
    assertThat(in.statusCode()).as(in.body()).isEqualTo(303);
    assertThat(TestServer.header(in, "Location")).isEqualTo("/club");
    JsonNode ada = user(browser);
    assertThat(ada.get("name").asString()).isEqualTo("id:ada");
    assertThat(ada.get("claims").toString())
        .contains("\"email\":\"ada@id.test\"", "\"email_verified\":true", "\"name\":\"The ada\"");
    // The provider signs with another key from now on.
    provider.door("rotate=1");
    Browser elsewhere = new Browser(server.client);
    assertThat(back(elsewhere, signIn(elsewhere, "ada")).statusCode()).isEqualTo(303);
    assertThat(user(elsewhere)).isEqualTo(ada);
    Browser bob = new Browser(server.client);
    assertThat(back(bob, signIn(bob, "bob")).statusCode()).isEqualTo(303);
    assertThat(user(bob).get("id")).isNotEqualTo(ada.get("id"));
    assertThat(server.access.accounts().counts().of(Result.OK)).isEqualTo(3);
    assertThat(get(browser, "/account").body()).contains("\"providers\":[\"id\"]");
    // An account with that name is not theirs, and nobody can make one.
    assertThat(
            browser
                .page(
                    server.port(),
                    "POST",
                    "/account/sign-up",
                    "{\"name\":\"id:ada\",\"password\":\"correct horse\"}")
                .statusCode())
        .isEqualTo(400);
  }

  @Test
  void anAnswerCountsOnceAndInTheBrowserWhereItBegan() throws Exception {
    URI answer = signIn(browser, "ada");
    Browser other = new Browser(server.client);
    refused(other, answer);
    get(other, START);
    assertThat(other.cookies).containsKey(KEPT);
    refused(other, answer);
    String query = answer.getRawQuery();
    refused(browser, URI.create(callback + "?" + query.replaceFirst("state=.", "state=")));
    refused(browser, URI.create(callback + "?" + query.replaceFirst("state=[^&]*&?", "")));
    String kept = browser.cookie(KEPT);
    assertThat(back(browser, answer).statusCode()).isEqualTo(303);
    // Replayed, by who knows all of it.
    Browser thief = new Browser(server.client);
    thief.cookies.put(KEPT, kept);
    refused(thief, answer);
    // The code alone, for another sign-in of the thief's: the provider gave it out once, and PKCE.
    HttpResponse<String> begun = get(thief, START);
    String state = TestServer.header(begun, "Location").replaceFirst(".*[?&]state=([^&]*).*", "$1");
    refused(
        thief, URI.create(callback + "?" + query.replaceFirst("state=[^&]*", "state=" + state)));
  }

  @Test
  void asManyTabsSignInAsBegan() throws Exception {
    URI first = signIn(browser, "ada");
    URI second = signIn(browser, "ada");
    assertThat(back(browser, first).statusCode()).isEqualTo(303);
    assertThat(back(browser, second).statusCode()).isEqualTo(303);
    assertThat(user(browser).get("provider").asString()).isEqualTo("id");
    // What another host of the domain made of the cookie is not gone on with.
    browser.cookies.put(KEPT, "x");
    get(browser, START);
    assertThat(browser.cookie(KEPT)).hasSize(43);
  }

  @Test
  void anAnswerOfAnotherProviderIsRefused() throws Exception {
    for (String iss : List.of("iss=https%3A%2F%2Fevil.test", "x=y")) {
      String query = signIn(browser, "ada").getRawQuery().replaceFirst("iss=[^&]*", iss);
      refused(browser, URI.create(callback + "?" + query));
    }
    String twice = signIn(browser, "ada").getRawQuery();
    assertThat(back(browser, URI.create(callback + "?" + twice + "&code=x")).statusCode())
        .isEqualTo(400);
    assertThat(server.access.accounts().counts().of(Result.OK)).isZero();
  }

  @Test
  void aTokenOfAnotherSignInIsRefused() throws Exception {
    provider.door("nonce=another");
    refused(browser, signIn(browser, "ada"));
  }

  @Test
  void aTokenSignedWithAnotherKeyIsRefused() throws Exception {
    provider.door("keys=other");
    refused(browser, signIn(browser, "ada"));
    assertThat(server.access.accounts().counts().of(Result.WRONG)).isEqualTo(1);
  }

  @Test
  void aWrongSecretIsRefusedByTheProvider() throws Exception {
    Files.writeString(folder.resolve("secret"), "another");
    refused(browser, signIn(browser, "ada"));
  }

  @Test
  void aProviderThatIsDownIsSaidToBe() throws Exception {
    URI answer = signIn(browser, "ada");
    provider.close();
    HttpResponse<String> late = back(browser, answer);
    assertThat(late.statusCode()).isEqualTo(503);
    assertThat(late.body()).contains("problem:provider-unavailable");
    assertThat(TestServer.header(late, "Retry-After")).isNotEmpty();
    use(URI.create(provider.issuer + "/"), true);
    assertThat(get(browser, START).statusCode()).isEqualTo(503);
    assertThat(get(browser, START).statusCode()).as("at once").isEqualTo(503);
    assertThat(user(browser).isNull()).isTrue();
  }

  @Test
  void whoSaidNoIsNotSignedIn() throws Exception {
    String to = TestServer.header(get(browser, START), "Location");
    String state = to.replaceFirst(".*[?&]state=([^&]*).*", "$1");
    URI no = URI.create(callback + "?error=access_denied&state=" + state);
    HttpResponse<String> answer = back(browser, no);
    assertThat(answer.statusCode()).isEqualTo(400);
    assertThat(answer.body()).contains("access_denied");
    assertThat(to)
        .contains("code_challenge_method=S256", "response_type=code", "scope=openid+profile+email")
        .doesNotContain("secret");
  }

  @Test
  void onlyTheSitesPagesBeginASignInAndItEndsThere() throws Exception {
    assertThat(get(browser, START + "?_redirect=//evil.test").statusCode()).isEqualTo(400);
    assertThat(get(browser, START, "Sec-Fetch-Site", "cross-site").statusCode()).isEqualTo(403);
    assertThat(get(browser, "/account/sign-in/none").statusCode()).isEqualTo(404);
    assertThat(get(browser, "/account/sign-in/none/callback").statusCode()).isEqualTo(404);
    assertThat(browser.page(server.port(), "POST", START, "").statusCode()).isEqualTo(405);
    assertThat(browser.cookies).isEmpty();
    use(provider.issuer, false);
    HttpResponse<String> closed = back(browser, signIn(browser, "ada"));
    assertThat(closed.statusCode()).isEqualTo(403);
    assertThat(closed.body()).contains("problem:sign-up-closed");
  }
}
