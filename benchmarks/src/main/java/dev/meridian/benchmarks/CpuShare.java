package dev.meridian.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** Limits processes to a share of one core, with Linux' control groups; needs root. */
final class CpuShare implements AutoCloseable {
  private static final Path ROOT = Path.of("/sys/fs/cgroup");

  /** Short, so that a process that has used its share waits briefly. */
  private static final int PERIOD_MICROS = 20_000;

  private final Path parent;
  private final Path group;
  private final List<Long> processes;

  private CpuShare(Path parent, Path group, List<Long> processes) {
    this.parent = parent;
    this.group = group;
    this.processes = processes;
  }

  /**
   * Limits a server from now on.
   *
   * @param cores such as 0.2
   * @throws IOException if this system does not let us
   */
  static CpuShare limit(Contender server, double cores) throws IOException {
    boolean second = Files.exists(ROOT.resolve("cgroup.controllers"));
    Path parent = second ? ROOT : ROOT.resolve("cpu");
    if (second) {
      Files.writeString(ROOT.resolve("cgroup.subtree_control"), "+cpu");
    }
    List<Long> processes = server.pids();
    Path group = parent.resolve("meridian-bench-" + processes.getFirst());
    Files.createDirectory(group);
    CpuShare share = new CpuShare(parent, group, processes);
    try {
      long quota = Math.round(cores * PERIOD_MICROS);
      if (second) {
        Files.writeString(
            group.resolve("cpu.max"), String.format(Locale.ROOT, "%d %d", quota, PERIOD_MICROS));
      } else {
        Files.writeString(group.resolve("cpu.cfs_period_us"), String.valueOf(PERIOD_MICROS));
        Files.writeString(group.resolve("cpu.cfs_quota_us"), String.valueOf(quota));
      }
      share.join();
      return share;
    } catch (IOException e) {
      share.close();
      throw e;
    }
  }

  private void join() throws IOException {
    for (long process : processes) {
      Files.writeString(group.resolve("cgroup.procs"), String.valueOf(process));
    }
  }

  /** Ends the limit; the processes are in no group then. */
  @Override
  public void close() {
    for (long process : processes) {
      try {
        Files.writeString(parent.resolve("cgroup.procs"), String.valueOf(process));
      } catch (IOException e) {
        // It has ended.
      }
    }
    try {
      Files.delete(group);
    } catch (IOException e) {
      System.err.println("The control group " + group + " is left: " + e.getMessage());
    }
  }
}
