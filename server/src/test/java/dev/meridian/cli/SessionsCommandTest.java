package dev.meridian.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.node.Node;
import dev.meridian.node.NodeOptions;
import dev.meridian.site.Listeners;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A node whose visitors' sessions its operator lists and revokes. */
@Timeout(180)
class SessionsCommandTest {
  private static final Pattern ID = Pattern.compile("(?m)^([0-9a-f]{32}) ");

  @TempDir Path folder;
  private final HttpClient client = HttpClient.newHttpClient();
  private Node node;
  private String key;

  @BeforeEach
  void start() throws Exception {
    Files.createDirectories(folder.resolve("site"));
    Files.writeString(
        folder.resolve("site/site.yaml"),
        """
        domains: sessions.test
        sessions: on
        collections:
          orders: {rules: {read: 'session.user == "ada"', write: 'session.user == "ada"'}}
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
    key = Files.readString(folder.resolve("data/operator.key")).strip();
  }

  @AfterEach
  void stop() {
    client.close();
    node.close();
  }

  private Ran at(String... args) {
    return Ran.at(node, folder.resolve("data"), args);
  }

  private HttpResponse<String> send(
      InetSocketAddress to, String method, String path, String body, String... headers)
      throws Exception {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + to.getPort() + path))
            .method(method, HttpRequest.BodyPublishers.ofString(body));
    if (headers.length > 0) {
      request.headers(headers);
    }
    return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  private HttpResponse<String> web(String method, String path, String body, String... headers)
      throws Exception {
    return send(node.listeners().http().orElseThrow(), method, path, body, headers);
  }

  /** The cookie of a new session. */
  private String visit(String attribute) throws Exception {
    HttpResponse<String> made = web("PUT", "/session/" + attribute, "1");
    assertThat(made.statusCode()).as(made.body()).isEqualTo(204);
    String set = made.headers().firstValue("Set-Cookie").orElseThrow();
    return set.substring(0, set.indexOf(';'));
  }

  /** As the account of a user will, once there are any. */
  private void signIn(String id, String user) throws Exception {
    assertThat(
            web(
                    "PATCH",
                    "/data/_sessions/" + id,
                    "{\"user\":\"" + user + "\"}",
                    "Authorization",
                    "Bearer " + key,
                    "Content-Type",
                    "application/merge-patch+json")
                .statusCode())
        .isEqualTo(204);
  }

  private String onlyId() {
    Matcher matcher = ID.matcher(at("sessions", "list").ok().out());
    assertThat(matcher.find()).isTrue();
    String id = matcher.group(1);
    assertThat(matcher.find()).isFalse();
    return id;
  }

  @Test
  void sessionsAreListedAndRevoked() throws Exception {
    assertThat(at("sessions", "list").ok().out()).doesNotContainPattern(ID);
    String first = visit("a");
    String id = onlyId();
    signIn(id, "ada");
    String second = visit("b");
    assertThat(at("sessions", "list").ok().out())
        .containsPattern(ID)
        .contains("ada")
        .doesNotContain("\"b\"");
    assertThat(
            at("sessions", "list", "--limit", "1")
                .ok()
                .out()
                .lines()
                .filter(l -> ID.matcher(l).find()))
        .hasSize(1);
    assertThat(at("sessions", "list", "--user", "ada").ok().out()).contains(id);
    assertThat(at("sessions", "list", "--user", "bob").ok().out()).doesNotContainPattern(ID);

    assertThat(web("GET", "/session", "", "Cookie", first).body()).contains("\"user\":\"ada\"");
    assertThat(at("sessions", "revoke", "--user", "bob").ok().err()).contains("revoked 0");
    assertThat(at("sessions", "revoke", "--user", "ada").ok().err()).contains("revoked 1");
    assertThat(web("GET", "/session", "", "Cookie", first).body())
        .contains("\"user\":null", "\"attributes\":{}");
    assertThat(web("GET", "/session", "", "Cookie", second).body()).contains("\"b\":1");

    String other = onlyId();
    assertThat(at("sessions", "revoke", other).ok().err()).contains("revoked " + other);
    at("sessions", "revoke", other).failed(ExitCode.NOT_FOUND);
    at("sessions", "revoke", "../keys/x").failed(ExitCode.NOT_FOUND);
    at("sessions", "revoke").failed(ExitCode.USAGE);
    assertThat(web("GET", "/session", "", "Cookie", second).body()).contains("\"attributes\":{}");
  }

  @Test
  void onlyTheOperatorListsAndRevokes() throws Exception {
    String cookie = visit("a");
    String id = onlyId();
    InetSocketAddress admin = node.listeners().admin();
    assertThat(send(admin, "GET", "/sessions", "").statusCode()).isEqualTo(401);
    assertThat(send(admin, "DELETE", "/sessions/" + id, "").statusCode()).isEqualTo(401);
    String[] operator = {"Authorization", "Bearer " + key};
    assertThat(send(admin, "GET", "/sessions?limit=5", "", operator).body())
        .contains("\"id\":\"" + id + "\"", "\"user\":null", "\"next\":null")
        .doesNotContain("verifier");
    assertThat(send(admin, "DELETE", "/sessions", "", operator).statusCode())
        .as("not all at once by mistake")
        .isEqualTo(400);
    assertThat(web("GET", "/session", "", "Cookie", cookie).body()).contains("\"a\":1");
    assertThat(send(admin, "DELETE", "/sessions/" + id, "", operator).statusCode()).isEqualTo(204);
    assertThat(send(admin, "DELETE", "/sessions/" + id, "", operator).statusCode()).isEqualTo(404);
  }

  @Test
  void rulesSeeWhoSignedInUntilTheyAreRevoked() throws Exception {
    String cookie = visit("a");
    String[] own = {"Cookie", cookie, "Sec-Fetch-Site", "same-origin"};
    assertThat(web("PUT", "/data/orders/1", "{}", own).statusCode()).isEqualTo(401);
    signIn(onlyId(), "ada");
    assertThat(web("PUT", "/data/orders/1", "{}", own).statusCode()).isEqualTo(201);
    assertThat(web("GET", "/data/orders/1", "", own).statusCode()).isEqualTo(200);
    assertThat(web("GET", "/data/orders/1", "").statusCode()).isEqualTo(401);
    assertThat(web("PUT", "/data/orders/2", "{}", "Cookie", cookie).statusCode())
        .as("another site may have sent it")
        .isEqualTo(403);
    at("sessions", "revoke", "--user", "ada").ok();
    assertThat(web("PUT", "/data/orders/2", "{}", own).statusCode()).isEqualTo(401);
    assertThat(web("GET", "/data/orders/1", "", own).statusCode()).isEqualTo(401);
  }
}
