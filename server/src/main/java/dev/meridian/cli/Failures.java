package dev.meridian.cli;

import dev.meridian.client.MeridianException;
import dev.meridian.document.InvalidInputException;
import dev.meridian.site.SiteException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/** Turns whatever stops a command into one line for its user and an exit code. */
final class Failures implements IExecutionExceptionHandler, IParameterExceptionHandler {
  private final Console console;

  Failures(Console console) {
    this.console = console;
  }

  @Override
  public int handleParseException(ParameterException e, String[] args) {
    StringBuilder line = new StringBuilder(oneLine(message(e)));
    if (e instanceof UnmatchedArgumentException unmatched) {
      List<String> similar = unmatched.getSuggestions();
      if (!similar.isEmpty()) {
        line.append("; did you mean ").append(String.join(" or ", similar)).append('?');
      }
    }
    line.append("; see '")
        .append(e.getCommandLine().getCommandSpec().qualifiedName())
        .append(" --help'");
    print(line.toString());
    return ExitCode.USAGE;
  }

  @Override
  public int handleExecutionException(
      Exception e, CommandLine commandLine, @Nullable ParseResult parsed) {
    return report(e, Meridian.verbose(commandLine));
  }

  /** Says what happened and returns the exit code. */
  int report(Throwable thrown, boolean verbose) {
    console.out().flush();
    int code;
    switch (thrown) {
      case CliException e -> {
        print(message(e));
        code = e.exitCode();
      }
      case MeridianException e -> {
        print(describe(e));
        code = exitCode(e);
      }
      case InvalidInputException e -> {
        print(oneLine(message(e)));
        code = ExitCode.USAGE;
      }
      case InvalidPathException e -> {
        print("'" + oneLine(e.getInput()) + "' cannot be a file's name here: " + e.getReason());
        code = ExitCode.USAGE;
      }
      case SiteException e -> {
        e.problems().forEach(problem -> console.note(oneLine(problem.toString())));
        code = ExitCode.FAILED;
      }
      case UncheckedIOException e -> {
        IOException cause = Objects.requireNonNullElseGet(e.getCause(), IOException::new);
        print(describe(cause));
        code = exitCode(cause);
      }
      case IOException e -> {
        print(describe(e));
        code = exitCode(e);
      }
      case InterruptedException _ -> {
        print("interrupted");
        code = ExitCode.INTERRUPTED;
      }
      default -> {
        print(
            oneLine(thrown.toString())
                + (verbose ? "" : "; this is a fault of meridian's; --verbose shows where"));
        code = ExitCode.FAILED;
      }
    }
    if (verbose) {
      thrown.printStackTrace(console.err());
    }
    return code;
  }

  /** Whatever it is made of: arguments, names of files and answers of servers are. */
  private void print(String line) {
    console.note("meridian: " + oneLine(line));
  }

  static int exitCode(MeridianException e) {
    return switch (e.status()) {
      case MeridianException.UNREACHED ->
          e.type().equals("interrupted") ? ExitCode.INTERRUPTED : ExitCode.UNREACHABLE;
      case 401, 403 -> ExitCode.REFUSED;
      case 404, 410 -> ExitCode.NOT_FOUND;
      case 412 -> ExitCode.PRECONDITION;
      case 429, 502, 503, 504 -> ExitCode.UNREACHABLE;
      default -> ExitCode.FAILED;
    };
  }

  private static int exitCode(IOException e) {
    return e instanceof NoSuchFileException ? ExitCode.NOT_FOUND : ExitCode.FAILED;
  }

  static String describe(MeridianException e) {
    String unknown =
        e.outcome() == MeridianException.Outcome.UNKNOWN
            ? "; the write may have happened: read it before trying again"
            : "";
    String what = oneLine(e.detail());
    return switch (e.type()) {
      case "unreachable" -> what + "; is it running? start one with: ./meridian up SITE" + unknown;
      case "no-answer" -> what + unknown;
      default ->
          switch (e.status()) {
            case 401, 403 ->
                what
                    + "; give a key with --key or MERIDIAN_KEY, or --data with the folder that"
                    + " holds operator.key";
            default -> what + unknown;
          };
    };
  }

  private static String describe(IOException e) {
    return switch (e) {
      case NoSuchFileException n -> "there is no file '" + n.getFile() + "'";
      case AccessDeniedException a -> "no permission for '" + a.getFile() + "'";
      case FileAlreadyExistsException f -> "'" + f.getFile() + "' is there already";
      case FileSystemException f when f.getReason() == null -> "cannot use '" + f.getFile() + "'";
      default -> oneLine(message(e));
    };
  }

  private static String message(Throwable e) {
    String message = e.getMessage();
    return message == null || message.isBlank()
        ? e.getClass().getSimpleName().replaceAll("Exception$", "").toLowerCase(Locale.ROOT)
        : message;
  }

  /** On one line, without control characters that would move a terminal's cursor. */
  static String oneLine(String text) {
    StringBuilder line = new StringBuilder(text.length());
    text.strip()
        .codePoints()
        .forEach(c -> line.appendCodePoint(Character.isISOControl(c) ? ' ' : c));
    return line.toString();
  }
}
