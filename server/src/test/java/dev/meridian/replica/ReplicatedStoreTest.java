package dev.meridian.replica;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.store.Batch;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a replicated store promises while nothing crashes. */
class ReplicatedStoreTest {
  @TempDir Path folder;

  @Test
  void writesAreThereAfterReopening() throws Exception {
    for (int i = 0; i < 3; i++) {
      long t = System.nanoTime();
      try (ReplicatedStore store = Fixture.open(folder)) {
        for (int n = 0; n < i; n++) {
          assertThat(Fixture.read(store, "items/a" + n)).isEqualTo("{\"n\":" + n + "}");
        }
        store.write(Batch.of(Fixture.put("items/a" + i, "{\"n\":" + i + "}")));
        t = System.nanoTime();
      }
    }
  }
}
