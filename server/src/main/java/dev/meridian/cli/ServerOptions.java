package dev.meridian.cli;

import dev.meridian.client.MeridianClient;
import dev.meridian.client.Options;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How a command finds its server and shows who it is. */
final class ServerOptions {
  static final Set<String> LOOPBACK = Set.of("127.0.0.1", "localhost", "[::1]", "::1");
  private static final Path DEFAULT_DATA = Path.of("data");

  @Option(
      names = "--url",
      paramLabel = "URL",
      defaultValue = "http://127.0.0.1:8080",
      description = "The server's web address (default: ${DEFAULT-VALUE}).")
  URI url = URI.create("http://127.0.0.1:8080");

  @Option(
      names = "--admin",
      paramLabel = "URL",
      defaultValue = "http://127.0.0.1:8081",
      description = "The server's operator address (default: ${DEFAULT-VALUE}).")
  URI admin = URI.create("http://127.0.0.1:8081");

  @Option(
      names = "--key",
      paramLabel = "KEY",
      description =
          "The API key. Other users of this machine can see it on the command line; the variable"
              + " MERIDIAN_KEY is safer. Without either, DATA/operator.key is used.")
  @Nullable String key;

  @Option(
      names = "--data",
      paramLabel = "DATA",
      description = "The server's data folder, for its operator.key (default: ./data).")
  @Nullable Path data;

  @Option(
      names = "--timeout",
      paramLabel = "SECONDS",
      defaultValue = "30",
      description = "Longest wait for an answer (default: ${DEFAULT-VALUE}).")
  int timeout = 30;

  /** A client of the public listener. The caller closes it. */
  MeridianClient connect(Console console) {
    return connect(url, console);
  }

  /** A client of the operator's listener. The caller closes it. */
  MeridianClient connectAdmin(Console console) {
    return connect(admin, console);
  }

  private MeridianClient connect(URI address, Console console) {
    if (timeout < 1 || timeout > 3600) {
      throw new CliException(ExitCode.USAGE, "--timeout is 1 to 3600 seconds; it was " + timeout);
    }
    try {
      Options options =
          Options.DEFAULT
              .withKey(findKey(address, console))
              .withRequestTimeout(Duration.ofSeconds(timeout));
      return MeridianClient.connect(address, options);
    } catch (IllegalArgumentException e) {
      throw new CliException(ExitCode.USAGE, Failures.oneLine(String.valueOf(e.getMessage())), e);
    }
  }

  private @Nullable String findKey(URI address, Console console) {
    if (key != null) {
      return key;
    }
    String variable = console.environment().getOrDefault("MERIDIAN_KEY", "");
    if (!variable.isBlank()) {
      return variable.strip();
    }
    // A key that lies about in ./data is not sent to another machine unless it is asked for.
    if (data == null && !LOOPBACK.contains(String.valueOf(address.getHost()))) {
      return null;
    }
    Path file = (data == null ? DEFAULT_DATA : data).resolve("operator.key");
    try {
      return Files.readString(file).strip();
    } catch (NoSuchFileException e) {
      if (data != null) {
        throw new CliException(
            ExitCode.NOT_FOUND,
            "there is no key in '" + file + "'; is --data the right folder?",
            e);
      }
      return null;
    } catch (IOException e) {
      if (data != null) {
        throw new CliException(
            ExitCode.FAILED, "cannot read '" + file + "'; are you its owner?", e);
      }
      return null;
    }
  }
}
