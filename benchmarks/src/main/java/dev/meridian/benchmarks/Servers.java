package dev.meridian.benchmarks;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.IntPredicate;

/** How each server is configured and started: as its users would for the same promise. */
final class Servers {
  private static final Duration START = Duration.ofSeconds(60);
  private final Path scratch;
  private final Path home;

  /**
   * Prepares.
   *
   * @param home the checkout with {@code ./meridian}
   * @param scratch a folder on a real disk; each server gets one of its own in it
   */
  Servers(Path home, Path scratch) {
    this.home = home;
    this.scratch = scratch;
  }

  static Contender started(Contender server) {
    Tools.await(
        server.name(),
        START,
        () -> {
          if (!server.isAlive()) {
            throw new IllegalStateException(
                server.name() + " ended at once:\n" + server.lastWords());
          }
          return Tools.accepts(server.port());
        });
    return server;
  }

  /** Ports of a Meridian that {@link #meridian} started. */
  record Meridian(Contender process, int dns, int admin, Path data) implements AutoCloseable {
    @Override
    public void close() {
      process.close();
    }
  }

  /** Meridian with everything on, durable as always, serving {@code site}. */
  Meridian meridian(Path site, Path data) {
    Meridian meridian = start(site, data);
    // The operator's listener opens last, after the web tier and the name server.
    started(meridian.process().at(meridian.admin()));
    return meridian;
  }

  /**
   * The same, as soon as its name server answers as wanted.
   *
   * @param answers asked again and again with the name server's port
   */
  Meridian meridianThatAnswers(Path site, Path data, IntPredicate answers) {
    Meridian meridian = start(site, data);
    Tools.await("Meridian's answer", Duration.ofMinutes(2), () -> answers.test(meridian.dns()));
    return meridian;
  }

  private Meridian start(Path site, Path data) {
    int http = Tools.freePort();
    int dns = Tools.freePort();
    int admin = Tools.freePort();
    int peer = Tools.freePort();
    Contender process =
        Contender.start(
            "Meridian",
            http,
            scratch.resolve("meridian.log"),
            List.of(
                home.resolve("meridian").toString(),
                "up",
                site.toString(),
                "--http",
                "127.0.0.1:" + http,
                "--dns",
                "127.0.0.1:" + dns,
                "--admin",
                "127.0.0.1:" + admin,
                "--peer",
                "127.0.0.1:" + peer,
                "--data",
                data.toString(),
                "--production",
                // As nginx below.
                "--access-log",
                "off"));
    return new Meridian(process, dns, admin, data);
  }

  /** nginx serving static files from {@code root}, one worker a core, keep-alive without end. */
  Contender nginx(Path root) {
    return nginx(root, "");
  }

  /** The same, with more in its configuration. */
  Contender nginx(Path root, String more) {
    int port = Tools.freePort();
    Path folder = scratch.resolve("nginx");
    Path conf =
        Tools.write(
            folder.resolve("nginx.conf"),
            """
            daemon off;
            worker_processes auto;
            pid %1$s/nginx.pid;
            error_log %1$s/error.log;
            events { worker_connections 4096; }
            http {
              access_log off;
              sendfile on;
              tcp_nopush on;
              open_file_cache max=1000;
              keepalive_requests 1000000000;
              default_type application/json;
              client_body_temp_path %1$s/body;
              proxy_temp_path %1$s/proxy;
              fastcgi_temp_path %1$s/fastcgi;
              uwsgi_temp_path %1$s/uwsgi;
              scgi_temp_path %1$s/scgi;
              server { listen 127.0.0.1:%2$d; root %3$s; %4$s }
            }
            """
                .formatted(folder, port, root, more));
    return started(
        Contender.start(
            "nginx",
            port,
            folder.resolve("out.log"),
            List.of(tool("nginx"), "-p", folder.toString(), "-c", conf.toString())));
  }

  /** nginx before a service, on connections that it keeps. */
  Contender nginxBefore(Contender service) {
    int port = Tools.freePort();
    Path folder = scratch.resolve("proxy");
    Path conf =
        Tools.write(
            folder.resolve("nginx.conf"),
            """
            daemon off;
            worker_processes auto;
            pid %1$s/nginx.pid;
            error_log %1$s/error.log;
            events { worker_connections 4096; }
            http {
              access_log off;
              keepalive_requests 1000000000;
              client_body_temp_path %1$s/body;
              proxy_temp_path %1$s/proxy;
              fastcgi_temp_path %1$s/fastcgi;
              uwsgi_temp_path %1$s/uwsgi;
              scgi_temp_path %1$s/scgi;
              upstream service { server 127.0.0.1:%3$d; keepalive 64; keepalive_requests 1000000000; }
              server {
                listen 127.0.0.1:%2$d;
                location / {
                  proxy_pass http://service;
                  proxy_http_version 1.1;
                  proxy_set_header Connection "";
                }
              }
            }
            """
                .formatted(folder, port, service.port()));
    return started(
        Contender.start(
            "nginx, Java, Redis",
            port,
            folder.resolve("out.log"),
            List.of(tool("nginx"), "-p", folder.toString(), "-c", conf.toString())));
  }

