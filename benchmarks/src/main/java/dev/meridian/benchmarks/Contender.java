package dev.meridian.benchmarks;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
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
  private final Path log;
  private final List<Contender> helpers;

  private Contender(String name, int port, Process process, Path log) {
    this(name, port, process, log, List.of());
  }

  private Contender(String name, int port, Process process, Path log, List<Contender> helpers) {
    this.helpers = helpers;
    this.name = name;
    this.port = port;
    this.process = process;
    this.log = log;
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
      return new Contender(name, port, started, log);
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
    return new Contender(name, otherPort, process, log);
  }

  /** The same process, whose processor time is counted together with that of its helpers. */
  Contender with(List<Contender> others) {
    return new Contender(name, port, process, log, others);
  }

  /** The end of what it printed. */
  String lastWords() {
    try {
      List<String> lines = Files.readAllLines(log, StandardCharsets.ISO_8859_1);
      return String.join("\n", lines.subList(Math.max(0, lines.size() - 20), lines.size()));
    } catch (IOException e) {
      return "(no log: " + e.getMessage() + ")";
    }
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

  /** Processor time used so far by the process, its children that live, and its helpers. */
  Duration cpu() {
    Duration own =
        tree()
            .map(p -> p.info().totalCpuDuration().orElse(Duration.ZERO))
            .reduce(Duration.ZERO, Duration::plus);
    return helpers.stream().map(Contender::cpu).reduce(own, Duration::plus);
  }

  /** The part of {@link #cpu} that the kernel spent on the server's behalf, from {@code /proc}. */
  Duration kernelCpu() {
    return tree().map(p -> kernelCpu(p.pid())).reduce(Duration.ZERO, Duration::plus);
  }

  private static Duration kernelCpu(long pid) {
    try {
      String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
      // Behind the name, which may hold anything, the 13th field: in hundredths of a second.
      String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
      return Duration.ofMillis(10 * Long.parseLong(fields[12]));
    } catch (IOException e) {
      return Duration.ZERO; // it ended meanwhile
    }
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
