package dev.meridian.web;

import static dev.meridian.site.MadeCertificate.pem;
import static dev.meridian.site.MadeCertificate.replace;
import static dev.meridian.site.MadeCertificate.trusting;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.site.Limits;
import dev.meridian.site.MadeCertificate;
import dev.meridian.site.Rules;
import dev.meridian.site.Site;
import dev.meridian.site.Tls;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The listener with TLS: its certificate, how that is renewed, and what refuses to start. */
class TlsTest {
  private static final Duration LIMIT = Duration.ofSeconds(60);

  @TempDir Path folder;

  private MadeCertificate make(String name, String algorithm) throws Exception {
    return MadeCertificate.make(folder, name, algorithm);
  }

  private Path certificate() {
    return folder.resolve("cert.pem");
  }

  private Path key() {
    return folder.resolve("key.pem");
  }

  private void write(MadeCertificate made) throws IOException {
    made.write(new Tls(certificate(), key()));
  }

  private Site site(boolean tls) {
    Site plain = TestServer.site(folder, new Rules("true", "true"), Limits.DEFAULT, Map.of());
    return new Site(
        plain.folder(),
        plain.name(),
        plain.domains(),
        plain.listeners(),
        tls ? Optional.of(new Tls(certificate(), key())) : Optional.empty(),
        plain.rules(),
        plain.collections(),
        plain.names(),
        plain.limits(),
        plain.sessions(),
        plain.cacheBytes());
  }

  private static InetSocketAddress any() {
    return new InetSocketAddress("127.0.0.1", 0);
  }

  private TestServer start() throws IOException {
    return new TestServer(folder, site(true), WebOptions.http(any()).withHttps(any()));
  }

  private static HttpResponse<String> get(
      TestServer server, SSLContext context, HttpClient.Version version, String... protocols)
      throws Exception {
    SSLParameters parameters = new SSLParameters();
    if (protocols.length > 0) {
      parameters.setProtocols(protocols);
    }
    try (HttpClient client =
        HttpClient.newBuilder()
            .sslContext(context)
            .sslParameters(parameters)
            .version(version)
            .build()) {
      return client.send(
          HttpRequest.newBuilder(
                  URI.create(
                      "https://127.0.0.1:" + server.web.httpsPort().getAsInt() + "/data/t/1"))
              .timeout(LIMIT)
              .build(),
          BodyHandlers.ofString());
    }
  }

  /** The cookie of a session that was made over TLS. */
  private static String cookieSet(TestServer server, SSLContext context, HttpClient.Version version)
      throws Exception {
    try (HttpClient client = HttpClient.newBuilder().sslContext(context).version(version).build()) {
      int port = server.web.httpsPort().getAsInt();
      HttpResponse<String> answer =
          client.send(
              HttpRequest.newBuilder(URI.create("https://127.0.0.1:" + port + "/session/n"))
                  .timeout(LIMIT)
                  .header("Origin", "https://127.0.0.1:" + port)
                  .PUT(HttpRequest.BodyPublishers.ofString("1"))
                  .build(),
              BodyHandlers.ofString());
      assertThat(answer.statusCode()).as(answer.body()).isEqualTo(204);
      assertThat(answer.headers().allValues("Set-Cookie")).as("both, apart").hasSize(2);
      return answer.headers().firstValue("Set-Cookie").orElse("");
    }
  }

  /** The certificate that a new connection is shown. */
  private static X509Certificate shown(TestServer server, SSLContext trust) throws Exception {
    try (SSLSocket socket =
        (SSLSocket)
            trust.getSocketFactory().createSocket("127.0.0.1", server.web.httpsPort().getAsInt())) {
      socket.setSoTimeout((int) LIMIT.toMillis());
      socket.startHandshake();
      return (X509Certificate) socket.getSession().getPeerCertificates()[0];
    }
  }

  @Test
  void handshakesThatDoNotGoOnAreEnded() throws Exception {
    write(make("localhost", "EC"));
    WebOptions options =
        WebOptions.http(any()).withHttps(any()).withConnections(100, Duration.ofMillis(400));
    try (TestServer server = new TestServer(folder, site(true), options);
        Socket silent = new Socket("127.0.0.1", server.web.httpsPort().getAsInt());
        Socket begun = new Socket("127.0.0.1", server.web.httpsPort().getAsInt())) {
      // The head of a ClientHello of 512 bytes that never come.
      begun.getOutputStream().write(new byte[] {22, 3, 1, 2, 0, 1, 0, 1, (byte) 0xfc, 3, 3});
      for (Socket socket : List.of(silent, begun)) {
        socket.setSoTimeout((int) LIMIT.toMillis());
        // What it says, an alert or nothing, does not matter; it ends.
        socket.getInputStream().readAllBytes();
      }
    }
  }

