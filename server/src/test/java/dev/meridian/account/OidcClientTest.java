package dev.meridian.account;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import dev.meridian.site.OidcProvider;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a provider may say of itself, and how often it is asked. */
@Timeout(60)
class OidcClientTest {
  private final AtomicInteger asked = new AtomicInteger();
  private volatile int status = 200;
  private volatile String said = "";
  private HttpServer server;
  private String issuer;
  private OidcClient client;

  @BeforeEach
  void start() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    issuer = "http://127.0.0.1:" + server.getAddress().getPort();
    said = discovery(issuer, issuer);
    server.createContext(
        "/.well-known/openid-configuration",
        exchange -> {
          asked.incrementAndGet();
          byte[] body = said.getBytes(StandardCharsets.UTF_8);
          exchange.sendResponseHeaders(status, body.length);
          try (OutputStream out = exchange.getResponseBody()) {
            out.write(body);
          }
        });
    server.start();
    client =
        new OidcClient(
            new OidcProvider(
                "id", URI.create(issuer), "a site", Optional.empty(), OidcProvider.SCOPES));
  }

  @AfterEach
  void stop() {
    server.stop(0);
  }

  private static String discovery(String issuer, String at) {
    return "{\"issuer\":\""
        + issuer
        + "\",\"authorization_endpoint\":\""
        + at
        + "/auth?a=b\",\"token_endpoint\":\""
        + at
        + "/token\",\"jwks_uri\":\""
        + at
        + "/jwks\"}";
  }

  private URI authorization() throws OidcException {
    return client.authorization("https://a.test/back", "s", "n", "c");
  }

  private void unavailable() {
    assertThatThrownBy(this::authorization)
        .isInstanceOfSatisfying(
            OidcException.class,
            e -> assertThat(e.reason()).isEqualTo(OidcException.Reason.UNAVAILABLE));
  }

  @Test
  void whatItSaysIsKept() throws Exception {
    for (int i = 0; i < 5; i++) {
      assertThat(authorization().toString())
          .startsWith(issuer + "/auth?a=b&response_type=code&client_id=a+site&")
          .contains("redirect_uri=https%3A%2F%2Fa.test%2Fback", "&code_challenge=c&");
    }
    assertThat(asked).hasValue(1);
  }

  @Test
  void oneThatIsDownIsAskedAgainAfterAPauseHoweverManyWait() throws Exception {
    status = 503;
    unavailable();
    unavailable();
    assertThat(asked).as("not at once").hasValue(1);
    status = 200;
    long end = System.nanoTime() + 30_000_000_000L;
    while (asked.get() == 1) {
      assertThat(System.nanoTime()).as("asked again").isLessThan(end);
      try {
        authorization();
      } catch (OidcException e) {
        Thread.sleep(20);
      }
    }
    assertThat(authorization()).isNotNull();
    assertThat(asked).hasValue(2);
  }

  @Test
  void whatIsNotWellSaidIsNotTaken() {
    for (String wrong :
        new String[] {
          discovery("http://evil.test", issuer),
          discovery(issuer + "/", issuer),
          discovery(issuer, "http://192.0.2.1"),
          discovery(issuer, "http://me@127.0.0.1"),
          discovery(issuer, "ftp://127.0.0.1"),
          discovery(issuer, ""),
          "[]",
          "<html>",
          "{\"issuer\":\"" + issuer + "\"}",
          discovery(issuer, issuer).replace("}", "," + "\"x\":\"" + "x".repeat(300_000) + "\"}")
        }) {
      said = wrong;
      OidcProvider fresh =
          new OidcProvider("id", URI.create(issuer), "site", Optional.empty(), OidcProvider.SCOPES);
      client = new OidcClient(fresh);
      unavailable();
    }
    assertThat(asked).hasValue(10);
  }
}
