package dev.meridian.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import dev.meridian.dns.Lookup;
import dev.meridian.node.Node;
import dev.meridian.node.NodeOptions;
import dev.meridian.site.Listeners;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A node whose regions' servers come and go, and are drained. */
@Timeout(180)
class RegionCommandTest {
  @TempDir Path folder;

  private Node up(int... ports) throws Exception {
    Files.createDirectories(folder.resolve("site"));
    Files.writeString(
        folder.resolve("site/site.yaml"),
        """
        domains: region.test
        health: {probe: http, interval: 1 s, timeout: 20 s, down: 2, up: 1}
        regions:
          eu:
            addresses:
              - {address: 192.0.2.1, probe: "127.0.0.1:%d"}
              - {address: 192.0.2.2, probe: "127.0.0.1:%d"}
          us: {addresses: [{address: 198.51.100.1, probe: "127.0.0.1:%d"}]}
        names:
          records:
            www: {answer: failover, regions: [eu, us], ttl: 5 s}
        """
            .formatted(ports[0], ports[1], ports[2]));
    return start();
  }

  private Node start() throws Exception {
    InetSocketAddress any = new InetSocketAddress("127.0.0.1", 0);
    return Node.start(
        new NodeOptions(
            folder.resolve("site"),
            folder.resolve("data"),
            _ -> new Listeners(Optional.empty(), Optional.empty(), Optional.of(any), any, any),
            true,
            "test"));
  }

  private Ran at(Node node, String... args) {
    return Ran.at(node, folder.resolve("data"), args);
  }

