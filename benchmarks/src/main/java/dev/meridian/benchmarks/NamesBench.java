package dev.meridian.benchmarks;

import java.io.BufferedWriter;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.function.IntFunction;

/** The name server beside others: NSD, gdnsd, PowerDNS; load by dnsperf. */
final class NamesBench {
  /** What it measures, by name. */
  static final List<String> PARTS = List.of("dns", "geo", "signed", "million");

  private static final String ZONE = "bench.example";
  private static final String BIG = "million.example";
  private static final int NAMES = 1000;
  private static final int MANY = 1_000_000;
  private static final int ASKED_OF_MANY = 200_000;
  private static final int NETWORKS = 100_000;
  private static final int NEW_NAMES = 20_000;

  /** New signatures a second: the rest of two cores stays free, so that none is lost. */
  private static final int NEW_A_SECOND = 4000;

  private final Path home;
  private final Path scratch;
  private final Turns turns;
  private final Report report;
  private final PrintStream out;

  NamesBench(Path home, Path scratch, Turns turns, Report report, PrintStream out) {
    this.home = home;
    this.scratch = scratch;
    this.turns = turns;
    this.report = report;
    this.out = out;
  }

  /** Measures some of {@link #PARTS}. */
  void run(Set<String> parts) throws IOException {
    if (!Tools.installed("dnsperf")) {
      report.skip("names (needs dnsperf)");
      return;
    }
    if (parts.contains("dns")) {
      plain();
    }
    if (parts.contains("geo")) {
      geo();
    }
    if (parts.contains("signed")) {
      signed();
    }
    if (parts.contains("million")) {
      million();
    }
  }

  private Path folder(String name) throws IOException {
    return Files.createDirectories(scratch.resolve(name));
  }

  /** A site of nothing but names. */
  private static Path site(Path folder, String more) {
    Path site = folder.resolve("site");
    Tools.write(site.resolve("site.yaml"), "name: Bench\ndomains: [%s]\n%s".formatted(ZONE, more));
    return site;
  }

  private static Path zone(Path file, String origin, int names) throws IOException {
    return zone(file, origin, names, 1);
  }

  private static Path zone(Path file, String origin, int names, int serial) throws IOException {
    Files.createDirectories(file.toAbsolutePath().getParent());
    try (BufferedWriter zone = Files.newBufferedWriter(file)) {
      zone.write(
          """
          $ORIGIN %s.
          $TTL 300
          @ IN SOA ns hostmaster %d 3600 600 86400 300
          @ IN NS ns
          ns IN A 127.0.0.1
          @ IN A 127.0.0.1
          """
              .formatted(origin, serial));
      for (int i = 0; i < names; i++) {
        zone.write(
            "host%d IN A 198.%d.%d.%d%n".formatted(i, 18 + (i >>> 16) % 2, i >>> 8 & 255, i & 255));
      }
    }
    return file;
  }

  /** So many of a zone's names, at random. */
  private static Path queries(Path file, String origin, int asked, int of) throws IOException {
    Random random = new Random(3);
    try (BufferedWriter queries = Files.newBufferedWriter(file)) {
      for (int i = 0; i < asked; i++) {
        queries.write(
            "host%d.%s A%n".formatted(asked == of ? i * 7919L % of : random.nextInt(of), origin));
      }
    }
    return file;
  }

  private void cpu(String what, Series own, Series other, double target) {
    double ratio = other.ratio(own, Sample::cpuMicros);
    report.add(
        new Report.Row(
            what + ", for a CPU-second",
            other.contender(),
            String.format(Locale.ROOT, "%,.0f", 1e6 / other.median(Sample::cpuMicros)),
            String.format(Locale.ROOT, "%.2f", ratio),
            String.format(Locale.ROOT, "at least %.1f", target),
            ratio >= target));
  }

  // --- Plain answers -----------------------------------------------------------------------------

