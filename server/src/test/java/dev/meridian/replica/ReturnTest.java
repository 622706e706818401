package dev.meridian.replica;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.document.DocumentPath;
import dev.meridian.shard.Cluster;
import dev.meridian.shard.Clusters;
import dev.meridian.store.ReadOptions;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A majority comes back after it was away for long. What is measured here are not speeds: left
 * alone, gRPC tries a connection that could not be had ever more rarely, here some 16 s after it
 * broke, then 26, 43 and 70.
 */
@Timeout(120)
class ReturnTest {
  private static final Duration AWAY = Duration.ofSeconds(31);
  private static final Duration SOON = Duration.ofSeconds(8);

  @TempDir Path folder;

  @Test
  void clusterWhoseMajorityWasAwayForLongHasAPrimarySoonAfterItIsBack() throws Exception {
    try (Clusters clusters = new Clusters(folder, 2)) {
      Cluster first = clusters.start(0);
      Cluster second = clusters.join(1, 0, first.newToken(Duration.ofMinutes(5), false));
      first.store().write(Clusters.put("items/a", "1"));
      while (first.status().members().replicas().size() < 2) {
        Thread.sleep(20);
      }
      second.close();
      Thread.sleep(AWAY);
      long back = System.nanoTime();
      second = clusters.start(1);
      second.store().write(Clusters.put("items/b", "2"));
      assertThat(Duration.ofNanos(System.nanoTime() - back)).isLessThan(SOON);
      for (String path : new String[] {"items/a", "items/b"}) {
        assertThat(first.store().get(DocumentPath.parse(path), ReadOptions.STRONG)).isPresent();
      }
    }
  }
}
