package dev.meridian.web;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.site.SiteLoader;
import java.net.http.HttpClient;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;

/** What pages read for who is signed in, and for nobody. */
@Timeout(120)
class UserPagesTest {
  @TempDir Path temp;
  private final HttpClient client = HttpClient.newHttpClient();
  private final Browser browser = new Browser(client);
  private Path folder;
  private SiteServer server;

  @BeforeEach
  void start() throws Exception {
    folder = temp.resolve("site");
    SiteServer.write(
        folder,
        "site.yaml",
        """
        domains: [a.test]
        sessions: on
        accounts: on
        collections:
          orders: {indexes: [[owner]]}
          news: {}
        """);
    SiteServer.write(
        folder,
        "pages/mine.html",
        """
        ---
        data:
          orders: {list: orders, where: "owner == {user.id}"}
          news: {document: news/a, when: "{user.signedIn}"}
        ---
        {% for order in orders.items %}<{{ order.value.what }}>{% endfor %}{{ news.text }}
        """);
    SiteServer.write(
        folder, "pages/data.html", "---\ndata:\n  user: {document: news/a}\n---\n{{ user.text }}");
    SiteServer.write(
        folder,
        "pages/of/[user].html",
        "---\ndata:\n  a: {list: orders, where: 'owner == {user}'}\n---\n");
    server = new SiteServer(folder, temp.resolve("data"), false);
    server.put("orders/1", "{\"what\":\"nobodys\",\"owner\":null}");
    server.put("news/a", "{\"text\":\"secret\"}");
  }

  @AfterEach
  void stop() {
    client.close();
    server.close();
  }

  private String get(String path) throws Exception {
    return browser.send(server.port(), "GET", path, "").body();
  }

  @Test
  void nothingIsReadForNobody() throws Exception {
    assertThat(get("/mine")).doesNotContain("<nobodys", "<>", "secret");
    assertThat(browser.page(server.port(), "PUT", "/session/theme", "1").statusCode())
        .isEqualTo(204);
    assertThat(get("/mine")).doesNotContain("<nobodys", "<>", "secret");
    String made =
        browser
            .page(
                server.port(),
                "POST",
                "/account/sign-up",
                "{\"name\":\"ada\",\"password\":\"correct horse\"}",
                "Content-Type",
                "application/json")
            .body();
    String id = JsonMapper.shared().readTree(made).at("/user/id").asString();
    server.put("orders/2", "{\"what\":\"adas\",\"owner\":\"" + id + "\"}");
    assertThat(get("/mine")).contains("<adas>", "secret").doesNotContain("nobodys");
  }

  @Test
  void nothingHidesWhoIsSignedIn() throws Exception {
    assertThat(SiteCheck.check(SiteLoader.load(folder)))
        .extracting(Object::toString)
        .anySatisfy(problem -> assertThat(problem).startsWith("pages/data.html:3:1: data.user: "))
        .anySatisfy(problem -> assertThat(problem).startsWith("pages/of/[user].html:3:1: "))
        .hasSize(2);
    assertThat(get("/data")).doesNotContain("secret");
    assertThat(browser.send(server.port(), "GET", "/of/x", "").statusCode()).isEqualTo(500);
  }
}
