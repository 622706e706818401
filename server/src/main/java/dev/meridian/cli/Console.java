package dev.meridian.cli;

import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Help.Ansi;

/**
 * Where a command reads and writes, and what its surroundings can show.
 *
 * @param in standard input
 * @param out standard output: what was asked for
 * @param err standard error: progress, errors
 * @param environment variables
 * @param inIsTerminal whether a person types standard input
 * @param outIsTerminal whether a person reads standard output
 * @param errIsTerminal whether a person reads standard error
 */
record Console(
    InputStream in,
    PrintStream out,
    PrintStream err,
    Map<String, String> environment,
    boolean inIsTerminal,
    boolean outIsTerminal,
    boolean errIsTerminal) {
  private static final int DEFAULT_WIDTH = 100;

  /** The process's own. */
  static Console system() {
    return new Console(
        System.in,
        new Output(new FileOutputStream(FileDescriptor.out)),
        System.err,
        System.getenv(),
        isTerminal(0),
        isTerminal(1),
        isTerminal(2));
  }

  /** Standard output. It keeps why it could not be written, which a print stream forgets. */
  static final class Output extends PrintStream {
    private final Target target;

    Output(OutputStream to) {
      this(new Target(to));
    }

    private Output(Target target) {
      super(new BufferedOutputStream(target, 1 << 16), false, StandardCharsets.UTF_8);
      this.target = target;
    }

    /** The first failure, or null. */
    @Nullable IOException failure() {
      return target.failure;
    }

    private static final class Target extends FilterOutputStream {
      private volatile @Nullable IOException failure;

      Target(OutputStream to) {
        super(to);
      }

      @Override
      public void write(byte[] bytes, int offset, int length) throws IOException {
        try {
          out.write(bytes, offset, length);
        } catch (IOException e) {
          failure = failure == null ? e : failure;
          throw e;
        }
      }
    }
  }

  /** Whether standard output takes colours: a terminal that has them and NO_COLOR unset. */
  boolean colours() {
    return outIsTerminal && coloursAllowed();
  }

  /** Whether a terminal here may be sent colours (see no-color.org). */
  boolean coloursAllowed() {
    return environment.getOrDefault("NO_COLOR", "").isEmpty()
        && !environment.getOrDefault("TERM", "dumb").equals("dumb");
  }

  /** How picocli colours what goes to standard output. */
  Ansi ansi() {
    return colours() ? Ansi.ON : Ansi.OFF;
  }

  /** The terminal's width in columns, as far as it is known. */
  int width() {
    String columns = environment.get("COLUMNS");
    if (columns != null && columns.matches("[1-9][0-9]{0,3}")) {
      return Integer.parseInt(columns);
    }
    return DEFAULT_WIDTH;
  }

  /** A line on standard error. */
  void note(String line) {
    err.println(line);
  }

  /**
   * Whether a standard stream is a terminal. {@code System.console()} knows this only for input and
   * output together.
   */
  private static boolean isTerminal(int descriptor) {
    Path link = Path.of("/proc/self/fd", Integer.toString(descriptor));
    try {
      if (Files.isSymbolicLink(link)) {
        String target = Files.readSymbolicLink(link).toString();
        return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty");
      }
    } catch (IOException e) {
      // No /proc here: the next best answer.
    }
    java.io.Console console = System.console();
    return console != null && console.isTerminal();
  }
}
