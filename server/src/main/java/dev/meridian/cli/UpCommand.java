package dev.meridian.cli;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import dev.meridian.document.InvalidInputException;
import dev.meridian.handler.Routes;
import dev.meridian.node.Node;
import dev.meridian.node.NodeOptions;
import dev.meridian.peer.JoinToken;
import dev.meridian.shard.Cluster;
import dev.meridian.shard.ClusterOptions;
import dev.meridian.site.ListenAddress;
import dev.meridian.site.Listeners;
import dev.meridian.site.Units;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;
import org.slf4j.bridge.SLF4JBridgeHandler;
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
      arity = "0..1",
      description = {
        "The site's folder: site.yaml, pages/ and public/ (default: .).",
        "With --join, where the cluster's site is fetched to (default: DATA/site)."
      })
  @Nullable Path site;

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
      names = "--dns-tls",
      paramLabel = "ADDRESS",
      description =
          "Where the name server listens with TLS, or off; the field's port is 853 (default: off).")
  @Nullable String dnsTls;

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

  @Option(
      names = "--join",
      paramLabel = "HOST:PORT",
      description =
          "Join the cluster of the node whose --peer address this is. Needs a token from"
              + " 'meridian token' there, in MERIDIAN_TOKEN or --token-file.")
  @Nullable String join;

  @Option(
      names = "--advertise",
      paramLabel = "HOST:PORT",
      description = "Where other nodes reach this one, if that is not --peer.")
  @Nullable String advertise;

  @Option(
      names = "--token-file",
      paramLabel = "FILE",
      description = "A file with the token to join with.")
  @Nullable Path tokenFile;

  @Option(
      names = "--zone",
      paramLabel = "ZONE",
      defaultValue = "",
      description =
          "The rack, room or provider's zone that fails as one; replicas are spread over"
              + " zones.")
  String zone = "";

  @Option(
      names = "--replicas",
      paramLabel = "N",
      defaultValue = "3",
      description =
          "How many nodes hold the data, when there are so many (default: ${DEFAULT-VALUE}).")
  int replicas = ClusterOptions.REPLICAS;

  @Option(
      names = "--replace-after",
      paramLabel = "TIME",
      defaultValue = "10 min",
      description =
          "How long a node may be silent before another one takes its place (default:"
              + " ${DEFAULT-VALUE}).")
  String replaceAfter = "10 min";

  @ArgGroup @Nullable Mode mode;

  /** How much an error page tells. */
  static final class Mode {
    @Option(
        names = "--dev",
        description =
            "Error pages show what is wrong in a template (default when the site is on loopback"
                + " only).")
    boolean dev;

    @Option(names = "--production", description = "Error pages are plain (default elsewhere).")
    boolean production;
  }

  @Option(
      names = "--log",
      paramLabel = "FORM",
      description =
          "Logs as text or as json, a line each (default: text in a terminal, else json).")
  @Nullable String log;

  @Option(
      names = "--access-log",
      paramLabel = "ON",
      description =
          "Whether a line is logged for every request: on or off (default: on in production).")
  @Nullable String accessLog;

  @Option(
      names = "--accept-clock",
      description =
          "Start although the clock is more than 30 days past the newest write, or 2 minutes from that"
              + " of most other nodes.")
  boolean acceptClock;

  @Option(
      names = "--short-logs",
      hidden = true,
      description = "Cut the log every few hundred entries, for tests of what happens then.")
  boolean shortLogs;

  private final Console console;
  private final Path folder;
  private final Routes handlers;

  UpCommand(Console console) {
    this(console, Path.of("."), Routes.NONE);
  }

  /** For a program with a site and handlers of its own. */
  UpCommand(Console console, Path folder, Routes handlers) {
    this.console = console;
    this.folder = folder;
    this.handlers = handlers;
  }

  @Override
  public Integer call() throws Exception {
    if (log != null && !log.equals("text") && !log.equals("json")) {
      throw new CliException(ExitCode.USAGE, "--log is text or json; it was '" + log + "'");
    }
    if (accessLog != null && !accessLog.equals("on") && !accessLog.equals("off")) {
      throw new CliException(
          ExitCode.USAGE, "--access-log is on or off; it was '" + accessLog + "'");
    }
    boolean json = log == null ? !console.errIsTerminal() : log.equals("json");
    System.setProperty("meridian.log.form", json ? "json" : "text");
    System.setProperty("meridian.log.level", "INFO");
    System.setProperty("meridian.log.access", "on".equals(accessLog) ? "INFO" : "WARN");
    // Libraries that log in the JDK's own way would write lines of another form, past the levels.
    SLF4JBridgeHandler.removeHandlersForRootLogger();
    SLF4JBridgeHandler.install();
    NodeOptions options =
        new NodeOptions(
                siteFolder(),
                data,
                this::listeners,
                this::development,
                VersionCommand.number(),
                acceptClock,
                shortLogs,
                membership())
            .withHandlers(handlers);
    long begun = System.nanoTime();
    Node node = Node.start(options);
    // Ctrl-C and SIGTERM end here; main waits for what is being finished.
    Thread stop = Thread.ofPlatform().name("stop").unstarted(() -> stop(node));
    Runtime.getRuntime().addShutdownHook(stop);
    new UpBanner(console, node, data).show(System.nanoTime() - begun);
    // For ever, as a rule; a signal ends the process.
    throw new CliException(ExitCode.FAILED, node.awaitRemoval());
  }

  private Path siteFolder() {
    if (site != null) {
      return site;
    }
    return join == null ? folder : data.resolve("site");
  }

  private NodeOptions.Membership membership() throws IOException {
    if (replicas < 1 || replicas > 7) {
      throw new CliException(ExitCode.USAGE, "--replicas is 1 to 7; it was " + replicas);
    }
    Duration silence =
        Units.duration(replaceAfter)
            .filter(Duration::isPositive)
            .orElseThrow(
                () ->
                    new CliException(
                        ExitCode.USAGE,
                        "--replace-after is a time such as 10 min; it was '" + replaceAfter + "'"));
    return new NodeOptions.Membership(
        joining(),
        Optional.ofNullable(advertise).map(text -> address(text, "--advertise")),
        zone,
        replicas,
        silence);
  }

  private Optional<ClusterOptions.Join> joining() throws IOException {
    if (join == null) {
      return Optional.empty();
    }
    if (Cluster.isNode(data)) {
      return Optional.of(new ClusterOptions.Join(address(join, "--join"), null));
    }
    String text = tokenFile == null ? System.getenv("MERIDIAN_TOKEN") : Files.readString(tokenFile);
    if (text == null || text.isBlank()) {
      throw new CliException(
          ExitCode.USAGE,
          "--join needs a token: make one with './meridian token' on the cluster, and put it into"
              + " MERIDIAN_TOKEN or a --token-file");
    }
    try {
      return Optional.of(
          new ClusterOptions.Join(address(join, "--join"), JoinToken.parse(text.strip())));
    } catch (InvalidInputException e) {
      throw new CliException(ExitCode.USAGE, "the token: " + e.getMessage(), e);
    }
  }

  /** Decides what was left open, when the listeners are known. */
  private boolean development(Listeners listeners) {
    boolean development = isDevelopment(mode, listeners);
    if (accessLog == null
        && !development
        && LoggerFactory.getILoggerFactory() instanceof LoggerContext logs) {
      logs.getLogger("access").setLevel(Level.INFO);
    }
    return development;
  }

  /** As the flag says; without one, only if nobody else can reach the site. */
  static boolean isDevelopment(@Nullable Mode mode, Listeners listeners) {
    if (mode != null) {
      return mode.dev;
    }
    return Stream.of(listeners.http(), listeners.https(), listeners.dns(), listeners.dnsTls())
        .flatMap(Optional::stream)
        .allMatch(at -> at.getAddress() != null && at.getAddress().isLoopbackAddress());
  }

  private static void stop(Node node) {
    node.close();
    // The lines of the last requests may still wait for the thread that writes them.
    if (LoggerFactory.getILoggerFactory() instanceof LoggerContext logs) {
      logs.stop();
    }
  }

  /** The site's listeners with what the flags say instead. */
  private Listeners listeners(Listeners listeners) {
    return new Listeners(
        optional(http, "--http", listeners.http()),
        optional(https, "--https", listeners.https()),
        optional(dns, "--dns", listeners.dns()),
        optional(dnsTls, "--dns-tls", listeners.dnsTls()),
        required(admin, "--admin", listeners.admin()),
        required(peer, "--peer", listeners.peer()));
  }

  private static Optional<InetSocketAddress> optional(
      @Nullable String text, String option, Optional<InetSocketAddress> otherwise) {
    if (text == null) {
      return otherwise;
    }
    return text.equals("off") ? Optional.empty() : Optional.of(address(text, option));
  }

  private static InetSocketAddress required(
      @Nullable String text, String option, InetSocketAddress otherwise) {
    return text == null ? otherwise : address(text, option);
  }

  private static InetSocketAddress address(String text, String option) {
    try {
      return ListenAddress.parse(text);
    } catch (InvalidInputException e) {
      throw new CliException(ExitCode.USAGE, option + ": " + e.getMessage(), e);
    }
  }
}
