package dev.meridian.site;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.nodes.Node;

/** Reads names of files in {@code site.yaml}, which count from the site's folder. */
final class FilesReader {
  private final Path folder;
  private final YamlReader yaml;

  /**
   * Creates it.
   *
   * @param folder absolute
   */
  FilesReader(Path folder, YamlReader yaml) {
    this.folder = folder;
    this.yaml = yaml;
  }

  /** Whether a file lies where everybody may fetch it. */
  boolean isPublished(Path file) {
    return file.startsWith(folder.resolve("public"));
  }

  /**
   * An existing file; null if a problem was reported.
   *
   * @param outsideToo whether it may lie outside the site's folder
   */
  @Nullable Path file(Node node, String what, boolean outsideToo) {
    String text = yaml.string(node, what);
    if (text == null) {
      return null;
    }
    try {
      Path file = folder.resolve(text).normalize();
      if (text.isBlank()) {
        yaml.problem(node, what + " is empty; give a file's name.");
      } else if (!outsideToo && !file.startsWith(folder)) {
        yaml.problem(
            node, "'" + YamlReader.shorten(text) + "' lies outside the site's folder; move it in.");
      } else if (!Files.exists(file)) {
        yaml.problem(
            node,
            "there is no file '"
                + YamlReader.shorten(text)
                + "'"
                + Suggestions.didYouMean(String.valueOf(file.getFileName()), siblings(file)));
      } else if (!Files.isRegularFile(file)) {
        yaml.problem(node, "'" + YamlReader.shorten(text) + "' is no regular file.");
      } else if (!outsideToo && !file.toRealPath().startsWith(folder.toRealPath())) {
        yaml.problem(
            node,
            "'"
                + YamlReader.shorten(text)
                + "' leads outside the site's folder through a symbolic link; copy the file in.");
      } else if (!Files.isReadable(file)) {
        yaml.problem(
            node,
            "'" + YamlReader.shorten(text) + "' may not be read by this user; change its mode.");
      } else {
        return file;
      }
    } catch (InvalidPathException | IOException e) {
      yaml.problem(node, "'" + YamlReader.shorten(text) + "' cannot be read as a file's name.");
    }
    return null;
  }

  private static List<String> siblings(Path file) {
    Path parent = file.getParent();
    if (parent == null || !Files.isDirectory(parent, LinkOption.NOFOLLOW_LINKS)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(parent)) {
      return files.limit(200).map(p -> String.valueOf(p.getFileName())).toList();
    } catch (IOException e) {
      return List.of();
    }
  }
}
