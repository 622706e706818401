package dev.meridian.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.meridian.client.MeridianException.Outcome;
import dev.meridian.node.Node;
import dev.meridian.node.NodeOptions;
import dev.meridian.site.Listeners;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.Base64;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The client over TLS, where it speaks HTTP/2, to a node with a certificate of its own making. */
@Timeout(120)
class ClientTlsTest {
  private static final String PASSWORD = "changeit";

  @TempDir Path folder;

  @Test
  void onlyTrustedServersAreSpokenToAndThenEverythingWorks() throws Exception {
    KeyStore keys = certificate();
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
      SSLContext.setDefault(trusting(keys));
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
  private KeyStore certificate() throws Exception {
    Path store = folder.resolve("keys.p12");
    Process keytool =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-keystore",
                store.toString(),
                "-storetype",
                "PKCS12",
                "-storepass",
                PASSWORD,
                "-alias",
                "site",
                "-keyalg",
                "EC",
                "-dname",
                "CN=localhost",
                "-ext",
                "san=dns:localhost")
            .redirectErrorStream(true)
            .start();
    String said = new String(keytool.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(keytool.waitFor()).as(said).isZero();
    KeyStore keys = KeyStore.getInstance(store.toFile(), PASSWORD.toCharArray());
    Path site = Files.createDirectories(folder.resolve("site"));
    Files.writeString(
        site.resolve("cert.pem"), pem("CERTIFICATE", keys.getCertificate("site").getEncoded()));
    Files.writeString(
        site.resolve("key.pem"),
        pem("PRIVATE KEY", keys.getKey("site", PASSWORD.toCharArray()).getEncoded()));
    Files.writeString(
        site.resolve("site.yaml"),
        """
        name: Test
        domains: [localhost.test]
        tls:
          certificate: cert.pem
          key: key.pem
        """);
    return keys;
  }

  private static String pem(String kind, byte[] bytes) {
    String base64 = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(bytes);
    return "-----BEGIN " + kind + "-----\n" + base64 + "\n-----END " + kind + "-----\n";
  }

  private static SSLContext trusting(KeyStore keys) throws Exception {
    KeyStore trusted = KeyStore.getInstance("PKCS12");
    trusted.load(null, null);
    trusted.setCertificateEntry("site", keys.getCertificate("site"));
    TrustManagerFactory factory =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(trusted);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, factory.getTrustManagers(), null);
    return context;
  }
}
