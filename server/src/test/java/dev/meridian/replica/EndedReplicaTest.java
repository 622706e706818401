package dev.meridian.replica;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.document.DocumentPath;
import dev.meridian.shard.Cluster;
import dev.meridian.shard.Clusters;
import dev.meridian.store.ReadOptions;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Ratis may end a member that has done nothing wrong. */
@Timeout(120)
class EndedReplicaTest {
  @TempDir Path folder;

  @Test
  void nodeWhoseReplicaWasEndedStopsAndIsWholeWhenItIsStartedAgain() throws Exception {
    try (Clusters clusters = new Clusters(folder, 1)) {
      Cluster cluster = clusters.start(0);
      cluster.store().write(Clusters.put("items/a", "1"));
      cluster.store().endForTest();
      assertThat(cluster.awaitRemoval()).contains("start this node again");
      clusters.closeAll();
      cluster = clusters.start(0);
      assertThat(cluster.store().get(DocumentPath.parse("items/a"), ReadOptions.STRONG))
          .isPresent();
    }
  }
}
