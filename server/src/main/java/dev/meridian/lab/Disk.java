package dev.meridian.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A node's own small disk: an ext4 file system in a file, so that it can be full, and slow. It
 * takes Linux and root. Used by one thread.
 */
final class Disk implements AutoCloseable {
  /** More than the reserve that a node leaves free, and what a torture writes. */
  private static final long BYTES = 768L << 20;

  /** What a file system that is almost full has left: less than the reserve, and not nothing. */
  private static final long LOW_BYTES = 96L << 20;

  private static final Path CGROUP = Path.of("/sys/fs/cgroup/blkio");
  private static final String LIMIT = "blkio.throttle.write_iops_device";
  private static final String BALLAST = "ballast";

  private final Path image;
  private final Path at;
  private final Path group;

  private Disk(Path image, Path at) {
    this.image = image;
    this.at = at;
    this.group =
        CGROUP.resolve("meridian-lab-" + ProcessHandle.current().pid() + "-" + at.getFileName());
  }

  /**
   * Makes a disk and mounts it.
   *
   * @param at an empty folder, or none yet
   */
  static Disk mount(Path at) throws IOException, InterruptedException {
    Disk disk = new Disk(at.resolveSibling(at.getFileName() + ".disk"), at);
    disk.format();
    return disk;
  }

  /** Why there are no such disks here, or null if there are. */
  static @Nullable String missing(Path folder) throws InterruptedException {
    try {
      Files.createDirectories(folder);
      try (Disk probe = mount(folder.resolve("probe"))) {
        return Files.isDirectory(probe.at) ? null : "no folder";
      }
    } catch (IOException e) {
      return e.getMessage();
    }
  }

  /** Why a disk cannot be made slow here, or null if it can. */
  static @Nullable String slowMissing() {
    return Files.isWritable(CGROUP.resolve("cgroup.procs"))
            && Files.exists(CGROUP.resolve("blkio.throttle.write_bps_device"))
        ? null
        : "no cgroup (version 1, blkio) to slow a disk with";
  }

  /** An empty file system in the place of whatever there was. */
  private void format() throws IOException, InterruptedException {
    Files.createDirectories(at);
    Files.deleteIfExists(image);
    run(List.of("truncate", "--size", "" + BYTES, image.toString()));
    run(List.of("mkfs.ext4", "-q", "-F", "-m", "0", image.toString()));
    run(List.of("mount", "-o", "loop", image.toString(), at.toString()));
    Files.deleteIfExists(at.resolve("lost+found"));
  }

  /** Empties it; nothing may hold it open. */
  void wipe() throws IOException, InterruptedException {
    unmount();
    format();
  }

  /** Fills it, to the last block or to less than a node's reserve. */
  void fill(boolean whole) throws IOException, InterruptedException {
    long free = Files.getFileStore(at).getUsableSpace() - (whole ? 0 : LOW_BYTES);
    Path ballast = at.resolve(BALLAST);
    if (free > 0) {
      try {
        run(List.of("fallocate", "--length", "" + free, ballast.toString()));
      } catch (IOException e) {
        // Some of it is the file system's own. What could be had is had: the rest is written.
      }
    }
    if (whole) {
      byte[] block = new byte[4096];
      try (var out =
          Files.newOutputStream(
              ballast,
              java.nio.file.StandardOpenOption.CREATE,
              java.nio.file.StandardOpenOption.APPEND)) {
        for (long i = 0; i < BYTES / block.length; i++) {
          out.write(block);
        }
      } catch (IOException e) {
        // Full, as it should be.
      }
    }
  }

  /** Makes room again. */
  void empty() throws IOException {
    Files.deleteIfExists(at.resolve(BALLAST));
  }

  /** Lets a process write so often a second and no more. */
  void slow(long pid, int writesPerSecond) throws IOException, InterruptedException {
    Files.createDirectories(group);
    Files.writeString(group.resolve(LIMIT), device() + " " + writesPerSecond);
    Files.writeString(group.resolve("cgroup.procs"), "" + pid);
  }

  /** Lets it write as fast as it can. */
  void quick(long pid) throws IOException, InterruptedException {
    if (Files.exists(group)) {
      Files.writeString(group.resolve(LIMIT), device() + " 0");
      if (ProcessHandle.of(pid).isPresent()) {
        Files.writeString(CGROUP.resolve("cgroup.procs"), "" + pid);
      }
      Files.deleteIfExists(group);
    }
  }

  /** Its numbers, MAJOR:MINOR. */
  private String device() throws IOException, InterruptedException {
    String loop = run(List.of("findmnt", "--noheadings", "--output", "MAJ:MIN", at.toString()));
    return loop.strip();
  }

  private void unmount() throws IOException, InterruptedException {
    // The processes that held it have just ended; the kernel may be a moment behind.
    for (int attempt = 1; ; attempt++) {
      try {
        run(List.of("umount", at.toString()));
        return;
      } catch (IOException e) {
        if (attempt == 50) {
          throw e;
        }
        TimeUnit.MILLISECONDS.sleep(100);
      }
    }
  }

  private static String run(List<String> command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    process.getOutputStream().close();
    String output = new String(process.getInputStream().readAllBytes());
    if (process.waitFor() != 0) {
      throw new IOException(
          String.join(" ", command.subList(0, 1)) + ": " + output.strip().replace('\n', ' '));
    }
    return output;
  }

  @Override
  public void close() throws IOException {
    try {
      unmount();
      Files.deleteIfExists(group);
      Files.deleteIfExists(image);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