  @Test
  void bothProtocolsAreSpokenOverTls() throws Exception {
    for (String algorithm : new String[] {"EC", "RSA"}) {
      MadeCertificate made = make("both-" + algorithm, algorithm);
      write(made);
      try (TestServer server = start()) {
        server.json("PUT", "/data/t/1", "{\"a\":1}");
        SSLContext trust = trusting(made.certificate());
        for (HttpClient.Version version : HttpClient.Version.values()) {
          if (version != HttpClient.Version.HTTP_1_1 && version != HttpClient.Version.HTTP_2) {
            continue;
          }
          assertThat(cookieSet(server, trust, version)).contains("; Secure");
          for (String protocol : new String[] {"TLSv1.2", "TLSv1.3"}) {
            HttpResponse<String> got = get(server, trust, version, protocol);
            assertThat(got.body()).isEqualTo("{\"a\":1}");
            assertThat(got.version()).isEqualTo(version);
            assertThat(got.sslSession().orElseThrow().getProtocol()).isEqualTo(protocol);
          }
        }
      }
    }
  }

  @Test
  void strangersCertificateIsNotTrusted() throws Exception {
    write(make("own", "EC"));
    MadeCertificate other = make("other", "EC");
    try (TestServer server = start()) {
      assertThatThrownBy(() -> shown(server, trusting(other.certificate())))
          .isInstanceOf(SSLHandshakeException.class);
    }
  }

  @Test
  void renewedCertificateIsUsedAndBrokenOneIsNot() throws Exception {
    MadeCertificate first = make("first", "EC");
    MadeCertificate second = make("second", "RSA");
    MadeCertificate third = make("third", "EC");
    write(first);
    SSLContext trust = trusting(first.certificate(), second.certificate(), third.certificate());
    try (TestServer server = start()) {
      assertThat(shown(server, trust)).isEqualTo(first.certificate());
      write(second);
      awaitShown(server, trust, second.certificate());

      replace(key(), "-----BEGIN PRIVATE KEY-----\nbm90IGEga2V5\n-----END PRIVATE KEY-----\n");
      Files.delete(certificate());
      // Long enough to be looked at several times: the promise is that nothing happens.
      Thread.sleep(3000);
      assertThat(shown(server, trust)).isEqualTo(second.certificate());

      write(third);
      awaitShown(server, trust, third.certificate());
    }
  }

  private static void awaitShown(TestServer server, SSLContext trust, X509Certificate wanted)
      throws Exception {
    Instant end = Instant.now().plus(LIMIT);
    while (!shown(server, trust).equals(wanted)) {
      assertThat(Instant.now()).as("the new certificate came within %s", LIMIT).isBefore(end);
      Thread.sleep(50);
    }
  }

  @Test
  void unusableFilesAreRefusedAtTheStart() throws Exception {
    MadeCertificate one = make("one", "EC");
    MadeCertificate two = make("two", "EC");
    MadeCertificate rsa = make("rsa", "RSA");
    assertThatThrownBy(
            () -> new TestServer(folder, site(false), WebOptions.http(any()).withHttps(any())))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining("tls:")
        .hasMessageContaining("site.yaml");
    refused("cert.pem does not exist");
    write(one);
    replace(key(), two.keyPem());
    refused("is not the key of the first certificate");
    replace(key(), rsa.keyPem());
    refused("is not the key of the first certificate");
    replace(key(), "");
    refused("has no private key");
    replace(key(), one.keyPem().replace("PRIVATE KEY", "EC PRIVATE KEY"));
    refused("openssl pkcs8 -topk8");
    replace(key(), one.keyPem().replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"));
    refused("passphrase");
    replace(key(), pem("PRIVATE KEY", new byte[] {1, 2, 3}));
    refused("damaged");
    write(one);
    replace(certificate(), "hello");
    refused("cert.pem");
    write(one);
    start().close();
  }

  private void refused(String why) {
    assertThatThrownBy(this::start)
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining(why);
  }

  @Test
  void takenAddressIsSaidAndNothingIsLeftRunning() throws Exception {
    write(make("one", "EC"));
    try (ServerSocket taken = new ServerSocket(0);
        ServerSocket free = new ServerSocket(0)) {
      InetSocketAddress busy = new InetSocketAddress("127.0.0.1", taken.getLocalPort());
      InetSocketAddress http = new InetSocketAddress("127.0.0.1", free.getLocalPort());
      free.close();
      assertThatThrownBy(
              () -> new TestServer(folder, site(true), WebOptions.http(http).withHttps(busy)))
          .isInstanceOf(UncheckedIOException.class)
          .hasMessageContaining("127.0.0.1:" + busy.getPort())
          .hasMessageContaining("already in use")
          .hasMessageContaining("--https");
      new ServerSocket(http.getPort()).close();
      assertThatThrownBy(() -> new TestServer(folder, site(true), WebOptions.http(busy)))
          .isInstanceOf(UncheckedIOException.class)
          .hasMessageContaining("the web listener cannot listen on 127.0.0.1:" + busy.getPort());
    }
  }
}
