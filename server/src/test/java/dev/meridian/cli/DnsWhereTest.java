package dev.meridian.cli;

import static dev.meridian.cli.Ran.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.geo.MmdbWriter;
import dev.meridian.node.Node;
import dev.meridian.node.NodeOptions;
import dev.meridian.site.Listeners;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A node with regions: what it says of itself, and what a changed database does to it. */
@Timeout(180)
class DnsWhereTest {
  @TempDir Path folder;

  private Node up() throws Exception {
    Files.createDirectories(folder.resolve("site/geo"));
    Files.writeString(
        folder.resolve("site/site.yaml"),
        """
        domains: where.test
        regions:
          eu: {location: [50.11, 8.68], addresses: 192.0.2.1}
          us: {location: [39.04, -77.49], addresses: 198.51.100.1}
        names:
          geo: {default: [us, eu], prefixes: {10.0.0.0/8: eu}, countries: {JP: us}}
          records:
            www: {answer: nearest}
            half: {answer: weighted, regions: {eu: 3, us: 1}}
            plain: {A: 192.0.2.3}
        """);
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

  private void database(byte[] bytes) throws IOException {
    Path next = Files.write(folder.resolve("next"), bytes);
    Files.move(next, folder.resolve("site/geo/country.mmdb"), StandardCopyOption.REPLACE_EXISTING);
  }

  private static byte[] london(String country) {
    return new MmdbWriter(28, true)
        .put("81.2.69.0/24", Map.of("country", Map.of("iso_code", country)))
        .write();
  }

  private static void await(BooleanSupplier condition) throws InterruptedException {
    long end = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).isLessThan(end);
      Thread.sleep(50);
    }
  }

  @Test
  void answersAreExplainedAndDatabasesAreTakenOverWhileServing() throws Exception {
    try (Node node = up()) {
      assertThat(at(node, "status").out())
          .contains("places")
          .contains("clients get the default order: us, eu")
          .contains("'./meridian geo fetch'");
      assertThat(at(node, "dns", "where", "81.2.69.142", "www.where.test").ok().out())
          .contains("no database in use")
          .contains("www.where.test A: us; the same for all of 64.0.0.0/3");

      database(london("GB"));
      await(() -> at(node, "dns", "where", "81.2.69.142").out().contains("GB, EU"));
      String where = at(node, "dns", "where", "81.2.69.142").ok().out();
      assertThat(where)
          .contains("by Test-Country of 2025-06-15")
          .contains("rule       none")
          .containsPattern("order      eu \\([0-9]+ km\\), us \\([0-9]+ km\\)")
          .contains("ready      all regions")
          .containsPattern("www.where.test A: eu; the same for all of 81.2.[0-9.]+/[0-9]+")
          .contains("half.where.test A: 75% eu or 25% us; the same for all of 0.0.0.0/0");
      assertThat(at(node, "dns", "where", "10.1.2.3").ok().out())
          .contains("network 10.0.0.0/8: eu");
      assertThat(at(node, "dns", "where", "192.168.1.1").ok().out())
          .contains("nobody's on the public network");
      assertThat(at(node, "dns", "where", "here").failed(ExitCode.FAILED).err())
          .contains("is no address");
      assertThat(at(node, "dns", "where", "::1", "plain.where.test").failed(ExitCode.FAILED).err())
          .contains("everybody alike");
      assertThat(at(node, "dns", "where", "::1", "no.where.test").failed(ExitCode.FAILED).err())
          .contains("there is no name");

      byte[] good = london("JP");
      database(java.util.Arrays.copyOf(good, good.length / 2));
      await(() -> at(node, "status").out().contains("the one before stays in use"));
      assertThat(at(node, "dns", "where", "81.2.69.142").ok().out()).contains("GB, EU");
      assertThat(run("", "check", folder.resolve("site").toString()).failed(ExitCode.FAILED).err())
          .contains("no MaxMind database");

      database(good);
      await(() -> at(node, "dns", "where", "81.2.69.142").out().contains("country JP: us"));
      assertThat(at(node, "status").out()).doesNotContain("stays in use");
    }
  }
}
