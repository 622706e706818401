package dev.meridian.benchmarks;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The load generators of others, and what they print. */
final class Load {
  private static final Duration LIMIT = Duration.ofMinutes(3);
  private static final Pattern WRK_RATE = Pattern.compile("Requests/sec:\\s+([0-9.]+)");
  private static final Pattern WRK_TOTAL = Pattern.compile("(\\d+) requests in");
  private static final Pattern WRK_LATENCY = Pattern.compile("(50|99)%\\s+([0-9.]+)(us|ms|s)");
  private static final Pattern WRK_BAD =
      Pattern.compile("Non-2xx or 3xx responses: (\\d+)|Socket errors: (.*)");

  private static final Pattern COMPLETED = Pattern.compile("Queries completed:\\s+(\\d+)");
  private static final Pattern LOST = Pattern.compile("Queries lost:\\s+(\\d+)");

  private Load() {}

  /** HTTP load by wrk. Fails when any answer was not 2xx. */
  static Sample wrk(
      Contender server, int connections, int seconds, List<String> more, String path) {
    List<String> command =
        new ArrayList<>(
            List.of("wrk", "-t1", "-c" + connections, "-d" + seconds + "s", "--timeout", "10s"));
    command.add("--latency");
    command.addAll(more);
    command.add("http://127.0.0.1:" + server.port() + path);
    Duration before = server.cpu();
    String out = Tools.run(LIMIT, command);
    Duration used = server.cpu().minus(before);
    Matcher bad = WRK_BAD.matcher(out);
    if (bad.find()) {
      throw new IllegalStateException(server.name() + " gave bad answers: " + bad.group());
    }
    double p50 = Double.NaN;
    double p99 = Double.NaN;
    Matcher latency = WRK_LATENCY.matcher(out);
    while (latency.find()) {
      double unit =
          switch (latency.group(3)) {
            case "us" -> 0.001;
            case "ms" -> 1;
            default -> 1000;
          };
      double millis = Double.parseDouble(latency.group(2)) * unit;
      if (latency.group(1).equals("50")) {
        p50 = millis;
      } else {
        p99 = millis;
      }
    }
    return new Sample(
        number(WRK_RATE, out), p50, p99, used.toNanos() / 1000.0 / number(WRK_TOTAL, out));
  }

  /** SET by redis-benchmark. */
  static Sample redisSet(Contender server, int connections, int operations, int bytes) {
    Duration before = server.cpu();
    String out =
        Tools.run(
            LIMIT,
            List.of(
                "redis-benchmark",
                "-h",
                "127.0.0.1",
                "-p",
                "" + server.port(),
                "-c",
                "" + connections,
                "-n",
                "" + operations,
                "-r",
                "100000",
                "-d",
                "" + bytes,
                "-t",
                "set",
                "--csv"));
    Duration used = server.cpu().minus(before);
    String line = out.lines().filter(l -> l.startsWith("\"SET\"")).findFirst().orElseThrow();
    // test, rps, avg, min, p50, p95, p99, max
    String[] cells = line.replace("\"", "").split(",", -1);
    return new Sample(
        Double.parseDouble(cells[1]),
        Double.parseDouble(cells[4]),
        Double.parseDouble(cells[6]),
        used.toNanos() / 1000.0 / operations);
  }

  /**
   * A script by pgbench, prepared statements. Without CPU: it is that of backends which end with
   * their connections, before anybody could ask them.
   */
  static Sample pgbench(Contender server, int connections, int seconds, Path script) {
    String out =
        Tools.run(
            LIMIT,
            List.of(
                "pgbench",
                "-h",
                "127.0.0.1",
                "-p",
                "" + server.port(),
                "-U",
                "postgres",
                "-n",
                "-M",
                "prepared",
                "-c",
                "" + connections,
                "-j",
                "1",
                "-T",
                "" + seconds,
                "-f",
                script.toString(),
                "postgres"));
    return new Sample(
        number(Pattern.compile("tps = ([0-9.]+)"), out),
        number(Pattern.compile("latency average = ([0-9.]+) ms"), out),
        Double.NaN,
        Double.NaN);
  }

