package dev.meridian.lab;

import java.io.IOException;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What a lab's nodes have beside the plain ones, so that more can be done to them.
 *
 * @param disks whether each has a small disk of its own, which can be full
 * @param slowDisks whether these can be slow
 * @param clocks the library by which each has a clock of its own, which can be wrong; null for none
 * @param shortLogs whether they cut their logs often, so that who was away needs a snapshot
 */
public record Equipment(
    boolean disks, boolean slowDisks, @Nullable Path clocks, boolean shortLogs) {
  /** Nothing. */
  public static final Equipment PLAIN = new Equipment(false, false, null, false);

  /**
   * All that this machine can give.
   *
   * @param folder the lab's
   * @param missing told, a line each, what it cannot and why
   */
  public static Equipment whatThereIs(Path folder, Consumer<String> missing)
      throws IOException, InterruptedException {
    String noDisks = Disk.missing(folder);
    String noSlowDisks = noDisks != null ? noDisks : Disk.slowMissing();
    Path clocks = FakeClock.library();
    if (noDisks != null) {
      missing.accept("no full disks: a node's own disk cannot be mounted here (" + noDisks + ")");
    }
    if (noSlowDisks != null) {
      missing.accept("no slow disks: " + noSlowDisks);
    }
    if (clocks == null) {
      missing.accept("no wrong clocks: libfaketime is not installed (Debian's package faketime)");
    }
    if (!SocketOwners.known()) {
      missing.accept("no ways cut between two nodes: this system does not tell who connects");
    }
    return new Equipment(noDisks == null, noSlowDisks == null, clocks, true);
  }
}
