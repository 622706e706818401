package dev.meridian.node;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.replica.ReplicatedStore;
import dev.meridian.site.Listeners;
import dev.meridian.store.Engine;
import dev.meridian.store.RocksStore;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the operator streams out of a node is whole, and a node starts on what is restored. */
class BackupOverHttpTest {
  private static final InetSocketAddress ANY = new InetSocketAddress("127.0.0.1", 0);
  private static final Listeners LISTENERS =
      new Listeners(Optional.of(ANY), Optional.empty(), Optional.empty(), ANY, ANY);

  @TempDir Path folder;

  private Node start(Path data) throws Exception {
    return Node.start(new NodeOptions(folder, data, _ -> LISTENERS, true, "test"));
  }

  @Test
  void backupIsRestoredWithEverythingInIt() throws Exception {
    Files.writeString(
        folder.resolve("site.yaml"),
        "name: T\ndomains: [t.test]\ncollections:\n  notes: {seed: notes.ndjson}\n");
    StringBuilder notes = new StringBuilder();
    for (int i = 0; i < 500; i++) {
      notes.append("{\"_id\":\"n").append(i).append("\",\"n\":").append(i).append("}\n");
    }
    Files.writeString(folder.resolve("notes.ndjson"), notes);
    Path data = folder.resolve("data");
    Path archive = folder.resolve("backup.zip");
    try (HttpClient client = HttpClient.newHttpClient();
        Node node = start(data)) {
      assertThat(node.awaitSeeds(Duration.ofSeconds(60))).isTrue();
      String key = "Bearer " + Files.readString(data.resolve("operator.key")).strip();
      HttpRequest backup =
          HttpRequest.newBuilder(
                  URI.create("http://127.0.0.1:" + node.listeners().admin().getPort() + "/backup"))
              .header("Authorization", key)
              .build();
      assertThat(client.send(backup, BodyHandlers.ofFile(archive)).statusCode()).isEqualTo(200);
      HttpRequest export =
          HttpRequest.newBuilder(
                  URI.create(
                      "http://127.0.0.1:"
                          + node.listeners().http().orElseThrow().getPort()
                          + "/data"))
              .header("Authorization", key)
              .header("Accept", "application/x-ndjson")
              .build();
      assertThat(client.send(export, BodyHandlers.ofString()).body().lines())
          .anyMatch(line -> line.contains("notes/n499"))
          .last()
          .asString()
          .startsWith("{\"end\":");
    }
    Path restored = folder.resolve("restored");
    try (InputStream in = Files.newInputStream(archive);
        Engine engine = new Engine()) {
      ReplicatedStore.restore(in, restored, RocksStore.Options.of(engine), (done, total) -> {});
    }
    try (HttpClient client = HttpClient.newHttpClient();
        Node node = start(restored)) {
      URI last =
          URI.create(
              "http://127.0.0.1:"
                  + node.listeners().http().orElseThrow().getPort()
                  + "/data/notes/n499");
      assertThat(client.send(HttpRequest.newBuilder(last).build(), BodyHandlers.ofString()).body())
          .isEqualTo("{\"n\":499}");
    }
  }
}
