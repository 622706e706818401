package dev.meridian.cli;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.Base64;
import java.util.concurrent.atomic.AtomicLong;
import java.util.zip.GZIPInputStream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/**
 * A package of an npm registry: its newest version, checked against the hash that the registry
 * states. Nothing in it is run; one file is taken out.
 */
final class NpmPackage {
  private static final int MAX_METADATA_BYTES = 32 << 20;
  private static final int MAX_PACKAGE_BYTES = 256 << 20;
  private static final int MAX_DATABASE_BYTES = 256 << 20;
  private static final Duration CONNECT = Duration.ofSeconds(20);

  /** How long a download may stand still. */
  static final Duration STALL = Duration.ofSeconds(30);

  private final URI registry;
  private final String name;

  NpmPackage(URI registry, String name) {
    String scheme = String.valueOf(registry.getScheme());
    if (!(scheme.equals("https") || scheme.equals("http")) || registry.getHost() == null) {
      throw new CliException(
          ExitCode.USAGE,
          "'"
              + registry
              + "' is no address of an npm registry; write it as "
              + GeoCommand.REGISTRY);
    }
    this.registry = registry;
    this.name = name;
  }

  /**
   * Fetches the newest version and writes the database in it to {@code to}.
   *
   * @return the version
   * @throws IOException if that is not possible; the message is one sentence
   */
  String fetchDatabase(Path to, Console console) throws IOException {
    try (HttpClient http =
        HttpClient.newBuilder()
            .connectTimeout(CONNECT)
            .followRedirects(HttpClient.Redirect.NORMAL)
            .build()) {
      JsonNode about = metadata(http);
      String version = about.path("dist-tags").path("latest").asString("");
      JsonNode dist = about.path("versions").path(version).path("dist");
      String tarball = dist.path("tarball").asString("");
      String integrity = dist.path("integrity").asString("");
      if (tarball.isEmpty() || !integrity.startsWith("sha512-")) {
        throw new IOException(
            "the registry "
                + registry
                + " does not say where "
                + name
                + " is and what its hash is");
      }
      byte[] packed =
          get(http, uri(tarball), MAX_PACKAGE_BYTES, "application/octet-stream", console);
      check(packed, integrity);
      Files.write(to, database(packed));
      return version;
    }
  }

  private URI uri(String text) throws IOException {
    try {
      URI uri = registry.resolve(text);
      if (registry.getScheme().equals("https") && !"https".equals(uri.getScheme())) {
        throw new IOException("the registry sends from HTTPS to '" + text + "', which is not");
      }
      return uri;
    } catch (IllegalArgumentException e) {
      throw new IOException(
          "the registry names a package at '" + text + "', which is no address", e);
    }
  }

  private JsonNode metadata(HttpClient http) throws IOException {
    String base = registry.toString();
    URI uri = URI.create((base.endsWith("/") ? base : base + "/") + name.replace("/", "%2f"));
    byte[] json = get(http, uri, MAX_METADATA_BYTES, "application/vnd.npm.install-v1+json", null);
    try {
      return JsonText.MAPPER.readTree(json);
    } catch (JacksonException e) {
      throw new IOException("what answers at " + registry + " is no npm registry", e);
    }
  }

  private byte[] get(HttpClient http, URI uri, int most, String accept, @Nullable Console console)
      throws IOException {
    HttpRequest request =
        HttpRequest.newBuilder(uri).timeout(STALL).header("Accept", accept).GET().build();
    try {
      HttpResponse<InputStream> response =
          http.send(request, HttpResponse.BodyHandlers.ofInputStream());
      try (InputStream body = response.body()) {
        if (response.statusCode() != 200) {
          throw new IOException(
              uri + " answers with status " + response.statusCode() + "; is --registry right?");
        }
        long length = response.headers().firstValueAsLong("Content-Length").orElse(-1);
        return read(body, length, most, uri, console);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    } catch (IOException e) {
      if (e.getMessage() != null && e.getMessage().startsWith(uri.toString())) {
        throw e;
      }
      throw new IOException(
          uri.getHost()
              + " cannot be reached ("
              + (e.getMessage() == null ? "no connection" : e.getMessage())
              + "); is this machine online? --registry takes another registry, and any country or"
              + " city .mmdb may be put in place by hand",
          e);
    }
  }

  private static byte[] read(
      InputStream body, long length, int most, URI uri, @Nullable Console console)
      throws IOException {
    ByteArrayOutputStream read = new ByteArrayOutputStream();
    AtomicLong progress = new AtomicLong(System.nanoTime());
    Thread guard = Thread.ofVirtual().start(() -> closeWhenStalled(body, progress));
    try (Meter meter = console == null ? null : new Meter(console, "Fetching", length)) {
      byte[] buffer = new byte[1 << 16];
      for (int n = body.read(buffer); n >= 0; n = body.read(buffer)) {
        progress.set(System.nanoTime());
        read.write(buffer, 0, n);
        if (read.size() > most) {
          throw new IOException(uri + " has more than " + (most >> 20) + " MiB; this cannot be it");
        }
        if (meter != null) {
          meter.at(read.size());
        }
      }
    } finally {
      guard.interrupt();
    }
    return read.toByteArray();
  }

  private static void closeWhenStalled(InputStream body, AtomicLong progress) {
    try {
      while (System.nanoTime() - progress.get() < STALL.toNanos()) {
        Thread.sleep(500);
      }
      body.close();
    } catch (InterruptedException | IOException e) {
      // Done, or closed already.
    }
  }

  private void check(byte[] packed, String integrity) throws IOException {
    try {
      byte[] hash = MessageDigest.getInstance("SHA-512").digest(packed);
      // A registry may state several hashes, parted by spaces.
      String stated = integrity.split(" ", 2)[0];
      if (!stated.equals("sha512-" + Base64.getEncoder().encodeToString(hash))) {
        throw new IOException(
            name + " is not what the registry says it is (SHA-512 differs); nothing was changed");
      }
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-512", e);
    }
  }

  /** The largest .mmdb in a packed tar (POSIX ustar): the one for both families. */
  private byte[] database(byte[] packed) throws IOException {
    byte[] best = {};
    try (InputStream tar = new GZIPInputStream(new ByteArrayInputStream(packed))) {
      long left = MAX_DATABASE_BYTES;
      byte[] header = tar.readNBytes(512);
      while (header.length == 512 && header[0] != 0) {
        long size = octal(header, 124, 12);
        String file = new String(header, 0, 100, StandardCharsets.ISO_8859_1).split("\0", 2)[0];
        left -= size;
        if (size < 0 || left < 0) {
          throw new IOException(name + " is larger than a package of databases can be");
        }
        byte[] content = tar.readNBytes((int) size);
        tar.skipNBytes((512 - size % 512) % 512);
        if (content.length == size && file.endsWith(".mmdb") && size > best.length) {
          best = content;
        }
        header = tar.readNBytes(512);
      }
    } catch (IOException | NumberFormatException e) {
      throw new IOException(name + " cannot be unpacked: " + e.getMessage(), e);
    }
    if (best.length == 0) {
      throw new IOException(name + " has no database in it");
    }
    return best;
  }

  private static long octal(byte[] header, int at, int length) {
    String digits =
        new String(header, at, length, StandardCharsets.ISO_8859_1).replace("\0", " ").strip();
    return digits.isEmpty() ? 0 : Long.parseLong(digits, 8);
  }
}