  private void plain() throws IOException {
    Path folder = folder("plain");
    Path site = site(folder, "names: {zoneFiles: [bench.zone]}\n");
    Path zone = zone(site.resolve("bench.zone"), ZONE, NAMES);
    Path queries = queries(folder.resolve("queries"), ZONE, NAMES, NAMES);
    List<Series> series = new ArrayList<>();
    List<IntFunction<Sample>> contenders = new ArrayList<>();
    List<Contender> open = new ArrayList<>();
    Servers servers = new Servers(home, folder);
    try (Servers.Meridian meridian = servers.meridian(site, folder.resolve("data"))) {
      List<Contender> asked = new ArrayList<>();
      asked.add(meridian.process().at(meridian.dns()));
      if (Tools.installed("nsd")) {
        Contender nsd = new NamePeers(folder).nsd(Map.of(ZONE, zone));
        open.add(nsd);
        asked.add(nsd);
      } else {
        report.skip("DNS beside NSD (not installed)");
      }
      for (Contender server : asked) {
        series.add(new Series(server.name()));
        contenders.add(s -> Load.dnsperf(server, s, queries));
      }
      turns.run("DNS", series, contenders);
      Series own = series.getFirst();
      String what = "DNS over UDP, 1,000 names, A";
      report.own(what, own);
      for (Series other : series.subList(1, series.size())) {
        report.peer(what, own, other, Sample::rate, 0.8);
        cpu(what, own, other, 1);
      }
      latency(what, series, asked);
      allocation(asked.getFirst(), queries);
    } finally {
      open.forEach(Contender::close);
    }
  }

  /** At half of what each can do. */
  private void latency(String what, List<Series> series, List<Contender> asked) throws IOException {
    List<byte[]> queries = Queries.ofHosts(ZONE, NAMES);
    for (int i = 0; i < asked.size(); i++) {
      Contender server = asked.get(i);
      int half = (int) (series.get(i).median(Sample::rate) / 2);
      Series p99 = new Series(server.name());
      for (int run = 0; run < turns.runs(); run++) {
        PacedQueries.Result result =
            PacedQueries.ask(server.port(), queries, half, turns.seconds());
        p99.add(Sample.of(result.percentileMillis(0.99)));
        out.printf(
            Locale.ROOT,
            "latency: %s at %,d/s: p50 %.3f ms, p99 %.3f ms, %d lost%n",
            server.name(),
            half,
            result.percentileMillis(0.5),
            result.percentileMillis(0.99),
            result.lost());
      }
      double median = p99.median(Sample::rate);
      report.figure(
          what + ", p99 at half load",
          server.name(),
          String.format(
              Locale.ROOT,
              "%.2f ms (%.2f-%.2f) at %,d/s",
              median,
              p99.min(Sample::rate),
              p99.max(Sample::rate),
              half),
          i == 0 ? "under 1 ms" : "",
          i == 0 ? (Boolean) (median < 1) : null);
    }
  }

  /** What the JVM says that the threads which answer have allocated. */
  private void allocation(Contender server, Path queries) {
    long before = Load.allocated(server, "dns-udp-");
    long answered = 0;
    for (int run = 0; run < turns.runs(); run++) {
      answered +=
          Math.round(Load.dnsperf(server, turns.seconds(), queries).rate() * turns.seconds());
    }
    double each = (Load.allocated(server, "dns-udp-") - before) / (double) answered;
    report.figure(
        "memory allocated for a kept answer",
        server.name(),
        String.format(Locale.ROOT, "%.3f bytes, over %,d answers", each, answered),
        "none",
        each < 0.01);
  }

  // --- Answers by region -------------------------------------------------------------------------

