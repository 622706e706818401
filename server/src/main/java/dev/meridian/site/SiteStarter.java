package dev.meridian.site;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Objects;

/** Makes a small site to start from: a guestbook, with comments that teach. */
public final class SiteStarter {
  private static final List<String> FILES =
      List.of(
          "site.yaml",
          "README.md",
          "pages/index.html",
          "pages/404.html",
          "pages/notes/[id].html",
          "pages/_layouts/site.html",
          "pages/_partials/note.html",
          "public/style.css",
          "public/notes.js",
          "public/favicon.svg");

  private SiteStarter() {}

  /**
   * Writes the site into {@code folder}, made when it is not there. Its domain is made from the
   * folder's name.
   *
   * @throws SiteException if there is something in the folder already; nothing is written then
   * @throws UncheckedIOException if a file cannot be written
   */
  public static void create(Path folder) {
    Path absolute = folder.toAbsolutePath().normalize();
    try {
      if (Files.exists(absolute)) {
        refuseUnlessEmpty(absolute, folder);
      }
      String domain = domain(String.valueOf(absolute.getFileName()));
      for (String name : FILES) {
        Path file = absolute.resolve(name);
        Files.createDirectories(Objects.requireNonNull(file.getParent()));
        Files.writeString(file, resource("starter/" + name).replace("SITE_DOMAIN", domain));
      }
      Files.writeString(absolute.resolve(SiteLoader.SCHEMA_RESOURCE), SiteLoader.schema());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void refuseUnlessEmpty(Path absolute, Path folder) throws IOException {
    boolean empty = false;
    if (Files.isDirectory(absolute)) {
      try (var files = Files.list(absolute)) {
        empty = files.findAny().isEmpty();
      }
    }
    if (!empty) {
      throw new SiteException(
          List.of(
              new Problem(
                  folder.toString(),
                  1,
                  1,
                  "there is something here already, and nothing was written; give the name of a"
                      + " new folder.")));
    }
  }

  /** {@code My Site} becomes {@code my-site.test}; .test never is anybody's (RFC 6761). */
  private static String domain(String name) {
    String label =
        name.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "-").replaceAll("^-+|-+$", "");
    String cut = label.substring(0, Math.min(label.length(), 40)).replaceAll("-+$", "");
    return (cut.isEmpty() ? "site" : cut) + ".test";
  }

  private static String resource(String name) throws IOException {
    try (InputStream in = SiteStarter.class.getResourceAsStream(name)) {
      return new String(Objects.requireNonNull(in, name).readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
