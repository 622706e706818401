package dev.meridian.cli;

import static org.assertj.core.api.Assertions.assertThat;

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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** What the operator is told of what a node is asked. */
@Timeout(180)
class DnsTopTest {
  @TempDir Path folder;

  private Node up(boolean dns) throws Exception {
    InetSocketAddress any = new InetSocketAddress("127.0.0.1", 0);
    return Node.start(
        new NodeOptions(
            folder.resolve("site"),
            folder.resolve("data"),
            _ ->
                new Listeners(
                    Optional.empty(),
                    Optional.empty(),
                    dns ? Optional.of(any) : Optional.empty(),
                    any,
                    any),
            true,
            "test"));
  }

  private void site(String regions) throws IOException {
    Files.createDirectories(folder.resolve("site"));
    Files.writeString(
        folder.resolve("site/site.yaml"),
        """
        domains: top.test
        regions: %s
        names:
          sampleLog: 1/1000
          records:
            www: {answer: failover}
            plain: {A: 192.0.2.3}
        """
            .formatted(regions));
  }

  private Ran at(Node node, String... args) {
    return Ran.at(node, folder.resolve("data"), args);
  }

  private static String ask(Node node, String name) throws IOException {
    return new Lookup(name, "A", node.listeners().dns().orElseThrow(), false).ask().text();
  }

  @Test
  void mostAskedNamesAreShownWithTheirShares() throws Exception {
    site("{eu: {addresses: 192.0.2.1}}");
    try (Node node = up(true)) {
      assertThat(at(node, "dns", "top").ok().out()).startsWith("0 in ").doesNotContain("NAME");
      for (int i = 0; i < 6; i++) {
        ask(node, "www.top.test");
      }
      ask(node, "plain.top.test");
      ask(node, "no.top.test");
      ask(node, "nor.top.test");
      ask(node, "example.com");
      assertThat(at(node, "dns", "top").ok().out())
          .startsWith("10 in ")
          .contains("regions answered since the start: eu 100%")
          .containsPattern("QUERIES +SHARE +NAME")
          .containsPattern("\n6 +60.0% +www.top.test\n")
          .containsPattern("\n2 +20.0% +top.test +names below it that do not exist\n")
          .containsPattern("\n1 +10.0% +. +names of no zone here\n")
          .containsPattern("\n1 +10.0% +plain.top.test\n");
      assertThat(at(node, "dns", "top", "--limit", "1").ok().out())
          .contains("www.top.test")
          .doesNotContain("plain");
      JsonNode json =
          JsonText.MAPPER.readTree(at(node, "dns", "top", "--json", "--limit", "2").ok().out());
      assertThat(json.path("queries").asInt()).isEqualTo(10);
      assertThat(json.path("names")).hasSize(2);
      assertThat(json.path("names").get(0).path("share").asDouble()).isEqualTo(0.6);
      assertThat(at(node, "dns", "top", "--limit", "101").failed(ExitCode.USAGE).err())
          .contains("1 to 100");
      assertThat(at(node, "status").ok().out())
          .containsPattern("queries +10 in [0-9]+ s .*eu 100%");

      // Another region at the first's place.
      site("{mars: {addresses: 192.0.2.9}}");
      long end = System.nanoTime() + Duration.ofSeconds(60).toNanos();
      while (!ask(node, "www.top.test").contains("192.0.2.9")) {
        assertThat(System.nanoTime()).isLessThan(end);
        Thread.sleep(50);
      }
      assertThat(at(node, "status").ok().out()).containsPattern("eu [0-9]+%, mars [0-9]+%");
    }
  }

  @Test
  void nodeWithoutNameServerSaysSo() throws Exception {
    site("{eu: {addresses: 192.0.2.1}}");
    try (Node node = up(false)) {
      assertThat(at(node, "dns", "top").failed(ExitCode.FAILED).err())
          .contains("name server of this node is off");
      assertThat(at(node, "status").ok().out()).doesNotContain("queries");
    }
  }
}
