package dev.meridian.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A node's own wall clock, which can be wrong, and jump while the node runs: by libfaketime
 * (Debian's {@code faketime}). Its monotonic clock stays right, as a machine's does.
 */
final class FakeClock {
  private final Path library;
  private final Path setting;

  private FakeClock(Path library, Path setting) {
    this.library = library;
    this.setting = setting;
  }

  /** The library, or null where it is not installed. */
  static @Nullable Path library() {
    for (Path root : new Path[] {Path.of("/usr/lib"), Path.of("/usr/lib64")}) {
      if (!Files.isDirectory(root)) {
        continue;
      }
      try (Stream<Path> found =
          Files.find(
              root, 3, (path, _) -> path.getFileName().toString().equals("libfaketimeMT.so.1"))) {
        Path first = found.findFirst().orElse(null);
        if (first != null) {
          return first;
        }
      } catch (IOException | java.io.UncheckedIOException e) {
        // A folder that may not be read holds nothing for us.
      }
    }
    return null;
  }

  /**
   * A clock that is right.
   *
   * @param setting a file in which it is told what to show
   */
  static FakeClock of(Path library, Path setting) throws IOException {
    FakeClock clock = new FakeClock(library, setting);
    clock.skew(Duration.ZERO);
    return clock;
  }

  /** What a process needs in its environment to live by this clock. */
  Map<String, String> environment() {
    return Map.of(
        "LD_PRELOAD",
        library.toString(),
        "FAKETIME_TIMESTAMP_FILE",
        setting.toString(),
        "FAKETIME_CACHE_DURATION",
        "1",
        "FAKETIME_DONT_FAKE_MONOTONIC",
        "1",
        // Its mending of what old C libraries did wrong makes every wait of a JVM's end at once.
        "FAKETIME_FORCE_MONOTONIC_FIX",
        "0");
  }

  /** Sets it wrong by so much; a process that runs by it sees it within a second. */
  void skew(Duration by) throws IOException {
    Path draft = setting.resolveSibling(setting.getFileName() + ".new");
    Files.writeString(draft, String.format(Locale.ROOT, "%+.3f%n", by.toMillis() / 1000.0));
    Files.move(draft, setting, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }
}
