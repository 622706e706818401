package dev.meridian.cli;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "up",
    description = {
      "Start a node: web tier, data and name server of a site in one process.",
      "",
      "It runs until it is stopped with Ctrl-C or SIGTERM, finishing the requests in flight. Flags"
          + " win over the site's listeners, which win over the defaults on loopback."
    },
    footer = {
      "%nExamples:",
      "  ./meridian up examples/cities",
      "  ./meridian up my-site --http 0.0.0.0:80 --data /var/lib/meridian --production",
      "  ./meridian up my-site --dns off --https 127.0.0.1:8443"
    })
final class UpCommand implements Callable<Integer> {
  @Parameters(
      paramLabel = "SITE",
      description = "The site's folder: site.yaml, pages/ and public/.")
  Path site = Path.of(".");

  @Option(
      names = "--http",
      paramLabel = "ADDRESS",
      description = "Where the web tier listens, or off (default: 127.0.0.1:8080).")
  @Nullable String http;

  @Option(
      names = "--https",
      paramLabel = "ADDRESS",
      description = "Where it listens with TLS, or off (default: off).")
  @Nullable String https;

  @Option(
      names = "--dns",
      paramLabel = "ADDRESS",
      description = "Where the name server listens, UDP and TCP, or off (default: 127.0.0.1:5353).")
  @Nullable String dns;

  @Option(
      names = "--admin",
      paramLabel = "ADDRESS",
      description = "Where the operator's listener is (default: 127.0.0.1:8081).")
  @Nullable String admin;

  @Option(
      names = "--peer",
      paramLabel = "ADDRESS",
      description = "Where other nodes reach this one (default: 127.0.0.1:7400).")
  @Nullable String peer;

  @Option(
      names = "--data",
      paramLabel = "DATA",
      defaultValue = "data",
      description = "The folder for everything this node keeps (default: ./${DEFAULT-VALUE}).")
  Path data = Path.of("data");

  @ArgGroup @Nullable Mode mode;

  /** How much an error page tells. */
  static final class Mode {
    @Option(
        names = "--dev",
        description = "Error pages show what is wrong in a template (default on loopback).")
    boolean dev;

    @Option(names = "--production", description = "Error pages are plain (default elsewhere).")
    boolean production;
  }

  private final Console console;

  UpCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws Exception {
    return ExitCode.OK;
  }
}
