package dev.meridian.web;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.Arrays;
import java.util.Random;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class StaticFilesTest {
  private static final String CSS = "body { color: red }\n".repeat(100);
  private static final String DATE = "Fri, 02 Jan 2026 03:04:05 GMT";
  private static final String DAY_BEFORE = "Thu, 01 Jan 2026 03:04:05 GMT";

  @TempDir Path temp;
  private Path folder;
  private SiteServer server;
  private final byte[] large = new byte[StaticFile.MAX_KEPT_BYTES + 12_345];

  @BeforeEach
  void start() throws Exception {
    folder = temp.resolve("site");
    Path files = folder.resolve("public");
    SiteServer.write(folder, "site.yaml", "domains: [a.test]");
    SiteServer.write(folder, "secret.txt", "SECRET");
    SiteServer.write(files, "style.css", CSS);
    SiteServer.write(files, "ten.txt", "0123456789");
    SiteServer.write(files, ".hidden", "SECRET");
    SiteServer.write(files, ".git/config", "SECRET");
    SiteServer.write(files, ".well-known/security.txt", "open");
    SiteServer.write(files, "docs/index.html", "docs");
    SiteServer.write(files, "app.3f9a2c1b.js", "1");
    SiteServer.write(files, "a b ü.txt", "odd name");
    Files.createSymbolicLink(files.resolve("out.txt"), folder.resolve("secret.txt"));
    Files.createSymbolicLink(files.resolve("outdir"), folder);
    Files.createSymbolicLink(files.resolve("in.txt"), files.resolve("ten.txt"));
    Files.createSymbolicLink(files.resolve("alias.txt"), files.resolve(".hidden"));
    new Random(7).nextBytes(large);
    Files.write(files.resolve("large.bin"), large);
    for (String name : new String[] {"large.bin", "ten.txt"}) {
      Files.setLastModifiedTime(
          files.resolve(name), FileTime.from(Instant.parse("2026-01-02T03:04:05Z")));
    }
    server = new SiteServer(folder, temp.resolve("data"), true);
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private String header(HttpResponse<?> response, String name) {
    return response.headers().firstValue(name).orElse("");
  }

  @Test
  void aFileComesWithItsTypeAndValidators() throws Exception {
    HttpResponse<String> response = server.get("/style.css");
    assertThat(response.body()).isEqualTo(CSS);
    assertThat(header(response, "Content-Type")).isEqualTo("text/css; charset=utf-8");
    assertThat(header(response, "X-Content-Type-Options")).isEqualTo("nosniff");
    assertThat(header(response, "Cache-Control")).isEqualTo("no-cache");
    assertThat(header(response, "ETag")).startsWith("\"");
    assertThat(header(server.get("/ten.txt"), "Last-Modified")).isEqualTo(DATE);
    assertThat(server.get("/a%20b%20%C3%BC.txt").body()).isEqualTo("odd name");
    assertThat(server.get("/.well-known/security.txt").body()).isEqualTo("open");
    assertThat(server.get("/in.txt").body()).isEqualTo("0123456789");
    assertThat(server.get("/docs/").body()).isEqualTo("docs");
    HttpResponse<String> noSlash = server.get("/docs?a=1");
    assertThat(noSlash.statusCode()).isEqualTo(308);
    assertThat(header(noSlash, "Location")).isEqualTo("/docs/?a=1");
  }

  @ParameterizedTest
  @ValueSource(strings = {"/style.css", "/large.bin"})
  void headSaysWhatGetWould(String path) throws Exception {
    HttpResponse<byte[]> get = server.bytes("GET", path);
    HttpResponse<byte[]> head = server.bytes("HEAD", path);
    assertThat(head.body()).isEmpty();
    assertThat(header(head, "Content-Length")).isEqualTo(String.valueOf(get.body().length));
    assertThat(header(head, "ETag")).isEqualTo(header(get, "ETag"));
  }

  @Test
  void largeFilesArriveWhole() throws Exception {
    assertThat(server.bytes("GET", "/large.bin").body()).isEqualTo(large);
    assertThat(server.bytes("GET", "/large.bin", "Range", "bytes=1000000-1049999").body())
        .isEqualTo(Arrays.copyOfRange(large, 1_000_000, 1_050_000));
  }

  @Test
  void textIsCompressedAsTheClientLikes() throws Exception {
    HttpResponse<byte[]> gzip = server.bytes("GET", "/style.css", "Accept-Encoding", "gzip");
    assertThat(header(gzip, "Content-Encoding")).isEqualTo("gzip");
    assertThat(header(gzip, "Vary")).contains("Accept-Encoding");
    assertThat(new GZIPInputStream(new ByteArrayInputStream(gzip.body())).readAllBytes())
        .isEqualTo(CSS.getBytes(StandardCharsets.UTF_8));
    HttpResponse<byte[]> brotli =
        server.bytes("GET", "/style.css", "Accept-Encoding", "gzip, deflate, br");
    assertThat(header(brotli, "Content-Encoding"))
        .isEqualTo(Compression.hasBrotli() ? "br" : "gzip");
    assertThat(brotli.body().length).isLessThan(CSS.length());
    assertThat(server.bytes("GET", "/style.css", "Accept-Encoding", "gzip;q=0, br;q=0").body())
        .hasSize(CSS.length());
    assertThat(
            header(
                server.bytes("GET", "/large.bin", "Accept-Encoding", "gzip"), "Content-Encoding"))
        .isEmpty();
    assertThat(header(gzip, "ETag")).isNotEqualTo(header(server.get("/style.css"), "ETag"));
  }

  @Test
  void conditionsAreHeeded() throws Exception {
    String tag = header(server.get("/ten.txt"), "ETag");
    assertThat(status("If-None-Match", tag)).isEqualTo(304);
    assertThat(status("If-None-Match", "\"x\", W/" + tag)).isEqualTo(304);
    assertThat(status("If-None-Match", "*")).isEqualTo(304);
    assertThat(status("If-None-Match", "\"x\"")).isEqualTo(200);
    assertThat(status("If-Modified-Since", DATE)).isEqualTo(304);
    assertThat(status("If-Modified-Since", DATE, "If-None-Match", "\"x\"")).isEqualTo(200);
    assertThat(status("If-Modified-Since", DAY_BEFORE)).isEqualTo(200);
    assertThat(status("If-Modified-Since", "nonsense")).isEqualTo(200);
    assertThat(status("If-Match", "\"x\"")).isEqualTo(412);
    assertThat(status("If-Match", tag)).isEqualTo(200);
    assertThat(status("If-Match", "*")).isEqualTo(200);
    assertThat(status("If-Match", "W/" + tag)).isEqualTo(412);
    assertThat(status("If-Match", "\"x\", " + tag)).isEqualTo(200);
    assertThat(status("If-Unmodified-Since", DAY_BEFORE)).isEqualTo(412);
    assertThat(status("Range", "bytes=0-1", "If-Range", tag)).isEqualTo(206);
    assertThat(status("Range", "bytes=0-1", "If-Range", "\"x\"")).isEqualTo(200);
    assertThat(status("Range", "bytes=0-1", "If-Range", "W/" + tag)).isEqualTo(200);
    assertThat(status("Range", "bytes=0-1", "If-Range", DATE)).isEqualTo(206);
  }

  private int status(String... headers) throws Exception {
    return server.get("/ten.txt", headers).statusCode();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "bytes=0-3 | 206 | bytes 0-3/10 | 0123",
        "bytes=4- | 206 | bytes 4-9/10 | 456789",
        "bytes=-3 | 206 | bytes 7-9/10 | 789",
        "bytes=-99 | 206 | bytes 0-9/10 | 0123456789",
        "bytes=8-99 | 206 | bytes 8-9/10 | 89",
        "BYTES=9-9 | 206 | bytes 9-9/10 | 9",
        "bytes=0-0,99- | 206 | bytes 0-0/10 | 0",
        "bytes=10- | 416 | bytes */10 | ''",
        "bytes=-0 | 416 | bytes */10 | ''",
        "bytes=5-4 | 200 | '' | 0123456789",
        "bytes=a-b | 200 | '' | 0123456789",
        "bytes= | 200 | '' | 0123456789",
        "lines=1-2 | 200 | '' | 0123456789",
        "bytes=0-9,0-9 | 200 | '' | 0123456789",
        "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7 | 200 | '' |"
            + " 0123456789",
        "bytes=99999999999999999999- | 200 | '' | 0123456789"
      })
  void rangesAreSentAsAsked(String range, int status, String contentRange, String body)
      throws Exception {
    HttpResponse<String> response = server.get("/ten.txt", "Range", range);
    assertThat(response.statusCode()).isEqualTo(status);
    assertThat(response.body()).isEqualTo(body);
    assertThat(header(response, "Content-Range")).isEqualTo(contentRange);
  }

  @Test
  void severalRangesComeAsParts() throws Exception {
    HttpResponse<String> response = server.get("/ten.txt", "Range", "bytes=0-1, -2");
    assertThat(response.statusCode()).isEqualTo(206);
    String type = header(response, "Content-Type");
    assertThat(type).startsWith("multipart/byteranges; boundary=");
    String start =
        "\r\n--"
            + type.substring(type.indexOf('=') + 1)
            + "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes ";
    assertThat(response.body())
        .startsWith(start + "0-1/10\r\n\r\n01" + start + "8-9/10\r\n\r\n89\r\n--")
        .endsWith("--\r\n");
  }

  @Test
  void contentAddressedFilesAreKeptForEver() throws Exception {
    assertThat(header(server.get("/app.3f9a2c1b.js"), "Cache-Control")).contains("immutable");
    SiteServer.write(folder, "pages/a.html", "{{ asset('/style.css') }}");
    String address = server.get("/a").body();
    assertThat(address).startsWith("/style.css?v=");
    assertThat(header(server.get(address), "Cache-Control")).contains("immutable");
    assertThat(header(server.get("/style.css?v=old"), "Cache-Control")).isEqualTo("no-cache");
    SiteServer.write(folder, "public/style.css", CSS + "/* new */");
    assertThat(server.get("/style.css").body()).endsWith("/* new */");
    assertThat(server.get("/a").body()).isNotEqualTo(address);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/../secret.txt",
        "/docs/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/%2e%2e%2fsecret.txt",
        "/..%2fsecret.txt",
        "/..%5csecret.txt",
        "//secret.txt",
        "/docs/..%2f..%2fsecret.txt",
        "/%252e%252e/secret.txt",
        "/.hidden",
        "/%2ehidden",
        "/.git/config",
        "/docs/.%2e/.hidden",
        "/out.txt",
        "/outdir/secret.txt",
        "/outdir/public/.hidden",
        "/alias.txt",
        "/ten.txt%00.html",
        "/%00",
        "/%c0%ae%c0%ae/secret.txt",
        "/..;/secret.txt",
        "/.%00./secret.txt",
        "/file:///etc/passwd",
        "/etc/passwd",
        "/./.hidden",
        "/docs/./../.hidden",
        "/%e0%80%af"
      })
  void nothingOutsideIsReached(String path) throws Exception {
    String answer =
        server.raw("GET " + path + " HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    assertThat(answer).startsWith("HTTP/1.1 4").doesNotContain("SECRET").doesNotContain("root:");
  }

  /** The HTTP engine refuses these itself. */
  @ParameterizedTest
  @ValueSource(strings = {"/..\\secret.txt", "/%", "/%zz", "/%2/../secret.txt"})
  void malformedAddressesReachNothing(String path) throws Exception {
    String answer =
        server.raw("GET " + path + " HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    assertThat(answer).doesNotContain("SECRET").doesNotContain(" 200 ");
    assertThat(server.get("/ten.txt").body()).isEqualTo("0123456789");
  }

  @Test
  void refusalsAreNotKept() throws Exception {
    for (String[] wrong : new String[][] {{"Range", "bytes=9-"}, {"If-Match", "\"x\""}}) {
      HttpResponse<String> refused = server.get("/app.3f9a2c1b.js", wrong);
      assertThat(refused.statusCode()).isIn(412, 416);
      assertThat(refused.headers().allValues("Cache-Control")).containsExactly("no-store");
    }
  }

  @Test
  void everySpellingOfAnAddressIsOneFileInMemory() throws Exception {
    for (String path :
        new String[] {"/style.css", "/%73tyle.css", "/s%74yle%2Ecss", "/style%2ecss"}) {
      assertThat(server.get(path).body()).isEqualTo(CSS);
    }
    assertThat(server.files.kept()).isOne();
  }

  @ParameterizedTest
  @ValueSource(strings = {"ten.txt", "large.bin"})
  void rangesAreOfTheFileThatTheirTagNames(String name) throws Exception {
    Path file = folder.resolve("public").resolve(name);
    byte[] before = Files.readAllBytes(file);
    try (SiteServer production = new SiteServer(folder, temp.resolve("more"), false)) {
      String old = header(production.bytes("HEAD", "/" + name), "ETag");
      byte[] after = before.clone();
      after[1] ^= 1;
      Files.write(file, after);
      // At once, while the server still trusts what it knows.
      HttpResponse<byte[]> part = production.bytes("GET", "/" + name, "Range", "bytes=0-3");
      assertThat(part.statusCode()).isEqualTo(206);
      assertThat(part.body())
          .isEqualTo(Arrays.copyOf(header(part, "ETag").equals(old) ? before : after, 4));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"POST", "PUT", "DELETE", "OPTIONS"})
  void filesCanOnlyBeRead(String method) throws Exception {
    HttpResponse<byte[]> refused = server.bytes(method, "/ten.txt");
    assertThat(refused.statusCode()).isEqualTo(405);
    assertThat(header(refused, "Allow")).isEqualTo("GET, HEAD");
  }

  @Test
  void conditionsOfPagesAreHeeded() throws Exception {
    SiteServer.write(folder, "pages/a.html", "page");
    String tag = header(server.get("/a"), "ETag");
    assertThat(server.get("/a", "If-Match", tag).statusCode()).isEqualTo(200);
    assertThat(server.get("/a", "If-Match", "\"x\"").statusCode()).isEqualTo(412);
    assertThat(server.get("/a", "If-None-Match", tag).statusCode()).isEqualTo(304);
  }
}
