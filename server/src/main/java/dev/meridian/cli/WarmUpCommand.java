package dev.meridian.cli;

import dev.meridian.dns.Lookup;
import dev.meridian.node.Node;
import dev.meridian.node.NodeOptions;
import dev.meridian.peer.JoinToken;
import dev.meridian.shard.ClusterOptions;
import dev.meridian.site.Listeners;
import dev.meridian.store.Engine;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
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
import java.util.zip.GZIPOutputStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/**
 * Starts two nodes on folders it throws away, one of which joins the other, asks them a little of
 * everything and ends: what the JVM watches to make its cache of loaded classes (JEP 483), which
 * takes more than half off a start. It also unpacks what each start would unpack.
 */
@Command(
    name = "warm-up",
    hidden = true,
    description = "Start two nodes for a moment, so that the JVM learns what a start needs.")
final class WarmUpCommand implements Callable<Integer> {
  private static final int LARGE_BYTES = 256 << 10;

  @Parameters(index = "0", paramLabel = "SITE", description = "A site's folder.")
  Path site = Path.of(".");

  @Parameters(index = "1", paramLabel = "FOLDER", description = "Where native libraries go.")
  Path libraries = Path.of(".");

  @Override
  public Integer call() throws IOException, InterruptedException {
    Engine.installLibrary(libraries);
    Path folder = Files.createTempDirectory("meridian-warm-up");
    Path copy = copy(folder.resolve("site"));
    try (HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        Node first = start(copy, folder.resolve("first"), free(), Optional.empty())) {
      Listeners at = first.listeners();
      String key = Files.readString(folder.resolve("first/operator.key")).strip();
      askAll(client, first, key);
      String token =
          JsonText.MAPPER
              .readTree(ask(client, asOperator(first, "/tokens", key).POST(body("{}"))))
              .path("token")
              .asString();
      ClusterOptions.Join join = new ClusterOptions.Join(at.peer(), JoinToken.parse(token));
      Path second = folder.resolve("second");
      Path none = folder.resolve("no-site");
      InetSocketAddress peer = free();
      for (int start = 1; start <= 2; start++) { // it joins, and it comes back
        try (Node node = start(none, second, peer, Optional.of(join))) {
          askAll(client, node, key);
        }
      }
    } finally {
      delete(folder);
    }
    return ExitCode.OK;
  }

  /** The site with nothing in its large files of data: many documents teach nothing. */
  private Path copy(Path to) throws IOException {
    try (Stream<Path> all = Files.walk(site)) {
      for (Path path : all.toList()) {
        Path copy = to.resolve(site.relativize(path).toString());
        if (path.toString().endsWith(".gz") && Files.size(path) >= LARGE_BYTES) {
          new GZIPOutputStream(Files.newOutputStream(copy)).close();
        } else {
          Files.copy(path, copy);
        }
      }
    }
    return to;
  }

  private static Node start(
      Path site, Path data, InetSocketAddress peer, Optional<ClusterOptions.Join> join)
      throws IOException {
    InetSocketAddress any = new InetSocketAddress("127.0.0.1", 0);
    Listeners listeners =
        new Listeners(Optional.of(any), Optional.empty(), Optional.of(any), any, peer);
    return Node.start(
        new NodeOptions(
            site,
            data,
            _ -> listeners,
            _ -> true,
            VersionCommand.number(),
            false,
            false,
            new NodeOptions.Membership(
                join,
                Optional.empty(),
                "",
                ClusterOptions.REPLICAS,
                ClusterOptions.REPLACE_AFTER)));
  }

  /** Others are told where a node is before it listens there. */
  private static InetSocketAddress free() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
      return new InetSocketAddress(socket.getInetAddress(), socket.getLocalPort());
    }
  }

  private static void askAll(HttpClient client, Node node, String key)
      throws IOException, InterruptedException {
    int http = node.listeners().http().orElseThrow().getPort();
    for (String path : List.of("/", "/data/warm/up", "/no-such-page")) {
      var _ = ask(client, request(http, path).header("Accept", "text/html,application/json"));
    }
    var _ =
        ask(
            client,
            request(http, "/data/warm/up")
                .header("Authorization", "Bearer " + key)
                .header("Content-Type", "application/json")
                .PUT(body("{\"warm\": true}")));
    var _ =
        ask(client, request(http, "/data/warm?limit=1").header("Meridian-Consistency", "strong"));
    for (String path : List.of("/health/ready", "/metrics", "/status")) {
      var _ = ask(client, asOperator(node, path, key));
    }
    for (String domain : node.site().domains()) {
      var _ = new Lookup(domain, "A", node.listeners().dns().orElseThrow(), false).ask();
    }
  }

  private static HttpRequest.Builder asOperator(Node node, String path, String key) {
    return request(node.listeners().admin().getPort(), path)
        .header("Authorization", "Bearer " + key);
  }

  private static HttpRequest.BodyPublisher body(String text) {
    return HttpRequest.BodyPublishers.ofString(text);
  }

  private static HttpRequest.Builder request(int port, String path) {
    return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
        .timeout(Duration.ofSeconds(20));
  }

  private static String ask(HttpClient client, HttpRequest.Builder request)
      throws IOException, InterruptedException {
    return client.send(request.build(), BodyHandlers.ofString()).body();
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> all = Files.walk(folder)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    }
  }
}
