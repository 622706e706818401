package dev.meridian.cli;

import static dev.meridian.cli.Ran.run;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import dev.meridian.geo.Atlas;
import dev.meridian.geo.MmdbWriter;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Base64;
import java.util.Map;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The database of countries from a registry: a good one, and many that are not. */
class GeoCommandTest {
  @TempDir Path folder;
  private HttpServer registry;
  private byte[] tarball = {};
  private String integrity = "";
  private int status = 200;

  @BeforeEach
  void start() throws Exception {
    Files.writeString(folder.resolve("site.yaml"), "domains: fetch.test\n");
    registry = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
    registry.createContext(
        "/",
        exchange -> {
          boolean metadata = !exchange.getRequestURI().getPath().endsWith(".tgz");
          byte[] answer =
              metadata
                  ? """
                    {"dist-tags": {"latest": "2.3.4"}, "versions": {"2.3.4": {"dist": {
                     "tarball": "%s/x.tgz", "integrity": "%s"}}}}
                    """
                      .formatted(url(), integrity)
                      .getBytes(StandardCharsets.UTF_8)
                  : tarball;
          exchange.sendResponseHeaders(status, answer.length);
          exchange.getResponseBody().write(answer);
          exchange.close();
        });
    registry.start();
    offer(database("GB"));
  }

  @AfterEach
  void stop() {
    registry.stop(0);
  }

  private String url() {
    return "http://127.0.0.1:" + registry.getAddress().getPort();
  }

  private static byte[] database(String country) {
    return new MmdbWriter(24, true).put("192.0.2.0/24", Map.of("country_code", country)).write();
  }

  private void offer(byte[] database) throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (GZIPOutputStream tar = new GZIPOutputStream(bytes)) {
      entry(tar, "package/README.md", "about".getBytes(StandardCharsets.UTF_8));
      entry(tar, "package/part.mmdb", new byte[3]);
      entry(tar, "package/countries.mmdb", database);
      tar.write(new byte[1024]);
    }
    tarball = bytes.toByteArray();
    integrity =
        "sha512-"
            + Base64.getEncoder()
                .encodeToString(MessageDigest.getInstance("SHA-512").digest(tarball));
  }

  private static void entry(GZIPOutputStream tar, String name, byte[] content) throws IOException {
    byte[] header = new byte[512];
    byte[] text = name.getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(text, 0, header, 0, text.length);
    byte[] size = String.format("%011o", content.length).getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(size, 0, header, 124, size.length);
    header[156] = '0';
    tar.write(header);
    tar.write(Arrays.copyOf(content, (content.length + 511) / 512 * 512));
  }

  private Ran fetch(String... more) {
    String[] args = {"geo", "fetch", "--folder", folder.toString(), "--registry", url()};
    String[] all = Arrays.copyOf(args, args.length + more.length);
    System.arraycopy(more, 0, all, args.length, more.length);
    return run("", all);
  }

  private Path target() {
    return folder.resolve("geo/country.mmdb");
  }

  @Test
  void newestVersionIsFetchedAndReplacesTheOneBefore() throws Exception {
    assertThat(fetch().ok().out()).contains("country.mmdb: version 2.3.4 of 2025-06-15");
    assertThat(Atlas.read(target()).places()).anyMatch(place -> place.country().equals("GB"));
    offer(database("FR"));
    fetch().ok();
    assertThat(Atlas.read(target()).places()).anyMatch(place -> place.country().equals("FR"));
    assertThat(folder.resolve("geo")).isDirectoryNotContaining(file -> !file.equals(target()));
  }

  @Test
  void whatIsNotRightChangesNothing() throws Exception {
    fetch().ok();
    byte[] before = Files.readAllBytes(target());

    String right = integrity;
    integrity = "sha512-" + "A".repeat(86) + "==";
    assertThat(fetch().failed(ExitCode.FAILED).err()).contains("SHA-512 differs");
    integrity = "sha1-abc";
    assertThat(fetch().failed(ExitCode.FAILED).err()).contains("what its hash is");
    integrity = right;
    status = 404;
    assertThat(fetch().failed(ExitCode.FAILED).err()).contains("status 404");
    status = 200;
    offer(new byte[600]);
    assertThat(fetch().failed(ExitCode.FAILED).err()).contains("not usable");
    tarball = Arrays.copyOf(tarball, 40);
    integrity =
        "sha512-"
            + Base64.getEncoder()
                .encodeToString(MessageDigest.getInstance("SHA-512").digest(tarball));
    assertThat(fetch().failed(ExitCode.FAILED).err()).contains("cannot be unpacked");
    registry.stop(0);
    assertThat(fetch().failed(ExitCode.FAILED).err()).contains("is this machine online?");

    assertThat(Files.readAllBytes(target())).isEqualTo(before);
    assertThat(folder.resolve("geo")).isDirectoryNotContaining(file -> !file.equals(target()));
  }

  @Test
  void anotherKindOfDatabaseIsNotReplacedByHabit() throws Exception {
    Files.createDirectories(folder.resolve("geo"));
    byte[] other =
        new String(database("JP"), StandardCharsets.ISO_8859_1)
            .replace("Test-Country", "Better--City")
            .getBytes(StandardCharsets.ISO_8859_1);
    Files.write(target(), other);
    assertThat(fetch().failed(ExitCode.FAILED).err()).contains("Better--City", "--force");
    assertThat(Files.readAllBytes(target())).isEqualTo(other);
    fetch("--force").ok();
  }

  @Test
  void wrongPlacesAreSaid() {
    assertThat(
            run("", "geo", "fetch", "--folder", folder.resolve("none").toString())
                .failed(ExitCode.NOT_FOUND)
                .err())
        .contains("give the site's folder");
    assertThat(
            run("", "geo", "fetch", "--folder", folder.toString(), "--registry", "ftp://x")
                .failed(ExitCode.USAGE)
                .err())
        .contains("no address of an npm registry");
  }
}
