package dev.meridian.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The script {@code meridian} with a Maven and a JDK that only pretend, so that a build is quick.
 */
@Timeout(120)
class LauncherTest {
  private static final Path SCRIPT = Path.of("..", "meridian");

  @TempDir Path home;
  private final List<Process> started = new ArrayList<>();

  @BeforeEach
  void prepare() throws IOException {
    assumeThat(SCRIPT).exists();
    Files.copy(SCRIPT, home.resolve("meridian"));
    for (String folder : List.of("client/src/main", "server/src/main", "jdk/bin", "bin", "tools")) {
      Files.createDirectories(home.resolve(folder));
    }
    for (String pom : List.of("pom.xml", "client/pom.xml", "server/pom.xml")) {
      Files.writeString(home.resolve(pom), "");
    }
    Files.writeString(home.resolve("jdk/release"), "JAVA_VERSION=\"25.0.1\"\n");
    script("jdk/bin/javac", "exit 0");
    script(
        "jdk/bin/java", "case \"$*\" in *' up'*) echo serving; exec sleep 100 ;; esac; echo ran");
    script("bin/mvn", "mkdir -p server/target/lib && echo jar >server/target/meridian.jar");
    // Every tool there is, flock apart.
    try (Stream<Path> tools = Files.list(Path.of("/usr/bin"))) {
      for (Path tool : tools.toList()) {
        if (!tool.endsWith("flock")) {
          Files.createSymbolicLink(home.resolve("tools").resolve(tool.getFileName()), tool);
        }
      }
    }
  }

  @AfterEach
  void stop() {
    started.forEach(Process::destroyForcibly);
  }

  private void script(String name, String text) throws IOException {
    Path file = Files.writeString(home.resolve(name), "#!/bin/sh\n" + text + "\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private Process start(boolean flock, String command) throws IOException {
    ProcessBuilder builder = new ProcessBuilder("sh", home.resolve("meridian").toString(), command);
    builder.environment().put("JAVA_HOME", home.resolve("jdk").toString());
    builder
        .environment()
        .put("PATH", home.resolve("bin") + ":" + (flock ? "/usr/bin:/bin" : home.resolve("tools")));
    builder.redirectError(home.resolve(command + ".err").toFile());
    Process process = builder.start();
    started.add(process);
    return process;
  }

  /** What a command printed, once it has ended. */
  private static String ended(Process process) throws Exception {
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).as("it ends").isTrue();
    return new String(process.getInputStream().readAllBytes());
  }

  private void awaitError(String command, String text) throws Exception {
    while (!Files.readString(home.resolve(command + ".err")).contains(text)) {
      Thread.sleep(50); // bounded by the test's own limit
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void serverThatRunsKeepsNobodyFromBuilding(boolean flock) throws Exception {
    assumeThat(!flock || Files.exists(Path.of("/usr/bin/flock"))).isTrue();
    Process server = start(flock, "up");
    assertThat(server.inputReader().readLine()).isEqualTo("serving");
    Files.setLastModifiedTime(
        home.resolve("pom.xml"), FileTime.from(Instant.now().plusSeconds(3600)));
    assertThat(ended(start(flock, "version"))).isEqualTo("ran\n");
    assertThat(server.isAlive()).isTrue();
  }

  @Test
  void lockOfAnEndedBuildIsNoLock() throws Exception {
    Path lock = Files.createDirectories(home.resolve("target/build.lock.d"));
    Process gone = new ProcessBuilder("true").start();
    gone.waitFor();
    Files.writeString(lock.resolve("pid"), gone.pid() + "\n");
    assertThat(ended(start(false, "version"))).isEqualTo("ran\n");
    assertThat(lock).doesNotExist();
  }

  @Test
  void waitsForAnotherBuildAndSaysSo() throws Exception {
    Path lock = Files.createDirectories(home.resolve("target/build.lock.d"));
    Files.writeString(lock.resolve("pid"), ProcessHandle.current().pid() + "\n");
    Process waiting = start(false, "version");
    awaitError("version", "waiting for another build to end");
    Files.delete(lock.resolve("pid"));
    Files.delete(lock);
    assertThat(ended(waiting)).isEqualTo("ran\n");
  }
}
