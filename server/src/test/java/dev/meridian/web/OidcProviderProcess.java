package dev.meridian.web;

import static org.assertj.core.api.Assertions.assertThat;

import com.microsoft.playwright.impl.driver.Driver;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.CookieManager;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Assumptions;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A real provider of OpenID Connect: npm's {@code oidc-provider}, in a process of its own, on the
 * Node.js that Playwright brings along. What it needs is fetched once from the npm registry, each
 * package checked against the lock file.
 */
final class OidcProviderProcess implements AutoCloseable {
  private static final String REGISTRY = "https://registry.npmjs.org/";
  private static final Pattern ACTION = Pattern.compile("action=\"([^\"]+)\"");

  private final Process process;
  final URI issuer;

  private OidcProviderProcess(Process process, URI issuer) {
    this.process = process;
    this.issuer = issuer;
  }

  static OidcProviderProcess start(String redirect) throws Exception {
    Path folder = installed();
    Process process =
        new ProcessBuilder(
                Driver.ensureDriverInstalled(Map.of(), false)
                    .driverDir()
                    .resolve("node")
                    .toString(),
                "provider.mjs",
                redirect)
            .directory(folder.toFile())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    BufferedReader out =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    String issuer = out.readLine();
    assertThat(issuer).as("the provider has started").startsWith("http://127.0.0.1:");
    return new OidcProviderProcess(process, URI.create(issuer));
  }

  /** The folder of the provider, in which its packages are by now. */
  private static synchronized Path installed() throws Exception {
    byte[] lock = resource("package-lock.json");
    String name = "oidc-" + Integer.toHexString(Arrays.hashCode(lock)) + "-" + user();
    Path folder = Path.of("target", name).toAbsolutePath();
    Path done = folder.resolve("done");
    if (!Files.exists(done)) {
      // Two test processes may come here at once; each makes its own, and one is kept.
      Files.createDirectories(folder.getParent());
      Path made = Files.createTempDirectory(folder.getParent(), "oidc-");
      try {
        install(made, JsonMapper.shared().readTree(lock).get("packages"));
      } catch (IOException e) {
        Assumptions.abort("the npm registry cannot be reached: " + e);
      }
      Files.createFile(made.resolve("done"));
      if (!Files.exists(done)) {
        Files.move(made, folder, StandardCopyOption.ATOMIC_MOVE);
      }
    }
    Files.write(folder.resolve("provider.mjs"), resource("provider.mjs"));
    return folder;
  }

  private static String user() {
    return System.getProperty("user.name").replaceAll("[^A-Za-z0-9]", "");
  }

  private static void install(Path folder, JsonNode packages) throws Exception {
    try (HttpClient client = HttpClient.newHttpClient()) {
      for (var one : packages.properties()) {
        String path = one.getKey();
        if (path.isEmpty()) {
          continue;
        }
        String name = path.substring(path.lastIndexOf("node_modules/") + "node_modules/".length());
        String version = one.getValue().get("version").asString();
        String file = name.substring(name.lastIndexOf('/') + 1) + "-" + version + ".tgz";
        HttpResponse<byte[]> answer =
            client.send(
                HttpRequest.newBuilder(URI.create(REGISTRY + name + "/-/" + file))
                    .timeout(Duration.ofSeconds(60))
                    .build(),
                HttpResponse.BodyHandlers.ofByteArray());
        assertThat(answer.statusCode()).as(file).isEqualTo(200);
        byte[] hash = MessageDigest.getInstance("SHA-512").digest(answer.body());
        assertThat("sha512-" + Base64.getEncoder().encodeToString(hash))
            .as(file)
            .isEqualTo(one.getValue().get("integrity").asString());
        Path to = Files.createDirectories(folder.resolve(path));
        Path packed = folder.resolve("packed.tgz");
        Files.write(packed, answer.body());
        Process tar =
            new ProcessBuilder(
                    "tar", "-xzf", packed.toString(), "--strip-components=1", "-C", to.toString())
                .inheritIO()
                .start();
        assertThat(tar.waitFor()).as("unpacking " + file).isZero();
        Files.delete(packed);
      }
    }
  }

  private static byte[] resource(String name) throws IOException {
    try (InputStream in =
        Objects.requireNonNull(OidcProviderProcess.class.getResourceAsStream("/oidc/" + name))) {
      return in.readAllBytes();
    }
  }

  /** Sets what the door does to the provider's answers. */
  void door(String what) throws Exception {
    try (HttpClient client = HttpClient.newHttpClient()) {
      client.send(
          HttpRequest.newBuilder(URI.create(issuer + "/door?" + what))
              .POST(HttpRequest.BodyPublishers.noBody())
              .build(),
          HttpResponse.BodyHandlers.discarding());
    }
  }

  /** What a person does who signs in there; where their browser is sent in the end. */
  URI signIn(URI from, String login, URI until) throws Exception {
    try (HttpClient client = HttpClient.newBuilder().cookieHandler(new CookieManager()).build()) {
      URI at = from;
      HttpRequest request = HttpRequest.newBuilder(at).build();
      for (int step = 0; step < 12; step++) {
        HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
        String location = TestServer.header(answer, "Location");
        if (!location.isEmpty()) {
          at = at.resolve(location);
          if (at.toString().startsWith(until.toString())) {
            return at;
          }
          request = HttpRequest.newBuilder(at).build();
          continue;
        }
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        Matcher action = ACTION.matcher(answer.body());
        assertThat(action.find()).as(answer.body()).isTrue();
        at = at.resolve(action.group(1));
        String form =
            answer.body().contains("value=\"login\"")
                ? "prompt=login&login="
                    + URLEncoder.encode(login, StandardCharsets.UTF_8)
                    + "&password=any"
                : "prompt=consent";
        request =
            HttpRequest.newBuilder(at)
                .header("Content-Type", "application/x-www-form-urlencoded")
                .POST(HttpRequest.BodyPublishers.ofString(form))
                .build();
      }
      throw new AssertionError("the provider leads around in circles: " + at);
    }
  }

  @Override
  public void close() {
    process.destroy();
    try {
      if (!process.waitFor(10, TimeUnit.SECONDS)) {
        process.destroyForcibly().waitFor();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
