package dev.meridian.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.meridian.client.MeridianException.Outcome;
import dev.meridian.node.Node;
import dev.meridian.node.NodeOptions;
import dev.meridian.site.Listeners;
import dev.meridian.site.MadeCertificate;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The client over TLS, where it speaks HTTP/2, to a node with a certificate of its own making. */
@Timeout(120)
class ClientTlsTest {
  @TempDir Path folder;

  @Test
  void onlyTrustedServersAreSpokenToAndThenEverythingWorks() throws Exception {
    MadeCertificate made = certificate();
    InetSocketAddress any = new InetSocketAddress("127.0.0.1", 0);
    SSLContext before = SSLContext.getDefault();
    try (Node node =
        Node.start(
            new NodeOptions(
                folder.resolve("site"),
                folder.resolve("data"),
                _ -> new Listeners(Optional.empty(), Optional.of(any), Optional.empty(), any, any),
                true,
                "test"))) {
      Options options =
          Options.DEFAULT.withKey(Files.readString(folder.resolve("data/operator.key")).strip());
      int port = node.listeners().https().orElseThrow().getPort();
      URI address = URI.create("https://localhost:" + port);
      try (MeridianClient stranger = MeridianClient.connect(address, options)) {
        MeridianException failure =
            Objects.requireNonNull(
                catchThrowableOfType(MeridianException.class, () -> stranger.put("a/1", 1)));
        assertThat(failure.type()).isEqualTo("unreachable");
        assertThat(failure.outcome()).isEqualTo(Outcome.NOT_DONE);
        assertThat(failure.detail()).contains("certification path");
      }
      SSLContext.setDefault(MadeCertificate.trusting(made.certificate()));
      try (MeridianClient client = MeridianClient.connect(address, options);
          Watch watch = client.watch("a", null)) {
        client.put("a/1", Map.of("n", 1));
        client.increment("a/1", Map.of("n", 1));
        assertThat(client.get("a/1").orElseThrow().value().path("n").asInt()).isEqualTo(2);
        assertThat(client.get("a/2")).isEmpty();
        assertThat(client.page("a", ListOptions.ALL, null).items()).hasSize(1);
        assertThat(Objects.requireNonNull(watch.next()).type()).isEqualTo("put");
        watch.close();
        assertThat(watch.next()).isNull();
        assertThat(client.get("a/1")).isPresent();
      }
    } finally {
      SSLContext.setDefault(before);
    }
  }

  /** Makes a site with a certificate for localhost. */
  private MadeCertificate certificate() throws Exception {
    MadeCertificate made = MadeCertificate.make(folder, "localhost", "EC");
    Path site = Files.createDirectories(folder.resolve("site"));
    Files.writeString(site.resolve("cert.pem"), made.certificatePem());
    Files.writeString(site.resolve("key.pem"), made.keyPem());
    Files.writeString(
        site.resolve("site.yaml"),
        """
        name: Test
        domains: [localhost.test]
        tls:
          certificate: cert.pem
          key: key.pem
        """);
    return made;
  }
}