  private void geo() throws IOException {
    Path folder = folder("geo");
    Path database = folder.resolve("site/geo/country.mmdb");
    int networks = CountryDatabase.write(database);
    out.printf(Locale.ROOT, "geo: a database of %,d networks%n", networks);
    Map<String, String> addresses = new TreeMap<>();
    StringBuilder regions = new StringBuilder();
    StringBuilder continents = new StringBuilder();
    int number = 1;
    for (String continent : new TreeMap<>(CountryDatabase.CONTINENTS).keySet()) {
      String address = "192.0.2." + number++;
      String region = continent.toLowerCase(Locale.ROOT);
      addresses.put(continent, address);
      regions.append("  %s: {location: [0, 0], addresses: %s}%n".formatted(region, address));
      continents.append("      %s: %s%n".formatted(continent, region));
    }
    Path site =
        site(
            folder,
            """
            regions:
            %snames:
              geo:
                continents:
            %s  records:
                www: {answer: nearest, ttl: 30 s}
            """
                .formatted(regions, continents));
    Path queries = Queries.fromNetworks(folder.resolve("queries"), "www." + ZONE, NETWORKS);
    List<Contender> asked = new ArrayList<>();
    List<Contender> open = new ArrayList<>();
    Servers servers = new Servers(home, folder);
    NamePeers peers = new NamePeers(folder);
    try (Servers.Meridian meridian = servers.meridian(site, folder.resolve("data"))) {
      asked.add(meridian.process().at(meridian.dns()));
      if (Tools.installed("gdnsd")) {
        open.add(peers.gdnsd(ZONE, database, addresses));
      } else {
        report.skip("answers by region beside gdnsd (not installed)");
      }
      if (Tools.installed("pdns_server")) {
        open.add(peers.powerDns(ZONE, database, addresses));
      } else {
        report.skip("answers by region beside PowerDNS (not installed)");
      }
      asked.addAll(open);
      List<Series> series = new ArrayList<>();
      List<IntFunction<Sample>> contenders = new ArrayList<>();
      for (Contender server : asked) {
        series.add(new Series(server.name()));
        contenders.add(s -> Load.dnsperf(server, s, queries, "-B"));
      }
      turns.run("geo", series, contenders);
      String what = "A by region, client subnets of %,d networks".formatted(NETWORKS);
      Series own = series.getFirst();
      report.own(what, own);
      for (Series other : series.subList(1, series.size())) {
        double target = other.contender().equals("gdnsd") ? 1.5 : 3;
        report.peer(what, own, other, Sample::rate, target);
        cpu(what, own, other, target);
      }
    } finally {
      open.forEach(Contender::close);
    }
  }

  // --- Signed answers ----------------------------------------------------------------------------

  private void signed() throws IOException {
    Path folder = folder("signed");
    Path site = site(folder, "names: {dnssec: true, zoneFiles: [bench.zone]}\n");
    Path zone = zone(site.resolve("bench.zone"), ZONE, NAMES);
    Files.writeString(zone, Files.readString(zone) + "*.any IN A 127.0.0.1\n");
    Path queries = queries(folder.resolve("queries"), ZONE, NAMES, NAMES);
    Servers servers = new Servers(home, folder);
    try (Servers.Meridian meridian = servers.meridian(site, folder.resolve("data"))) {
      Contender server = meridian.process().at(meridian.dns());
      List<Series> series = List.of(new Series("signed, kept"), new Series("the same, unsigned"));
      turns.run(
          "signed",
          series,
          List.of(
              s -> Load.dnsperf(server, s, queries, "-D"),
              s -> Load.dnsperf(server, s, queries, "-e")));
      String what = "DNS over UDP, 1,000 names, A, DNSSEC";
      report.own(what, series.getFirst());
      report.peer(what, series.getFirst(), series.getLast(), Sample::rate, 0.8);

      Series fresh = new Series("Meridian");
      int[] round = {0};
      turns.run(
          "new signatures",
          List.of(fresh),
          List.of(s -> Load.dnsperfOnce(server, newNames(folder, round[0]++), NEW_A_SECOND)),
          sample -> 1 / sample.cpuMicros());
      double each = 1e6 / fresh.median(Sample::cpuMicros);
      report.figure(
          "names never asked for before, signed, for a CPU-second",
          "Meridian",
          String.format(
              Locale.ROOT,
              "%,.0f (%,.0f-%,.0f), CPU %.0f µs",
              each,
              1e6 / fresh.max(Sample::cpuMicros),
              1e6 / fresh.min(Sample::cpuMicros),
              fresh.median(Sample::cpuMicros)),
          "at least 8,000",
          each >= 8000);
    }
  }

  private static Path newNames(Path folder, int round) {
    StringBuilder names = new StringBuilder();
    for (int i = 0; i < NEW_NAMES; i++) {
      names.append("n%d-%d.any.%s A%n".formatted(round, i, ZONE));
    }
    return Tools.write(folder.resolve("new"), names.toString());
  }

  // --- A million names ---------------------------------------------------------------------------

