package dev.meridian.dns;

import dev.meridian.document.InvalidInputException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.xbill.DNS.Name;
import org.xbill.DNS.ResolverConfig;
import org.xbill.DNS.TextParseException;

/**
 * Checks whether the world can reach zones: from the zone above, by every address of every name
 * server, to what the names lead to. Nothing is changed, and what servers say is not trusted. A run
 * ends within {@link #LONGEST}; all servers are asked at once, 64 questions at a time.
 */
public final class DnsCheck {
  /** When a run is broken off. */
  static final Duration LONGEST = Duration.ofMinutes(2);

  private static final Duration PROGRESS_EVERY = Duration.ofMillis(200);
  private static final int MOST_ZONES = 100;

  private final Settings settings;
  private final List<InetSocketAddress> resolvers;

  /** How bad it is. */
  public enum Level {
    /** As it should be. */
    OK,
    /** Worth knowing. */
    NOTE,
    /** Works, but not well or not for long. */
    WARNING,
    /** Some of the world, or all of it, does not reach the zone. */
    ERROR
  }

  /**
   * Something that was checked.
   *
   * @param check what, in one word
   * @param where a server or a name; empty if it is about the zone
   * @param found what it is like, in a sentence
   * @param mend how to mend it; empty if there is nothing to mend or to do
   */
  public record Finding(Level level, String check, String where, String found, String mend) {}

  /**
   * All that was found.
   *
   * @param zone its name without the last dot, or {@code regions}
   */
  public record Report(String zone, List<Finding> findings) {
    /** How many findings are of a level. */
    public long count(Level level) {
      return findings.stream().filter(finding -> finding.level() == level).count();
    }
  }

  /**
   * An address of one of the site's regions.
   *
   * @param up whether it is, if that is known without trying
   * @param problem why not; may be empty
   */
  public record RegionAddress(
      String region, InetAddress address, Optional<Boolean> up, String problem) {}

  /**
   * What to go by.
   *
   * @param resolvers those to ask for what is not in the zones; empty for this machine's
   * @param servers name servers to check instead of those that the world is led to; may be empty
   * @param own the site's own name server
   * @param port where all other name servers listen
   * @param domains the site's names; empty if they are not known
   * @param regions the addresses of regions; may be empty
   * @param webPorts where the site's web servers are beside 80 and 443
   */
  public record Settings(
      List<InetSocketAddress> resolvers,
      List<InetSocketAddress> servers,
      Optional<InetSocketAddress> own,
      int port,
      List<String> domains,
      List<RegionAddress> regions,
      Set<Integer> webPorts) {
    /** Copies. */
    public Settings {
      resolvers = List.copyOf(resolvers);
      servers = List.copyOf(servers);
      domains = List.copyOf(domains);
      regions = List.copyOf(regions);
      webPorts = Set.copyOf(webPorts);
    }
  }

  /**
   * How far it is.
   *
   * @param asked how many questions were asked
   * @param done how many zones are done
   * @param zones of how many
   */
  public record Progress(int asked, int done, int zones) {}

  /** Prepares; asks nobody yet. */
  public DnsCheck(Settings settings) {
    this.settings = settings;
    resolvers =
        settings.resolvers().isEmpty()
            ? ResolverConfig.getCurrentConfig().servers()
            : settings.resolvers();
  }

  /**
   * Checks zones. Blocks until it is done, for seconds.
   *
   * @param zones their names, at most 100
   * @param progress is told about five times a second, on the caller's thread
   * @return a report for each zone, in that order, and one for the regions if there are any
   * @throws InvalidInputException if one is no name, or they are too many
   */
  public List<Report> run(List<String> zones, Consumer<Progress> progress)
      throws InterruptedException {
    if (zones.size() > MOST_ZONES) {
      throw new InvalidInputException(
          "there are " + zones.size() + " zones; name at most " + MOST_ZONES + " of them.");
    }
    List<Name> names = zones.stream().map(DnsCheck::name).toList();
    long end = System.nanoTime() + LONGEST.toNanos();
    try (Asker asker = new Asker()) {
      List<String> titles = new ArrayList<>();
      List<Future<List<Finding>>> running = new ArrayList<>();
      for (Name name : names) {
        titles.add(Findings.text(name));
        running.add(
            asker.begin(
                () ->
                    new ZoneCheck(asker, settings, resolvers, InstantSource.system(), name, names)
                        .run()));
      }
      if (!settings.regions().isEmpty()) {
        titles.add("regions");
        running.add(
            asker.begin(() -> RegionRules.check(asker, settings.regions(), settings.webPorts())));
      }
      List<Report> reports = new ArrayList<>();
      for (int i = 0; i < running.size(); i++) {
        while (!running.get(i).isDone() && System.nanoTime() < end) {
          int done = (int) running.stream().filter(Future::isDone).count();
          progress.accept(new Progress(asker.asked(), done, running.size()));
          awaitDone(running.get(i));
        }
        reports.add(new Report(titles.get(i), findings(running.get(i))));
      }
      return reports;
    }
  }

  private static void awaitDone(Future<?> one) throws InterruptedException {
    try {
      one.get(PROGRESS_EVERY.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException | ExecutionException e) {
      // Looked at when all is over.
    }
  }

  private static List<Finding> findings(Future<List<Finding>> done) throws InterruptedException {
    if (!done.isDone()) {
      done.cancel(true);
      return List.of(
          new Finding(
              Level.ERROR,
              "run",
              "",
              "not done within " + LONGEST.toMinutes() + " minutes",
              "check fewer zones at a time"));
    }
    try {
      return done.get();
    } catch (ExecutionException e) {
      throw new IllegalStateException("A check failed in a way it must not", e.getCause());
    }
  }

  private static Name name(String text) {
    try {
      return Name.fromString(text, Name.root);
    } catch (TextParseException e) {
      throw new InvalidInputException(
          "'" + text + "' is no domain name; write one like example.org.", e);
    }
  }
}
