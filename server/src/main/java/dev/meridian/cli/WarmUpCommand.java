package dev.meridian.cli;

import dev.meridian.dns.Lookup;
import dev.meridian.node.Node;
import dev.meridian.node.NodeOptions;
import dev.meridian.site.Listeners;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/**
 * Starts a node on a folder it throws away, asks it a little of everything and ends: what the JVM
 * watches to make its cache of loaded classes (JEP 483), which takes two thirds off a start.
 */
@Command(
    name = "warm-up",
    hidden = true,
    description = "Start a node for a moment, so that the JVM learns what a start needs.")
final class WarmUpCommand implements Callable<Integer> {
  @Parameters(paramLabel = "SITE", description = "A site's folder.")
  Path site = Path.of(".");

  @Override
  public Integer call() throws IOException, InterruptedException {
    Path data = Files.createTempDirectory("meridian-warm-up");
    InetSocketAddress any = new InetSocketAddress("127.0.0.1", 0);
    Listeners listeners =
        new Listeners(Optional.of(any), Optional.empty(), Optional.of(any), any, any);
    try (Node node =
        Node.start(new NodeOptions(site, data, _ -> listeners, true, VersionCommand.number()))) {
      Listeners at = node.listeners();
      String key = Files.readString(data.resolve("operator.key")).strip();
      int http = at.http().orElseThrow().getPort();
      try (HttpClient client =
          HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build()) {
        for (String path : List.of("/", "/data/warm/up", "/no-such-page")) {
          ask(client, request(http, path).header("Accept", "text/html,application/json"));
        }
        ask(
            client,
            request(http, "/data/warm/up")
                .header("Authorization", "Bearer " + key)
                .header("Content-Type", "application/json")
                .PUT(HttpRequest.BodyPublishers.ofString("{\"warm\": true}")));
        ask(client, request(http, "/data/warm?limit=1"));
        for (String path : List.of("/health/ready", "/metrics", "/status")) {
          ask(client, request(at.admin().getPort(), path).header("Authorization", "Bearer " + key));
        }
      }
      for (String domain : node.site().domains()) {
        var _ = new Lookup(domain, "A", at.dns().orElseThrow(), false).ask();
      }
    } finally {
      delete(data);
    }
    return ExitCode.OK;
  }

  private static HttpRequest.Builder request(int port, String path) {
    return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
        .timeout(Duration.ofSeconds(20));
  }

  private static void ask(HttpClient client, HttpRequest.Builder request)
      throws IOException, InterruptedException {
    var _ = client.send(request.build(), BodyHandlers.discarding());
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> all = Files.walk(folder)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    }
  }
}
