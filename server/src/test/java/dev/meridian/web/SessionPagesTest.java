package dev.meridian.web;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class SessionPagesTest {
  private static final String[] FORM = {"Content-Type", "application/x-www-form-urlencoded"};
  private static final Pattern TOKEN = Pattern.compile("name=\"_csrf\" value=\"([^\"]*)\"");

  @TempDir Path temp;
  private final HttpClient client = HttpClient.newHttpClient();
  private final Browser browser = new Browser(client);
  private SiteServer server;

  @BeforeEach
  void start() throws Exception {
    Path folder = temp.resolve("site");
    SiteServer.write(
        folder,
        "site.yaml",
        "domains: [a.test]\nsessions: {idle: 1 h, absolute: 2 h, cookie: cart, sameSite: strict}");
    SiteServer.write(folder, "pages/plain.html", "plain");
    SiteServer.write(
        folder,
        "pages/cart.html",
        """
        ---
        data:
          city: {document: "cities/{session.city}", optional: true}
        ---
        <form method="post" action="/session">{{ csrfField() }}</form>
        {% for message in flash() %}[{{ message }}]{% endfor %}
        {% for item in session.cart %}{{ item.key }}={{ item.value }};{% else %}empty{% endfor %}
        {{ city.name }} {{ session.user is null ? "nobody" : session.user }}
        """);
    SiteServer.write(
        folder, "pages/broken.html", "{% for m in flash() %}{{ m }}{% endfor %}{{ nothing }}");
    SiteServer.write(folder, "pages/404.html", "lost {% for m in flash() %}{{ m }}{% endfor %}");
    server = new SiteServer(folder, temp.resolve("data"), false);
    server.put("cities/k", "{\"name\":\"Kiel\"}");
  }

  @AfterEach
  void stop() {
    client.close();
    server.close();
  }

  private HttpResponse<String> get(String path, String... headers) throws Exception {
    return browser.send(server.port(), "GET", path, "", headers);
  }

  private HttpResponse<String> post(String form) throws Exception {
    return browser.page(server.port(), "POST", "/session", form, FORM);
  }

  @Test
  void aCartWorksWithFormsAlone() throws Exception {
    assertThat(get("/cart").body()).contains("empty", "nobody", "value=\"\"");
    assertThat(browser.cookies).isEmpty();
    assertThat(post("cart.x%2B=2&city=k&_flash=%3Cb%3EAdded&_redirect=/cart").statusCode())
        .isEqualTo(303);
    assertThat(browser.set.getFirst()).startsWith("cart=1.").contains("SameSite=Strict", "=7");
    HttpResponse<String> page = get("/cart");
    assertThat(page.body()).contains("[&lt;b&gt;Added]", "x=2;", "Kiel");
    assertThat(page.headers().firstValue("Cache-Control")).contains("private, no-store");
    assertThat(page.headers().firstValue("Vary").orElseThrow()).contains("Cookie");
    assertThat(page.headers().firstValue("ETag")).isEmpty();
    assertThat(get("/cart").body()).as("shown once").doesNotContain("Added").contains("x=2;");
    // What a browser without fetch metadata sends.
    Matcher token = TOKEN.matcher(get("/cart").body());
    assertThat(token.find()).isTrue();
    String form = "cart.x%2B=1&_csrf=" + token.group(1);
    assertThat(browser.send(server.port(), "POST", "/session", form, FORM).statusCode())
        .isEqualTo(303);
    assertThat(get("/cart").body()).contains("x=3;");
  }

  @Test
  void pagesThatDoNotAskForTheSessionAreForCaches() throws Exception {
    post("a=1");
    HttpResponse<String> page = get("/plain");
    assertThat(page.headers().firstValue("Cache-Control")).contains("no-cache");
    assertThat(page.headers().firstValue("ETag")).isPresent();
    assertThat(page.headers().allValues("Set-Cookie")).isEmpty();
    browser.cookies.put("cart", "garbage");
    assertThat(get("/plain").headers().allValues("Set-Cookie")).isEmpty();
  }

  @Test
  void aDeclaredDataPageIsPrivateToo() throws Exception {
    post("city=k");
    HttpResponse<String> json = get("/cart", "Accept", "application/json");
    assertThat(json.body()).isEqualTo("{\"city\":{\"name\":\"Kiel\"}}");
    assertThat(json.headers().firstValue("Cache-Control")).contains("private, no-store");
  }

  @Test
  void messagesWaitForAPageThatIsShown() throws Exception {
    post("_flash=hello");
    assertThat(get("/broken").statusCode()).isEqualTo(500);
    HttpResponse<String> missing = get("/no/such/page", "Accept", "text/html");
    assertThat(missing.statusCode()).isEqualTo(404);
    assertThat(missing.body()).startsWith("lost").doesNotContain("hello");
    assertThat(get("/cart", "Sec-Purpose", "prefetch;prerender").body()).doesNotContain("[hello]");
    assertThat(browser.send(server.port(), "HEAD", "/cart", "").statusCode()).isEqualTo(200);
    assertThat(get("/cart").body()).contains("[hello]");
  }

  @Test
  void ofManyPagesAtOnceOneShowsAMessage() throws Exception {
    for (int round = 0; round < 20; round++) {
      String message = "m" + round;
      post("_flash=" + message);
      Callable<String> tab = () -> get("/cart").body();
      int shown = 0;
      try (ExecutorService pool = Executors.newVirtualThreadPerTaskExecutor()) {
        for (Future<String> page : pool.invokeAll(List.of(tab, tab, tab, tab))) {
          assertThat(page.get()).contains("nobody");
          shown += page.get().contains("[" + message + "]") ? 1 : 0;
        }
      }
      assertThat(shown).as("round " + round).isEqualTo(1);
    }
  }
}
