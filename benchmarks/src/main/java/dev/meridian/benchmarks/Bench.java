package dev.meridian.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.IntFunction;
import java.util.stream.Stream;

/**
 * {@code ./meridian bench}: Meridian beside whatever peers are installed, in one run, in turns, and
 * the result as a table in {@code benchmarks/RESULTS.md}.
 */
public final class Bench {
  private static final String HELP =
      """
      Usage: ./meridian bench [--only NAME,...] [--runs N] [--seconds S] [--etcd-tls] [--no-save]

      Runs Meridian and its peers in turns on this machine, on loopback and on the disk of the
      temporary folder, and writes the medians to benchmarks/RESULTS.md. Peers that are not installed
      are left out with a word. Names: get, page (a kept page), redis (a document, beside nginx with a
      Java service and Redis), put, behind (increments written behind, and not), import; of the name
      server dns, geo (answers by region), signed and million (names); and of three nodes beside three of
      etcd: cluster (writes and strong reads), spread (reads on one and on three), failover, and
      steady (elections while many write), which takes its minutes and is only run when it is named.

        --only NAME,...  these benchmarks only; RESULTS.md is then left alone
        --runs N         counted runs of each contender (default 5, after one that does not count)
        --seconds S      length of a run (default 5)
        --kills N        kills of the cluster's primary (default 20)
        --minutes N      how long "steady" writes to each contender (default 10)
        --etcd-tls       etcd's members talk over TLS, as Meridian's nodes do (default: plain text)
        --no-save        print only
      """;
  private static final List<String> NAMES =
      Stream.of(
              List.of("get", "page", "redis", "put", "behind"),
              NamesBench.PARTS,
              List.of("import"),
              ClusterBench.PARTS)
          .flatMap(List::stream)
          .toList();
  private static final int DOCUMENT_BYTES = 256;
  private static final int DOCUMENTS = 100_000;

  private final Path home;
  private final Path scratch;
  private final int runs;
  private final int seconds;
  private final Report report = new Report();
  private final Turns turns;
  private final PrintStream out = System.out;

  private Bench(Path home, Path scratch, int runs, int seconds) {
    this.home = home;
    this.scratch = scratch;
    this.runs = runs;
    this.seconds = seconds;
    this.turns = new Turns(runs, seconds, out);
  }

  /** Runs what the arguments ask for; the first is the checkout's folder. */
  static void main(String[] args) throws IOException {
    Path home = Path.of(args[0]).toAbsolutePath();
    Set<String> only = new LinkedHashSet<>(NAMES);
    Set<String> known = Set.copyOf(only);
    only.remove("steady");
    int runs = 5;
    int seconds = 5;
    int kills = 20;
    int minutes = 10;
    boolean etcdTls = false;
    boolean save = true;
    for (int i = 1; i < args.length; i++) {
      switch (args[i]) {
        case "--only" -> {
          only = new LinkedHashSet<>(List.of(value(args, ++i).split(",", -1)));
          save = false;
        }
        case "--runs" -> runs = Integer.parseInt(value(args, ++i));
        case "--seconds" -> seconds = Integer.parseInt(value(args, ++i));
        case "--kills" -> kills = Integer.parseInt(value(args, ++i));
        case "--minutes" -> minutes = Integer.parseInt(value(args, ++i));
        case "--etcd-tls" -> etcdTls = true;
        case "--no-save" -> save = false;
        case "-h", "--help" -> {
          System.out.print(HELP);
          return;
        }
        default -> usage("unknown argument '" + args[i] + "'");
      }
    }
    if (!known.containsAll(only)) {
      usage("--only takes some of " + String.join(", ", NAMES));
    }
    Path scratch = Files.createTempDirectory("meridian-bench");
    scratch.toFile().setExecutable(true, false); // PostgreSQL runs as another user
    try {
      Bench bench = new Bench(home, scratch, runs, seconds);
      if (only.contains("get")) {
        bench.get();
      }
      if (only.contains("page")) {
        bench.page();
      }
      if (only.contains("redis")) {
        bench.redis();
      }
      if (only.contains("put")) {
        bench.put();
      }
      if (only.contains("behind")) {
        bench.behind();
      }
      bench.names(only);
      if (only.contains("import")) {
        bench.importCities();
      }
      only.retainAll(ClusterBench.PARTS);
      if (!only.isEmpty()) {
        bench.cluster(only, kills, minutes, etcdTls);
      }
      System.out.println();
      System.out.print(bench.report.plain());
      if (save) {
        bench.save();
      }
    } finally {
      Tools.delete(scratch);
    }
  }

