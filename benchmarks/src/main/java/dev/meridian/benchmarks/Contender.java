package dev.meridian.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A server under load: one process tree, started by us and ended by us. */
final class Contender implements AutoCloseable {
  private final String name;
  private final int port;
  private final Process process;

  private Contender(String name, int port, Process process) {
    this.name = name;
    this.port = port;
    this.process = process;
  }

  /** Starts a server in the foreground; its output goes to {@code log}. */
  static Contender start(String name, int port, Path log, List<String> command) {
    return start(name, port, log, command, Map.of());
  }

  /** The same, with more in its environment. */
  static Contender start(
      String name, int port, Path log, List<String> command, Map<String, String> environment) {
    try {
      Files.createDirectories(log.toAbsolutePath().getParent());
      ProcessBuilder builder =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
              .redirectInput(Path.of("/dev/null").toFile());
      builder.environment().putAll(environment);
      Process started = builder.start();
      // Whatever ends the benchmark ends what it started.
      Runtime.getRuntime().addShutdownHook(Thread.ofPlatform().unstarted(started::destroyForcibly));
      return new Contender(name, port, started);
    } catch (IOException e) {
      throw new IllegalStateException("Cannot start " + name, e);
    }
  }

  String name() {
    return name;
  }

  int port() {
    return port;
  }

  /** The same process, reached at another of its ports. */
  Contender at(int otherPort) {
    return new Contender(name, otherPort, process);
  }

  boolean isAlive() {
    return process.isAlive();
  }

  private Stream<ProcessHandle> tree() {
    return Stream.concat(Stream.of(process.toHandle()), process.descendants());
  }

  /** The ids of the process and of its children. */
  List<Long> pids() {
    return tree().map(ProcessHandle::pid).toList();
  }

  /** Processor time used so far by the process and its children that live. */
  Duration cpu() {
    return tree()
        .map(p -> p.info().totalCpuDuration().orElse(Duration.ZERO))
        .reduce(Duration.ZERO, Duration::plus);
  }

  /** Resident memory of the whole tree in bytes, from {@code /proc}. */
  long residentBytes() {
    return tree().mapToLong(p -> residentBytes(p.pid())).sum();
  }

  private static long residentBytes(long pid) {
    try {
      for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/status"))) {
        if (line.startsWith("VmRSS:")) {
          return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
        }
      }
    } catch (IOException e) {
      // It ended meanwhile.
    }
    return 0;
  }

  /** Ends it as a power cut does. */
  void kill() {
    List<ProcessHandle> all = tree().toList();
    all.forEach(ProcessHandle::destroyForcibly);
    process.onExit().join();
  }

  /** Ends it, gently first. */
  @Override
  public void close() {
    List<ProcessHandle> all = tree().toList();
    process.destroy();
    try {
      if (!process.waitFor(20, TimeUnit.SECONDS)) {
        all.forEach(ProcessHandle::destroyForcibly);
        process.waitFor();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    all.forEach(ProcessHandle::destroyForcibly);
  }
}
