package dev.meridian.cache;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Version;
import dev.meridian.store.Change;
import dev.meridian.store.Position;
import dev.meridian.store.SessionToken;
import org.junit.jupiter.api.Test;

class LoadTest {
  private static final DocumentPath PATH = DocumentPath.parse("a/1");

  private static Change change(long timestamp) {
    Version version = new Version(timestamp, 0);
    return new Change(
        PATH, version, Position.START, new Document(PATH, version, 0, "{}".getBytes(UTF_8)));
  }

  /** A pending value is told before an older change that the feed had not read yet. */
  @Test
  void theNewestChangeCountsInWhateverOrderTheyCome() {
    Load load = new Load(SessionToken.NONE, false);
    load.changed(change(300));
    load.changed(change(200));
    assertThat(load.isNewest(new Entry(change(200).document(), SessionToken.NONE, 0, 0))).isFalse();
    assertThat(load.isNewest(new Entry(change(300).document(), SessionToken.NONE, 0, 0))).isTrue();
  }
}