  private static String value(String[] args, int i) {
    if (i >= args.length) {
      usage("'" + args[i - 1] + "' needs a value");
    }
    return args[i];
  }

  private static void usage(String problem) {
    System.err.println("meridian bench: " + problem + "; see ./meridian bench --help");
    System.exit(2);
  }

  private Servers servers(String name) throws IOException {
    return new Servers(home, Files.createDirectories(open(scratch.resolve(name))));
  }

  private static Path open(Path folder) throws IOException {
    Files.createDirectories(folder);
    folder.toFile().setExecutable(true, false);
    folder.toFile().setReadable(true, false);
    return folder;
  }

  /** A site with one open collection, and nothing else. */
  private Path site() {
    Path folder = scratch.resolve("site");
    Tools.write(
        folder.resolve("site.yaml"),
        """
        name: Bench
        domains: [bench.example]
        rules: {read: "true", write: "true"}
        """);
    return folder;
  }

  /** One value of exactly {@link #DOCUMENT_BYTES} bytes of minified JSON. */
  private static String document() {
    String start = "{\"name\":\"Reykjavik\",\"country\":\"IS\",\"text\":\"";
    return start + "x".repeat(DOCUMENT_BYTES - start.length() - 2) + "\"}";
  }

  // --- GET ---------------------------------------------------------------------------------------

  private void get() throws IOException {
    if (!Tools.installed("wrk")) {
      report.skip("GET (needs wrk)");
      return;
    }
    Servers servers = servers("get");
    Path site = site();
    try (Servers.Meridian meridian = servers.meridian(site, scratch.resolve("get/data"))) {
      put(meridian.process(), "/data/bench/one", document());
      List<Series> series = new ArrayList<>();
      List<IntFunction<Sample>> contenders = new ArrayList<>();
      series.add(new Series("Meridian"));
      contenders.add(s -> Load.wrk(meridian.process(), 32, s, List.of(), "/data/bench/one"));
      if (Tools.installed("nginx")) {
        Path root = open(scratch.resolve("get/root"));
        Tools.write(root.resolve("one"), document());
        try (Contender nginx = servers.nginx(root)) {
          series.add(new Series("nginx, static file"));
          contenders.add(s -> Load.wrk(nginx, 32, s, List.of(), "/one"));
          turns.run("GET", series, contenders);
        }
      } else {
        report.skip("GET beside nginx (not installed)");
        turns.run("GET", series, contenders);
      }
      Series own = series.getFirst();
      String what = "GET of a 256-byte document, 32 connections";
      report.own(what, own);
      if (series.size() > 1) {
        Series nginx = series.get(1);
        report.peer(what, own, nginx, Sample::rate, 0.6);
        double p99 = own.ratio(nginx, Sample::p99Millis);
        report.add(
            new Report.Row(
                what,
                "nginx, p99 latency",
                String.format(Locale.ROOT, "%.2f ms", nginx.median(Sample::p99Millis)),
                String.format(Locale.ROOT, "%.2f", p99),
                "at most 3",
                p99 <= 3));
      }
    }
  }

  // --- Pages -------------------------------------------------------------------------------------

  private static final int ITEMS = 40;

  /** A page with a list of documents, from memory, beside Varnish with the same bytes. */
  private void page() throws IOException {
    if (!Tools.installed("wrk", "varnishd", "nginx")) {
      report.skip("a page beside Varnish (needs wrk, varnish and nginx)");
      return;
    }
    Path site = scratch.resolve("pagesite");
    Tools.write(
        site.resolve("site.yaml"),
        """
        domains: [bench.example]
        rules: {read: "true", write: "true"}
        """);
    Tools.write(
        site.resolve("pages/index.html"),
        """
        ---
        data: {rows: {list: rows, limit: 100}}
        ---
        <!doctype html><title>Rows</title>
        {% for row in rows.items %}<p>{{ row.value.name }}: {{ row.value.text }}</p>
        {% endfor %}
        """);
    Servers servers = servers("page");
    try (Servers.Meridian meridian = servers.meridian(site, scratch.resolve("page/data"))) {
      for (int i = 0; i < ITEMS; i++) {
        put(meridian.process(), "/data/rows/r" + i, document());
      }
      HttpResponse<String> page = get(meridian.process(), "/");
      Path root = open(scratch.resolve("page/root"));
      Tools.write(root.resolve("page"), page.body());
      StringBuilder headers =
          new StringBuilder("types { } default_type 'text/html; charset=utf-8';");
      for (String name :
          List.of(
              "Cache-Control",
              "Vary",
              "Referrer-Policy",
              "Content-Security-Policy",
              "X-Content-Type-Options",
              "X-Request-Id")) {
        page.headers()
            .firstValue(name)
            .ifPresent(value -> headers.append(" add_header %s \"%s\";".formatted(name, value)));
      }
      try (Contender nginx = servers.nginx(root, headers.toString());
          Contender varnish = servers.varnish(nginx)) {
        if (!get(varnish, "/page").body().equals(page.body())) {
          throw new IllegalStateException("Varnish serves other bytes");
        }
        // Two numbers: this request's, and of the one that fetched what it got.
        String numbers = get(varnish, "/page").headers().firstValue("X-Varnish").orElse("");
        if (!numbers.strip().contains(" ")) {
          throw new IllegalStateException("Varnish did not answer from its cache: " + numbers);
        }
        List<Series> series = List.of(new Series("Meridian"), new Series("Varnish"));
        turns.run(
            "page",
            series,
            List.of(
                s -> Load.wrk(meridian.process(), 32, s, List.of(), "/"),
                s -> Load.wrk(varnish, 32, s, List.of(), "/page")));
        String what =
            String.format(
                Locale.ROOT,
                "GET of a kept page of %.0f KiB with %d documents, 32 connections",
                page.body().length() / 1024.0,
                ITEMS);
        report.own(what, series.getFirst());
        report.peer(what, series.getFirst(), series.get(1), Sample::rate, 0.8);
      }
    }
  }

