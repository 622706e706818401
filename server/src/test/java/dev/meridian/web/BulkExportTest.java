package dev.meridian.web;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.document.DocumentPath;
import dev.meridian.store.Batch;
import dev.meridian.store.Condition;
import dev.meridian.store.Deferral;
import dev.meridian.store.Expiry;
import dev.meridian.store.Write;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class BulkExportTest {
  private static final int DOCUMENTS = 1_500;

  @TempDir Path folder;

  private static void put(TestServer server, int i, String more) {
    server.store.write(
        Batch.of(
            new Write.Put(
                DocumentPath.parse("c/" + i),
                ("\"" + "x".repeat(20_000) + more + "\"").getBytes(StandardCharsets.UTF_8),
                Condition.NONE,
                Expiry.NEVER)));
  }

  @Test
  void holdsDocumentsThatAreWrittenWhileItRuns() throws Exception {
    try (TestServer server = TestServer.open(folder)) {
      for (int i = 0; i < DOCUMENTS; i++) {
        put(server, i, "");
      }
      server.store.write(
          Batch.of(
                  new Write.Put(
                      DocumentPath.parse("c/unflushed"),
                      "1".getBytes(StandardCharsets.UTF_8),
                      Condition.NONE,
                      Expiry.NEVER))
              .deferred(new Deferral(Duration.ofMinutes(5), 1 << 20)));
      var request =
          server.request("/data").header("Authorization", "Bearer " + server.operatorKey()).build();
      var answer = server.client.send(request, BodyHandlers.ofInputStream());
      assertThat(answer.statusCode()).isEqualTo(200);
      Set<String> seen = new HashSet<>();
      String last = "";
      try (BufferedReader lines =
          new BufferedReader(new InputStreamReader(answer.body(), StandardCharsets.UTF_8))) {
        // Nothing is read meanwhile, so the export waits far from its end.
        for (int i = 0; i < DOCUMENTS; i++) {
          put(server, i, "new");
        }
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
          last = line;
          seen.add(line.replaceAll("^\\{\"path\":\"([^\"]*)\".*", "$1"));
        }
      }
      assertThat(last).startsWith("{\"end\":");
      assertThat(seen).hasSize(DOCUMENTS + 2).contains("c/unflushed"); // and the last line
    }
  }
}
