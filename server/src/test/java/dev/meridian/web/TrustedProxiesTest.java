package dev.meridian.web;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What proxies say, over sockets: who a visitor is, and whether they came by TLS. */
@Timeout(120)
class TrustedProxiesTest {
  private static final String OK = "HTTP/1.1 200";
  private static final String VISITOR = "203.0.113.9";

  @TempDir Path temp;

  private SiteServer server(String trusted) throws Exception {
    Path folder = Files.createTempDirectory(temp, "site");
    SiteServer.write(
        folder,
        "site.yaml",
        """
        domains: [a.test]
        rules: {read: "true", write: "true"}
        sessions: on
        collections:
          mine: {rules: {read: "request.ip == '203.0.113.9'"}}
        """
            + trusted);
    SiteServer.write(folder, "pages/how.html", "secure={{ request.secure }}");
    SiteServer server = new SiteServer(folder, Files.createTempDirectory(temp, "data"), true);
    server.put("mine/1", "{}");
    return server;
  }

  private static String get(SiteServer server, String path, String... headers) throws Exception {
    return server.raw(
        "GET "
            + path
            + " HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\nConnection: close\r\n"
            + lines(headers)
            + "\r\n");
  }

  private static String lines(String... headers) {
    StringBuilder lines = new StringBuilder();
    for (String header : headers) {
      lines.append(header).append("\r\n");
    }
    return lines.toString();
  }

  /** Makes a session, as a form of a visitor without a cookie does. */
  private static String begin(SiteServer server, String... headers) throws Exception {
    String body = "a=1";
    return server.raw(
        "POST /session HTTP/1.1\r\nHost: a.test\r\nSec-Fetch-Site: same-origin\r\n"
            + "Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n"
            + "Content-Length: "
            + body.length()
            + "\r\n"
            + lines(headers)
            + "\r\n"
            + body);
  }

  @Test
  void aProxySaysWhoAsksAndHow() throws Exception {
    try (SiteServer server = server("trustedProxies: [127.0.0.1, \"2001:db8::/32\"]")) {
      assertThat(get(server, "/data/mine/1")).doesNotContain(OK);
      assertThat(get(server, "/data/mine/1", "X-Forwarded-For: " + VISITOR)).contains(OK);
      assertThat(
              get(
                  server,
                  "/data/mine/1",
                  "x-forwarded-for: 6.6.6.6",
                  "X-Forwarded-For: " + VISITOR + ":99, [2001:db8::1]:7",
                  "Forwarded: for=6.6.6.6"))
          .contains(OK);
      assertThat(get(server, "/data/mine/1", "X-Forwarded-For: " + VISITOR + ", 6.6.6.6"))
          .doesNotContain(OK);
      assertThat(get(server, "/data/mine/1", "Forwarded: for=" + VISITOR)).doesNotContain(OK);
      String many = "X-Forwarded-For: " + "10.0.0.1, ".repeat(1000) + VISITOR;
      assertThat(get(server, "/data/mine/1", many)).contains(OK);
      for (String odd : new String[] {"unknown", "_x", "\"", "", ",,,", "\u00e4", "1.2.3.4.5"}) {
        assertThat(get(server, "/how", "X-Forwarded-For: " + odd, "X-Forwarded-Proto: " + odd))
            .as(odd)
            .contains(OK, "secure=false");
      }
      assertThat(get(server, "/how", "X-Forwarded-Proto: https")).contains(OK, "secure=true");
      assertThat(get(server, "/how")).contains(OK, "secure=false");
      assertThat(begin(server, "X-Forwarded-Proto: https")).contains("; Secure");
      assertThat(begin(server, "X-Forwarded-Proto: http"))
          .contains("Set-Cookie")
          .doesNotContain("; Secure");
    }
  }

  @Test
  void whoIsNoProxyIsNotBelieved() throws Exception {
    for (String trusted : new String[] {"", "trustedProxies: 192.0.2.0/24"}) {
      try (SiteServer server = server(trusted)) {
        String[] forged = {
          "X-Forwarded-For: " + VISITOR,
          "Forwarded: for=" + VISITOR + ";proto=https",
          "X-Forwarded-Proto: https"
        };
        assertThat(get(server, "/data/mine/1", forged)).doesNotContain(OK);
        assertThat(get(server, "/how", forged)).contains(OK, "secure=false");
        assertThat(begin(server, forged)).contains("Set-Cookie").doesNotContain("; Secure");
      }
    }
  }

  @Test
  void theStandardHeaderCountsWhereTheSiteSaysSo() throws Exception {
    try (SiteServer server =
        server("trustedProxies: {networks: 127.0.0.1/32, header: forwarded}")) {
      String said = "Forwarded: for=6.6.6.6, for=\"" + VISITOR + ":1\";proto=https";
      assertThat(get(server, "/data/mine/1", said, "X-Forwarded-For: 6.6.6.6")).contains(OK);
      assertThat(get(server, "/how", said)).contains(OK, "secure=true");
      assertThat(get(server, "/data/mine/1", "X-Forwarded-For: " + VISITOR)).doesNotContain(OK);
      assertThat(get(server, "/how", "X-Forwarded-Proto: https")).contains(OK, "secure=false");
    }
  }

  @Test
  void eachVisitorBehindAProxyHasALimitOfTheirOwn() throws Exception {
    try (SiteServer server = server("trustedProxies: 127.0.0.0/8")) {
      String answer = "";
      // 60 at once, and one a second: on a slow machine it takes more of them.
      for (int i = 0; i < 2000 && !answer.contains("HTTP/1.1 429"); i++) {
        answer = begin(server, "X-Forwarded-For: 10.9.9.9, " + VISITOR);
      }
      assertThat(answer).contains("HTTP/1.1 429", "too-many-sessions");
      assertThat(begin(server, "X-Forwarded-For: " + VISITOR + ", 198.51.100.7"))
          .contains("Set-Cookie");
      // By now there may be room for one more, but not for as many as a network has at once.
      answer = "";
      for (int i = 0; i < 10 && !answer.contains("HTTP/1.1 429"); i++) {
        answer = begin(server, "X-Forwarded-For: 198.51.100.7, " + VISITOR + ":7");
      }
      assertThat(answer).contains("HTTP/1.1 429");
    }
  }
}