  /** One document by HTTP, beside nginx before a Java service that keeps it in Redis. */
  private void redis() throws IOException {
    if (!Tools.installed("wrk", "redis-server", "nginx")) {
      report.skip("a document beside nginx, Java and Redis (needs wrk, redis-server and nginx)");
      return;
    }
    Servers servers = servers("redis");
    try (Servers.Meridian meridian = servers.meridian(site(), scratch.resolve("redis/data"));
        Contender redis = servers.redisInMemory();
        Contender service = servers.redisService(redis);
        Contender nginx = servers.nginxBefore(service)) {
      put(meridian.process(), "/data/bench/one", document());
      Tools.run(
          Duration.ofSeconds(10),
          List.of("redis-cli", "-p", "" + redis.port(), "SET", "/data/bench/one", document()));
      if (!get(nginx, "/data/bench/one").body().equals(document())) {
        throw new IllegalStateException("The peer serves another document");
      }
      Contender all = nginx.with(List.of(service, redis));
      List<Series> series =
          List.of(new Series("Meridian"), new Series("nginx, Java service, Redis"));
      turns.run(
          "redis",
          series,
          List.of(
              s -> Load.wrk(meridian.process(), 32, s, List.of(), "/data/bench/one"),
              s -> Load.wrk(all, 32, s, List.of(), "/data/bench/one")));
      String what = "GET of a cached 256-byte document, 32 connections";
      report.own(what, series.getFirst());
      report.peer(what, series.getFirst(), series.get(1), Sample::rate, 2);
    }
  }

  // --- PUT ---------------------------------------------------------------------------------------

  private void put() throws IOException {
    if (!Tools.installed("wrk")) {
      report.skip("PUT (needs wrk)");
      return;
    }
    Servers servers = servers("put");
    Path site = site();
    Path script =
        Tools.write(
            scratch.resolve("put.lua"),
            """
            -- Requests are put together before the load begins, as redis-benchmark's are: what it
            -- costs to write them is not the server's.
            local requests = {}
            function init(args)
              wrk.method = "PUT"
              wrk.headers["Content-Type"] = "application/json"
              wrk.body = '%1$s'
              for i = 1, %2$d do
                requests[i] = wrk.format(nil, "/data/bench/" .. i)
              end
            end
            function request()
              return requests[math.random(1, %2$d)]
            end
            """
                .formatted(document(), DOCUMENTS));
    List<Series> series = new ArrayList<>();
    List<IntFunction<Sample>> contenders = new ArrayList<>();
    List<Contender> open = new ArrayList<>();
    try (Servers.Meridian meridian = servers.meridian(site, scratch.resolve("put/data"))) {
      series.add(new Series("Meridian"));
      contenders.add(
          s -> Load.wrk(meridian.process(), 256, s, List.of("-s", script.toString()), "/"));
      if (Tools.installed("redis-server", "redis-benchmark")) {
        Contender redis = servers.redis();
        open.add(redis);
        series.add(new Series("Redis, appendfsync always"));
        // A first run tells how many operations make a run as long as the others'.
        int[] operations = {20_000};
        contenders.add(
            s -> {
              Sample sample = Load.redisSet(redis, 256, operations[0], DOCUMENT_BYTES);
              operations[0] = (int) Math.max(5_000, sample.rate() * s);
              return sample;
            });
      } else {
        report.skip("PUT beside Redis (not installed)");
      }
      if (Tools.installed("psql", "pgbench")) {
        Contender postgres = servers.postgres();
        open.add(postgres);
        Servers.psql(postgres, "create table docs (id int primary key, body text)");
        Path upsert =
            Tools.write(
                scratch.resolve("upsert.sql"),
                """
                \\set id random(1, %d)
                insert into docs values (:id, '%s')
                  on conflict (id) do update set body = excluded.body;
                """
                    .formatted(DOCUMENTS, document()));
        int cores = Runtime.getRuntime().availableProcessors();
        series.add(new Series("PostgreSQL, one connection a core"));
        contenders.add(s -> Load.pgbench(postgres, cores, s, upsert));
        series.add(new Series("PostgreSQL, 64 connections"));
        contenders.add(s -> Load.pgbench(postgres, 64, s, upsert));
      } else {
        report.skip("PUT beside PostgreSQL (not installed)");
      }
      // The path is long, and the JVM compiles it while all cores are busy.
      turns.run("PUT", series, contenders);
    } finally {
      open.forEach(Contender::close);
    }
    Series own = series.getFirst();
    String what = "durable PUT of 256 bytes, 256 connections";
    report.own(what, own);
    for (Series other : series.subList(1, series.size())) {
      double target =
          other.contender().startsWith("Redis")
              ? 0.5
              : other.contender().endsWith("a core") ? 3 : Double.NaN;
      report.peer(what, own, other, Sample::rate, target);
    }
  }