  /** A Java service that keeps documents in Redis. */
  Contender redisService(Contender redis) {
    int port = Tools.freePort();
    Path folder = scratch.resolve("service");
    Tools.write(folder.resolve("empty"), "");
    return started(
        Contender.start(
            "Java service",
            port,
            folder.resolve("out.log"),
            List.of(
                ProcessHandle.current().info().command().orElse("java"),
                "-cp",
                Path.of(
                        RedisService.class
                            .getProtectionDomain()
                            .getCodeSource()
                            .getLocation()
                            .getPath())
                    + ":"
                    + home.resolve("benchmarks/target/lib")
                    + "/*",
                RedisService.class.getName(),
                "" + port,
                "" + redis.port())));
  }

  /** Redis as a cache: in memory alone. */
  Contender redisInMemory() {
    int port = Tools.freePort();
    Path folder = scratch.resolve("redis");
    Tools.write(folder.resolve("empty"), "");
    return started(
        Contender.start(
            "Redis",
            port,
            folder.resolve("out.log"),
            List.of(
                tool("redis-server"),
                "--port",
                "" + port,
                "--bind",
                "127.0.0.1",
                "--dir",
                folder.toString(),
                "--appendonly",
                "no",
                "--save",
                "")));
  }

  /** Varnish as Debian configures it, keeping what {@code backend} answers for an hour. */
  Contender varnish(Contender backend) {
    int port = Tools.freePort();
    Path folder = scratch.resolve("varnish");
    Path vcl =
        Tools.write(
            folder.resolve("default.vcl"),
            """
            vcl 4.1;
            backend default { .host = "127.0.0.1"; .port = "%d"; }
            # Delivered here: what comes with Varnish would keep nothing that says "no-cache".
            sub vcl_backend_response { set beresp.ttl = 1h; return (deliver); }
            """
                .formatted(backend.port()));
    return started(
        Contender.start(
            "Varnish",
            port,
            folder.resolve("out.log"),
            List.of(
                tool("varnishd"),
                "-F",
                "-j",
                "none",
                "-n",
                folder.resolve("work").toString(),
                "-a",
                "127.0.0.1:" + port,
                "-f",
                vcl.toString(),
                "-s",
                "malloc,64m")));
  }

  /** Redis that fsyncs its append-only file before it answers. */
  Contender redis() {
    int port = Tools.freePort();
    Path folder = scratch.resolve("redis");
    Tools.write(folder.resolve("empty"), "");
    return started(
        Contender.start(
            "Redis (appendfsync always)",
            port,
            folder.resolve("out.log"),
            List.of(
                tool("redis-server"),
                "--port",
                "" + port,
                "--bind",
                "127.0.0.1",
                "--dir",
                folder.toString(),
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
                "--save",
                "")));
  }

  /** PostgreSQL as it comes, fsync on; run by an ordinary user since it refuses root. */
  Contender postgres() {
    int port = Tools.freePort();
    Path folder = scratch.resolve("postgres");
    Path data = folder.resolve("data");
    Tools.write(folder.resolve("empty"), "");
    List<String> user = new ArrayList<>();
    if (System.getProperty("user.name").equals("root")) {
      Tools.run(START, List.of("chown", "-R", "postgres", folder.toString()));
      user.addAll(List.of("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"));
    }
    List<String> init = new ArrayList<>(user);
    init.addAll(
        List.of(postgresTool("initdb"), "-D", data.toString(), "-U", "postgres", "-A", "trust"));
    Tools.run(Duration.ofMinutes(2), init);
    List<String> start = new ArrayList<>(user);
    start.addAll(
        List.of(
            postgresTool("postgres"),
            "-D",
            data.toString(),
            "-p",
            "" + port,
            "-h",
            "127.0.0.1",
            "-k",
            folder.toString()));
    Contender server =
        started(Contender.start("PostgreSQL", port, scratch.resolve("postgres.log"), start));
    Tools.await(
        "PostgreSQL",
        START,
        () -> {
          try {
            psql(server, "select 1");
            return true;
          } catch (IllegalStateException e) {
            return false;
          }
        });
    return server;
  }

  /** Runs SQL. */
  static void psql(Contender server, String sql) {
    Tools.run(
        START,
        List.of("psql", "-h", "127.0.0.1", "-p", "" + server.port(), "-U", "postgres", "-qc", sql));
  }

  static String tool(String name) {
    return Objects.requireNonNull(Tools.find(name), name).toString();
  }

  /** Debian keeps PostgreSQL's programs out of PATH, a folder for each version. */
  static String postgresTool(String name) {
    Path newest = null;
    try (var versions =
        Files.newDirectoryStream(Path.of("/usr/lib/postgresql"), Files::isDirectory)) {
      for (Path version : versions) {
        Path program = version.resolve("bin").resolve(name);
        if (Files.isExecutable(program)) {
          newest = program;
        }
      }
    } catch (java.io.IOException e) {
      // Not Debian's.
    }
    return newest != null ? newest.toString() : tool(name);
  }
}