  /**
   * UDP queries by dnsperf, as many as the server takes. Fails when an answer was not NOERROR, or
   * more than one in a thousand was lost; others than Meridian may lose one in a hundred.
   */
  static Sample dnsperf(Contender server, int seconds, Path queries, String... more) {
    List<String> options = new ArrayList<>(List.of("-l", "" + seconds));
    options.addAll(List.of(more));
    return dnsperf(server, queries, options);
  }

  /** Each of the queries once, at this rate. */
  static Sample dnsperfOnce(Contender server, Path queries, int rate) {
    return dnsperf(server, queries, List.of("-n", "1", "-Q", "" + rate, "-D"));
  }

  private static Sample dnsperf(Contender server, Path queries, List<String> more) {
    Duration before = server.cpu();
    Duration kernelBefore = server.kernelCpu();
    String out = Tools.run(LIMIT, dnsperf(server, queries, 256, more));
    Duration used = server.cpu().minus(before);
    Duration kernel = server.kernelCpu().minus(kernelBefore);
    long completed = (long) number(COMPLETED, out);
    double mayLose = server.name().equals("Meridian") ? 0.001 : 0.01;
    if (number(LOST, out) > completed * mayLose || !out.contains("NOERROR " + completed)) {
      throw new IllegalStateException(server.name() + " lost queries or erred:\n" + out);
    }
    return new Sample(
        number(Pattern.compile("Queries per second:\\s+([0-9.]+)"), out),
        number(Pattern.compile("Average Latency \\(s\\):\\s+([0-9.]+)"), out) * 1000,
        Double.NaN,
        used.toNanos() / 1000.0 / completed,
        kernel.toNanos() / 1000.0 / completed);
  }

  private static List<String> dnsperf(
      Contender server, Path queries, int outstanding, List<String> more) {
    List<String> command =
        new ArrayList<>(
            List.of(
                "dnsperf",
                "-s",
                "127.0.0.1",
                "-p",
                "" + server.port(),
                "-d",
                queries.toString(),
                "-c",
                "16",
                "-q",
                "" + outstanding,
                "-T",
                "1"));
    command.addAll(more);
    return command;
  }

  /** How many queries are not answered at this rate, or not with NOERROR. */
  static long dnsLost(Contender server, int seconds, Path queries, int rate) {
    String out =
        Tools.run(
            LIMIT, dnsperf(server, queries, 20_000, List.of("-l", "" + seconds, "-Q", "" + rate)));
    Matcher good = Pattern.compile("NOERROR (\\d+)").matcher(out);
    return (long) number(Pattern.compile("Queries sent:\\s+(\\d+)"), out)
        - (good.find() ? Long.parseLong(good.group(1)) : 0);
  }

  /** Bytes that the threads of a JVM whose names begin so have allocated. */
  static long allocated(Contender jvm, String threads) {
    long java =
        jvm.pids().stream()
            .filter(
                pid ->
                    ProcessHandle.of(pid)
                        .flatMap(p -> p.info().command())
                        .filter(c -> c.endsWith("/java"))
                        .isPresent())
            .findFirst()
            .orElseThrow();
    String jcmd = Path.of(System.getProperty("java.home"), "bin", "jcmd").toString();
    String out = Tools.run(LIMIT, List.of(jcmd, "" + java, "Thread.print", "-e"));
    long sum = 0;
    int found = 0;
    Matcher thread =
        Pattern.compile("\"" + threads + ".* allocated=([0-9.]+)([BKMG])").matcher(out);
    while (thread.find()) {
      int power = "BKMG".indexOf(thread.group(2));
      sum += (long) (Double.parseDouble(thread.group(1)) * Math.pow(1024, power));
      found++;
    }
    if (found == 0) {
      throw new IllegalStateException("No threads " + threads + " in:\n" + out);
    }
    return sum;
  }

  private static double number(Pattern pattern, String text) {
    Matcher matcher = pattern.matcher(text);
    if (!matcher.find()) {
      throw new IllegalStateException("No " + pattern + " in:\n" + text);
    }
    return Double.parseDouble(matcher.group(1));
  }
}