  // --- Write-behind ------------------------------------------------------------------------------

  /** Increments of one field of one document, put off and not, at the same server. */
  private void behind() throws IOException {
    if (!Tools.installed("wrk")) {
      report.skip("write-behind (needs wrk)");
      return;
    }
    Path site = scratch.resolve("behind/site");
    Tools.write(
        site.resolve("site.yaml"),
        """
        name: Bench
        domains: [bench.example]
        rules: {read: "true", write: "true"}
        collections:
          durable:
          behind: {cache: write-behind}
        """);
    List<Series> series = new ArrayList<>();
    List<IntFunction<Sample>> contenders = new ArrayList<>();
    try (Servers.Meridian meridian =
        servers("behind").meridian(site, scratch.resolve("behind/data"))) {
      for (String collection : List.of("behind", "durable")) {
        Path script =
            Tools.write(
                scratch.resolve(collection + ".lua"),
                """
                wrk.method = "PATCH"
                wrk.headers["Content-Type"] = "application/vnd.meridian.increment+json"
                wrk.body = '{"count":1}'
                wrk.path = "/data/%s/hot"
                """
                    .formatted(collection));
        put(meridian.process(), "/data/" + collection + "/hot", document());
        series.add(new Series(collection.equals("behind") ? "Meridian" : "not put off"));
        contenders.add(
            s -> Load.wrk(meridian.process(), 256, s, List.of("-s", script.toString()), "/"));
      }
      turns.run("write-behind", series, contenders);
    }
    String what = "write-behind increments of one document, 256 connections";
    report.own(what, series.getFirst());
    report.peer(what, series.getFirst(), series.get(1), Sample::rate, 20);
  }

  // --- Names -------------------------------------------------------------------------------------

  private void names(Set<String> parts) throws IOException {
    Set<String> wanted = new LinkedHashSet<>(parts);
    wanted.retainAll(NamesBench.PARTS);
    if (!wanted.isEmpty()) {
      new NamesBench(home, open(scratch.resolve("names")), turns, report, out).run(wanted);
    }
  }

  // --- Import, size, start -----------------------------------------------------------------------

