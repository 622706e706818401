package dev.meridian.site;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LiveSiteTest {
  @TempDir Path folder;

  private void write(String yaml) throws IOException {
    Files.writeString(folder.resolve("site.yaml"), yaml);
  }

  private static Site next(BlockingQueue<Site> changes) throws InterruptedException {
    Site site = changes.poll(30, TimeUnit.SECONDS);
    assertThat(site).as("a change within 30 s").isNotNull();
    return site;
  }

  private static void await(BooleanSupplier condition) {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (!condition.getAsBoolean() && System.nanoTime() < end) {
      Thread.onSpinWait();
    }
    assertThat(condition.getAsBoolean()).isTrue();
  }

  @Test
  void editsAreTakenOverAndBrokenOnesAreNot() throws Exception {
    write("domains: one.test\n");
    BlockingQueue<Site> changes = new LinkedBlockingQueue<>();
    try (LiveSite site = LiveSite.open(folder)) {
      site.onChange(changes::add);
      write("domains: two.test\n");
      assertThat(next(changes).domains()).containsExactly("two.test");

      write("domain: three.test\n");
      await(() -> site.problem().isPresent());
      assertThat(site.problem().orElseThrow()).contains("did you mean 'domains'?");
      assertThat(site.current().domains()).containsExactly("two.test");
      assertThat(changes).isEmpty();

      // As editors save: a new file in place of the old one.
      Path saved = Files.writeString(folder.resolve(".site.yaml.swp"), "domains: four.test\n");
      Files.move(saved, folder.resolve("site.yaml"), StandardCopyOption.REPLACE_EXISTING);
      assertThat(next(changes).domains()).containsExactly("four.test");
      assertThat(site.problem()).isEmpty();
    }
  }

  @Test
  void aMissingFileIsMendedByMakingIt() throws Exception {
    write("domains: a.test\n");
    BlockingQueue<Site> changes = new LinkedBlockingQueue<>();
    try (LiveSite site = LiveSite.open(folder)) {
      site.onChange(changes::add);
      write("domains: a.test\ncollections: {a: {seed: a.json}}\n");
      await(() -> site.problem().isPresent());
      Files.writeString(folder.resolve("a.json"), "[]");
      assertThat(next(changes).collections()).containsKey("a");
    }
  }

  @Test
  void zoneFilesAreWatchedToo() throws Exception {
    Path zones = Files.createDirectory(folder.resolve("zones"));
    Files.writeString(zones.resolve("a.db"), "");
    write("domains: a.test\nnames: {zoneFiles: zones/a.db}\n");
    BlockingQueue<Site> changes = new LinkedBlockingQueue<>();
    try (LiveSite site = LiveSite.open(folder)) {
      site.onChange(changes::add);
      Files.writeString(zones.resolve("a.db"), "www A 127.0.0.1");
      next(changes);
    }
  }

  @Test
  void aListenerThatFailsDoesNotHinderOthers() throws Exception {
    write("domains: a.test\n");
    BlockingQueue<Site> changes = new LinkedBlockingQueue<>();
    try (LiveSite site = LiveSite.open(folder)) {
      site.onChange(
          _ -> {
            throw new IllegalStateException("on purpose");
          });
      Runnable stop = site.onChange(_ -> assertThat(false).as("was stopped").isTrue());
      stop.run();
      site.onChange(changes::add);
      write("domains: b.test\n");
      assertThat(next(changes).domains()).containsExactly("b.test");
      write("domains: c.test\n");
      assertThat(next(changes).domains()).containsExactly("c.test");
    }
  }

  @Test
  void aSiteThatIsBrokenFromTheStartIsRefused() throws Exception {
    write("domain: a.test\n");
    assertThatThrownBy(() -> LiveSite.open(folder)).isInstanceOf(SiteException.class);
  }
}
