package dev.meridian.cli;

import dev.meridian.node.Node;
import dev.meridian.site.Listeners;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import picocli.CommandLine.Help.Ansi;

/** What a person sees when a node has started: where everything is, and how far the seeds are. */
final class UpBanner {
  private static final int BAR = 28;
  private final Console console;
  private final Node node;
  private final Path data;
  private final boolean terminal;
  private final Ansi ansi;

  UpBanner(Console console, Node node, Path data) {
    this.console = console;
    this.node = node;
    this.data = data;
    this.terminal = console.errIsTerminal() && console.coloursAllowed();
    this.ansi = terminal ? Ansi.ON : Ansi.OFF;
  }

  /** Shows it, then follows the seeds until they are stored. */
  void show(long startNanos) throws InterruptedException {
    Listeners at = node.listeners();
    String domain = node.site().domains().isEmpty() ? "" : node.site().domains().getFirst();
    line("");
    line("  @|bold " + plain(node.site().name()) + "|@");
    line("");
    at.http().ifPresent(a -> entry("site", "@|cyan http://" + text(a) + "/|@"));
    at.https().ifPresent(a -> entry("", "@|cyan https://" + text(a) + "/|@"));
    at.dns()
        .ifPresent(
            a ->
                entry(
                    "names",
                    text(a) + (domain.isEmpty() ? "" : "   " + example("dig", a, domain))));
    at.dnsTls()
        .ifPresent(
            a ->
                entry(
                    "",
                    text(a)
                        + " with TLS"
                        + (domain.isEmpty() ? "" : "   " + example("kdig +tls", a, domain))));
    at.http()
        .ifPresent(
            a ->
                entry(
                    "data",
                    "http://" + text(a) + "/data/…   @|faint described at /openapi.json|@"));
    entry(
        "operator",
        "http://"
            + text(at.admin())
            + "/status   @|faint key in "
            + plain(data.resolve("operator.key").toString())
            + "|@");
    line("");
    line(String.format(Locale.ROOT, "  Ready in %.1f s. Ctrl-C stops it.", startNanos / 1e9));
    line("");
    followSeeds();
  }

  private static String example(String dig, InetSocketAddress at, String domain) {
    return "@|faint "
        + dig
        + " @"
        + at.getAddress().getHostAddress()
        + " -p "
        + at.getPort()
        + " "
        + domain
        + "|@";
  }

  private void followSeeds() throws InterruptedException {
    long begun = System.nanoTime();
    Optional<Node.SeedProgress> now = node.seedProgress();
    String last = "";
    while (now.isPresent()) {
      Node.SeedProgress at = now.get();
      if (terminal) {
        console.err().print("\r\u001b[K" + bar(at, System.nanoTime() - begun));
        console.err().flush();
      } else if (!at.collection().equals(last)) {
        console.note("Importing the seed of " + at.collection());
        last = at.collection();
      }
      node.awaitSeeds(Duration.ofMillis(200));
      now = node.seedProgress();
    }
    if (terminal) {
      console.err().print("\r\u001b[K");
      console.err().flush();
    }
  }

  private static String bar(Node.SeedProgress at, long nanos) {
    double part = at.bytesTotal() == 0 ? 0 : (double) at.bytesRead() / at.bytesTotal();
    int full = (int) Math.round(Math.clamp(part, 0, 1) * BAR);
    return String.format(
        Locale.ROOT,
        "  Importing %s %s%s %3.0f%%  %,d documents, %,.0f/s",
        at.collection(),
        "█".repeat(full),
        "░".repeat(BAR - full),
        part * 100,
        at.documents(),
        at.documents() / Math.max(nanos / 1e9, 0.001));
  }

  private void entry(String name, String value) {
    line(String.format(Locale.ROOT, "  %-10s%s", name, value));
  }

  private void line(String markup) {
    console.err().println(ansi.string(markup));
  }

  /** Text that is not ours must not be read as markup. */
  private static String plain(String text) {
    return text.replace("@|", "@ |").replace("|@", "| @");
  }

  private static String text(InetSocketAddress address) {
    InetAddress host = address.getAddress();
    String name =
        host.isAnyLocalAddress()
            ? "localhost"
            : host.getHostAddress().contains(":")
                ? "[" + host.getHostAddress() + "]"
                : host.getHostAddress();
    return name + ":" + address.getPort();
  }
}
