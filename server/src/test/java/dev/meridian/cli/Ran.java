package dev.meridian.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.node.Node;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A command line that has run, in this process.
 *
 * @param code the exit code
 * @param out what it wrote to standard output
 * @param err what it wrote to standard error
 */
record Ran(int code, String out, String err) {
  Ran ok() {
    assertThat(code).as(err).isEqualTo(ExitCode.OK);
    return this;
  }

  /** Failed with this code and one line, which is no stack trace. */
  Ran failed(int expected) {
    assertThat(code).as(out + err).isEqualTo(expected);
    assertThat(err.strip().lines()).as(err).hasSize(1);
    assertThat(err).startsWith("meridian: ").doesNotContain("Exception");
    return this;
  }

  /** Runs a command with this standard input. */
  static Ran run(String input, String... args) {
    return run(input.getBytes(StandardCharsets.UTF_8), args);
  }

  /** Runs a command of this node's operator. */
  static Ran at(Node node, Path data, String... args) {
    return fed(node, data, "", args);
  }

  /** The same with this standard input. */
  static Ran fed(Node node, Path data, String input, String... args) {
    List<String> all = new ArrayList<>(List.of(args));
    all.addAll(List.of("--admin", "http://127.0.0.1:" + node.listeners().admin().getPort()));
    all.addAll(List.of("--data", data.toString()));
    return run(input, all.toArray(String[]::new));
  }

  /** Runs a command with this standard input. */
  static Ran run(byte[] input, String... args) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    Console console =
        new Console(
            new ByteArrayInputStream(input),
            new PrintStream(out, true, StandardCharsets.UTF_8),
            new PrintStream(err, true, StandardCharsets.UTF_8),
            Map.of(),
            false,
            false,
            false);
    int code = Meridian.run(console, args);
    return new Ran(
        code, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }
}