  private void million() throws IOException {
    Path folder = folder("million");
    Path site = site(folder, "names: {zoneFiles: [bench.zone, million.zone]}\n");
    Path small = zone(site.resolve("bench.zone"), ZONE, NAMES);
    Path big = zone(site.resolve("million.zone"), BIG, MANY);
    Path few = queries(folder.resolve("few"), ZONE, NAMES, NAMES);
    Path many = queries(folder.resolve("many"), BIG, ASKED_OF_MANY, MANY);
    String last = "host" + (MANY - 1) + "." + BIG;
    String what = "1,000,000 names";
    Servers servers = new Servers(home, folder);
    NamePeers peers = new NamePeers(folder);

    Series starts = new Series("Meridian");
    Series memory = new Series("Meridian");
    for (int run = 0; run < Math.min(turns.runs(), 3); run++) {
      long begun = System.nanoTime();
      try (Servers.Meridian meridian =
          servers.meridianThatAnswers(
              site, folder.resolve("data" + run), dns -> Queries.answers(dns, last))) {
        starts.add(Sample.of((System.nanoTime() - begun) / 1e9));
        Tools.pause(Duration.ofSeconds(45));
        memory.add(Sample.of(meridian.process().residentBytes() / 1048576.0));
        out.printf(
            Locale.ROOT,
            "million: start %.1f s, %.0f MiB%n",
            starts.max(Sample::rate),
            memory.max(Sample::rate));
      }
    }
    report.range(what + ", start to first answer", starts, "%.1f s", 10);
    report.range(what + ", resident memory after 45 s", memory, "%.0f MiB", 600);

    List<Contender> open = new ArrayList<>();
    try (Servers.Meridian meridian =
        servers.meridianThatAnswers(
            site, folder.resolve("data"), dns -> Queries.answers(dns, last))) {
      Contender server = meridian.process().at(meridian.dns());
      List<Series> series = new ArrayList<>();
      List<IntFunction<Sample>> contenders = new ArrayList<>();
      series.add(new Series("Meridian"));
      contenders.add(s -> Load.dnsperf(server, s, many));
      series.add(new Series("Meridian, 1,000 of its names"));
      contenders.add(s -> Load.dnsperf(server, s, few));
      if (Tools.installed("nsd")) {
        long begun = System.nanoTime();
        Contender nsd = peers.nsd(Map.of(ZONE, small, BIG, big));
        open.add(nsd);
        Tools.await("NSD", Duration.ofMinutes(2), () -> Queries.answers(nsd.port(), last));
        report.figure(
            what + ", start to first answer",
            "NSD",
            String.format(Locale.ROOT, "%.1f s", (System.nanoTime() - begun) / 1e9),
            "",
            null);
        report.figure(
            what + ", resident memory",
            "NSD, all processes",
            String.format(Locale.ROOT, "%.0f MiB", nsd.residentBytes() / 1048576.0),
            "",
            null);
        series.add(new Series("NSD"));
        contenders.add(s -> Load.dnsperf(nsd, s, many));
      } else {
        report.skip("a million names beside NSD (not installed)");
      }
      turns.run("million", series, contenders);
      String asked = what + ", 200,000 of them asked";
      report.own(asked, series.getFirst());
      for (Series other : series.subList(1, series.size())) {
        report.peer(asked, series.getFirst(), other, Sample::rate, Double.NaN);
      }
      reload(server, big, many, (int) (series.getFirst().median(Sample::rate) / 2));
    } finally {
      open.forEach(Contender::close);
    }
  }

  /** A new zone under half of the load; none may be lost. */
  private void reload(Contender server, Path zone, Path queries, int rate) throws IOException {
    int seconds = 60;
    CompletableFuture<Long> lost =
        CompletableFuture.supplyAsync(() -> Load.dnsLost(server, seconds, queries, rate));
    Path next = zone(zone.resolveSibling("next"), BIG, MANY, 2);
    long begun = System.nanoTime();
    Files.move(next, zone, StandardCopyOption.ATOMIC_MOVE);
    Tools.await(
        "the new zone", Duration.ofSeconds(seconds), () -> Queries.serial(server.port(), BIG) == 2);
    double took = (System.nanoTime() - begun) / 1e9;
    if (lost.isDone()) {
      throw new IllegalStateException("the load ended before the new zone was served");
    }
    long missing = lost.join();
    report.figure(
        "reload of 1,000,000 names while %,d a second are asked for".formatted(rate),
        "Meridian",
        String.format(
            Locale.ROOT,
            "served after %.1f s; %,d of %,d queries lost",
            took,
            missing,
            (long) rate * seconds),
        "none lost",
        missing == 0);
  }
}
