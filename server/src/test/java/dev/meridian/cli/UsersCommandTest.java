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
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A node whose operator makes and changes accounts, and whose pages know who signed in. */
@Timeout(180)
class UsersCommandTest {
  @TempDir Path folder;
  private final HttpClient client = HttpClient.newHttpClient();
  private Node node;

  @BeforeEach
  void start() throws Exception {
    Files.createDirectories(folder.resolve("site/pages/account"));
    Files.writeString(
        folder.resolve("site/site.yaml"),
        """
        domains: users.test
        sessions: on
        accounts: {argon2: {memory: 7 MiB, iterations: 5}}
        collections: {notes: {}}
        """);
    Files.writeString(
        folder.resolve("site/pages/account/sign-in.html"),
        """
        ---
        data:
          own: {document: "notes/{user.id}", optional: true}
        ---
        <form method="post">{{ csrfField() }}<input name="name"><input name="password"></form>
        {% if user.signedIn %}Hello {{ user.name }}{% else %}Sign in{% endif %}
        {% if user.roles contains "editor" %}(editor){% endif %} {{ own.note }}
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
  }

  @AfterEach
  void stop() {
    client.close();
    node.close();
  }

  private Ran at(String in, String... args) {
    return Ran.fed(node, folder.resolve("data"), in, args);
  }

  private HttpResponse<String> web(String method, String body, String... headers) throws Exception {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(
                URI.create(
                    "http://127.0.0.1:"
                        + node.listeners().http().orElseThrow().getPort()
                        + "/account/sign-in"))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .method(method, HttpRequest.BodyPublishers.ofString(body));
    if (headers.length > 0) {
      request.headers(headers);
    }
    return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  @Test
  void theOperatorMakesAndChangesAccounts() throws Exception {
    String id =
        at("correct horse\n", "users", "create", "Ada", "--role", "editor").ok().out().strip();
    assertThat(id).matches("[0-9a-f]{32}");
    assertThat(at("", "users", "list").ok().out()).contains(id, "ada", "editor");
    assertThat(at("", "users", "show", "ADA").ok().out())
        .contains("\"name\":\"ada\"", "\"password\":true")
        .doesNotContain("argon2", "correct horse");
    at("correct horse\n", "users", "create", "ADA").failed(ExitCode.FAILED);
    at("short\n", "users", "create", "bob").failed(ExitCode.FAILED);
    at("", "users", "create", "bob").failed(ExitCode.USAGE);

    HttpResponse<String> form = web("GET", "");
    assertThat(form.statusCode()).isEqualTo(200);
    assertThat(form.body()).contains("Sign in").doesNotContain("(editor)");
    HttpResponse<String> in = web("POST", "name=ada&password=correct+horse");
    assertThat(in.statusCode()).isEqualTo(303);
    String set = in.headers().firstValue("Set-Cookie").orElseThrow();
    String cookie = set.substring(0, set.indexOf(';'));
    assertThat(web("GET", "", "Cookie", cookie).body()).contains("Hello ada", "(editor)");

    at("", "users", "roles", "ada").ok();
    assertThat(web("GET", "", "Cookie", cookie).body())
        .contains("Hello ada")
        .doesNotContain("(editor)");
    at("another horse\n", "users", "set-password", id).ok();
    assertThat(web("GET", "", "Cookie", cookie).body()).doesNotContain("Hello");
    assertThat(at("", "sessions", "list", "--user", id).ok().out()).doesNotContain(id);
    at("", "users", "disable", "ada").ok();
    assertThat(at("", "users", "list").ok().out()).contains("disabled");
    assertThat(web("POST", "name=ada&password=another+horse", "Accept", "application/json"))
        .matches(answer -> answer.headers().firstValue("Location").orElse("").equals("/"));
    at("", "users", "enable", "ada").ok();
    at("", "users", "delete", "ada").ok();
    at("", "users", "show", "ada").failed(ExitCode.NOT_FOUND);
    at("", "users", "delete", id).failed(ExitCode.NOT_FOUND);
    assertThat(at("", "users", "list").ok().out()).doesNotContain(id);
    at("correct horse\n", "users", "create", "ada").ok();
  }
}