  private void importCities() throws IOException {
    Path site = home.resolve("examples/cities");
    Path file = site.resolve("data/cities.ndjson.gz");
    if (!Files.exists(file)) {
      report.skip("import (no " + file + ")");
      return;
    }
    Series imports = new Series("Meridian");
    Series starts = new Series("Meridian");
    Series resident = new Series("Meridian");
    // The example's indexes, without its seed: the import is what is measured.
    Path bare = scratch.resolve("bare");
    Tools.write(
        bare.resolve("site.yaml"),
        Files.readString(site.resolve("site.yaml")).replaceAll("(?m)^\\s*seed:.*\\R", ""));
    for (int run = 0; run < Math.min(runs, 5); run++) {
      out.printf(Locale.ROOT, "import: run %d%n", run + 1);
      Path data = scratch.resolve("import/data" + run);
      Servers servers = servers("import");
      try (Servers.Meridian meridian = servers.meridian(bare, data)) {
        long begun = System.nanoTime();
        Tools.run(
            Duration.ofMinutes(5),
            List.of(
                home.resolve("meridian").toString(),
                "data",
                "import",
                "cities",
                file.toString(),
                "--url",
                "http://127.0.0.1:" + meridian.process().port(),
                "--data",
                data.toString(),
                "--restart"));
        double took = (System.nanoTime() - begun) / 1e9;
        imports.add(Sample.of(took));
        out.printf(Locale.ROOT, "  imported in %.1f s%n", took);
      }
      long begun = System.nanoTime();
      try (Servers.Meridian meridian = servers.meridian(bare, data)) {
        Tools.await(
            "first answer",
            Duration.ofSeconds(60),
            () -> status(meridian.process(), "/data/cities?limit=1") == 200);
        double took = (System.nanoTime() - begun) / 1e9;
        starts.add(Sample.of(took));
        // Idle: long enough for the collector to give memory back.
        Tools.pause(Duration.ofSeconds(40));
        double mebibytes = meridian.process().residentBytes() / 1048576.0;
        resident.add(Sample.of(mebibytes));
        out.printf(Locale.ROOT, "  start %.2f s, idle %.0f MiB%n", took, mebibytes);
      }
      Tools.delete(data);
    }
    report.range("import of all cities with indexes", imports, "%.1f s", 15);
    report.range("cold start to first answer, all cities stored", starts, "%.2f s", 3);
    report.range("resident memory, idle, all cities stored", resident, "%.0f MiB", 350);
  }

  // --- Cluster -----------------------------------------------------------------------------------

  private void cluster(Set<String> parts, int kills, int minutes, boolean etcdTls) {
    List<Trio> trios = new ArrayList<>();
    Path folder = scratch.resolve("cluster");
    try {
      Path site = site();
      trios.add(new MeridianTrio(home, folder, site));
      if (Tools.installed("etcd")) {
        trios.add(new EtcdTrio(folder, etcdTls));
      } else {
        report.skip("a cluster beside etcd (not installed)");
      }
      new ClusterBench(trios, document(), runs, seconds, report, out).run(parts, kills, minutes);
    } finally {
      trios.forEach(Trio::close);
    }
  }

  // --- What they share ---------------------------------------------------------------------------

  private static HttpResponse<String> get(Contender server, String path) {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.port() + path)).build();
    try (HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build()) {
      HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
      if (answer.statusCode() != 200) {
        throw new IllegalStateException(server.name() + " answered " + answer.statusCode());
      }
      return answer;
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  private static void put(Contender server, String path, String json) {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.port() + path))
            .header("Content-Type", "application/json")
            .PUT(HttpRequest.BodyPublishers.ofString(json))
            .build();
    int status = send(request);
    if (status / 100 != 2) {
      throw new IllegalStateException("PUT " + path + " answered " + status);
    }
  }

  private static int status(Contender server, String path) {
    return send(
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.port() + path)).build());
  }

  private static int send(HttpRequest request) {
    try (HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build()) {
      return client.send(request, HttpResponse.BodyHandlers.discarding()).statusCode();
    } catch (IOException e) {
      return 0;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return 0;
    }
  }

  private void save() throws IOException {
    String text =
        """
        # Results

        Written by `./meridian bench` on %s. Medians of %d runs of %d s each after warm-up (until three
        runs in a row were no faster), contenders in turns; minimum and maximum in brackets are this machine's noise. Load generators (wrk,
        redis-benchmark, pgbench, dnsperf) run on the same machine and share its cores. Ratios are
        medians of the ratios run by run. CPU is the server's own processor time for one operation.

        Machine: %s

        %s
        """
            .formatted(
                LocalDate.now(java.time.ZoneId.systemDefault()),
                runs,
                seconds,
                machine(),
                report.markdown());
    Files.writeString(home.resolve("benchmarks/RESULTS.md"), text, StandardCharsets.UTF_8);
    out.println("\nSaved in benchmarks/RESULTS.md");
  }

  private static String machine() throws IOException {
    String cpu =
        Files.readAllLines(Path.of("/proc/cpuinfo")).stream()
            .filter(l -> l.startsWith("model name"))
            .map(l -> l.substring(l.indexOf(':') + 2))
            .findFirst()
            .orElse("unknown processor");
    return "%s, %d cores, %s %s, %s"
        .formatted(
            cpu,
            Runtime.getRuntime().availableProcessors(),
            System.getProperty("os.name"),
            System.getProperty("os.version"),
            System.getProperty("java.vendor") + " " + System.getProperty("java.runtime.version"));
  }
}
