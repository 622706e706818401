package dev.meridian.examples;

import dev.meridian.node.Node;
import dev.meridian.node.NodeException;
import dev.meridian.node.NodeOptions;
import dev.meridian.site.Listeners;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;

/**
 * A node that serves {@code examples/cities} as it is in the repository, but for the number of its
 * cities: those of three countries and the large ones, so that a test need not wait for them all.
 */
final class CitiesServer implements AutoCloseable {
  private static final Path EXAMPLE = Path.of("../examples/cities").toAbsolutePath().normalize();
  private static final Pattern KEPT =
      Pattern.compile("\"country\":\"(IS|BR|SM)\"|\"population\":[0-9]{7,}");
  private static final Duration LIMIT = Duration.ofMinutes(2);

  private final Node node;

  private CitiesServer(Node node) {
    this.node = node;
  }

  static CitiesServer start(Path folder) throws IOException, NodeException, InterruptedException {
    Path site = folder.resolve("site");
    copy(EXAMPLE, site);
    Path seed = site.resolve("data/cities.ndjson.gz");
    fewer(EXAMPLE.resolve("data/cities.ndjson.gz"), seed);
    InetSocketAddress any = new InetSocketAddress("127.0.0.1", 0);
    Node node =
        Node.start(
            new NodeOptions(
                site,
                folder.resolve("data"),
                _ -> new Listeners(Optional.of(any), Optional.empty(), Optional.empty(), any, any),
                false,
                "test"));
    if (!node.awaitSeeds(LIMIT)) {
      node.close();
      throw new IllegalStateException("The seeds were not imported within " + LIMIT + ".");
    }
    return new CitiesServer(node);
  }

  /** The address of the site, without a slash at its end. */
  String url() {
    return "http://127.0.0.1:" + node.listeners().http().orElseThrow().getPort();
  }

  private static void copy(Path from, Path to) throws IOException {
    Files.walkFileTree(
        from,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes)
              throws IOException {
            Files.createDirectories(to.resolve(from.relativize(folder)));
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.copy(file, to.resolve(from.relativize(file)));
            return FileVisitResult.CONTINUE;
          }
        });
  }

  private static void fewer(Path from, Path to) throws IOException {
    Files.delete(to);
    try (InputStream in = new GZIPInputStream(Files.newInputStream(from));
        BufferedReader lines =
            new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
        OutputStream out = new GZIPOutputStream(Files.newOutputStream(to));
        BufferedWriter kept =
            new BufferedWriter(new OutputStreamWriter(out, StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (KEPT.matcher(line).find()) {
          kept.write(line);
          kept.write('\n');
        }
      }
    }
  }

  @Override
  public void close() {
    node.close();
  }
}