  private static HttpServer server(int port) throws IOException {
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 16);
    server.createContext("/", exchange -> exchange.sendResponseHeaders(200, -1));
    server.start();
    return server;
  }

  private static String answer(Node node) throws IOException {
    return new Lookup("www.region.test", "A", node.listeners().dns().orElseThrow(), false)
        .ask()
        .text();
  }

  private static void await(Callable<Boolean> condition) throws Exception {
    long end = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (!condition.call()) {
      assertThat(System.nanoTime()).isLessThan(end);
      Thread.sleep(20);
    }
  }

  @Test
  void answersFollowServersAndOperators() throws Exception {
    HttpServer first = server(0);
    HttpServer second = server(0);
    HttpServer third = server(0);
    int port = first.getAddress().getPort();
    try {
      try (Node node = up(port, second.getAddress().getPort(), third.getAddress().getPort())) {
        assertThat(answer(node)).contains("192.0.2.1", "192.0.2.2").doesNotContain("198.51.100.1");

        // Of a region the addresses that can serve.
        first.stop(0);
        await(() -> !answer(node).contains("192.0.2.1"));
        assertThat(answer(node)).contains("192.0.2.2");
        assertThat(at(node, "region", "list").ok().out())
            .containsPattern("eu +ready +192.0.2.1 +no .*refused")
            .containsPattern("192.0.2.2 +yes")
            .containsPattern("us +ready");
        assertThat(at(node, "status").ok().out()).contains("eu ready (1 of 2 up), us ready");
        assertThat(at(node, "dns", "where", "9.9.9.9").ok().out())
            .contains("ready      all regions; down: 192.0.2.1");

        // None of a region: the next.
        second.stop(0);
        await(() -> answer(node).contains("198.51.100.1"));
        assertThat(answer(node)).doesNotContain("192.0.2.");
        assertThat(at(node, "region", "list").ok().out()).containsPattern("eu +down");

        // None at all: all, as nothing would be no better.
        third.stop(0);
        await(() -> answer(node).contains("192.0.2.1"));
        assertThat(answer(node)).contains("192.0.2.2", "198.51.100.1");

        first = server(port);
        await(() -> !answer(node).contains("198.51.100.1"));
        assertThat(answer(node)).contains("192.0.2.1").doesNotContain("192.0.2.2");
      }
    } finally {
      first.stop(0);
      second.stop(0);
      third.stop(0);
    }
  }

  private void awaitState(Node node, String state) throws Exception {
    Pattern row = Pattern.compile("eu +" + state);
    await(() -> row.matcher(at(node, "region", "list").ok().out()).find());
  }

  @Test
  void crowdedRegionSpillsOver() throws Exception {
    AtomicReference<String> load = new AtomicReference<>("TEXT rps_fractional=100");
    HttpServer eu = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 16);
    eu.createContext(
        "/",
        exchange -> {
          exchange.getResponseHeaders().set("endpoint-load-metrics", load.get());
          exchange.sendResponseHeaders(200, -1);
        });
    eu.start();
    HttpServer us = server(0);
    Files.createDirectories(folder.resolve("site"));
    Files.writeString(
        folder.resolve("site/site.yaml"),
        """
        domains: region.test
        health: {probe: http, interval: 1 s, timeout: 20 s}
        regions:
          eu:
            addresses: [{address: 192.0.2.1, probe: "127.0.0.1:%d"}]
            capacity: 1000/s
          us:
            addresses: [{address: 198.51.100.1, probe: "127.0.0.1:%d"}]
            capacity: 1000/s
        names:
          records:
            www: {answer: failover, regions: [eu, us], ttl: 5 s}
        """
            .formatted(eu.getAddress().getPort(), us.getAddress().getPort()));
    try (Node node = start()) {
      await(() -> at(node, "region", "list").ok().out().contains("100 of 1,000/s"));
      assertThat(at(node, "region", "list").ok().out())
          .containsPattern("eu +ready .* 100 of 1,000/s")
          // It does not say: it has room until the opposite is known.
          .containsPattern("us +ready .* [?] of 1,000/s");
      for (int i = 0; i < 20; i++) {
        assertThat(answer(node)).contains("192.0.2.1").doesNotContain("198.51.100.1");
      }

      load.set("TEXT rps_fractional=900");
      awaitState(node, "crowded");
      assertThat(at(node, "region", "list").ok().out()).contains("900 of 1,000/s, 50% of its");
      assertThat(at(node, "dns", "where", "9.9.9.9").ok().out())
          .contains("crowded: eu (50% of its clients go there)")
          .contains("50% eu or 50% us");
      // By chance, so each comes up.
      await(() -> answer(node).contains("198.51.100.1"));
      await(() -> answer(node).contains("192.0.2.1"));

      load.set("TEXT rps_fractional=1500");
      awaitState(node, "full");
      for (int i = 0; i < 20; i++) {
        assertThat(answer(node)).contains("198.51.100.1").doesNotContain("192.0.2.1");
      }
      assertThat(at(node, "status").ok().out()).contains("eu full");

      load.set("TEXT rps_fractional=100");
      awaitState(node, "ready");
      for (int i = 0; i < 20; i++) {
        assertThat(answer(node)).contains("192.0.2.1").doesNotContain("198.51.100.1");
      }
    } finally {
      eu.stop(0);
      us.stop(0);
    }
  }

  @Test
  void drainsAreRememberedUntilTheyEnd() throws Exception {
    HttpServer all = server(0);
    int port = all.getAddress().getPort();
    try {
      try (Node node = up(port, port, port)) {
        assertThat(at(node, "region", "drain", "eu", "--reason", "new routers").ok().out())
            .containsPattern("eu +drained");
        assertThat(answer(node)).contains("198.51.100.1");
        assertThat(answer(node)).doesNotContain("192.0.2.");
        assertThat(at(node, "region", "list").ok().out())
            .containsPattern("eu +drained +192.0.2.1 +yes .*new routers");
        assertThat(at(node, "region", "list", "--json").ok().out())
            .contains("\"state\":\"drained\"", "\"reason\":\"new routers\"");
        assertThat(at(node, "dns", "where", "9.9.9.9").ok().out()).contains("drained: eu");
        // All drained: clients are sent where their operator is still at work.
        at(node, "region", "drain", "us").ok();
        await(() -> answer(node).contains("192.0.2.1"));
        assertThat(at(node, "region", "drain", "ue").failed(ExitCode.FAILED).err())
            .contains("did you mean 'eu'?");
        assertThat(
                at(node, "region", "drain", "eu", "--reason", "x".repeat(201))
                    .failed(ExitCode.FAILED)
                    .err())
            .contains("at most 200 characters");
      }
      try (Node node = up(port, port, port)) {
        at(node, "region", "undrain", "us").ok();
        await(() -> answer(node).contains("198.51.100.1") && !answer(node).contains("192.0.2."));
        at(node, "region", "undrain", "eu").ok();
        at(node, "region", "undrain", "eu").ok(); // twice is once
        await(() -> answer(node).contains("192.0.2.1"));
        assertThat(at(node, "region", "list").ok().out()).containsPattern("eu +ready");
      }
    } finally {
      all.stop(0);
    }
  }

  @Test
  void siteWithoutRegionsSaysSo() throws Exception {
    Files.createDirectories(folder.resolve("site"));
    Files.writeString(folder.resolve("site/site.yaml"), "domains: region.test\n");
    try (Node node = start()) {
      assertThat(at(node, "region", "list").ok().err()).contains("no regions");
      assertThat(at(node, "region", "drain", "eu").failed(ExitCode.FAILED).err())
          .contains("no regions");
      assertThat(at(node, "status").ok().out()).doesNotContain("regions");
    }
  }
}
